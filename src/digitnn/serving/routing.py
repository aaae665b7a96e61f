"""What all routes share: how replies are sent, content types, and descriptions of bodies."""

from typing import Annotated, Any

from fastapi import Query, Request, Response

from digitnn.serving.replies import OCTETS, ApiError, Reply
from digitnn.serving.shared_bodies import SCOPE_KEY, SharedBody

PICTURE_TYPES = ("image/", "application/pdf", OCTETS, "application/x-www-form-urlencoded")
"""Content types of a raw picture; the last is what curl sends unless it is told otherwise."""

Model = Annotated[str, Query(description="A model of GET /v1/models", max_length=200)]
BODY_IMAGE = {"schema": {"type": "string", "format": "binary"}}
EXAMPLE_IMAGE = [[0] * 28] * 12 + [[0] * 10 + [255] * 4 + [0] * 14] * 8 + [[0] * 28] * 8


def response(reply: Reply) -> Response:
    """Return a reply as FastAPI's response."""
    return Response(reply.body, reply.status, reply.headers)


async def octets_of(request: Request) -> bytes | SharedBody:
    """Return the body of a request, without a copy if it lies in shared memory."""
    shared: SharedBody | None = request.scope.get(SCOPE_KEY)
    return await request.body() if shared is None else shared


def body_of(**content: Any) -> dict[str, Any]:
    """Return the OpenAPI description of a body by content type."""
    return {"requestBody": {"required": True, "content": content}}


def media_type(request: Request) -> str:
    """Return the content type of a request, without parameters; empty if there is none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def wrong_type(expected: str, got: str) -> ApiError:
    """Return the error for another content type than expected."""
    return ApiError(415, "wrong_content_type", f"expected {expected}, got {got[:80] or 'none'}")
