"""What the mutants have wrong or odd in what is signed, in the signature, the JSON text and the header."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any, Final

from eth_abi.abi import encode

from tests.sidecar.x402.drafts import KEYS, Draft
from tests.sidecar.x402.signing import NOW_S

ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

Change = Callable[[Draft], None]
OfBytes = Callable[[bytes], bytes]

# ---- what is signed


def signing(name: str, value: Any) -> Change:
    def change(draft: Draft) -> None:
        draft.message[name] = value

    return change


def in_domain(name: str, value: Any) -> Change:
    def change(draft: Draft) -> None:
        draft.domain[name] = value

    return change


def by_another(draft: Draft) -> None:
    draft.key = KEYS[(KEYS.index(draft.key) + 1) % len(KEYS)]


def value_moved(by: int) -> Change:
    def change(draft: Draft) -> None:
        draft.message["value"] = draft.offer.amount + by

    return change


AFTER: Final = (0, 1, NOW_S - 1, NOW_S, NOW_S + 1, NOW_S + 600, 2**63, 2**256 - 1)
BEFORE_IN_S: Final = (
    -NOW_S, -600, -1, 0, 1, 5, 6, 7, 60, 119, 120, 121, 180, 359, 360, 361, 600, 86_400, 2**40, 2**255,
)  # fmt: skip

SIGNED: Final[dict[str, Change]] = {
    **{f"value {by:+}": value_moved(by) for by in (-1, 1, -7, 10**6)},
    **{f"value = {units}": signing("value", units) for units in (0, 7, 50_000, 2**63, 2**256 - 1)},
    **{f"to {to.hex()[:4]}": signing("to", to) for to in (bytes(20), b"\x22" * 20, b"\xff" * 20)},
    **{f"validAfter {at}": signing("valid_after", at) for at in AFTER},
    **{f"validBefore {by:+}": signing("valid_before", NOW_S + by) for by in BEFORE_IN_S},
    **{f"nonce {n[:1].hex()}": signing("nonce", n) for n in (bytes(32), b"\xff" * 32)},
    **{
        f"domain name {name!r}": in_domain("name", name) for name in ("", "USDC", "USD Coin", "usdc", "USDC ")
    },
    **{f"domain version {text!r}": in_domain("version", text) for text in ("", "1", "2", "2.0")},
    **{f"domain chain {chain}": in_domain("chain_id", chain) for chain in (0, 1, 10, 8453, 84532)},
    **{f"domain contract {c.hex()[:4]}": in_domain("contract", c) for c in (bytes(20), b"\x22" * 20)},
    "signed by another": by_another,
}

# ---- the signature


def instead(value: bytes) -> OfBytes:
    return lambda _: value


MAGIC: Final = bytes.fromhex("6492" * 16)


def high_s(signature: bytes) -> bytes:
    s = ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes((55 - signature[64],))


def with_v(v: int) -> OfBytes:
    return lambda signature: signature[:64] + bytes((v,))


def parity_as(even: int) -> OfBytes:
    return lambda signature: signature[:64] + bytes((signature[64] - 27 + even,))


def flipped(bit: int) -> OfBytes:
    def flip(signature: bytes) -> bytes:
        at, mask = bit // 8, 1 << (bit % 8)
        return signature[:at] + bytes((signature[at] ^ mask,)) + signature[at + 1 :]

    return flip


def compact(signature: bytes) -> bytes:
    s = int.from_bytes(signature[32:64], "big") | (signature[64] - 27) << 255
    return signature[:32] + s.to_bytes(32, "big")


def wrapped(factory: bytes, calldata: bytes) -> OfBytes:
    return lambda signature: encode(["address", "bytes", "bytes"], [factory, calldata, signature]) + MAGIC


SIGNATURES: Final[dict[str, OfBytes]] = {
    "high s": high_s,
    "high s, v as it was": lambda signature: high_s(signature)[:64] + signature[64:],
    **{f"v = {v}": with_v(v) for v in (0, 1, 2, 3, 26, 27, 28, 29, 30, 31, 35, 36, 37, 54, 55, 255)},
    **{f"parity from {even}": parity_as(even) for even in (0, 1, 2, 28, 31, 35, 37)},
    **{f"bit {bit}": flipped(bit) for bit in (0, 7, 100, 255, 256, 300, 511, 512, 519)},
    "r zero": lambda signature: bytes(32) + signature[32:],
    "s zero": lambda signature: signature[:32] + bytes(32) + signature[64:],
    "r is the order": lambda signature: ORDER.to_bytes(32, "big") + signature[32:],
    "s is the order": lambda signature: signature[:32] + ORDER.to_bytes(32, "big") + signature[64:],
    "r and s swapped": lambda signature: signature[32:64] + signature[:32] + signature[64:],
    "all ones": instead(b"\xff" * 65),
    "all zero": instead(bytes(65)),
    "nothing": instead(b""),
    "one byte": lambda signature: signature[:1],
    "64 bytes": lambda signature: signature[:64],
    "66 bytes": lambda signature: signature + b"\x00",
    "v first": lambda signature: signature[64:] + signature[:64],
    "compact": compact,
    "twice": lambda signature: signature * 2,
    "4096 bytes": lambda signature: (signature * 64)[:4096],
    "4097 bytes": lambda signature: (signature * 64)[:4097],
    "magic only": instead(MAGIC),
    "magic after": lambda signature: signature + MAGIC,
    "wrapped for a factory": wrapped(b"\x33" * 20, b"\x01"),
    "wrapped for no factory": wrapped(bytes(20), b""),
    "wrapped for no call": wrapped(b"\x33" * 20, b""),
}

# ---- the JSON text


def nested(depth: int) -> OfBytes:
    return lambda text: text[:-1] + b',"deep":' + b"[" * depth + b"]" * depth + b"}"


TEXTS: Final[dict[str, OfBytes]] = {
    "spread": lambda text: json.dumps(json.loads(text), indent=1).encode(),
    "turned round": lambda text: json.dumps(dict(reversed(json.loads(text).items()))).encode(),
    "utf-8 itself": lambda text: json.dumps(json.loads(text), ensure_ascii=False).encode("utf-8", "replace"),
    "escaped keys": lambda text: text.replace(b'"payload"', b'"p\\u0061yload"'),
    "space around": lambda text: b"\n " + text + b"\t\r\n",
    "a key twice, the same": lambda text: text[:-1] + b',"x402Version":' + text[15:16] + b"}",
    "a key twice, the last good": lambda text: b'{"payload":{},' + text[1:],
    "a key twice, the last bad": lambda text: text[:-1] + b',"payload":{}}',
    "a nested key twice": lambda text: text.replace(b'"nonce":', b'"nonce":"0x","nonce":'),
    "NaN aside": lambda text: text[:-1] + b',"n":NaN}',
    "infinity aside": lambda text: text[:-1] + b',"n":-Infinity}',
    "a fraction aside": lambda text: text[:-1] + b',"n":1.5}',
    "an exponent aside": lambda text: text[:-1] + b',"n":1e3}',
    "a wide number aside": lambda text: text[:-1] + b',"n":' + b"9" * 30 + b"}",
    "half a character": lambda text: text[:-1] + b',"n":"\\ud83d"}',
    "a whole character": lambda text: text[:-1] + b',"n":"\\ud83d\\ude00"}',
    **{f"{depth} deep": nested(depth) for depth in (5, 15, 16, 200)},
    "more after it": lambda text: text + b"{}",
    "a list of it": lambda text: b"[" + text + b"]",
    "text of it": lambda text: json.dumps(text.decode()).encode(),
    "a byte order mark": lambda text: b"\xef\xbb\xbf" + text,
    "utf-16": lambda text: text.decode().encode("utf-16"),
    "not utf-8": lambda text: text[:-1] + b',"n":"\xff"}',
    "quotes of another kind": lambda text: text.replace(b'"', b"'"),
    "a comma too many": lambda text: text[:-1] + b",}",
    "a comment": lambda text: text + b"//",
    "cut": lambda text: text[:-1],
    "cut in half": lambda text: text[: len(text) // 2],
    "nothing": instead(b""),
    "a line end in a string": lambda text: text.replace(b'"exact"', b'"exact\n"'),
    "large, below": lambda text: text + b" " * (12_288 - len(text)),
    "large, above": lambda text: text + b" " * (12_289 - len(text)),
    "much too large": lambda text: text + b" " * 30_000,
}

# ---- the header

HEADERS: Final[dict[str, OfBytes]] = {
    "without padding": lambda value: value.rstrip(b"="),
    "one = more": lambda value: value + b"=",
    "for URLs": lambda value: value.replace(b"+", b"-").replace(b"/", b"_"),
    "a space before": lambda value: b" " + value,
    "a line end after": lambda value: value + b"\n",
    "folded": lambda value: value[:76] + b"\r\n " + value[76:],
    "a stranger within": lambda value: value[:40] + b"*" + value[40:],
    "a dash within": lambda value: value[:40] + b"-" + value[40:],
    "not ASCII within": lambda value: value[:40] + b"\xe9" + value[40:],
    "in quotes": lambda value: b'"' + value + b'"',
    "encoded twice": base64.b64encode,
    "the JSON itself": base64.b64decode,
    "cut by one": lambda value: value[:-1],
    "cut by four": lambda value: value[:-4],
    "one letter changed": lambda value: value[:50] + (b"A" if value[50:51] != b"A" else b"B") + value[51:],
    "upper": bytes.upper,
    "twice": lambda value: value + b"," + value,
    "joined to itself": lambda value: value + value,
    "nothing": instead(b""),
}
