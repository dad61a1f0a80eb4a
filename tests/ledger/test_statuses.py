"""The page for others has every status, in the order in which they are looked for."""

import re
from pathlib import Path

import ledger
from ledger.statuses import Status

PAGE = Path(ledger.__file__).parent.parent / "docs" / "ledger.md"


def test_the_table_is_the_order_of_precedence() -> None:
    """Created and exists first, then every reason as it stands in the code."""
    rows = re.findall(r"^\| `([a-z_]+)` \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert [status for status, _ in rows] == ["created", "exists", *(status.value for status in Status)]
    assert all(means for _, means in rows)
