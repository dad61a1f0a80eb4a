"""Events: what happened, as values. Adapters turn them into log lines and metrics.

Signatures, keys and bodies never enter an event; addresses, call ids, codes
and amounts do. The class name is the event's name in the logs.
"""

from ledger.values import value


@value
class Event:
    """Something the operator may want to know."""


@value
class Answered(Event):
    """A buyer's request was answered. `outcome` is served, failed, free or refused:<code>.

    `policy` names the setting that refused it.
    """

    endpoint: str
    outcome: str
    status: int
    call: str = ""
    latency_us: int = 0
    policy: str = ""


@value
class CallAdmitted(Event):
    """A payment was claimed and its money held."""

    call: str
    endpoint: str
    payer: str
    price_nano: int
    admit_us: int


@value
class UpstreamAnswered(Event):
    """The agent's headers are in."""

    call: str
    endpoint: str
    status: int
    upstream_us: int


@value
class PaymentSettled(Event):
    """A settlement has an outcome: settled, failed or unknown. `source` tells who said so."""

    call: str
    network: str
    result: str
    source: str
    reason: str = ""
    transaction: str = ""
    settle_us: int = 0


@value
class CallClosed(Event):
    """The last commit of a call: what it earned and what its lines cost, nano-USD by kind."""

    call: str
    endpoint: str
    outcome: str
    captured_nano: int
    credited_nano: int
    cost_nano: tuple[tuple[str, int], ...]
    unknown_costs: int


@value
class CostsReported(Event):
    """The agent reported costs: how many count, and how many are told already by something stronger.

    `cost_nano` is what that changed for a closed call, by kind; empty while it runs.
    """

    call: str
    endpoint: str
    booked: int
    evidence: int
    cost_nano: tuple[tuple[str, int], ...] = ()


@value
class PaymentSeen(Event):
    """A settled payment is final on chain."""

    call: str
    network: str
    transaction: str


@value
class BooksSealed(Event):
    """The books were signed up to journal `seq`; `head` is its hash.

    Kept elsewhere, as logs are, it shows if journals were removed later.
    """

    seq: int
    head: str


@value
class NeedsAttention(Event):
    """Something a person should look at; `code` is stable, `detail` one sentence without secrets."""

    code: str
    detail: str
    call: str = ""


@value
class DependencyChanged(Event):
    """A dependency became ready or stopped being so."""

    name: str
    ready: bool
    detail: str = ""


@value
class Lifecycle(Event):
    """The process itself: started, draining, stopped."""

    state: str
    detail: str = ""
