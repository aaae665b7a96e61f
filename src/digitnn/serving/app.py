"""The application: its routes, its errors, the files of the page, and the guard around it.

Each route checks its options, hands the body to a worker and returns the worker's reply.
"""

from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route
from starlette.types import ASGIApp

import digitnn
from digitnn.errors import DigitnnError, SourceError
from digitnn.serving import schemas
from digitnn.serving.explaining_routes import add_explaining, add_training
from digitnn.serving.guard import Guard
from digitnn.serving.protocol_routes import add_protocol
from digitnn.serving.reading_routes import add_reading
from digitnn.serving.replies import JSON, ApiError
from digitnn.serving.routing import response
from digitnn.serving.service import Service
from digitnn.serving.training_process import WrongState

STATIC_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


def create_app(service: Service) -> ASGIApp:
    """Return the application, with its guard around it."""
    app = FastAPI(
        title="digitnn", version=digitnn.__version__, docs_url=None, redoc_url=None,
        redirect_slashes=False,
        description="Reads handwritten digits, and shows how two engines compute the same network.",
        responses=ERRORS,
    )  # fmt: skip
    for kind in (Exception, ApiError, DigitnnError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _on_error)
    _add_page(app)
    add_reading(app, service)
    add_explaining(app, service)
    add_training(app, service)
    add_protocol(app, service)
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


async def _on_error(request: Request, error: Exception) -> Response:
    """Answer with an error. Those that nobody expected are then logged by the guard."""
    answer = response(_api_error(error).reply)
    if isinstance(error, HTTPException):
        answer.headers.update(error.headers or {})
        if error.status_code == 405:
            answer.headers["Allow"] = ", ".join(_methods_of(request))
    return answer


def _api_error(error: Exception) -> ApiError:
    match error:
        case ApiError():
            return error
        case WrongState() | SourceError():
            return ApiError(409, "not_possible", str(error))
        case DigitnnError():
            return ApiError(422, "not_possible", str(error))
        case RequestValidationError():
            return ApiError(422, "wrong_option", _first_of(error))
        case HTTPException():
            codes = {404: "not_found", 405: "wrong_method"}
            return ApiError(error.status_code, codes.get(error.status_code, "http"), error.detail)
    return ApiError(500, "internal", f"unexpected {type(error).__name__}")


def _first_of(error: RequestValidationError) -> str:
    """Return what is wrong with the first option that is."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    got = f", got {str(first['input'])[:60]!r}" if first["type"] != "missing" else ""
    return f"{place}: {first['msg']}{got}"


def _methods_of(request: Request) -> list[str]:
    """Return the methods of all routes of an address; Starlette tells those of the first."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    found = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for route in found for method in route.methods or ()})


def page_files() -> dict[str, bytes]:
    """Return the files of `static/` by name, and what the page shares with `digitnn export`."""
    found = {
        item.name: item.read_bytes()
        for item in files("digitnn.serving").joinpath("static").iterdir()
        if item.is_file()
    }
    shared = files("digitnn.export").joinpath("page")
    found["drawing.js"] = shared.joinpath("drawing.js").read_bytes()
    found["app.css"] = shared.joinpath("base.css").read_bytes() + found["app.css"]
    return found


def _add_page(app: FastAPI) -> None:
    """Serve the files of the page, from memory: no address names a path."""
    static = page_files()

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
