"""The routes of the page: what is served, what happens inside a network, live training."""

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import StreamingResponse

from digitnn.serving import schemas
from digitnn.serving.bodies import PIXELS
from digitnn.serving.inside import PARTS
from digitnn.serving.replies import OCTETS, ApiError, json_reply
from digitnn.serving.routing import (
    BODY_IMAGE,
    PICTURE_TYPES,
    Model,
    body_of,
    media_type,
    response,
    wrong_type,
)
from digitnn.serving.service import Service


def add_explaining(app: FastAPI, service: Service) -> None:
    """Add `/v1/models`, `/v1/explain`, a plane's filter, and `/v1/compare`."""

    @app.get(
        "/v1/models", summary="What is served", tags=["explain"],
        responses={200: {"model": schemas.ModelsAnswer}},
    )  # fmt: skip
    async def models() -> Response:
        """Answer with the models, the recipes that can be trained, and whether MNIST is here."""
        return response(json_reply(service.about()))

    @app.post(
        "/v1/explain", summary="What all models say of one image, and why", tags=["explain"],
        responses={200: {"model": schemas.ExplainAnswer}},
        openapi_extra=body_of(**{"image/png": BODY_IMAGE, OCTETS: BODY_IMAGE}),
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
        kind = media_type(request)
        if kind != OCTETS and not kind.startswith(PICTURE_TYPES):
            raise wrong_type(f"image/* or {OCTETS}", kind)
        options = {"model": model, "media_type": kind, "parts": wanted}
        return response(await service.pool.submit("explain", options, await request.body()))

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
        return response(await service.pool.submit(kind, options, b""))


def add_training(app: FastAPI, service: Service) -> None:
    """Add `/v1/training` and its commands."""
    answers: Any = {200: {"model": schemas.TrainingState}}

    @app.get(
        "/v1/training", summary="Where the live training stands", tags=["train"], responses=answers
    )
    async def training() -> Response:
        """Answer with its state."""
        return response(json_reply(service.live.state()))

    @app.post(
        "/v1/training", summary="Train a recipe live", tags=["train"], status_code=201,
        responses={201: {"model": schemas.TrainingState}},
    )  # fmt: skip
    async def start(wanted: schemas.TrainingRequest) -> Response:
        """Start a training, one at a time; it ends when nobody follows its events."""
        await service.live.start(wanted.recipe, wanted.engine, wanted.seed)
        return response(json_reply(service.live.state(), 201))

    def add(name: str, summary: str) -> None:
        async def command() -> Response:
            found = await getattr(service.live, name)()
            if name == "keep" and found["kept"]:
                service.add_run(Path(found["kept"]))
            return response(json_reply(found))

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
        status_code=204, response_class=Response, openapi_extra=body_of(**{OCTETS: BODY_IMAGE}),
    )  # fmt: skip
    async def follow(request: Request) -> Response:
        """Take 784 bytes; the events `answer` then tell what the network says of them."""
        if (kind := media_type(request)) != OCTETS:
            raise wrong_type(OCTETS, kind)
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
