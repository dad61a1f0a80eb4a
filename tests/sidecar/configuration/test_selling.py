"""What we sell."""

from ledger.money import nano
from pricing.price import FixedPrice
from sidecar.configuration.model import KIB
from sidecar.domain.success import STATUSES, Presence, Rule, Wanted
from tests.sidecar.configs import BUYER, MINIMAL, problems, settings


def _routes(text: str) -> str:
    return MINIMAL.replace('"POST /research": {price: "$0.05"}', text)


def test_routes_keep_the_files_order() -> None:
    """The first match wins, so order is meaning."""
    found = settings(_routes('"GET /z": free, "GET /a/{b}": {price: "$1"}, "GET /*": free'))

    assert [(route.method, route.pattern) for route in found.routes] == [
        ("GET", "/z"),
        ("GET", "/a/{b}"),
        ("GET", "/*"),
    ]


def test_a_route_that_is_never_reached_is_a_problem() -> None:
    """A price that is never asked is a mistake."""
    assert problems(_routes('"GET /*": free, "GET /a": {price: "$1"}')) == [
        ("routes.GET /a", "route_unreachable")
    ]


def test_a_price_may_equal_its_bounds() -> None:
    """Ceiling and exposure are inclusive."""
    found = settings(_routes('"GET /a": {price: "$1.00", price_ceiling: "$1.00", timeout: 10m}'))

    assert found.routes[0].price == FixedPrice(nano(10**9))


def test_a_route_asks_for_names_as_all_do_or_in_its_own_way() -> None:
    """Optional unless told; `off` is text, not a switch."""
    routes = _routes('"GET /a": {price: "$1"}, "GET /b": {price: "$1", payment_identifier: required}')

    asked = [
        [route.payment_identifier for route in settings(routes + more).routes]
        for more in ("", "payment_identifier: off")
    ]
    assert asked == [["optional", "required"], ["off", "required"]]


def test_exposure_lets_dearer_calls_in() -> None:
    """The advice in the message works."""
    assert settings(_routes('"GET /a": {price: "$5"}') + 'exposure: {per_payer: "$5"}').routes[
        0
    ].price == FixedPrice(nano(5 * 10**9))


def test_wallets_are_compared_as_bytes() -> None:
    """However an address is spelled, it is one buyer."""
    found = settings(_routes(f'"GET /a": {{price: "$1", deny: ["{BUYER}", "{BUYER.lower()}"]}}'))

    assert found.routes[0].deny == {bytes.fromhex(BUYER[2:])}


def test_a_fee_is_found_under_the_facilitators_own_spelling() -> None:
    """A trailing slash or a capital does not lose a fee."""
    found = settings(MINIMAL + 'fees: {facilitator: {"https://Facilitator.example.com/": "$0.001"}}')

    assert found.fees.facilitator == {"https://facilitator.example.com": nano(1_000_000)}


def test_one_facilitator_has_one_fee() -> None:
    """Two spellings of one URL contradict each other."""
    fees = '{"https://facilitator.example.com": "$0", "https://facilitator.example.com/": "$1"}'

    assert problems(MINIMAL + f"fees: {{facilitator: {fees}}}") == [
        ("fees.facilitator.https://facilitator.example.com/", "duplicate_facilitator")
    ]


def test_model_costs_are_dated() -> None:
    """One model may change its price on a day."""
    first = 'model: m, input: "$1", output: "$2"'
    found = settings(MINIMAL + f"costs: {{overrides: [{{{first}}}, {{{first}, since: 2026-11-01}}]}}")

    assert [entry.since_us for entry in found.costs.overrides] == [0, 1_793_491_200_000_000]
    assert found.costs.overrides[0].cached_input is None


def test_what_is_sold_can_be_told_from_what_failed() -> None:
    """Statuses, members by pointer, and what happens to an answer that cannot be judged."""
    found = settings(
        _routes(
            '"GET /a": {price: "$1", success: {status: [200, "2xx"], unjudged: charge, buffer: 8KiB, '
            'body: {"/error": absent, "/data/0": present, "/status": done, "/n": -3, "/ok": true}}}, '
            '"GET /b": {price: "$1", success: {status: [201]}}, "GET /c": {price: "$1"}'
        )
    )
    members: dict[tuple[str, ...], Wanted] = {
        ("error",): Presence.ABSENT,
        ("data", "0"): Presence.PRESENT,
        ("status",): "done",
        ("n",): -3,
        ("ok",): True,
    }

    assert found.routes[0].success == Rule(STATUSES, members, 8 * KIB, charge_unjudged=True)
    assert found.routes[1].success == Rule(frozenset({201}), {})
    assert found.routes[2].success == Rule(STATUSES, {})


def test_tools_and_unknown_models_have_the_sellers_figures() -> None:
    """What a tool costs each time, and what a call's model costs at most."""
    found = settings(
        _routes('"GET /a": {price: "$1", fallback_cost: "$0.02"}')
        + 'costs: {tools: {web_search: "$0.01", b: "$0"}}'
    )

    assert found.costs.tools == {"web_search": nano(10_000_000), "b": nano(0)}
    assert found.routes[0].fallback_cost == nano(20_000_000)
