"""Search for a collection: a folder of the user's, the cache, else the network.

The order is: the folder given by the caller (`--data-dir`), which must then hold the data; the one
in DIGITNN_DATA_DIR; `./data`; the cache (DIGITNN_CACHE_DIR, else the system's cache folder); the
collection's sources, which fill the cache. Data in a user's folder are used as they are, in any
format; files in the cache must match their SHA-256.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from platformdirs import user_cache_dir

from digitnn.data.dataset import DIGITS, PARTS, Dataset, Part
from digitnn.data.fetch.catalogue import Collection, collection_named
from digitnn.data.fetch.download import download, missing_files
from digitnn.data.fetch.transports import KnownFile, Meter, no_meter
from digitnn.data.formats.idx import PREFIX
from digitnn.data.formats.labels import require_most_classes
from digitnn.data.formats.picture_layout import list_classes
from digitnn.data.formats.picture_options import DEFAULT_OPTIONS, PictureOptions
from digitnn.data.formats.storage import Found, detect
from digitnn.errors import FormatError, SourceError, UsageError
from digitnn.wording import Notify, silent

DEFAULT_FOLDER = Path("data")


def load(
    name: str = "mnist",
    part: Part = "train",
    data_dir: Path | str | None = None,
    notify: Notify = silent,
    meter: Meter = no_meter,
    options: PictureOptions = DEFAULT_OPTIONS,
) -> Dataset:
    """Read one part of a collection, downloaded first if necessary.

    The data set is called "mnist train", for example. options: how pictures become images.
    Raises as `find`, `FormatError` for damaged data and for labels of which most do not occur, and
    `UsageError` for options about pictures where there are none.
    """
    folder = None if data_dir is None else Path(data_dir)
    found = find(name, folder, (part,), notify, meter)
    found.check_options(options)
    data = found.read(part, f"{name} {part}", options)
    if part == "train":
        require_most_classes(data, str(found.path))
    return data


def load_if_on_disk(name: str, part: Part) -> Dataset | None:
    """Read one part of a collection if it needs no download; else return None."""
    found = find_on_disk(name, (part,))
    return found.read(part, f"{name} {part}") if found else None


def find_on_disk(name: str, parts: tuple[Part, ...] = PARTS) -> Found | None:
    """Return the path and format of a collection where a user's folder or the cache holds it."""
    collection = collection_named(name)
    for _, candidates in _user_folders(collection, None):
        found = next(filter(None, map(detect, candidates)), None)
        if found and not _is_other_pictures(found):
            return found
    cache = cache_base() / name
    return None if missing_files(_needed(collection, parts), cache) else detect(cache)


def _needed(collection: Collection, parts: tuple[Part, ...]) -> list[KnownFile]:
    prefixes = tuple(PREFIX[part] for part in parts)
    return [file for file in collection.files if file.name.startswith(prefixes)]


def find(
    name: str,
    data_dir: Path | None = None,
    parts: tuple[Part, ...] = PARTS,
    notify: Notify = silent,
    meter: Meter = no_meter,
) -> Found:
    """Return the path and format of a collection, after downloading what is missing of `parts`.

    Raises `UsageError` for an unknown name, `SourceError` if no source delivers it.
    """
    collection = collection_named(name)
    tried = []
    for base, candidates in _user_folders(collection, data_dir):
        found = next(filter(None, map(detect, candidates)), None)
        if found and (base == data_dir or not _is_other_pictures(found)):
            notify(f"{name}: using the {found.format.title} in {found.path}")
            return found
        tried.append(f"{base}: {'no labelled images' if base.exists() else 'no such folder'}")
        if base == data_dir:  # named for this call: no fallback
            raise SourceError(
                f"{tried[-1]}; expected IDX files, .mat, .npz, CSV, a folder of pictures for each "
                "class ... (docs/formats.md); leave out --data-dir to download the data"
            )
        if base != DEFAULT_FOLDER:
            notify(f"{tried[-1]}; trying other places")
    cache = cache_base() / name
    if not missing_files(_needed(collection, parts), cache):
        notify(f"{name}: using the cache {cache}")
    else:
        tried.append(f"cache {cache}: incomplete")
        missing = missing_files(collection.files, cache, notify)
        failures = download(missing, cache, collection.sources, notify, meter)
        if failures:
            raise SourceError(
                f"no source delivers {name}: {'; '.join(tried + failures)} -- put its files in "
                "./data or name their folder with --data-dir"
            )
        notify(f"{name}: complete in {cache} ({collection.credit})")
    found = detect(cache)
    assert found is not None, f"{cache} was just filled"
    return found


def cache_base() -> Path:
    """Return the folder of all downloads, in which each collection has a folder of IDX files."""
    named = os.environ.get("DIGITNN_CACHE_DIR")
    return _expanded(named) if named else Path(user_cache_dir("digitnn", appauthor=False))


def _user_folders(
    collection: Collection, data_dir: Path | None
) -> Iterator[tuple[Path, list[Path]]]:
    """Yield (folder, places in it to search), first the one that was named, then `./data`.

    A folder named for this call may hold the collection at its top. The environment's folder and
    `./data` serve all collections: there, only MNIST may be at the top.
    """
    if data_dir is not None:
        yield data_dir, [*(data_dir / place for place in collection.folders), data_dir]
    elif named := os.environ.get("DIGITNN_DATA_DIR"):
        base = _expanded(named)
        yield base, [base / place for place in collection.folders]
    yield DEFAULT_FOLDER, [DEFAULT_FOLDER / place for place in collection.folders]


def _is_other_pictures(found: Found) -> bool:
    """Return whether a folder holds folders of pictures that are no digits.

    Any folder of folders of pictures is such data, if it is named for this call; the places that
    are searched without being named may hold pictures for other reasons.
    """
    try:
        return found.format.name == "png" and list_classes(found.path, found.parts[0]) != DIGITS
    except FormatError:
        return True


def _expanded(named: str) -> Path:
    """Return a path from the environment with `~` expanded."""
    try:
        return Path(named).expanduser()
    except RuntimeError as error:
        raise UsageError(f"{named}: {error}; name an absolute path") from None
