"""Writing: what a command writes goes to the running sidecar if there is one, else into the file itself."""

import argparse
import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sidecar.commands.configured import settings_of
from sidecar.commands.errors import Exit, Sentence
from sidecar.commands.tables import printable

if TYPE_CHECKING:
    from sidecar.adapters.secrets import Secrets
    from sidecar.adapters.storage.sqlite import SqliteStorage
    from sidecar.settings import Settings

TIMEOUT_S: Final = 60
_ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where it listens, not where we do


@dataclass(frozen=True, slots=True)
class Write:
    """One write: its name under `/api/v1/ledger/`, and the document."""

    name: str
    document: Any


def write(arguments: argparse.Namespace, asked: Write) -> Mapping[str, Any]:
    """Do it and return what the API answers, or end with the sentence why not."""
    from ledger.store import StoreLocked, StoreRefused  # noqa: PLC0415 - only when something is written
    from sidecar.adapters import secrets  # noqa: PLC0415 - only when something is written
    from sidecar.adapters.storage.sqlite import SqliteStorage  # noqa: PLC0415 - only when something is written
    from sidecar.adapters.system import SystemClock  # noqa: PLC0415 - only when something is written

    settings = settings_of(arguments)
    path = settings.storage
    if settings.database:
        return _ask_shared(settings, asked)
    if not path.exists():
        raise Sentence(
            Exit.UNREACHABLE, f"there is no database at {path}; `sidecar serve` makes it when it starts"
        )
    storage = SqliteStorage(path, SystemClock().now_us)
    try:
        kept = secrets.load(path)
        storage.open()
    except StoreLocked:
        return _ask(settings, kept, asked)
    except (StoreRefused, secrets.SecretsUnusable) as fault:
        raise Sentence(Exit.UNREACHABLE, str(fault)) from fault
    return asyncio.run(_do(settings, storage, kept, asked))


def _ask_shared(settings: "Settings", asked: Write) -> Mapping[str, Any]:
    """Let the sidecar that runs here write into the database that it shares."""
    from sidecar.adapters import secrets  # noqa: PLC0415 - only when something is written

    try:
        kept = secrets.existing(settings.storage)
    except secrets.SecretsUnusable as fault:
        raise Sentence(Exit.UNREACHABLE, str(fault)) from fault
    if kept is None:
        raise Sentence(Exit.UNREACHABLE, "with PostgreSQL a running sidecar writes, and none has run here")
    return _ask(settings, kept, asked)


async def _do(
    settings: "Settings", storage: "SqliteStorage", kept: "Secrets", asked: Write
) -> Mapping[str, Any]:
    from ledger.signing import Signer  # noqa: PLC0415 - only when something is written
    from sidecar.adapters.storage.reading import Unreadable  # noqa: PLC0415 - only when something is written
    from sidecar.bookkeeping import Bookkeeping, NotBooked  # noqa: PLC0415 - only when something is written
    from sidecar.http.operator.auth import name_of  # noqa: PLC0415 - only when something is written
    from sidecar.ports import StorageUnavailable  # noqa: PLC0415 - only when something is written

    key = name_of(settings.operator.token or kept.operator)
    books = Bookkeeping(storage, settings.storage, Signer(kept.checkpoints), key)
    does = {"close": books.close, "journals": books.post}
    try:
        return await does[asked.name](asked.document)
    except NotBooked as why:
        code = Exit.WRONG_USAGE if why.reason == "malformed" else Exit.FOUND_WRONG
        raise Sentence(code, printable(str(why))) from why
    except (StorageUnavailable, Unreadable) as fault:
        raise Sentence(Exit.UNREACHABLE, str(fault)) from fault
    finally:
        await storage.close()


def _ask(settings: "Settings", kept: "Secrets", asked: Write) -> Mapping[str, Any]:
    """Let the running sidecar do it."""
    import httpx  # noqa: PLC0415 - only beside a running sidecar

    listen = settings.listen.operator
    host = _ANYWHERE.get(listen.host, listen.host)
    place = f"http://{f'[{host}]' if ':' in host else host}:{listen.port}"
    token = settings.operator.token or kept.operator
    try:
        answer = httpx.post(
            f"{place}/api/v1/ledger/{asked.name}",
            json=asked.document,
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_S,
            trust_env=False,
        )
        found = answer.json()
    except (httpx.HTTPError, ValueError) as fault:
        why = f"another process has the database, and no sidecar answers at {place} ({type(fault).__name__})"
        step = "stop that process, or name in `listen.operator` where the sidecar was told to listen"
        raise Sentence(Exit.UNREACHABLE, f"{why}; {step}") from fault
    if answer.is_success:
        return dict(found)
    code = {400: Exit.WRONG_USAGE, 409: Exit.FOUND_WRONG}.get(answer.status_code, Exit.UNREACHABLE)
    raise Sentence(code, printable(str(found.get("detail", answer.status_code)).removesuffix(".")))
