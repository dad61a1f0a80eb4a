"""Proving a wallet: the challenge we give, and what a signed one must be to open a page."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from sidecar.domain.refusals import Code, Refusal
from sidecar.finops import instants
from sidecar.finops.instants import InstantText
from sidecar.http.wallet.nonces import LIFE_S, Nonces
from sidecar.x402.sign_in import Asked, SignIn, challenge, decode_sign_in, signer

STATEMENT: Final = "Show what this wallet has paid and holds here. This costs nothing and moves nothing."
_US_PER_S: Final = 1_000_000
_VERSION: Final = "1"

# The extension's own words; the first is ours, for what cannot be read at all.
UNREADABLE: Final = "invalid_siwx_payload"
DOMAIN: Final = "invalid_siwx_domain_mismatch"
URI: Final = "invalid_siwx_uri_mismatch"
CHAIN: Final = "invalid_siwx_unsupported_chain"
EXPIRED: Final = "invalid_siwx_expired"
NOT_YET: Final = "invalid_siwx_not_yet_valid"
NONCE: Final = "invalid_siwx_nonce"
SIGNATURE: Final = "invalid_siwx_signature"


class Proving:
    """Knows whose pages these are (*public_url*) and on which *chains* (CAIP-2) a wallet may say it is."""

    def __init__(self, public_url: str, chains: Sequence[str], nonces: Nonces) -> None:
        self._public_url = public_url
        self._domain = urlsplit(public_url).netloc
        self._chains = tuple(dict.fromkeys(chains))
        self._nonces = nonces

    def challenge(self, path: bytes, now_us: int) -> dict[str, object]:
        """Return the `extensions` member that asks for a proof for *path*."""
        now_s = now_us // _US_PER_S
        asked = Asked(
            domain=self._domain,
            uri=self._uri(path),
            nonce=self._nonces.issue(path, now_s),
            issued_at=_text(now_s),
            expiration_time=_text(now_s + LIFE_S),
            statement=STATEMENT,
        )
        return challenge(asked, self._chains)

    def wallet(self, header: bytes, path: bytes, now_us: int) -> bytes | Refusal:
        """Return the 20 bytes of the wallet that signed *header* for *path*; its nonce is spent then."""
        signed = decode_sign_in(header)
        if signed is None:
            return _unproven(UNREADABLE)
        now_s = now_us // _US_PER_S
        # The nonce before the signature: what is not ours costs a stranger more than it costs us.
        reason = self._differs(signed, path, now_us)
        if reason or not self._nonces.good(signed.nonce, path, now_s):
            return _unproven(reason or NONCE)
        wallet = signer(signed)
        if wallet is None:
            return _unproven(SIGNATURE)
        self._nonces.spend(signed.nonce, now_s)
        return wallet

    def _differs(self, signed: SignIn, path: bytes, now_us: int) -> str:
        """Name what in the message is not what we asked for; empty when nothing is."""
        if signed.domain != self._domain:
            return DOMAIN
        if signed.uri != self._uri(path):
            return URI
        if signed.chain not in self._chains:
            return CHAIN
        if signed.version != _VERSION:
            return UNREADABLE
        try:
            instants.parse(signed.issued_at)
            if signed.expiration_time is not None and instants.parse(signed.expiration_time) < now_us:
                return EXPIRED
            if signed.not_before is not None and instants.parse(signed.not_before) > now_us:
                return NOT_YET
        except InstantText:
            return UNREADABLE
        return ""

    def _uri(self, path: bytes) -> str:
        return self._public_url + path.decode("ascii")


def _unproven(reason: str) -> Refusal:
    return Refusal(Code.WALLET_UNPROVEN, reason=reason)


def _text(at_s: int) -> str:
    return instants.text(at_s * _US_PER_S)
