"""Terms: all that a price version promises, and its text on disk. Pure.

The text is canonical JSON: other terms are another version. It holds all that is needed
to sell on them again, because a price stays payable for a while after it was replaced,
also when the process was started anew in between.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from types import MappingProxyType
from typing import Any, Final

from ledger.money import Amount, nano
from pricing.price import ComputedPrice, FixedPrice, Price, Quantity
from sidecar.domain import chart
from sidecar.domain.call import Flow
from sidecar.domain.quoting import Method
from sidecar.domain.verification import max_timeout_s

US_PER_S: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Terms:
    """What a route asks of everybody and, in `own`, of some buyers; in which ways, under which flow.

    `until_us` is when terms that were replaced stop being payable; None: they are in force.
    `version` is their number on disk, 0 while they have none.
    """

    price: Price
    own: Mapping[bytes, Price]
    methods: tuple[Method, ...]
    timeout_s: int
    flow: Flow
    version: int = 0
    until_us: int | None = None

    def payable(self, now_us: int) -> bool:
        """Tell whether a payment on these terms is still taken."""
        return self.until_us is None or now_us < self.until_us

    def replaced(self, at_us: int) -> "Terms":
        """Return these terms as replaced: payable for as long as a buyer was told that an offer is good."""
        return replace(self, until_us=at_us + max_timeout_s(self.timeout_s) * US_PER_S)


def written(terms: Terms) -> str:
    """Return *terms* as canonical JSON, without their number and end."""
    document = {
        "price": _price(terms.price),
        "own": {chart.hexed(buyer): _price(price) for buyer, price in terms.own.items()},
        "accepts": [_method(method) for method in terms.methods],
        "timeout_s": terms.timeout_s,
        "flow": terms.flow.value,
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def read(text: str, version: int) -> Terms | None:
    """Return the terms that `written` wrote; None if another version of the sidecar wrote them otherwise."""
    try:
        document: dict[str, Any] = json.loads(text)
        return Terms(
            price=_read_price(document["price"]),
            own={_bytes(buyer): _read_price(price) for buyer, price in document["own"].items()},
            methods=tuple(_read_method(method) for method in document["accepts"]),
            timeout_s=document["timeout_s"],
            flow=Flow(document["flow"]),
            version=version,
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _price(price: Price) -> dict[str, object]:
    if isinstance(price, FixedPrice):
        return {"nano": str(price.amount.units)}
    return {
        "base_nano": str(price.base.units),
        "quantities": [{**asdict(each), "each": str(each.each.units)} for each in price.quantities],
        "models": {name: str(amount.units) for name, amount in price.models.items()},
        "model_place": price.model_place,
    }


def _read_price(sent: Mapping[str, Any]) -> Price:
    if "nano" in sent:
        return FixedPrice(_nano(sent["nano"]))
    return ComputedPrice(
        base=_nano(sent["base_nano"]),
        quantities=tuple(Quantity(**{**each, "each": _nano(each["each"])}) for each in sent["quantities"]),
        models=MappingProxyType({name: _nano(units) for name, units in sent["models"].items()}),
        model_place=sent["model_place"],
    )


def _method(method: Method) -> dict[str, object]:
    values = {field.name: getattr(method, field.name) for field in fields(method)}
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in values.items()}


def _read_method(sent: Mapping[str, Any]) -> Method:
    return Method(**{**sent, "asset": bytes.fromhex(sent["asset"]), "pay_to": bytes.fromhex(sent["pay_to"])})


def _nano(units: str) -> Amount:
    return nano(int(units))


def _bytes(address: str) -> bytes:
    return bytes.fromhex(address.removeprefix("0x"))
