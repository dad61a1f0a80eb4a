"""Discovery: one document that names all that is sold, of a bounded size."""

import json
from typing import Any

from ledger.money import nano
from sidecar.http.buyers import Entry
from sidecar.http.sold import Sold
from sidecar.http.wallet.discovery import BYTES_MAX, discovery
from sidecar.x402.challenge import Challenge
from tests.sidecar.builders import a_sale, an_endpoint

URL = "https://agent.example"
KEYS = [{"kty": "OKP", "x": "x"}]


def entry(name: str) -> Entry:
    sale = a_sale(endpoint=an_endpoint(nano(1_000_500), name=name))
    return Entry(name, Sold(sale, lambda _: Challenge(b"", ())), 60)


def document(*names: str, bytes_max: int = BYTES_MAX) -> dict[str, Any]:
    entries = [entry(name) for name in names] + [Entry("GET /free/*", None, 60)]
    found: dict[str, Any] = json.loads(discovery(entries, URL, KEYS, bytes_max))
    return found


def test_every_priced_route_is_named_with_its_terms() -> None:
    """In the config's order; a free one is not sold, and a path with a parameter is no address."""
    found = document("POST /research", "GET /research", "GET /models/{name}", "GET /docs/*")

    assert (found["version"], found["complete"]) == (1, True)
    assert found["resources"] == [URL + "/research"]
    assert [(route["method"], route["pattern"], route["resource"]) for route in found["routes"]] == [
        ("POST", "/research", URL + "/research"),
        ("GET", "/research", URL + "/research"),
        ("GET", "/models/{name}", None),
        ("GET", "/docs/*", None),
    ]
    assert {route["price_usd"] for route in found["routes"]} == {"0.001000500"}
    assert found["routes"][0]["accepts"][0]["amount"] == "1001"
    assert found["keys"] == KEYS
    assert set(found["links"]) == {"quote", "credits", "statement", "receipts"}
    assert all(link.startswith(URL + "/__402/") for link in found["links"].values())


def test_a_seller_of_very_much_is_named_in_part() -> None:
    """As much as fits, from the first on, and the document says that it is not all."""
    names = [f"POST /sold/{number}" for number in range(2000)]
    whole = discovery([entry(name) for name in names], URL, KEYS)
    found = json.loads(whole)

    assert BYTES_MAX // 2 < len(whole) <= BYTES_MAX
    assert found["complete"] is False
    assert [route["pattern"] for route in found["routes"]][:2] == ["/sold/0", "/sold/1"]
    assert document(*names, bytes_max=1)["routes"] == []
