"""The training that people watch, in its own process: it reports, and obeys between two steps."""

import json
import os
import signal
from base64 import b64decode
from contextlib import suppress
from itertools import count
from math import inf
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from numpy import ndarray

from digitnn.analysis.explain.first_layer import first_layer
from digitnn.data.dataset import SIDE
from digitnn.engines.find import find_engine
from digitnn.errors import DigitnnError, RunError
from digitnn.evaluation.evaluation import log_softmax
from digitnn.machine.resources import use_resources
from digitnn.recipes.recipe import Recipe
from digitnn.runs.experiment import load_training_data
from digitnn.runs.run import save_run
from digitnn.serving.inside import signed
from digitnn.serving.watching import Data
from digitnn.training.records import EpochRecord, Record
from digitnn.training.training import Training
from digitnn.wording import error_text

COLLECTION = "mnist"
MAX_UNITS_SHOWN = 64
PROGRESS_SECONDS, SHOW_SECONDS = 0.1, 0.5
"""The least time between two progress events, and between two showings of weights and answer."""
NICENESS = 5

ALLOWED_IN = {
    "pause": ("running",),
    "resume": ("paused",),
    "stop": ("running", "paused"),
    "keep": ("done", "stopped"),
}
"""The states in which the process carries out a command; while it starts, commands wait."""
LEADS_TO = {"pause": "paused", "resume": "running", "stop": "stopped"}


class WrongState(DigitnnError):
    """A command that makes no sense now: resume what is not paused, keep what has not begun."""


def train(connection: Connection) -> None:
    """Carry out the job and the commands from the pipe until it closes; runs in the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is meant for the server
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    trainee = _Trainee(connection)
    try:
        trainee.run()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the server has gone
    except Exception as error:
        with suppress(OSError):
            trainee.send("state", {"state": "failed", "message": _one_line(error)})


class _Trainee:
    """The training in its process: reports, and obeys commands between two steps."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._state, self._kept = "starting", False
        self._image: ndarray | None = None
        self._progress_at = self._shown_at = -inf
        self._paused_seconds = 0.0

    def send(self, event: str, data: Data) -> None:
        """Send a message. Raises `OSError` when the server has gone."""
        self._connection.send_bytes(json.dumps([event, data], allow_nan=False).encode())

    def run(self) -> None:
        """Train, then wait until the run is kept. Raises `EOFError` when the server has gone."""
        _, job = self._next_command()
        self._job = job
        use_resources(job["threads"], job["device"])
        data = load_training_data(COLLECTION, Path(job["data_dir"]))
        recipe, engine = Recipe.from_json(job["recipe"]), find_engine(job["engine"])
        self._training = Training(recipe, engine, data.train, data.valid, job["seed"])
        self._enter("running")
        self._learn()
        if self._state != "stopped":
            self._enter("done")
        while not self._kept:
            self._obey(*self._next_command())

    def _next_command(self) -> tuple[str, Any]:
        command, argument = json.loads(self._connection.recv_bytes())
        return command, argument

    def _learn(self) -> None:
        """Train to the end, or until the state is "stopped"."""
        began = monotonic()
        for record in self._training:
            self._report(record, monotonic() - began)
            if record.done >= 1:
                continue  # the training is complete after its last record only
            while self._state == "paused" or self._connection.poll():
                waits_since, paused = monotonic(), self._state == "paused"
                self._obey(*self._next_command())
                self._paused_seconds += (monotonic() - waits_since) if paused else 0.0
                if self._state == "stopped":
                    return

    def _report(self, record: Record, seconds: float) -> None:
        """Send what is due after a step; seconds: since training began."""
        now, last = monotonic(), record.done >= 1
        if last or now - self._progress_at >= PROGRESS_SECONDS:
            self._progress_at = now
            # the clock of a training runs on in a pause
            trained = max(seconds - self._paused_seconds, 1e-9)
            speed = {"images_per_second": record.images_per_second * seconds / trained}
            self.send("progress", _fields(record, "done", "epoch", "loss", "accuracy") | speed)
        if isinstance(record, EpochRecord):
            names = ("epoch", "loss", "accuracy", "valid_loss", "valid_accuracy")
            self.send("epoch", _fields(record, *names))
        if now - self._shown_at >= SHOW_SECONDS:
            self._show()

    def _show(self) -> None:
        """Send the weights of the first layer, and the answer for the image."""
        found = first_layer(self._training.network, self._training.params())
        by_index = np.argsort(found.order)[:MAX_UNITS_SHOWN]  # the strongest ones change places
        weights = found.weights[by_index]
        if np.isfinite(weights).all():
            self.send("weights", {"kind": found.kind, **signed(weights)})
        self._show_answer()
        self._shown_at = monotonic()

    def _show_answer(self) -> None:
        if self._image is None:
            return
        training = self._training
        classifier = training.engine.classifier(training.network, training.params())
        logits = classifier.logits(self._image)
        if np.isfinite(logits).all():
            self.send("answer", {"probabilities": np.exp(log_softmax(logits))[0].tolist()})

    def _enter(self, state: str) -> None:
        if state in ("done", "stopped"):
            self._show()
        self._state = state
        self.send("state", {"state": state})

    def _obey(self, command: str, argument: Any) -> None:
        """Carry out a command. argument: an image, or the number to reply to."""
        if command == "image":
            image = np.frombuffer(b64decode(argument), np.uint8)
            self._image = image.reshape(1, SIDE, SIDE)
            self.send("image", {})
            if self._state != "running":  # otherwise the next showing is near
                self._show_answer()
            return
        reply = {"number": argument, "error": "", "message": ""}
        try:
            if self._state not in ALLOWED_IN[command]:
                raise WrongState(f"cannot {command}: the training is {self._state}")
            if command == "keep":
                self._keep()
            else:
                self._enter(LEADS_TO[command])
        except (WrongState, RunError) as error:
            reply |= {"error": type(error).__name__, "message": str(error)}
        self.send("reply", reply)

    def _keep(self) -> None:
        """Write the run into a new folder. Raises `RunError` if it cannot be written."""
        job = self._job
        name = f"live-{job['recipe']['name']}-{job['engine']}-seed{job['seed']}"
        names = (name if number == 1 else f"{name}-{number}" for number in count(1))
        path = next(p for p in (Path(job["folder"]) / name for name in names) if not p.exists())
        try:
            save_run(path, self._training, job["engine"], COLLECTION)
        except OSError as error:
            why = error.strerror or error
            raise RunError(f"cannot write the run to {path}: {why}") from None
        self._kept = True
        self.send("state", {"state": self._state, "kept": path.name})


def _fields(record: Record, *names: str) -> Data:
    return {name: getattr(record, name) for name in names}


def _one_line(error: Exception) -> str:
    """Return the message of an error, after its type if it is not one of ours."""
    kind = "" if isinstance(error, DigitnnError) else f"{type(error).__name__}: "
    return kind + error_text(error)
