"""The work of `digitnn read`: files become entries, in several threads, in the order given."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from digitnn.cli.read.inputs import PictureFile
from digitnn.cli.read.output import PictureResult
from digitnn.errors import PictureError
from digitnn.machine.blas import one_core_blas
from digitnn.machine.resources import threads
from digitnn.reader.input.pages import Page, pages_of
from digitnn.reader.reader import Reader
from digitnn.reader.threads import map_in_order

if TYPE_CHECKING:
    from digitnn.cli.read.drawings import Drawings

MANY = 50
"""Pictures from which on it takes so long that a bar is worth its while."""


@dataclass(frozen=True)
class Job:
    """files: what is read; drawings: what is drawn of each page."""

    files: Sequence[PictureFile]
    reader: Reader
    single: bool
    drawings: Sequence["Drawings"]

    def entries(self) -> Iterator[list[PictureResult]]:
        """Those of each file, one a page, as they come."""
        if len(self.files) == 1:  # threads and BLAS's setting cost more than they gain
            yield self._of_file(0)
            return
        with one_core_blas:
            yield from map_in_order(self._of_file, range(len(self.files)), threads())

    def _of_file(self, index: int) -> list[PictureResult]:
        file = self.files[index]
        if isinstance(file.source, PictureError):
            return [PictureResult(file.path, None, file.source)]
        try:
            pages = pages_of(file.source, self.reader.limits)
        except PictureError as error:
            return [PictureResult(file.path, None, error)]
        return [self._of_page(index, page) for page in pages]

    def _of_page(self, index: int, page: Page) -> PictureResult:
        path, number = self.files[index].path, page.number if page.of > 1 else None
        try:
            picture = page.open()
            reading = self.reader.read_picture(picture, self.single)
        except PictureError as error:
            return PictureResult(path, number, error)
        for drawings in self.drawings:
            drawings.save(index, number, picture, reading)
        return PictureResult(path, number, reading)


def with_progress(files: Iterator[list[PictureResult]], total: int) -> Iterator[PictureResult]:
    """The entries; of many files also how far it is, where a terminal shows no result meanwhile."""
    if total < MANY or not sys.stderr.isatty() or sys.stdout.isatty():
        for entries in files:
            yield from entries
        return
    from rich.progress import Progress

    from digitnn.cli.console import messages

    with Progress(console=messages(), transient=True, redirect_stdout=False) as progress:
        for entries in progress.track(files, total, description="pictures"):
            yield from entries
