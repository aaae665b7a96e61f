"""Connected components, against SciPy's labelling."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import ndimage

from digitnn.reader.ink.components import find_components


@pytest.mark.parametrize("density", [0.02, 0.2, 0.4, 0.6, 0.9])
def test_components_agree_with_scipy(density, rng):
    for _ in range(20):
        ink = rng.random(rng.integers(1, 40, 2)) < density
        labels, m = ndimage.label(ink, np.ones((3, 3)))
        found = find_components(ink)
        assert_array_equal(found.labels, labels)
        assert_array_equal(found.sums(ink), np.bincount(labels.ravel(), minlength=m + 1)[1:])
        boxes = [(x.start, y.start, x.stop, y.stop) for y, x in ndimage.find_objects(labels)]
        assert [tuple(box) for box in found.boxes] == boxes


def test_a_spiral_is_one_component():
    spiral = np.zeros((201, 201), bool)
    spiral[::2] = True
    spiral[1::4, -1] = spiral[3::4, 0] = True
    assert_array_equal(find_components(spiral).sums(spiral), [spiral.sum()])


def test_an_empty_map_has_no_components():
    found = find_components(np.zeros((5, 7), bool))
    assert found.sums(np.ones((5, 7))).shape == (0,)
    assert found.boxes.shape == (0, 4)
    assert not found.labels.any()
