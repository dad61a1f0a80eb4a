"""Canaries: what must stay secret is in no log line, no metric, no report and no answer to a buyer."""

import base64
import json
from pathlib import Path
from typing import Any, Final

from sidecar.sandbox.process import Sandbox
from tests.scenarios import hostile
from tests.scenarios.middleman import Act, Reply
from tests.scenarios.scene import Scene, staged
from tests.scenarios.stand import TOKEN

NODE_KEY: Final = "node-key-canary-6f1d"
BODY: Final = b'{"ask":"body-canary-93ab"}'
ANOTHER_TOKEN: Final = "wrong-token-canary-77c2"
EXCEPTION: Final = "exception-canary-51fe at http://10.9.8.7:8545/"
PAGES: Final = (
    "/healthz", "/readyz", "/metrics", "/openapi.json", "/", "/nothing", "/api/v1/nothing", "/api/v1/calls",
    "/api/v1/calls/unheard-of", "/api/v1/margin", "/api/v1/margin?by=nothing", "/api/v1/ledger/accounts",
    "/api/v1/buyers/unheard-of", "/api/v1/ledger/journals", "/api/v1/ledger/audit",
)  # fmt: skip
OWN_PAGES: Final = (
    "/.well-known/x402",
    "/__402/quote?method=POST&path=/chat",
    "/__402/credits",
    "/__402/statement",
)


def test_no_secret_is_ever_told(tmp_path: Path, sandbox: Sandbox, agent: str) -> None:
    """Through good calls, bad payments and failing partners, none of the canaries shows up anywhere."""
    payments: list[dict[str, Any]] = []
    told: dict[str, str] = {}
    with staged(tmp_path, sandbox, agent, rpc_path=f"/v2/{NODE_KEY}") as scene:
        for name in ("served", "facilitator", "upstream", "node", "agent"):
            _break(scene, name)
            payment = scene.running.signed(sandbox.buyers[0], "/echo" if name == "served" else "/chat")
            payments.append(payment)
            told[name] = _answered(scene, "/chat", payment)
            _mend(scene)
        told["reused"] = _answered(scene, "/mystery", payments[0])
        told["tampered"] = _answered(scene, "/chat", {**payments[0], "payload": payments[1]["payload"]})
        told["garbage"] = scene.running.send("/chat", headers={hostile.HEADER: NODE_KEY}).text
        told |= {f"own {page}": scene.running.send(page, method="GET").text for page in OWN_PAGES}
        told |= {page: _page(scene, page, TOKEN) for page in PAGES}
        told |= {f"{page} as a stranger": _page(scene, page, ANOTHER_TOKEN) for page in PAGES}
        told["refused token"] = _page(scene, "/api/v1/calls", "")
        inside = {"the agent's address": scene.upstream.url, "the node's address": scene.rpc.url}
        log = scene.stand.log
    told["log"] = log.read_text(encoding="utf-8")

    secrets = _secrets(tmp_path / "books.db.secrets") | {
        "the operator's token": TOKEN,
        "a stranger's token": ANOTHER_TOKEN,
        "the node's key": NODE_KEY,
        "a body": "body-canary-93ab",
        "an exception": "exception-canary-51fe",
    }
    for number, payment in enumerate(payments):
        secrets[f"signature {number}"] = payment["payload"]["signature"].removeprefix("0x")
        secrets[f"header {number}"] = hostile.wire(payment)[0][1]
        secrets[f"nonce {number}"] = payment["payload"]["authorization"]["nonce"].removeprefix("0x")
    answers = {name: text for name, text in told.items() if not name.startswith("/") and name != "log"}
    assert [
        (where, what) for what, secret in secrets.items() for where in told if secret in told[where]
    ] == []
    assert [
        (where, what) for what, place in inside.items() for where in answers if place in answers[where]
    ] == []
    assert len(told["log"].splitlines()) > len(payments)


def _break(scene: Scene, partner: str) -> None:
    """Make one partner fail, as loudly as it can."""
    odd = {
        "success": False,
        "errorReason": EXCEPTION,
        "transaction": "",
        "network": scene.stand.sandbox.network,
    }
    if partner == "facilitator":
        scene.facilitator.on["/settle"] = Reply(json.dumps(odd).encode())
    elif partner == "upstream":
        scene.upstream.on["/chat"] = Act.CUT
    elif partner == "node":
        error = {"jsonrpc": "2.0", "id": 0, "error": {"code": -32000, "message": f"{EXCEPTION} {NODE_KEY}"}}
        scene.rpc.on[f"/v2/{NODE_KEY}"] = Reply(json.dumps([error]).encode())
    elif partner == "agent":
        scene.upstream.down()


def _mend(scene: Scene) -> None:
    scene.facilitator.on.clear()
    scene.upstream.on.clear()
    scene.rpc.on.clear()
    if not scene.upstream.is_up:
        scene.upstream.up()


def _answered(scene: Scene, path: str, payment: dict[str, Any]) -> str:
    """Return everything a buyer gets to see, decoded where it is encoded."""
    answer = scene.running.send(path, payment, content=BODY)
    encoded = [value for name, value in answer.headers.items() if name.startswith("payment-re")]
    decoded = [base64.b64decode(value).decode() for value in encoded]
    return "\n".join([str(answer.headers), *decoded, answer.text])


def _page(scene: Scene, page: str, token: str) -> str:
    answer = scene.running.operator(page, token)
    return f"{answer.headers}\n{answer.text}"


def _secrets(file: Path) -> dict[str, str]:
    kept: dict[str, str] = json.loads(file.read_text(encoding="ascii"))
    return {f"its own secret {name}": value for name, value in kept.items()}
