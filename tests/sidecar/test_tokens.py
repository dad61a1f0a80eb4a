"""Call tokens and origin signatures, as somebody else would check them."""

import hashlib
import hmac

import pytest

from sidecar.tokens import TOKEN_LIFE_S, BadToken, Tokens

ORIGIN = bytes(range(32))
CALLS = bytes(range(32, 64))
TOKENS = Tokens(origin=ORIGIN, calls=CALLS)
DIGEST = hashlib.sha256(b"{}").digest()
AT_S = 1_790_000_000


def test_the_agent_can_check_the_signature_by_the_documented_formula() -> None:
    """`t=<unix>,v1=<hex HMAC-SHA256(secret, t.method.target.sha256(body))>`."""
    signature = TOKENS.origin(AT_S, "POST", b"/research?deep=1", DIGEST)

    message = f"{AT_S}.POST./research?deep=1.{hashlib.sha256(b'{}').hexdigest()}"
    expected = hmac.new(ORIGIN, message.encode(), hashlib.sha256).hexdigest()
    assert signature.decode() == f"t={AT_S},v1={expected}"


@pytest.mark.parametrize(
    ("at_s", "method", "target", "body"),
    [
        (AT_S + 1, "POST", b"/research", b"{}"),
        (AT_S, "PUT", b"/research", b"{}"),
        (AT_S, "POST", b"/research?a=1", b"{}"),
        (AT_S, "POST", b"/research", b"{ }"),
    ],
    ids=["time", "method", "target", "body"],
)
def test_a_signature_is_for_one_request(at_s: int, method: str, target: bytes, body: bytes) -> None:
    """Whatever is changed, the signature is another; so is the one of another secret."""
    other = TOKENS.origin(at_s, method, target, hashlib.sha256(body).digest())
    ours = TOKENS.origin(AT_S, "POST", b"/research", DIGEST)
    theirs = Tokens(origin=CALLS, calls=CALLS).origin(AT_S, "POST", b"/research", DIGEST)

    assert len({mac(ours), mac(other), mac(theirs)}) == 3


def mac(signature: bytes) -> bytes:
    return signature.partition(b",v1=")[2]


@pytest.mark.parametrize("size", [32, 64, 65])
def test_a_secret_may_have_any_length_from_32_bytes(size: int) -> None:
    """One that is longer than a block of the hash is hashed first, as everybody's HMAC does."""
    secret = bytes(range(size))

    signature = Tokens(origin=secret, calls=CALLS).origin(AT_S, "GET", b"/", DIGEST)

    message = f"{AT_S}.GET./.{DIGEST.hex()}".encode()
    assert mac(signature).decode() == hmac.new(secret, message, hashlib.sha256).hexdigest()


def test_a_call_token_names_its_call_and_its_end() -> None:
    """`<call>.<expiry>.<mac>`, by a secret nobody else has."""
    call, expiry, code = TOKENS.for_call("call_1", AT_S).split(".")

    assert (call, int(expiry)) == ("call_1", AT_S + TOKEN_LIFE_S)
    stem = f"call-token.call_1.{AT_S + TOKEN_LIFE_S}"
    assert code == hmac.new(CALLS, stem.encode(), hashlib.sha256).hexdigest()


def test_a_call_token_opens_one_call_for_a_time() -> None:
    """Another call, another moment or another secret gives another code."""
    codes = {
        tokens.for_call(call, at_s).rpartition(".")[2]
        for tokens in (TOKENS, Tokens(origin=ORIGIN, calls=ORIGIN))
        for call in ("call_1", "call_2")
        for at_s in (AT_S, AT_S + 1)
    }

    assert len(codes) == 8


def test_a_token_opens_its_call_until_its_last_second() -> None:
    """The call is read from it, up to and with the second it names."""
    tokens = Tokens(origin=ORIGIN, calls=CALLS, life_s=30)
    token = tokens.for_call("call_1", AT_S)

    assert tokens.call_of(token, AT_S) == "call_1"
    assert tokens.call_of(token, AT_S + 30) == "call_1"
    assert tokens.call_of(token, AT_S + 31) is BadToken.EXPIRED
    assert TOKENS.call_of(token, AT_S) == "call_1"


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "call_1",
        "call_1.9999999999",
        "call_1.9999999999.",
        "call_1.x." + "0" * 64,
        "call_1.9999999999." + "\u00e9" * 64,
        Tokens(origin=ORIGIN, calls=ORIGIN).for_call("call_1", AT_S),
        TOKENS.for_call("call_1", AT_S).replace("call_1", "call_2"),
        TOKENS.for_call("call_1", AT_S).replace(str(AT_S + TOKEN_LIFE_S), str(AT_S + TOKEN_LIFE_S + 1)),
        TOKENS.for_call("call_1", AT_S)[:-1],
        TOKENS.for_call("call_1", AT_S) + "0",
        TOKENS.for_call("call_1", AT_S).upper(),
    ],
)
def test_what_we_did_not_sign_opens_nothing(token: str) -> None:
    """Another secret, call, time or code, and every other text."""
    assert TOKENS.call_of(token, AT_S) is BadToken.INVALID


def test_an_origin_signature_is_no_call_token() -> None:
    """Each of the two secrets, and each of the two uses, has codes of its own."""
    same = Tokens(origin=CALLS, calls=CALLS)
    signature = same.origin(AT_S, "POST", b"/", DIGEST).decode()

    assert same.call_of(f"call_1.{AT_S}.{signature.partition(',v1=')[2]}", AT_S) is BadToken.INVALID


@pytest.mark.parametrize(("origin", "calls"), [(31, 32), (32, 31)])
def test_a_short_secret_is_refused(origin: int, calls: int) -> None:
    """A secret that could be guessed is a programmer's error."""
    with pytest.raises(AssertionError, match="32 bytes"):
        Tokens(origin=bytes(origin), calls=bytes(calls))
