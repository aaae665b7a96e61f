"""A training that people watch: its events, its commands, and what ends its process.

Each training runs in a process of its own on a few small images, of which the test file is missing.
"""

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from base64 import b64decode
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import write_digits
from small_trainings import CLASSIC, CNN, bits

from digitnn.engines.find import find_engine
from digitnn.errors import DataError, MissingExtraError, RunError, SourceError, UsageError
from digitnn.network.layers import Dense, Flatten, Relu
from digitnn.recipes.builtin import RECIPES
from digitnn.recipes.optimisers import Sgd
from digitnn.runs.experiment import load_training_data
from digitnn.runs.run import load_single_run
from digitnn.serving import live_training, training_process, watching
from digitnn.serving.live_training import RECIPES_OFFERED, Busy, LiveTraining, WrongState
from digitnn.training.training import Training

METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
CONTEXT = multiprocessing.get_context(METHOD)
CONTEXT.set_forkserver_preload(["digitnn.serving.live_training"])  # imported once for all tests
PATIENCE_SECONDS = 120

pytestmark = pytest.mark.slow

SMALL = replace(
    RECIPES["mlp"],
    name="small",
    layers=(Flatten(), Dense(70), Relu(), Dense(10)),
    epochs=3,
    batch_size=100,
)
ENDLESS = replace(SMALL, name="endless", epochs=10**6, batch_size=1)
DIVERGING = replace(SMALL, name="diverging", optimiser=Sgd(1e30))
STATE = {"state", "recipe", "engine", "seed", "kept", "message"}
PROGRESS = {"done", "epoch", "loss", "accuracy", "images_per_second"}
EPOCH = {"epoch", "loss", "accuracy", "valid_loss", "valid_accuracy"}


@pytest.fixture(scope="module")
def data(digits, tmp_path_factory):
    """A folder of MNIST's layout without a test file, in which every training looks."""
    folder = write_digits(tmp_path_factory.mktemp("data"), digits)
    for file in folder.glob("t10k*"):
        file.unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGITNN_DATA_DIR", str(folder))
        for recipe in (SMALL, ENDLESS, DIVERGING, CNN, CLASSIC):
            patch.setitem(RECIPES_OFFERED, recipe.name, recipe)
        yield folder


@pytest.fixture
def play(data, tmp_path):
    """Run `scenario(live)` in an event loop; afterwards the process must be gone."""

    def play(scenario, watch_seconds=PATIENCE_SECONDS):
        live = LiveTraining(CONTEXT, tmp_path / "runs", watch_seconds)

        async def whole():
            async with asyncio.timeout(PATIENCE_SECONDS):
                try:
                    return await scenario(live)
                finally:
                    await live.close()

        result = asyncio.run(whole())
        assert process() is None
        return result

    return play


def process():
    """The process that trains, if there is one."""
    found = [child for child in multiprocessing.active_children() if child.is_alive()]
    return found[0] if found else None


async def until(live, *states, count=None, event="state"):
    """Watch until one of `states`, or `count` times `event`; what was seen."""
    seen = []
    async with aclosing(live.events()) as events:
        async for name, content in events:
            seen.append((name, content))
            if name == "state" and content["state"] in states:
                break
            if count and sum(n == event for n, _ in seen) == count:
                break
    return seen


def only(event, seen):
    return [content for name, content in seen if name == event]


def states(seen):
    return [content["state"] for content in only("state", seen)]


# the course of a training


@pytest.fixture(
    scope="module",
    params=[
        (SMALL, "scratch"),
        (CNN, "scratch"),
        (CNN, "pytorch"),
        (CLASSIC, "scratch"),
        (CLASSIC, "pytorch"),
    ],
    ids=lambda param: f"{param[0].name}-{param[1]}",
)
def course(request, data, tmp_path_factory):
    """A recipe, an engine, all events of their training, and the run that was kept."""
    recipe, engine = request.param
    folder = tmp_path_factory.mktemp("runs")

    async def whole():
        live = LiveTraining(CONTEXT, folder, PATIENCE_SECONDS)
        live.follow_image(bytes(784))
        async with asyncio.timeout(PATIENCE_SECONDS), aclosing(live.events()) as events:
            seen = [await anext(events)]
            await live.start(recipe.name, engine, seed=5)
            async for event in events:
                seen.append(event)
                if event[0] == "state" and event[1]["state"] in ("done", "failed"):
                    break
            kept = (await live.keep())["kept"]
            await live.close()
        return seen, kept

    return recipe, engine, *asyncio.run(whole())


def test_the_states_of_a_training_follow_each_other(course):
    recipe, engine, seen, _ = course
    assert states(seen) == ["idle", "starting", "running", "done"]
    last = seen[-1][1]
    assert last.keys() == STATE
    about = {"recipe": recipe.name, "engine": engine, "seed": 5, "kept": None, "message": ""}
    assert last == {"state": "done", **about}


def test_every_epoch_and_the_end_are_reported(course):
    recipe, _, seen, _ = course
    epochs, progress = only("epoch", seen), only("progress", seen)
    assert [epoch["epoch"] for epoch in epochs] == list(range(1, recipe.epochs + 1))
    assert all(epoch.keys() == EPOCH for epoch in epochs)
    assert all(point.keys() == PROGRESS for point in progress)
    done = [point["done"] for point in progress]
    assert done == sorted(done)
    assert done[-1] == 1


def test_the_last_weights_and_answer_come_before_the_end(course):
    recipe, _, seen, kept = course
    assert [event for event, _ in seen[-3:]] == ["weights", "answer", "state"]
    weights, answer = seen[-3][1], seen[-2][1]
    run = load_single_run(kept)
    true = next(p for name, p in run.params.items() if name.endswith(".weight"))
    units = min(len(true), training_process.MAX_UNITS_SHOWN)
    side = 28 if weights["kind"] == "units" else 5
    assert weights["shape"] == [units, side, side]
    values = np.frombuffer(b64decode(weights["values"]), np.int8).reshape(units, side, side)
    shown = values / 127 * weights["largest"] / (255 / recipe.standardise.std)
    half_a_level = weights["largest"] / 254 / (255 / recipe.standardise.std)
    np.testing.assert_allclose(
        shown, true[:units].reshape(shown.shape), rtol=0, atol=1.001 * half_a_level
    )
    logits = run.classifier().logits(np.zeros((1, 28, 28), np.uint8))[0].astype(float)
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(answer["probabilities"], expected, rtol=1e-5)


def test_the_kept_run_is_what_a_direct_training_gives(course, data):
    recipe, engine, seen, kept = course
    parts = load_training_data("mnist", data)
    training = Training(recipe, find_engine(engine), parts.train, parts.valid, 5)
    list(training)
    run = load_single_run(kept)
    assert bits(run.params) == bits(training.params())
    assert run.about["complete"]
    assert run.history[-1].valid_accuracy == only("epoch", seen)[-1]["valid_accuracy"]
    classifier = run.classifier()
    right = classifier.logits(parts.valid.images).argmax(axis=1) == parts.valid.labels
    assert right.mean() == run.history[-1].valid_accuracy
    assert Path(kept).name == f"live-{recipe.name}-{engine}-seed5"


# commands


def test_a_paused_training_rests_and_goes_on(play):
    async def scenario(live):
        await live.start("endless", "scratch", 0)
        await until(live, count=1, event="progress")
        assert (await live.pause())["state"] == "paused"
        await asyncio.sleep(0.2)  # threads that spin come to rest
        before, ticks = await until(live, count=1), cpu_ticks()
        latest = live._history.events()
        await asyncio.sleep(0.6)
        assert live._history.events() == latest
        assert cpu_ticks() - ticks <= 20  # of 60
        assert states(before) == ["paused"]
        assert (await live.resume())["state"] == "running"
        count = len(only("progress", latest))
        await until(live, count=count + 2, event="progress")
        return await live.stop()

    assert play(scenario)["state"] == "stopped"


def cpu_ticks():
    """The processor time of the process, in hundredths of a second; 0 where it is unknown."""
    path = Path(f"/proc/{process().pid}/stat")
    if not path.exists():
        return 0
    fields = path.read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_a_stopped_training_is_kept_with_its_parameters_so_far(play, tmp_path):
    async def scenario(live):
        (tmp_path / "runs" / "live-endless-scratch-seed1").mkdir(parents=True)
        await live.start("endless", "scratch", 1)
        seen = await until(live, count=2, event="epoch")
        await live.stop()
        return seen, await live.keep()

    seen, state = play(scenario)
    assert state["state"] == "stopped"
    assert Path(state["kept"]).name == "live-endless-scratch-seed1-2"
    run = load_single_run(state["kept"])
    assert not run.about["complete"]
    assert len(run.history) >= 2
    assert run.history[0].valid_accuracy == only("epoch", seen)[0]["valid_accuracy"]


def test_commands_that_make_no_sense_say_why(play):
    async def scenario(live):
        for command in (live.pause, live.resume, live.stop, live.keep):
            with pytest.raises(WrongState, match="no training has begun"):
                await command()
        await live.start("endless", "scratch", 0)
        for command in (live.resume, live.keep):
            with pytest.raises(WrongState, match="the training is running"):
                await command()
        await live.stop()
        for command in (live.pause, live.resume, live.stop):
            with pytest.raises(WrongState, match="the training is stopped"):
                await command()
        await live.keep()
        with pytest.raises(WrongState, match="kept in"):
            await live.keep()

    play(scenario)


def test_a_run_that_cannot_be_written_can_be_kept_later(play, tmp_path):
    async def scenario(live):
        (tmp_path / "runs").write_text("a file where the folder should be")
        await live.start("small", "scratch", 0)
        await until(live, "done")
        with pytest.raises(RunError, match="cannot write the run"):
            await live.keep()
        (tmp_path / "runs").unlink()
        return await live.keep()

    load_single_run(play(scenario)["kept"])


def test_a_second_training_has_to_wait(play):
    async def scenario(live):
        await live.start("endless", "scratch", 0)
        with pytest.raises(Busy, match="in progress"):
            await live.start("small", "scratch", 0)
        assert live.state()["recipe"] == "endless"
        await live.stop()
        await live.start("small", "scratch", 0)
        return states(await until(live, "done"))

    assert play(scenario)[-1] == "done"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("clasic", "scratch", 0), "did you mean 'classic'"),
        (("reader", "scratch", 0), "known: .*cnn-98.7"),
        (("small", "jax", 0), "scratch or pytorch, not 'jax'|pytorch or scratch, not 'jax'"),
        (("small", "scratch", -1), "seed must be"),
        (("small", "scratch", True), "seed must be"),
    ],
)
def test_unknown_recipes_engines_and_seeds_are_named(arguments, message, play):
    async def scenario(live):
        with pytest.raises(UsageError, match=message):
            await live.start(*arguments)
        return live.state()["state"]

    assert play(scenario) == "idle"


def test_an_engine_that_is_not_installed_is_named(play, monkeypatch):
    monkeypatch.setattr(live_training, "find_spec", lambda name: None)
    monkeypatch.setattr("digitnn.engines.find.find_spec", lambda name: None)

    async def scenario(live):
        with pytest.raises(MissingExtraError, match=r"digitnn\[torch\]"):
            await live.start("small", "pytorch", 0)

    play(scenario)


def test_missing_data_are_named_and_not_fetched(play, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DIGITNN_DATA_DIR")
    monkeypatch.setenv("DIGITNN_CACHE_DIR", str(tmp_path / "cache"))

    async def scenario(live):
        with pytest.raises(SourceError, match="digitnn data fetch"):
            await live.start("small", "scratch", 0)

    play(scenario)
    assert list(tmp_path.iterdir()) == []


def test_recipes_offered_need_no_synthetic_images():
    names = set(RECIPES_OFFERED)
    assert "reader" not in names
    assert {"classic", "cnn", "mlp", "cnn-98.7"} <= names


# watchers


def test_an_image_is_answered_also_while_the_training_rests(play, digits):
    first, second = (digits.images[i].tobytes() for i in (0, 1))

    async def scenario(live):
        async def answers(images, count):
            async with aclosing(live.events()) as events:
                for _ in range(1 + len(live._history.events())):
                    await anext(events)
                for image in images:
                    live.follow_image(image)
                return [(await anext(events))[1]["probabilities"] for _ in range(count)]

        with pytest.raises(DataError, match="784"):
            live.follow_image(first[1:])
        await live.start("endless", "scratch", 0)
        await until(live, count=1, event="progress")
        await live.pause()
        (one,), (other,) = await answers([first], 1), await answers([second], 1)
        assert one != other
        assert sum(one) == pytest.approx(1)
        # the first goes to the process at once, the others wait for it to be read: one is left
        assert await answers([first, *[first, second] * 1000], 2) == [one, other]

    play(scenario)


def test_a_late_watcher_gets_the_whole_curve_thinned_out(play, monkeypatch):
    monkeypatch.setattr(watching, "MAX_PROGRESS_POINTS", 4)

    async def scenario(live):
        await live.start("endless", "scratch", 0)
        seen = await until(live, count=12, event="progress")
        await live.pause()
        late = await until(live, count=1, event="weights")
        return seen, late

    seen, late = play(scenario)
    assert late[0][0] == "state"
    assert late[0][1]["state"] == "paused"
    progress = only("progress", late)
    assert 2 <= len(progress) <= 4
    assert progress[0] == only("progress", seen)[0]
    done = [point["done"] for point in progress]
    assert done == sorted(set(done))
    assert done[-1] >= only("progress", seen)[-1]["done"]
    numbers = [epoch["epoch"] for epoch in only("epoch", late)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= len(only("epoch", seen))


def test_a_slow_watcher_loses_progress_and_holds_up_nobody(play, monkeypatch):
    monkeypatch.setattr(watching, "MAX_WAITING", 6)

    async def scenario(live):
        async with aclosing(live.events()) as slow:
            assert states([await anext(slow)]) == ["idle"]
            await live.start("small", "scratch", 0)
            seen = await until(live, "done")
            await live.close()
            return seen, [event async for event in slow]

    seen, waiting = play(scenario)
    assert len(only("weights", seen)) >= 1
    assert len(waiting) <= 1 + 6
    assert states(waiting) == ["starting", "running", "done"]
    assert [epoch["epoch"] for epoch in only("epoch", waiting)] == [1, 2, 3]


@pytest.mark.parametrize("recipe", ["endless", "small"])
def test_a_training_that_nobody_watches_ends(recipe, play):
    async def scenario(live):
        await live.start(recipe, "scratch", 0)
        while process():
            await asyncio.sleep(0.02)
        await asyncio.sleep(0)
        with pytest.raises(WrongState, match="nobody watched"):
            await live.keep()
        return live.state()

    state = play(scenario, watch_seconds=0.3)
    assert state["state"] in ("stopped", "done")
    assert "nobody watched for 0.3 s" in state["message"]


def test_the_last_watcher_to_leave_lets_the_training_end(play):
    async def scenario(live):
        async with aclosing(live.events()) as first:
            await anext(first)
            await live.start("endless", "scratch", 0)
            await until(live, count=6, event="progress")  # far longer than watch_seconds
            assert live.state()["state"] == "running"
        while process():
            await asyncio.sleep(0.02)
        return live.state()["state"]

    assert play(scenario, watch_seconds=0.1) == "stopped"


# the end of the process


def test_a_killed_process_is_a_failure_and_another_training_can_start(play):
    async def scenario(live):
        await live.start("endless", "scratch", 0)
        await until(live, count=1, event="progress")
        process().kill()
        seen = await until(live, "failed")
        assert "killed" in seen[-1][1]["message"] or "ended" in seen[-1][1]["message"]
        with pytest.raises(WrongState, match="the training is failed"):
            await live.keep()
        await live.start("small", "scratch", 0)
        return states(await until(live, "done"))[-1]

    assert play(scenario) == "done"


def test_a_command_is_answered_when_the_process_dies(play):
    async def scenario(live):
        await live.start("endless", "scratch", 0)
        await until(live, count=1, event="progress")
        os.kill(process().pid, signal.SIGSTOP)
        command = asyncio.create_task(live.pause())
        await asyncio.sleep(0.05)
        process().kill()
        with pytest.raises(WrongState, match="the training is failed"):
            await command

    play(scenario)


def test_a_loss_that_is_not_finite_is_a_failure(play):
    async def scenario(live):
        await live.start("diverging", "scratch", 0)
        return (await until(live, "done", "failed"))[-1][1]

    state = play(scenario)
    assert state["state"] == "failed"
    assert "the loss became" in state["message"]
    assert "\n" not in state["message"]


def test_damaged_data_are_a_failure_that_names_the_file(play, data, monkeypatch, tmp_path):
    for file in data.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes()[:1000])
    monkeypatch.setenv("DIGITNN_DATA_DIR", str(tmp_path))

    async def scenario(live):
        await live.start("small", "scratch", 0)
        return (await until(live, "done", "failed"))[-1][1]

    state = play(scenario)
    assert state["state"] == "failed"
    assert "train-" in state["message"]


@pytest.mark.parametrize("frozen", [False, True])
def test_closing_ends_the_process_and_the_events(frozen, play):
    async def scenario(live):
        async with aclosing(live.events()) as events:
            await anext(events)
            await live.start("endless", "scratch", 0)
            await until(live, count=1, event="progress")
            if frozen:
                os.kill(process().pid, signal.SIGSTOP)
            await live.close()
            assert process() is None
            rest = [event async for event in events]
        with pytest.raises(WrongState):
            await live.start("small", "scratch", 0)
        return rest

    assert states(play(scenario))[-1] == "stopped"


SERVER = """
import asyncio, multiprocessing, sys
from pathlib import Path
from digitnn.serving.live_training import LiveTraining

async def main():
    live = LiveTraining(multiprocessing.get_context(sys.argv[1]), Path("runs"), 100)
    await live.start("cnn-best", "scratch", 0)
    async for event, _ in live.events():
        if event == "progress":
            print(multiprocessing.active_children()[0].pid, flush=True)

if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.mark.skipif(not Path("/proc").exists(), reason="processes are looked up in /proc")
def test_the_process_ends_when_the_server_is_killed(data, tmp_path):
    program = tmp_path / "server.py"
    program.write_text(SERVER)
    server = subprocess.Popen(
        [sys.executable, program, METHOD], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    pid = int(server.stdout.readline())
    assert is_alive(pid)
    server.kill()
    server.communicate()
    until_when = time.monotonic() + PATIENCE_SECONDS
    while is_alive(pid):
        assert time.monotonic() < until_when
        time.sleep(0.02)


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
