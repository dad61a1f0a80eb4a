"""A buyer looks at what it paid: quote, receipt, credit and statement; strangers see none."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from sidecar.sandbox.keys import TestAccount
from sidecar.sandbox.process import Sandbox
from tests.scenarios import money
from tests.scenarios.stand import Running, Stand, challenge, receipt, refusal, set_up, until
from tests.scenarios.wallet import opened, proof

EXAMPLES: Final = Path(__file__).resolve().parents[2] / "examples"
CENT: Final = "0.010000000"
NOTHING: Final = "0.000000000"


@pytest.fixture
def stand(tmp_path: Path, sandbox: Sandbox, agent: str) -> Stand:
    """A seller whose failing route is settled before the work."""
    stand = set_up(tmp_path, sandbox, agent)
    text = stand.config.read_text(encoding="utf-8")
    failing = '"POST /fail": {price: "$0.01"'
    assert failing in text
    stand.config.write_text(text.replace(failing, failing + ", settle: upfront"), encoding="utf-8")
    return stand


def page(running: Running, account: TestAccount, path: str) -> Any:
    """Read one of our pages as *account*."""
    return opened(running, account, path).json()


def shown(running: Running, account: TestAccount, path: str) -> Any:
    """Read one of our pages as *account*, by the program of the examples."""
    printed = subprocess.run(
        [sys.executable, str(EXAMPLES / "sign_in.py"), running.url + path],
        env={"BUYER_KEY": account.private_key},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    return json.loads(printed)


def closed(running: Running, answer: httpx.Response) -> str:
    """Wait until a call is closed, which it is after its last byte, and return its id."""
    call = answer.headers["sidecar-call-id"]
    assert until(lambda: running.ask(f"/api/v1/calls/{call}")["outcome"] != "running")
    return call


def is_genuine(running: Running, folder: Path, told: Any) -> bool:
    """Check a receipt by the program of the examples, with nothing but the seller's public document."""
    (folder / "receipt.json").write_text(json.dumps(told), encoding="utf-8")
    keys = running.send("/.well-known/x402", method="GET").text
    (folder / "keys.json").write_text(keys, encoding="utf-8")
    check = [sys.executable, str(EXAMPLES / "check_receipt.py"), "receipt.json", "keys.json"]
    return subprocess.run(check, cwd=folder, capture_output=True, check=False, timeout=60).returncode == 0


def test_a_wallet_sees_what_it_paid_and_what_it_may_spend(stand: Stand) -> None:
    """Pay, and there is a receipt; fail upfront, and there is credit; spend it, and that has a receipt."""
    payer = stand.sandbox.buyers[0]
    with stand.serving() as running:
        quoted = running.send("/__402/quote?method=POST&path=%2Fchat", method="GET").json()
        asked = challenge(running.send("/chat"))
        bought = running.send("/chat", running.signed(payer, "/chat"))
        paid = shown(running, payer, f"/__402/receipts/{closed(running, bought)}")
        before = page(running, payer, "/__402/credits")

        failed = running.send("/fail", running.signed(payer, "/fail"))
        credited = page(running, payer, f"/__402/receipts/{closed(running, failed)}")
        credit = page(running, payer, "/__402/credits")

        spent = running.send("/chat", running.signed(payer, "/chat"))
        prepaid = shown(running, payer, f"/__402/receipts/{closed(running, spent)}")
        after = page(running, payer, "/__402/credits")
        statement = shown(running, payer, "/__402/statement")
        genuine = [is_genuine(running, stand.folder, each) for each in (paid, credited, prepaid)]
        forged = is_genuine(running, stand.folder, {**paid, "pay_to": payer.address})
        books = money.settled_down(stand, running)
        told = running.ask(f"/api/v1/buyers/{payer.address}")

    assert (quoted["price_usd"], quoted["accepts"]) == (CENT, asked["accepts"])
    assert (bought.status_code, failed.status_code, spent.status_code) == (200, 500, 200)
    assert paid["payment_response"] == receipt(bought)
    assert (paid["settlement"], paid["transaction"]) == ("settled", receipt(bought)["transaction"])
    assert (paid["pay_to"], paid["wallet"]) == (stand.pay_to, payer.address)
    assert (credited["captured_usd"], credited["credited_usd"]) == (NOTHING, CENT)
    assert credited["payment_response"] == receipt(failed)
    assert (prepaid["captured_usd"], prepaid["from_credit"]) == (CENT, True)
    assert prepaid["payment_response"] == receipt(spent)
    assert [each["available_usd"] for each in (before, credit, after)] == [NOTHING, CENT, NOTHING]
    assert (genuine, forged) == ([True, True, True], False)
    assert [item["call"] for item in statement["items"]] == [call["id"] for call in books.calls]
    assert told["total"] == {"calls": 3, "captured_usd": "0.020000000", "credited_usd": CENT}


def test_a_stranger_sees_nothing(stand: Stand) -> None:
    """Without a proof, with another wallet's, or with a copy of one that was used."""
    payer, stranger = stand.sandbox.buyers[:2]
    with stand.serving() as running:
        call = closed(running, running.send("/chat", running.signed(payer, "/chat")))
        pages = ("/__402/credits", "/__402/statement", f"/__402/receipts/{call}")
        unproven = [refusal(running.send(path, method="GET")) for path in pages]
        theirs = [page(running, stranger, path) for path in pages[:2]] + [shown(running, stranger, pages[2])]
        copies = [captured(running, payer, path) for path in pages]
        again = page(running, payer, pages[2])

    assert unproven == [(401, "wallet_unproven")] * 3
    assert theirs[0]["available_usd"] == NOTHING
    assert theirs[1] == {"items": [], "next_cursor": None}
    assert theirs[2]["code"] == "call_unknown"
    assert copies == [(200, (401, "wallet_unproven"))] * 3
    assert again["call"] == call
    assert payer.address.lower() not in json.dumps(theirs).lower()


def captured(running: Running, account: TestAccount, path: str) -> tuple[int, tuple[int, str]]:
    """Open a page with a proof, and again with a copy of it."""
    proven = proof(running, account, path)
    first, copy = (running.send(path, method="GET", headers=proven) for _ in range(2))
    return first.status_code, refusal(copy)
