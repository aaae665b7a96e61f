"""Export a run: write it as bytes, verify them, and only then put the file in its place."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

from digitnn.atomic_files import replace_file
from digitnn.errors import RunError
from digitnn.export.protocol import Format, Options
from digitnn.export.pytorch_state import pytorch_source
from digitnn.export.skops_file import skops_source
from digitnn.export.verification import Conformance, require_passed, verify
from digitnn.network.network import Samples
from digitnn.runs.ensembles import Ensemble, Trained

LoadImages: TypeAlias = Callable[[], Samples]
"""Returns the images to verify with. It is called when all that can fail before has not."""


def check_place(out: Path, force: bool) -> None:
    """Raise `RunError` unless a file may be written at `out`; call it before the work."""
    if out.is_dir():
        raise RunError(f"cannot write {out}: it is a folder; name a file")
    if out.exists() and not force:
        raise RunError(f"{out} exists already: choose another name, or replace it with --force")
    if not out.parent.is_dir():
        raise RunError(f"cannot write {out}: there is no folder {out.parent}")


def export_run(
    trained: Trained, chosen: Format, options: Options, out: Path, load_images: LoadImages
) -> Conformance | None:
    """Write `trained` to `out` after verifying it; return the result.

    None: it was written unverified, since it cannot be run here and `options` permit that.
    Raises `ExportError` if the format cannot hold the run or the verification fails, and `RunError`
    if it is not possible; nothing is written then.
    """
    reason = chosen.why_unverifiable()
    if reason is not None and not options.unverified:
        raise RunError(f"{out} {reason}; --unverified writes it nevertheless")
    content = chosen.write(trained, options)
    conformance = None
    if reason is None:
        with TemporaryDirectory(prefix="digitnn-export-") as folder:
            trial = Path(folder) / f"digits.{chosen.name}"
            trial.write_bytes(content)
            name = f"nothing is written: {out}"
            conformance = _verify_file(trial, trained, chosen, load_images, name)
    with replace_file(out) as file:
        file.write(content)
    return conformance


def check_export(
    path: Path, trained: Trained, chosen: Format, load_images: LoadImages
) -> Conformance:
    """Verify the file at `path`, written earlier.

    Raises `FormatError` for a file that is no export of the run, `ExportError` if it computes
    something else.
    """
    if not path.is_file():
        reason = "it is a folder" if path.is_dir() else "no such file"
        raise RunError(f"cannot check {path}: {reason}")
    return _verify_file(path, trained, chosen, load_images, str(path))


def _verify_file(
    path: Path, trained: Trained, chosen: Format, load_images: LoadImages, name: str
) -> Conformance:
    loaded = chosen.load(path, trained)
    conformance = verify(loaded, trained, load_images(), path, chosen.name)
    require_passed(conformance, name)
    return conformance


def loading_lines(trained: Trained, chosen: Format, path: Path) -> dict[str, str]:
    """Return the lines that load `path`, by what they need; empty for most formats."""
    if isinstance(trained, Ensemble):
        return {}
    match chosen.name:
        case "pt" | "safetensors":
            return {"pytorch": pytorch_source(trained.network, path, chosen.name)}
        case "skops":
            return {"skops": skops_source(trained.network, path)}
    return {}
