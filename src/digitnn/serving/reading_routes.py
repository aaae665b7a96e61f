"""The routes that read pictures and classify images."""

import asyncio
import json
from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import FastAPI, Query, Request, Response
from starlette.formparsers import MultiPartException, MultiPartParser

from digitnn.errors import PictureError
from digitnn.reader.results import PictureResult, json_parts, result_to_json, to_line
from digitnn.serving import schemas
from digitnn.serving.bodies import MAX_BATCH, PIXELS
from digitnn.serving.replies import JSON, OCTETS, ApiError, Reply
from digitnn.serving.routing import (
    BODY_IMAGE,
    EXAMPLE_IMAGE,
    PICTURE_TYPES,
    Model,
    body_of,
    media_type,
    octets_of,
    response,
    wrong_type,
)
from digitnn.serving.service import Service
from digitnn.serving.shared_bodies import SharedBody
from digitnn.serving.worker import Body

MAX_MERGED = 250
"""A request of more images is not merged with others, but shared out among the workers."""

MAX_FILES = 100
"""Pictures of one request."""

IMAGES_SCHEMA = {
    "type": "object",
    "required": ["images"],
    "properties": {
        "images": {
            "type": "array",
            "minItems": 1,
            "description": "28 x 28 whole numbers each, from 0 (paper) to 255 (ink)",
            "items": {
                "type": "array", "minItems": 28, "maxItems": 28,
                "items": {
                    "type": "array", "minItems": 28, "maxItems": 28,
                    "items": {"type": "integer", "minimum": 0, "maximum": 255},
                },
            },
        }
    },
}  # fmt: skip

READ_BODY = body_of(**{
    "image/png": BODY_IMAGE,
    "image/jpeg": BODY_IMAGE,
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "required": ["pictures"],
            "properties": {
                "pictures": {
                    "type": "array", "minItems": 1, "maxItems": MAX_FILES,
                    "items": {"type": "string", "format": "binary"},
                }
            },
        }
    },
})  # fmt: skip


def add_reading(app: FastAPI, service: Service) -> None:
    """Add `/v1/read` and `/v1/classify`."""

    @app.post(
        "/v1/read", summary="Read the digits in pictures", tags=["read"],
        responses={200: {"model": schemas.ReadAnswer}}, openapi_extra=READ_BODY,
    )  # fmt: skip
    async def read(
        request: Request,
        model: Model = "reader",
        single: Annotated[bool, Query(description="Each picture shows one digit")] = False,
        symbols: Annotated[bool, Query(description="Also read . , - / :")] = False,
        rotate: Annotated[bool, Query(description="Try pages on their sides")] = True,
        min_confidence: Annotated[
            float, Query(ge=0, le=1, description="Reject digits of lower confidence")
        ] = 0.5,
        images: Annotated[bool, Query(description="Add the image of each digit")] = False,
    ) -> Response:
        """Answer with what `digitnn read --json` prints, byte for byte.

        A picture is the whole body, called "-", or there are several in a form. If none can be
        read, the status is 422; if some can, the others have an `error`.
        """
        service.model(model)
        options = {
            "model": model, "single": single, "symbols": symbols, "rotate": rotate,
            "min_confidence": min_confidence, "images": images,
        }  # fmt: skip
        pictures = await _pictures_of(request)
        replies = await asyncio.gather(
            *(service.pool.submit("read", options | {"path": n}, data) for n, data in pictures)
        )
        return response(_read_answer([name for name, _ in pictures], replies))

    @app.post(
        "/v1/classify", summary="Classify images of 28 x 28 pixels", tags=["read"],
        responses={200: {"model": schemas.ClassifyAnswer, "content": {OCTETS: BODY_IMAGE}}},
        openapi_extra=body_of(**{
            JSON: {"schema": IMAGES_SCHEMA, "example": {"images": [EXAMPLE_IMAGE]}},
            OCTETS: BODY_IMAGE,
        }),
    )  # fmt: skip
    async def classify(
        request: Request,
        model: Model = "reader",
        engine: Annotated[Literal["scratch", "pytorch"], Query()] = "scratch",
    ) -> Response:
        """Answer with logits, probabilities and the most likely digit of each image.

        Images are light ink on dark paper, centred as in MNIST; nothing is searched or inverted.
        Bytes are 784 for each image. `Accept: application/octet-stream` gives the logits alone, as
        little-endian float32, ten for each image.
        """
        if engine not in service.model(model)["engines"]:
            raise ApiError(422, "no_engine", f"engine {engine} is not installed on the server")
        kind = media_type(request)
        if kind not in (JSON, OCTETS):
            raise wrong_type(f"{JSON} or {OCTETS}", kind)
        accept = OCTETS if request.headers.get("accept", "") == OCTETS else JSON
        options = {"model": model, "engine": engine, "media_type": kind, "accept": accept}
        body = await octets_of(request) if kind == OCTETS else await request.body()
        most = service.settings.max_images
        if kind == OCTETS and len(body) > most * PIXELS:
            got = f"got {len(body):,} bytes"
            raise ApiError(422, "too_many_images", f"at most {most:,} images a request, {got}")
        parts = image_parts(body, service.pool.count) if kind == OCTETS else [body]
        together = ("classify", model, engine) if len(body) <= MAX_MERGED * PIXELS else None
        replies = await asyncio.gather(
            *(service.pool.submit("classify", options, part, together) for part in parts)
        )
        return response(_joined(replies, model, engine))


def image_parts(body: bytes | SharedBody, workers: int) -> Sequence[Body]:
    """Cut a body of many images into equal parts: one for each worker, or more of `MAX_BATCH`."""
    n, rest = divmod(len(body), PIXELS)
    if rest or n <= MAX_MERGED:
        return [body]
    size = -(-n // max(min(workers, n // MAX_MERGED), -(-n // MAX_BATCH))) * PIXELS
    whole = memoryview(body) if isinstance(body, bytes) else body
    return [whole[k : k + size] for k in range(0, len(body), size)]


async def _pictures_of(request: Request) -> list[tuple[str, bytes]]:
    """Return the name and bytes of each picture of a request."""
    kind = media_type(request)
    if kind == "multipart/form-data":
        return await _files_of(request)
    body = await request.body()
    if not body:
        raise ApiError(422, "empty_body", "expected a picture, got an empty body")
    if kind and not kind.startswith(PICTURE_TYPES):
        raise wrong_type("image/*, application/pdf or multipart/form-data", kind)
    return [("-", body)]


class _InMemoryParser(MultiPartParser):
    """Uploads are never written to disk; the guard has bounded their size."""

    spool_max_size = 1 << 40
    complete = False

    def on_end(self) -> None:
        self.complete = True


async def _files_of(request: Request) -> list[tuple[str, bytes]]:
    try:
        parser = _InMemoryParser(request.headers, request.stream(), max_files=MAX_FILES)
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise ApiError(400, "bad_form", f"the form is damaged: {error}") from None
    if not parser.complete:
        raise ApiError(400, "bad_form", "the form is cut off: its last boundary is missing")
    found = []
    for _, value in form.multi_items():
        if not isinstance(value, str):
            found.append((value.filename or "-", await value.read()))
            await value.close()
    if not found:
        raise ApiError(422, "empty_body", "expected pictures as files of the form, got none")
    return found


def _read_answer(names: list[str], replies: list[Reply]) -> Reply:
    """Join the lines of all pictures; an error that concerns all of them is the answer itself."""
    if all(reply.status >= 400 for reply in replies):
        return replies[0]
    lines = []
    for name, reply in zip(names, replies, strict=True):
        if reply.status < 400:
            lines.append(reply.body.decode())
            continue
        if reply.status != 422:
            return reply
        error = PictureError(json.loads(reply.body)["error"]["message"])
        lines.append(to_line(result_to_json(PictureResult(name, None, error))))
    return Reply(200, JSON, "".join(json_parts(lines)).encode())


def _joined(replies: list[Reply], model: str, engine: str) -> Reply:
    """Return the answer of all parts of a request, see `tasks.classified`."""
    failed = next((reply for reply in replies if reply.status >= 400), None)
    if failed or replies[0].media_type == OCTETS:
        return failed or Reply(200, OCTETS, b"".join(reply.body for reply in replies))
    columns = zip(*(reply.body.split(b"\n") for reply in replies), strict=True)
    digits, probabilities, logits = (b", ".join(column) for column in columns)
    head = json.dumps({"model": model, "engine": engine})[:-1].encode()
    body = b'%s, "digits": [%s], "probabilities": [%s], "logits": [%s]}\n'
    return Reply(200, JSON, body % (head, digits, probabilities, logits))
