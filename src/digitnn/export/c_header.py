"""Write a run as one C99 header, for programs and microcontrollers without any library.

    #include "digits.h"
    digitnn_logits(image, logits);    /* const uint8_t image[784], float logits[10] */

`image` has as many pixels as the network takes, and `logits` as many numbers as it has classes,
which `digitnn_labels` names; a network of features takes `const float features[f]` instead.
Weights are static constants, int8 with a float scale for each output (see `quantise_channels`), or
float32. Activations are floats. Nothing is allocated; the work buffers are static, so the function
is not reentrant.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from numpy import ndarray

import digitnn
from digitnn.errors import FormatError
from digitnn.export import c_functions
from digitnn.export.c_layers import CProgram, translate
from digitnn.export.protocol import (
    Options,
    Weights,
    expected_input,
    single_network,
    takes_features,
)
from digitnn.network.network import DIGITS, Network
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
    name, n = _input_name(network), prod(network.input)
    first = f"digitnn_standardise({name}, a, {_float(mean)}, {_float(scale)}, {n});"
    calls = [first, *program.calls]
    return "\n".join(
        [
            _comment(run, program, weights),
            "#ifndef DIGITNN_H",
            "#define DIGITNN_H\n",
            *(["#include <math.h>"] if _any(program, c_functions.NEED_MATH) else []),
            "#include <stdint.h>\n",
            c_functions.RESTRICT,
            f"typedef {C_TYPES[weights]} digitnn_weight;\n",
            _labels(network.labels),
            *(_array(name, array) for name, array in program.arrays.items()),
            *_functions(program, network, weights),
            _logits_function(program, network, calls),
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
    network = run.network
    kind, name = _input_type(network), _input_name(network)
    k = len(network.labels)
    what = "digits" if network.labels == DIGITS else f"{k} classes"
    return f"""\
/* {recipe}, a network that classifies {what}, written by digitnn {digitnn.__version__}.
 *
 *     void digitnn_logits(const {kind} {name}[{prod(network.input)}], float logits[{k}])
 *
 * {name}: {expected_input(network)}.
 * The largest logit is the answer; digitnn_labels names it.
 * C99, {"link with -lm, " if _any(program, c_functions.NEED_MATH) else ""}no allocation, \
not reentrant: its work buffers are static.
 * Weights: {weights}. Flash: {program.flash_bytes} bytes of constants, without code and labels.
 * RAM: {program.ram_bytes} bytes of work buffers.
 */"""


def _input_type(network: Network) -> str:
    return "float" if takes_features(network) else "uint8_t"


def _input_name(network: Network) -> str:
    return "features" if takes_features(network) else "image"


def _functions(program: CProgram, network: Network, weights: Weights) -> Iterator[str]:
    has_accumulate = _any(program, c_functions.NEED_ACCUMULATE)
    accumulate = [c_functions.ACCUMULATE] if has_accumulate else []
    for function in (c_functions.STANDARDISE, *accumulate, *program.functions):
        yield c_functions.function_source(function, weights == "int8", _input_type(network))


def _labels(labels: Sequence[str]) -> str:
    """Return the names of the classes as C strings; all but ASCII letters and digits escaped."""
    strings = [
        "".join(chr(b) if chr(b).isalnum() and b < 128 else f"\\{b:03o}" for b in label.encode())
        for label in labels
    ]
    body = ",\n".join(f'    "{string}"' for string in strings)
    return f"static const char *const digitnn_labels[{len(labels)}] = {{\n{body}\n}};\n"


def _logits_function(program: CProgram, network: Network, calls: list[str]) -> str:
    k, n = len(network.labels), prod(network.input)
    given = f"const {_input_type(network)} {_input_name(network)}[{n}]"
    sums = f"    static float sums[{program.sums}];\n" if program.sums else ""
    body = "\n".join(f"    {call}" for call in calls)
    return f"""\
static inline void digitnn_logits({given}, float logits[{k}])
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
