"""Files and folders, on this machine or in a bucket.

Buckets are listed by pyarrow. Folders of this machine are not: pyarrow stops at a name that is not
UTF-8, and lists a folder again and again that holds a link to itself.
A URI may hold credentials (`s3://key:secret@bucket/folder`). They are never in a message, a path or
a file of the job: everything shown comes from `Place.show`.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from errno import ELOOP, ENOENT
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from digitnn.errors import CollectionError, MissingExtraError
from digitnn.wording import error_text

SCHEMES = ("s3", "gs", "gcs", "file")

GCS_RETRY_SECONDS = 30
"""pyarrow itself would retry for 15 minutes where there is no network."""


def import_pyarrow() -> Any:
    """Return the module pyarrow. Raises `MissingExtraError` if it is not installed."""
    try:
        import pyarrow
        import pyarrow.fs
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("pyarrow", "tables", "reading a collection") from None
    return pyarrow


@dataclass(frozen=True)
class Entry:
    """One file of a listing. path: within the file system; changed: nanoseconds since 1970."""

    path: str
    size: int
    changed: int


@dataclass(frozen=True)
class Place:
    """A path in a file system. uri: of the file system, with its credentials; None: local."""

    uri: str | None
    path: str

    @classmethod
    def of(cls, argument: str) -> "Place":
        """Return the place that a path or URI names. Raises `CollectionError` for a bad URI."""
        scheme, separator, rest = argument.partition("://")
        if not separator:
            return cls(None, argument)
        if scheme not in SCHEMES:
            known = ", ".join(f"{name}://" for name in SCHEMES)
            raise CollectionError(f"{scheme}://...: expected a path, or a URI of {known}")
        if scheme == "file":
            return cls(None, rest)
        parts = urlsplit(argument)
        query = dict(parse_qsl(parts.query))
        if scheme != "s3":
            query.setdefault("retry_limit_seconds", str(GCS_RETRY_SECONDS))
        bucket = parts.netloc.rpartition("@")[2]
        root = urlunsplit((scheme, parts.netloc, "", urlencode(query, quote_via=quote), ""))
        return cls(root, f"{bucket}{parts.path}")

    def at(self, path: str) -> "Place":
        """Return another path of the same file system."""
        return replace(self, path=path)

    def inside(self, name: str) -> "Place":
        """Return the file `name` in this folder."""
        return self.at(f"{self.path.rstrip('/')}/{name}")

    @property
    def show(self) -> str:
        """The path, or the URI without credentials and options."""
        return self.path if self.uri is None else f"{self.uri.partition('://')[0]}://{self.path}"

    @property
    def filesystem(self) -> Any:
        """The file system of pyarrow, one per process. Raises `CollectionError` for a bad URI."""
        with self.errors_named():
            return _filesystem(self.uri)

    def is_file(self) -> bool:
        """Tell whether a file is there. Raises `CollectionError` where that cannot be known."""
        return self._type() == "File"

    def is_folder(self) -> bool:
        """Tell whether a folder is there. Raises `CollectionError` where that cannot be known."""
        return self._type() == "Directory"

    def _type(self) -> str:
        with self.errors_named():
            if self.uri is None:
                path = Path(self.path)
                return "File" if path.is_file() else "Directory" if path.is_dir() else "other"
            return str(self.filesystem.get_file_info(self.path).type.name)

    def entry(self) -> Entry:
        """Return the size of this file and when it was changed."""
        with self.errors_named():
            if self.uri is None:
                return _local_entry(self.path, Path(self.path).stat())
            return _entry(self.filesystem.get_file_info(self.path))

    def files(self, recursive: bool = False) -> list[Entry]:
        """Return the files of this folder by path, without hidden ones. Raises `CollectionError`.

        With `recursive` those of all subfolders too.
        """
        with self.errors_named():
            if self.uri is None:
                entries = list(_local_files(self.path, recursive))
            else:
                selector = import_pyarrow().fs.FileSelector(self.path, recursive=recursive)
                base = len(self.path.rstrip("/")) + 1
                entries = [
                    _entry(info)
                    for info in self.filesystem.get_file_info(selector)
                    if info.type.name == "File" and not _is_hidden(info.path[base:])
                ]
        return sorted(entries, key=lambda entry: entry.path)

    def matching(self) -> list[Entry]:
        """Return the files whose path has this pattern; `**` matches subfolders at any depth."""
        parts = self.path.split("/")
        first = next(index for index, part in enumerate(parts) if has_pattern(part))
        base = "/".join(parts[:first]) or ("/" if self.path.startswith("/") else ".")
        folder, pattern = self.at(base), parts[first:]
        if not folder.is_folder():
            return []
        start = 0 if base == "." else len(base.rstrip("/")) + 1
        found = folder.files(recursive=len(pattern) > 1)
        if base == ".":  # what is in it is listed as "./a"
            found = [replace(entry, path=entry.path.removeprefix("./")) for entry in found]
        return [entry for entry in found if _matches(entry.path[start:].split("/"), pattern)]

    def read(self) -> bytes:
        """Return the content of this file. Raises `OSError`."""
        if self.uri is None:
            return Path(self.path).read_bytes()
        with self.filesystem.open_input_file(self.path) as file:
            return bytes(file.read())

    @contextmanager
    def errors_named(self) -> Iterator[None]:
        """Turn what a file system raises into a `CollectionError` that names this place."""
        try:
            yield
        except (OSError, ValueError, NotImplementedError) as error:  # ArrowInvalid: ValueError
            reason = getattr(error, "strerror", None) or error_text(error)
            message = f"{self.show}: cannot be read ({self.without_credentials(reason)})"
            raise CollectionError(message) from None

    def without_credentials(self, message: str) -> str:
        """Return an error's message without this URI's key and secret."""
        parts = urlsplit(self.uri or "")
        quoted = [parts.netloc.rpartition("@")[0], parts.username or "", parts.password or ""]
        for secret in (*quoted, *map(unquote, quoted)):
            message = message.replace(secret, "...") if secret else message
        # AWS may echo the key in XML or in a header's name and value
        return re.sub(r"(?i)(AccessKeyId|Signature|Credential)([=:>]\s*)\S+", r"\1\2...", message)


def has_pattern(path: str) -> bool:
    """Tell whether a path holds `*`, `?` or `[`."""
    return any(letter in path for letter in "*?[")


@cache
def _filesystem(uri: str | None) -> Any:
    fs = import_pyarrow().fs
    if uri is None:
        return fs.LocalFileSystem()
    return fs.FileSystem.from_uri(uri)[0]


def _entry(info: Any) -> Entry:
    return Entry(info.path, info.size or 0, info.mtime_ns or 0)


def _local_entry(path: str, status: os.stat_result) -> Entry:
    return Entry(path, status.st_size, status.st_mtime_ns)


def _local_files(
    folder: str, recursive: bool, above: tuple[os.stat_result, ...] = ()
) -> Iterator[Entry]:
    """Yield the files of a folder of this machine, without hidden ones. Raises `OSError`.

    Links are followed, but for broken ones, and those to a folder in which they are.
    """
    above = (*above, Path(folder).stat())
    with os.scandir(folder) as found:
        for inside in found:
            path = f"{folder.rstrip('/')}/{inside.name}"
            if inside.name.startswith("."):
                continue
            try:
                status = inside.stat()
            except OSError as error:
                if error.errno in (ENOENT, ELOOP):  # a link to nothing, or to itself
                    continue
                raise
            if S_ISREG(status.st_mode):
                yield _local_entry(path, status)
                continue
            known = any(os.path.samestat(status, one) for one in above)
            if recursive and S_ISDIR(status.st_mode) and not known:
                yield from _local_files(path, recursive, above)


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _matches(parts: list[str], pattern: list[str]) -> bool:
    """Match a path with a pattern part by part, as a shell does."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(parts[start:], pattern[1:]) for start in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])
