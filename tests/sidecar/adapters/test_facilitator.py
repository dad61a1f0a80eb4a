"""A facilitator's answer is a typed reply, or a fault that proves no more than it does."""

import asyncio
import json
import traceback

import pytest

from sidecar.adapters.facilitator import HttpFacilitator
from sidecar.ports import AnswerLost, Fault, NothingSent, TimedOut
from sidecar.x402.documents import SettleReply, VerifyReply
from tests.sidecar.adapters.conftest import Listen, read_request, replying, silence
from tests.sidecar.fakes import ManualClock

PAYER = "0x" + "ab" * 20
HASH = "0x" + "cd" * 32
VALID = {"isValid": True, "payer": PAYER}
INVALID = {"isValid": False, "invalidReason": "insufficient_funds", "payer": PAYER}
SETTLED = {"success": True, "transaction": HASH, "network": "eip155:84532", "payer": PAYER}
REFUSED = {
    "success": False,
    "transaction": "",
    "network": "eip155:84532",
    "errorReason": "insufficient_funds",
}
KINDS = {"kinds": [{"x402Version": 2, "scheme": "exact", "network": "eip155:84532"}], "extensions": []}


def raw(document: object, status: int = 200, more: str = "") -> bytes:
    """An HTTP answer with a JSON body."""
    body = json.dumps(document)
    return f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n{more}\r\n{body}".encode()


async def test_bodies_are_posted_as_prepared(listen: Listen) -> None:
    """The prepared JSON arrives byte for byte, at /verify and /settle below the configured path."""
    seen: list[tuple[bytes, bytes]] = []

    async def record(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for document in (VALID, SETTLED):
            seen.append(await read_request(reader))
            writer.write(raw(document))
            await writer.drain()

    facilitator = HttpFacilitator(await listen(record) + "/x402/")
    await facilitator.verify(b'{"a": 1}')
    await facilitator.settle(b'{"b": 2}')
    await facilitator.close()
    heads = [head.split(b"\r\n") for head, _ in seen]
    assert [head[0] for head in heads] == [b"POST /x402/verify HTTP/1.1", b"POST /x402/settle HTTP/1.1"]
    assert all(b"content-type: application/json" in head for head in heads)
    assert [body for _, body in seen] == [b'{"a": 1}', b'{"b": 2}']


@pytest.mark.parametrize("status", [200, 400, 402, 412, 422])
async def test_a_clean_refusal_is_a_reply_whatever_its_status(status: int, listen: Listen) -> None:
    """Facilitators disagree on the status of a no; its document decides."""
    verifier = HttpFacilitator(await listen(replying(raw(INVALID, status))))
    assert await verifier.verify(b"{}") == VerifyReply(
        valid=False, payer=bytes.fromhex(PAYER[2:]), reason="insufficient_funds"
    )
    settler = HttpFacilitator(await listen(replying(raw(REFUSED, status))))
    assert await settler.settle(b"{}") == SettleReply(
        success=False, transaction="", network="eip155:84532", reason="insufficient_funds"
    )


async def test_a_clean_yes_is_a_reply(listen: Listen) -> None:
    """Whether it agrees with what was asked is the caller's question."""
    verifier = HttpFacilitator(await listen(replying(raw(VALID))))
    assert (await verifier.verify(b"{}")).valid
    settler = HttpFacilitator(await listen(replying(raw(SETTLED))))
    assert (await settler.settle(b"{}")).transaction == HASH


@pytest.mark.parametrize(
    "answer",
    [
        raw(VALID | SETTLED, 500),
        raw(INVALID | REFUSED, 503),
        raw(VALID | SETTLED, 400),
        raw(VALID | SETTLED, 302, "location: /elsewhere\r\n"),
        raw({}),
        raw([]),
        raw("ok"),
        raw({"isValid": "true", "success": "true"}),
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>",
        b"HTTP/1.1 200 OK\r\ncontent-length: 60\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\ncontent-length: 65537\r\n\r\n{" + b" " * 65_536,
        b"HTTP/1.1 200 OK\r\n" + b"x: 1\r\n" * 100 + raw(VALID | SETTLED).partition(b"\r\n")[2],
        b"",
    ],
    ids=[
        "500 yes", "500 no", "400 yes", "redirect", "empty object", "array", "string", "wrong types",
        "no body", "html", "truncated", "too large", "too many headers", "closed",
    ],
)  # fmt: skip
async def test_everything_else_is_a_lost_answer(answer: bytes, listen: Listen) -> None:
    """An odd answer proves neither that money moved nor that it did not."""
    facilitator = HttpFacilitator(await listen(replying(answer)))
    with pytest.raises(AnswerLost):
        await facilitator.verify(b"{}")
    with pytest.raises(AnswerLost):
        await facilitator.settle(b"{}")
    with pytest.raises(AnswerLost):
        await facilitator.supported()


async def test_verify_and_settle_have_deadlines_of_their_own(listen: Listen) -> None:
    """A settlement may take longer than a check."""

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await asyncio.sleep(0.3)
        writer.write(raw(VALID | SETTLED))
        await writer.drain()

    facilitator = HttpFacilitator(await listen(slow), verify_timeout_ms=100, settle_timeout_ms=5_000)
    with pytest.raises(TimedOut):
        await facilitator.verify(b"{}")
    assert (await facilitator.settle(b"{}")).success
    await facilitator.close()


async def test_a_settlement_is_sent_once(listen: Listen) -> None:
    """A lost answer is never asked for again by the adapter."""
    seen = []

    async def dies(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))

    facilitator = HttpFacilitator(await listen(dies))
    with pytest.raises(AnswerLost):
        await facilitator.settle(b"{}")
    assert len(seen) == 1


async def test_a_settlement_given_no_answer_is_a_timeout(listen: Listen) -> None:
    """Unknown is not failed."""
    facilitator = HttpFacilitator(await listen(silence), settle_timeout_ms=100)
    with pytest.raises(TimedOut):
        await facilitator.settle(b"{}")


async def test_no_connection_is_nothing_sent(nobody: str) -> None:
    """Only then may somebody else be asked to settle."""
    facilitator = HttpFacilitator(nobody)
    for ask in (facilitator.verify, facilitator.settle):
        with pytest.raises(NothingSent):
            await ask(b"{}")
    with pytest.raises(NothingSent):
        await facilitator.supported()


async def test_supported_lists_the_kinds(listen: Listen) -> None:
    """The kinds come typed."""
    (kind,) = await HttpFacilitator(await listen(replying(raw(KINDS)))).supported()
    assert (kind.version, kind.scheme, kind.network) == (2, "exact", "eip155:84532")


@pytest.mark.parametrize("status", [307, 308])
async def test_supported_follows_one_redirect_on_the_same_origin(status: int, listen: Listen) -> None:
    """A well-known facilitator answers /supported with 308 to another path."""
    asked: list[bytes] = []

    async def moved(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, _ = await read_request(reader)
            asked.append(head.split(b" ")[1])
            elsewhere = raw({}, status, "location: /v2/supported\r\n")
            writer.write(elsewhere if asked[-1] == b"/supported" else raw(KINDS))

    assert len(await HttpFacilitator(await listen(moved)).supported()) == 1
    assert asked == [b"/supported", b"/v2/supported"]


@pytest.mark.parametrize(
    "location", ["", "location: http://127.0.0.1:1/supported\r\n", "location: /supported\r\n"]
)
async def test_supported_follows_nothing_else(location: str, listen: Listen) -> None:
    """No other origin, no second redirect, no redirect to nowhere."""
    facilitator = HttpFacilitator(await listen(replying(raw(KINDS, 308, location))))
    with pytest.raises(AnswerLost):
        await facilitator.supported()


def test_the_name_is_the_url_as_configured() -> None:
    """Fees and accounts are keyed by what the seller wrote."""
    assert HttpFacilitator("https://facilitator.example.com").name == "https://facilitator.example.com"


async def test_every_request_signs_in_for_itself(listen: Listen) -> None:
    """Each carries the token made for its method and URL, also where /supported has moved to."""
    heads: list[bytes] = []

    async def record(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in (
            raw(VALID),
            raw(SETTLED),
            raw({}, 308, "location: /v2/supported?all=1\r\n"),
            raw(KINDS),
        ):
            heads.append((await read_request(reader))[0])
            writer.write(answer)
            await writer.drain()

    url = await listen(record)
    facilitator = HttpFacilitator(url + "/x402", token_for=lambda method, place: f"{method}.{place}")
    await facilitator.verify(b"{}")
    await facilitator.settle(b"{}")
    await facilitator.supported()
    await facilitator.close()

    tokens = [line for head in heads for line in head.split(b"\r\n") if line.startswith(b"authorization: ")]
    assert tokens == [
        f"authorization: Bearer {method}.{url}{path}".encode()
        for method, path in (
            ("POST", "/x402/verify"),
            ("POST", "/x402/settle"),
            ("GET", "/x402/supported"),
            ("GET", "/v2/supported?all=1"),
        )
    ]


async def test_without_access_nobody_signs_in(listen: Listen) -> None:
    """No header says who we are."""
    heads: list[bytes] = []

    async def record(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await read_request(reader))[0])
        writer.write(raw(VALID))
        await writer.drain()

    await HttpFacilitator(await listen(record)).verify(b"{}")
    assert b"authorization" not in heads[0].lower()


@pytest.mark.parametrize(
    "answer",
    [b"", raw({}, 401), raw({"error": "t0ken-canary"}, 403), raw({}, 302, "location: https://a.example/t0ken-canary\r\n")],
    ids=["closed", "401", "echoed", "redirected"],
)  # fmt: skip
async def test_no_fault_carries_a_token(answer: bytes, listen: Listen, nobody: str) -> None:
    """Whatever goes wrong, and whatever is echoed, the token stays out of the fault and its causes."""
    for url in (await listen(replying(answer)), nobody):
        facilitator = HttpFacilitator(url, token_for=lambda _method, _url: "t0ken-canary")
        for asking in (facilitator.verify(b"{}"), facilitator.settle(b"{}"), facilitator.supported()):
            with pytest.raises(Fault) as caught:
                await asking
            shown = "".join(traceback.format_exception(caught.value)) + repr(facilitator)
            assert "t0ken-canary" not in shown


@pytest.mark.parametrize(
    ("date", "ahead_s"),
    [("Sat, 01 Jan 2000 00:00:00 GMT", 99), ("Sat, 01 Jan 2000 00:01:41 GMT", -1), (None, None)],
)
async def test_its_clock_is_held_against_ours_when_it_lists(
    date: str | None, ahead_s: int | None, listen: Listen
) -> None:
    """As far as its Date tells, by whole seconds that are sure."""
    clock = ManualClock(946_684_900 * 1_000_000)
    more = f"date: {date}\r\n" if date else ""
    facilitator = HttpFacilitator(await listen(replying(raw(KINDS, more=more))), clock=clock)
    await facilitator.supported()
    await facilitator.close()

    assert facilitator.ahead_s == ahead_s
