"""What a provider says its answer cost, inside its usage object. Knows no format and no rate.

Routers write it: OpenRouter and LiteLLM as a number, Perplexity as an object with a total. It is dollars.
"""

from collections.abc import Mapping

from ledger.money import Amount
from pricing.declared import booked, dollars


def reported_cost(usage: Mapping[str, object]) -> Amount | None:
    """Read `cost` exactly; None where there is none, or none that can be believed.

    With a key of one's own OpenRouter charges a fee, and the provider charges the answer itself: both are
    the cost. `is_byok` tells; where it is not said, an upstream cost larger than the fee does.
    """
    cost = usage.get("cost")
    told = dollars(cost.get("total_cost") if isinstance(cost, dict) else cost)
    if told is None:
        return None
    parts = usage.get("cost_details")
    upstream = dollars(parts.get("upstream_inference_cost")) if isinstance(parts, dict) else None
    own_key = usage.get("is_byok")
    if own_key is None:
        own_key = upstream is not None and upstream > told
    if own_key is not True:
        return booked(told)
    return None if upstream is None else booked(told + upstream)
