"""Where trials are kept: which addresses are taken, and what is said when one cannot be used."""

import errno
import os
from pathlib import Path

import optuna
import pytest
from small_searches import SEARCH, plan_of

from digitnn.errors import DigitnnError, TuningError, UsageError
from digitnn.scaling.tuning.storage import Storage, choose_storage, storage_errors

SECRET = "s3cr#t"
URL = "postgresql://somebody:s3cr%23t@db.example:5432/trials?password=t0ken&sslmode=require"


@pytest.mark.parametrize(
    ("text", "url", "path"),
    [
        ("a.db", "sqlite:///{}/a.db", "a.db"),
        ("sqlite:///a.db", "sqlite:///{}/a.db", "a.db"),
        ("b/a.sqlite3", "sqlite:///{}/b/a.sqlite3", "b/a.sqlite3"),
        ("a.journal", "", "a.journal"),
        ("a.LOG", "", "a.LOG"),
        ("journal:///nfs/x", "", "/nfs/x"),
        ("journal://x", "", "x"),
    ],
)
def test_a_file_is_a_database_or_a_journal_by_its_scheme_or_suffix(
    text, url, path, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert choose_storage(text) == Storage(url.format(tmp_path), Path(path).absolute())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("trials", [".db", ".journal", "'trials'"]),
        ("trials.txt", [".db", ".journal"]),
        ("sqlite:///:memory:", ["outlives"]),
        ("sqlite:///", ["outlives"]),
        ("sqlite://a.db", ["three slashes"]),
        ("journal://", ["journal:///"]),
        ("://", ["not a URL"]),
        (f"postgresql://u:{SECRET}@host:port/x", ["not a URL"]),
    ],
)
def test_an_address_that_is_none_is_rejected_without_its_password(text, words):
    with pytest.raises(UsageError) as caught:
        choose_storage(text)
    assert [word for word in words if word not in str(caught.value)] == []
    assert SECRET not in str(caught.value)


def test_a_url_is_shown_without_user_password_and_options():
    storage = choose_storage(URL)
    assert str(storage) == "postgresql://db.example:5432/trials"
    assert repr(storage) == "Storage(postgresql://db.example:5432/trials)"
    assert storage.url == URL


def test_a_message_of_a_driver_is_shown_without_secrets():
    text = f'somebody failed with "{SECRET}" or s3cr%23t, t0ken, {URL}'
    shown = choose_storage(URL).without_secrets(text)
    assert not [word for word in ("somebody", SECRET, "s3cr%23t", "t0ken") if word in shown]


def test_a_missing_driver_is_named_without_the_password(digits):
    with pytest.raises(TuningError, match=r"needs the Python package \w+") as caught:
        plan_of(digits, "mysql+pymysql://u:geheim@host/x").study()
    assert "geheim" not in str(caught.value)


def test_an_unknown_kind_of_database_is_named(digits):
    with pytest.raises(TuningError, match="unknown kind of database"):
        plan_of(digits, "nosuch://u:geheim@host/x").study()


def test_an_unreachable_database_is_one_line_without_the_password(digits):
    from sqlalchemy.exc import OperationalError

    refused = ConnectionError(f"connection to {URL} refused\nIs the server running?")
    error = OperationalError("SELECT 1", {}, refused)
    with pytest.raises(TuningError) as caught, storage_errors(choose_storage(URL)):
        raise error
    assert str(caught.value).startswith("storage postgresql://db.example:5432/trials: connection")
    assert "refused Is the server running?" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert "s3cr%23t" not in str(caught.value)


@pytest.mark.parametrize("name", ["t.db", "t.journal"])
def test_the_same_search_is_opened_again(digits, tmp_path, name):
    plan_of(digits, tmp_path / name).study().add_trial(optuna.create_trial(value=0.5))
    assert len(plan_of(digits, tmp_path / name).study().trials) == 1


@pytest.mark.parametrize("name", ["t.db", "t.journal"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"text": SEARCH.replace("0.0001", "0.001")},
            "learning_rate.log.0 was 0.0001 and is 0.001",
        ),
        ({"seed": 3}, "seed was 0 and is 3"),
        ({"sampler": "tpe"}, 'sampler was "random" and is "tpe"'),
    ],
)
def test_another_search_of_the_same_name_is_told_by_what_differs(
    digits, tmp_path, name, change, words
):
    plan_of(digits, tmp_path / name).study()
    with pytest.raises(TuningError) as caught:
        plan_of(digits, tmp_path / name, **change).study()
    assert words in str(caught.value)
    assert "choose another name or --storage" in str(caught.value)


def test_other_data_are_another_search(digits, tmp_path):
    plan_of(digits, tmp_path / "t.db").study()
    with pytest.raises(TuningError, match=r"data\.train was"):
        plan_of(digits[::-1], tmp_path / "t.db").study()


def test_a_study_of_another_program_is_left_alone(digits, tmp_path):
    url = f"sqlite:///{tmp_path}/t.db"
    other = optuna.create_study(storage=url, study_name="little")
    other.add_trial(optuna.create_trial(value=0.5))
    with pytest.raises(TuningError, match="of another program"):
        plan_of(digits, tmp_path / "t.db").study()
    assert optuna.load_study(storage=url, study_name="little").user_attrs == {}


def test_two_searches_of_different_names_share_a_storage(digits, tmp_path):
    first = plan_of(digits, tmp_path / "t.db").study()
    second = plan_of(digits, tmp_path / "t.db", SEARCH.replace("little", "other")).study()
    first.add_trial(optuna.create_trial(value=0.5))
    assert second.trials == []


@pytest.mark.parametrize("name", ["t.db", "t.journal"])
def test_a_file_of_something_else_is_one_line(digits, tmp_path, name):
    (tmp_path / name).write_bytes(b"not what it seems\n" * 100)
    with pytest.raises(DigitnnError, match=str(tmp_path / name)) as caught:
        plan_of(digits, tmp_path / name).study()
    assert "\n" not in str(caught.value)


def test_a_full_disk_is_one_line(digits, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TuningError, match=r"t\.journal: No space left on device"):
        plan_of(digits, tmp_path / "t.journal").study()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_one_line(digits, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(TuningError, match="storage"):
        plan_of(digits, tmp_path / "t.db").study()


def test_a_folder_in_place_of_a_file_is_one_line(digits, tmp_path):
    (tmp_path / "t.db").mkdir()
    with pytest.raises(TuningError, match="unable to open database file"):
        plan_of(digits, tmp_path / "t.db").study()
