"""The script of an exported page in Node.js, and drawings for it."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from handwriting import write
from numpy import ndarray

from digitnn.errors import PictureError
from digitnn.export.html_page import page_parts
from digitnn.reader.ink.normalise import normalise
from digitnn.reader.input.opening import Picture

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="there is no Node.js")

_READ_PLANES = """
function readPlanes(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const planes = [];
  for (let at = 0; at < bytes.length; ) {
    const [h, w] = [view.getInt32(at, true), view.getInt32(at + 4, true)];
    planes.push({ h, w, values: bytes.subarray(at + 8, at + 8 + h * w) });
    at += 8 + h * w;
  }
  return planes;
}
"""

NORMALISE = f"""(bytes) => {{
  {_READ_PLANES}
  const images = readPlanes(bytes).map((grey) => normalise(grey) ?? new Uint8Array(784));
  return new Uint8Array(images.flatMap((image) => [...image]));
}}"""
"""A function in JavaScript from `as_planes` to their 28 x 28 images, zeros for none."""

READ = f"""(bytes) => {{
  {_READ_PLANES}
  const network = loadNetwork(data);
  const classify = (image) => network.probabilities(network.logits(image));
  const texts = readPlanes(bytes).map((grey) =>
    readDrawing(grey, classify).map((line) => line.map(character).join("")).join("\\n"));
  return new TextEncoder().encode(JSON.stringify(texts));
}}"""
"""A function in JavaScript from `as_planes` to the texts that the page reads."""


def in_node(function: str, content: bytes, folder: Path, data: str = "null") -> bytes:
    """Return what a function in JavaScript makes of bytes, where the page's script is loaded."""
    script = folder / "script.js"
    script.write_text(page_parts().script)
    (folder / "data.json").write_text(data)
    lines = (
        'const { readFileSync } = require("node:fs");'
        'require("node:vm").runInThisContext(readFileSync(process.argv[1], "utf8"));'
        'const data = JSON.parse(readFileSync(process.argv[2], "utf8"));'
        f"process.stdout.write(({function})(new Uint8Array(readFileSync(0))));"
    )
    command = [str(NODE), "-e", lines, str(script), str(folder / "data.json")]
    done = subprocess.run(command, input=content, capture_output=True)
    assert done.stderr == b""
    return done.stdout


def as_planes(greys: list[ndarray]) -> bytes:
    """Return pictures as the functions above take them: height and width, int32, then pixels."""
    return b"".join(np.array(grey.shape, "<i4").tobytes() + grey.tobytes() for grey in greys)


def drawn_digits(seed: int = 0) -> list[ndarray]:
    """Return written digits, black on white, of many sizes and pen widths."""
    rng = np.random.default_rng(seed)
    found = []
    for high in (14, 20, 33, 60, 100, 170, 260, 400):
        for pen in (0.01, 0.03, 0.06, 0.1, 0.15):
            digit, wide = str(rng.integers(10)), max(pen, 0.9 / high)
            found.append(write(digit, int(rng.integers(1000)), high, wide).grey)
    return found + composed_drawings()


def composed_drawings() -> list[ndarray]:
    """Return a 7 with one more piece of ink each: what `choose_digit` keeps, and what it drops."""
    pieces = {
        "a bar of a fifth of its ink": (60, 20, 92, 34),
        "a bar of a fifteenth": (60, 20, 72, 32),
        "a dot below": (114, 160, 128, 174),
        "a dot above": (90, 8, 104, 22),
        "a full stop": (150, 124, 163, 137),
        "a speck": (30, 170, 33, 173),
        "a neighbour at the border": (180, 40, 200, 70),
        "a strip along a side": (0, 0, 12, 200),
    }
    found = []
    for left, top, right, bottom in pieces.values():
        grey = np.full((200, 200), 255, np.uint8)
        grey[40:56, 60:130] = 0
        grey[40:141, 114:130] = 0
        grey[top:bottom, left:right] = 0
        found.append(grey)
    return found


def python_images(greys: list[ndarray]) -> ndarray:
    """Return the images that the reader's `normalise` makes, zeros for none."""
    found = np.zeros((len(greys), 28, 28), np.uint8)
    for image, grey in zip(found, greys, strict=True):
        try:
            image[:] = normalise(Picture(grey, "drawing")).image
        except PictureError:
            continue
    return found


def made_images(n: int, seed: int = 0) -> ndarray:
    """Return n images in equal parts of noise, blocks, and drawn strokes at any place."""
    rng = np.random.default_rng(seed)
    third = -(-n // 3)
    noise = rng.integers(0, 256, (third, 28, 28))
    blocks = np.kron(rng.integers(0, 256, (third, 7, 7)), np.ones((4, 4), np.int64))
    strokes = np.zeros((third, 28, 28))
    for image in strokes:
        for _ in range(3):
            (y, x), (down, across) = rng.uniform(4, 24, 2), rng.uniform(-1, 1, 2)
            for step in range(12):
                row, column = round(y + down * step) % 27, round(x + across * step) % 27
                image[row : row + 2, column : column + 2] = rng.integers(120, 256)
    return np.concatenate([noise, blocks, strokes])[:n].astype(np.uint8)
