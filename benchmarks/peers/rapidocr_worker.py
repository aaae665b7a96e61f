"""Read pictures with RapidOCR, its alphabet limited to digits; runs in the peers' environment.

Imports nothing of digitnn. Each line of stdin is {"path": ..., "mode": "page", "row" or "digit"};
each is answered by a line {"text": ..., "cpu_seconds": ...}, after a first line with versions.

    python -m benchmarks.peers.rapidocr_worker
"""

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import version
from time import process_time
from typing import Any

ALPHABET = "0123456789 "
"""What the recogniser may answer, beside CTC's blank."""

SAME_LINE = 0.5
"""Two boxes are on one line if their middles differ by less, in heights of the lower one."""

Corners = Sequence[Sequence[float]]
"""Top left, top right, bottom right, bottom left: x, y."""


def limit_alphabet(probabilities: Any, kept: Sequence[int]) -> Any:
    """Return the softmax of the logits of the `kept` classes, 0 elsewhere. (n, t, k) -> same."""
    limited = probabilities * 0
    limited[..., list(kept)] = probabilities[..., list(kept)]
    total = limited.sum(axis=-1, keepdims=True)
    return limited / (total + (total == 0))


def join_lines(boxes: Sequence[Corners], texts: Sequence[str]) -> str:
    """Return the texts in reading order: boxes of one height are a line, left to right.

    Heights are measured across the mean direction of the boxes, so that a line may slope.
    """
    tops = [(box[1][0] - box[0][0], box[1][1] - box[0][1]) for box in boxes]
    angle = math.atan2(sum(dy for _, dy in tops), sum(dx for dx, _ in tops)) if tops else 0.0
    c, s = math.cos(angle), math.sin(angle)
    placed = []
    for box, text in zip(boxes, texts, strict=True):
        x, y = (sum(corner[axis] for corner in box) / 4 for axis in (0, 1))
        height = math.dist(box[0], box[3])
        placed.append((y * c - x * s, x * c + y * s, height, text))
    lines: list[list[tuple[float, float, float, str]]] = []
    for item in sorted(placed):
        last = lines[-1][-1] if lines else None
        if last and item[0] - last[0] < SAME_LINE * min(item[2], last[2]):
            lines[-1].append(item)
        else:
            lines.append([item])
    return "\n".join(
        " ".join(text for _, _, _, text in sorted(line, key=lambda item: item[1])) for line in lines
    )


def load_engine(threads: int) -> Callable[[str, str], str]:
    """Return a function: path, mode -> text. It runs on `threads` threads."""
    import_module("cv2").setNumThreads(threads)
    settings = {
        "Global.log_level": "critical",
        "EngineConfig.onnxruntime.intra_op_num_threads": threads,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    }
    engine = import_module("rapidocr").RapidOCR(params=settings)
    decoder = engine._load_rec_model().postprocess_op
    kept = [0, *(decoder.dict[character] for character in ALPHABET)]
    decode = type(decoder).__call__

    class DigitDecoder(type(decoder)):  # type: ignore[misc]
        def __call__(self, predictions: Any, *rest: Any, **options: Any) -> Any:
            return decode(self, limit_alphabet(predictions, kept), *rest, **options)

    decoder.__class__ = DigitDecoder

    def read(path: str, mode: str) -> str:
        found = engine(path, use_det=True, use_rec=True)
        if mode == "digit" and not found.txts:  # the detector finds no line in a small picture
            found = engine(path, use_det=False, use_rec=True)
            return "".join(found.txts or ())
        if found.boxes is None or not found.txts:
            return ""
        return join_lines(found.boxes.tolist(), found.txts)

    return read


def main() -> None:
    """Answer requests until stdin ends."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    answers, sys.stdout = sys.stdout, sys.stderr  # what the engine prints is no answer
    read = load_engine(options.threads)
    packages = ("rapidocr", "onnxruntime", "opencv-python-headless", "numpy")
    print(json.dumps({name: version(name) for name in packages}), file=answers, flush=True)
    for line in sys.stdin:
        request, start = json.loads(line), process_time()
        text = read(request["path"], request["mode"])
        answer = {"text": text, "cpu_seconds": process_time() - start}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
