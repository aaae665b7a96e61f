"""A server with the few requests of S3 that listing and reading a bucket take."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

KEY, SECRET = "THEKEYTHATNOBODYSEES", "thesecretthatnobodysees"
DATE = "Sat, 28 Nov 2026 06:00:00 GMT"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        address = urlsplit(self.path)
        _, bucket, *rest = unquote(address.path).split("/", 2)
        key = rest[0] if rest else ""
        if not self.server.allowed:
            xml = f"<Error><Code>AccessDenied</Code><AWSAccessKeyId>{KEY}</AWSAccessKeyId>"
            self._send(
                403, f"{xml}<Message>Access Denied {KEY} {SECRET}</Message></Error>".encode()
            )
        elif not key:
            prefix = parse_qs(address.query).get("prefix", [""])[0]
            self._send(200, self._listing(bucket, prefix).encode())
        elif f"{bucket}/{key}" in self.server.objects:
            self._send_object(self.server.objects[f"{bucket}/{key}"])
        else:
            self._send(404, b"<Error><Code>NoSuchKey</Code></Error>")

    def _listing(self, bucket: str, prefix: str) -> str:
        keys = [name.partition("/")[2] for name in self.server.objects]
        found = "".join(
            f"<Contents><Key>{key}</Key><LastModified>2026-11-28T06:00:00.000Z</LastModified>"
            f"<Size>{len(self.server.objects[f'{bucket}/{key}'])}</Size></Contents>"
            for key in keys
            if key.startswith(prefix)
        )
        return (
            f'<?xml version="1.0"?><ListBucketResult><Name>{bucket}</Name><Prefix>{prefix}</Prefix>'
            f"<IsTruncated>false</IsTruncated><KeyCount>{found.count('<Key>')}</KeyCount>{found}"
            "</ListBucketResult>"
        )

    def _send_object(self, data: bytes) -> None:
        wanted = self.headers.get("Range")
        if wanted is None:
            self._send(200, data)
            return
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        part = data[int(first) : int(last) + 1]
        self._send(206, part, f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}")

    def _send(self, status: int, data: bytes, content_range: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Last-Modified", DATE)
        self.send_header("ETag", '"1"')
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    objects: Mapping[str, bytes]
    allowed: bool


@contextmanager
def bucket_server(objects: Mapping[str, bytes], allowed: bool = True) -> Iterator[str]:
    """Serve objects by "bucket/key"; yield what follows a path in a URI: the server's options."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.objects, server.allowed = objects, allowed
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        port = server.server_address[1]
        yield f"?scheme=http&endpoint_override=127.0.0.1:{port}&region=us-east-1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
