"""How we are paid: networks, tokens, recipients and facilitators, names resolved and held together."""

from pathlib import Path as Folder

from sidecar.configuration.addresses import checksummed
from sidecar.configuration.checking import Draft
from sidecar.configuration.document import (
    AcceptSection,
    FacilitatorSection,
    JwtSection,
    RouteSection,
    TokenSection,
)
from sidecar.configuration.model import Accept, Asset402, Bearer, Facilitator402, Jwt, Network, Settlement
from sidecar.configuration.networks import LOCAL_CHAINS, caip2, network, usdc
from sidecar.configuration.places import is_local
from sidecar.configuration.problems import Path, WrongValue


def networks(draft: Draft) -> dict[str, Network]:
    """Return chain access by CAIP-2 id."""
    found: dict[str, Network] = {}
    for name, section in draft.document.networks.items():
        path: Path = ("networks", name)
        try:
            chain_id = network(name)
        except WrongValue as wrong:
            draft.refuse(path, wrong.code, wrong.sentence)
            continue
        if caip2(chain_id) in found:
            draft.refuse(path, "duplicate_network", f"{caip2(chain_id)} is listed under two names")
            continue
        found[caip2(chain_id)] = Network(tuple(section.rpc), section.confirmations)
    return found


def accept(draft: Draft, watched: dict[str, Network]) -> tuple[Accept, ...]:
    """Return the ways to be paid, in the file's order; *watched* are the networks with chain access."""
    found: dict[tuple[int, bytes], Accept] = {}
    for position, section in zip(draft.positions, draft.document.accept, strict=True):
        path: Path = ("accept", position)
        asset = _asset(draft, path, section)
        if asset is None:
            continue
        if section.pay_to == asset.address:
            sentence = "this is the token's own address; money sent there is lost"
            draft.refuse((*path, "pay_to"), "pay_to_is_asset", sentence)
        if (section.network, asset.address) in found:
            draft.refuse(path, "duplicate_accept", "this token on this network is listed twice")
            continue
        found[section.network, asset.address] = Accept(
            caip2(section.network), section.network, asset, section.pay_to, checksummed(section.pay_to)
        )
    if _sells(draft) and not draft.document.accept and not draft.has_lost("accept"):
        draft.refuse(("accept",), "accept_empty", "routes have prices, so a way to pay is required")
    _warn_of_networks(draft, watched, {entry.network for entry in found.values()})
    return tuple(found.values())


def _asset(draft: Draft, path: Path, section: AcceptSection) -> Asset402 | None:
    known = usdc(section.network)
    if isinstance(section.asset, TokenSection):
        return _token(draft, (*path, "asset"), section.asset, known)
    if known is None or section.asset != known.symbol:
        sentence = (
            f"no token of this name is known on {caip2(section.network)}; write it out with its address"
        )
        draft.refuse((*path, "asset"), "asset_unknown", sentence)
        return None
    return known


def _token(draft: Draft, path: Path, section: TokenSection, known: Asset402 | None) -> Asset402:
    asset = Asset402(
        address=section.address,
        address_text=checksummed(section.address),
        symbol=section.symbol,
        decimals=section.decimals,
        name=section.name,
        version=section.version,
    )
    if known is not None and known.address == asset.address:
        for key in ("decimals", "name", "version"):
            right = getattr(known, key)
            if getattr(asset, key) != right:
                draft.refuse((*path, key), "asset_domain", f"the token at this address has {key} {right!r}")
    return asset


def _sells(draft: Draft) -> bool:
    return any(isinstance(route, RouteSection) for route in draft.document.routes.values())


def _sold_deferred(draft: Draft) -> list[str]:
    routes = draft.document.routes.items()
    return [key for key, each in routes if isinstance(each, RouteSection) and each.settle == "deferred"]


def _warn_of_networks(draft: Draft, watched: dict[str, Network], used: set[str]) -> None:
    for name in sorted(used - watched.keys()):
        sentence = f"{name} has no rpc: what a facilitator says of a settlement cannot be checked on chain"
        draft.warn(("networks",), "network_unwatched", sentence)
        for key in _sold_deferred(draft):
            sentence = f"{name} has no rpc, so payments on it are served as authorization"
            draft.warn(("routes", key, "settle"), "deferred_unwatched", sentence)
    for name in sorted(watched.keys() - used):
        draft.warn(("networks",), "network_unused", f"no accept entry is on {name}")


def settlement(draft: Draft, folder: Folder) -> Settlement:
    """Return who settles; key files are found from *folder*."""
    urls = draft.document.settlement.urls()
    found = []
    for index, section in enumerate(draft.document.settlement.facilitators):
        url, path = urls[index], ("settlement", "facilitators", index)
        if url in urls[:index]:
            draft.refuse(path, "duplicate_facilitator", "this facilitator is listed twice")
        access = None if isinstance(section, str) else _access(draft, path, section, folder)
        if url.startswith("http://") and not is_local(url):
            _note_plaintext(draft, path, secret=access is not None)
        found.append(Facilitator402(url, access))
    if not urls and not draft.has_lost("settlement"):
        draft.refuse(("settlement", "facilitators"), "required", "somebody has to settle the payments")
    return Settlement(tuple(found))


def _note_plaintext(draft: Draft, path: Path, *, secret: bool) -> None:
    if secret:
        sentence = "who signs in without encryption gives the token away; the URL must be https"
        draft.refuse(path, "sign_in_plaintext", sentence)
    else:
        draft.warn(path, "facilitator_plaintext", "payments go to this facilitator without encryption")


def _access(draft: Draft, path: Path, section: FacilitatorSection, folder: Folder) -> Bearer | Jwt | None:
    if section.bearer is not None and section.jwt is not None:
        draft.refuse(path, "sign_in_twice", "sign in with bearer or with jwt, not with both")
    if section.jwt is not None:
        return _jwt(draft, (*path, "jwt"), section.jwt, folder)
    return Bearer(section.bearer) if section.bearer is not None else None


def _jwt(draft: Draft, path: Path, section: JwtSection, folder: Folder) -> Jwt | None:
    if (section.key is None) == (section.key_file is None):
        draft.refuse(path, "key_or_file", "give the key, or the key_file it is in: one of them")
        return None
    from sidecar.configuration import keys  # noqa: PLC0415 - cryptography only where a config has a key

    name = "key" if section.key is not None else "key_file"
    try:
        text = section.key if section.key_file is None else keys.read(folder / section.key_file)
        key = keys.signing_key(text or "", section.algorithm)
    except WrongValue as wrong:
        draft.refuse((*path, name), wrong.code, wrong.sentence)
        return None
    return Jwt(section.key_id, section.issuer or section.key_id, section.algorithm, key)


def sandbox(draft: Draft, used: set[str]) -> bool:
    """Return whether this is play; then every network has to be a local test chain."""
    local = {caip2(chain_id) for chain_id in LOCAL_CHAINS}
    if draft.document.sandbox and not used <= local:
        sentence = f"sandbox is only for local test chains: {' and '.join(sorted(local))}"
        draft.refuse(("sandbox",), "sandbox_network", sentence)
    return draft.document.sandbox
