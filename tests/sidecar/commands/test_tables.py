"""Tables: columns that line up and say no more than they must."""

from sidecar.commands.tables import aligned, printable
from tests.sidecar.commands.watched import on_a_terminal


def test_texts_stand_left_and_numbers_right() -> None:
    """A column of numbers lines up at its end, one of texts at its start."""
    assert aligned([("name", "n"), ("a", "1"), ("long name", "20")]) == (
        "name        n\n"
        "a           1\n"
        "long name  20"
    )  # fmt: skip


def test_zeros_that_all_share_are_dropped_and_no_digit_that_counts() -> None:
    """The column stays exact, to the last place that anything in it needs."""
    rows = [("usd", "ratio"), ("0.050000000", "0.6580"), ("-0.000400000", None), ("12.000000000", "1.0000")]

    assert aligned(rows) == (
        "    usd  ratio\n"
        " 0.0500  0.658\n"
        "-0.0004      -\n"
        "12.0000  1.000"
    )  # fmt: skip


def test_two_places_are_kept() -> None:
    """Money is shown with cents also if there are none."""
    assert aligned([("usd",), ("1.000000000",), ("-",)]) == " usd\n1.00\n   -"


def test_nothing_is_a_dash() -> None:
    """An empty cell cannot be mistaken for a shifted column."""
    assert aligned([("a", "b"), (None, ""), ("x", "y")]) == "a  b\n-  -\nx  y"


def test_a_name_cannot_steer_the_terminal() -> None:
    """Control characters are shown as such; other scripts are left alone."""
    assert printable("ok\x1b[2J\nzwölf") == "ok\ufffd[2J\ufffdzwölf"
    assert "\x1b" not in aligned([("name",), ("\x1b[31mred",)])


def test_titles_stand_out_on_a_terminal_and_nowhere_else() -> None:
    """The table's columns are the same: the colour takes no room."""
    program = "from sidecar.commands.tables import aligned; print(aligned([('a', 'b'), ('1', '22')]))"
    _, shown = on_a_terminal("-c", program)

    assert shown == "\x1b[1ma   b\x1b[0m\n1  22\n"
    assert aligned([("a", "b"), ("1", "22")]) == "a   b\n1  22"
