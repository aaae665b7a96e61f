"""Start each engine as a worker process; install the peers into an environment of their own."""

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import ROOT
from benchmarks.peers.tesseract_worker import INSTALL
from digitnn.data.fetch.sources import cache_base

ENGINES = ("digitnn", "rapidocr", "tesseract")

REQUIREMENTS = ("rapidocr==3.10.0", "onnxruntime==1.32.0")
"""What the environment of the peers holds. RapidOCR's wheel contains its networks."""

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_THREAD_LIMIT"), "1")


@dataclass(frozen=True)
class Read:
    """What an engine read in a picture, and its user and system seconds."""

    text: str
    cpu_seconds: float


@dataclass(frozen=True, eq=False)
class Worker:
    """A running engine and the versions that it told."""

    name: str
    versions: dict[str, str]
    process: subprocess.Popen[str]

    def read(self, path: Path, mode: str) -> Read:
        """Read a picture; mode: "page", "row" (one line) or "digit". Exits if the engine died."""
        if self.process.stdin is None or self.process.stdout is None:
            raise AssertionError("a worker is started with pipes")
        self.process.stdin.write(json.dumps({"path": str(path), "mode": mode}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name}: its process ended while it read {path}")
        return Read(**json.loads(line))


def peers_python() -> Path:
    """Return where the Python of the peers' environment is, or would be."""
    folder = cache_base() / "peers"
    return folder / ("Scripts" if os.name == "nt" else "bin") / "python"


def peers_ready() -> bool:
    """Return whether the environment holds `REQUIREMENTS`."""
    done = cache_base() / "peers" / "requirements.txt"
    return done.exists() and done.read_text().split() == list(REQUIREMENTS)


def install_peers() -> None:
    """Create the environment in the cache, unless it is there. Exits if pip fails."""
    if peers_ready():
        return
    folder = cache_base() / "peers"
    print(f"installing {', '.join(REQUIREMENTS)} into {folder}", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    pip = [str(peers_python()), "-m", "pip", "install", "--quiet", *REQUIREMENTS]
    if subprocess.run(pip, stdout=sys.stderr, check=False).returncode:
        raise SystemExit(f"rapidocr: pip could not install it into {folder} (see above)")
    (folder / "requirements.txt").write_text("\n".join(REQUIREMENTS) + "\n")


def worker_command(name: str, model: str | None) -> list[str]:
    """Return the command of an engine's worker. Exits if the engine cannot be had."""
    if name == "rapidocr":
        install_peers()
        return [str(peers_python()), str(ROOT / "benchmarks" / "peers" / "rapidocr_worker.py")]
    if name == "tesseract" and shutil.which("tesseract") is None:
        raise SystemExit(INSTALL)
    chosen = ["--model", model] if model and name == "digitnn" else []
    return [sys.executable, "-m", f"benchmarks.peers.{name}_worker", *chosen]


@contextmanager
def started(name: str, model: str | None = None) -> Iterator[Worker]:
    """Start an engine on one thread; stop it at the end."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, **ONE_THREAD}
    if name != "rapidocr":
        environment["PYTHONPATH"] = paths.rstrip(os.pathsep)
    process = subprocess.Popen(
        worker_command(name, model),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    if process.stdin is None or process.stdout is None:
        raise AssertionError("a worker is started with pipes")
    try:
        first = process.stdout.readline()
        if not first:
            raise SystemExit(f"{name}: its process did not start")
        yield Worker(name, json.loads(first), process)
    finally:
        process.stdin.close()
        process.wait(timeout=60)
        process.stdout.close()
