"""The Open Inference Protocol, version 2, as its clients speak it."""

import json

import numpy as np
import pytest
from running_server import JSON, assert_error

import digitnn
from digitnn.serving.models import ServedModel, find_sources

TOLERANCE = {"rtol": 1e-4, "atol": 2e-5}  # see test_classifying.py
MODELS = {source.name: ServedModel.load(source) for source in find_sources(())}


def request(images, shape=None, data=None, datatype="UINT8", **more):
    shape = list(images.shape) if shape is None else shape
    data = images.tolist() if data is None else data
    tensor = {"name": "images", "shape": shape, "datatype": datatype, "data": data}
    return json.dumps({"inputs": [tensor], **more})


def outputs_of(answer):
    assert answer.status == 200, answer.body
    return {tensor["name"]: tensor for tensor in answer.json()["outputs"]}


def test_the_server_tells_what_it_is_and_that_it_is_ready(server):
    about = server.get("/v2").json()
    assert about == {"name": "digitnn", "version": digitnn.__version__, "extensions": []}
    assert server.get("/v2/health/live").json() == {"live": True}
    assert server.get("/v2/health/ready").json() == {"ready": True}


@pytest.mark.parametrize("prefix", ["/v2/models/{}", "/v2/models/{}/versions/1"])
def test_every_model_tells_its_tensors(server, prefix):
    names = [model["name"] for model in server.get("/v1/models").json()["models"]]
    assert names == list(MODELS)
    for name in names:
        found = server.get(prefix.format(name)).json()
        assert (found["name"], found["versions"]) == (name, ["1"])
        image = {"name": "images", "datatype": "UINT8", "shape": [-1, 28, 28]}
        assert found["inputs"] == [image]
        shapes = {tensor["name"]: tensor["shape"] for tensor in found["outputs"]}
        answer = server.post(f"{prefix.format(name)}/infer", request(np.zeros((2, 28, 28))), JSON)
        for output, tensor in outputs_of(answer).items():
            assert tensor["shape"] == [2, *shapes[output][1:]]
            assert np.prod(tensor["shape"]) == len(tensor["data"])
        ready = server.get(f"{prefix.format(name)}/ready").json()
        assert ready == {"name": name, "ready": True}


@pytest.mark.parametrize("model", MODELS)
def test_the_tensors_hold_what_the_engine_computes(server, digits, model):
    images = digits.images[:5]
    expected = MODELS[model].logits(images)
    found = outputs_of(server.post(f"/v2/models/{model}/infer", request(images), JSON))
    logits = np.reshape(found["logits"]["data"], found["logits"]["shape"])
    np.testing.assert_allclose(logits, expected, **TOLERANCE)
    assert found["digit"]["data"] == logits.argmax(axis=1).tolist()
    assert found["digit"]["datatype"] == "INT64"
    p = np.reshape(found["probabilities"]["data"], found["probabilities"]["shape"])
    np.testing.assert_allclose(p, MODELS[model].probabilities(expected), rtol=0, atol=1e-4)


def test_data_may_be_nested_or_flat_and_of_any_type(server, digits):
    images = digits.images[:3]
    flat = images.ravel().tolist()
    bodies = [
        request(images),
        request(images, data=flat),
        request(images, [3, 784], flat, "FP32"),
        request(images, [3, 784], images.reshape(3, 784).tolist(), "INT16"),
        request(images, [3, 1, 28, 28], images[:, None].tolist()),
        request(images, [3, 1, 28, 28], [float(x) for x in flat], "FP64"),
    ]
    answers = [server.post("/v2/models/classic/infer", body, JSON) for body in bodies]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1


def test_the_id_and_the_chosen_outputs_are_given_back(server):
    image = np.zeros((1, 28, 28))
    body = request(image, id="an id", outputs=[{"name": "digit"}, {"name": "logits"}])
    found = server.post("/v2/models/cnn/infer", body, JSON).json()
    assert found["id"] == "an id"
    assert (found["model_name"], found["model_version"]) == ("cnn", "1")
    assert [tensor["name"] for tensor in found["outputs"]] == ["digit", "logits"]
    plain = server.post("/v2/models/cnn/infer", request(image), JSON).json()
    assert "id" not in plain
    assert [tensor["name"] for tensor in plain["outputs"]] == ["logits", "probabilities", "digit"]


IMAGE = np.zeros((1, 28, 28))
TWO = json.loads(request(IMAGE))["inputs"] * 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[", 400),
        (b"[" * 1_000_000, 400),
        (b'{"inputs": ' * 300 + b"1" + b"}" * 300, 422),
        (b"null", 422),
        (b'{"inputs": {}}', 422),
        (b'{"inputs": []}', 422),
        (json.dumps({"inputs": TWO}), 422),
        (request(IMAGE).replace('"images"', '"image"'), 422),
        (request(IMAGE, [1, 28, 27]), 422),
        (request(IMAGE, [2, 28, 28]), 422),
        (request(IMAGE, [-1, 28, 28]), 422),
        (request(IMAGE, [True, 28, 28]), 422),
        (request(IMAGE, "1,28,28"), 422),
        (request(IMAGE, [0, 28, 28], []), 422),
        (request(IMAGE, datatype="BYTES"), 422),
        (request(IMAGE, datatype=["UINT8"]), 422),
        (request(IMAGE + 0.5, datatype="FP32"), 422),
        (request(IMAGE - 1), 422),
        (request(IMAGE + np.nan, datatype="FP32"), 422),
        (request(IMAGE, id=3), 422),
        (request(IMAGE, outputs=[{"name": "odd"}]), 422),
        (request(IMAGE, outputs=[{}]), 422),
        (request(IMAGE, outputs=[[]]), 422),
        (request(IMAGE, outputs="logits"), 422),
        (request(IMAGE, outputs=3), 422),
        (request(IMAGE, outputs={"name": "logits"}), 422),
    ],
)
def test_a_wrong_request_is_one_line_of_an_error(server, body, status):
    assert_error(server.post("/v2/models/cnn/infer", body, JSON), status)


def test_an_unknown_model_or_version_is_not_found(server):
    for path in ("/v2/models/none", "/v2/models/none/ready", "/v2/models/none/versions/1"):
        assert assert_error(server.get(path), 404, "none") == "unknown_model"
    for path in ("/v2/models/cnn/versions/2", "/v2/models/cnn/versions/x/ready"):
        assert assert_error(server.get(path), 404, "version") == "unknown_version"
    answer = server.post("/v2/models/cnn/versions/2/infer", request(IMAGE), JSON)
    assert assert_error(answer, 404) == "unknown_version"
    answer = server.post("/v2/models/cnn/infer", request(IMAGE), {"Content-Type": "text/plain"})
    assert assert_error(answer, 415) == "wrong_content_type"
