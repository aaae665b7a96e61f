"""Where the trials of a search are kept: an SQLite file, a journal file, or a database server.

    trials.db, sqlite:///trials.db           SQLite, for the workers of one machine
    trials.journal, journal:///nfs/x.log     a file that grows line by line, also on NFS
    postgresql://user:password@host/name     any database of SQLAlchemy, for many machines

A storage may hold several searches, each under its name. What a search is (`identity`) is kept with
its trials: a worker that comes with other ranges or data is rejected. No message has a password.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from digitnn.errors import MissingExtraError, TuningError, UsageError
from digitnn.runs.identity import differences
from digitnn.wording import error_text

if TYPE_CHECKING:
    from optuna import Study
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage

JOURNAL_SCHEME = "journal://"
JOURNAL_SUFFIXES, SQLITE_SUFFIXES = (".log", ".journal"), (".db", ".sqlite", ".sqlite3")
IDENTITY = "digitnn"
"""The attribute of a study that says what the search is."""

_SQLITE_SECONDS = 60
"""How long a worker waits for another one that writes."""
_LOCK_SECONDS = 10
"""After which the lock of a journal, held for milliseconds, is taken from a killed worker."""
_CREATE_TRIES = 5
_EXAMPLES = "sqlite:///tune.db, tune.journal, postgresql://host/name"


@dataclass(frozen=True)
class Storage:
    """The address of a storage. url: of a database, "" for a journal; path: of a file."""

    url: str
    path: Path | None

    def __str__(self) -> str:
        """Return the address without user, password and options."""
        if self.path is not None:
            return str(self.path)
        from sqlalchemy.engine import make_url

        url = make_url(self.url)
        port = f":{url.port}" if url.port else ""
        return f"{url.drivername}://{url.host or ''}{port}/{url.database or ''}"

    def __repr__(self) -> str:
        return f"Storage({self})"

    def without_secrets(self, text: str) -> str:
        """Return `text` without user, password and options of the address."""
        if self.path is not None:
            return text
        from sqlalchemy.engine import make_url

        url = make_url(self.url)
        options = (
            word
            for value in url.query.values()
            for word in ([value] if isinstance(value, str) else value)
        )
        secrets = {
            self.url,
            str(url.password or ""),
            *(w for w in (url.username, *options) if w and len(w) > 2),
        }
        for secret in sorted(secrets - {""}, key=len, reverse=True):
            for written in (secret, quote(secret, safe=""), quote_plus(secret)):
                text = text.replace(written, "***")
        return text


def check_optuna() -> None:
    """Raise `MissingExtraError` unless Optuna is installed; silence its own messages."""
    if find_spec("optuna") is None:
        raise MissingExtraError("optuna", "tune", "a hyperparameter search")
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)


def choose_storage(text: str) -> Storage:
    """Return the storage at an address or path. Raises `UsageError` for anything else."""
    if text.startswith(JOURNAL_SCHEME):
        return _journal(text.removeprefix(JOURNAL_SCHEME))
    if "://" not in text:
        suffix = Path(text).suffix.lower()
        if suffix in JOURNAL_SUFFIXES:
            return _journal(text)
        if suffix in SQLITE_SUFFIXES:
            return _sqlite(text)
        known = ", ".join((*SQLITE_SUFFIXES, *JOURNAL_SUFFIXES))
        raise UsageError(
            f"--storage takes a file that ends in {known}, or a URL such as {_EXAMPLES}; "
            f"got {text!r}"
        )
    if text.startswith("sqlite:///"):
        return _sqlite(text.removeprefix("sqlite:///"))
    if text.startswith("sqlite:"):
        raise UsageError("--storage: a URL of SQLite is sqlite:///FILE, with three slashes")
    check_optuna()
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        make_url(text)
    except (ArgumentError, ValueError):  # their messages may have the password
        raise UsageError(f"--storage: not a URL of a database; examples: {_EXAMPLES}") from None
    return Storage(text, None)


def _journal(path: str) -> Storage:
    if not path:
        raise UsageError("--storage: a URL of a journal is journal:///FOLDER/FILE")
    # absolute: Optuna's lock beside a relative path would depend on the working folder
    return Storage("", Path(path).absolute())


def _sqlite(path: str) -> Storage:
    if not path or path.startswith((":memory:", "file:", "?")):
        raise UsageError("--storage: SQLite needs a file that outlives the search: sqlite:///FILE")
    file = Path(path).absolute()
    return Storage(f"sqlite:///{file}", file)


@contextmanager
def storage_errors(storage: Storage) -> Iterator[None]:
    """Turn the errors of Optuna, SQLAlchemy and the disk in the block into `TuningError`."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, StorageInternalError, ImportError) as error:
        raise TuningError(_reason(storage, error)) from None
    except OSError as error:
        why = error.strerror or error_text(error)
        raise TuningError(f"storage {storage}: {why}; the trials so far stay") from None


def _reason(storage: Storage, error: Exception) -> str:
    """Return one line about an error of a database, without anything secret."""
    from sqlalchemy.exc import NoSuchModuleError

    inner: BaseException = error
    while inner.__cause__ is not None:
        inner = inner.__cause__
    cause = getattr(inner, "orig", None) or inner
    if isinstance(cause, NoSuchModuleError):
        return f"storage {storage}: unknown kind of database; known: {_EXAMPLES}"
    if isinstance(cause, ImportError):
        driver = getattr(cause, "name", None) or "its driver"
        return f"storage {storage}: needs the Python package {driver}, which is not installed"
    text = storage.without_secrets(" ".join(str(cause).split()))
    return f"storage {storage}: {text[:200] or type(cause).__name__}"


def open_study(
    storage: Storage,
    name: str,
    identity: Mapping[str, Any],
    sampler: "BaseSampler",
    pruner: "BasePruner",
) -> "Study":
    """Return the search `name` of a storage, a new one if there is none.

    Raises `TuningError` if it cannot be opened, or holds another search of this name.
    """
    import optuna

    with storage_errors(storage):
        study = optuna.create_study(
            storage=_open(storage),
            study_name=name,
            direction="maximize",
            load_if_exists=True,
            sampler=sampler,
            pruner=pruner,
        )
        if IDENTITY not in study.user_attrs:
            if study.get_trials(deepcopy=False):
                raise TuningError(
                    f"storage {storage} has a study {name!r} of another program: choose another "
                    "name or --storage"
                )
            study.set_user_attr(IDENTITY, json.loads(json.dumps(identity)))
        found = study.user_attrs[IDENTITY]
    if different := differences(found, json.loads(json.dumps(identity))):
        raise TuningError(
            f"storage {storage} has another search {name!r}: {'; '.join(different[:3])}"
            f"{' ...' if len(different) > 3 else ''}: choose another name or --storage"
        )
    return study


def _open(storage: Storage) -> "BaseStorage":
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    if storage.path is not None:
        storage.path.parent.mkdir(parents=True, exist_ok=True)
    if storage.path is None or storage.url:
        return _open_database(storage)
    try:
        lock = JournalFileOpenLock(str(storage.path), _LOCK_SECONDS)
        return JournalStorage(JournalFileBackend(str(storage.path), lock))
    except (ValueError, LookupError, TypeError):
        raise TuningError(
            f"storage {storage}: not a journal of Optuna, or damaged: choose another --storage"
        ) from None


def _open_database(storage: Storage) -> "BaseStorage":
    """Return a database's storage; two processes may create its tables at the same time."""
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import SQLAlchemyError

    options = {"connect_args": {"timeout": _SQLITE_SECONDS}} if storage.path else {}
    for _ in range(_CREATE_TRIES):
        try:
            return RDBStorage(storage.url, engine_kwargs=options)
        except SQLAlchemyError as error:
            if "already exists" not in str(error):
                raise
            sleep(0.5)
    return RDBStorage(storage.url, engine_kwargs=options)
