"""What a network has learned, as values; that figures are drawn of them; the command."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from commands import CommandLine, assert_one_error_line
from pictures import five
from PIL import Image
from small_trainings import CNN

from digitnn.analysis.explain.first_layer import draw_first_layer, first_layer
from digitnn.analysis.explain.maps import draw_maps, map_images
from digitnn.analysis.explain.mosaic import mosaic
from digitnn.analysis.explain.neighbours import (
    describe_neighbours,
    draw_neighbours,
    nearest_by_features,
    nearest_by_pixels,
)
from digitnn.analysis.explain.saliency import describe_saliency, draw_saliency, saliency
from digitnn.analysis.explain.stages import draw_stages, stages_of
from digitnn.engines.scratch.backpropagation import forward
from digitnn.engines.scratch.engine import ScratchEngine, activations, hidden_features
from digitnn.errors import DataError, NetworkError
from digitnn.network.initialisation import initial_parameters
from digitnn.network.layers import Conv2d, Crop, Dense, Flatten, MaxPool2d, Relu
from digitnn.network.network import Network, Standardise
from digitnn.reader.digit_classifier import image_classifier
from digitnn.recipes.builtin import RECIPES

pytestmark = pytest.mark.slow

PIXELS = Standardise(mean=0, std=51)


def params_of(network: Network, rng: np.random.Generator) -> dict[str, np.ndarray]:
    return initial_parameters(network, "he", rng)


def test_a_mosaic_holds_every_plane_in_its_place(rng):
    planes = rng.normal(size=(5, 2, 3))
    whole = mosaic(planes, columns=2, gap=1)
    assert whole.shape == (3 * 2 + 2, 2 * 3 + 1)
    np.testing.assert_array_equal(whole[3:5, 4:7], planes[3])
    np.testing.assert_array_equal(whole[6:8, 0:3], planes[4])
    assert np.isnan(whole[2]).all()
    assert np.isnan(whole[6:8, 4:7]).all()


def test_hidden_weights_are_in_units_of_full_ink_strongest_first(rng):
    network = Network((Crop(2), Flatten(), Dense(3), Relu(), Dense(10)), PIXELS)
    params = params_of(network, rng)
    params["2.weight"] *= np.array([[1], [100], [10]], np.float32)
    found = first_layer(network, params)
    assert found.kind == "units"
    assert found.order == (1, 2, 0)
    # a pixel of 255 is 5 standard deviations from 0
    expected = 5 * params["2.weight"][1].reshape(24, 24)
    np.testing.assert_allclose(found.weights[0], expected, rtol=1e-6)
    assert (
        draw_first_layer(found).axes[0].get_title()
        == "3 hidden units, each with a weight for every pixel"
    )


def test_filters_are_those_of_the_first_convolution(rng):
    network = CNN.network()
    params = params_of(network, rng)
    found = first_layer(network, params)
    assert found.kind == "filters"
    scale = 255 / network.standardise.std
    np.testing.assert_allclose(
        found.weights[0], scale * params["0.weight"][found.order[0], 0], rtol=1e-6
    )
    assert "4 filters" in draw_first_layer(found).axes[0].get_title()


def test_weights_after_pooling_see_no_pixels():
    network = Network((MaxPool2d(2), Conv2d(2, 3), Flatten(), Dense(10)))
    with pytest.raises(NetworkError, match="comes before the first weights"):
        first_layer(network, {})


def test_activations_end_in_the_logits_and_hidden_features_just_before(digits, rng):
    network = RECIPES["cnn-best"].network()
    params = params_of(network, rng)
    outputs = activations(network, params, digits.images[:2])
    assert [output.shape[1:] for output in outputs] == network.shapes()[1:]
    logits, _ = forward(network.layers, params, network.inputs(digits.images[:2]))
    np.testing.assert_allclose(outputs[-1], logits, rtol=1e-5, atol=1e-5)
    features = hidden_features(network, params, digits.images[:2])
    np.testing.assert_allclose(features, outputs[-2], rtol=1e-5, atol=1e-5)


def test_a_stage_is_a_layer_with_weights_and_its_followers(digits, rng):
    network = RECIPES["cnn"].network()
    found = stages_of(network, params_of(network, rng), digits.images[0])
    assert [stage.name for stage in found.stages] == [
        "32 filters 5 × 5, ReLU, max-pooling",
        "64 filters 5 × 5, ReLU, max-pooling",
        "128 units, ReLU",
        "10 units",
    ]
    assert [stage.output.shape for stage in found.stages] == [
        (32, 12, 12),
        (64, 4, 4),
        (128,),
        (10,),
    ]
    assert len(draw_stages(found).axes) == 5


@pytest.mark.engines
@pytest.mark.parametrize("recipe", ["cnn-fast", "classic"])
def test_saliency_agrees_with_pytorch(recipe, digits, rng):
    torch = pytest.importorskip("torch")
    from digitnn.engines.pytorch.modules import build

    network = replace(RECIPES[recipe].network(), temperature=2.0)
    params = params_of(network, rng)
    found = saliency(network, params, digits.images[0])
    module = build(network, params).eval()

    def gradient_of(read: int, rival: int | None) -> np.ndarray:
        ink = torch.tensor(digits.images[:1, None] / np.float32(255), requires_grad=True)
        z = module((255 * ink - network.standardise.mean) / network.standardise.std)[0]
        (z[read] if rival is None else z[read] - z[rival]).backward()
        return ink.grad[0, 0].numpy()

    pixels = torch.tensor(network.inputs(digits.images[:1]))
    z = module(pixels)[0].detach()
    assert [found.predicted, found.rival] == z.argsort(descending=True)[:2].tolist()
    np.testing.assert_allclose(found.probabilities, (z / 2).softmax(0), rtol=1e-4, atol=1e-6)
    for ours, theirs in (
        (found.for_predicted, gradient_of(found.predicted, None)),
        (found.against_rival, gradient_of(found.predicted, found.rival)),
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4 * np.abs(theirs).max())
    assert f"rather than {found.rival}" in draw_saliency(found).axes[2].get_title()


@pytest.mark.parametrize("rejects", [False, True])
def test_probabilities_agree_with_the_reader(rejects, digits, rng):
    network = replace(RECIPES["cnn-98.7"].network(), temperature=1.5, rejects=rejects)
    params = params_of(network, rng)
    classify = image_classifier(network, ScratchEngine().classifier(network, params))
    expected = classify(digits.images[:1])[0, :10]
    found = saliency(network, params, digits.images[0])
    np.testing.assert_allclose(found.probabilities, expected, rtol=1e-4)


def test_the_nearest_images_have_the_smallest_distances(digits, rng):
    features = rng.normal(size=(600, 5)).astype(np.float32)
    one = features[77] + np.float32(0.01)
    found = nearest_by_features(features, one, digits, many=3)
    distances = np.linalg.norm(features - one, axis=1)
    assert found.indices == tuple(np.argsort(distances)[:3])
    assert found.indices[0] == 77
    np.testing.assert_allclose(found.distances, np.sort(distances)[:3], rtol=1e-5)
    assert found.labels[0] == digits.labels[77]


def test_pixel_distances_are_in_units_of_full_ink(digits):
    image = digits.images[5].copy()
    image[14, 14] = 255 - image[14, 14]
    found = nearest_by_pixels(image, digits)
    assert found.indices[0] == 5
    change = abs(int(image[14, 14]) - int(digits.images[5, 14, 14]))
    assert found.distances[0] == pytest.approx(change / 255)
    figure = draw_neighbours(image, 3, found, found)
    assert len(figure.subfigs[0].axes) == 9


CLOTHES = ("T-shirt", "trouser", "pullover", "a very long evening dress", *"efghij")


def test_saliency_names_the_classes_of_a_network_with_labels(digits, rng):
    network = replace(CNN.network(), labels=CLOTHES)
    found = saliency(network, params_of(network, rng), digits.images[0])
    name, rival = CLOTHES[found.predicted], CLOTHES[found.rival]
    words = describe_saliency(found)
    assert f"compares {name} with {rival}, the next most likely class (" in words
    assert f"evidence for {name}, ink" in words
    found = replace(found, predicted=0, rival=3)
    first, one, two, _ = (axes.get_title() for axes in draw_saliency(found).axes)
    assert first.startswith("classified as T-shirt (")
    assert one == "for T-shirt"
    assert two == "for T-shirt\nrather than a very long e…"
    assert found.to_json()["names"] == ["T-shirt", CLOTHES[3]]
    digit = replace(found, labels=tuple("0123456789"))
    assert "compares 0 with 3, the next most likely digit (" in describe_saliency(digit)


def test_neighbours_are_named_by_the_classes_of_the_data(digits):
    clothes = replace(digits, classes=CLOTHES)
    at = int(np.flatnonzero(digits.labels == 0)[0])
    found = nearest_by_pixels(digits.images[at], clothes)
    titles = [axes.get_title() for axes in draw_neighbours(digits.images[at], 0, found, found).axes]
    assert titles[0] == "classified as\nT-shirt"
    assert titles[1] == "T-shirt\n0.0"
    words = describe_neighbours(0, found, found)
    assert "are labelled T-shirt. By pixels" in words
    assert "counts as much as another class" in words
    assert found.to_json()["names"] == [CLOTHES[label] for label in found.labels]
    plain = nearest_by_pixels(digits.images[at], digits)
    assert (
        "are labelled 0. By pixels, where a shift or a slant counts as much as another digit"
        in (describe_neighbours(0, plain, plain))
    )
    assert found.name(10) == "no digit"


@pytest.mark.parametrize("method", ["PCA", "t-SNE"])
def test_a_map_keeps_separate_clusters_apart(method, rng):
    labels = (np.arange(120) % 3).astype(np.uint8)
    centres = 20 * rng.normal(size=(3, 30))
    features = (centres[labels] + rng.normal(size=(120, 30))).astype(np.float32)
    found = map_images(features, labels, labels, method)
    assert found.together == 1.0
    assert (found.kept is not None) == (method == "PCA")
    again = map_images(features, labels, labels, method)
    np.testing.assert_array_equal(found.positions, again.positions)
    assert "120 images" in draw_maps([found], marked=3).axes[0].get_title()


def test_noise_has_no_neighbours_of_its_label_on_a_map(rng):
    features = rng.normal(size=(200, 30)).astype(np.float32)
    labels = (np.arange(200) % 10).astype(np.uint8)
    assert map_images(features, labels, labels, "PCA").together < 0.3


def test_a_map_shows_the_images_of_every_class_beyond_ten_too(rng):
    labels = (np.arange(60) % 12).astype(np.uint8)
    found = map_images(rng.normal(size=(60, 4)).astype(np.float32), labels, labels, "PCA")
    clouds = draw_maps([found]).axes[0].collections
    assert sum(len(cloud.get_offsets()) for cloud in clouds) == 60


def test_a_map_of_too_few_images_is_rejected(rng):
    few = np.zeros(5, np.uint8)
    with pytest.raises(DataError, match="at least 31 images, got 5"):
        map_images(rng.normal(size=(5, 3)).astype(np.float32), few, few, "PCA")


@pytest.fixture
def run(digitnn: CommandLine) -> str:
    """A small network trained on the digits of the working folder, as a run."""
    digitnn("train", "cnn-98.7", "--engine", "scratch", "--out", "run")
    return "run"


def test_the_command_draws_and_describes_every_plate(digitnn, run):
    done = digitnn("understand", run, "--image", "5", "--json")
    assert done.code == 0, done.err
    value = done.json()
    assert value["image"] == {"index": 5}
    names = [plate["name"] for plate in value["plates"]]
    assert names == ["filters", "stages", "saliency", "neighbours", "map"]
    for plate in value["plates"]:
        with Image.open(plate["path"]) as image:
            assert image.format == "PNG"
        assert plate["words"].endswith(".")
    found = value["plates"][3]["values"]["hidden"]
    assert found["distances"] == sorted(found["distances"])


def test_the_command_takes_a_picture(digitnn, run):
    Image.fromarray(five(200)).save("five.png")
    done = digitnn("understand", run, "--picture", "five.png", "--no-map", "--out", "five")
    assert done.code == 0, done.err
    assert "five/saliency.png" in done.out
    assert not (digitnn.folder / "five/map.png").exists()


def test_a_bad_image_or_picture_is_an_error_of_one_line(digitnn, run):
    one = digitnn("understand", run, "--image", "80")
    assert_one_error_line(one, 2, "0 to 79", "got 80")
    both = digitnn("understand", run, "--image", "1", "--picture", "x.png")
    assert_one_error_line(both, 2, "exclude")
    assert_one_error_line(digitnn("understand", "nowhere"), 1, "no such folder")
    Image.new("L", (60, 60), 255).save("blank.png")
    assert_one_error_line(digitnn("understand", run, "--picture", "blank.png"), 1, "no ink")
    (digitnn.folder / "taken").write_text("")
    assert_one_error_line(digitnn("understand", run, "--out", "taken"), 1, "another --out")


def test_drawing_a_saliency_map_imports_neither_training_nor_runs() -> None:
    code = "import sys, digitnn.analysis.explain.saliency\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    rooms = ("digitnn.training", "digitnn.runs")
    assert not [name for name in done.stdout.split() if name.startswith(rooms)]
