"""POST /v1/classify and the Open Inference Protocol give the logits of the engines.

The server may classify images together with those of other requests, or in parts, and BLAS sums in
another order for another number of images. Then logits, which are of order 10, differ as those of
both engines may: by rounding in single precision, `TOLERANCE`. JSON rounds them to 5 decimals.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from running_server import JSON, OCTETS, assert_error, form

from digitnn.engines.find import find_engine
from digitnn.serving.models import ServedModel, find_sources
from digitnn.serving.reading_routes import image_parts
from digitnn.serving.tasks import Request, Tasks

TOLERANCE = {"rtol": 1e-4, "atol": 2e-5}
BOTH = {"Accept": "application/octet-stream", **OCTETS}
SOURCES = {source.name: source for source in find_sources(())}


@pytest.fixture(scope="module")
def models():
    return {name: ServedModel.load(source) for name, source in SOURCES.items()}


@pytest.fixture(scope="module")
def images(digits):
    return digits.images[:40]


def octets_of(answer):
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "application/octet-stream"
    return np.frombuffer(answer.body, "<f4").reshape(-1, 10)


@pytest.mark.engines
@pytest.mark.parametrize("engine", ["scratch", "pytorch"])
@pytest.mark.parametrize("model", SOURCES)
def test_the_logits_are_those_of_the_engine(server, models, images, model, engine):
    classifier = find_engine(engine).classifier(models[model].network, models[model].params)
    expected = classifier.logits(images)
    path = f"/v1/classify?model={model}&engine={engine}"
    found = octets_of(server.post(path, images.tobytes(), BOTH))
    np.testing.assert_allclose(found, expected, **TOLERANCE)

    listed = server.post(path, json.dumps({"images": images.tolist()}), JSON).json()
    assert (listed["model"], listed["engine"]) == (model, engine)
    np.testing.assert_allclose(listed["logits"], expected, **TOLERANCE)
    assert listed["digits"] == np.argmax(listed["logits"], axis=1).tolist()
    p = models[model].probabilities(np.float32(listed["logits"]))
    np.testing.assert_allclose(listed["probabilities"], p, rtol=0, atol=1e-4)
    np.testing.assert_allclose(np.sum(listed["probabilities"], axis=1), 1, rtol=0, atol=1e-5)
    assert np.shape(listed["probabilities"]) == (40, 11 if model == "reader" else 10)


def test_bytes_and_json_are_answered_alike(server, images):
    found = octets_of(server.post("/v1/classify?model=cnn", images[:1].tobytes(), BOTH))
    sent_as_bytes = server.post("/v1/classify?model=cnn", images[:1].tobytes(), OCTETS)
    body = json.dumps({"images": images[:1].tolist()})
    assert server.post("/v1/classify?model=cnn", body, JSON).body == sent_as_bytes.body
    np.testing.assert_allclose(sent_as_bytes.json()["logits"], found, rtol=0, atol=6e-6)


def test_many_images_are_split_among_workers_in_order(server, digits):
    images = np.concatenate([digits.images, digits.images[::-1]])
    together = octets_of(server.post("/v1/classify?model=classic", images.tobytes(), BOTH))
    listed = server.post("/v1/classify?model=classic", images.tobytes(), OCTETS).json()
    body = json.dumps({"images": images.tolist()})  # JSON is not split
    unsplit = server.post("/v1/classify?model=classic", body, JSON).json()
    assert len(unsplit["digits"]) == 1200
    for found in (together, listed["logits"]):
        np.testing.assert_allclose(found, unsplit["logits"], **TOLERANCE)
    assert listed["digits"] == np.argmax(listed["logits"], axis=1).tolist()
    np.testing.assert_allclose(listed["probabilities"], unsplit["probabilities"], rtol=0, atol=1e-4)


def test_each_of_many_clients_gets_its_own_answer(server, models, digits):
    images = digits.images[:48]
    expected = models["classic"].logits(images)

    def ask(k):
        image = images[k : k + 1]
        if k % 2:
            return octets_of(server.post("/v1/classify?model=classic", image.tobytes(), BOTH))
        body = json.dumps({"images": image.tolist()})
        return np.array(server.post("/v1/classify?model=classic", body, JSON).json()["logits"])

    with ThreadPoolExecutor(16) as pool:
        found = np.concatenate(list(pool.map(ask, range(len(images)))))
    np.testing.assert_allclose(found, expected, **TOLERANCE)


def test_requests_computed_together_fail_alone(models, images):
    tasks = Tasks([SOURCES["reader"], SOURCES["classic"]], max_images=3, megapixels=1)
    media = {"octets": "application/octet-stream", "json": "application/json"}

    def request(body, sent="octets", accepted="octets"):
        names = {"media_type": media[sent], "accept": media[accepted]}
        return Request({"model": "classic", "engine": "scratch", **names}, body)

    requests = [
        request(images[:2].tobytes()),
        request(b"x" * 783),
        request(json.dumps({"images": images[5:6].tolist()}).encode(), "json", "json"),
        request(images[:4].tobytes()),
        request(images[2:5].tobytes()),
    ]
    replies = tasks.run("classify", requests)
    assert [reply.status for reply in replies] == [200, 422, 200, 422, 200]
    expected = models["classic"].logits(images)
    for reply, part in ((replies[0], slice(2)), (replies[4], slice(2, 5))):
        found = np.frombuffer(reply.body, "<f4").reshape(-1, 10)
        np.testing.assert_allclose(found, expected[part], **TOLERANCE)
    listed = json.loads(b"[" + replies[2].body.splitlines()[2] + b"]")
    np.testing.assert_allclose(listed, expected[5:6], **TOLERANCE)
    unknown = Request(requests[0].options | {"model": "none"}, images[:1].tobytes())
    assert [reply.status for reply in tasks.run("classify", [unknown] * 2)] == [404, 404]


def test_many_images_of_several_requests_are_classified_in_batches(models, digits):
    tasks = Tasks([SOURCES["reader"], SOURCES["classic"]], max_images=10_000, megapixels=1)
    names = dict.fromkeys(("media_type", "accept"), "application/octet-stream")
    options = {"model": "classic", "engine": "scratch", **names}
    images = digits.images[np.arange(4000) % len(digits.images)]
    cuts = [0, 3, 400, 999, 1001, 1002, 3500, 4000]  # 3,500 - 1,002 are more than a batch
    parts = [images[a:b] for a, b in pairwise(cuts)]
    replies = tasks.run("classify", [Request(options, part.tobytes()) for part in parts])
    for reply, part in zip(replies, parts, strict=True):
        found = np.frombuffer(reply.body, "<f4").reshape(-1, 10)
        np.testing.assert_allclose(found, models["classic"].logits(part), **TOLERANCE)


@pytest.mark.parametrize(
    ("n", "workers", "expected"),
    [(1, 2, [1]), (250, 2, [250]), (600, 1, [600]), (600, 2, [300, 300]), (600, 16, [300, 300]),
     (2000, 2, [1000, 1000]), (2001, 2, [667, 667, 667]), (10_000, 2, [1000] * 10)],
)  # fmt: skip
def test_many_images_are_cut_into_equal_parts_for_the_workers(n, workers, expected):
    body = np.random.default_rng(n).integers(0, 256, 784 * n, np.uint8).tobytes()
    parts = image_parts(body, workers)
    assert [len(part) // 784 for part in parts] == expected
    assert b"".join(parts) == body
    assert image_parts(body + b"x", workers) == [body + b"x"]  # the worker tells what is wrong


NESTED = [[0] * 28] * 28


@pytest.mark.parametrize(
    ("body", "headers", "status", "words"),
    [
        (b"", OCTETS, 422, "at least 1 image"),
        (b"", JSON, 400, "not JSON"),
        (b"{}", JSON, 422, "images"),
        (b"[]", JSON, 422, "images"),
        (b"null", JSON, 422, "images"),
        (b'{"images": []}', JSON, 422, "at least 1 image"),
        (b'{"images": [[], []]}', JSON, 422, "at least 1 image"),
        (b'{"images": {}}', JSON, 422, "28 x 28"),
        (b'{"images": "abc"}', JSON, 422, "28 x 28"),
        (b'{"images": [[[1, 2], [3]]]}', JSON, 422, "28 x 28"),
        (b'{"images": [true]}', JSON, 422, "28 x 28"),
        (b'{"images": [1e999]}', JSON, 422, "28 x 28"),
        (b'{"images": [NaN]}', JSON, 422, "NaN"),
        (b'{"images": [-Infinity]}', JSON, 422, "-Infinity"),
        (b'{"images": [1', JSON, 400, "not JSON"),
        (b"\xff\xfe\x00", JSON, 400, "not JSON"),
        (b'{"images": [%s]}' % (b"9" * 5000), JSON, 400, "not JSON"),
        (b'{"images": [[%s]]}' % b",".join([b"1e999"] * 784), JSON, 422, "255"),
        (b"[" * 10_000_000, JSON, 400, "nested"),
        (b'{"images": %s}' % (b"[" * 10_000_000), JSON, 400, "nested"),
        (json.dumps({"images": [NESTED[:27]]}), JSON, 422, "28 x 28"),
        (json.dumps({"images": [[[0] * 56] * 14]}), JSON, 422, "28 x 28"),
        (json.dumps({"images": [[[256] * 28] * 28]}), JSON, 422, "255"),
        (json.dumps({"images": [[[-1] * 28] * 28]}), JSON, 422, "255"),
        (json.dumps({"images": [[[0.5] * 28] * 28]}), JSON, 422, "whole numbers"),
        (json.dumps({"images": [[[10**30] * 28] * 28]}), JSON, 422, "255"),
        (json.dumps({"images": [[["0"] * 28] * 28]}), JSON, 422, "28 x 28"),
        (bytes(783), OCTETS, 422, "784"),
        (bytes(784 * 10_001), OCTETS, 422, "10,000"),
        (bytes(784), {"Content-Type": "text/plain"}, 415, "text/plain"),
        (bytes(784), {}, 415, "none"),
        (*form([("a.png", bytes(784))]), 415, "multipart/form-data"),
    ],
)
def test_what_is_no_image_is_one_line_of_an_error(server, body, headers, status, words):
    assert_error(server.post("/v1/classify", body, headers), status, words)


def test_too_many_images_in_json_are_an_error(server):
    body = b'{"images": [%s]}' % b",".join([b"[" + b",".join([b"0"] * 784) + b"]"] * 10_001)
    assert_error(server.post("/v1/classify", body[:-9], JSON), 400)
    assert len(body) < 16_000_000
    assert_error(server.post("/v1/classify", body, JSON), 422, "10,000", "10,001")


@pytest.mark.parametrize("name", ["none", "", "../cnn", "%00", "a" * 150])
def test_an_unknown_model_is_told_with_those_there_are(server, name):
    for path in (f"/v1/classify?model={name}", f"/v1/explain?model={name}"):
        answer = server.post(path, bytes(784), OCTETS)
        assert assert_error(answer, 404, "reader, classic, cnn") == "unknown_model"


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/v1/classify?engine=numpy", "engine"),
        ("/v1/classify?model=" + "a" * 201, "model"),
        ("/v1/read?min_confidence=nan", "min_confidence"),
        ("/v1/read?min_confidence=1.5", "min_confidence"),
        ("/v1/read?single=perhaps", "single"),
        ("/v1/explain?parts=stages,all", "parts"),
    ],
)
def test_a_wrong_option_is_named(server, path, word):
    assert assert_error(server.post(path, bytes(784), OCTETS), 422, word) == "wrong_option"
