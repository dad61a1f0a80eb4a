"""How commands end."""

from sidecar.commands.errors import Exit, Sentence


def test_exit_codes_are_the_promised_ones() -> None:
    """Scripts rely on the numbers."""
    assert [int(code) for code in Exit] == [0, 1, 2, 3]


def test_a_sentence_carries_its_code() -> None:
    """The text is what is shown."""
    end = Sentence(Exit.UNREACHABLE, "nobody answers")

    assert (end.code, end.text, str(end)) == (3, "nobody answers", "nobody answers")
