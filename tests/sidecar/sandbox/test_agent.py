"""The demo agent's answers, over a real socket."""

import json

import httpx
import pytest

from sidecar.sandbox.agent import CHUNK_DELAY_S, MODEL, SEARCH_COST, UNKNOWN_MODEL, USAGE, WORDS
from tests.plainly import PLAINLY


@pytest.mark.parametrize(
    ("path", "model"), [("/chat", MODEL), ("/research", MODEL), ("/slow", MODEL), ("/mystery", UNKNOWN_MODEL)]
)
def test_completions_carry_usage(agent: str, path: str, model: str) -> None:
    """Each answer is a chat completion with the fixed usage of its model."""
    answer = httpx.post(agent + path, json={}, **PLAINLY).json()
    assert answer["object"] == "chat.completion"
    assert (answer["model"], answer["usage"]) == (model, USAGE)


def test_research_declares_its_tool(agent: str) -> None:
    """The tool's cost is in the header, not in the usage."""
    assert httpx.post(agent + "/research", **PLAINLY).headers["sidecar-cost"] == SEARCH_COST


def test_stream_comes_in_parts_with_usage_last(agent: str) -> None:
    """The chunks arrive one by one, their words in order, and only the last one has usage."""
    with httpx.stream("POST", agent + "/stream", **PLAINLY) as response:
        parts = list(response.iter_raw())
    events = [line.removeprefix("data: ") for line in b"".join(parts).decode().split("\n\n") if line]
    chunks = [json.loads(event) for event in events[:-1]]
    words = [choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"]]
    assert CHUNK_DELAY_S > 0
    assert len(parts) >= len(WORDS)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert "".join(words) == "".join(WORDS)
    assert [chunk["usage"] for chunk in chunks] == [None] * (len(chunks) - 1) + [USAGE]
    assert events[-1] == "[DONE]"


def test_failure_and_free_answer(agent: str) -> None:
    """One path always fails, one is for nothing."""
    assert httpx.post(agent + "/fail", **PLAINLY).status_code == 500
    assert httpx.get(agent + "/free/hello", **PLAINLY).text == "hello"


def test_broken_answer_stops_in_its_body(agent: str) -> None:
    """The head promises more than comes."""
    with httpx.stream("POST", agent + "/broken", **PLAINLY) as response:
        assert response.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            response.read()


def test_echo_tells_what_arrived(agent: str) -> None:
    """Method, target, each header and the body come back."""
    headers = {"Sidecar-Payer": "0xabc", "X-Twice": "1"}
    echo = httpx.post(agent + "/ech%6F?a=%20", content="body", headers=headers, **PLAINLY).json()
    assert (echo["method"], echo["body"]) == ("POST", "body")
    assert echo["target"] == "/ech%6F?a=%20"
    assert ["sidecar-payer", "0xabc"] in echo["headers"]
    assert httpx.get(agent + "/echo?a=1", **PLAINLY).json()["target"] == "/echo?a=1"


def test_requests_are_counted(agent: str) -> None:
    """Every request counts for its path, also one for a path that does not exist."""

    def seen(path: str) -> int:
        return int(httpx.get(agent + "/_seen", **PLAINLY).json().get(path, 0))

    before = seen("/chat"), seen("/nowhere")
    httpx.post(agent + "/chat", **PLAINLY)
    httpx.get(agent + "/nowhere", **PLAINLY)
    assert (seen("/chat"), seen("/nowhere")) == (before[0] + 1, before[1] + 1)
