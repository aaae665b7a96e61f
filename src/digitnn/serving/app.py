"""The HTTP API and the page: routes, their options, and who answers.

Each route checks its options, hands the body to a worker and returns the worker's reply.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.routing import Match, Route
from starlette.types import ASGIApp

import digitnn
from digitnn.errors import DigitnnError, SourceError
from digitnn.reader.results import json_parts
from digitnn.serving import inference_protocol, schemas
from digitnn.serving.bodies import PIXELS
from digitnn.serving.guard import Guard
from digitnn.serving.inside import PARTS
from digitnn.serving.live_training import Busy
from digitnn.serving.replies import JSON, OCTETS, ApiError, Reply, json_reply
from digitnn.serving.service import Service
from digitnn.serving.training_process import WrongState
from digitnn.serving.workers import in_chunks

Handler: TypeAlias = Callable[..., Awaitable[Response]]

IMAGES_PER_JOB = 500
"""More images are classified by several workers at once."""

MAX_FILES = 100
"""Pictures of one request."""

STATIC_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}

PICTURE_TYPES = ("image/", "application/pdf", OCTETS, "application/x-www-form-urlencoded")
"""Content types of a raw picture; the last is what curl sends unless it is told otherwise."""


def create_app(service: Service) -> ASGIApp:
    """Return the application, with its guard around it."""
    app = FastAPI(
        title="digitnn", version=digitnn.__version__, docs_url=None, redoc_url=None,
        redirect_slashes=False,
        description="Reads handwritten digits, and shows how two engines compute the same network.",
        responses=ERRORS,
    )  # fmt: skip
    app.add_exception_handler(Exception, _on_mistake)
    app.add_exception_handler(ApiError, _on_api_error)  # type: ignore[arg-type]
    app.add_exception_handler(DigitnnError, _on_own_error)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _on_invalid)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, _on_http_error)  # type: ignore[arg-type]
    _add_page(app)
    _add_reading(app, service)
    _add_explaining(app, service)
    _add_training(app, service)
    _add_protocol(app, service)
    return Guard(app, service.settings, service.load, service.metrics)


def _error(description: str) -> dict[str, Any]:
    example = {"error": {"code": "unknown_model", "message": "no model 'x'; models: reader, cnn"}}
    return {
        "model": schemas.Error,
        "description": description,
        "content": {JSON: {"example": example}},
    }


ERRORS: dict[int | str, dict[str, Any]] = {
    400: _error("The request is malformed"),
    403: _error("Another site's page, or another host name"),
    404: _error("No such model, stage or plane"),
    405: _error("Another method"),
    408: _error("The body came too slowly"),
    409: _error("Not possible now"),
    413: _error("The body is too large"),
    415: _error("Another content type"),
    422: _error("The request cannot be answered: the message says why"),
    500: _error("A mistake of the server"),
    503: _error("Busy or stopping; Retry-After says when to try again"),
}


async def _on_api_error(_: Request, error: ApiError) -> Response:
    return _response(error.reply)


async def _on_own_error(_: Request, error: DigitnnError) -> Response:
    not_now = isinstance(error, Busy | WrongState | SourceError)
    status = 409 if not_now else 422
    return _response(ApiError(status, "not_possible", str(error)).reply)


async def _on_invalid(_: Request, error: RequestValidationError) -> Response:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    message = f"{place}: {first['msg']}"
    got = f", got {str(first['input'])[:60]!r}" if first["type"] != "missing" else ""
    return _response(ApiError(422, "wrong_option", message + got).reply)


async def _on_mistake(_: Request, error: Exception) -> Response:
    """Answer; the guard then logs the error."""
    return _response(ApiError(500, "internal", f"unexpected {type(error).__name__}").reply)


async def _on_http_error(request: Request, error: HTTPException) -> Response:
    codes = {404: "not_found", 405: "wrong_method"}
    reply = ApiError(error.status_code, codes.get(error.status_code, "http"), error.detail).reply
    response = _response(reply)
    response.headers.update(error.headers or {})
    if error.status_code == 405:
        response.headers["Allow"] = ", ".join(_methods_of(request))
    return response


def _methods_of(request: Request) -> list[str]:
    """Return the methods of all routes of an address; Starlette tells those of the first."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    found = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for route in found for method in route.methods or ()})


def _response(reply: Reply) -> Response:
    headers = {"Retry-After": "1"} if reply.status == 503 else {}
    # a media type without a character set: JSON has none
    return Response(reply.body, reply.status, {**headers, "Content-Type": reply.media_type})


# the page


def _add_page(app: FastAPI) -> None:
    """Serve the files of `static/`, from memory: no address names a path."""
    static = {
        item.name: item.read_bytes()
        for item in files("digitnn.serving").joinpath("static").iterdir()
        if item.is_file()
    }

    def served(name: str) -> Response:
        if name not in static:
            raise ApiError(404, "not_found", "no such file")
        kind = STATIC_TYPES[name.rpartition(".")[2]]
        headers = {"Content-Type": kind, "Cache-Control": "no-cache"}
        return Response(static[name], headers=headers)

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return served("index.html")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return served("docs.html")

    @app.get("/favicon.ico", include_in_schema=False)
    async def icon() -> Response:
        return served("favicon.svg")

    @app.get("/static/{name}", include_in_schema=False)
    async def static_file(name: str) -> Response:
        return served(name)


# reading and classifying

Model = Annotated[str, Query(description="A model of GET /v1/models", max_length=200)]
BODY_IMAGE = {"schema": {"type": "string", "format": "binary"}}
EXAMPLE_IMAGE = [[0] * 28] * 12 + [[0] * 10 + [255] * 4 + [0] * 14] * 8 + [[0] * 28] * 8
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


def _body(**content: Any) -> dict[str, Any]:
    """Return the OpenAPI description of a body by content type."""
    return {"requestBody": {"required": True, "content": content}}


READ_BODY = _body(**{
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


def _add_reading(app: FastAPI, service: Service) -> None:
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
        return _response(_read_answer([name for name, _ in pictures], replies))

    @app.post(
        "/v1/classify", summary="Classify images of 28 x 28 pixels", tags=["read"],
        responses={200: {"model": schemas.ClassifyAnswer, "content": {OCTETS: BODY_IMAGE}}},
        openapi_extra=_body(**{
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
        kind = _media_type(request)
        if kind not in (JSON, OCTETS):
            raise _wrong_type(f"{JSON} or {OCTETS}", kind)
        accept = OCTETS if request.headers.get("accept", "") == OCTETS else JSON
        options = {"model": model, "engine": engine, "media_type": kind, "accept": accept}
        body = await request.body()
        most = service.settings.max_images
        if kind == OCTETS and len(body) > most * PIXELS:
            got = f"got {len(body):,} bytes"
            raise ApiError(422, "too_many_images", f"at most {most:,} images a request, {got}")
        split = kind == OCTETS and len(body) > IMAGES_PER_JOB * PIXELS and not len(body) % PIXELS
        parts = in_chunks(body, IMAGES_PER_JOB * PIXELS) if split else [body]
        together = ("classify", model, engine)
        replies = await asyncio.gather(
            *(service.pool.submit("classify", options, part, together) for part in parts)
        )
        return _response(_joined(replies, model, engine))


async def _pictures_of(request: Request) -> list[tuple[str, bytes]]:
    """Return the name and bytes of each picture of a request."""
    kind = _media_type(request)
    if kind == "multipart/form-data":
        return await _files_of(request)
    body = await request.body()
    if not body:
        raise ApiError(422, "empty_body", "expected a picture, got an empty body")
    if kind and not kind.startswith(PICTURE_TYPES):
        raise _wrong_type("image/*, application/pdf or multipart/form-data", kind)
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
        message = json.loads(reply.body)["error"]["message"]
        outcome = {"path": name, "text": "", "digits": [], "notes": [], "error": message}
        lines.append(json.dumps(outcome))
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


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _wrong_type(expected: str, got: str) -> ApiError:
    return ApiError(415, "wrong_content_type", f"expected {expected}, got {got[:80] or 'none'}")


# explaining


def _add_explaining(app: FastAPI, service: Service) -> None:
    @app.get(
        "/v1/models", summary="What is served", tags=["explain"],
        responses={200: {"model": schemas.ModelsAnswer}},
    )  # fmt: skip
    async def models() -> Response:
        """Answer with the models, the recipes that can be trained, and whether MNIST is here."""
        return _response(json_reply(service.about()))

    @app.post(
        "/v1/explain", summary="What all models say of one image, and why", tags=["explain"],
        responses={200: {"model": schemas.ExplainAnswer}},
        openapi_extra=_body(**{"image/png": BODY_IMAGE, OCTETS: BODY_IMAGE}),
    )  # fmt: skip
    async def explain(
        request: Request,
        model: Model = "reader",
        parts: Annotated[
            str,
            Query(description=f"Any of {', '.join(PARTS)}, with commas", max_length=100),
        ] = "",
    ) -> Response:
        """Answer with the logits of both engines and what happens inside one model.

        The body is a picture, whose ink is taken for one digit, or 784 bytes: an image.
        """
        service.model(model)
        wanted = [part for part in parts.split(",") if part]
        if odd := [part for part in wanted if part not in PARTS]:
            raise ApiError(422, "wrong_option", f"parts: no {odd[0]!r}; known: {', '.join(PARTS)}")
        kind = _media_type(request)
        if kind != OCTETS and not kind.startswith(PICTURE_TYPES):
            raise _wrong_type(f"image/* or {OCTETS}", kind)
        options = {"model": model, "media_type": kind, "parts": wanted}
        return _response(await service.pool.submit("explain", options, await request.body()))

    @app.get(
        "/v1/models/{name}/filter", summary="The weights of a plane or unit", tags=["explain"],
        responses={200: {"model": schemas.FilterAnswer}},
    )  # fmt: skip
    async def plane_filter(
        name: str,
        stage: Annotated[int, Query(ge=0, le=1000)],
        plane: Annotated[int, Query(ge=0, le=100_000)],
    ) -> Response:
        """Answer with its weights, and the training digits that it responds to most."""
        service.model(name)
        options = {"model": name, "stage": stage, "plane": plane}
        return await _admitted(service, "filter", options)

    @app.get(
        "/v1/compare", summary="The digits that only one of two models gets right",
        tags=["explain"], responses={200: {"model": schemas.CompareAnswer}},
    )  # fmt: skip
    async def compare(first: Model, second: Model) -> Response:
        """Answer with digits of the validation split; the test split is not read."""
        service.model(first)
        service.model(second)
        return await _admitted(service, "compare", {"first": first, "second": second})


async def _admitted(service: Service, kind: str, options: Mapping[str, Any]) -> Response:
    """Let a worker answer a GET request, which the guard does not count."""
    with service.load.admit():
        return _response(await service.pool.submit(kind, options, b""))


# training


def _add_training(app: FastAPI, service: Service) -> None:
    answers: Any = {200: {"model": schemas.TrainingState}}

    def state() -> Response:
        return _response(json_reply(service.live.state()))

    @app.get(
        "/v1/training", summary="Where the live training stands", tags=["train"], responses=answers
    )
    async def training() -> Response:
        """Answer with its state."""
        return state()

    @app.post(
        "/v1/training", summary="Train a recipe live", tags=["train"], status_code=201,
        responses={201: {"model": schemas.TrainingState}},
    )  # fmt: skip
    async def start(wanted: schemas.TrainingRequest) -> Response:
        """Start a training, one at a time; it ends when nobody follows its events."""
        await service.live.start(wanted.recipe, wanted.engine, wanted.seed)
        return _response(json_reply(service.live.state(), 201))

    def add(name: str, summary: str) -> None:
        async def command() -> Response:
            found = await getattr(service.live, name)()
            if name == "keep" and found["kept"]:
                service.add_run(Path(found["kept"]))
            return _response(json_reply(found))

        app.add_api_route(
            f"/v1/training/{name}", command, methods=["POST"], summary=summary,
            tags=["train"], responses=answers, operation_id=f"training_{name}",
        )  # fmt: skip

    add("pause", "Pause the live training")
    add("resume", "Go on with a paused training")
    add("stop", "Stop the live training between two steps")
    add("keep", "Save the trained network as a run, and serve it")

    @app.post(
        "/v1/training/image", summary="Set the image whose answer is followed", tags=["train"],
        status_code=204, response_class=Response, openapi_extra=_body(**{OCTETS: BODY_IMAGE}),
    )  # fmt: skip
    async def follow(request: Request) -> Response:
        """Take 784 bytes; the events `answer` then tell what the network says of them."""
        if (kind := _media_type(request)) != OCTETS:
            raise _wrong_type(OCTETS, kind)
        body = await request.body()
        if len(body) != PIXELS:
            raise ApiError(422, "wrong_shape", f"expected {PIXELS} bytes, got {len(body)}")
        service.live.follow_image(body)
        return Response(status_code=204)

    @app.get(
        "/v1/training/events", summary="Follow the live training", tags=["train"],
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
    )  # fmt: skip
    async def events() -> StreamingResponse:
        """Answer with server-sent events: state, progress, epoch, weights, answer."""

        async def stream() -> AsyncIterator[bytes]:
            async for event, data in service.live.events():
                yield f"event: {event}\ndata: {json.dumps(data, allow_nan=False)}\n\n".encode()

        headers = {"Cache-Control": "no-store"}
        return StreamingResponse(stream(), media_type="text/event-stream", headers=headers)


# the Open Inference Protocol


def _add_protocol(app: FastAPI, service: Service) -> None:
    def served(name: str, version: str | None) -> dict[str, Any]:
        if version not in (None, inference_protocol.VERSION):
            raise ApiError(404, "unknown_version", f"{name} has version 1, not {version[:40]!r}")
        return service.model(name)

    def route(
        path: str, summary: str, model: Any, method: str = "GET", **more: Any
    ) -> Callable[[Handler], Handler]:
        return app.api_route(
            path, methods=[method], summary=summary, tags=["inference protocol"],
            responses={200: {"model": model}}, **more,
        )  # fmt: skip

    @route("/v2", "The server", schemas.ServerMetadata)
    async def server() -> Response:
        """Answer with the server's name and version."""
        about = {"name": "digitnn", "version": digitnn.__version__, "extensions": []}
        return _response(json_reply(about))

    @route("/v2/health/live", "Whether the server runs", schemas.Live)
    async def live() -> Response:
        """Answer as long as the server runs."""
        return _response(json_reply({"live": True}))

    @route("/v2/health/ready", "Whether the models answer", schemas.Ready)
    async def ready() -> Response:
        """Answer with 503 while the models are loaded, and while the server stops."""
        if not service.is_ready:
            raise ApiError(503, "not_ready", "the server is starting or stopping")
        return _response(json_reply({"ready": True}))

    infer_body = _body(**{JSON: {"schema": INFER_SCHEMA, "example": INFER_EXAMPLE}})
    for prefix in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):

        @route(prefix, "A model's tensors", schemas.ModelMetadata)
        async def metadata(name: str, version: str | None = None) -> Response:
            """Answer with the names, types and shapes of inputs and outputs."""
            return _response(
                json_reply(inference_protocol.metadata(name, served(name, version)["rejects"]))
            )

        @route(f"{prefix}/ready", "Whether a model answers", schemas.NamedReady)
        async def model_ready(name: str, version: str | None = None) -> Response:
            """Answer with 503 while it is loaded."""
            served(name, version)
            if not service.is_ready:
                raise ApiError(503, "not_ready", "the server is starting or stopping")
            return _response(json_reply({"name": name, "ready": True}))

        @route(
            f"{prefix}/infer", "Classify images", schemas.InferAnswer, "POST",
            openapi_extra=infer_body,
        )  # fmt: skip
        async def infer(request: Request, name: str, version: str | None = None) -> Response:
            """Answer with logits, probabilities and digits of a tensor of images."""
            served(name, version)
            if (kind := _media_type(request)) not in (JSON, ""):
                raise _wrong_type(JSON, kind)
            body = await request.body()
            return _response(await service.pool.submit("infer", {"model": name}, body))

    text = {"content": {"text/plain": {"schema": {"type": "string"}}}}

    @app.get(
        "/metrics", summary="Counters for Prometheus", tags=["operation"],
        response_class=Response, responses={200: text},
    )  # fmt: skip
    async def metrics() -> Response:
        """Answer in Prometheus' text format."""
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return Response(service.metrics.text(), headers={"Content-Type": kind})


INFER_SCHEMA = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string"},
        "inputs": {
            "type": "array", "minItems": 1, "maxItems": 1,
            "items": {
                "type": "object",
                "required": ["name", "shape", "datatype", "data"],
                "properties": {
                    "name": {"const": inference_protocol.INPUT},
                    "shape": {"type": "array", "items": {"type": "integer"}},
                    "datatype": {"enum": list(inference_protocol.DATA_TYPES)},
                    "data": {"type": "array"},
                },
            },
        },
        "outputs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"enum": list(inference_protocol.OUTPUTS)}},
            },
        },
    },
}  # fmt: skip
INFER_EXAMPLE = {
    "inputs": [
        {"name": "images", "shape": [1, 28, 28], "datatype": "UINT8", "data": [EXAMPLE_IMAGE]}
    ]
}
