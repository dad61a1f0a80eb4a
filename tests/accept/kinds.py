"""The kinds of call that are sold, as a table: what each client meets there, and what the money does.

A new flow or way to price is a route and its row; the routes are what the sidecar's config is written from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from sidecar.sandbox import facilitator_modes

UNITS_PER_USD: Final = 1_000_000
BODY: Final = '{"ask":"anything"}'


@dataclass(frozen=True, slots=True)
class Sold:
    """A priced route and one call of it.

    `route` and `terms` are as in the config; `price` is in USD, also where `terms` have it reckoned from the
    request. `target` is asked for, the route's own path if it is empty; a good answer has `says` in its body.
    """

    route: str
    price: str
    says: str
    target: str = ""
    body: str | None = BODY
    terms: Mapping[str, Any] = field(default_factory=dict)

    @property
    def method(self) -> str:
        """The method it is asked with."""
        return self.route.split()[0]

    @property
    def asked(self) -> str:
        """The path that is asked for, with its query."""
        return self.target or self.route.split()[1]

    @property
    def units(self) -> int:
        """The price in the token's smallest unit."""
        return int(Decimal(self.price) * UNITS_PER_USD)

    @property
    def config(self) -> Mapping[str, Any]:
        """The route's own part of the config."""
        return {"price": f"${self.price}", **self.terms}


class Receipt(Enum):
    """What an answer says of the payment it was given."""

    NONE = "nothing"
    PAID = "it was settled, in this transaction"
    CREDIT = "it was not needed: credit paid, and nothing moved"


@dataclass(frozen=True, slots=True)
class End:
    """How one purchase ends: the status and code handed over, and how often its price then moved.

    `taken` on chain, `sold` into revenue, `owed` into the payer's credit. `signs` is whether the client pays.
    """

    told: tuple[int, str]
    receipt: Receipt
    taken: int = 0
    sold: int = 0
    owed: int = 0
    signs: bool = True


SERVED: Final = End((200, ""), Receipt.PAID, taken=1, sold=1)
FROM_CREDIT: Final = End((200, ""), Receipt.CREDIT, sold=1, owed=-1)
FAILED: Final = End((500, ""), Receipt.NONE)
PAID_AND_FAILED: Final = End((500, ""), Receipt.PAID, taken=1, owed=1)
OWED: Final = End((200, ""), Receipt.NONE, taken=1, sold=1)
UNKNOWN: Final = End((503, "settlement_unknown"), Receipt.NONE, taken=1, owed=1)
TOO_DEAR: Final = End((0, ""), Receipt.NONE, signs=False)


@dataclass(frozen=True, slots=True)
class Step:
    """One purchase, how it ends, and how the facilitator behaves meanwhile."""

    sold: Sold
    end: End
    facilitator: str = facilitator_modes.HONEST


COMPLETION: Final = '"object":"chat.completion"'
CHAT: Final = Sold("POST /chat", "0.01", COMPLETION)
STREAM: Final = Sold("POST /stream", "0.02", "data: [DONE]\n\n")
SENT: Final = Sold("POST /echo", "0.01", '"body":"{\\"ask\\":\\"anything\\"}"')
QUERY: Final = "/echo?q=caf%C3%A9+au%20lait&q=2"
ASKED: Final = Sold("GET /echo", "0.001", f'"target":"{QUERY}"', QUERY, None)
RESEARCH: Final = Sold("POST /research", "0.05", COMPLETION, terms={"settle": "upfront"})
QUICK: Final = Sold("POST /quick", "0.01", COMPLETION, terms={"settle": "deferred"})
FAIL: Final = Sold("POST /fail", "0.01", "the agent failed")
BOOK: Final = Sold("POST /book", "0.01", "the agent failed", terms={"settle": "upfront"})
MYSTERY: Final = Sold("POST /mystery", "0.01", COMPLETION)
BY_REQUEST: Final = Sold(
    "POST /v1/chat/completions",
    "0.003",
    COMPLETION,
    body='{"model":"gpt-4o-mini","max_tokens":100}',
    terms={
        "price": {
            "by_model": {"gpt-4o": "$0.02", "gpt-4o-mini": "$0.002"},
            "plus": [{"body": "/max_tokens", "each": "$10", "per": 1_000_000, "max": 16_000}],
        }
    },
)
DEAR: Final = Sold("POST /slow", "2.00", "")

KINDS: Final[Mapping[str, tuple[Step, ...]]] = {
    "answer": (Step(CHAT, SERVED),),
    "stream": (Step(STREAM, SERVED),),
    "body": (Step(SENT, SERVED),),
    "query": (Step(ASKED, SERVED),),
    "computed": (Step(BY_REQUEST, SERVED),),
    "upfront": (Step(RESEARCH, SERVED),),
    "deferred": (Step(QUICK, SERVED), Step(QUICK, OWED), Step(QUICK, OWED)),
    "failed": (Step(FAIL, FAILED), Step(FAIL, FAILED), Step(CHAT, SERVED)),
    "credit": (Step(BOOK, PAID_AND_FAILED), Step(CHAT, FROM_CREDIT), Step(CHAT, SERVED)),
    "unknown": (Step(MYSTERY, UNKNOWN, "5xx-after"), Step(MYSTERY, FROM_CREDIT)),
    "dear": (Step(DEAR, TOO_DEAR),),
}
"""What a payer of its own lives through in each, one purchase after the other."""
