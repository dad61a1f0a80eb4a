"""What each key of the config is for, in one line: the schema and the reference page say it.

A test holds it against the document, so that no key comes without its meaning.
"""

from collections.abc import Mapping
from typing import Any, Final

_DOCUMENT: Final = {
    "upstream": "The agent to stand in front of; the only place calls are forwarded to.",
    "public_url": "How buyers reach the sidecar; without it, this machine's port, with a warning.",
    "workspace": "A name that every call is booked under.",
    "listen": "The three listeners, one audience each.",
    "storage": "Where the books are: a file, relative to the config file, or a PostgreSQL.",
    "networks": "Chain access by network: evidence of what was settled. Needs no key.",
    "accept": "The ways to be paid, each an entry of `accepts`.",
    "settlement": "Who settles the payments.",
    "exposure": "How far one payer is trusted.",
    "limits": "Bounds of sizes, times and counts.",
    "routes": "What is for sale, by method and path; the first match wins, anything else is refused.",
    "costs": "What calls cost, where you know it better than the catalogue.",
    "fees": "What selling costs.",
    "operator": "The operator's listener.",
    "payment_identifier": "Whether buyers may name a purchase, on every route that says nothing else.",
    "sandbox": "Play: faults may be injected, and only local test chains are accepted.",
}
_LISTEN: Final = {
    "buyers": "For buyers, who come from anywhere.",
    "agent": "For the agent itself: its cost reports.",
    "operator": "For you and your monitoring: health, metrics and the API.",
}
_NETWORK: Final = {
    "rpc": "JSON-RPC endpoints of nodes, the one you like best first.",
    "confirmations": "How many blocks on top of a transfer make it final.",
}
_TOKEN: Final = {
    "address": "The token's contract.",
    "symbol": "What people call it.",
    "decimals": "How many decimals one token has; at most 9.",
    "name": "The name of its EIP-712 domain.",
    "version": "The version of its EIP-712 domain.",
    "usd_peg": "That it is worth a dollar, which you have to say.",
}
_ACCEPT: Final = {
    "network": "Where the money moves.",
    "asset": "The token: USDC where it is known, else written out.",
    "pay_to": "The address that earns the money; in quotes.",
}
_JWT: Final = {
    "key_id": "The id under which the facilitator knows the key.",
    "algorithm": "How the key signs: Ed25519, or ECDSA on P-256.",
    "key": "The private key: PEM, or base64 as key consoles show it.",
    "key_file": "The file that the key is in, instead of `key`; relative to the config file.",
    "issuer": "What the facilitator wants in `iss`; without it, the key's id.",
}
_FACILITATOR: Final = {
    "url": "Its base URL.",
    "bearer": "The token that it gave you.",
    "jwt": "Your key, to sign a token for each request; instead of `bearer`.",
}
_LIMITS: Final = {
    "request_line": "Bytes of a request line.",
    "headers": "Bytes of a request's headers.",
    "header_fields": "Fields of a request's headers.",
    "payment_header": "Bytes of a payment header.",
    "paid_body": "Bytes of the request body of a paid call.",
    "read_ahead": "Bytes of an answer that are read while its payment settles.",
    "read_ahead_total": "The same over all calls.",
    "header_read": "How long a buyer may take to send its headers.",
    "body_idle": "How long a buyer may pause within its body.",
    "upstream_connect": "How long connecting to the agent may take.",
    "stream_total": "How long a whole answer may take.",
    "verify": "How long a facilitator may take to verify.",
    "stored_answer": "Bytes of an answer that are kept for a buyer who asks again; a larger one is not.",
    "settle": "How long a facilitator may take to settle.",
    "open_calls": "Paid calls at one time.",
    "reentries": "How often one payment may enter again after a call that was not charged.",
    "cost_reports": "Reports of costs about one call.",
    "close_window": "How long after a call's close its costs may still be reported.",
    "flush_every": "How long a delivered call of `settle: deferred` waits for others to be settled with.",
    "flush_batch": "How many of these are settled with one commit.",
    "flush_concurrency": "How many settlements of these are asked for at one time.",
    "drain": "How long open calls may take once the sidecar is told to stop.",
    "per_buyer": "Paid calls of one payer.",
    "per_address": "Requests from one address.",
    "uncharged_cost": "What one payer's failed and unpaid calls may cost in a UTC day; then it pays first.",
}
_QUANTITY: Final = {
    "query": "The parameter of the query that holds it.",
    "path": "The segment of the path that holds it.",
    "body": "The member of the JSON body that holds it, as a JSON pointer.",
    "each": "The price of `per` of it.",
    "per": "How many of it `each` is for.",
    "min": "A smaller one is refused.",
    "max": "A larger one is refused.",
    "default": "What holds where a request names none; without it, such a request is refused.",
}
_ROUTE: Final = {
    "price": "What a call costs the buyer.",
    "buyers": "Other prices, by wallet or by a name for several.",
    "models": "The models that a request may name; without it, any.",
    "request": "What a request must be, before it is paid.",
    "payment_identifier": "Whether buyers may name a purchase on this route.",
    "settle": "When the payment is settled: at the agent's headers, before the work, or behind.",
    "agent": "The agent's name in reports.",
    "workflow": "The workflow's name in reports.",
    "allow": "The only buyers; without it, everyone.",
    "deny": "Buyers who are refused.",
    "price_ceiling": "A price above it is refused.",
    "timeout": "How long the agent may take to its headers.",
    "rate_limit": "Calls of one payer on this route, beside `limits.per_buyer`.",
    "success": "What an answer must be to be charged; without it, any 2xx.",
    "fallback_cost": "What is booked, as an estimate, where nobody knows what the model cost.",
    "margin_floor": "The share of its price that a call must be expected to earn, by the last hour's costs.",
}
_OVERRIDE: Final = {
    "model": "The model, as the agent's answers name it.",
    "input": "USD for a million input tokens.",
    "output": "USD for a million output tokens.",
    "cached_input": "USD for a million input tokens from a cache; without it, as `input`.",
    "since": "The first day, UTC; without it, always.",
}

MEANINGS: Final[Mapping[str, Mapping[str, str]]] = {
    "Document": _DOCUMENT,
    "ListenSection": _LISTEN,
    "NetworkSection": _NETWORK,
    "TokenSection": _TOKEN,
    "AcceptSection": _ACCEPT,
    "JwtSection": _JWT,
    "FacilitatorSection": _FACILITATOR,
    "SettlementSection": {"facilitators": "URLs, or sections where one wants to know who asks."},
    "ExposureSection": {
        "per_payer": "What one payer may have verified and not yet final.",
        "per_day": "What one payer may spend in a UTC day; without it, any sum.",
    },
    "LimitsSection": _LIMITS,
    "RouteSection": _ROUTE,
    "PriceSection": {
        "base": "What every call costs.",
        "by_model": "What the model costs that the request names.",
        "plus": "Quantities that the request names, each at its rate.",
    },
    "QuantitySection": _QUANTITY,
    "BuyerSection": {
        "price": "What a call costs them.",
        "wallets": "Their addresses, where the key is a name.",
    },
    "SuccessSection": {
        "status": "The statuses that are charged, or `2xx`.",
        "body": "Members of the JSON answer, by JSON pointer, and what each must be; all must hold.",
        "buffer": "How much of an answer is read to judge it, before anybody settles.",
        "unjudged": "What becomes of an answer that cannot be judged.",
    },
    "RequestSection": {"schema": "The JSON Schema of its body: a file, or written out."},
    "OverrideSection": _OVERRIDE,
    "CostsSection": {
        "overrides": "Your prices of models; they win over the catalogue's.",
        "tools": "What one use of a tool costs, where the agent tells no figure.",
        "per_call": "A flat cost of each call, by route.",
    },
    "FeesSection": {
        "facilitator": "USD for a settlement, by facilitator URL; an unlisted fee is unknown, not zero.",
        "platform": "A platform's share of revenue.",
    },
    "OperatorSection": {"token": "The bearer token of the API; without it, one is made at the first start."},
}
"""By section of `document`, then by key."""


def explained(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the document's *schema* with the meaning of each key."""
    for name, section in (schema["$defs"] | {"Document": schema}).items():
        for key, each in section["properties"].items():
            each["description"] = MEANINGS[name][key]
    return schema
