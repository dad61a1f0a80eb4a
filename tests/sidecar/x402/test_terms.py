"""The shared members are read strictly and written completely."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from x402.schemas import PaymentRequirements, ResourceInfo

from sidecar.x402.documents import Malformed, Requirements, Resource
from sidecar.x402.terms import read_requirements, read_resource, requirements_members, resource_members
from tests.sidecar.x402.signing import OFFER, an_offer

MEMBERS = requirements_members(OFFER)


@given(
    offer=st.builds(
        an_offer,
        amount=st.integers(0, 2**256 - 1),
        max_timeout_s=st.integers(0, 2**31 - 1),
        extra=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    )
)
def test_an_entry_is_read_as_it_was_written_and_as_the_official_sdk_reads_it(offer: Requirements) -> None:
    """The wire keeps every term, in the official spelling."""
    members = requirements_members(offer)
    official = PaymentRequirements.model_validate(members)

    assert read_requirements(members) == offer
    assert official.model_dump(by_alias=True) == members
    assert (int(official.amount), official.pay_to) == (offer.amount, offer.pay_to)


@pytest.mark.parametrize("name", ["scheme", "network", "asset", "payTo"])
@pytest.mark.parametrize("value", [None, 5, "", "x" * 257, "a\nb", "a\x00", [], {}])
def test_text_terms_are_printable_and_bounded(name: str, value: object) -> None:
    """Each is named when it is missing or odd."""
    assert read_requirements({**MEMBERS, name: value}) == Malformed("invalid_payload", f"accepted.{name}")


@pytest.mark.parametrize("value", [None, "60", True, -1, 2**31, 60.0])
def test_a_timeout_is_a_whole_number_of_seconds(value: object) -> None:
    """A boolean is not a number here."""
    found = read_requirements({**MEMBERS, "maxTimeoutSeconds": value})
    assert found == Malformed("invalid_payload", "accepted.maxTimeoutSeconds")


@pytest.mark.parametrize("sent", [{"extra": None}, {}])
def test_an_extra_without_a_value_is_empty(sent: dict[str, Any]) -> None:
    """We never send null; whoever does says nothing by it."""
    members = {name: value for name, value in MEMBERS.items() if name != "extra"} | sent
    assert read_requirements(members) == an_offer(extra={})


@pytest.mark.parametrize("extra", [[], "x", 5, False])
def test_an_extra_that_is_no_object_is_malformed(extra: object) -> None:
    """Anything but an object has no members to compare."""
    assert read_requirements({**MEMBERS, "extra": extra}) == Malformed("invalid_payload", "accepted.extra")


@pytest.mark.parametrize(
    "resource",
    [Resource("https://a.example/x"), Resource("https://a.example/x", "Deep research", "text/plain")],
)
def test_a_resource_has_no_null_members(resource: Resource) -> None:
    """Strict clients refuse null where a member is optional; the URL is always there, and last."""
    members = resource_members(resource)

    assert None not in members.values()
    assert list(members)[-1] == "url"
    assert ResourceInfo.model_validate(members).url == read_resource(members) == resource.url


@pytest.mark.parametrize(
    "sent", ["https://a.example", [], {}, {"url": 5}, {"url": ""}, {"url": "x" * 8193}, {"url": "\n"}]
)
def test_an_odd_resource_is_malformed(sent: object) -> None:
    """A hint that cannot be read is not guessed."""
    assert read_resource(sent) == Malformed("invalid_payload", "resource")


def test_no_resource_is_fine() -> None:
    """Clients may leave it out."""
    assert read_resource(None) is None
