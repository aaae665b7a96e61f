"""`digitnn inspect`: the content decides; malicious and unknown files are one error line."""

import bz2
import gzip
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from digit_files import (
    HEADER,
    csv_text,
    emnist_mat,
    idx_named,
    kaggle_csv,
    libsvm_files,
    libsvm_text,
    npz_pairs,
    theano_pickle,
    zipped_csv,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from tiny_collection import tiny_part

from digitnn.cli.data import inspect
from digitnn.data.formats.idx import write_idx
from digitnn.errors import FormatError
from digitnn.network.storage.safetensors import save_safetensors
from digitnn.pickles.loading import save_pickle
from digitnn.runs.inspection import inspect_path

IMAGES = np.zeros((5, 28, 28), np.uint8)
LABELS = np.arange(5, dtype=np.uint8)


def write_mat(path: Path, compress: bool) -> None:
    variables = {"train0": IMAGES.reshape(5, -1), "rate": 0.5, "mask": np.array([[True]])}
    scipy.io.savemat(path, variables, do_compression=compress, appendmat=False)


def write_npy(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, IMAGES)


def write_npz(path: Path) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, x_train=IMAGES, names=np.array(["ab"]))


VALUE = {"layers": [{"weight": np.ones((3, 4), np.float32)}], "accuracy": 0.5}
PICKLED = [("layers[0].weight", [3, 4], "float32")]
MAT = [("train0", [5, 784], "uint8"), ("rate", [1, 1], "float64"), ("mask", [1, 1], "bool")]
FILES: dict[str, tuple[Any, str, list[tuple[str, list[int], str]]]] = {
    "idx": (lambda path: write_idx(path, IMAGES), "idx", [("file", [5, 28, 28], "uint8")]),
    "idx gz": (lambda path: write_idx(path, LABELS, True), "idx", [("file", [5], "uint8")]),
    "idx float": (
        lambda path: write_idx(path, np.zeros((2, 3), np.float32)),
        "idx",
        [("file", [2, 3], "float32")],
    ),
    "mat": (lambda path: write_mat(path, False), "mat", MAT),
    "mat packed": (lambda path: write_mat(path, True), "mat", MAT),
    "npy": (write_npy, "npy", [("file", [5, 28, 28], "uint8")]),
    "npz": (write_npz, "npz", [("x_train", [5, 28, 28], "uint8"), ("names", [1], "<U2")]),
    "pickle": (lambda path: save_pickle(path, VALUE), "pickle", PICKLED),
    "pickle of old": (lambda path: path.write_bytes(pickle.dumps(VALUE, 0)), "pickle", PICKLED),
    "pickled array": (
        lambda path: save_pickle(path, LABELS),
        "pickle",
        [("file", [5], "uint8")],
    ),
    "safetensors": (
        lambda path: save_safetensors(path, {"0.weight": np.ones((3, 2), np.float32)}),
        "safetensors",
        [("0.weight", [3, 2], "float32")],
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_the_content_decides_the_kind_whatever_the_file_name(name: str, tmp_path: Path) -> None:
    write, kind, arrays = FILES[name]
    write(tmp_path / "file")
    found = inspect_path(tmp_path / "file").to_json()
    assert (found["schema"], found["kind"]) == (1, kind)
    assert [(a["name"], a["shape"], a["dtype"]) for a in found["arrays"]] == arrays


TEXT: dict[str, tuple[Any, str, list[tuple[str, list[int], str]], str]] = {
    "csv": (csv_text(tiny_part(5, 1)), "csv", [("file", [5, 785], "text")], "column 1"),
    "csv with header": (
        "\ufeff" + csv_text(tiny_part(5, 1), HEADER, end="\r\n"),
        "csv",
        [("file", [5, 785], "text")],
        "column 1",
    ),
    "libsvm": (
        libsvm_text(tiny_part(5, 1)),
        "libsvm",
        [("file", [5], "text")],
        "first in each line",
    ),
}
TEXT["csv without labels"] = (
    "\n".join(line.partition(",")[2] for line in csv_text(tiny_part(5, 1), HEADER).splitlines()),
    "csv",
    [("file", [5, 784], "text")],
    "none",
)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
@pytest.mark.parametrize("name", TEXT)
def test_text_of_digits_is_counted_packed_or_not(name: str, pack: Any, tmp_path: Path) -> None:
    text, kind, arrays, labels = TEXT[name]
    (tmp_path / "file").write_bytes(pack(text.encode()))
    found = inspect_path(tmp_path / "file").to_json()
    assert (found["kind"], found["labels"]) == (kind, labels)
    assert [(a["name"], a["shape"], a["dtype"]) for a in found["arrays"]] == arrays


def test_a_gzipped_pickle_is_inspected_by_the_safe_loader(tmp_path: Path) -> None:
    path = theano_pickle(tmp_path, tiny_part(12, 1), tiny_part(10, 2))
    found = inspect_path(path)
    assert found.kind == "pickle"
    assert [array.shape for array in found.arrays[::2]] == [(10, 784), (2, 784), (10, 784)]
    path.write_bytes(gzip.compress(b"\x80\x02cos\nsystem\nX\1\0\0\0a\x85R."))
    with pytest.raises(FormatError, match=r"mnist.pkl.gz: rejected: .*os\.system"):
        inspect_path(path)


@pytest.mark.parametrize(
    ("build", "kind", "shapes"),
    [
        (kaggle_csv, "csv-folder", [(20, 785), (60, 785)]),
        (libsvm_files, "libsvm-folder", [(60,), (20,)]),
        (zipped_csv, "csv-folder", [(60, 785), (20, 785)]),
        (idx_named("emnist-digits"), "idx-folder", [(60, 28, 28), (60,), (20, 28, 28), (20,)]),
        (emnist_mat, "mat", [(1, 1)]),
        (npz_pairs, "npz", [(60, 784), (60, 10), (20, 1, 28, 28), (20,)]),
    ],
)
def test_a_folder_of_digits_shows_its_files(
    build: Any, kind: str, shapes: Any, tmp_path: Path
) -> None:
    build(tmp_path, tiny_part(60, 1), tiny_part(20, 2))
    found = inspect_path(tmp_path)
    assert found.kind == kind
    assert [array.shape for array in found.arrays] == shapes


def test_a_folder_of_jpegs_shows_its_classes(tmp_path: Path) -> None:
    for digit in (3, 7):
        (tmp_path / "training" / str(digit)).mkdir(parents=True)
        Image.new("RGB", (40, 30)).save(tmp_path / "training" / str(digit) / "a.jpg")
    found = inspect_path(tmp_path)
    assert found.kind == "image-folder"
    assert [(array.name, array.shape) for array in found.arrays] == [
        ("3", (1, 30, 40)),
        ("7", (1, 30, 40)),
    ]


def test_the_header_is_enough_for_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    path.write_bytes(bytes([0, 0, 8, 3]) + np.array([10**6, 100, 100], ">u4").tobytes())
    with path.open("r+b") as file:
        file.truncate(16 + 10**10)  # sparse: takes no room
    assert inspect_path(path).arrays[0].shape == (10**6, 100, 100)


def test_a_run_shows_its_recipe_engine_and_seed(tmp_path: Path) -> None:
    save_safetensors(tmp_path / "params.safetensors", {"1.bias": np.zeros(10, np.float32)})
    about = {"recipe": {"name": "cnn"}, "engine": "scratch", "seed": 3}
    (tmp_path / "recipe.json").write_text(json.dumps(about))
    assert inspect_path(tmp_path).to_json() == {
        "schema": 1,
        "kind": "run",
        "arrays": [{"name": "1.bias", "shape": [10], "dtype": "float32"}],
        "recipe": "cnn",
        "engine": "scratch",
        "seed": 3,
    }


@pytest.mark.parametrize(
    "recipe", [None, b"", b"[]", b"{}", b"\xff", b"[" * 50_000, b'{"recipe":[]}']
)
def test_a_run_with_a_damaged_recipe_still_shows_its_arrays(
    recipe: bytes | None, tmp_path: Path
) -> None:
    save_safetensors(tmp_path / "params.safetensors", {"1.bias": np.zeros(10, np.float32)})
    if recipe is not None:
        (tmp_path / "recipe.json").write_bytes(recipe)
    found = inspect_path(tmp_path).to_json()
    assert found["kind"] == "run"
    assert "recipe" not in found


def test_a_run_without_parameters_is_refused(tmp_path: Path) -> None:
    (tmp_path / "network.json").write_text("{}")
    with pytest.raises(FormatError, match=r"lacks params\.safetensors"):
        inspect_path(tmp_path)


def test_a_folder_of_idx_files_shows_each_file(tmp_path: Path) -> None:
    write_idx(tmp_path / "t10k-images-idx3-ubyte", IMAGES)
    write_idx(tmp_path / "t10k-labels-idx1-ubyte.gz", LABELS, True)
    found = inspect_path(tmp_path)
    assert found.kind == "idx-folder"
    assert [(array.name, array.shape) for array in found.arrays] == [
        ("t10k-images-idx3-ubyte", (5, 28, 28)),
        ("t10k-labels-idx1-ubyte.gz", (5,)),
    ]


@pytest.mark.parametrize("part", ["train", "."])
def test_an_image_folder_shows_the_size_of_each_class(part: str, tmp_path: Path) -> None:
    for digit, count in ((3, 2), (7, 1)):
        folder = tmp_path / part / str(digit)
        folder.mkdir(parents=True)
        for n in range(count):
            Image.new("L", (28, 20)).save(folder / f"{n}.png")
    found = inspect_path(tmp_path)
    prefix = "" if part == "." else "train/"
    assert found.kind == "image-folder"
    assert [(array.name, array.shape, array.dtype) for array in found.arrays] == [
        (f"{prefix}3", (2, 20, 28), "uint8"),
        (f"{prefix}7", (1, 20, 28), "uint8"),
    ]


def _cut(write: Any) -> Any:
    def cut(path: Path) -> None:
        write(path)
        path.write_bytes(path.read_bytes()[:-5])

    return cut


def write_torch_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", b"")


def write_plain_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("letter\n.txt", b"")


def write_lying_npz(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive, archive.open("x.npy", "w") as member:
        header = {"descr": "|u1", "fortran_order": False, "shape": (10**12,)}
        np.lib.format.write_array_header_1_0(member, header)


def write_bytes(content: bytes) -> Any:
    return lambda path: path.write_bytes(content)


REFUSED: dict[str, tuple[Any, str]] = {
    "empty": (write_bytes(b""), "an empty file; known kinds: IDX"),
    "text": (write_bytes(b"Dear reader,\n"), "known kinds: IDX"),
    "web page": (write_bytes(b"<!DOCTYPE html>"), "an HTML page"),
    "hostile pickle": (write_bytes(b"cos\nsystem\n(S'id'\ntR."), "asks for os.system"),
    "hostile new pickle": (write_bytes(pickle.dumps(eval)), "asks for builtins.eval"),
    "cut pickle": (write_bytes(pickle.dumps(VALUE)[:-9]), "damaged"),
    "safetensors header of gigabytes": (
        write_bytes((2**40).to_bytes(8, "little") + b'{"a":'),
        "a header of 1,099,511,627,776 bytes",
    ),
    "cut safetensors": (_cut(FILES["safetensors"][0]), "promises 24 bytes"),
    "cut idx": (_cut(FILES["idx"][0]), "truncated"),
    "little-endian idx": (write_bytes(bytes([3, 8, 0, 0]) + bytes(12)), "little-endian"),
    "unknown idx": (write_bytes(bytes([0, 0, 7, 1, 0, 0, 0, 0])), "unknown IDX type 0x07"),
    "gz of no idx": (write_bytes(gzip.compress(b"hello")), "not IDX"),
    "cut mat": (_cut(FILES["mat"][0]), "a variable is cut short"),
    "cut packed mat": (_cut(FILES["mat packed"][0]), "a variable is cut short"),
    "mat 7.3": (write_bytes(b"MATLAB 7.3 MAT-file".ljust(600)), "save it from MATLAB with"),
    "mat of nothing": (write_bytes(b"MATLAB"), "MATLAB header"),
    "mat of noise": (
        write_bytes(b"MATLAB 5.0".ljust(124) + b"\0\1IM\x0f\0\0\0\4\0\0\0abcd"),
        "damaged MATLAB file",
    ),
    "cut npy": (_cut(FILES["npy"][0]), "its header promises"),
    "npy of noise": (write_bytes(b"\x93NUMPY\1\0\4\0abcd"), "damaged .npy header"),
    "npy of tomorrow": (write_bytes(b"\x93NUMPY\7\0\4\0abcd"), "damaged .npy|version"),
    "cut npz": (_cut(FILES["npz"][0]), "damaged .npz archive"),
    "lying npz": (write_lying_npz, "promises uint8 (1000000000000,)"),
    "file of torch.save": (write_torch_zip, "save the state_dict as safetensors"),
    "other zip": (write_plain_zip, r"holds 'letter\n.txt'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_damaged_hostile_or_unknown_file_is_refused_in_one_line(
    name: str, tmp_path: Path
) -> None:
    write, reason = REFUSED[name]
    write(tmp_path / "file")
    with pytest.raises(FormatError) as caught:
        inspect_path(tmp_path / "file")
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'file'}: ")
    assert message.isprintable()
    assert any(part in message for part in reason.split("|")), message


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="known kinds"):
        inspect_path(tmp_path)


def test_a_device_is_refused_without_reading_it() -> None:
    with pytest.raises(FormatError, match="neither a file nor a folder"):
        inspect_path(Path("/dev/null"))


def test_a_missing_file_is_the_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        inspect_path(tmp_path / "none")


def test_the_command_prints_one_json_object(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_idx(tmp_path / "labels", LABELS)
    inspect(tmp_path / "labels", as_json=True)
    assert json.loads(capsys.readouterr().out) == {
        "schema": 1,
        "kind": "idx",
        "arrays": [{"name": "labels", "shape": [5], "dtype": "uint8"}],
        "gzipped": False,
    }


def test_the_command_escapes_control_characters_in_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "p"
    save_pickle(path, {"weight\x1b[31m\n": np.ones((3, 4)), "b": np.array(1, np.int16)})
    inspect(path)
    assert capsys.readouterr().out.splitlines() == [
        f"{path}: pickle, 2 arrays",
        r"  weight\x1b[31m\n  3 x 4  float64",
        "  b                 one    int16",
        "holds: dict",
        "other values: 0",
    ]


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=st.sampled_from(sorted(FILES)), data=st.data())
def test_mutated_files_are_described_or_refused(
    tmp_path: Path, name: str, data: st.DataObject
) -> None:
    path = tmp_path / "file"
    original = tmp_path / name
    if not original.exists():
        FILES[name][0](original)
    content = bytearray(original.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, min(len(content), 300)))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    path.write_bytes(content)
    try:
        json.dumps(inspect_path(path).to_json(), allow_nan=False)
    except FormatError as error:
        message = str(error)
    else:
        return
    assert message.isprintable()
