"""A workflow: a graph of steps, each telling its sidecar what it cost. Standard library only.

`python workflow_agent.py 9000`; AGENT_LISTENER is the sidecar's agent listener, by default
http://127.0.0.1:8404. The steps are plain functions of a state, as in LangGraph; a step that fails is
tried again, and the attempt that was in vain is a cost like any other.
"""

import json
import os
import sys
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

State = dict[str, Any]
TRIES = 2


class Flaky(Exception):
    """A step did not work this time."""


def model(tokens_in: int, tokens_out: int) -> dict[str, Any]:
    """Say what a model call used; the sidecar knows its price."""
    usage = {"input_tokens": tokens_in, "output_tokens": tokens_out}
    return {"kind": "model", "name": "gpt-4o-mini", "usage": usage}


def plan(state: State) -> State:
    """Decide what to look for."""
    return {**state, "searches": ["price", "feature"]}


def search(state: State) -> State:
    """Look; the first try fails."""
    if state["attempt"] == 1:
        raise Flaky
    return {**state, "found": len(state["searches"])}


def write(state: State) -> State:
    """Write the answer."""
    return {**state, "report": f"{state['found']} findings on {state['question']}"}


GRAPH: list[tuple[str, Callable[[State], State], dict[str, Any]]] = [
    ("plan", plan, model(400, 60)),
    ("search", search, {"kind": "tool", "name": "web_search", "amount_usd": "0.0036"}),
    ("write", write, model(900, 300)),
]


def report(token: str, step: str, attempt: int, cost: dict[str, Any]) -> None:
    """Tell the sidecar what one attempt of a step cost; telling it twice changes nothing."""
    document = {"id": f"{step}/{attempt}", "step": step, "attempt": attempt, **cost}
    asked = urllib.request.Request(
        os.environ.get("AGENT_LISTENER", "http://127.0.0.1:8404") + "/v1/costs",
        json.dumps(document).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    urllib.request.urlopen(asked, timeout=10).close()


def run(question: str, token: str) -> State:
    """Go through the graph."""
    state: State = {"question": question}
    for step, work, cost in GRAPH:
        for attempt in range(1, TRIES + 1):
            report(token, step, attempt, cost)
            try:
                state = work({**state, "attempt": attempt})
                break
            except Flaky:
                continue
    return state


class Handler(BaseHTTPRequestHandler):
    """POST a question, get the report."""

    def do_POST(self) -> None:
        """Answer."""
        question = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        answer = json.dumps({"report": run(question, self.headers["Sidecar-Call-Token"])["report"]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
