"""Chromium without a window, driven over the DevTools protocol through a pair of pipes.

Messages are JSON that ends in a zero byte; Chromium reads them from file 3 and answers on file 4.
Nothing but Python and the browser is needed for that.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--hide-scrollbars",
    "--no-first-run",
    "--remote-debugging-pipe",
)
PATIENCE = 120
"""Seconds that an answer may take, on a busy machine too."""

KEYS = {
    "Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "End": 35, "Home": 36,
    "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40,
}  # fmt: skip
"""Codes of the keys that are no letters."""

CONTROL, SHIFT = 2, 8
"""Modifiers of `Tab.press`, which may be added."""


def find_chromium() -> str | None:
    """The browser's path; None where there is none."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


@dataclass
class Tab:
    """One page, and all that the browser tells of it."""

    _to: int
    _from: int
    _session: str = ""
    _last: int = 0
    _rest: bytes = b""
    events: list[dict[str, Any]] = field(default_factory=list)

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Call `method` and wait for its answer; events that come meanwhile are kept."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                found: dict[str, Any] = answer["result"]
                return found
            self.events.append(answer)

    def attach(self) -> None:
        """Open an empty page and listen to it."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def show(
        self, page: Path | str, width: int, scheme: str, media: str = "", height: int = 900
    ) -> None:
        """Load a file or a URL in a window so wide, with prefers-color-scheme: `scheme`.

        media: "print" or "screen", or as it comes.
        """
        self.resize(width, height)
        self.ask(
            "Emulation.setEmulatedMedia",
            media=media,
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        self.events.clear()
        url = page if isinstance(page, str) else page.resolve().as_uri()
        self.ask("Page.navigate", url=url)
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def resize(self, width: int, height: int) -> None:
        """Give the window this size, in CSS pixels."""
        size = {"width": width, "height": height}
        self.ask("Emulation.setDeviceMetricsOverride", **size, deviceScaleFactor=1, mobile=False)

    def value(self, expression: str) -> Any:
        """What a JavaScript expression gives there, though the page itself may run no script.

        A promise is awaited. Raises `RuntimeError` with the message of an exception.
        """
        answer = self.ask(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['result'].get('description')}")
        return answer["result"].get("value")

    def wait_for(self, expression: str) -> Any:
        """Return the value of a JavaScript expression as soon as it is true there."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.value(expression)) in (None, False, ""):  # an element is {}
            if time.monotonic() > deadline:
                raise RuntimeError(f"not true within {PATIENCE} s: {expression}")
            time.sleep(0.1)
        return found

    def middle_of(self, selector: str) -> tuple[float, float]:
        """Scroll an element into the window and return its middle there, in CSS pixels."""
        x, y = self.value(
            f"(element => {{ element.scrollIntoView({{block: 'center', behavior: 'instant'}});"
            " const {x, y, width, height} = element.getBoundingClientRect();"
            f" return [x + width / 2, y + height / 2]; }})(document.querySelector({selector!r}))"
        )
        return x, y

    def click(self, selector: str) -> None:
        """Click with the mouse on the middle of an element."""
        self.drag([self.middle_of(selector)])

    def drag(self, points: Sequence[tuple[float, float]]) -> None:
        """Press the mouse at the first point, move it over the others, and release it."""
        held = {"button": "left", "clickCount": 1}
        for n, (x, y) in enumerate(points):
            kind = "mouseMoved" if n else "mousePressed"
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, buttons=1, **held)
        x, y = points[-1]
        self.ask("Input.dispatchMouseEvent", type="mouseReleased", x=x, y=y, **held)

    def touch(self, points: Sequence[tuple[float, float]]) -> None:
        """Put a finger on the first point, move it over the others, and lift it."""
        for n, (x, y) in enumerate(points):
            kind = "touchMove" if n else "touchStart"
            self.ask("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y}])
        self.ask("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def press(self, key: str, modifiers: int = 0) -> None:
        """Press a key of `KEYS`, or a letter, and release it."""
        code = KEYS.get(key) or ord(key.upper())
        text = {"Enter": {"text": "\r"}, " ": {"text": " "}}.get(key, {})
        for kind, more in (("keyDown", text), ("keyUp", {})):
            self.ask(
                "Input.dispatchKeyEvent",
                type=kind, key=key, windowsVirtualKeyCode=code, modifiers=modifiers, **more,
            )  # fmt: skip

    def choose_file(self, selector: str, path: Path) -> None:
        """Choose a file in an <input>."""
        found = self.ask("Runtime.evaluate", expression=f"document.querySelector({selector!r})")
        element = found["result"]["objectId"]
        self.ask("DOM.setFileInputFiles", files=[str(path.resolve())], objectId=element)

    def paste(self, path: Path, media_type: str) -> None:
        """Paste a file, as from the clipboard."""
        data = base64.b64encode(path.read_bytes()).decode()
        self.value(
            f"(bytes => {{ const data = new DataTransfer();"
            f" data.items.add(new File([bytes], {path.name!r}, {{type: {media_type!r}}}));"
            " document.body.dispatchEvent(new ClipboardEvent('paste',"
            " {clipboardData: data, bubbles: true, cancelable: true})); })"
            f"(Uint8Array.from(atob({data!r}), c => c.charCodeAt(0)))"
        )

    def drop(self, selector: str, path: Path) -> None:
        """Drop a file on the middle of an element."""
        x, y = self.middle_of(selector)
        data = {"items": [], "files": [str(path.resolve())], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.ask("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def picture(self, whole: bool = True) -> bytes:
        """A PNG of the whole page, or of what fits into the window."""
        answer = self.ask(
            "Page.captureScreenshot", captureBeyondViewport=whole, **self._clip(whole)
        )
        return base64.b64decode(answer["data"])

    def printed(self) -> bytes:
        """The page as a PDF."""
        answer = self.ask("Page.printToPDF", printBackground=False, preferCSSPageSize=True)
        return base64.b64decode(answer["data"])

    def poll(self) -> None:
        """Take in the events that have come so far."""
        self.value("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")

    def of(self, method: str) -> list[dict[str, Any]]:
        """The parameters of all events of that name since the page was loaded."""
        return [event["params"] for event in self.events if event["method"] == method]

    def _clip(self, whole: bool) -> dict[str, Any]:
        if not whole:
            return {}
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        return {"clip": {"x": 0, "y": 0, "scale": 1, **{k: size[k] for k in ("width", "height")}}}

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._from], [], [], PATIENCE)
            more = os.read(self._from, 1 << 20) if ready else b""
            if not more:
                raise RuntimeError(f"the browser has ended, or was silent for {PATIENCE} s")
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found


@contextmanager
def open_tab(program: str, *options: str) -> Iterator[Tab]:
    """A browser with a profile of its own, for as long as the block takes. options: of Chromium."""
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        arguments = [program, *OPTIONS, *options, f"--user-data-dir={profile}", "about:blank"]
        # the child gets its ends of the pipes as files 3 and 4
        shell = f'exec {{a}}<&{theirs_in} {{b}}>&{theirs_out} 3<&$a 4>&$b; exec "$@"'
        browser = subprocess.Popen(
            ["/bin/bash", "-c", shell, "chromium", *arguments],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        try:
            tab = Tab(ours_out, ours_in)
            tab.attach()
            yield tab
        finally:
            browser.terminate()
            browser.wait(timeout=20)
            os.close(ours_out)
            os.close(ours_in)


def main() -> int:
    """python -m tools.chromium PAGE PICTURE [WIDTH [light|dark [HEIGHT]]]: a screenshot.

    PAGE: a file, or the address of a server.
    """
    page, picture, *rest = sys.argv[1:]
    width, scheme, height = [*rest, *("1440", "light", "0")[len(rest) :]]
    program = find_chromium()
    if program is None:
        sys.stderr.write("error: no Chromium\n")
        return 1
    with open_tab(program) as tab:
        tab.show(page if "://" in page else Path(page), int(width), scheme)
        if int(height):
            tab.resize(int(width), int(height))
        Path(picture).write_bytes(tab.picture(whole=not int(height)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
