"""Reading header fields: names are lower case, and one name may come several times (RFC 9110 section 5.3)."""

from sidecar.ports import Headers


def values(headers: Headers, name: bytes) -> list[bytes]:
    """Return every value of the field *name*, in order."""
    found: list[bytes] = []
    for field, value in headers:  # a comprehension would be one more call, and this is asked often
        if field == name:
            found.append(value)
    return found


def combined(headers: Headers, name: bytes) -> bytes:
    """Return the values of a list field as one, joined by commas; empty when there is none."""
    return b", ".join(values(headers, name))
