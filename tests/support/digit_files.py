"""One builder for each documented file format: it writes a small collection and names its path."""

import bz2
import gzip
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.io
from PIL import Image

from digitnn.data.dataset import DIGITS, Dataset
from digitnn.data.formats.idx import write_idx

Builder = Callable[[Path, Dataset, Dataset], Path]


def flat(data: Dataset) -> np.ndarray:
    return data.images.reshape(-1, 784)


def npz_pairs(folder: Path, train: Dataset, test: Dataset) -> Path:
    path = folder / "digits.npz"
    np.savez_compressed(
        path,
        train_images=flat(train) / np.float32(255),
        train_labels=np.eye(10)[train.labels],
        test_images=test.images[:, None],
        test_labels=test.labels.astype(np.int64),
    )
    return path


def emnist_mat(folder: Path, train: Dataset, test: Dataset) -> Path:
    """As EMNIST's: a struct in a struct; images row by row of the transposed digit."""
    path = folder / "emnist-digits.mat"
    parts = {
        part: {
            "images": flat(data),
            "labels": data.labels[:, None].astype(np.float64),
            "writers": np.arange(len(data), dtype=np.float64)[:, None],
        }
        for part, data in (("train", train), ("test", test))
    }
    mapping = np.column_stack([np.arange(10), np.arange(48, 58)]).astype(np.uint8)
    scipy.io.savemat(path, {"dataset": {**parts, "mapping": mapping}}, do_compression=True)
    return path


def theano_pickle(folder: Path, train: Dataset, test: Dataset) -> Path:
    """Training, validation and test, as Python 2 wrote them."""
    n = len(train) * 5 // 6
    pairs = tuple(
        (flat(data).astype(np.float32) / 256, data.labels.astype(np.int64))
        for data in (train[:n], train[n:], test)
    )
    path = folder / "mnist.pkl.gz"
    path.write_bytes(gzip.compress(pickle.dumps(pairs, protocol=2)))
    return path


HEADER = ",".join(["label", *(f"pixel{n}" for n in range(784))])


def csv_text(data: Dataset, header: str = "", label_last: bool = False, end: str = "\n") -> str:
    """The rows of `data`, each with its label first or last."""
    columns = [flat(data), data.labels] if label_last else [data.labels, flat(data)]
    rows = [",".join(map(str, row)) for row in np.column_stack(columns).tolist()]
    return end.join([*([header] if header else []), *rows, ""])


def kaggle_csv(folder: Path, train: Dataset, test: Dataset) -> Path:
    """With a header, a byte order mark and the line ends of Windows."""
    for name, data in (("train.csv", train), ("test.csv", test)):
        text = "\ufeff" + csv_text(data, HEADER, end="\r\n")
        (folder / name).write_bytes(text.encode())
    return folder / "train.csv"


def pjreddie_csv(folder: Path, train: Dataset, test: Dataset) -> Path:
    for name, data in (("mnist_train.csv", train), ("mnist_test.csv", test)):
        (folder / f"{name}.gz").write_bytes(gzip.compress(csv_text(data).encode()))
    return folder / "mnist_train.csv.gz"


def zipped_csv(folder: Path, train: Dataset, test: Dataset) -> Path:
    """Both files in one archive, beside one that is of no use; the label is the last column."""
    path = folder / "digit-recognizer.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("sample_submission.csv", "ImageId,Label\n1,0\n")
        for name, data in (("train.csv", train), ("test.csv", test)):
            archive.writestr(name, csv_text(data, label_last=True))
    return path


def idx_named(prefix: str, qmnist: bool = False) -> Builder:
    """IDX files named as EMNIST's or QMNIST's, whose labels have eight columns."""

    def build(folder: Path, train: Dataset, test: Dataset) -> Path:
        for part, data in (("train", train), ("test", test)):
            labels, kind = data.labels, "idx1-ubyte"
            if qmnist:
                origin = np.arange(7 * len(data)).reshape(-1, 7) - 1
                labels, kind = np.column_stack([labels, origin]).astype(np.int32), "idx2-int"
            write_idx(folder / f"{prefix}-{part}-images-idx3-ubyte.gz", data.images, True)
            write_idx(folder / f"{prefix}-{part}-labels-{kind}.gz", labels, True)
        return folder

    return build


def class_folders(folder: Path, train: Dataset, test: Dataset) -> Path:
    """As mnist_png's: training/5/00007.png; here in colour."""
    for part, data in (("training", train), ("testing", test)):
        for n, (image, label) in enumerate(zip(data.images, data.labels, strict=True)):
            place = folder / part / str(label)
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).convert("RGB").save(place / f"{n:05}.png")
    return folder


def libsvm_text(data: Dataset, first: int = 1, scaled: bool = False) -> str:
    """As LIBSVM's site keeps it: only pixels that are not 0."""
    lines = []
    for label, row in zip(data.labels, flat(data).tolist(), strict=True):
        pairs = [
            f"{n}:{value / 255:.6g}" if scaled else f"{n}:{value}"
            for n, value in enumerate(row, start=first)
            if value
        ]
        lines.append(" ".join([str(label), *pairs]))
    return "\n".join([*lines, ""])


def libsvm_files(folder: Path, train: Dataset, test: Dataset) -> Path:
    for name, data in (("mnist.scale.bz2", train), ("mnist.scale.t.bz2", test)):
        (folder / name).write_bytes(bz2.compress(libsvm_text(data, scaled=True).encode()))
    return folder / "mnist.scale.bz2"


def kmnist_files(folder: Path, train: Dataset, test: Dataset) -> Path:
    """One array in each file, as KMNIST's."""
    for part, data in (("train", train), ("test", test)):
        np.savez_compressed(folder / f"kmnist-{part}-imgs.npz", data.images)
        np.savez_compressed(folder / f"kmnist-{part}-labels.npz", data.labels)
    return folder / "kmnist-train-imgs.npz"


def png_bytes(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, format="PNG")
    return file.getvalue()


def write_parquet(
    path: Path, data: Dataset, as_struct: bool = True, names: tuple[str, ...] = ()
) -> None:
    """As on the Hugging Face hub: pictures as PNG, and the names of the classes as metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pictures: list[object] = [png_bytes(image) for image in data.images]
    kind = pa.binary()
    if as_struct:
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        pictures = [{"bytes": picture, "path": None} for picture in pictures]
    columns = {"image": pa.array(pictures, kind), "label": pa.array(data.labels.tolist())}
    table = pa.table(columns)
    if names:
        about = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(about)})
    pq.write_table(table, path)


def parquet_files(folder: Path, train: Dataset, test: Dataset) -> Path:
    """The training part in two files."""
    half = len(train) // 2
    write_parquet(folder / "train-00000-of-00002.parquet", train[:half], names=DIGITS)
    write_parquet(folder / "train-00001-of-00002.parquet", train[half:], names=DIGITS)
    write_parquet(folder / "test-00000-of-00001.parquet", test, names=DIGITS)
    return folder / "train-00000-of-00002.parquet"


PAIRED: dict[str, Builder] = {
    "npz of named parts": npz_pairs,
    "emnist.mat": emnist_mat,
    "mnist.pkl.gz": theano_pickle,
    "train.csv and test.csv": kaggle_csv,
    "mnist_train.csv.gz and mnist_test.csv.gz": pjreddie_csv,
    "zipped CSV files": zipped_csv,
    "EMNIST's IDX files": idx_named("emnist-digits"),
    "LIBSVM files": libsvm_files,
    "class folders": class_folders,
    "QMNIST's IDX files": idx_named("qmnist", qmnist=True),
    "KMNIST's .npz files": kmnist_files,
    "Parquet files": parquet_files,
}
"""Formats that hold both parts."""


def npz_of(x: str, y: str) -> Callable[[Path, Dataset], Path]:
    def build(folder: Path, data: Dataset) -> Path:
        np.savez(folder / "digits.npz", **{x: flat(data), y: data.labels.astype(np.int64)})
        return folder / "digits.npz"

    return build


def original_mat(folder: Path, data: Dataset) -> Path:
    path = folder / "mnist-original.mat"
    labels = data.labels[None, :].astype(np.float64)
    scipy.io.savemat(path, {"data": flat(data).T, "label": labels}, do_compression=True)
    return path


def plain_csv(folder: Path, data: Dataset) -> Path:
    header = ",".join([*(f"pixel{n}" for n in range(1, 785)), "class"])  # as OpenML's
    (folder / "digits.csv").write_text(csv_text(data, header, label_last=True))
    return folder / "digits.csv"


def labelled_names(folder: Path, data: Dataset) -> Path:
    for n, (image, label) in enumerate(zip(data.images, data.labels, strict=True)):
        Image.fromarray(image).save(folder / f"scan{n:05}_{label}.png")
    return folder


def labels_table(folder: Path, data: Dataset) -> Path:
    rows = [f"pictures/{n}.png,{label}" for n, label in enumerate(data.labels)]
    (folder / "pictures").mkdir()
    for n, image in enumerate(data.images):
        Image.fromarray(image).save(folder / "pictures" / f"{n}.png")
    (folder / "labels.csv").write_text("\n".join(["file,label", *rows]))
    return folder


def one_libsvm(folder: Path, data: Dataset) -> Path:
    (folder / "digits.svm").write_text(libsvm_text(data))
    return folder / "digits.svm"


def one_parquet(folder: Path, data: Dataset) -> Path:
    write_parquet(folder / "digits.parquet", data, as_struct=False)
    return folder / "digits.parquet"


SINGLE: dict[str, Callable[[Path, Dataset], Path]] = {
    "npz of X and y": npz_of("X", "y"),
    "npz of images and labels": npz_of("images", "labels"),
    "npz of data and target": npz_of("data", "target"),
    "mnist-original.mat": original_mat,
    "CSV file": plain_csv,
    "LIBSVM file": one_libsvm,
    "labels in file names": labelled_names,
    "labels.csv": labels_table,
    "Parquet file": one_parquet,
}
"""Formats that hold one set of images, which is a training file."""


LETTERS = tuple("abcdefghijklmnopqrstuvwxyz")
NAMED = ("boot", "coat", "dress", "shirt")


def characters(classes: tuple[str, ...], shape: tuple[int, int], n: int, seed: int = 1) -> Dataset:
    """Noise of any size, of any classes, each of which occurs if n is large enough."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(n) % len(classes)).astype(np.uint8)
    images = rng.integers(17, 256, (n, *shape), np.uint8)
    return Dataset(images, labels, "characters", classes=classes)


def letters_idx(folder: Path) -> tuple[Path, Dataset]:
    """As EMNIST's letters: labels 1 to 26, beside them the mapping."""
    data = characters(LETTERS, (28, 28), 78)
    stem = folder / "emnist-letters-train"
    write_idx(stem.with_name(f"{stem.name}-images-idx3-ubyte.gz"), data.images, True)
    write_idx(stem.with_name(f"{stem.name}-labels-idx1-ubyte.gz"), data.labels + np.uint8(1), True)
    lines = [f"{n} {ord(name.upper())} {ord(name)}" for n, name in enumerate(LETTERS, 1)]
    (folder / "emnist-letters-mapping.txt").write_text("\n".join(lines))
    return folder / "emnist-letters-train-images-idx3-ubyte.gz", data


def balanced_mat(folder: Path) -> tuple[Path, Dataset]:
    """As EMNIST's balanced classes: 47, named by the field `mapping`."""
    codes = [ord(name) for name in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"]
    data = characters(tuple(map(chr, codes)), (28, 28), 94)
    part = {"images": flat(data), "labels": data.labels[:, None].astype(np.float64)}
    mapping = np.column_stack([np.arange(47), codes]).astype(np.uint8)
    path = folder / "emnist-balanced.mat"
    scipy.io.savemat(path, {"dataset": {"train": part, "test": part, "mapping": mapping}})
    return path, data


def wide_npz(folder: Path) -> tuple[Path, Dataset]:
    """Images that are not square, with words as labels."""
    data = characters(NAMED, (24, 36), 12)
    np.savez(folder / "wide.npz", images=data.images, labels=np.array(NAMED)[data.labels])
    return folder / "wide.npz", data


def eight_by_eight_npz(folder: Path) -> tuple[Path, Dataset]:
    """As scikit-learn's digits: 17 grey levels as floats."""
    levels = np.random.default_rng(0).integers(0, 17, (20, 8, 8))
    labels = np.arange(20) % 10
    np.savez(folder / "digits.npz", data=levels.reshape(20, 64).astype(np.float64), target=labels)
    images = np.rint(levels * 255 / 16).astype(np.uint8)
    return folder / "digits.npz", Dataset(images, labels.astype(np.uint8), "levels")


def words_csv(folder: Path) -> tuple[Path, Dataset]:
    """16 x 16 pixels and a word last in each row, without a header."""
    data = characters(NAMED, (16, 16), 12)
    rows = [
        ",".join(map(str, [*row, NAMED[label]]))
        for row, label in zip(data.images.reshape(12, 256), data.labels, strict=True)
    ]
    (folder / "clothes.csv").write_text("\n".join(rows))
    return folder / "clothes.csv", data


def word_folders(folder: Path) -> tuple[Path, Dataset]:
    """A folder for each class, of any name."""
    data = characters(NAMED, (28, 28), 12)
    for n, (image, label) in enumerate(zip(data.images, data.labels, strict=True)):
        (folder / NAMED[label]).mkdir(exist_ok=True)
        Image.fromarray(image).save(folder / NAMED[label] / f"{n}.png")
    return folder, data


def named_parquet(folder: Path) -> tuple[Path, Dataset]:
    """Classes that the metadata name."""
    data = characters(NAMED, (28, 28), 12)
    write_parquet(folder / "train.parquet", data, names=NAMED)
    return folder / "train.parquet", data


OTHERS: dict[str, Callable[[Path], tuple[Path, Dataset]]] = {
    "EMNIST's letters as IDX": letters_idx,
    "EMNIST's balanced classes, .mat": balanced_mat,
    "24 x 36 pixels and words, .npz": wide_npz,
    "scikit-learn's 8 x 8 digits, .npz": eight_by_eight_npz,
    "16 x 16 pixels and words, CSV": words_csv,
    "folders with words as names": word_folders,
    "Parquet with names of classes": named_parquet,
}
"""Images of other sizes and classes: each builder also returns what is to be read."""
