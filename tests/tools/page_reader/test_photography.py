"""The ground, the light and the camera of the training scenes."""

import numpy as np

from tools.page_reader.photography import camera, draw_ground, light, noise_field


def test_grounds_lights_and_noise_are_varied(rng):
    grounds = [draw_ground(rng, 60, 60) for _ in range(60)]
    assert all(ground.shape == (60, 60) for ground in grounds)
    assert np.std([ground.mean() for ground in grounds]) > 30
    assert min(ground.std() for ground in grounds) < 6 < 25 < max(g.std() for g in grounds)
    lights = [light(rng, 50, 80) for _ in range(60)]
    assert all(np.isfinite(own).all() and own.max() < 2 for own in lights)
    assert min(own.min() for own in lights) < 0.5
    assert any(np.ptp(own) == 0 for own in lights)
    fields = [noise_field(rng, 60, 90, 12) for _ in range(20)]
    assert 0.5 < np.mean([own.std() for own in fields]) < 1.2


def test_the_camera_gives_drawings_bilevel_pictures_and_photos(rng):
    picture = np.full((60, 60), 200, np.float32)
    picture[20:40, 28:32] = 30
    taken = [camera(picture, rng) for _ in range(80)]
    assert all(grey.dtype == np.uint8 and grey.shape == (60, 60) for grey in taken)
    levels = np.array([len(np.unique(grey)) for grey in taken])
    assert 8 <= np.sum(levels == 2) <= 50  # a drawing has two tones here, too
    assert np.sum(levels > 20) >= 20
    for grey in taken:  # the ink is where it was
        assert grey[24:36, 29:31].mean() < grey[:, :20].mean() - 60
