"""The buyers' own pages: prices for everybody, money only for the wallet that proves itself."""

import base64
import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.money import nano
from pricing.price import ComputedPrice, Quantity
from sidecar.domain.pacing import Rate
from sidecar.x402.evm_text import checksummed
from tests.sidecar.builders import OTHER_WALLET, PAYER, a_sale, some_terms
from tests.sidecar.fakes import Buyer, Says
from tests.sidecar.signing_in import a_proof, challenged, proof_header, signed_in
from tests.sidecar.stall import BODY_BYTES_MAX, PUBLIC_URL, Stall, open_stall
from tests.sidecar.x402.signing import WALLET

PRIVATE: Final = (b"/__402/credits", b"/__402/statement", b"/__402/receipts/call_1")
NO_IO: Final = ["start", "body"]
MINUTE: Final = 60_000_000


def asking(path: str, method: str = "POST") -> bytes:
    return f"/__402/quote?method={method}&path={quote(path, safe='')}".encode()


async def sold(stall: Stall) -> bytes:
    """Sell one call and return its id."""
    bought = await stall.buy()
    assert bought.status == 200
    return bought.header(b"sidecar-call-id") or b""


async def broken_off(stall: Stall) -> bytes:
    """Sell one call that is paid and breaks off."""
    stall.upstream.script.append(Says(chunks=(b"begun", OSError("gone"))))
    return (await stall.buy(nonce=2)).header(b"sidecar-call-id") or b""


# What everybody may know.


@pytest.mark.parametrize(
    ("path", "method", "endpoint", "price"),
    [
        ("/research", "POST", "POST /research", "0.050000000"),
        ("/research?q=1&r=%2F", "POST", "POST /research", "0.050000000"),
        ("/models/gpt", "GET", "GET /models/{name}", "0.001000500"),
        ("/models/gpt", "HEAD", "GET /models/{name}", "0.001000500"),
        ("/free/page", "GET", "GET /free/*", "0.000000000"),
    ],
)
async def test_a_quote_is_free_and_asks_nobody(
    tmp_path: Path, path: str, method: str, endpoint: str, price: str
) -> None:
    """Price and terms of one request, without a payment and without any I/O."""
    async with open_stall(tmp_path) as stall:
        buyer = await stall.answer("GET", asking(path, method))

        assert stall.trace == NO_IO
        assert buyer.status == 200
        told = buyer.document()
        assert (told["endpoint"], told["price_usd"], told["ceiling_usd"]) == (endpoint, price, price)
        assert told["target"] == path
        assert buyer.header(b"cache-control") == b"no-store"


async def test_a_quote_is_what_the_402_asks_for(tmp_path: Path) -> None:
    """Term by term, so that it may be signed."""
    async with open_stall(tmp_path) as stall:
        quoted = (await stall.answer("GET", asking("/research"))).document()
        required = (await stall.answer("POST", b"/research")).header(b"payment-required") or b""

        document = json.loads(base64.b64decode(required))
        assert quoted["accepts"] == document["accepts"]
        assert quoted["resource"] == document["resource"]["url"]


async def test_a_body_may_come_with_the_question(tmp_path: Path) -> None:
    """It is read under the limit of a paid call's body."""
    async with open_stall(tmp_path) as stall:
        quoted = await stall.answer("POST", asking("/research"))
        large = await stall.answer(
            "POST", asking("/research"), buyer=Buyer(pieces=[b"x" * BODY_BYTES_MAX, b"x"])
        )

        assert (quoted.status, quoted.document()["price_usd"]) == (200, "0.050000000")
        assert (large.status, large.document()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        (asking("/elsewhere"), 404, "route_unknown"),
        (asking("/__402/health", "GET"), 404, "route_unknown"),
        (asking("/research", "GET"), 405, "method_not_allowed"),
        (asking("//research"), 400, "target_ambiguous"),
        (asking("research"), 400, "target_ambiguous"),
        (asking("/caf\u00e9"), 400, "target_ambiguous"),
        (b"/__402/quote", 400, "parameter_invalid"),
        (b"/__402/quote?method=POST", 400, "parameter_invalid"),
        (b"/__402/quote?method=POST&path=", 400, "parameter_invalid"),
        (b"/__402/quote?method=POST&path=/research&path=/research", 400, "parameter_invalid"),
        (b"/__402/quote?method=POST&path=/research&other=1", 400, "parameter_invalid"),
        (b"/__402/credits/", 404, "route_unknown"),
        (b"/__402/receipts", 404, "route_unknown"),
        (b"/__402/receipts/a/b", 404, "route_unknown"),
        (b"/__402/", 404, "route_unknown"),
    ],
)
async def test_what_cannot_be_quoted_says_why(tmp_path: Path, target: bytes, status: int, code: str) -> None:
    """The same refusals as the call itself would get."""
    async with open_stall(tmp_path) as stall:
        refused = await stall.answer("GET", target)

        assert stall.trace == NO_IO
        assert (refused.status, refused.document()["code"]) == (status, code)


async def test_discovery_is_a_document_that_caches_may_keep(tmp_path: Path) -> None:
    """For a minute; it names what is sold and the key that signs receipts."""
    async with open_stall(tmp_path) as stall:
        found = await stall.answer("GET", b"/.well-known/x402")

        assert stall.trace == NO_IO
        assert found.header(b"cache-control") == b"public, max-age=60"
        assert found.document()["resources"] == [PUBLIC_URL + "/research"]
        assert [route["pattern"] for route in found.document()["routes"]] == ["/research", "/models/{name}"]
        assert found.document()["keys"][0]["crv"] == "Ed25519"


@pytest.mark.parametrize(
    ("target", "allow"),
    [
        (b"/__402/quote", b"GET, HEAD, POST"),
        (b"/__402/health", b"GET, HEAD"),
        (b"/.well-known/x402", b"GET, HEAD"),
        *((page, b"GET, HEAD") for page in PRIVATE),
    ],
)
async def test_each_page_has_its_methods(tmp_path: Path, target: bytes, allow: bytes) -> None:
    """Others are 405; a preflight is told the same, and that a proof may be sent."""
    async with open_stall(tmp_path) as stall:
        refused = await stall.answer("DELETE", target)
        asked = [(b"origin", b"https://shop.example"), (b"access-control-request-method", b"GET")]
        preflight = await stall.answer("OPTIONS", target, asked)

        assert (refused.status, refused.header(b"allow")) == (405, allow)
        assert (preflight.status, preflight.header(b"access-control-allow-methods")) == (204, allow)
        granted = preflight.header(b"access-control-allow-headers") or b""
        assert b"SIGN-IN-WITH-X" in granted
        assert preflight.header(b"access-control-allow-origin") == b"*"


async def test_a_page_of_another_origin_may_read_ours(tmp_path: Path) -> None:
    """An answer and a refusal alike."""
    async with open_stall(tmp_path) as stall:
        for target in (asking("/research"), b"/__402/credits"):
            told = await stall.answer("GET", target, [(b"origin", b"https://shop.example")])

            assert told.header(b"access-control-allow-origin") == b"*"
            assert b"Sidecar-Call-Id" in (told.header(b"access-control-expose-headers") or b"")


# What only the wallet may know.


@pytest.mark.parametrize("target", PRIVATE)
async def test_a_stranger_is_asked_to_prove_its_wallet(tmp_path: Path, target: bytes) -> None:
    """401 with the extension's challenge for this very page; nothing is read."""
    async with open_stall(tmp_path) as stall:
        await sold(stall)
        refused = await stall.answer("GET", target)

        document = refused.document()
        assert (refused.status, document["code"], document["action"]) == (401, "wallet_unproven", "fix")
        assert refused.header(b"www-authenticate") == b"SIGN-IN-WITH-X"
        assert refused.header(b"cache-control") == b"no-store"
        challenge = document["extensions"]["sign-in-with-x"]
        assert challenge["info"]["uri"] == PUBLIC_URL + target.decode()
        assert challenge["supportedChains"] == [{"chainId": "eip155:84532", "type": "eip191"}]
        assert WALLET.address.lower() not in refused.body.decode().lower()


async def test_a_proof_that_fails_is_told_why_and_asked_again(tmp_path: Path) -> None:
    """A spent one too; the new challenge in the answer works."""
    async with open_stall(tmp_path) as stall:
        proof = proof_header(a_proof(await challenged(stall, b"/__402/credits")))
        first = await stall.answer("GET", b"/__402/credits", [(b"sign-in-with-x", proof)])
        again = await stall.answer("GET", b"/__402/credits", [(b"sign-in-with-x", proof)])
        doubled = await stall.answer("GET", b"/__402/credits", [(b"sign-in-with-x", proof)] * 2)
        renewed = proof_header(a_proof(again.document()["extensions"]["sign-in-with-x"]))
        last = await stall.answer("HEAD", b"/__402/credits", [(b"sign-in-with-x", renewed)])

        assert [buyer.status for buyer in (first, again, doubled, last)] == [200, 401, 401, 200]
        assert again.document()["reason"] == "invalid_siwx_nonce"
        assert "reason" not in doubled.document()


async def test_the_rate_is_held_before_a_signature_is_looked_at(tmp_path: Path) -> None:
    """Proofs and bodies count against the address; a question without either does not."""
    async with open_stall(tmp_path, per_address=Rate(2, MINUTE)) as stall:
        junk = [(b"sign-in-with-x", b"junk")]
        answers = [await stall.answer("GET", b"/__402/credits", junk) for _ in range(3)]
        measured = await stall.answer("POST", asking("/research"))
        unproven = await stall.answer("GET", b"/__402/credits")

        assert [buyer.status for buyer in answers] == [401, 401, 429]
        assert answers[2].header(b"retry-after") is not None
        assert (measured.status, unproven.status) == (429, 401)


async def test_a_wallet_reads_its_credit(tmp_path: Path) -> None:
    """What broke off is there to spend; another wallet has none."""
    async with open_stall(tmp_path) as stall:
        await broken_off(stall)
        mine = await signed_in(stall, b"/__402/credits")
        others = await signed_in(stall, b"/__402/credits", OTHER_WALLET)

        assert mine.document() == {
            "wallet": checksummed(PAYER),
            "available_usd": "0.050000000",
            "held_usd": "0.000000000",
        }
        assert mine.header(b"cache-control") == b"no-store"
        assert others.document()["available_usd"] == "0.000000000"


async def test_a_wallet_reads_its_statement_in_pages(tmp_path: Path) -> None:
    """Its calls and nobody else's, from the newest on."""
    async with open_stall(tmp_path) as stall:
        calls = [await sold(stall), await broken_off(stall)]
        first = await _page(stall, "limit=1")
        second = await _page(stall, f"cursor={first['next_cursor']}")
        nothing = (await signed_in(stall, b"/__402/statement", OTHER_WALLET)).document()

        told = [(item["call"], item["outcome"]) for item in (*first["items"], *second["items"])]
        assert told == [(calls[1].decode(), "failed"), (calls[0].decode(), "served")]
        assert second["next_cursor"] is None
        assert nothing == {"items": [], "next_cursor": None}


async def _page(stall: Stall, query: str) -> dict[str, Any]:
    """A proof is for the page, whatever is asked of it."""
    proof = proof_header(a_proof(await challenged(stall, b"/__402/statement")))
    found = await stall.answer("GET", f"/__402/statement?{query}".encode(), [(b"sign-in-with-x", proof)])
    assert found.status == 200
    return found.document()


@pytest.mark.parametrize(
    "target",
    [
        b"/__402/credits?limit=1",
        b"/__402/statement?limit=0",
        b"/__402/statement?limit=201",
        b"/__402/statement?of=0x",
        b"/__402/receipts/call_1?x=1",
    ],
)
async def test_a_parameter_that_means_nothing_is_refused(tmp_path: Path, target: bytes) -> None:
    """Also from a wallet that has proven itself."""
    async with open_stall(tmp_path) as stall:
        refused = await signed_in(stall, target)

        assert (refused.status, refused.document()["code"]) == (400, "parameter_invalid")


async def test_a_receipt_carries_the_payment_response_and_is_signed(tmp_path: Path) -> None:
    """Whoever has the public key checks it; changed anywhere, it is no receipt."""
    async with open_stall(tmp_path) as stall:
        bought = await stall.buy()
        call = bought.header(b"sidecar-call-id") or b""
        told = await signed_in(stall, b"/__402/receipts/" + call)
        (key,) = (await stall.answer("GET", b"/.well-known/x402")).document()["keys"]

        receipt = told.document()
        sent = json.loads(base64.b64decode(bought.header(b"payment-response") or b""))
        assert told.status == 200
        assert (receipt["payment_response"], receipt["settlement"]) == (sent, "settled")
        assert checked(receipt, key)
        for name in receipt:
            assert not checked({**receipt, name: "other" if name != "signature" else "e30..AA"}, key)


def checked(receipt: dict[str, Any], key: dict[str, str]) -> bool:
    """Check a receipt as docs/buying.md says, on its own."""
    header, _, signature = receipt["signature"].split(".")
    unsigned = {name: value for name, value in receipt.items() if name != "signature"}
    canonical = json.dumps(unsigned, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    signed = f"{header}.{base64.urlsafe_b64encode(canonical).rstrip(b'=').decode()}".encode()
    public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "="))
    try:
        public.verify(base64.urlsafe_b64decode(signature + "=="), signed)
    except InvalidSignature:
        return False
    return True


async def test_a_call_that_runs_has_a_receipt_that_is_not_one_yet(tmp_path: Path) -> None:
    """202, pending, unsigned: ask again."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.gate.clear()
        _, task = stall.ask(headers=[stall.payment()])
        await stall.upstream.asked.wait()
        running = await signed_in(stall, b"/__402/receipts/call_1")
        stall.upstream.gate.set()
        await task
        ended = await signed_in(stall, b"/__402/receipts/call_1")

        assert (running.status, running.document()["settlement"]) == (202, "pending")
        assert running.document()["signature"] is None
        assert (ended.status, ended.document()["settlement"]) == (200, "settled")


async def test_another_wallets_receipt_is_not_there(tmp_path: Path) -> None:
    """404 as for a call that never was: whether there is one is nobody else's business."""
    async with open_stall(tmp_path) as stall:
        call = await sold(stall)
        theirs = await signed_in(stall, b"/__402/receipts/" + call, OTHER_WALLET)
        never = await signed_in(stall, b"/__402/receipts/call_none")

        refusals = [buyer.document() for buyer in (theirs, never)]
        assert [(buyer["status"], buyer["code"]) for buyer in refusals] == [(404, "call_unknown")] * 2


async def test_books_that_cannot_be_read_are_503(tmp_path: Path) -> None:
    """The operator is told why, the buyer to come again."""
    async with open_stall(tmp_path) as stall:
        await stall.reader.close()
        refused = await signed_in(stall, b"/__402/credits")

        assert (refused.status, refused.document()["code"]) == (503, "storage_unavailable")
        assert refused.header(b"retry-after") is not None
        assert b"not open" not in refused.body
        assert stall.observer.attention == ["books_unreadable"]


async def test_a_computed_price_is_quoted_for_the_request_it_is_asked_for(tmp_path: Path) -> None:
    """For the body that comes with the question; what is not sold is refused as the call would be."""
    tokens = Quantity("body /max_tokens", nano(1_000), most=9)
    sale = a_sale(some_terms(ComputedPrice(nano(1_000), (tokens,))))
    async with open_stall(tmp_path, sale=sale) as stall:
        page = b"/__402/quote?method=POST&path=/research"
        told = await stall.answer("POST", page, buyer=Buyer(pieces=(b'{"max_tokens": 4}',)))
        assert (told.status, told.document()["price_usd"]) == (200, "0.000005000")
        wrong = await stall.answer("POST", page, buyer=Buyer(pieces=(b"{}",)))
        assert (wrong.status, wrong.document()["code"]) == (400, "request_invalid")
