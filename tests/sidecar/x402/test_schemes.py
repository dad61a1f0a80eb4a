"""The registry holds each scheme under the name it has on the wire."""

from __future__ import annotations

import json

from sidecar.x402 import exact
from sidecar.x402.exact import Signed
from sidecar.x402.schemes import SCHEMES
from tests.sidecar.x402.signing import a_payment


def test_each_scheme_is_found_by_its_own_name() -> None:
    """What a payment names is what is used for it."""
    assert {name: scheme.name for name, scheme in SCHEMES.items()} == {"exact": "exact"}
    assert SCHEMES["exact"].check is exact.check


def test_what_a_scheme_writes_it_reads() -> None:
    """A payment rebuilt from its values is the same payment."""
    payment = a_payment()
    signed = Signed(payment.authorization, payment.signature)
    for scheme in SCHEMES.values():
        assert scheme.read(json.loads(scheme.write(signed))) == signed
