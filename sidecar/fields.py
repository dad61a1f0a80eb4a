"""Reading header fields: names are lower case, and one name may come several times (RFC 9110 section 5.3)."""

from sidecar.ports import Headers


def values(headers: Headers, name: bytes) -> list[bytes]:
    """Return every value of the field *name*, in order."""
    return [value for field, value in headers if field == name]


def combined(headers: Headers, name: bytes) -> bytes:
    """Return the values of a list field as one, joined by commas; empty when there is none."""
    return b", ".join(values(headers, name))
