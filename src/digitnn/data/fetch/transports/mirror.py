"""Transport over HTTP(S) from a mirror that serves each file as NAME.gz."""

import http.client
import queue
import threading
from collections.abc import Sequence
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from digitnn.data.fetch.transports import Deliveries, KnownFile, Meter, Source

ANSWER_SECONDS = 4.0
"""Time limit for name look-up, connection and the first bytes of the reply."""

STALL_SECONDS = 20.0
"""Time limit without data after the first bytes."""

_CHUNK = 1 << 16


def mirror(url: str, answer_seconds: float = ANSWER_SECONDS) -> Source:
    """Return the source for the mirror at `url`; its first failure ends the attempt."""

    def deliver(wanted: Sequence[KnownFile], meter: Meter) -> Deliveries:
        for file in wanted:
            yield file, _download(f"{url.rstrip('/')}/{file.name}.gz", file, answer_seconds, meter)

    return Source(f"mirror {urlsplit(url).netloc}", deliver)


def _download(url: str, file: KnownFile, answer_seconds: float, meter: Meter) -> bytes:
    """Return the body at `url`. Raises `OSError` if it is truncated or too long for the file."""
    # Gzip adds at most a few bytes per 32,768: a longer body is another file.
    max_bytes = file.size + file.size // 1000 + 1024
    content = bytearray()
    with _open(url, answer_seconds) as response:
        header = response.headers.get("Content-Length", "")
        total = int(header) if header.isdecimal() else None
        while chunk := response.read(_CHUNK):
            content += chunk
            meter(file.name, len(content), total)
            if len(content) > max_bytes:
                raise OSError(f"{file.name}.gz: sends more than {max_bytes:,} bytes")
    if total is not None and len(content) < total:
        raise OSError(f"{file.name}.gz: cut short after {len(content):,} of {total:,} bytes")
    return bytes(content)


def _open(url: str, answer_seconds: float) -> http.client.HTTPResponse:
    """Return the response. Raises `TimeoutError` after `answer_seconds`, whatever hangs.

    A socket's timeout covers neither the name look-up nor the sum over the twenty addresses of a
    large host, so the request runs in a thread that can be abandoned.
    """
    answers: queue.SimpleQueue[http.client.HTTPResponse | Exception] = queue.SimpleQueue()
    given_up = threading.Event()

    def ask() -> None:
        try:
            request = Request(url, headers={"User-Agent": "digitnn"})
            response = urlopen(request, timeout=STALL_SECONDS)
        except Exception as error:
            if isinstance(error, HTTPError):
                error.close()  # it holds the connection with the body of the error page
            answers.put(error)
            return
        if given_up.is_set():
            response.close()
        answers.put(response)

    threading.Thread(target=ask, daemon=True, name=f"ask {url}").start()
    try:
        answer = answers.get(timeout=answer_seconds)
    except queue.Empty:
        given_up.set()
        raise TimeoutError(f"no answer within {answer_seconds:g} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer
