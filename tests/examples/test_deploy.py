"""The files to deploy with name what there is: paths, variables, ports, metrics, keys of the config."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidecar.adapters.metrics import MetricsObserver
from sidecar.adapters.system import SystemClock
from sidecar.cli import COMMANDS
from sidecar.settings import Settings, read

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "examples/deploy"
ENVIRONMENT = {
    "PAY_TO": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C",
    "FACILITATOR_URL": "https://facilitator.example",
    "BASE_SEPOLIA_RPC_URL": "https://node.example",
    "PUBLIC_URL": "https://agent.example",
    "SIDECAR_OPERATOR_TOKEN": "an-operator-token-of-some-length",
}


def text(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def documents(name: str) -> dict[str, Any]:
    """The Kubernetes objects of a file, by kind."""
    return {each["kind"]: each for each in yaml.safe_load_all(text(name))}


def config_of(source: str, folder: Path) -> Settings:
    found = read(source, ENVIRONMENT, folder)
    assert isinstance(found, Settings), found.text()
    return found


def test_the_configs_that_are_deployed_are_configs(tmp_path: Path) -> None:
    """Both read without a problem, sell something, and open their books in the volume they are given."""
    alone = config_of(text("sidecar.yaml"), Path("/data"))
    pod = config_of(documents("kubernetes.yaml")["ConfigMap"]["data"]["sidecar.yaml"], tmp_path)

    assert {each.storage for each in (alone, pod)} == {Path("/data/sidecar.db")}
    assert {each.listen.buyers.port for each in (alone, pod)} == {8402}
    assert (pod.listen.agent.host, pod.upstream) == ("127.0.0.1", "http://127.0.0.1:9000")


def test_compose_gives_the_config_all_it_asks_for() -> None:
    """Every variable of the config is set; the agent is reached by nobody but the sidecar."""
    services = yaml.safe_load(text("compose.yaml"))["services"]
    asked = set(re.findall(r"\$\{(\w+)", text("sidecar.yaml")))

    assert set(services["sidecar"]["environment"]) == asked
    assert "ports" not in services["agent"]
    assert services["agent"]["networks"] == ["inside"]
    assert [port for port in services["sidecar"]["ports"] if not port.startswith("127.0.0.1:")] == [
        "8402:8402"
    ]


def test_the_pod_s_probes_ask_what_answers_and_its_policy_opens_no_more() -> None:
    """Buyers may reach their port, monitoring the operator's, nobody the agent's; the pod runs as nobody."""
    found = documents("kubernetes.yaml")
    pod = found["StatefulSet"]["spec"]["template"]["spec"]
    (sidecar,) = (each for each in pod["containers"] if each["name"] == "sidecar")
    ports = {each["name"]: each["containerPort"] for each in sidecar["ports"]}
    probes = {key: sidecar[key]["httpGet"] for key in ("startupProbe", "livenessProbe", "readinessProbe")}
    opened = [port["port"] for rule in found["NetworkPolicy"]["spec"]["ingress"] for port in rule["ports"]]

    assert ports == {"buyers": 8402, "operator": 8403}
    assert {probe["path"] for probe in probes.values()} == {"/healthz", "/readyz"}
    assert {probe["port"] for probe in probes.values()} == {"operator"}
    assert opened == ["buyers", "operator"]
    assert pod["securityContext"]["runAsNonRoot"] is True


def test_each_tells_how_its_margin_is_read() -> None:
    """Of the config that it serves."""
    image = json.loads((ROOT / "Dockerfile").read_text(encoding="utf-8").rpartition("\nCMD ")[2])
    pod = documents("kubernetes.yaml")["StatefulSet"]["spec"]["template"]["spec"]
    (unit,) = re.findall(r"^ExecStart=\S+/sidecar (.+)$", text("sidecar.service"), re.MULTILINE)
    serves = {
        "compose.yaml": image,
        "kubernetes.yaml": pod["containers"][1]["args"],
        "sidecar.service": unit.split(),
    }

    for name, words in serves.items():
        (margin,) = re.findall(r"^# .*sidecar (margin [^`\n]+)", text(name), re.MULTILINE)
        assert margin.split() == ["margin", *words[1:]]


@pytest.mark.parametrize("name", ["grafana.json", "alerts.yaml"])
def test_what_is_watched_is_told(name: str) -> None:
    """Every metric of the dashboard and of the alerts is one that the sidecar has."""
    told = MetricsObserver(SystemClock()).exposition(
        {"holds_nano": 0, "unsettled_nano": 0, "unknown_settlements": 0, "oldest_unknown_us": None}
    )
    asked = set(re.findall(r"sidecar_[a-z_]+", text(name))) - {"sidecar_"}

    assert asked
    assert {each for each in asked if each.removesuffix("_bucket").encode() not in told} == set()


def test_the_dashboard_is_json_with_a_panel_for_each_question() -> None:
    """Each panel has its title and what that says is asked; the data source is the reader's to choose."""
    panels = json.loads(text("grafana.json"))["panels"]
    asked = {panel["title"]: [target["expr"] for target in panel["targets"]] for panel in panels}

    assert all(panel["title"] and panel["targets"] for panel in panels)
    assert [re.findall(r"sidecar_[a-z_]+", expr) for expr in asked["Revenue and cost an hour, USD"]] == [
        ["sidecar_revenue_usd_total"],
        ["sidecar_cost_usd_total"],
    ]
    assert {panel["datasource"]["uid"] for panel in panels} == {"${source}"}


def test_the_unit_runs_a_command_that_exists() -> None:
    """Alone, for only how the main process ends keeps it from being started again; it writes where it may."""
    unit = text("sidecar.service")
    commands = re.findall(r"^Exec\w+=\S+/sidecar (\w+)", unit, re.MULTILINE)
    (storage,) = re.findall(r"`(storage: \S+)`", unit)
    found = config_of(f"{text('sidecar.yaml').replace('storage: sqlite:///sidecar.db', storage)}", DEPLOY)

    assert commands == ["serve"]
    assert set(commands) <= set(COMMANDS)
    assert "RestartPreventExitStatus=2" in unit
    assert (
        str(found.storage.parent)
        == dict(re.findall(r"^(\w+)=(\S+)$", unit, re.MULTILINE))["WorkingDirectory"]
    )


def test_the_pod_s_secret_is_named_with_all_that_the_config_asks_for() -> None:
    """Whoever makes it needs no search."""
    config = documents("kubernetes.yaml")["ConfigMap"]["data"]["sidecar.yaml"]
    head = text("kubernetes.yaml").partition("apiVersion")[0]

    assert set(re.findall(r"\b[A-Z]+_[A-Z_]+\b", head)) == set(re.findall(r"\$\{(\w+)", config))


def test_the_image_copies_what_there_is_and_runs_as_nobody() -> None:
    """Every source of a COPY exists; it runs as nobody; its health check asks the buyers' listener."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY ") and "--from" not in line]
    missing = [name for names in copied for name in names if not (ROOT / name).exists()]

    assert copied
    assert missing == []
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10402:10402"]
    assert any("8402/__402/health" in line for line in lines)
