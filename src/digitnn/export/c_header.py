"""Write a run as one C99 header, for programs and microcontrollers without any library.

    #include "digits.h"
    digitnn_logits(image, logits);    /* const uint8_t image[784], float logits[10] */

Weights are static constants, int8 with a float scale for each output (see `quantise_channels`), or
float32. Activations are floats. Nothing is allocated; the work buffers are static, so the function
is not reentrant.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy import ndarray

import digitnn
from digitnn.errors import FormatError
from digitnn.export import c_functions
from digitnn.export.c_layers import CProgram, translate
from digitnn.export.protocol import PIXELS, Options, Weights, single_network
from digitnn.runs.ensembles import Trained
from digitnn.runs.run import Run

C_TYPES = {"int8": "int8_t", "float32": "float"}
_NUMBERS = re.compile(r"(?<=\] = \{\n)[-+.0-9e f,\n]*(?=\};\n)")
_COMMENT = re.compile(r"\A/\*(?:(?!\*/).)*\*/\n", re.DOTALL)


def write_header(trained: Trained, options: Options) -> bytes:
    """Return the header of one network."""
    run = single_network(trained, "h")
    return header_source(run, options.weights or "int8").encode()


def header_source(run: Run, weights: Weights) -> str:
    """Return the header as text."""
    network = run.network
    program = translate(network, run.params, weights)
    pixels = network.standardise
    mean, scale = (float(np.float32(number)) for number in (pixels.mean, 1 / pixels.std))
    calls = [f"digitnn_standardise(image, a, {_float(mean)}, {_float(scale)});", *program.calls]
    return "\n".join(
        [
            _comment(run, program, weights),
            "#ifndef DIGITNN_H",
            "#define DIGITNN_H\n",
            *(["#include <math.h>"] if _any(program, c_functions.NEED_MATH) else []),
            "#include <stdint.h>\n",
            c_functions.RESTRICT,
            f"typedef {C_TYPES[weights]} digitnn_weight;\n",
            *(_array(name, array) for name, array in program.arrays.items()),
            *_functions(program, weights),
            _logits_function(program, calls, len(network.labels)),
            "#endif\n",
        ]
    )


@dataclass(frozen=True, eq=False)
class CheckedHeader:
    """A header whose code is ours. source: without its first comment; program: what it holds."""

    source: str
    weights: Weights
    program: CProgram


def check_header(path: Path, text: str, run: Run) -> CheckedHeader:
    """Return a header that differs from ours for `run` in its numbers only.

    A header is verified by running it, so it may hold no other code, not even in its comment, which
    a backslash at the end of a line could end early. Raises `FormatError`.
    """
    source = _COMMENT.sub("", text)
    kinds: tuple[Weights, ...] = ("int8", "float32")
    for weights in kinds:
        ours = _COMMENT.sub("", header_source(run, weights))
        if _NUMBERS.sub("", source) == _NUMBERS.sub("", ours):
            return CheckedHeader(source, weights, translate(run.network, run.params, weights))
    raise FormatError(
        f"{path}: not an export of this run, or damaged: its code is not what this version of "
        f"digitnn writes for {run.path}, so it is not compiled"
    )


def _any(program: CProgram, functions: tuple[str, ...]) -> bool:
    return any(function in program.functions for function in functions)


def _comment(run: Run, program: CProgram, weights: Weights) -> str:
    recipe = re.sub(r"[^ -~]|[*/\\?]", "_", run.recipe)  # nothing that could end the comment
    return f"""\
/* {recipe}, a network that classifies digits, written by digitnn {digitnn.__version__}.
 *
 *     void digitnn_logits(const uint8_t image[784], float logits[{len(run.network.labels)}])
 *
 * image: {PIXELS}. The largest logit is the answer.
 * C99, {"link with -lm, " if _any(program, c_functions.NEED_MATH) else ""}no allocation, \
not reentrant: its work buffers are static.
 * Weights: {weights}. Flash: {program.flash_bytes} bytes of constants.
 * RAM: {program.ram_bytes} bytes of work buffers.
 */"""


def _functions(program: CProgram, weights: Weights) -> Iterator[str]:
    has_scales = weights == "int8"
    yield c_functions.STANDARDISE
    if _any(program, c_functions.NEED_ACCUMULATE):
        yield c_functions.ACCUMULATE
    for function in program.functions:
        yield c_functions.function_source(function, has_scales)


def _logits_function(program: CProgram, calls: list[str], k: int) -> str:
    sums = f"    static float sums[{program.sums}];\n" if program.sums else ""
    body = "\n".join(f"    {call}" for call in calls)
    return f"""\
static inline void digitnn_logits(const uint8_t image[784], float logits[{k}])
{{
    static float a[{program.buffers[0]}];
    static float b[{program.buffers[1]}];
{sums}{body}
    for (int32_t i = 0; i < {k}; ++i)
        logits[i] = {"ab"[program.at]}[i];
}}
"""


def _array(name: str, array: ndarray) -> str:
    """Return a constant array in C, in the order of its memory."""
    integers = array.dtype == np.int8
    numbers = [str(n) if integers else _float(n) for n in array.ravel().tolist()]
    width = 24 if integers else 8
    lines = [", ".join(numbers[i : i + width]) for i in range(0, len(numbers), width)]
    kind = "int8_t" if integers else "float"
    body = ",\n".join(lines)
    return f"static const {kind} {name}[{array.size}] = {{\n{body}}};\n"


def _float(number: float) -> str:
    """Return a float32 as C, in the nine digits that identify it."""
    text = f"{number:.9g}"
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"
