"""The Open Inference Protocol, version 2: its requests and responses in JSON.

https://github.com/kserve/open-inference-protocol, "HTTP/REST". A model takes one tensor "images"
of uint8 pixels and gives "logits", "probabilities" and "digit". Axes: n images.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from digitnn.data.dataset import SIDE
from digitnn.serving.bodies import parse_json, to_images
from digitnn.serving.replies import ApiError

VERSION = "1"
INPUT = "images"
WHOLE_TYPES = ("UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64")
DATA_TYPES = (*WHOLE_TYPES, "FP16", "FP32", "FP64")
OUTPUTS = {"logits": "FP32", "probabilities": "FP32", "digit": "INT64"}


@dataclass(frozen=True, eq=False)
class InferRequest:
    """The images of a request, its id, and the names of the outputs that it asks for."""

    images: UInt8[ndarray, "n 28 28"]
    id: str | None
    outputs: tuple[str, ...]


def metadata(name: str, rejects: bool) -> dict[str, Any]:
    """Return the description of a model: its tensors; -1 stands for any number of images."""
    classes = {"logits": [-1, 10], "probabilities": [-1, 11 if rejects else 10], "digit": [-1]}
    return {
        "name": name,
        "versions": [VERSION],
        "platform": "digitnn",
        "inputs": [{"name": INPUT, "datatype": "UINT8", "shape": [-1, SIDE, SIDE]}],
        "outputs": [
            {"name": output, "datatype": kind, "shape": classes[output]}
            for output, kind in OUTPUTS.items()
        ],
    }


def parse(body: bytes, max_images: int) -> InferRequest:
    """Return the request in a JSON body. Raises `ApiError` naming what is wrong."""
    value = parse_json(body)
    if not isinstance(value, dict) or not isinstance(value.get("inputs"), list):
        raise ApiError(422, "wrong_shape", 'expected an object with a list "inputs"')
    tensors = [t for t in value["inputs"] if isinstance(t, dict) and t.get("name") == INPUT]
    if len(tensors) != 1 or len(value["inputs"]) != 1:
        raise ApiError(422, "wrong_shape", f'expected one input called "{INPUT}"')
    tensor = tensors[0]
    if tensor.get("datatype") not in DATA_TYPES:
        raise ApiError(
            422, "wrong_shape",
            f"datatype: expected {', '.join(DATA_TYPES)}, got {tensor.get('datatype')!r:.60}",
        )  # fmt: skip
    images = to_images(tensor.get("data"), INPUT)
    shape = tensor.get("shape")
    if not _fits(shape, len(images)):
        raise ApiError(
            422, "wrong_shape",
            f"expected the shape [n, 28, 28], [n, 1, 28, 28] or [n, 784] of {images.size} numbers, "
            f"got {shape!r:.60}",
        )  # fmt: skip
    if not 1 <= len(images) <= max_images:
        code = "too_many_images" if len(images) else "no_images"
        raise ApiError(422, code, f"expected 1 to {max_images:,} images, got {len(images):,}")
    request_id = value.get("id")
    if request_id is not None and not isinstance(request_id, str):
        raise ApiError(422, "wrong_shape", f"id: expected a string, got {request_id!r:.60}")
    return InferRequest(images, request_id, _outputs(value.get("outputs")))


def _fits(shape: Any, n: int) -> bool:
    if not isinstance(shape, list) or not all(type(side) is int for side in shape):
        return False
    return shape in ([n, SIDE, SIDE], [n, 1, SIDE, SIDE], [n, SIDE * SIDE])


def _outputs(wanted: Any) -> tuple[str, ...]:
    if wanted is None or wanted == []:
        return tuple(OUTPUTS)
    named = [t.get("name") for t in wanted if isinstance(t, dict)] if type(wanted) is list else []
    known = [name for name in named if isinstance(name, str) and name in OUTPUTS]
    if not known or len(known) != len(wanted):
        raise ApiError(422, "wrong_shape", f"outputs: expected names among {', '.join(OUTPUTS)}")
    return tuple(known)


def response(model: str, request: InferRequest, outputs: Mapping[str, ndarray]) -> dict[str, Any]:
    """Return the response object; numbers are in row-major order."""
    tensors = [
        {
            "name": name,
            "datatype": OUTPUTS[name],
            "shape": list(outputs[name].shape),
            "data": outputs[name].ravel().astype(np.float64).round(6).tolist()
            if OUTPUTS[name] == "FP32"
            else outputs[name].ravel().tolist(),
        }
        for name in request.outputs
    ]
    named = {} if request.id is None else {"id": request.id}
    return {"model_name": model, "model_version": VERSION, **named, "outputs": tensors}
