"""A mirror on this machine, with a folder of files and a repertoire of failures."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class _Handler(http.server.BaseHTTPRequestHandler):
    server: "_Server"

    def do_GET(self) -> None:
        _, behaviour, name = self.path.split("/")
        self.server.asked.append(f"{behaviour}/{name}")
        if behaviour == "hang":
            self.server.closing.wait(30)
            return
        path = self.server.folder / name
        if behaviour == "absent" or not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        body = {
            "good": content,
            "cut": content[: len(content) // 2],
            "cut-unnoticed": content[: len(content) // 2],
            "html": b"<!DOCTYPE html><title>Sign in</title>",
            "wrong": content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
            "endless": content + bytes(10_000_000),
        }[behaviour]
        self.send_response(200)
        if behaviour != "cut-unnoticed":
            self.send_header("Content-Length", str(len(content if behaviour == "cut" else body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder, self.asked, self.closing = folder, list[str](), threading.Event()

    def handle_error(self, *_: object) -> None:
        """A client that has had enough is no news."""

    def url(self, behaviour: str) -> str:
        """The address of the mirror that behaves like that."""
        return f"http://127.0.0.1:{self.server_port}/{behaviour}"


@contextmanager
def serving(folder: Path) -> Iterator[_Server]:
    """Serve `folder` until the block ends."""
    with _Server(folder) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()
