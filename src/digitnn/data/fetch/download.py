"""Download of a collection's files to a folder, from the first source that delivers them.

Each file is unpacked, checked by size and SHA-256, and written atomically, so a folder never holds
a wrong file, even if two processes fill it at once.
"""

import hashlib
import re
import zlib
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from urllib.error import HTTPError, URLError

from digitnn.atomic_files import replace_file
from digitnn.data.fetch.transports import KnownFile, Meter, Source, no_meter
from digitnn.data.formats.magic import GZIP, kind_of, looks_like_html
from digitnn.errors import FormatError, SourceError
from digitnn.wording import Notify, silent


def missing_files(
    files: Sequence[KnownFile], folder: Path, notify: Notify = silent
) -> list[KnownFile]:
    """Return those of `files` that are missing or wrong in `folder`; notify about wrong ones."""
    missing = []
    for file in files:
        path = folder / file.name
        if not path.is_file():
            missing.append(file)
        elif path.stat().st_size != file.size or _sha256_of(path) != file.sha256:
            notify(f"{path} does not match its SHA-256; fetching it again")
            missing.append(file)
    return missing


def download(
    files: Sequence[KnownFile],
    folder: Path,
    sources: Sequence[Source],
    notify: Notify = silent,
    meter: Meter = no_meter,
) -> list[str]:
    """Write `files` to `folder`, each from the first of `sources` that delivers it.

    Returns an empty list, or the failure of each source if files are still missing at the end.
    Raises `SourceError` if a file cannot be written.
    """
    missing, failures = list(files), []
    for source in sources:
        if not missing:
            break
        try:
            with closing(source.deliver(tuple(missing), meter)) as deliveries:
                for file, content in deliveries:
                    _write(folder / file.name, _checked(file, content))
                    missing.remove(file)
                    notify(f"{file.name}: {file.size:,} bytes from {source.name}")
            if missing:
                raise FormatError(f"does not hold {', '.join(file.name for file in missing)}")
        except SourceError:
            raise
        except Exception as error:  # a transport may raise anything; try the next one
            failures.append(f"{source.name}: {describe_failure(error)}")
            notify(f"{failures[-1]}; trying the next source")
    return failures if missing else []


def describe_failure(error: Exception) -> str:
    """Return why a source failed, without the password that an address may contain."""
    if isinstance(error, HTTPError):
        words = f"HTTP {error.code} {error.reason}"
    elif isinstance(error, URLError):
        words = str(getattr(error.reason, "strerror", None) or error.reason)
    else:
        words = str(error)
    words = re.sub(r"//[^/@\s]*@", "//", " ".join(words.split()))
    return words[:300] or type(error).__name__


def _checked(file: KnownFile, content: bytes) -> bytes:
    """Return `content` unpacked. Raises `FormatError` unless it is exactly `file`."""
    if content.startswith(GZIP):
        try:
            content = zlib.decompressobj(wbits=31).decompress(content, file.size + 1)
        except zlib.error as error:
            raise FormatError(f"{file.name}: damaged gzip data ({error})") from None
    if looks_like_html(content[:512]):
        raise FormatError(f"{file.name}: it sent {kind_of(content[:512])}")
    if len(content) < file.size:
        raise FormatError(f"{file.name}: cut short: {len(content):,} of {file.size:,} bytes")
    found = hashlib.sha256(content).hexdigest()
    if found != file.sha256:
        raise FormatError(
            f"{file.name}: wrong content (SHA-256 {found[:16]}..., expected {file.sha256[:16]}...)"
        )
    return content


def _write(path: Path, content: bytes) -> None:
    try:
        with replace_file(path) as file:
            file.write(content)
    except OSError as error:
        raise SourceError(
            f"cannot write {path}: {error.strerror or error}; make room, or set "
            "DIGITNN_CACHE_DIR to another folder"
        ) from error


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
