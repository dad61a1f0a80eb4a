"""Header fields: a name may come several times."""

from sidecar.fields import combined, values

HEADERS = ((b"a", b"1"), (b"b", b"2"), (b"a", b""), (b"a", b"3, 4"))


def test_every_value_of_a_name_is_found_in_order() -> None:
    """Duplicates are kept, the empty one too; an absent name has none."""
    assert values(HEADERS, b"a") == [b"1", b"", b"3, 4"]
    assert values(HEADERS, b"c") == []


def test_a_list_field_is_one_value_however_it_was_sent() -> None:
    """Several lines are one list (RFC 9110 section 5.3); no line is the empty one."""
    assert combined(HEADERS, b"a") == b"1, , 3, 4"
    assert combined(HEADERS, b"b") == b"2"
    assert combined(HEADERS, b"c") == b""
