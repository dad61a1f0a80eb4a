"""Builder of EIP-3009 authorizations and their calldata, good or with one flaw. Knows no RPC."""

from dataclasses import dataclass

from eth_abi.abi import encode
from eth_account import Account
from web3 import Web3

from sidecar.sandbox import keys, token

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
ARGUMENTS = ["address", "address", "uint256", "uint256", "uint256", "bytes32"]
VRS = ["uint8", "bytes32", "bytes32"]
_SIGNED_FIELDS = "address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce"


@dataclass(frozen=True)
class Authorization:
    """A signed authorization, and the function and form in which it goes to the token."""

    arguments: tuple[str, str, int, int, int, bytes]
    signature: bytes
    function: str
    form: str

    @property
    def nonce(self) -> bytes:
        return self.arguments[5]

    def calldata(self) -> str:
        """Encode the call."""
        if self.form == "bytes":
            return call_to(self.function, [*ARGUMENTS, "bytes"], *self.arguments, self.signature)
        return call_to(self.function, ARGUMENTS + VRS, *self.arguments, *_vrs(self.signature))


def signed(
    payer: keys.TestAccount,
    *,
    value: int,
    salt: int,
    valid_after: int = 0,
    valid_before: int = 2**62,
    function: str = "transferWithAuthorization",
    form: str = "vrs",
    flaw: str = "",
) -> Authorization:
    """Sign a transfer to the seller; *flaw* spoils the signature: signer, high s, v, length."""
    nonce = Web3.keccak(text=f"salt {salt}")
    arguments = (payer.address, keys.PAY_TO.address, value, valid_after, valid_before, bytes(nonce))
    name = function[0].upper() + function[1:]
    message = _struct(f"{name}({_SIGNED_FIELDS})", ARGUMENTS, *arguments)
    signer = keys.PENNILESS if flaw == "signer" else payer
    return Authorization(arguments, _spoilt(_signature(signer, message), flaw), function, form)


def cancelation(payer: keys.TestAccount, nonce: bytes) -> str:
    """Encode a signed cancelAuthorization."""
    types = ["address", "bytes32"]
    message = _struct("CancelAuthorization(address authorizer,bytes32 nonce)", types, payer.address, nonce)
    vrs = _vrs(_signature(payer, message))
    return call_to("cancelAuthorization", types + VRS, payer.address, nonce, *vrs)


def call_to(function: str, types: list[str], *arguments: object) -> str:
    """Encode a call of *function*."""
    selector = Web3.keccak(text=f"{function}({','.join(types)})")[:4]
    return "0x" + (bytes(selector) + encode(types, list(arguments))).hex()


def domain_separator(chain_id: int = 84532) -> bytes:
    """Hash the token's EIP-712 domain."""
    kind = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    name, version = Web3.keccak(text=token.NAME), Web3.keccak(text=token.VERSION)
    types = ["bytes32", "bytes32", "uint256", "address"]
    return _struct(kind, types, name, version, chain_id, token.ADDRESS)


def _struct(kind: str, types: list[str], *values: object) -> bytes:
    return bytes(Web3.keccak(encode(["bytes32", *types], [Web3.keccak(text=kind), *values])))


def _signature(signer: keys.TestAccount, message: bytes) -> bytes:
    digest = Web3.keccak(b"\x19\x01" + domain_separator() + message)
    return bytes(Account.unsafe_sign_hash(digest, signer.private_key).signature)


def _spoilt(signature: bytes, flaw: str) -> bytes:
    r, s, v = signature[:32], int.from_bytes(signature[32:64], "big"), signature[64]
    match flaw:
        case "high s":
            return r + (ORDER - s).to_bytes(32, "big") + bytes([55 - v])
        case "v":
            return signature[:64] + b"\x00"
        case "length":
            return signature[:64]
        case _:
            return signature


def _vrs(signature: bytes) -> tuple[int, bytes, bytes]:
    return signature[64], signature[:32], signature[32:64]
