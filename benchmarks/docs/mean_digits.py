"""Write src/digitnn/data/formats/mean_digits.py: the class means of MNIST's training images.

    python -m benchmarks.docs.mean_digits

Each mean is averaged over 2 x 2 pixels and rounded to uint8: enough to tell whether digits are
stored transposed.
"""

import argparse
import base64
import zlib
from pathlib import Path

import numpy as np

from digitnn.data.dataset import CLASSES
from digitnn.data.fetch.sources import load
from digitnn.data.formats import orientation

HEAD = '''"""The mean image of each of MNIST's digits, 14 x 14 pixels, for `orientation`.

Written by `python -m benchmarks.docs.mean_digits` from the 60,000 training images: the mean of each
class, averaged over 2 x 2 pixels, as uint8 (10, 14, 14), packed with zlib and base 85. MNIST is by
Yann LeCun, Corinna Cortes and Christopher J.C. Burges, CC BY-SA 3.0.
"""

MEAN_DIGITS = (
'''


def mean_digits() -> np.ndarray:
    """Return the means, uint8 (10, 14, 14)."""
    data = load("mnist", "train")
    half = orientation.HALF
    means = np.stack([data.images[data.labels == digit].mean(axis=0) for digit in range(CLASSES)])
    return np.rint(means.reshape(CLASSES, half, 2, half, 2).mean(axis=(2, 4))).astype(np.uint8)


def module_text(means: np.ndarray) -> str:
    """Return the source of the module."""
    packed = base64.b85encode(zlib.compress(means.tobytes(), 9)).decode()
    lines = (packed[at : at + 94] for at in range(0, len(packed), 94))
    return HEAD + "".join(f'    "{line}"\n' for line in lines) + ")\n"


def main() -> None:
    """Write the module."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    Path(orientation.__file__).with_name("mean_digits.py").write_text(module_text(mean_digits()))


if __name__ == "__main__":
    main()
