"""JSON-RPC to EVM nodes: batches of read-only questions, asked of the next node when one fails.

Knows no token and no payment. Everything asked here may be asked again, so any fault moves
on to the next URL; the one that answered last is asked first.
"""

import json
from collections.abc import Callable, Hashable, Sequence
from typing import Final, TypeVar

from sidecar.adapters.wire import Limits, Peer, lost, origin_of
from sidecar.ports import AnswerLost, Fault, NothingSent, TimedOut
from sidecar.urls import read
from sidecar.x402.bounded_json import read_loose_object

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

TOGETHER_MAX: Final = 100
"""How many questions of one kind are asked in one batch at the most."""

Question = tuple[str, Sequence[object]]
"""A method and its parameters."""


class OddAnswer(Exception):
    """A node's answer is not what was asked for; the text says what is odd and quotes nothing."""


class Node:
    """Where to ask, and how it is named in faults: path and query of the URL often hold a key."""

    def __init__(self, url: str, limits: Limits) -> None:
        self.name = f"rpc {origin_of(url.partition('?')[0])}"
        self.peer = Peer(url, self.name, limits)
        self.head = self.peer.head("POST", read(url).target)


class Rpc:
    """A list of nodes that are asked in turn."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        timeout_ms: int = 5_000,
        answer_bytes_max: int = 8_388_608,
        connections_max: int = 64,
        connect_timeout_ms: int = 5_000,
        pool_timeout_ms: int = 1_000,
    ) -> None:
        assert urls, "a chain without a node is not configured"
        limits = Limits(
            connections_max=connections_max,
            answer_bytes_max=answer_bytes_max,
            connect_timeout_ms=connect_timeout_ms,
            pool_timeout_ms=pool_timeout_ms,
        )
        self._nodes = [Node(url, limits) for url in urls]
        self._first = 0
        self._together = TOGETHER_MAX
        self._timeout_ms = timeout_ms

    async def ask(self, questions: Sequence[Question], read: Callable[[Sequence[object]], T]) -> T:
        """Ask all *questions* of one node in one batch; *read* turns the results, in order, into a value.

        A result that *read* calls an OddAnswer counts as the node's fault. Fault: no node
        gave a sound answer; it is the fault of the last one that said anything, which may
        accept less at once, and of the last one asked where all were silent.
        """
        fault: Fault | None = None
        start = self._first
        for turn in range(len(self._nodes)):
            index = (start + turn) % len(self._nodes)
            node = self._nodes[index]
            try:
                value = read(await self._batch(node, questions))
            except OddAnswer as odd:
                fault = lost(node.name, str(odd))
            except Fault as failed:
                if fault is None or _silent(fault) or not _silent(failed):
                    fault = failed
            else:
                self._first = index
                return value
        assert fault is not None, "every node either answered or failed"
        raise fault

    async def ask_each(
        self,
        asked: Sequence[K],
        question: Callable[[K], Question],
        read: Callable[[K, object], T],
    ) -> dict[K, T]:
        """Ask a *question* about each of *asked*, in as few batches as the nodes accept.

        Many nodes accept less than a hundred and do not say how many: what is
        refused is asked in halves, and batches grow again one by one.
        """
        answers: dict[K, T] = {}
        while len(answers) < len(asked):
            some = asked[len(answers) : len(answers) + self._together]
            try:
                answers |= await self._ask_some(some, question, read)
            except TimedOut:
                raise
            except AnswerLost:
                if len(some) == 1:
                    raise
                self._together = len(some) // 2
            else:
                self._together = min(max(self._together, len(some) + 1), TOGETHER_MAX)
        return answers

    async def _ask_some(
        self, some: Sequence[K], question: Callable[[K], Question], read: Callable[[K, object], T]
    ) -> dict[K, T]:
        def read_all(results: Sequence[object]) -> dict[K, T]:
            return {each: read(each, result) for each, result in zip(some, results, strict=True)}

        return await self.ask([*map(question, some)], read_all)

    async def close(self) -> None:
        """Close the client; nothing can be asked afterwards."""
        for node in self._nodes:
            node.peer.close()

    async def _batch(self, node: Node, questions: Sequence[Question]) -> list[object]:
        body = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            for number, (method, params) in enumerate(questions)
        ]
        answer = await node.peer.ask(node.head, json.dumps(body).encode(), timeout_ms=self._timeout_ms)
        if answer.status != 200:
            raise OddAnswer(f"status {answer.status}")
        return results(answer.body, len(questions))


def _silent(fault: Fault) -> bool:
    return isinstance(fault, NothingSent | TimedOut)


def results(body: bytes, count: int) -> list[object]:
    """Read the results of a batch of *count* questions with the ids 0, 1, ... OddAnswer: anything else."""
    document = read_loose_object(b'{"batch":%b}' % body)  # bounded in depth: a node is a stranger
    if document is None or len(document) != 1:
        raise OddAnswer("the answer is not JSON")
    answers = document["batch"]
    if isinstance(answers, dict):
        raise OddAnswer(_refusal(answers) or "the answer is not a batch")
    by_id: dict[int, object] = {}
    for answer in answers if isinstance(answers, list) else ():
        number = answer.get("id") if isinstance(answer, dict) else None
        if type(number) is not int or number in by_id:
            raise OddAnswer("the answers do not belong to the questions")
        refusal = _refusal(answer)
        if refusal is not None:
            raise OddAnswer(refusal)
        by_id[number] = answer.get("result")
    if sorted(by_id) != list(range(count)):
        raise OddAnswer("the answers do not belong to the questions")
    return [by_id[number] for number in range(count)]


def _refusal(answer: dict[str, object]) -> str | None:
    """Say that a node refused, by code only: its text may quote the key it was asked with."""
    error = answer.get("error")
    if error is None:
        return None
    code = error.get("code") if isinstance(error, dict) else None
    return f"the node refused with code {code}" if type(code) is int else "the node refused"
