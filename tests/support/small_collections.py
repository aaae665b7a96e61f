"""Small collections for the tests: images of fives, each a little different, in any file."""

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy import ndarray
from pictures import as_png, five


def fives(n: int) -> list[ndarray]:
    """Images of 28 x 28, light ink on dark paper, by ever other pens."""
    return [five(28, 6 + k % 7 + k / 1000, paper=0, ink=255) for k in range(n)]


def write_folder(folder: Path, pictures: Sequence[ndarray | bytes]) -> Path:
    """Files 0000.png, 0001.png, ..."""
    folder.mkdir(parents=True)
    for k, one in enumerate(pictures):
        (folder / f"{k:04}.png").write_bytes(one if isinstance(one, bytes) else as_png(one))
    return folder


def write_table(path: Path, files: Sequence[bytes | None], group: int = 7) -> Path:
    """A Parquet file as on the Hugging Face hub: a struct of bytes and path, and a label."""
    images = [{"bytes": data, "path": f"{k}.png"} for k, data in enumerate(files)]
    labels = pa.array(np.full(len(files), 5))
    pq.write_table(pa.table({"image": images, "label": labels}), path, row_group_size=group)
    return path


def write_tar(path: Path, members: Sequence[tuple[str, bytes]]) -> Path:
    """A tar of these members."""
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def rows_of(folder: Path) -> list[dict]:
    """The rows of an output folder, as any reader of Parquet sees them."""
    return pq.read_table(folder).to_pylist()


def content_of(folder: Path) -> dict[str, bytes]:
    """Every file of a folder and its bytes."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}
