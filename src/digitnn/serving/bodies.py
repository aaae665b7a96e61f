"""Read the bodies of requests: images as bytes or JSON, and the tensors of the inference protocol.

Bodies are untrusted: whatever is wrong with one becomes an `ApiError` with status 400 or 422.
Axes: n images.
"""

import json
from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from digitnn.data.dataset import SIDE
from digitnn.serving.replies import OCTETS, ApiError

PIXELS = SIDE * SIDE

MAX_BATCH = 1000
"""Images that are classified at once: a network without convolutions takes so many in one step,
without starting threads, and they fit into the cache."""


def parse_json(body: bytes) -> Any:
    """Return the value of a JSON body. Raises `ApiError` for anything but strict JSON."""

    def reject(name: str) -> None:
        raise ApiError(422, "not_finite", f"expected finite numbers, got {name}")

    try:
        return json.loads(body, parse_constant=reject)
    except RecursionError:
        raise ApiError(400, "bad_json", "the JSON body is nested too deeply") from None
    except ValueError as error:  # also UnicodeDecodeError, and integers of too many digits
        raise ApiError(400, "bad_json", f"the body is not JSON: {str(error)[:200]}") from None


def parse_images(
    body: bytes | memoryview, media_type: str, max_images: int
) -> UInt8[ndarray, "n 28 28"]:
    """Return the images of a body: bytes of pixels, or {"images": [[[28 x 28 numbers]]]}."""
    if media_type == OCTETS:
        if len(body) % PIXELS:
            raise ApiError(
                422, "wrong_shape",
                f"expected {PIXELS} bytes for each image of 28 x 28 pixels, got {len(body)} bytes",
            )  # fmt: skip
        images = np.frombuffer(body, np.uint8).reshape(-1, SIDE, SIDE)
    else:
        value = parse_json(bytes(body) if isinstance(body, memoryview) else body)
        if not isinstance(value, dict) or "images" not in value:
            raise ApiError(422, "wrong_shape", 'expected an object {"images": [...]}')
        images = to_images(value["images"], "images")
    if not len(images):
        raise ApiError(422, "no_images", "expected at least 1 image, got 0")
    if len(images) > max_images:
        raise ApiError(
            422, "too_many_images", f"at most {max_images:,} images a request, got {len(images):,}"
        )
    return images


def to_images(value: Any, what: str) -> UInt8[ndarray, "n 28 28"]:
    """Return nested lists, or a flat one, of whole numbers from 0 to 255 as images."""
    try:
        array = np.array(value)
    except (ValueError, OverflowError):  # ragged, or integers beyond 64 bits
        array = np.array(None)
    if array.size == 0 and array.dtype != object:
        return np.empty((0, SIDE, SIDE), np.uint8)
    if array.dtype.kind not in "iuf" or array.size % PIXELS:
        raise ApiError(
            422, "wrong_shape",
            f"{what}: expected images of 28 x 28 numbers from 0 to 255, got {_brief(array, value)}",
        )  # fmt: skip
    if array.shape[-2:] != (SIDE, SIDE) and array.ndim > 1 and array.shape[-1] != PIXELS:
        raise ApiError(
            422, "wrong_shape",
            f"{what}: expected images of 28 x 28 pixels, got an array of shape {array.shape}",
        )  # fmt: skip
    if array.min() < 0 or array.max() > 255 or (array != array.astype(np.uint8)).any():
        raise ApiError(
            422, "wrong_range",
            f"{what}: pixels must be whole numbers from 0 (paper) to 255 (ink), got values from "
            f"{array.min()} to {array.max()}",
        )  # fmt: skip
    return array.astype(np.uint8).reshape(-1, SIDE, SIDE)


def _brief(array: ndarray, value: Any) -> str:
    if array.dtype.kind in "iuf":
        return f"an array of shape {array.shape}"
    return (
        f"{type(value).__name__} of other values" if isinstance(value, list) else repr(value)[:60]
    )
