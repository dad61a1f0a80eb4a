"""Check a receipt offline: `python examples/check_receipt.py RECEIPT KEYS`, both files.

RECEIPT is what /__402/receipts/{call} answered, KEYS the seller's /.well-known/x402, kept from whenever.
Prints what was paid and exits 0, or says that it is no receipt of this seller and exits 1. Needs
`pip install cryptography`.
"""

import base64
import json
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def is_signed(receipt: dict, keys: list) -> bool:
    """Tell whether one of *keys* signed *receipt*: a detached JWS (RFC 7515) over its canonical JSON."""
    try:
        header, _, signature = receipt["signature"].split(".")
        named = json.loads(decoded(header))
        (key,) = (key for key in keys if key["kid"] == named["kid"] and named["alg"] == key["alg"] == "EdDSA")
        unsigned = {name: value for name, value in receipt.items() if name != "signature"}
        canonical = json.dumps(unsigned, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        payload = base64.urlsafe_b64encode(canonical).rstrip(b"=").decode()
        public = Ed25519PublicKey.from_public_bytes(decoded(key["x"]))
        public.verify(decoded(signature), f"{header}.{payload}".encode())
    except (AttributeError, ValueError, LookupError, TypeError, InvalidSignature):
        return False
    return True


receipt = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
if not is_signed(receipt, json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))["keys"]):
    sys.exit("This is no receipt of this seller.")
print(receipt["wallet"], "paid", receipt["amount"], "units to", receipt["pay_to"], "for", receipt["call"])
