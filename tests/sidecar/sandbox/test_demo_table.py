"""The demo's table: what is called is sold, and every way a call can end is shown."""

from pathlib import Path

from sidecar.sandbox import demo
from sidecar.sandbox.demo_table import PENNILESS, STEPS
from sidecar.sandbox.facilitator_modes import HONEST, MODES
from sidecar.sandbox.process import Sandbox
from sidecar.settings import Settings, load


def _settings(config: Path) -> Settings:
    found = load(config, {})
    assert isinstance(found, Settings), found.text()
    return found


def test_the_written_config_sells_what_the_table_calls(tmp_path: Path, sandbox: Sandbox, agent: str) -> None:
    """Its priced routes are what the steps call; it pays the sandbox's seller and denies one buyer."""
    settings = _settings(demo.write_config(tmp_path, sandbox, agent))

    routes = {route.key: route for route in settings.routes}
    called = {f"{step.method} {step.path}": step for step in STEPS if not step.path.startswith("/free/")}
    assert set(called) == {key for key, route in routes.items() if not route.free}
    assert (settings.upstream, settings.sandbox) == (agent, True)
    assert [accept.pay_to_text for accept in settings.accept] == [sandbox.pay_to]
    denied = {step.buyer for step in STEPS if step.code == "buyer_denied"}
    assert denied == {3}
    assert sandbox.buyers[3].address.lower() in {
        "0x" + each.hex() for route in settings.routes for each in route.deny
    }


def test_the_table_shows_every_way_a_call_ends() -> None:
    """Free, paid, uncharged, credited, denied, without money, at a loss; both versions, a bad facilitator."""
    endings = {(step.status, step.paid, step.credited, step.code) for step in STEPS}

    assert endings == {
        (200, False, False, ""),
        (200, True, False, ""),
        (500, False, False, ""),
        (0, False, True, ""),
        (500, False, True, ""),
        (403, False, False, "buyer_denied"),
        (403, False, False, "would_lose_money"),
        (402, False, False, "payment_invalid"),
    }
    assert [step.status for step in STEPS if step.buyer == PENNILESS] == [402]
    assert {step.version for step in STEPS} == {1, 2}
    assert [(step.paid, step.known) for step in STEPS if step.behind] == [(True, True)]
    assert {step.facilitator for step in STEPS} == {HONEST, "5xx-after"} <= set(MODES)
