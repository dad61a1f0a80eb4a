"""The sidecar's own secrets: made at the first start, kept in a file only its user can read.

Beside the database, because they belong to it: a call token of one database
means nothing to another. They are never logged and never printed.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sidecar.adapters.system import random_bytes

SECRET_BYTES: Final = 32
_NAMES: Final = ("origin", "calls", "operator", "answers", "receipts", "checkpoints")
_ADDED: Final = frozenset({"receipts", "checkpoints"})
"""Names that files of earlier versions do not have; a secret of that name is made when it is missed."""


class SecretsUnusable(Exception):
    """The file cannot be made or read. The message is one sentence for the operator."""


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """`origin` signs requests to the agent, `calls` call tokens; `operator` is the API token's text.

    `answers` encrypts what buyers were answered; `receipts` signs receipts, and
    `checkpoints` the books (Ed25519 seeds). Who has them can sign others.
    """

    origin: bytes
    calls: bytes
    operator: str
    answers: bytes
    receipts: bytes
    checkpoints: bytes


def beside(database: Path) -> Path:
    """Return where the secrets of *database* are kept."""
    return database.with_name(database.name + ".secrets")


def load(database: Path) -> Secrets:
    """Read the secrets of *database*, making them if there are none yet."""
    path = beside(database)
    try:
        if not path.exists():
            _write(path, _made(_NAMES))
        kept = json.loads(path.read_text(encoding="ascii"))
        missing = _ADDED - set(kept)
        kept |= _made(missing)
        values = {name: bytes.fromhex(kept[name]) for name in _NAMES}
        whole = all(len(value) == SECRET_BYTES for value in values.values())
        if whole and missing:
            _write(path, kept)
    except OSError as error:
        raise SecretsUnusable(f"The secrets file {path} cannot be used: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError):
        raise SecretsUnusable(
            f"The secrets file {path} is damaged: restore it, or remove it to make new secrets."
        ) from None
    if not whole:
        raise SecretsUnusable(f"The secrets file {path} is damaged: a secret has {SECRET_BYTES} bytes.")
    return Secrets(
        values["origin"],
        values["calls"],
        values["operator"].hex(),
        values["answers"],
        values["receipts"],
        values["checkpoints"],
    )


def existing(database: Path) -> Secrets | None:
    """Read the secrets of *database*; None if they, or some of them, were not made yet. Makes nothing."""
    path = beside(database)
    try:
        kept = json.loads(path.read_text(encoding="ascii")) if path.exists() else {}
    except (OSError, ValueError):
        return load(database)  # which says what is wrong
    return load(database) if isinstance(kept, dict) and set(_NAMES) <= set(kept) else None


def _made(names: Iterable[str]) -> dict[str, str]:
    return {name: random_bytes(SECRET_BYTES).hex() for name in names}


def _write(path: Path, secrets: Mapping[str, str]) -> None:
    """Write the secrets whole or not at all: a file cut short by a crash is never seen.

    What lies under the draft's name is not written into: others might read it.
    """
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(json.dumps(secrets))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
