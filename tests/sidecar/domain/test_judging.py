"""Judging: whatever the order in which costs become known, the strongest of all of them is booked."""

from hypothesis import given
from hypothesis import strategies as st

from pricing.cost import CostLine, Kind, Source, standing, strongest
from sidecar.domain.costs import Evidence
from sidecar.domain.judging import judge
from tests.sidecar.told import told

HEADER = told(100, Source.HEADER, name="openai/gpt-4o")
USAGE = told(100, Source.USAGE, response_id="c1")


def stored(*lines: CostLine) -> list[Evidence]:
    """Return *lines* as a close would have stored them."""
    return [
        Evidence(n, line, stands) for n, (line, stands) in enumerate(zip(lines, standing(lines), strict=True))
    ]


def test_a_cost_nobody_told_of_is_booked() -> None:
    """It changes nothing else."""
    judged = judge(stored(HEADER), [told(5, kind=Kind.TOOL, name="web_search")])

    assert (judged.new, judged.risen, judged.fallen, judged.disputes) == ((True,), (), (), ())


def test_a_stronger_word_takes_the_place_of_a_weaker_one() -> None:
    """What was booked falls, and that the two differ is said once."""
    known = stored(HEADER)
    judged = judge(known, [told(200)])

    assert (judged.new, judged.fallen) == ((True,), (known[0],))
    assert [(each.source, each.told.units, each.booked.units) for each in judged.disputes] == [
        (Source.HEADER, 100, 200)
    ]


def test_a_weaker_word_is_evidence() -> None:
    """What is booked stays booked."""
    judged = judge(stored(told(100)), [HEADER, USAGE])

    assert (judged.new, judged.risen, judged.fallen, judged.disputes) == ((False, False), (), (), ())


def test_what_was_only_covered_by_what_falls_is_booked_after_all() -> None:
    """A header of one sum stood for two answers; a report of one of them leaves the other as it was told."""
    other = told(60, Source.USAGE, response_id="c2")
    known = stored(told(160, Source.HEADER), USAGE, other)
    judged = judge(known, [told(100, response_id="c1")])

    assert judged.new == (True,)
    assert (judged.fallen, judged.risen) == ((known[0],), (known[2],))


def test_a_dispute_is_told_once() -> None:
    """What two sources did not agree on before is not said again with every report."""
    known = stored(told(100, Source.HEADER), told(200, Source.USAGE))

    assert judge(known, [told(5, kind=Kind.TOOL, name="web_search")]).disputes == ()


LINES = st.lists(
    st.builds(
        told,
        st.none() | st.integers(0, 9),
        st.sampled_from([Source.REPORT, Source.REPORT, Source.HEADER, Source.USAGE, Source.TARIFF]),
        name=st.sampled_from(["a", "p/a", "b"]),
        kind=st.sampled_from([Kind.MODEL, Kind.TOOL]),
        response_id=st.sampled_from(["", "r1", "r2"]),
    ),
    max_size=10,
)


@given(st.data(), LINES)
def test_the_order_does_not_matter(data: st.DataObject, lines: list[CostLine]) -> None:
    """Told at once or in any pieces, the same is booked: the strongest of all."""
    known: list[Evidence] = []
    rest = list(lines)
    while rest:
        count = data.draw(st.integers(1, len(rest)))
        part, rest = rest[:count], rest[count:]
        judged = judge(known, part)
        turned = {each.n for each in (*judged.risen, *judged.fallen)}
        known = [Evidence(e.n, e.line, e.booked != (e.n in turned)) for e in known]
        known += [
            Evidence(len(known) + place, line, booked)
            for place, (line, booked) in enumerate(zip(part, judged.new, strict=True))
        ]

    booked = [each.line for each in known if each.booked]
    assert sorted(map(repr, booked)) == sorted(map(repr, strongest(lines)[0]))
