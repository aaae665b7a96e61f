"""The contact sheet of the fifteen corruptions in docs/robustness.md.

python -m benchmarks.docs.corruption_sheet [PNG]
"""

import sys
from pathlib import Path

from digitnn.analysis.robustness.figures import draw_corrupted
from digitnn.plotting import write_figure
from digitnn.runs.experiment import load_training_data

IMAGES = 12


def main(path: Path) -> None:
    """Draw the first validation digits under each corruption."""
    valid = load_training_data("mnist").valid
    write_figure(path, draw_corrupted(valid.images[:IMAGES]))
    print(path)


if __name__ == "__main__":
    main(Path(sys.argv[1] if sys.argv[1:] else "docs/images/corruptions.png"))
