"""Find the sources of pictures that the arguments of `digitnn read-collection` name."""

from collections.abc import Sequence

from digitnn.errors import CollectionError
from digitnn.reader.input.signatures import PICTURE_SUFFIXES
from digitnn.scaling.collections.files import FileSource
from digitnn.scaling.collections.items import Source
from digitnn.scaling.collections.places import Entry, Place, has_pattern
from digitnn.scaling.collections.tables import TableSource
from digitnn.scaling.collections.tars import TarSource

TABLE_SUFFIXES = (".parquet", ".pq")
TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
"""The compressed ones are an error that says so."""


def find_sources(arguments: Sequence[str]) -> tuple[Source, ...]:
    """Return the sources of all arguments in order; files in the order of their paths.

    An argument is a file, a folder or a pattern, here or in a bucket. Raises `CollectionError` for
    one that names no picture.
    """
    return tuple(source for argument in arguments for source in _sources(argument))


def _sources(argument: str) -> list[Source]:
    """Return the pictures of an argument as one source, then its tables and tars, each its own."""
    place = Place.of(argument)
    named = place.is_file()
    entries = [place.entry()] if named else _entries(place)
    pictures: list[Entry] = []
    sources: list[Source] = []
    for entry in entries:
        name = entry.path.lower()
        if name.endswith(TABLE_SUFFIXES):
            sources.append(TableSource.open(place.at(entry.path)))
        elif name.endswith(TAR_SUFFIXES):
            sources.append(TarSource.open(place.at(entry.path)))
        elif name.endswith(PICTURE_SUFFIXES) or named:
            pictures.append(entry)
    found: list[Source] = [FileSource.of(place.show, place, pictures)] if pictures else []
    found += sources
    if not found:
        raise CollectionError(
            f"{place.show}: no picture, Parquet file or tar among {len(entries):,} files; those of "
            f"subfolders are '{place.show.rstrip('/')}/**/*'"
        )
    return found


def _entries(place: Place) -> list[Entry]:
    """Return the files of a folder or a pattern."""
    if place.is_folder():
        return place.files()
    if has_pattern(place.path):
        if found := place.matching():
            return found
        raise CollectionError(f"{place.show}: no file's path is of this pattern")
    raise CollectionError(f"{place.show}: no such file or folder")
