"""How well and how quickly are pictures read, and what is refused?

python -m benchmarks.beds.reading --json [--beds] [--speed] [--model RUN] [--digits 200]
"""

import argparse
import sys
from typing import Any

from benchmarks.beds import reading_beds
from benchmarks.measuring import print_result
from benchmarks.timing import reading_speed


def main() -> None:
    """Without --beds and --speed, both; rows for people go to stderr as they come."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON on one line only")
    parser.add_argument("--beds", action="store_true", help="how well, and what is refused")
    parser.add_argument("--speed", action="store_true", help="how quickly")
    parser.add_argument("--model", metavar="RUN", help="instead of the network that is shipped")
    parser.add_argument("--digits", type=int, default=200, metavar="N", help="of each bed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--test-split", action="store_true", help="MNIST's own test digits, too")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--reads", type=int, default=2000, help="over which memory may not grow")
    options = parser.parse_args()
    if options.digits < 2:
        sys.exit("--digits: expected 2 or more")
    both = options.beds == options.speed
    result: dict[str, Any] = {"schema": 1, "model": options.model or "shipped"}
    if options.speed or both:  # before anything else has filled the memory
        result["speed"] = reading_speed.measure(options.model, options.repeats, options.reads)
    if options.beds or both:
        result |= reading_beds.measure(
            options.model, options.digits, options.seed, options.test_split
        )
    print_result(result, options.json)


if __name__ == "__main__":
    main()
