"""What is promised and not there yet, in one list, and how to see of each that it is indeed not there."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Final

import httpx

from sidecar.domain.refusals import Code
from tests.plainly import PLAINLY
from tests.scenarios.surface_stand import Surface

ABSENT: Final = (
    (
        "code",
        "insufficient_credits",
        "credit is spent by calls, and there is no prepaid balance to run out of",
    ),
    ("command", "keys list", "there is one operator's token, and no keys with scopes"),
    ("resource", "/", "there is no dashboard: the margin table is a command and a resource"),
    ("resource", "/api/v1/budgets", "a buyer's day is all that is bounded: exposure.per_day"),
    ("resource", "/api/v1/approvals", "nothing waits for a person's word"),
    ("resource", "/api/v1/finops", "margin, statements and exports are all the reports there are"),
    ("metric", "sidecar_budget_utilization_ratio", "there are no budgets with a name"),
    ("agent", "/egress/openai/v1/chat/completions", "an agent asks its providers itself, and reports costs"),
    ("config", "settlement: {signer: {key_file: signer.json}}", "only facilitators settle"),
)
"""What is promised and not there yet: what kind of thing it is, its name, and what there is instead."""

PRESENT: Final = (
    ("code", "budget_spent"),
    ("command", "calls"),
    ("resource", "/api/v1/policies"),
    ("metric", "sidecar_holds_usd"),
    ("agent", "/v1/costs"),
    ("config", "workspace: growth-team"),
)
"""One thing of each kind that is there, so that nothing is called absent because nobody can see it."""


def without_code(_: Surface, name: str) -> bool:
    return name not in set(Code)


def without_command(surface: Surface, words: str) -> bool:
    code, printed = surface.command(*words.split(), "--json")
    return (code, printed) == (2, "")


def without_resource(surface: Surface, path: str) -> bool:
    return surface.running.operator(path).status_code == 404


def without_metric(surface: Surface, name: str) -> bool:
    return name not in surface.running.operator("/metrics").text


def without_agent_path(surface: Surface, path: str) -> bool:
    return httpx.post(surface.running.agent_url + path, content=b"{}", **PLAINLY).status_code == 404


def without_config(surface: Surface, line: str) -> bool:
    """Tell whether a config with that line in place of its own is refused for that key."""
    key = line.partition(":")[0]
    text = surface.stand.config.read_text(encoding="utf-8")
    sections = re.split(r"(?m)^(?=[a-z_]+:)", text)
    changed = "".join(each for each in sections if not each.startswith(f"{key}:")) + line + "\n"
    (surface.stand.folder / "more.yaml").write_text(changed, encoding="utf-8")
    code, printed = surface.command("check", "--json", "--config", "more.yaml")
    paths = [problem["path"] for problem in json.loads(printed)["problems"]]
    return code == 2 and [path.partition(".")[0] for path in paths] == [key]


_PROBES: Final[Mapping[str, Callable[[Surface, str], bool]]] = {
    "code": without_code,
    "command": without_command,
    "resource": without_resource,
    "metric": without_metric,
    "agent": without_agent_path,
    "config": without_config,
}


def is_absent(surface: Surface, kind: str, name: str) -> bool:
    """Tell whether the thing of that *kind* and *name* is not there."""
    return _PROBES[kind](surface, name)
