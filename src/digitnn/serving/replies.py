"""What a request is answered with, and the errors that it may meet.

An error is `{"error": {"code": ..., "message": ...}}` with the HTTP status that fits.
"""

import json
from dataclasses import dataclass
from typing import Any

JSON, OCTETS = "application/json", "application/octet-stream"


@dataclass(frozen=True)
class Reply:
    """The status, media type and body of an answer."""

    status: int
    media_type: str
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        """The HTTP headers, without a character set: JSON has none."""
        found = {"Content-Type": self.media_type, "Content-Length": str(len(self.body))}
        return found | ({"Retry-After": "1"} if self.status == 503 else {})


class ApiError(Exception):
    """A request that is not answered as asked. code: for programs; message: for people."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code

    @property
    def reply(self) -> Reply:
        """The answer that tells of it."""
        error = {"code": self.code, "message": " ".join(str(self).split())}
        return json_reply({"error": error}, self.status)


STOPPING = ApiError(503, "stopping", "the server is stopping")


def json_reply(value: Any, status: int = 200) -> Reply:
    """Return a value as JSON, without NaN."""
    return Reply(status, JSON, (json.dumps(value, allow_nan=False) + "\n").encode())
