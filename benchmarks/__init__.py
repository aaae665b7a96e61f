"""Measurements that anyone can repeat: each is a command that prints JSON and checks its answers.

    python -m benchmarks.timing.classic --json
    python benchmarks/timing/classic.py --json

`timing` measures speed and accuracy, `beds` draws the test pictures of the reader, `peers` compares
the reader with OCR engines, `docs` writes measured figures into the documentation.
"""

from pathlib import Path

ROOT = Path(__file__).parents[1]
"""The repository, whose documentation `benchmarks.docs` writes."""
RESULTS = ROOT / "benchmarks" / "results"
"""The JSON that the benchmarks printed."""
