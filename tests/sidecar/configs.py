"""Configs for tests: a whole one that loads, and ways to change one thing of it."""

from pathlib import Path

from sidecar.settings import Problems, Settings, read

FOLDER = Path("/etc/sidecar")
PAY_TO = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
BUYER = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
TOKEN = "0x52908400098527886E0F7030069857D2E4169EE7"

MINIMAL = f"""
upstream: http://127.0.0.1:9000
accept: [{{network: base-sepolia, asset: USDC, pay_to: "{PAY_TO}"}}]
settlement: {{facilitators: ["https://facilitator.example.com"]}}
routes: {{"POST /research": {{price: "$0.05"}}}}
"""


def facilitators(entries: str) -> str:
    """Return the minimal config with other facilitators."""
    return MINIMAL.replace('["https://facilitator.example.com"]', f"[{entries}]")


def settings(text: str, **environ: str) -> Settings:
    """Return the settings of a config that must be right."""
    found = read(text, environ, FOLDER)
    assert isinstance(found, Settings), found.text()
    return found


def problems(text: str, **environ: str) -> list[tuple[str, str]]:
    """Return path and code of every problem of a config that must be wrong."""
    found = read(text, environ, FOLDER)
    assert isinstance(found, Problems), "the config was accepted"
    return [(problem.path, problem.code) for problem in found.items]
