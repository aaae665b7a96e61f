"""The reader as a transformer of scikit-learn."""

import pickle

import numpy as np
import pytest
from pictures import as_png, five
from PIL import Image
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import digitnn
from digitnn.errors import PictureError, RunError, UsageError

BLANK = np.full((60, 60), 255, np.uint8)


def test_paths_bytes_images_and_arrays_become_probabilities(tmp_path):
    path = tmp_path / "five.png"
    path.write_bytes(as_png(five()))
    pictures = [path, str(path), as_png(five()), Image.fromarray(five()), five(200), BLANK]
    p = digitnn.DigitReader().fit_transform(pictures)
    assert p.shape == (6, 11)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    assert p[:5].argmax(axis=1).tolist() == [5] * 5
    assert p[5].tolist() == [0] * 10 + [1]
    wanted = digitnn.Reader.load().read(five(200), single=True).digits[0].probabilities
    np.testing.assert_allclose(p[4], wanted, atol=1e-6)


def test_an_array_is_a_batch_of_pictures():
    p = digitnn.DigitReader().transform(
        np.stack([five(), BLANK[:1].repeat(100, 0)[:, :1].repeat(100, 1)])
    )
    assert p.argmax(axis=1).tolist() == [5, 10]


def test_no_pictures_give_no_rows():
    assert digitnn.DigitReader().transform([]).shape == (0, 11)


def test_predictions_are_digits_or_minus_one_where_the_reader_rejects():
    pictures = [five(), BLANK]
    assert digitnn.DigitReader().predict(pictures).tolist() == [5, -1]
    assert digitnn.DigitReader(min_confidence=1.0).predict(pictures).tolist() == [-1, -1]


def test_the_columns_have_names():
    names = digitnn.DigitReader().get_feature_names_out()
    assert names.tolist() == [*(f"digit_{d}" for d in range(10)), "no_digit"]


def test_it_is_the_first_step_of_a_pipeline_and_can_be_pickled():
    pictures = [five(60 + 10 * i) for i in range(4)] + [BLANK] * 4
    pipeline = make_pipeline(digitnn.DigitReader(), LogisticRegression())
    pipeline.fit(pictures, ["ink"] * 4 + ["blank"] * 4)
    again = pickle.loads(pickle.dumps(clone(pipeline).fit(pictures, ["ink"] * 4 + ["blank"] * 4)))
    assert pipeline.predict([five(150), BLANK]).tolist() == ["ink", "blank"]
    assert again.predict([five(150), BLANK]).tolist() == ["ink", "blank"]


def test_what_is_no_picture_or_no_model_is_named(tmp_path):
    with pytest.raises(PictureError, match=r"missing\.png"):
        digitnn.DigitReader().transform([five(), tmp_path / "missing.png"])
    with pytest.raises(RunError):
        digitnn.DigitReader(model=tmp_path).fit([])
    with pytest.raises(UsageError, match="threshold"):
        digitnn.DigitReader(min_confidence=2).fit([])
