"""The work of `digitnn read`: open and read files in several threads, and save the drawings."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from io import BytesIO
from pathlib import Path

from PIL.Image import Image

from digitnn.atomic_files import replace_file
from digitnn.cli.read.inputs import PictureFile
from digitnn.errors import PictureError, UsageError
from digitnn.machine.blas import one_core_blas
from digitnn.machine.in_order import map_in_order
from digitnn.machine.resources import threads
from digitnn.reader.input.opening import Picture
from digitnn.reader.input.signatures import PICTURE_SUFFIXES
from digitnn.reader.reader import Reader, Reading
from digitnn.reader.results import PictureResult, read_pages

MIN_PROGRESS_FILES = 50
"""From this number of files on, a progress bar is shown."""


@dataclass(frozen=True)
class Drawings:
    """The drawings of one kind, "boxes" or "explained".

    out: a .png file for a single picture, else a folder; paths: of the pictures. Raises
    `UsageError` if `out` cannot hold the drawings.
    """

    out: Path
    kind: str
    paths: Sequence[str]
    draw: Callable[[Picture, Reading], Image]

    def __post_init__(self) -> None:
        out, paths = self.out, self.paths
        if self.is_file and len(paths) != 1:
            raise UsageError(
                f"{out} is one file, but there are {len(paths)} pictures: name a folder"
            )
        if self.is_file and out.exists() and Path(paths[0]).exists() and out.samefile(paths[0]):
            raise UsageError(f"{out} is the picture that is read: choose another file")
        is_folder = out.is_dir() or out.suffix.lower() not in PICTURE_SUFFIXES
        if not self.is_file and (out.is_file() or not is_folder):
            raise UsageError(f"{out}: drawings are PNGs: name a .png or a folder")

    @cached_property
    def _stems(self) -> list[str]:
        """The file names without suffix, numbered if several are equal."""
        times: Counter[str] = Counter()
        stems: dict[str, None] = {}
        for path in self.paths:
            stem = name = "stdin" if path == "-" else Path(path).stem
            while name in stems:
                times[stem] += 1
                name = f"{stem}-{times[stem] + 1}"
            stems[name] = None
        return list(stems)

    @property
    def is_file(self) -> bool:
        """Whether `out` is the file of a single drawing."""
        return self.out.suffix.lower() == ".png" and not self.out.is_dir()

    def path(self, index: int, page: int | None) -> Path:
        """Return the file for the drawing of a picture, or of one of its pages."""
        suffix = f"-page{page}" if page else ""
        if self.is_file:
            return self.out.with_name(f"{self.out.stem}{suffix}.png") if suffix else self.out
        return self.out / f"{self._stems[index]}{suffix}-{self.kind}.png"

    def save(self, index: int, page: int | None, picture: Picture, reading: Reading) -> None:
        """Draw, and write a PNG atomically; missing folders are created."""
        data = BytesIO()
        self.draw(picture, reading).save(data, "PNG")
        with replace_file(self.path(index, page)) as file:
            file.write(data.getvalue())


@dataclass(frozen=True)
class Job:
    """Files to read with one reader, and the kinds of drawings to make of each page."""

    files: Sequence[PictureFile]
    reader: Reader
    single: bool
    drawings: Sequence[Drawings]

    def results(self) -> Iterator[list[PictureResult]]:
        """Yield the results of each file in order, one for each page."""
        if len(self.files) == 1:  # starting threads would take longer than they save
            yield self._read_file(0)
            return
        with one_core_blas:
            yield from map_in_order(self._read_file, range(len(self.files)), threads())

    def _read_file(self, index: int) -> list[PictureResult]:
        file = self.files[index]
        if isinstance(file.source, PictureError):
            return [PictureResult(file.path, None, file.source)]
        draw = partial(self._draw, index)
        return list(read_pages(self.reader, file.source, file.path, self.single, draw))

    def _draw(self, index: int, page: int | None, picture: Picture, reading: Reading) -> None:
        for drawings in self.drawings:
            drawings.save(index, page, picture, reading)


def with_progress(files: Iterator[list[PictureResult]], total: int) -> Iterator[PictureResult]:
    """Yield the results; show a progress bar if there are many files and stdout is not a terminal.

    On a terminal the results themselves show the progress.
    """
    if total < MIN_PROGRESS_FILES or not sys.stderr.isatty() or sys.stdout.isatty():
        for results in files:
            yield from results
        return
    from rich.progress import Progress

    from digitnn.cli.console import messages

    with Progress(console=messages(), transient=True, redirect_stdout=False) as progress:
        for results in progress.track(files, total, description="pictures"):
            yield from results
