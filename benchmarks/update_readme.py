"""Put the table and the picture of `results/` into README.md: its figures are never typed by hand.

digitnn compare --seeds 5 && python -m benchmarks.update_readme
"""

import argparse
import json
import re
import shutil
from pathlib import Path

from digitnn.atomic import write_text
from digitnn.comparison import to_markdown

BEGIN = "<!-- results: written by python -m benchmarks.update_readme -->"
END = "<!-- end of results -->"


def main() -> None:
    """Read results/comparison.json, rewrite README.md between its marks, copy the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("results"))
    results = parser.parse_args().results
    table = to_markdown(json.loads((results / "comparison.json").read_text()))
    readme = Path("README.md")
    text, count = re.subn(
        f"{re.escape(BEGIN)}.*?{re.escape(END)}",
        lambda _: f"{BEGIN}\n{table}{END}",
        readme.read_text(),
        flags=re.DOTALL,
    )
    if count != 1:
        raise SystemExit(f"README.md must hold one {BEGIN} ... {END}")
    write_text(readme, text)
    images = Path("docs/images")
    images.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(results / "overview.png", images / "overview.png")


if __name__ == "__main__":
    main()
