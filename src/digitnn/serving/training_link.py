"""The server's side of the training process: commands to it, and messages from it."""

from __future__ import annotations

import asyncio
import json
import threading
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any

from digitnn.errors import RunError
from digitnn.serving.processes import Context
from digitnn.serving.training_process import WrongState, train
from digitnn.serving.watching import Data


class Child:
    """The server's side of the process: sends commands, and reads messages in a thread."""

    def __init__(
        self, context: Context, receive: Callable[[Child, str, Data], None], job: Data
    ) -> None:
        self._connection, self._far_end = context.Pipe()
        self.process = context.Process(target=train, args=(self._far_end,), daemon=True)
        self._receive, self._loop = receive, asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self.replies: dict[int, asyncio.Future[None]] = {}
        self._numbers = count()
        self._next_image: bytes | None = None
        self._image_under_way = False
        self._send("job", job)

    def start(self) -> None:
        """Start the process, which takes a moment, and the thread."""
        self.process.start()
        self._far_end.close()  # when the process ends, the pipe does
        threading.Thread(target=self._read, name="digitnn-live-training", daemon=True).start()

    def abandon(self) -> None:
        """Close the pipe, at which the process ends if it ever starts."""
        self._connection.close()

    async def ask(self, command: str) -> None:
        """Send a command and wait until it is carried out. Raises `WrongState` or `RunError`."""
        number, reply = next(self._numbers), self._loop.create_future()
        self.replies[number] = reply
        try:
            self._send(command, number)
            await reply
        finally:
            del self.replies[number]

    def answer(self, data: Data) -> None:
        """Take the reply to a command."""
        reply = self.replies.get(data["number"])
        if reply is None or reply.done():  # nobody waits for it any more
            return
        if data["error"]:
            kind = RunError if data["error"] == "RunError" else WrongState
            reply.set_exception(kind(data["message"]))
        else:
            reply.set_result(None)

    def refuse(self, refusal: Callable[[str], WrongState]) -> None:
        """Answer all commands with an error: the process has ended."""
        for reply in self.replies.values():
            if not reply.done():
                reply.set_exception(refusal("go on"))

    def offer(self, image: bytes) -> None:
        """Send an image, or the newest once the process has taken the one under way.

        Otherwise many images would fill the pipe during a long step, and block the server.
        """
        if self._image_under_way:
            self._next_image = image
        else:
            self._image_under_way = True
            self._send("image", b64encode(image).decode())

    def image_arrived(self) -> None:
        """Send the next image, if there is one."""
        self._image_under_way = False
        image, self._next_image = self._next_image, None
        if image:
            self.offer(image)

    def _send(self, command: str, argument: Any) -> None:
        with suppress(OSError):  # it has just ended, which the thread reports
            self._connection.send_bytes(json.dumps([command, argument]).encode())

    def _read(self) -> None:
        """Hand each message to the event loop, and at last the end of the process."""
        hand_over = self._loop.call_soon_threadsafe
        with suppress(RuntimeError):  # the loop has closed
            with self._connection, suppress(EOFError, OSError):
                while True:
                    event, data = json.loads(self._connection.recv_bytes())
                    hand_over(self._receive, self, event, data)
            self.process.join()
            hand_over(self._receive, self, "over", {"exit_code": self.process.exitcode})


def cause(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"the training process was killed by signal {-exit_code}"
    return f"the training process ended with exit code {exit_code}"
