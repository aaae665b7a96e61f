"""What the tests of the server share: a server that runs, with a small MNIST, and pictures."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pictures import as_png, five
from running_server import KNOWN_LINES, Server, serving

from digitnn.data.dataset import Dataset
from digitnn.data.formats.idx import write_idx_folder


@pytest.fixture(scope="session")
def small_mnist(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of MNIST's layout: 500 images to train on, and 100 to validate on."""
    folder = tmp_path_factory.mktemp("mnist")
    write_idx_folder(folder, digits, digits[:10])
    return folder


@pytest.fixture(scope="session")
def server(small_mnist: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The program with its usual limits; at the end it stops well, and its log holds no more."""
    folder = tmp_path_factory.mktemp("server")
    env = {"DIGITNN_DATA_DIR": str(small_mnist)}
    with serving(folder, "--workers", "2", "--keep-in", "kept", env=env) as server:
        yield server
        assert server.stop() == 0
        odd = [line for line in server.log.splitlines() if not KNOWN_LINES.fullmatch(line)]
        assert odd == []


@pytest.fixture(scope="session")
def row_of_fives() -> bytes:
    """A PNG picture of three digits."""
    return as_png(np.hstack([five(60, pen=7), five(60, pen=9), five(60, pen=8)]))
