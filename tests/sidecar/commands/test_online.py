"""What `check --online` asks."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from ledger.stores import versions
from sidecar.commands.online import Findings, ask, ask_all
from sidecar.domain.transfers import TransferLog
from sidecar.ports import Fault, Funds, Head, NothingSent, PayerNonce, TokenFacts
from sidecar.sandbox.process import start_sandbox
from sidecar.settings import Problem, Settings, Settlement
from sidecar.x402.documents import SettleReply, SupportedKind, VerifyReply
from sidecar.x402.eip712 import domain_separator
from tests.sidecar.configs import MINIMAL, settings

NETWORK = "eip155:84532"
NOW_S = 1_790_000_000
SETTINGS = settings(MINIMAL + 'networks: {base-sepolia: {rpc: ["http://127.0.0.1:1"]}}')
USDC = SETTINGS.accept[0].asset
FACTS = TokenFacts(6, domain_separator("USDC", "2", 84532, USDC.address))


class StoppedClock:
    def now_us(self) -> int:
        return NOW_S * 1_000_000

    def monotonic_us(self) -> int:
        return 0


@dataclass
class SaidChain:
    """A chain that says what it is told to."""

    id: int = 84532
    head_s: int = NOW_S
    facts: TokenFacts = FACTS
    fault: Fault | None = None
    token_fault: Fault | None = None

    async def chain_id(self) -> int:
        if self.fault:
            raise self.fault
        return self.id

    async def head(self) -> Head:
        return Head(1, self.head_s)

    async def token(self, asset: bytes) -> TokenFacts:
        assert asset == USDC.address
        if self.token_fault:
            raise self.token_fault
        return self.facts

    async def funds(self, asset: bytes, payer: bytes, nonce: bytes) -> Funds:
        raise AssertionError("check asks for nobody's funds")

    async def nonces_used(
        self, asset: bytes, signed: Sequence[PayerNonce], block: int
    ) -> frozenset[PayerNonce]:
        raise AssertionError("check asks for no nonce")

    async def transfers_of(
        self, asset: bytes, signed: Sequence[PayerNonce], *, from_block: int, to_block: int
    ) -> dict[PayerNonce, tuple[TransferLog, ...]]:
        raise AssertionError("check asks for no transfers")

    async def balance(self, asset: bytes, owner: bytes) -> int:
        raise AssertionError("check asks for no balance")


@dataclass
class SaidFacilitator:
    """A facilitator that only lists its kinds."""

    kinds: tuple[SupportedKind, ...] = (SupportedKind(2, "exact", NETWORK),)
    fault: Fault | None = None
    name: str = field(default="https://facilitator.example.com")

    async def supported(self) -> tuple[SupportedKind, ...]:
        if self.fault:
            raise self.fault
        return self.kinds

    async def verify(self, body: bytes) -> VerifyReply:
        raise AssertionError("check verifies nothing")

    async def settle(self, body: bytes) -> SettleReply:
        raise AssertionError("check settles nothing")


async def _found(chain: SaidChain, facilitator: SaidFacilitator, of: Settings = SETTINGS) -> Findings:
    findings = Findings()
    await ask(of, {NETWORK: chain}, [facilitator], StoppedClock(), findings)
    return findings


async def test_a_right_config_has_nothing_to_tell() -> None:
    """Chain, token and facilitator agree with the file."""
    assert await _found(SaidChain(), SaidFacilitator()) == Findings()


TOKEN_18 = replace(FACTS, decimals=18)
TOKEN_OTHER = replace(FACTS, domain_separator=bytes(32))
VERSION_1 = (SupportedKind(1, "exact", "base-sepolia"),)


@pytest.mark.parametrize(
    ("chain", "facilitator", "path", "code"),
    [
        (SaidChain(id=8453), SaidFacilitator(), "networks.eip155:84532.rpc", "chain_id_differs"),
        (SaidChain(facts=TOKEN_18), SaidFacilitator(), "accept.0.asset.decimals", "decimals_differ"),
        (SaidChain(facts=TOKEN_OTHER), SaidFacilitator(), "accept.0.asset", "domain_differs"),
        (SaidChain(), SaidFacilitator(()), "settlement.facilitators", "kind_missing"),
        (SaidChain(), SaidFacilitator(VERSION_1), "settlement.facilitators", "kind_missing"),
    ],
)
async def test_what_differs_is_a_problem(
    chain: SaidChain, facilitator: SaidFacilitator, path: str, code: str
) -> None:
    """What would make every payment fail is found before the first one."""
    findings = await _found(chain, facilitator)

    assert [(problem.path, problem.code) for problem in findings.problems] == [(path, code)]


@pytest.mark.parametrize(
    ("chain", "facilitator", "code"),
    [
        (SaidChain(fault=NothingSent("node: refused")), SaidFacilitator(), "chain_unreachable"),
        (SaidChain(token_fault=Fault("node: no code")), SaidFacilitator(), "token_unreadable"),
        (SaidChain(), SaidFacilitator(fault=NothingSent("facilitator: refused")), "facilitator_unreachable"),
    ],
)
async def test_who_cannot_be_asked_is_told_apart(
    chain: SaidChain, facilitator: SaidFacilitator, code: str
) -> None:
    """Not knowing is not the same as wrong."""
    findings = await _found(chain, facilitator)

    assert findings.problems == []
    assert [problem.code for problem in findings.unreachable] == [code]


AWAY = SaidFacilitator(fault=NothingSent("facilitator: refused"))
ELSEWHERE = SaidFacilitator((SupportedKind(2, "exact", "eip155:1"),))


@pytest.mark.parametrize(
    ("facilitators", "problems", "unreachable", "warnings"),
    [
        ([ELSEWHERE, SaidFacilitator()], [], [], ["facilitator_unused"]),
        ([ELSEWHERE, ELSEWHERE], ["kind_missing"], [], []),
        ([AWAY, SaidFacilitator()], [], ["facilitator_unreachable"], []),
        ([ELSEWHERE, AWAY], [], ["facilitator_unreachable"], ["facilitator_unused"]),
    ],
    ids=["one settles elsewhere", "nobody settles here", "one is away", "who is left settles elsewhere"],
)
async def test_each_network_needs_one_facilitator(
    facilitators: list[SaidFacilitator], problems: list[str], unreachable: list[str], warnings: list[str]
) -> None:
    """Several share the networks; what nobody is known to settle is a problem once all were heard."""
    findings = Findings()
    await ask(SETTINGS, {NETWORK: SaidChain()}, facilitators, StoppedClock(), findings)

    assert [problem.code for problem in findings.problems] == problems
    assert [problem.code for problem in findings.unreachable] == unreachable
    assert [warning.code for warning in findings.warnings] == warnings


@pytest.mark.parametrize(
    ("age_s", "codes"), [(-6, ["clock_skew"]), (-5, []), (0, []), (60, []), (61, ["head_old"])]
)
async def test_the_clock_is_held_against_the_chain(age_s: int, codes: list[str]) -> None:
    """A clock that is off makes good payments look bad."""
    findings = await _found(SaidChain(head_s=NOW_S - age_s), SaidFacilitator())

    assert [warning.code for warning in findings.warnings] == codes


@pytest.mark.parametrize(
    ("name", "code"),
    [("books.db", None), ("none/books.db", "storage_folder"), ("other.db", "storage_refused")],
)
def test_the_books_place_is_looked_at(tmp_path: Path, name: str, code: str | None) -> None:
    """Looking creates no file; whoever does not answer is a finding of its own."""
    (tmp_path / "other.db").write_text("no database")
    of = replace(SETTINGS, storage=tmp_path / name, settlement=Settlement())

    findings = asyncio.run(ask_all(of))

    assert [problem.code for problem in findings.problems] == ([code] if code else [])
    assert [problem.code for problem in findings.unreachable] == ["chain_unreachable"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.db"]


def test_the_sandbox_agrees_with_the_known_token(tmp_path: Path) -> None:
    """Real adapters, a real chain, the official facilitator: the default token passes every question."""
    with start_sandbox() as sandbox:
        said = sandbox.document()
        text = MINIMAL.replace("https://facilitator.example.com", str(said["facilitator_url"]))
        of = settings(text + f"networks: {{base-sepolia: {{rpc: ['{said['rpc_url']}']}}}}\nsandbox: true")
        there = replace(of, storage=tmp_path / "books.db", upstream=str(said["rpc_url"]))
        findings = asyncio.run(ask_all(there))

    damaging = [Problem("storage", "sqlite_version", sentence)] if (sentence := versions.warning()) else []
    assert findings == Findings(warnings=damaging)
