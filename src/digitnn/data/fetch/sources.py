"""Where the data come from: a folder of the user's, the cache, else the network.

In this order: the folder that the caller names (`--data-dir`), which must then hold them; the one
that DIGITNN_DATA_DIR names; `./data`; the cache (DIGITNN_CACHE_DIR, else the system's cache
folder); the collection's sources, which fill the cache. What lies in a user's folder is taken as it
is, in any of the formats; what lies in the cache must match its SHA-256.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from platformdirs import user_cache_dir

from digitnn.data.dataset import Dataset
from digitnn.data.fetch.catalogue import COLLECTIONS, Collection, collection_named
from digitnn.data.fetch.download import download, missing_files
from digitnn.data.fetch.transports import Meter, no_meter
from digitnn.data.formats import Found, Part, detect
from digitnn.data.formats.idx_folder import PREFIX
from digitnn.errors import SourceError, UsageError
from digitnn.wording import Notify, silent

DEFAULT_FOLDER = Path("data")

__all__ = ["COLLECTIONS", "cache_folder", "fetch", "find", "load"]


def fetch(
    name: str = "mnist",
    data_dir: Path | str | None = None,
    notify: Notify = silent,
    meter: Meter = no_meter,
) -> Path:
    """See that the whole collection is at hand, downloading what is missing; return where it is.

    Raises `UsageError` for an unknown name, `SourceError` if no source can give it.
    """
    return find(name, _path(data_dir), notify=notify, meter=meter).path


def load(
    name: str = "mnist",
    part: Part = "train",
    data_dir: Path | str | None = None,
    notify: Notify = silent,
    meter: Meter = no_meter,
) -> Dataset:
    """One part of a collection, fetched first if need be; the other part is not read.

    The dataset is called "mnist train". Raises as `fetch` does, and `FormatError` if the data
    are damaged.
    """
    return find(name, _path(data_dir), (part,), notify, meter).read(part, f"{name} {part}")


def find(
    name: str,
    data_dir: Path | None = None,
    parts: tuple[Part, ...] = ("train", "test"),
    notify: Notify = silent,
    meter: Meter = no_meter,
) -> Found:
    """Where the collection lies and in which format; `parts` of it are at hand on return.

    Raises as `fetch` does.
    """
    collection = collection_named(name)
    tried = []
    for base, candidates in _user_folders(collection, data_dir):
        found = next(filter(None, map(detect, candidates)), None)
        if found:
            notify(f"{name}: using the {found.format.title} in {found.path}")
            return found
        tried.append(f"{base}: {'no digit data' if base.exists() else 'no such folder'}")
        if base == data_dir:  # asked for by name, for this very call
            raise SourceError(
                f"{tried[-1]}; expected IDX files, mnist_all.mat, mnist.npz, MNIST/raw or a folder "
                "of PNGs for each digit; leave --data-dir out to have the data fetched"
            )
        if base != DEFAULT_FOLDER:
            notify(f"{tried[-1]}; looking on")
    cache = cache_folder(collection)
    needed = [file for file in collection.files if file.name.startswith(_prefixes(parts))]
    if not missing_files(needed, cache):
        notify(f"{name}: using the cache {cache}")
    else:
        tried.append(f"cache {cache}: incomplete")
        missing = missing_files(collection.files, cache, notify)
        failures = download(missing, cache, collection.sources, notify, meter)
        if failures:
            raise SourceError(
                f"no source gives {name}: {'; '.join(tried + failures)} -- put its files in "
                "./data or name their folder with --data-dir"
            )
        notify(f"{name}: complete in {cache} ({collection.credit})")
    found = detect(cache)
    assert found is not None, f"{cache} was just filled"
    return found


def cache_folder(collection: Collection) -> Path:
    """Where the collection's files are kept, four plain IDX files, once they were downloaded."""
    return cache_base() / collection.name


def cache_base() -> Path:
    """Where all that is downloaded is kept."""
    named = os.environ.get("DIGITNN_CACHE_DIR")
    return _expanded(named) if named else Path(user_cache_dir("digitnn", appauthor=False))


def _user_folders(
    collection: Collection, data_dir: Path | None
) -> Iterator[tuple[Path, list[Path]]]:
    """(folder, the places in it to look at), first the one that was named, then `./data`.

    A folder named for this call is taken to hold this collection. The environment and `./data`
    name it for all collections: there, only MNIST may lie at the top.
    """
    if data_dir is not None:
        yield data_dir, [*(data_dir / place for place in collection.folders), data_dir]
    elif named := os.environ.get("DIGITNN_DATA_DIR"):
        base = _expanded(named)
        yield base, [base / place for place in collection.folders]
    yield DEFAULT_FOLDER, [DEFAULT_FOLDER / place for place in collection.folders]


def _expanded(named: str) -> Path:
    """A path from the environment, `~` resolved."""
    try:
        return Path(named).expanduser()
    except RuntimeError as error:
        raise UsageError(f"{named}: {error}; name an absolute path") from None


def _path(named: Path | str | None) -> Path | None:
    return None if named is None else Path(named)


def _prefixes(parts: tuple[Part, ...]) -> tuple[str, ...]:
    return tuple(PREFIX[part] for part in parts)
