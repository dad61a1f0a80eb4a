"""`sidecar ledger close` and `post`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sidecar.commands.ledger_writes import DOCUMENT_BYTES_MAX
from tests.sidecar.shop import DAY_US, NOON_US, Sale, Shop

Run = Callable[..., tuple[int, str, str]]

SWEEP = """
id: payout-1
kind: payout
reason: the invoice of April
happened_at: 2026-05-01
entries:
  - {debit: "provider_payable:openai", credit: bank, amount: "0.01"}
"""


@pytest.fixture
async def closed_shop(shop: Shop) -> Shop:
    """A shop that sold yesterday, and is not open."""
    await shop.serve(Sale(at_us=NOON_US - DAY_US))
    await shop.store.close()
    return shop


def test_a_journal_is_posted(run: Run, closed_shop: Shop, tmp_path: Path) -> None:
    """From a file of YAML, dates and all; once."""
    file = tmp_path / "payout.yaml"
    file.write_text(SWEEP)

    assert run("ledger", "post", str(file)) == (0, "booked as manual/payout-1, journal 4\n", "")
    code, out, _ = run("ledger", "post", str(file))
    assert (code, out) == (0, "was booked before as manual/payout-1, journal 4; nothing changed\n")
    assert json.loads(run("ledger", "post", str(file), "--json")[1])["status"] == "exists"


def test_a_period_is_closed(run: Run, closed_shop: Shop) -> None:
    """What every account held, and the period's number; as JSON with what is signed."""
    code, out, err = run("ledger", "close", "--before", "2026-05-01")
    lines = out.splitlines()

    assert (code, err) == (0, "")
    assert lines[0].split() == ["account", "asset", "debits", "credits"]
    assert lines[-1].startswith("period 1, before 2026-05-01T00:00:00.000000Z, is closed")
    assert json.loads(run("ledger", "close", "--before", "2026-05-01", "--json")[1])["statement"]


def test_what_is_refused_ends_with_a_sentence(run: Run, closed_shop: Shop, tmp_path: Path) -> None:
    """A time that is none, a period not over, a journal that is none."""
    assert run("ledger", "close", "--before", "soon")[0] == 2
    assert run("ledger", "close", "--before", "2999-01-01")[0] == 1
    (tmp_path / "none.yaml").write_text("[]")
    code, _, err = run("ledger", "post", str(tmp_path / "none.yaml"))
    assert (code, "exactly these members" in err) == (2, True)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: No such file"),
        (b"{", "is neither YAML nor JSON"),
        (b"\xff\xfe\xff", "is neither YAML nor JSON"),
        (b"? [a]\n: 1\n", "is neither YAML nor JSON"),
        (b"[" * 1_000, "is neither YAML nor JSON"),
        (b" " * (DOCUMENT_BYTES_MAX + 1), "is larger than"),
    ],
)
def test_a_file_that_cannot_be_used_is_told(
    run: Run, closed_shop: Shop, tmp_path: Path, content: bytes | None, says: str
) -> None:
    """One sentence with its name."""
    file = tmp_path / "journal.yaml"
    if content is not None:
        file.write_bytes(content)
    code, out, err = run("ledger", "post", str(file))

    assert (code, out) == (2, "")
    assert f"{file} {says}" in err
