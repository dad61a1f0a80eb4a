"""Batches are matched to their questions, and a node that fails is replaced by the next."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.adapters.rpc import TOGETHER_MAX, OddAnswer, Rpc, results
from sidecar.ports import AnswerLost, NothingSent, TimedOut
from tests.sidecar.adapters.conftest import Listen, Script, read_request, replying, silence

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "result", "error"]), inner)
    ),
    max_leaves=12,
)


def node(answer: Callable[[list[dict[str, object]]], object], status: int = 200) -> Script:
    """A node that answers each batch with what *answer* makes of it."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            _, body = await read_request(reader)
            text = json.dumps(answer(json.loads(body)))
            writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(text)}\r\n\r\n{text}".encode())
            await writer.drain()

    return script


def honest(name: str) -> Callable[[list[dict[str, object]]], object]:
    """Answer each question with the node's name and the method, last question first."""
    return lambda asked: [
        {"jsonrpc": "2.0", "id": each["id"], "result": f"{name} {each['method']}"} for each in reversed(asked)
    ]


async def methods(rpc: Rpc) -> Sequence[object]:
    """Ask two questions."""
    return await rpc.ask([("eth_a", ()), ("eth_b", ("0x1",))], lambda answers: answers)


async def test_answers_are_put_in_the_order_of_the_questions(listen: Listen) -> None:
    """A node may answer a batch in any order."""
    assert await methods(Rpc([await listen(node(honest("one")))])) == ["one eth_a", "one eth_b"]


async def test_questions_are_json_rpc_2(listen: Listen) -> None:
    """Version, consecutive ids, method and parameters; path and query, which may be keys, as configured."""
    seen: list[object] = []

    async def record(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        head, body = await read_request(reader)
        seen.extend((head.split(b"\r\n")[0], json.loads(body)))

    with pytest.raises(AnswerLost) as fault:
        await methods(Rpc([await listen(record) + "/v2/key?also=key"]))
    assert "key" not in str(fault.value)
    assert seen == [
        b"POST /v2/key?also=key HTTP/1.1",
        [
            {"jsonrpc": "2.0", "id": 0, "method": "eth_a", "params": []},
            {"jsonrpc": "2.0", "id": 1, "method": "eth_b", "params": ["0x1"]},
        ],
    ]


async def test_a_node_that_fails_is_replaced_and_the_next_one_stays(listen: Listen, nobody: str) -> None:
    """After a failover the node that answered is asked first."""
    asked: list[str] = []

    def counting(asked_questions: list[dict[str, object]]) -> object:
        asked.append("broken")
        return {"error": {"code": -32000, "message": "x"}, "id": asked_questions[0]["id"]}

    rpc = Rpc([nobody, await listen(node(counting)), await listen(node(honest("third")))])
    for _ in range(3):
        assert await methods(rpc) == ["third eth_a", "third eth_b"]
    await rpc.close()
    assert asked == ["broken"]


def limited(most: int, sizes: list[int], odd: Sequence[object] = ()) -> Script:
    """A node that refuses batches of more than *most*, or that ask about what is *odd*."""

    def answer(asked: list[dict[str, object]]) -> object:
        sizes.append(len(asked))
        about = [each["params"][0] for each in asked]  # type: ignore[index]
        if len(asked) > most or any(each in odd for each in about):
            return {"error": {"code": -32014, "message": "too many"}, "id": None}
        return [{"id": each["id"], "result": [param]} for each, param in zip(asked, about, strict=True)]

    return node(answer)


async def ask_each(rpc: Rpc, count: int) -> dict[int, object]:
    """Ask about the numbers below *count*; each answer is read with what was asked about."""
    return await rpc.ask_each(
        range(count), lambda number: ("eth_a", (number,)), lambda number, result: (number, result)
    )


@pytest.mark.parametrize("most", [1, 10, 99, 1000])
async def test_many_questions_are_asked_in_batches_that_the_node_accepts(listen: Listen, most: int) -> None:
    """Whatever its limit is: everything is answered, and few batches are refused."""
    sizes: list[int] = []
    rpc = Rpc([await listen(limited(most, sizes))])
    for _ in range(3):
        assert await ask_each(rpc, 250) == {number: (number, [number]) for number in range(250)}
    await rpc.close()

    assert max(sizes) <= TOGETHER_MAX
    refused = sum(size > most for size in sizes)
    assert refused <= len(sizes) // 2 + 1
    assert sum(size for size in sizes if size <= most) >= 3 * 250


async def test_one_question_that_is_refused_is_a_fault(listen: Listen) -> None:
    """What was to be told of all cannot be told of some."""
    rpc = Rpc([await listen(limited(1000, [], odd=[7]))])
    with pytest.raises(AnswerLost, match="-32014"):
        await ask_each(rpc, 20)
    assert await ask_each(rpc, 7) == {number: (number, [number]) for number in range(7)}
    await rpc.close()


async def test_a_node_that_says_nothing_is_not_asked_for_less(listen: Listen) -> None:
    """Waiting again for each half would take for ever."""
    rpc = Rpc([await listen(silence)], timeout_ms=50)
    with pytest.raises(TimedOut):
        await ask_each(rpc, 20)
    await rpc.close()


async def test_no_question_is_no_request(nobody: str) -> None:
    """Nothing is asked of anybody."""
    assert await ask_each(Rpc([nobody]), 0) == {}


async def test_when_every_node_fails_the_last_fault_is_told(listen: Listen, nobody: str) -> None:
    """One fault comes out, named after the node it is about, without the path that may be a key.

    A node that refused counts more than one that said nothing: it may accept less at once.
    """
    quiet = await listen(silence)
    for urls, kind in (([quiet, nobody + "/key"], NothingSent), ([nobody, quiet + "/key"], TimedOut)):
        with pytest.raises(kind) as caught:
            await methods(Rpc(urls, timeout_ms=100))
        assert str(caught.value).startswith("rpc http://127.0.0.1:")
        assert "key" not in str(caught.value)
    refusing = await listen(limited(0, []))
    for urls in ([nobody, refusing, quiet], [refusing, nobody]):
        with pytest.raises(AnswerLost, match="-32014"):
            await ask_each(Rpc(urls, timeout_ms=100), 1)


async def test_a_result_the_reader_calls_odd_is_the_nodes_fault(listen: Listen) -> None:
    """An odd answer moves on to the next node like any other fault."""
    rpc = Rpc([await listen(node(honest("odd"))), await listen(node(honest("good")))])

    def read(answers: Sequence[object]) -> str:
        if str(answers[0]).startswith("odd"):
            raise OddAnswer("this one")
        return str(answers[0])

    assert await rpc.ask([("eth_a", ())], read) == "good eth_a"


@pytest.mark.parametrize("status", [204, 302, 400, 429, 500, 503])
async def test_any_status_but_200_is_a_fault(status: int, listen: Listen) -> None:
    """Rate limits and gateway errors are no answers, whatever their bodies say."""
    with pytest.raises(AnswerLost):
        await methods(Rpc([await listen(node(honest("x"), status))]))


async def test_an_answer_above_the_cap_is_a_fault(listen: Listen) -> None:
    """A node cannot fill the memory."""
    raw = b"HTTP/1.1 200 OK\r\ncontent-length: 3000\r\n\r\n" + b" " * 3_000
    with pytest.raises(AnswerLost, match="larger"):
        await methods(Rpc([await listen(replying(raw))], answer_bytes_max=2_000))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"null",
        b"1",
        b"[]",
        b"{}",
        b'[{"id":0,"result":1},{"id":0,"result":1}]',
        b'[{"id":0,"result":1},{"id":2,"result":1}]',
        b'[{"id":"0","result":1},{"id":1,"result":1}]',
        b'[{"id":true,"result":1},{"id":0,"result":1}]',
        b'[{"id":0,"result":1},1]',
        b'[{"id":0,"result":1}]',
        b'[{"id":0,"result":1},{"id":1,"result":1},{"id":2,"result":1}]',
        b"[" * 100_000,
        b'[{"id":0,"result":1},{"id":1,"result":1}],"more":1',
        b'[{"id":0,"result":1},{"id":1,"result":1}]}{"a":1',
    ],
)
def test_what_is_not_the_batch_asked_for_is_odd(body: bytes) -> None:
    """Every question has exactly one answer."""
    with pytest.raises(OddAnswer):
        results(body, 2)


@pytest.mark.parametrize("error", ['{"code":-32005,"message":"hush"}', '{"message":"hush"}', '"hush"'])
def test_a_refusal_is_told_by_its_code_only(error: str) -> None:
    """What a node writes about a request may quote the key it came with."""
    for body in (f'[{{"id":0,"error":{error}}}]', f'{{"id":null,"error":{error}}}'):
        with pytest.raises(OddAnswer, match="refused") as caught:
            results(body.encode(), 1)
        assert "hush" not in str(caught.value)


@given(JSON, st.integers(min_value=0, max_value=3))
def test_no_json_breaks_the_reader(document: object, count: int) -> None:
    """Whatever a node says is either the results, one each, or odd."""
    with contextlib.suppress(OddAnswer):
        assert len(results(json.dumps(document).encode(), count)) == count
