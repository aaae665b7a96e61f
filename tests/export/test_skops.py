"""The skops file, loaded as a program does that has digitnn, scikit-learn and skops."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import digitnn
from digitnn.data.dataset import Dataset
from digitnn.engines.find import find_engine
from digitnn.errors import FormatError, MissingExtraError, UsageError
from digitnn.estimators.classifiers import ScratchClassifier
from digitnn.estimators.from_run import classifier_of
from digitnn.export.formats import FORMATS
from digitnn.export.protocol import Options
from digitnn.export.skops_file import TRUSTED, skops_source, write_skops
from digitnn.network.layers import Dense, Flatten, Relu
from digitnn.network.network import Network, Standardise
from digitnn.recipes.builtin import RECIPES
from digitnn.runs.run import Run

NAMES = ("cat", "dog", "a bird")


def loaded(run: Run) -> ScratchClassifier:
    return skops.io.loads(write_skops(run, Options()), trusted=list(TRUSTED))


def features_run(labels: tuple[str, ...] = NAMES, temperature: float = 1.0) -> Run:
    network = Network(
        (Dense(6), Relu(), Dense(len(labels))),
        labels=labels,
        standardise=Standardise(0.1, 2.0),
        input=(5,),
        temperature=temperature,
    )
    rng = np.random.default_rng(5)
    params = {
        name: rng.normal(0, 1, shape).astype(np.float32)
        for name, shape in network.state_shapes().items()
    }
    about = {"recipe": RECIPES["mlp"].to_json(), "engine": "pytorch", "seed": 0}
    return Run(Path("runs") / "table", network, params, about, ())


def test_one_type_is_to_be_trusted_and_no_other(run: Run) -> None:
    assert tuple(skops.io.get_untrusted_types(data=write_skops(run, Options()))) == TRUSTED


def test_the_estimator_predicts_the_digits_of_rows_of_pixels(run: Run, digits: Dataset) -> None:
    model, rows = loaded(run), digits.images.reshape(len(digits), -1)
    logits = find_engine("pytorch").classifier(run.network, run.params).logits(digits.images)
    np.testing.assert_array_equal(model.predict(rows), logits.argmax(axis=1))
    z = logits / run.network.temperature
    p = np.exp(z - z.max(axis=1, keepdims=True))
    expected = p / p.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(rows), expected, rtol=0, atol=1e-5)
    assert model.score(rows, logits.argmax(axis=1)) == 1


def test_features_have_classes_by_name_and_two_classes_log_odds() -> None:
    x = np.random.default_rng(0).normal(0, 2, (50, 5)).astype(np.float32)
    run = features_run()
    expected = run.classifier("scratch").logits(x).argmax(axis=1)
    assert loaded(run).predict(x).tolist() == [NAMES[k] for k in expected]
    assert len(set(expected)) == 3
    two = loaded(features_run(("no", "yes"), temperature=3.0))
    p = two.predict_proba(x)
    np.testing.assert_allclose(
        two.decision_function(x), 3 * np.log(p[:, 1] / p[:, 0]), rtol=1e-3, atol=1e-4
    )


def test_the_estimator_is_trained_anew_by_the_recipe_of_the_run() -> None:
    model = clone(loaded(features_run())).set_params(random_state=0)
    assert model.recipe == RECIPES["mlp"]
    x, y = load_iris(return_X_y=True)
    own = digitnn.ScratchClassifier(recipe="mlp", scaling="table", random_state=0).fit(x, y)
    np.testing.assert_array_equal(model.fit(x, y).predict_proba(x), own.predict_proba(x))


def test_a_recipe_that_this_version_does_not_know_keeps_its_name(runs: dict[str, Run]) -> None:
    model = loaded(runs["classic"])
    assert model.recipe == "classic"
    unknown = clone(model).set_params(recipe="planes")
    with pytest.raises(UsageError, match="unknown recipe 'planes'"):
        unknown.fit(np.zeros((4, 784), np.uint8), [0, 1, 0, 1])


@pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")
@pytest.mark.parametrize("given", [{}, {"recipe": RECIPES["mlp"]}, {"early_stopping": True}])
def test_skops_keeps_what_scikit_learn_fitted(given) -> None:
    x, y = load_iris(return_X_y=True)
    epochs = {} if "recipe" in given else {"max_iter": 3}
    fitted = make_pipeline(
        MinMaxScaler(), digitnn.ScratchClassifier(random_state=0, **epochs, **given)
    ).fit(x, y)
    content = skops.io.dumps(fitted)
    again = skops.io.loads(content, trusted=list(TRUSTED))
    np.testing.assert_array_equal(again.predict_proba(x), fitted.predict_proba(x))
    assert again[-1].get_params() == fitted[-1].get_params()
    assert again[-1].network_ == fitted[-1].network_
    assert again[-1].loss_curve_ == fitted[-1].loss_curve_


def test_the_printed_lines_load_the_file(runs: dict[str, Run], tmp_path: Path) -> None:
    path = tmp_path / "it's.skops"
    path.write_bytes(write_skops(runs["planes"], Options()))
    names: dict[str, ScratchClassifier] = {}
    exec(skops_source(runs["planes"].network, path), names)
    assert names["model"].predict(np.zeros((2, 784), np.uint8)).shape == (2,)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (LogisticRegression(), "expected a digitnn.ScratchClassifier, got LogisticRegression"),
        (np.arange(3), "expected a digitnn.ScratchClassifier, got ndarray"),
        (digitnn.ScratchClassifier(), "not an export of this run: the classifier is not fitted"),
        (classifier_of(features_run()), "expected raw uint8, .* 28 x 28 row by row, classes"),
        (digitnn.TorchClassifier(), "or a damaged one: .*[Uu]ntrusted"),
        (Path("x"), "or a damaged one: .*[Uu]ntrusted"),
    ],
)
def test_a_skops_file_of_anything_else_is_refused(
    value, message, runs: dict[str, Run], tmp_path: Path
) -> None:
    path = tmp_path / "other.skops"
    skops.io.dump(value, path)
    with pytest.raises(FormatError, match=rf"other\.skops: .*{message}") as caught:
        FORMATS["skops"].load(path, runs["classic"])
    assert "\n" not in str(caught.value)


def test_parameters_of_another_shape_are_refused(runs: dict[str, Run], tmp_path: Path) -> None:
    run, path = runs["classic"], tmp_path / "a.skops"
    wide = {**run.params, "1.weight": np.zeros((13, 784), np.float32)}
    path.write_bytes(write_skops(replace(run, params=wide), Options()))
    with pytest.raises(FormatError, match=r"a\.skops: not an export of this run: parameter 1\.w"):
        FORMATS["skops"].load(path, run)


def test_a_file_that_unpacks_to_far_more_is_refused_unread(
    runs: dict[str, Run], tmp_path: Path
) -> None:
    path = tmp_path / "bomb.skops"
    skops.io.dump(np.zeros(10**7), path, compression=8)
    assert path.stat().st_size < 200_000
    with pytest.raises(FormatError, match=r"it holds 80,\d+,\d+ bytes, and the run needs"):
        FORMATS["skops"].load(path, runs["classic"])


@pytest.mark.parametrize("library", ["skops", "skops.io"])
def test_without_skops_the_extra_is_named(
    library: str, runs: dict[str, Run], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    for use in (
        lambda: write_skops(runs["classic"], Options()),
        lambda: FORMATS["skops"].load(tmp_path / "a.skops", runs["classic"]),
    ):
        with pytest.raises(MissingExtraError, match=r"pip install 'digitnn\[skops\]'"):
            use()


def test_images_of_flattened_networks_need_image_shape(runs: dict[str, Run]) -> None:
    model = loaded(runs["classic"])
    assert isinstance(runs["classic"].network.layers[0], Flatten)
    assert (model.image_shape, model.n_features_in_) == ((28, 28), 784)
