"""Train a network while people watch it, in a process of its own.

The server starts the process and reads its messages in a thread; watchers receive them as events.
Neither a crash nor heavy work of a training touches the server. Both sides send JSON over a pipe:

    process to server    [event, data]: state, progress, epoch, weights, answer, reply, image
    server to process    [command, argument]: first the job; pause, resume, stop, keep, image

Commands take effect between two steps. A finished training waits in its process until it is kept,
replaced by the next one, or no longer watched. The test split is never read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from digitnn.data.fetch.sources import find_on_disk
from digitnn.engines.find import find_engine
from digitnn.errors import DataError, SourceError, UsageError
from digitnn.machine.resources import device, threads
from digitnn.recipes.builtin import RECIPES
from digitnn.recipes.recipe import Recipe
from digitnn.serving.bodies import PIXELS
from digitnn.serving.processes import Context
from digitnn.serving.training_link import Child, cause
from digitnn.serving.training_process import COLLECTION, WrongState
from digitnn.serving.watching import Data, Event, History, Watcher
from digitnn.wording import brief, did_you_mean

MAX_SEED = 2**32 - 1
HEARTBEAT_SECONDS = 15.0
"""After so long without an event the state is sent again, so that a lost connection is noticed."""
END_SECONDS = 0.9
"""How long `close` waits for commands in progress, and again for the process to end."""

UNDER_WAY = ("starting", "running", "paused")
RECIPES_OFFERED: dict[str, Recipe] = {
    name: recipe for name, recipe in RECIPES.items() if recipe.synthetic_mix is None
}
"""The built-in recipes by name, without those whose synthetic mix has to be fetched and drawn."""


class Busy(WrongState):
    """A training is in progress, and there is one at a time."""


class LiveTraining:
    """At most one training at a time, in a process of its own; used from one event loop.

    context: "forkserver" or "spawn" ("fork" would share the server's pipes with the process);
    folder: where `keep` writes runs; watch_seconds: the training ends when nobody has watched for
    so long. MNIST must be on disk: nothing is fetched.
    """

    def __init__(self, context: Context, folder: Path, watch_seconds: float = 10.0) -> None:
        self._context, self._folder, self._watch_seconds = context, folder, watch_seconds
        self._state: Data = dict.fromkeys(("state", "recipe", "engine", "seed", "kept"))
        self._state |= {"state": "idle", "message": ""}
        self._history = History()
        self._watchers: set[Watcher] = set()
        self._child: Child | None = None
        self._image: bytes | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._turn = asyncio.Lock()
        self._closed = False

    def state(self) -> Data:
        """Return state, recipe, engine, seed, kept and message; recipe to kept may be None.

        state: idle, starting, running, paused, done, stopped or failed; kept: the run's path.
        """
        return dict(self._state)

    async def start(self, recipe: str, engine: str, seed: int) -> Data:
        """Begin a training and return its state; one that is done or stopped is dropped.

        Raises `Busy` if one is in progress, `UsageError` for an unknown recipe or engine or a seed
        outside 0..2**32 - 1, `MissingExtraError` without PyTorch, `SourceError` without MNIST.
        """
        if self._state["state"] in UNDER_WAY or (self._child and self._child.replies):
            raise Busy(f"the training of {self._state['recipe']} is in progress: stop it first")
        job = self._job(recipe, engine, seed)
        self._drop()
        self._history = History()
        about = {"recipe": recipe, "engine": engine, "seed": seed}
        self._change(state="starting", **about, kept=None, message="")
        child: Child | None = None
        try:
            async with self._turn:
                if self._closed:
                    raise WrongState("the server is closing: it starts no training")
                self._child = child = Child(self._context, self._receive, job)
                if self._image:
                    child.offer(self._image)
                await asyncio.to_thread(child.start)
        except BaseException:
            if child:
                child.abandon()
            self._child = None
            self._change(state="failed", message="the training process did not start")
            raise
        self._count_seconds()
        return self.state()

    async def pause(self) -> Data:
        """Block the training after its current step. Raises `WrongState` unless it is running."""
        return await self._command("pause")

    async def resume(self) -> Data:
        """Continue the training. Raises `WrongState` unless it is paused."""
        return await self._command("resume")

    async def stop(self) -> Data:
        """End the training after its current step. Raises `WrongState` unless it is in progress."""
        return await self._command("stop")

    async def keep(self) -> Data:
        """Write what was trained as a run, whose path is then `kept` in the state.

        Raises `WrongState` unless the training is done or stopped, `RunError` if the disk is full.
        """
        return await self._command("keep")

    def follow_image(self, image: bytes) -> None:
        """Set the image whose answer is followed: 28 x 28 uint8, row by row.

        Raises `DataError` for any other number of bytes.
        """
        if len(image) != PIXELS:
            raise DataError(f"an image has {PIXELS} bytes, got {len(image)}")
        self._image = bytes(image)
        if self._child:
            self._child.offer(self._image)

    async def events(self) -> AsyncGenerator[Event, None]:
        """Yield (event, data) until `close`: first the state, then what happened so far.

        state: as `state` returns; progress, epoch: as in the records, losses in nats per image,
        done and accuracy 0..1; weights: of the first layer, base64 of int8 (n, h, w), 127 is
        `largest`; answer: probabilities of the ten digits for the image. Close the generator to end
        watching. A slow watcher loses old progress. Watchers share the data: do not change them.
        """
        watcher = Watcher([("state", self.state()), *self._history.events()])
        self._watchers.add(watcher)
        self._count_seconds()
        try:
            while True:
                for event in watcher.take():
                    yield event
                if self._closed and not watcher.waiting:
                    return
                try:
                    async with asyncio.timeout(HEARTBEAT_SECONDS):
                        await watcher.wake.wait()
                except TimeoutError:
                    watcher.put("state", self.state())
        finally:
            self._watchers.discard(watcher)
            self._count_seconds()

    async def close(self) -> None:
        """End the process within two seconds, whatever it does, and the events of all watchers."""
        self._closed = True
        async with self._turn:
            child = self._child
            if child and child.replies:  # a run that is being written is soon complete
                await asyncio.wait(child.replies.values(), timeout=END_SECONDS)
            if self._state["state"] in UNDER_WAY:
                self._change(state="stopped", message="the server has closed")
            self._drop()
            for watcher in self._watchers:
                watcher.wake.set()
            if child:
                await asyncio.wait([child.ended], timeout=END_SECONDS)

    def _job(self, recipe: str, engine: str, seed: int) -> Data:
        """Return what the process needs to know, as JSON values. Raises as `start`."""
        if recipe not in RECIPES_OFFERED:
            known = f"known: {', '.join(RECIPES_OFFERED)}{did_you_mean(recipe, RECIPES_OFFERED)}"
            raise UsageError(f"unknown recipe {brief(recipe)} for live training; {known}")
        chosen = RECIPES_OFFERED[recipe]
        engine = chosen.engine(engine)
        if type(seed) is not int or not 0 <= seed <= MAX_SEED:
            raise UsageError(f"seed must be a whole number from 0 to {MAX_SEED}, got {brief(seed)}")
        if engine == "pytorch" and find_spec("torch") is None:
            find_engine(engine)  # raises; otherwise only the process imports PyTorch
        data = find_on_disk(COLLECTION, ("train",))
        if data is None or "train" not in data.parts:
            raise SourceError(
                "MNIST is not on this machine, and live training fetches nothing: "
                "run `digitnn data fetch` first"
            )
        return {
            "recipe": chosen.to_json(),
            "engine": engine,
            "seed": seed,
            "data_dir": str(data.path.absolute()),
            "folder": str(self._folder.absolute()),
            "threads": threads(),
            "device": device(),
        }

    async def _command(self, name: str) -> Data:
        """Return the state after the process has carried out a command."""
        if self._child is None:
            raise self._refusal(name)
        await self._child.ask(name)
        return self.state()

    def _refusal(self, command: str) -> WrongState:
        state, kept, message = (self._state[key] for key in ("state", "kept", "message"))
        if state == "idle":
            return WrongState(f"cannot {command}: no training has begun")
        rest = f", kept in {kept}" if kept else f": {message}" if message else ""
        return WrongState(f"cannot {command}: the training is {state}{rest}")

    def _receive(self, child: Child, event: str, data: Data) -> None:
        """Take a message of the process, or "over" from its reader, the last one."""
        if event == "over":
            child.ended.set_result(None)
        if child is not self._child:
            return
        if event == "over":
            if self._state["state"] != "failed" and not self._state["kept"]:
                self._change(state="failed", message=cause(data["exit_code"]))
            self._drop()
        elif event == "reply":
            child.answer(data)
        elif event == "image":
            child.image_arrived()
        elif event == "state":
            kept = {"kept": str(self._folder / data["kept"])} if "kept" in data else {}
            self._change(**data | kept)
        else:
            self._history.add(event, data)
            self._tell(event, data)

    def _change(self, **changes: Any) -> None:
        self._state |= changes
        self._tell("state", self.state())

    def _tell(self, event: str, data: Data) -> None:
        for watcher in self._watchers:
            watcher.put(event, data)

    def _drop(self) -> None:
        """Kill the process, if there is one; what it has not kept is lost."""
        child, self._child = self._child, None
        if child:
            child.process.kill()
            child.refuse(self._refusal)

    def _count_seconds(self) -> None:
        """Begin to count the seconds without a watcher, or end that."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._child and not self._watchers:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._watch_seconds, self._end_unwatched)

    def _end_unwatched(self) -> None:
        if self._child is None:
            return
        if self._child.replies:  # a command is being carried out
            self._count_seconds()
            return
        state = "stopped" if self._state["state"] in UNDER_WAY else self._state["state"]
        why = f"nobody watched for {self._watch_seconds:g} s, so its parameters were dropped"
        self._change(state=state, message=why)
        self._drop()
