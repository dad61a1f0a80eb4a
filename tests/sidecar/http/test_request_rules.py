"""A head is sound, or refused for one reason."""

import pytest

from sidecar.http.request_rules import AMBIGUOUS, MALFORMED, judge

HOST = (b"host", b"agent.example.com")


@pytest.mark.parametrize("target", [b"/", b"/a/../b", b"//x", b"/a?b=%20&c=d", b"/%00", b"/a\\b", b'/"~!'])
def test_the_rules_leave_paths_to_the_canonicaliser(target: bytes) -> None:
    """Only what an app could not see as it was sent is refused here."""
    assert judge(target, "1.1", [HOST], upgrading=False) is None


@pytest.mark.parametrize(
    "target", [b"", b"*", b"a", b"http://evil/", b"a:443", b"/a#b", b"/a b", b"/\xe9", b"/\x7f"]
)
def test_a_target_that_is_no_plain_path_is_ambiguous(target: bytes) -> None:
    """Absolute, authority and asterisk forms, fragments and odd bytes never reach an app."""
    assert judge(target, "1.1", [HOST], upgrading=False) is AMBIGUOUS


@pytest.mark.parametrize("version", ["0.9", "1.0", "2.0"])
def test_only_http_1_1_is_spoken(version: str) -> None:
    """Older versions frame by closing, newer ones do not come this way."""
    assert judge(b"/", version, [HOST], upgrading=False) is MALFORMED


@pytest.mark.parametrize("host", [b"a", b"a.b-c_d:8402", b"127.0.0.1", b"[::1]:80", b"xn--e1afmkfd.example"])
def test_a_valid_host_is_taken(host: bytes) -> None:
    """Names, addresses and ports."""
    assert judge(b"/", "1.1", [(b"host", host)], upgrading=False) is None


@pytest.mark.parametrize(
    "host", [b"", b"a/b", b"u@a", b"a b", b"a:", b"a:999999", b"a, b", b"[::1", b"a#", b"a" * 300]
)
def test_a_host_that_is_none_is_refused(host: bytes) -> None:
    """A poisoned Host is nobody's input."""
    assert judge(b"/", "1.1", [(b"host", host)], upgrading=False) is MALFORMED


def test_exactly_one_host_is_needed() -> None:
    """None, or two, even if they agree, is refused."""
    assert judge(b"/", "1.1", [], upgrading=False) is MALFORMED
    assert judge(b"/", "1.1", [HOST, HOST], upgrading=False) is MALFORMED


@pytest.mark.parametrize(
    "framing", [(b"content-length", b"0"), (b"content-length", b"12"), (b"transfer-encoding", b"Chunked")]
)
def test_one_plain_framing_is_taken(framing: tuple[bytes, bytes]) -> None:
    """A number, or chunked."""
    assert judge(b"/", "1.1", [HOST, framing], upgrading=False) is None


@pytest.mark.parametrize(
    "framing",
    [
        [(b"content-length", b"1"), (b"transfer-encoding", b"chunked")],
        [(b"content-length", b"1"), (b"content-length", b"1")],
        [(b"content-length", b"+1")],
        [(b"content-length", b"1, 1")],
        [(b"content-length", b"")],
        [(b"content-length", b"1" * 19)],
        [(b"transfer-encoding", b"gzip, chunked")],
        [(b"transfer-encoding", b"identity")],
        [(b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"chunked")],
    ],
)
def test_any_other_framing_is_refused(framing: list[tuple[bytes, bytes]]) -> None:
    """Where two programs could see two ends of a body, there is none."""
    assert judge(b"/", "1.1", [HOST, *framing], upgrading=False) is MALFORMED


def test_no_body_may_follow_an_offer_to_upgrade() -> None:
    """The parser would take such a body for the next request."""
    for framing in [(b"content-length", b"3"), (b"transfer-encoding", b"chunked")]:
        assert judge(b"/", "1.1", [HOST, framing], upgrading=True) is MALFORMED
    assert judge(b"/", "1.1", [HOST, (b"content-length", b"0")], upgrading=True) is None
