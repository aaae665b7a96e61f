"""What a worker computes: one function for each kind of request, from bytes to a reply.

Requests of one kind that wait together are computed together: `classify` then classifies all their
images at once. Nothing here knows of HTTP servers or processes.
Axes: n images, k digits.
"""

import json
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from digitnn.data.dataset import NON_DIGIT
from digitnn.errors import DigitnnError, PictureError, UsageError
from digitnn.reader.digit_classifier import probabilities
from digitnn.reader.input.opening import Limits, open_bytes
from digitnn.reader.reader import DEFAULT_MIN_CONFIDENCE, Digit, Reader
from digitnn.reader.results import digit_to_json, read_pages, result_to_json, to_line
from digitnn.reader.single_digit import whole_ink
from digitnn.serving import inference_protocol
from digitnn.serving.bodies import MAX_BATCH, parse_images
from digitnn.serving.inside import Inside, encoded
from digitnn.serving.models import ServedModel, Source
from digitnn.serving.replies import OCTETS, ApiError, Reply, json_reply

Options: TypeAlias = Mapping[str, Any]
"""The options of a request, plain JSON values."""

STDIN = "-"
"""What a picture without a name is called, as on the command line."""


class _Upload(BytesIO):
    """The bytes of a picture, and what messages call it."""

    def __init__(self, body: bytes, name: str) -> None:
        super().__init__(body)
        self.name = name


@dataclass(frozen=True)
class Request:
    """A piece of work. body: what was sent; options: from the address and the headers."""

    options: Options
    body: bytes | memoryview


class Tasks:
    """The served networks, loaded, and what can be asked of them.

    sources: the networks by name; max_images: of one request; megapixels: of one picture.
    """

    def __init__(self, sources: Sequence[Source], max_images: int, megapixels: float) -> None:
        self._models = {source.name: ServedModel.load(source) for source in sources}
        self._max_images, self._limits = max_images, Limits(megapixels=megapixels)
        self._inside = Inside()
        self._kinds: Mapping[str, Callable[[Sequence[Request]], list[Reply]]] = {
            "read": self._each(self._read),
            "classify": self._classify,
            "explain": self._each(self._explain),
            "filter": self._each(self._filter),
            "compare": self._each(self._compare),
            "infer": self._each(self._infer),
            "add": self._each(self._add),
        }
        self._model("reader").logits(np.zeros((1, 28, 28), np.uint8))  # fail now, if at all

    def run(self, kind: str, requests: Sequence[Request]) -> list[Reply]:
        """Return a reply for each request. Whatever goes wrong becomes a reply too."""
        try:
            return self._kinds[kind](requests)
        except Exception as error:  # a mistake of ours: this request fails, the worker goes on
            traceback.print_exc(file=sys.stderr)
            return [_failure(error)] * len(requests)

    def _each(
        self, answer: Callable[[Options, bytes], Reply]
    ) -> Callable[[Sequence[Request]], list[Reply]]:
        def answer_all(requests: Sequence[Request]) -> list[Reply]:
            return [_caught(answer, request) for request in requests]

        return answer_all

    def _model(self, name: str) -> ServedModel:
        if name not in self._models:
            known = ", ".join(self._models)
            raise ApiError(404, "unknown_model", f"no model {name[:80]!r}; models: {known}")
        return self._models[name]

    def _add(self, options: Options, _: bytes) -> Reply:
        """Serve one more network, which this server has just trained."""
        source = Source.from_json(options["source"])
        self._models[source.name] = ServedModel.load(source)
        return json_reply({})

    # reading

    def _reader(self, options: Options) -> Reader:
        model = self._model(options["model"])
        return Reader(
            model.classify, options["min_confidence"], self._limits,
            symbols=options["symbols"], rotate=options["rotate"],
        )  # fmt: skip

    def _read(self, options: Options, body: bytes) -> Reply:
        """Return a line for each page of a picture; status 422 if none could be read."""
        path = options["path"]
        source = _Upload(body, "the picture" if path == STDIN else path)
        results = list(read_pages(self._reader(options), source, path, options["single"]))
        lines = []
        for result in results:
            line = result_to_json(result)
            if options["images"] and not isinstance(result.found, PictureError):
                line["digits"] = [_with_image(digit) for digit in result.found.digits]
            lines.append(to_line(line))
        if all(isinstance(result.found, PictureError) for result in results):
            raise ApiError(422, "unreadable_picture", str(results[0].found))
        return Reply(200, "application/json", ",\n".join(lines).encode())

    # classifying

    def _classify(self, requests: Sequence[Request]) -> list[Reply]:
        """Classify the images of all requests together; they ask for the same model and engine."""
        options = requests[0].options
        parsed = [_parsed(request, self._max_images) for request in requests]
        images = [found for found in parsed if isinstance(found, ndarray)]
        try:
            model = self._model(options["model"])
            engine = options["engine"]
            logits = iter([z for batch in _batches(images) for z in _logits(model, batch, engine)])
        except ApiError as error:
            return [error.reply] * len(requests)
        return [
            found if isinstance(found, Reply)
            else classified(model, next(logits), request.options["accept"])
            for request, found in zip(requests, parsed, strict=True)
        ]  # fmt: skip

    def _infer(self, options: Options, body: bytes) -> Reply:
        model = self._model(options["model"])
        request = inference_protocol.parse(body, self._max_images)
        logits = model.logits(request.images)
        outputs = {"logits": logits, "probabilities": model.probabilities(logits),
                   "digit": logits.argmax(axis=1)}  # fmt: skip
        return json_reply(inference_protocol.response(model.source.name, request, outputs))

    # explaining

    def _explain(self, options: Options, body: bytes) -> Reply:
        """Return what every model says of one image, and what happens inside one of them."""
        box: Sequence[int] | None = None
        if options["media_type"] == OCTETS:
            image = parse_images(body, OCTETS, 1)[0]
        else:
            picture = open_bytes(body, "the picture", self._limits)
            glyph = whole_ink(picture, self._models["reader"].classify)
            image = np.zeros((28, 28), np.uint8) if glyph is None else glyph.image
            box = None if glyph is None else list(glyph.box)
        chosen = self._model(options["model"])
        if not image.any():
            nothing: dict[str, Any] = {"blank": True, "image": None, "box": None, "models": []}
            return json_reply({**nothing, "model": chosen.source.name})
        return json_reply({
            "blank": False,
            "image": encoded(image),
            "box": box,
            "models": [answer_of(model, image) for model in self._models.values()],
            "model": chosen.source.name,
            **self._inside.parts(chosen, image, options["parts"]),
        })  # fmt: skip

    def _filter(self, options: Options, _: bytes) -> Reply:
        model = self._model(options["model"])
        return json_reply(self._inside.filter(model, options["stage"], options["plane"]))

    def _compare(self, options: Options, _: bytes) -> Reply:
        first, second = self._model(options["first"]), self._model(options["second"])
        return json_reply(self._inside.compare(first, second))


def classified(model: ServedModel, logits: Float32[ndarray, "n k"], accept: str) -> Reply:
    """Return logits as bytes, or three lines of JSON without brackets, which can be joined."""
    if accept == OCTETS:
        return Reply(200, OCTETS, logits.astype("<f4").tobytes())
    rows = (logits.argmax(axis=1), model.probabilities(logits).round(6), logits.round(5))
    lines = (json.dumps(row.tolist(), allow_nan=False)[1:-1] for row in rows)
    return Reply(200, "application/json", "\n".join(lines).encode())


def answer_of(model: ServedModel, image: UInt8[ndarray, "28 28"]) -> dict[str, Any]:
    """Return what one model says of an image, on each engine."""
    logits = {name: model.logits(image[None], name)[0] for name in model.classifiers}
    p = probabilities(model.network, logits["scratch"][None])[0]
    digit, confidence = int(p[:NON_DIGIT].argmax()), float(p[:NON_DIGIT].max())
    accepted = digit if confidence >= DEFAULT_MIN_CONFIDENCE else None
    seen = Digit(accepted, confidence, (0, 0, 28, 28), image, p)
    difference = None
    if "pytorch" in logits:
        difference = float(np.abs(logits["scratch"] - logits["pytorch"]).max())
    return {
        "name": model.source.name,
        "digit": digit,
        "confidence": round(confidence, 6),
        "probabilities": p[:NON_DIGIT].astype(float).round(6).tolist(),
        "non_digit": round(float(p[NON_DIGIT]), 6) if model.network.rejects else None,
        "rejected": "" if accepted is not None else seen.verdict.removeprefix("?: "),
        "logits": {name: z.astype(float).round(5).tolist() for name, z in logits.items()},
        "largest_difference": difference,
    }


def _with_image(digit: Digit) -> dict[str, Any]:
    return digit_to_json(digit) | {"image": encoded(digit.image)}


def _batches(images: Sequence[UInt8[ndarray, "n 28 28"]]) -> Iterator[list[ndarray]]:
    """Group the images of requests, in order: at most `MAX_BATCH` of several requests together."""
    batch: list[ndarray] = []
    for own in images:
        if batch and sum(map(len, batch)) + len(own) > MAX_BATCH:
            yield batch
            batch = []
        batch.append(own)
    if batch:
        yield batch


def _logits(model: ServedModel, batch: Sequence[ndarray], engine: str) -> list[ndarray]:
    """Return the logits of each request of a batch."""
    if len(batch) == 1:  # without copying its images
        return [model.logits(batch[0], engine)]
    ends = np.cumsum([len(own) for own in batch])
    return np.split(model.logits(np.concatenate(batch), engine), ends[:-1])


def _parsed(request: Request, max_images: int) -> UInt8[ndarray, "n 28 28"] | Reply:
    try:
        return parse_images(request.body, request.options["media_type"], max_images)
    except ApiError as error:
        return error.reply


def _caught(answer: Callable[[Options, bytes], Reply], request: Request) -> Reply:
    try:
        return answer(request.options, bytes(request.body))
    except ApiError as error:
        return error.reply
    except UsageError as error:
        return ApiError(422, "wrong_option", str(error)).reply
    except PictureError as error:
        return ApiError(422, "unreadable_picture", str(error)).reply
    except DigitnnError as error:
        return ApiError(422, "not_possible", str(error)).reply


def _failure(error: Exception) -> Reply:
    return ApiError(500, "internal", f"unexpected {type(error).__name__}").reply
