"""Take the picture of `digitnn serve` for the documentation: a digit is drawn, and answered.

    python -m benchmarks.docs.serving_picture

Needs Chromium, and MNIST for the nearest training digits.
"""

import argparse
import sys
from collections.abc import Sequence

from benchmarks import ROOT
from benchmarks.timing.served import running
from tools.chromium import Tab, find_chromium, open_tab

PICTURE = ROOT / "docs" / "images" / "serve.png"

WIDTH, HEIGHT = 1440, 1000

THREE = (
    (0.37, 0.27), (0.42, 0.20), (0.50, 0.17), (0.57, 0.20), (0.61, 0.27), (0.60, 0.35),
    (0.55, 0.42), (0.47, 0.47), (0.55, 0.50), (0.61, 0.57), (0.62, 0.67), (0.58, 0.76),
    (0.50, 0.81), (0.42, 0.80), (0.36, 0.74),
)  # fmt: skip
"""Points of a 3 in shares of the canvas, which the page joins by a smooth curve."""


def on_canvas(tab: Tab, points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Scroll the canvas into the window and return where these points of it are then."""
    tab.middle_of("#canvas")
    left, top, width, height = tab.value(
        "(({x, y, width, height}) => [x, y, width, height])"
        "(document.querySelector('#canvas').getBoundingClientRect())"
    )
    return [(left + width * x, top + height * y) for x, y in points]


def take(tab: Tab, url: str) -> bytes:
    """Return a PNG of the page with a drawn 3 and all that is said of it."""
    tab.show(url, WIDTH, "light", height=HEIGHT)
    tab.wait_for("document.documentElement.dataset.ready")
    tab.drag(on_canvas(tab, THREE))
    tab.wait_for("document.querySelector('#difference').dataset.value")
    tab.wait_for("document.querySelector('#neighbours button')")
    tab.ask("Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)
    tab.value("scrollTo({top: 0, behavior: 'instant'})")
    tab.poll()
    return tab.picture(whole=False)


def main() -> None:
    """Write docs/images/serve.png."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    program = find_chromium()
    if program is None:
        sys.exit("no Chromium found")
    with running("--workers", "2") as (server, _), open_tab(program) as tab:
        PICTURE.write_bytes(take(tab, f"http://127.0.0.1:{server.port}"))


if __name__ == "__main__":
    main()
