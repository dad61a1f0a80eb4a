"""Quoting: what a route asks for, on each way to be paid. Pure.

A price is rounded up to the asset's atomic unit: a sale is never below its price.
"""

from dataclasses import dataclass

from ledger.money import Amount, nano
from pricing.price import atomic_up
from sidecar.domain.call import NANO_DECIMALS, Flow, Offer
from sidecar.domain.verification import max_timeout_s
from sidecar.x402.documents import Requirements


@dataclass(frozen=True, slots=True)
class Method:
    """One way to be paid: a dollar-pegged EIP-3009 token on one network, and who receives it.

    Addresses are given raw and as published, because clients compare the text.
    """

    chain_id: int
    network: str
    asset: bytes
    asset_text: str
    decimals: int
    domain_name: str
    domain_version: str
    pay_to: bytes
    pay_to_text: str


def offer(price: Amount, method: Method, route_timeout_s: int, flow: Flow = Flow.AUTHORIZATION) -> Offer:
    """Return the offer of *price* by *method*, `exact` (EIP-3009). Of the flows `upfront` is announced."""
    announced = {"paymentFlow": flow.value} if flow is Flow.UPFRONT else {}
    atomic = atomic_up(price, method.decimals)
    return Offer(
        requirements=Requirements(
            scheme="exact",
            network=method.network,
            amount=atomic,
            asset=method.asset_text,
            pay_to=method.pay_to_text,
            max_timeout_s=max_timeout_s(route_timeout_s),
            extra={"name": method.domain_name, "version": method.domain_version, **announced},
        ),
        chain_id=method.chain_id,
        network=method.network,
        asset=method.asset,
        asset_decimals=method.decimals,
        pay_to=method.pay_to,
        amount=nano(atomic * int(10 ** (NANO_DECIMALS - method.decimals))),
    )
