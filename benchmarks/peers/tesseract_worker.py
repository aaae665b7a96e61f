"""Read pictures with Tesseract's command line, digits only, by the requests of `rapidocr_worker`.

Each picture starts a process, so the CPU time includes loading the model.

    python -m benchmarks.peers.tesseract_worker
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys

SEGMENTATION_MODES = {"page": 6, "row": 7, "digit": 10}
"""--psm: a block of text, a single line, a single character."""

INSTALL = "tesseract was not found; install it, on Debian with apt-get install tesseract-ocr"


def command(path: str, mode: str) -> list[str]:
    """Return the command that prints the digits of a picture."""
    return [
        "tesseract", path, "stdout", "--psm", str(SEGMENTATION_MODES[mode]),
        "-c", "tessedit_char_whitelist=0123456789",
    ]  # fmt: skip


def child_seconds() -> float:
    """Return user and system seconds of all processes that this one started and that ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Answer requests until stdin ends."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.parse_args()
    if shutil.which("tesseract") is None:
        sys.exit(INSTALL)
    found = subprocess.run(["tesseract", "--version"], capture_output=True, text=True, check=True)
    print(json.dumps({"tesseract": found.stdout.split()[1]}), flush=True)
    for line in sys.stdin:
        request, start = json.loads(line), child_seconds()
        done = subprocess.run(
            command(request["path"], request["mode"]), capture_output=True, text=True, check=False
        )
        text = "\n".join(row.strip() for row in done.stdout.splitlines() if row.strip())
        answer = {"text": text, "cpu_seconds": child_seconds() - start}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
