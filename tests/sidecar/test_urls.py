"""URLs are read as everybody reads them, or refused."""

import pytest

from sidecar.urls import Url, read


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://a", Url("http://a", "/")),
        ("HTTP://Host.Example:80/x/", Url("http://host.example", "/x/")),
        ("https://host:443?k=v", Url("https://host", "/", "k=v")),
        ("https://host:8443/a?", Url("https://host:8443", "/a", "")),
        ("https://user:pa%40ss@host/v2/key?a=b?c", Url("https://host", "/v2/key", "a=b?c")),
        ("http://host:/x", Url("http://host", "/x")),
        ("http://127.0.0.1:8545/", Url("http://127.0.0.1:8545", "/")),
        ("http://[0:0::1]:80/", Url("http://[::1]", "/")),
        ("http://a_b.example./", Url("http://a_b.example.", "/")),
        ("http://a/{x}\"?q={y}'", Url("http://a", "/%7Bx%7D%22", "q={y}%27")),
        ("http://a/%zz;v=1,|^[]", Url("http://a", "/%zz;v=1,|^[]")),
        ("http://a/.well-known/..x", Url("http://a", "/.well-known/..x")),
    ],
)
def test_a_url_is_an_origin_and_a_target(text: str, url: Url) -> None:
    """Case, the scheme's own port and a user make no other place; what is no part of a URL is escaped."""
    assert read(text) == url
    assert url.target == url.path + ("" if url.query is None else "?" + url.query)


@pytest.mark.parametrize(
    "text",
    [
        "", "a.example", "ftp://a/", "http://", "http:///x", "http:/a", "http:a", "http://?k", "http://u@/",
        " http://a/", "http://a/ b", "http://a/\tb", "http://a/b\n", "http://a\\b/", "http://a/é", "http://é/",
        "http://a/#f", "http://a:99999/", "http://a:-1/", "http://a:x/", "http://a..b/", "http://.a/",
        "http://a%41/", "http://a,b/", "http://a b/", "http://256.1.1.1/", "http://1.2.3/", "http://0x7f.1/",
        "http://a.1/", "http://1.2.3.4./", "http://[::1", "http://[::g]/", "http://[::1%25eth0]/",
        f"http://{'a' * 64}.example/", f"http://{'a.' * 127}a/", "http://a/b/../c", "http://a/.",
        "http://a/%2E%2e/c", "http://a/.%2e",
    ],
)  # fmt: skip
def test_what_programs_read_differently_is_refused(text: str) -> None:
    """Nothing is repaired: who wrote it is told."""
    with pytest.raises(ValueError, match=r".+"):
        read(text)


@pytest.mark.parametrize(
    ("reference", "leads"),
    [
        ("/b", "/b"),
        ("b/c?d", "/x/b/c?d"),
        ("../b#f", "/b"),
        ("?k", "/x/supported?k"),
        ("https://host:8443/b", "/b"),
        ("//host:8443/b", "/b"),
    ],
)
def test_a_reference_leads_on_from_a_url(reference: str, leads: str) -> None:
    """As RFC 3986 section 5 has it."""
    joined = read("https://host:8443/x/supported").joined(reference)

    assert (joined.origin, joined.target) == ("https://host:8443", leads)


def test_a_reference_may_lead_elsewhere_or_nowhere() -> None:
    """Another origin is told apart by who follows; what cannot be read is refused."""
    url = read("https://host/x")

    assert url.joined("http://host/x").origin == "http://host"
    assert url.joined("//other/x").origin == "https://other"
    with pytest.raises(ValueError, match=r".+"):
        url.joined("https://other\\@host/x")
