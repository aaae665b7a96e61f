"""What all models say of a drawing, and why: POST /v1/explain, filters and comparisons."""

import base64

import numpy as np
import pytest
from pictures import as_png, five
from running_server import OCTETS, PNG, assert_error, serving

from digitnn.analysis.explain.neighbours import nearest_by_pixels
from digitnn.analysis.explain.saliency import saliency
from digitnn.analysis.explain.stages import stages_of
from digitnn.data.dataset import split
from digitnn.data.fetch.sources import load
from digitnn.serving.models import ServedModel, find_sources

ALL_PARTS = "parts=stages,saliency,neighbours"
MODELS = {source.name: ServedModel.load(source) for source in find_sources(())}


@pytest.fixture(scope="module")
def splits(small_mnist):
    return split(load("mnist", "train", small_mnist))


@pytest.fixture(scope="module")
def explained(server):
    """What the server says of a drawing, and the image that it made of it."""
    drawing = np.full((280, 280), 255, np.uint8)
    drawing[20:160, 120:260] = five(140)
    answer = server.post(f"/v1/explain?model=cnn&{ALL_PARTS}", as_png(drawing), PNG)
    assert answer.status == 200, answer.body
    return answer.json(), image_of(answer.json()["image"])


def image_of(text):
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(28, 28)


def levels_of(found, kind):
    """The values of an array that was sent as bytes."""
    return np.frombuffer(base64.b64decode(found["values"]), kind).reshape(found["shape"])


def test_a_drawing_away_from_the_centre_is_found_and_classified(explained):
    found, image = explained
    left, top, right, bottom = found["box"]
    assert 120 <= left < right <= 260
    assert 20 <= top < bottom <= 160
    assert (right - left) > 40
    assert (bottom - top) > 80
    assert image[14].any()
    assert not found["blank"]
    assert found["model"] == "cnn"
    assert [model["digit"] for model in found["models"]] == [5, 5, 5]
    assert [model["name"] for model in found["models"]] == list(MODELS)


@pytest.mark.engines
def test_both_engines_agree_on_every_model(explained):
    found, image = explained
    for said in found["models"]:
        assert said["logits"].keys() == {"scratch", "pytorch"}
        assert said["largest_difference"] <= 1e-4
        scratch, pytorch = said["logits"]["scratch"], said["logits"]["pytorch"]
        difference = np.abs(np.subtract(scratch, pytorch)).max()
        assert abs(difference - said["largest_difference"]) <= 1.1e-5  # both are rounded
        expected = MODELS[said["name"]].logits(image[None])[0]
        np.testing.assert_allclose(scratch, expected, rtol=1e-4, atol=2e-5)


def test_the_probabilities_sum_to_one_and_confidence_is_the_largest(explained):
    for said in explained[0]["models"]:
        assert len(said["probabilities"]) == 10
        assert (said["non_digit"] is not None) == MODELS[said["name"]].network.rejects
        total = sum(said["probabilities"]) + (said["non_digit"] or 0)
        assert abs(total - 1) <= 1e-5
        assert max(said["probabilities"]) == said["confidence"]
        assert said["probabilities"][said["digit"]] == max(said["probabilities"])
        assert said["rejected"] == ("" if said["confidence"] >= 0.5 else said["rejected"])


def test_the_stages_are_those_of_the_network(server, explained):
    found, image = explained
    model = MODELS["cnn"]
    expected = stages_of(model.network, model.params, image).stages
    listed = next(m for m in server.get("/v1/models").json()["models"] if m["name"] == "cnn")
    told = [(stage["name"], stage["shape"]) for stage in found["stages"]]
    assert told == [(stage["name"], stage["shape"]) for stage in listed["stages"]]
    assert len(found["stages"]) == len(expected)
    for stage, own in zip(found["stages"], expected, strict=True):
        step = (stage["largest"] - stage["least"]) / 255
        values = stage["least"] + levels_of(stage, np.uint8) * step
        np.testing.assert_allclose(values, own.output, rtol=0, atol=0.51 * step + 1e-4)


def test_the_saliency_maps_are_those_of_the_analysis(explained):
    found, image = explained
    model = MODELS["cnn"]
    expected = saliency(model.network, model.params, image)
    maps = found["saliency"]
    assert (maps["predicted"], maps["rival"]) == (expected.predicted, expected.rival)
    for name in ("for_predicted", "against_rival"):
        levels = np.frombuffer(base64.b64decode(maps[name]), np.int8).reshape(28, 28)
        values = levels * (maps["largest"] / 127)
        atol = 0.51 * maps["largest"] / 127 + 1e-4
        np.testing.assert_allclose(values, getattr(expected, name), rtol=0, atol=atol)


def test_the_neighbours_are_the_nearest_of_the_training_split(explained, splits):
    found, image = explained
    expected = nearest_by_pixels(image, splits[0], 8)
    neighbours = found["neighbours"]
    assert [near["label"] for near in neighbours] == list(expected.labels)
    np.testing.assert_allclose([n["distance"] for n in neighbours], expected.distances, atol=6e-4)
    for near, pixels in zip(neighbours, expected.images, strict=True):
        np.testing.assert_array_equal(image_of(near["image"]), pixels)


@pytest.mark.parametrize("drawing", [np.full((100, 100), 255, np.uint8), np.zeros((28, 28))])
def test_a_blank_drawing_is_blank(server, drawing):
    """A picture of paper, or an image of 784 zeros."""
    sent = (drawing.astype(np.uint8).tobytes(), OCTETS)
    sent = (as_png(drawing), PNG) if drawing.any() else sent
    found = server.post(f"/v1/explain?model=classic&{ALL_PARTS}", *sent).json()
    nothing = {"blank": True, "image": None, "box": None, "models": [], "model": "classic"}
    assert found == nothing


def test_an_image_is_taken_as_it_is(server, digits):
    image = digits.images[0]
    found = server.post("/v1/explain?model=reader", image.tobytes(), OCTETS).json()
    np.testing.assert_array_equal(image_of(found["image"]), image)
    assert found["box"] is None
    assert found.keys() == {"blank", "image", "box", "models", "model"}


def test_only_the_wanted_parts_are_computed(server, digits):
    for parts in ("stages", "saliency", "neighbours", "saliency,stages"):
        path = f"/v1/explain?model=classic&parts={parts}"
        found = server.post(path, digits.images[0].tobytes(), OCTETS).json()
        own = found.keys() - {"blank", "image", "box", "models", "model"}
        assert own == set(parts.split(","))


def test_what_is_no_drawing_is_an_error(server):
    for body, headers, status in (
        (b"", PNG, 422),
        (b"", OCTETS, 422),
        (bytes(783), OCTETS, 422),
        (bytes(2 * 784), OCTETS, 422),
        (b"abc", PNG, 422),
        (bytes(784), {}, 415),
        (b"{}", {"Content-Type": "application/json"}, 415),
    ):
        assert_error(server.post("/v1/explain", body, headers), status)


@pytest.mark.parametrize(("name", "stage", "plane"), [("cnn", 0, 3), ("classic", 0, 99)])
def test_a_filter_is_that_of_the_network(server, splits, name, stage, plane):
    answer = server.get(f"/v1/models/{name}/filter?stage={stage}&plane={plane}")
    found = answer.json()
    params = MODELS[name].params
    weight = next(p for key, p in params.items() if key.endswith(".weight"))[plane]
    assert found["kind"] == ("filter" if name == "cnn" else "unit")
    step = found["weights"]["largest"] / 127
    values = levels_of(found["weights"], np.int8) * step
    np.testing.assert_allclose(values.ravel(), weight.ravel(), rtol=0, atol=0.51 * step + 1e-6)
    activations = [response["activation"] for response in found["responds_to"]]
    assert len(activations) == 8
    assert activations == sorted(activations, reverse=True)
    known = {image.tobytes() for image in splits[0].images}
    assert all(base64.b64decode(r["image"]) in known for r in found["responds_to"])


def test_a_filter_that_is_not_there_is_not_found(server):
    for path, code in (
        ("/v1/models/none/filter?stage=0&plane=0", "unknown_model"),
        ("/v1/models/cnn/filter?stage=99&plane=0", "unknown_stage"),
        ("/v1/models/cnn/filter?stage=0&plane=99999", "unknown_plane"),
    ):
        assert assert_error(server.get(path), 404) == code
    for query in ("stage=-1&plane=0", "stage=0", "stage=a&plane=0", "stage=0&plane=1e9"):
        assert_error(server.get(f"/v1/models/cnn/filter?{query}"), 422)


@pytest.mark.slow
def test_two_models_are_compared_on_the_validation_split(server, splits):
    found = server.get("/v1/compare?first=classic&second=cnn").json()
    valid = splits[1]
    right = {
        name: MODELS[name].logits(valid.images).argmax(axis=1) == valid.labels
        for name in ("classic", "cnn")
    }
    assert found["n"] == len(valid) == 100
    assert found["both_right"] == (right["classic"] & right["cnn"]).sum()
    assert found["both_wrong"] == (~right["classic"] & ~right["cnn"]).sum()
    assert found["only_first"]["count"] == (right["classic"] & ~right["cnn"]).sum()
    assert found["only_second"]["count"] == (~right["classic"] & right["cnn"]).sum()
    for only in (found["only_first"], found["only_second"]):
        assert len(only["examples"]) == min(only["count"], 24)
        for example in only["examples"]:
            assert example["label"] == valid.labels[example["index"]]
            assert example["predicted"] != example["label"]
            pixels = image_of(example["image"])
            np.testing.assert_array_equal(pixels, valid.images[example["index"]])


def test_without_mnist_the_page_shows_what_it_can(tmp_path, digits):
    with serving(tmp_path / "bare", "--workers", "1") as server:
        assert not server.get("/v1/models").json()["data"]
        path = "/v1/explain?model=classic&parts=neighbours"
        found = server.post(path, digits.images[0].tobytes(), OCTETS).json()
        assert found["neighbours"] == []
        assert not server.get("/v1/models/cnn/filter?stage=0&plane=0").json()["responds_to"]
        answer = server.get("/v1/compare?first=classic&second=cnn")
        assert assert_error(answer, 409, "digitnn data fetch") == "no_data"
        job = '{"recipe": "cnn-98.7", "engine": "scratch", "seed": 0}'
        answer = server.post("/v1/training", job, {"Content-Type": "application/json"})
        assert_error(answer, 409, "digitnn data fetch")
