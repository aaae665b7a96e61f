"""Where the drawings of `digitnn read --boxes OUT --explain OUT` go: one file, or a folder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL.Image import Image

from digitnn.atomic_files import replace_file
from digitnn.errors import UsageError
from digitnn.reader.input.opening import Picture
from digitnn.reader.reader import Reading


@dataclass(frozen=True)
class Drawings:
    """out: ends in .png for the only picture, else a folder; stems: a name for each picture."""

    out: Path
    kind: str
    stems: tuple[str, ...]
    draw: Callable[[Picture, Reading], Image]

    @property
    def is_file(self) -> bool:
        """Whether there is a single drawing, called as the user says."""
        return self.out.suffix.lower() == ".png" and not self.out.is_dir()

    def path(self, index: int, page: int | None) -> Path:
        """Of the drawing of a picture, or of a page of it."""
        later = f"-page{page}" if page else ""
        if self.is_file:
            return self.out.with_name(f"{self.out.stem}{later}.png") if later else self.out
        return self.out / f"{self.stems[index]}{later}-{self.kind}.png"

    def save(self, index: int, page: int | None, picture: Picture, reading: Reading) -> None:
        """Draw, and write it as PNG, whole or not at all; folders are made."""
        data = BytesIO()
        self.draw(picture, reading).save(data, "PNG")
        with replace_file(self.path(index, page)) as file:
            file.write(data.getvalue())


def drawings_to(
    out: Path, kind: str, paths: Sequence[str], draw: Callable[[Picture, Reading], Image]
) -> Drawings:
    """kind: "boxes" or "explained", as the files in a folder are called.

    Raises `UsageError` for a file where there are several pictures, or one that would be lost.
    """
    drawings = Drawings(out, kind, _stems(paths), draw)
    if drawings.is_file and len(paths) != 1:
        raise UsageError(f"{out} is one file, but there are {len(paths)} pictures: name a folder")
    if drawings.is_file and out.exists() and Path(paths[0]).exists() and out.samefile(paths[0]):
        raise UsageError(f"{out} is the picture that is read: choose another file")
    if not drawings.is_file and out.is_file():
        raise UsageError(f"{out} is a file: name a .png or a folder")
    return drawings


def _stems(paths: Sequence[str]) -> tuple[str, ...]:
    """The files' names without suffix, numbered where several have the same."""
    times: dict[str, int] = {}
    stems = []
    for path in paths:
        stem = {"-": "stdin"}.get(path, Path(path).stem)
        times[stem] = times.get(stem, 0) + 1
        stems.append(stem if times[stem] == 1 else f"{stem}-{times[stem]}")
    return tuple(stems)
