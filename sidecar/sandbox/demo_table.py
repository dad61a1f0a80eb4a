"""The demo's table: what its sidecar sells, who calls what, and how each call must end."""

from dataclasses import dataclass
from typing import Final

from sidecar.sandbox import facilitator_modes

TOKEN: Final = "sandbox-operator-token"  # noqa: S105 a sandbox's, printed so that people can look around

CONFIG: Final = """\
# What the demo's sidecar runs on. The same file works for `sidecar serve`.
upstream: {agent}
workspace: demo
listen: {{buyers: "127.0.0.1:0", agent: "127.0.0.1:0", operator: "127.0.0.1:0"}}
public_url: http://agent.demo.invalid
storage: sqlite:///demo.db
networks:
  base-sepolia: {{rpc: ["{rpc}"], confirmations: 2}}
accept:
  - {{network: base-sepolia, asset: USDC, pay_to: "{pay_to}"}}
settlement:
  facilitators: ["{facilitator}"]
routes:
  "POST /chat": {{price: "$0.01", agent: chat-agent}}
  "POST /stream": {{price: "$0.02", agent: chat-agent}}
  "POST /research": {{price: "$0.05", agent: research-agent, workflow: competitor-research}}
  "POST /mystery": {{price: "$0.01", agent: chat-agent}}
  "POST /fail": {{price: "$0.01", agent: chat-agent}}
  "POST /broken": {{price: "$0.01", agent: chat-agent}}
  "POST /echo": {{price: "$0.01", deny: ["{denied}"]}}
  "POST /book": {{price: "$0.03", settle: upfront, agent: booking-agent}}
  "POST /draft": {{price: "$0.001", margin_floor: 10%, agent: chat-agent}}
  "POST /quick": {{price: "$0.01", settle: deferred, agent: chat-agent}}
  "GET /free/*": free
costs:
  per_call: {{"POST /research": "$0.0005"}}
fees:
  facilitator: {{"{facilitator}": "$0.001"}}
  platform: "2%"
operator: {{token: "{token}"}}
sandbox: true
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One call of the demo: who calls what, and how it must end.

    `version` is what the buyer speaks; version 2 is the official client. `times` calls are made, and
    the last one shown. `facilitator` is how that behaves meanwhile: a name in `facilitator_modes`.
    `known` waits until what its buyer paid before is final; `behind` is settled after the answer.
    """

    title: str
    buyer: int  # -1 is the one without money
    method: str
    path: str
    status: int  # 0: the connection breaks off
    paid: bool
    credited: bool = False
    code: str = ""
    version: int = 2
    times: int = 1
    facilitator: str = facilitator_modes.HONEST
    known: bool = False
    behind: bool = False


PENNILESS: Final = -1
STEPS: Final = (
    Step("a free page", 0, "GET", "/free/hello", 200, paid=False),
    Step("a chat completion", 0, "POST", "/chat", 200, paid=True),
    Step("a buyer that speaks version 1", 3, "POST", "/chat", 200, paid=True, version=1),
    Step("a streamed completion", 0, "POST", "/stream", 200, paid=True),
    Step("research with a web search", 1, "POST", "/research", 200, paid=True),
    Step("the same research, another buyer", 2, "POST", "/research", 200, paid=True),
    Step("a model nobody has a price for", 1, "POST", "/mystery", 200, paid=True),
    Step("an agent that fails: not charged", 1, "POST", "/fail", 500, paid=False),
    Step("an agent that breaks off: credited", 2, "POST", "/broken", 0, paid=False, credited=True),
    Step("paid first, then it fails: credited", 4, "POST", "/book", 500, paid=False, credited=True),
    Step("that credit pays for another call", 4, "POST", "/stream", 200, paid=True),
    Step("a buyer on the deny list", 3, "POST", "/echo", 403, paid=False, code="buyer_denied"),
    Step("a buyer without money", PENNILESS, "POST", "/chat", 402, paid=False, code="payment_invalid"),
    Step("five drafts, to learn their cost", 1, "POST", "/draft", 200, paid=True, times=5),
    Step("one more would lose money: refused", 1, "POST", "/draft", 403, paid=False, code="would_lose_money"),
    Step("a known buyer, delivered first", 1, "POST", "/quick", 200, paid=True, known=True, behind=True),
    Step("a settlement that answers 500: kept", 0, "POST", "/chat", 200, paid=True, facilitator="5xx-after"),
)
"""A buyer that is told to ask again asks again with the same payment, until it is answered."""
