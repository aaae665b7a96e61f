"""The routes of the Open Inference Protocol, version 2, and of the metrics."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from fastapi import FastAPI, Request, Response

import digitnn
from digitnn.serving import inference_protocol, schemas
from digitnn.serving.replies import JSON, ApiError, json_reply
from digitnn.serving.routing import EXAMPLE_IMAGE, body_of, media_type, response, wrong_type
from digitnn.serving.service import Service

Handler: TypeAlias = Callable[..., Awaitable[Response]]

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


def add_protocol(app: FastAPI, service: Service) -> None:
    """Add `/v2` and `/metrics`."""

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
        return response(json_reply(about))

    @route("/v2/health/live", "Whether the server runs", schemas.Live)
    async def live() -> Response:
        """Answer as long as the server runs."""
        return response(json_reply({"live": True}))

    @route("/v2/health/ready", "Whether the models answer", schemas.Ready)
    async def ready() -> Response:
        """Answer with 503 while the models are loaded, and while the server stops."""
        if not service.is_ready:
            raise ApiError(503, "not_ready", "the server is starting or stopping")
        return response(json_reply({"ready": True}))

    infer_body = body_of(**{JSON: {"schema": INFER_SCHEMA, "example": INFER_EXAMPLE}})
    for prefix in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):

        @route(prefix, "A model's tensors", schemas.ModelMetadata)
        async def metadata(name: str, version: str | None = None) -> Response:
            """Answer with the names, types and shapes of inputs and outputs."""
            return response(
                json_reply(inference_protocol.metadata(name, served(name, version)["rejects"]))
            )

        @route(f"{prefix}/ready", "Whether a model answers", schemas.NamedReady)
        async def model_ready(name: str, version: str | None = None) -> Response:
            """Answer with 503 while it is loaded."""
            served(name, version)
            if not service.is_ready:
                raise ApiError(503, "not_ready", "the server is starting or stopping")
            return response(json_reply({"name": name, "ready": True}))

        @route(
            f"{prefix}/infer", "Classify images", schemas.InferAnswer, "POST",
            openapi_extra=infer_body,
        )  # fmt: skip
        async def infer(request: Request, name: str, version: str | None = None) -> Response:
            """Answer with logits, probabilities and digits of a tensor of images."""
            served(name, version)
            if (kind := media_type(request)) not in (JSON, ""):
                raise wrong_type(JSON, kind)
            body = await request.body()
            return response(await service.pool.submit("infer", {"model": name}, body))

    text = {"content": {"text/plain": {"schema": {"type": "string"}}}}

    @app.get(
        "/metrics", summary="Counters for Prometheus", tags=["operation"],
        response_class=Response, responses={200: text},
    )  # fmt: skip
    async def metrics() -> Response:
        """Answer in Prometheus' text format."""
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return Response(service.metrics.text(), headers={"Content-Type": kind})
