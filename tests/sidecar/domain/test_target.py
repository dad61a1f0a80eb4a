"""The canonical target: one spelling, forwarded byte for byte."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sidecar.adapters.upstream import HttpUpstream
from sidecar.domain.target import Ambiguity, Ambiguous, Target, canonical, normal_spelling
from sidecar.ports import UpstreamRequest
from tests.sidecar.domain.path_variants import readings, variants

UPSTREAMS = {
    path: HttpUpstream(base + path)
    for base, path in (("http://127.0.0.1:9000", ""), ("http://127.0.0.1:9000", "/agent/v1"))
}

PIECES = st.sampled_from(
    [bytes((byte,)) for byte in range(256)]
    + [b"%%%02x" % byte for byte in range(256)]
    + [b"%%%02X" % byte for byte in range(256)]
    + [b"%C3%A9", b"%E2%82%AC", b"..", b"//", b"/./", b"/../", b"a", b"bc", b"/d", b"%", b"%4", b"%u0061"]
)
LIKELY = st.sampled_from(
    [b"a", b"Z", b"7", b"/", b".", b"-", b"~", b"'", b"!", b":", b"@", b"%20", b"%C3%A9", b"%40"]
)
HARMLESS = st.lists(LIKELY, max_size=12).map(b"".join)
RAW = st.one_of(HARMLESS, st.lists(st.one_of(LIKELY, LIKELY, PIECES), max_size=8).map(b"".join))
PATHS = st.one_of(RAW, RAW.map(lambda raw: b"/" + raw))


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        (b"/", (b"",)),
        (b"/research", (b"research",)),
        (b"/docs/", (b"docs", b"")),
        (b"/v1/models:list", (b"v1", b"models:list")),
        (b"/.well-known/x402", (b".well-known", b"x402")),
        (b"/a/...", (b"a", b"...")),
        (b"/a.b/..c/d..", (b"a.b", b"..c", b"d..")),
        (b"/users/me@example.com", (b"users", b"me@example.com")),
        (b"/users/me%40example.com", (b"users", b"me%40example.com")),
        (b"/caf%C3%A9/a%20b", (b"caf%C3%A9", b"a%20b")),
        (b"/O'Brien/(1)/*,+&=$!", (b"O'Brien", b"(1)", b"*,+&=$!")),
    ],
)
def test_ordinary_paths_are_kept_as_they_are(path: bytes, segments: tuple[bytes, ...]) -> None:
    """What clients usually send is accepted, with nothing changed."""
    assert canonical(path, b"") == Target(path, b"", path, segments)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (b"", Ambiguity.NOT_ROOTED),
        (b"*", Ambiguity.NOT_ROOTED),
        (b"research", Ambiguity.NOT_ROOTED),
        (b"http://evil/research", Ambiguity.NOT_ROOTED),
        (b"/a\x00", Ambiguity.CONTROL),
        (b"/a\r\nHost: x", Ambiguity.CONTROL),
        (b"/a\x7f", Ambiguity.CONTROL),
        (b"/caf\xc3\xa9", Ambiguity.NON_ASCII),
        (b"/a\\b", Ambiguity.BACKSLASH),
        (b"/a#b", Ambiguity.FRAGMENT),
        (b"/a;b=c", Ambiguity.PARAMETER),
        (b"/a%", Ambiguity.INVALID_ESCAPE),
        (b"/a%2", Ambiguity.INVALID_ESCAPE),
        (b"/a%zz", Ambiguity.INVALID_ESCAPE),
        (b"/a%u0061", Ambiguity.INVALID_ESCAPE),
        (b"//a", Ambiguity.EMPTY_SEGMENT),
        (b"/a//b", Ambiguity.EMPTY_SEGMENT),
        (b"/a//", Ambiguity.EMPTY_SEGMENT),
        (b"/.", Ambiguity.DOT_SEGMENT),
        (b"/a/../b", Ambiguity.DOT_SEGMENT),
        (b"/a/..", Ambiguity.DOT_SEGMENT),
        (b"/%2e/b", Ambiguity.DOT_SEGMENT),
        (b"/a/.%2E", Ambiguity.DOT_SEGMENT),
        (b"/a/%2e%2E/b", Ambiguity.DOT_SEGMENT),
        (b"/a%00", Ambiguity.ESCAPED_CONTROL),
        (b"/a%0d%0a", Ambiguity.ESCAPED_CONTROL),
        (b"/a%7F", Ambiguity.ESCAPED_CONTROL),
        (b"/a%2fb", Ambiguity.ESCAPED_SEPARATOR),
        (b"/a%2Fb", Ambiguity.ESCAPED_SEPARATOR),
        (b"/a%5cb", Ambiguity.ESCAPED_SEPARATOR),
        (b"/a%5Cb", Ambiguity.ESCAPED_SEPARATOR),
        (b"/a%3bb", Ambiguity.ESCAPED_SEPARATOR),
        (b"/a%3Fb", Ambiguity.ESCAPED_SEPARATOR),
        (b"/a%23b", Ambiguity.ESCAPED_SEPARATOR),
        (b"/a%2561", Ambiguity.ESCAPED_SEPARATOR),
        (b"/%61", Ambiguity.ESCAPED_UNRESERVED),
        (b"/%7Euser", Ambiguity.ESCAPED_UNRESERVED),
        (b"/a%2eb", Ambiguity.ESCAPED_UNRESERVED),
        (b"/a%C0%AEb", Ambiguity.ESCAPED_NOT_UTF8),
        (b"/a%ff", Ambiguity.ESCAPED_NOT_UTF8),
        (b"/a b", Ambiguity.UNESCAPED),
        (b'/a"b', Ambiguity.UNESCAPED),
        (b"/{name}", Ambiguity.UNESCAPED),
        (b"/a|b", Ambiguity.UNESCAPED),
        (b"/a^b", Ambiguity.UNESCAPED),
        (b"/a`b", Ambiguity.UNESCAPED),
        (b"/<a>", Ambiguity.UNESCAPED),
        (b"/a[1]", Ambiguity.UNESCAPED),
        (b"/a?b", Ambiguity.UNESCAPED),
    ],
)
def test_paths_that_two_programs_read_differently_are_refused(path: bytes, reason: Ambiguity) -> None:
    """Each kind of ambiguity has its own reason."""
    assert canonical(path, b"") == Ambiguous(reason)


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        (b"a=b&c=d", b"a=b&c=d"),
        (b"next=%2Fhome%5c&u=http://x/../y;z", b"next=%2Fhome%5c&u=http://x/../y;z"),
        (b"q={a}|b^`[1]", b"q={a}|b^`[1]"),
        (b"name=O'Brien", b"name=O%27Brien"),
        (b"a=%25%61%ff", b"a=%25%61%ff"),
        (b"a?b", b"a?b"),
    ],
)
def test_queries_arrive_as_they_were_sent(query: bytes, kept: bytes) -> None:
    """A query separates nothing for us: it is kept, but for the quote every URL client escapes."""
    assert canonical(b"/a", query) == Target(b"/a", kept, b"/a?" + kept, (b"a",))


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (b"a\x00", Ambiguity.CONTROL),
        (b"a\nb", Ambiguity.CONTROL),
        (b"a=\xe9", Ambiguity.NON_ASCII),
        (b"a\\b", Ambiguity.BACKSLASH),
        (b"a#b", Ambiguity.FRAGMENT),
        (b"a=%", Ambiguity.INVALID_ESCAPE),
        (b"a=%zz", Ambiguity.INVALID_ESCAPE),
        (b"a=%00", Ambiguity.ESCAPED_CONTROL),
        (b"a=b c", Ambiguity.UNESCAPED),
        (b'a="b"', Ambiguity.UNESCAPED),
        (b"a=<b>", Ambiguity.UNESCAPED),
    ],
)
def test_queries_that_would_not_arrive_unchanged_are_refused(query: bytes, reason: Ambiguity) -> None:
    """What a URL client would rewrite, and what is no query at all, has its reason too."""
    assert canonical(b"/a", query) == Ambiguous(reason)


@pytest.mark.parametrize("path", [b"/agent/research", b"/v1/models:list", b"/a/b@c/"])
def test_no_variant_of_a_path_is_accepted_in_its_place(path: bytes) -> None:
    """At least 200 spellings of a path: refused, or readable only as themselves (attack X11)."""
    corpus = variants(path)
    accepted = {variant for variant in corpus if isinstance(canonical(variant, b""), Target)}

    assert len(corpus) >= 200
    assert all(normal_spelling(variant) == path for variant in accepted if path in readings(variant))


@given(path=PATHS, query=RAW)
@example(path=b"/a'b", query=b"c'd")
def test_what_is_accepted_leaves_unchanged(path: bytes, query: bytes) -> None:
    """The forwarding client sends precisely the target that was priced, under any base."""
    target = canonical(path, query)
    if isinstance(target, Target):
        request = UpstreamRequest("GET", target.target, (), None, 60)
        for base, upstream in UPSTREAMS.items():
            asked, _, _ = upstream._head(request, None).partition(b"\r\n")
            assert asked == b"GET %b%b HTTP/1.1" % (base.encode(), target.target)


@given(path=PATHS, query=RAW)
def test_a_canonical_target_is_its_own_canonical_target(path: bytes, query: bytes) -> None:
    """Canonicalising twice is canonicalising once, and nothing makes it raise."""
    target = canonical(path, query)
    if isinstance(target, Target):
        assert canonical(target.path, target.query) == target
        assert target.path == b"".join(b"/" + segment for segment in target.segments)


@given(path=PATHS)
def test_the_normal_spelling_is_accepted_and_stays(path: bytes) -> None:
    """A path in its normal spelling is a target too, and there is only one such spelling."""
    target = canonical(path, b"")
    if isinstance(target, Target):
        normal = normal_spelling(path)
        assert isinstance(canonical(normal, b""), Target)
        assert normal_spelling(normal) == normal
