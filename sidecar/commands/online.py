"""What `check --online` asks: chains, facilitators, agent and the place of the books. Changes nothing.

`ask` knows only ports; `ask_all` gives it the real adapters.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ledger.store import StoreNotReached, StoreRefused
from ledger.stores import migrate, versions
from sidecar.adapters.chain import RpcChain
from sidecar.adapters.facilitator import HttpFacilitator
from sidecar.adapters.facilitator_auth import token_for
from sidecar.adapters.knocking import away
from sidecar.adapters.storage.opening import refuse_unfit
from sidecar.adapters.storage.schema import SCHEMA
from sidecar.adapters.system import SystemClock, random_bytes
from sidecar.domain.clocks import skewed
from sidecar.ports import Chain, Clock, Facilitator, Fault
from sidecar.settings import Accept, Problem, Settings
from sidecar.x402 import exact
from sidecar.x402.codec import VERSION
from sidecar.x402.eip712 import domain_separator

HEAD_AGE_MAX_S: Final = 60


@dataclass(slots=True)
class Findings:
    """What is wrong, who could not be asked, and what the operator should know."""

    problems: list[Problem] = field(default_factory=list)
    unreachable: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


async def ask_all(settings: Settings) -> Findings:
    """Ask everything the settings name."""
    findings = Findings()
    _check_storage(settings, findings)
    limits = settings.limits
    chains = {name: RpcChain(list(network.rpc)) for name, network in settings.networks.items()}
    facilitators = [
        HttpFacilitator(
            each.url,
            token_for=token_for(each.access, SystemClock(), random_bytes),
            verify_timeout_ms=limits.verify_s * 1000,
        )
        for each in settings.settlement.facilitators
    ]
    try:
        await asyncio.gather(
            ask(settings, chains, facilitators, SystemClock(), findings), _ask_agent(settings, findings)
        )
        for index, each in enumerate(facilitators):
            _note_skew(_path(index), each.ahead_s or 0, "the facilitator's", findings)
    finally:
        await asyncio.gather(*(chain.close() for chain in chains.values()))
        await asyncio.gather(*(facilitator.close() for facilitator in facilitators))
    return findings


async def _ask_agent(settings: Settings, findings: Findings) -> None:
    """An agent may be started after its sidecar, so it is nothing wrong if it is away."""
    sentence = await away(settings.upstream, settings.limits.upstream_connect_s * 1000)
    if sentence is not None:
        findings.warnings.append(Problem("upstream", "upstream_unreachable", sentence))


async def ask(
    settings: Settings,
    chains: Mapping[str, Chain],
    facilitators: Sequence[Facilitator],
    clock: Clock,
    findings: Findings,
) -> None:
    """Ask all *chains* (by CAIP-2) and *facilitators* at once; one that does not answer hides no other."""
    await asyncio.gather(
        *(_ask_chain(settings, name, chain, clock, findings) for name, chain in chains.items()),
        _ask_facilitators(settings, facilitators, findings),
    )


async def _ask_chain(settings: Settings, name: str, chain: Chain, clock: Clock, findings: Findings) -> None:
    path = f"networks.{name}"
    try:
        served = await chain.chain_id()
        if f"eip155:{served}" != name:
            sentence = f"the node serves eip155:{served}"
            findings.problems.append(Problem(f"{path}.rpc", "chain_id_differs", sentence))
            return
        age_s = clock.now_us() // 1_000_000 - (await chain.head()).timestamp_s
        _note_skew(path, min(age_s, 0), "the newest block", findings)
        if age_s > HEAD_AGE_MAX_S:
            sentence = f"the newest block is {age_s} s old: the node, or this machine's clock, is off"
            findings.warnings.append(Problem(path, "head_old", sentence))
    except Fault as fault:
        findings.unreachable.append(Problem(f"{path}.rpc", "chain_unreachable", str(fault)))
        return
    for index, accept in enumerate(settings.accept):
        if accept.network == name:
            await _ask_token(f"accept.{index}.asset", accept, chain, findings)


def _note_skew(path: str, ahead_s: int, whose: str, findings: Findings) -> None:
    sentence = skewed(ahead_s, whose)
    if sentence is not None:
        findings.warnings.append(Problem(path, "clock_skew", sentence))


async def _ask_token(path: str, accept: Accept, chain: Chain, findings: Findings) -> None:
    asset = accept.asset
    try:
        token = await chain.token(asset.address)
    except Fault as fault:
        findings.unreachable.append(Problem(path, "token_unreadable", str(fault)))
        return
    if token.decimals != asset.decimals:
        sentence = f"the token has {token.decimals} decimals, not {asset.decimals}"
        findings.problems.append(Problem(f"{path}.decimals", "decimals_differ", sentence))
    ours = domain_separator(asset.name, asset.version, accept.chain_id, asset.address)
    if token.domain_separator != ours:
        sentence = f"the token's EIP-712 domain is not name {asset.name!r}, version {asset.version!r}"
        findings.problems.append(Problem(path, "domain_differs", f"{sentence}: no payment could be valid"))


async def _ask_facilitators(
    settings: Settings, facilitators: Sequence[Facilitator], findings: Findings
) -> None:
    """Somebody has to settle each network; who settles none of them is there for nothing."""
    told = await asyncio.gather(
        *(_networks(index, each, findings) for index, each in enumerate(facilitators))
    )
    wanted = {accept.network for accept in settings.accept}
    heard = [networks for networks in told if networks is not None]
    # What nobody settles may be settled by one that could not be asked.
    missing = wanted.difference(*heard) if heard and len(heard) == len(told) else set()
    for network in sorted(missing):
        sentence = f"nobody listed here settles `exact` on {network} for x402 version {VERSION}"
        findings.problems.append(Problem("settlement.facilitators", "kind_missing", sentence))
    for index, networks in enumerate(told):
        if networks is not None and not missing and wanted.isdisjoint(networks):
            sentence = "it settles nothing that is accepted here"
            findings.warnings.append(Problem(_path(index), "facilitator_unused", sentence))


async def _networks(index: int, facilitator: Facilitator, findings: Findings) -> set[str] | None:
    """Return where it settles `exact` for us; None if it could not be asked."""
    try:
        kinds = await facilitator.supported()
    except Fault as fault:
        findings.unreachable.append(Problem(_path(index), "facilitator_unreachable", str(fault)))
        return None
    return {kind.network for kind in kinds if (kind.version, kind.scheme) == (VERSION, exact.NAME)}


def _path(index: int) -> str:
    return f"settlement.facilitators.{index}"


def _check_storage(settings: Settings, findings: Findings) -> None:
    """Look at the database, or at the file and its folder, without creating or locking anything."""
    if settings.database:
        try:
            refuse_unfit(settings.database)
        except StoreNotReached as away:
            findings.unreachable.append(Problem("storage", "storage_unreachable", str(away)))
        except StoreRefused as refused:
            findings.problems.append(Problem("storage", "storage_refused", str(refused)))
        return
    damaging = versions.warning()
    if damaging is not None:
        findings.warnings.append(Problem("storage", "sqlite_version", damaging))
    folder = settings.storage.parent
    if not folder.is_dir():
        findings.problems.append(Problem("storage", "storage_folder", f"the folder {folder} does not exist"))
    elif not os.access(settings.storage if settings.storage.exists() else folder, os.W_OK):
        findings.problems.append(
            Problem("storage", "storage_readonly", f"{settings.storage} cannot be written")
        )
    else:
        try:
            migrate.check(settings.storage, SCHEMA)
        except StoreRefused as refused:
            findings.problems.append(Problem("storage", "storage_refused", str(refused)))
