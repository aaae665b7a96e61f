"""Read one picture in a process of its own, so that its peak memory can be measured.

python -m benchmarks.timing.one_page PICTURE [--model RUN]
"""

import argparse
import json
import resource
import sys
from importlib import import_module
from pathlib import Path
from subprocess import PIPE, run
from time import perf_counter
from typing import Any

from digitnn.reader.reader import Reader


def in_fresh_process(picture: Path, model: str | None) -> dict[str, Any]:
    """Run this module in a process of its own and return what it prints."""
    command = [sys.executable, "-m", "benchmarks.timing.one_page", str(picture)]
    done = run(
        [*command, *(["--model", model] if model else [])], stdout=PIPE, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    """Print the seconds without imports, the peak memory with them, and the text."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture", type=Path)
    parser.add_argument("--model", metavar="RUN", help="a run instead of the shipped network")
    options = parser.parse_args()
    reader = Reader.load(options.model)
    start = perf_counter()
    text = reader.read(options.picture).text
    found = {"seconds": perf_counter() - start, "peak_megabytes": peak_megabytes(), "text": text}
    describe = import_module("digitnn.machine.describe")  # not part of the peak
    print(json.dumps({**found, "machine": describe.describe_machine()}))


def peak_megabytes() -> float:
    """Return the peak memory of this process.

    On Linux ru_maxrss includes what the parent held when it started this process; VmHWM does not.
    """
    status = Path("/proc/self/status")
    if status.exists():
        kilobytes = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM:"))
        return int(kilobytes.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


if __name__ == "__main__":
    main()
