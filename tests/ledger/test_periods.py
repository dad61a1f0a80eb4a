"""The close of a period says in one signed text what every account held."""

import json

import pytest

from ledger import periods
from ledger.chain import Head
from ledger.periods import Period, Standing
from ledger.signing import NO_STATEMENT

PERIOD = Period(
    1, 5, 9, Head(3, bytes([3]) * 32), NO_STATEMENT, (Standing("cash", "USD", "1.000000000", "0.000000000"),)
)


def test_the_statement_is_documented() -> None:
    """One JSON object, as written here; anybody can read it."""
    assert PERIOD.statement() == (
        f'{{"format":"sidecar-close/1","number":1,"through_us":5,"closed_us":9,"seq":3,"head":"{"03" * 32}",'
        f'"previous":"{"00" * 32}","accounts":[["cash","USD","1.000000000","0.000000000"]]}}'
    )


def test_a_statement_is_read_back() -> None:
    """What was written is what is read."""
    assert periods.read(PERIOD.statement()) == PERIOD


@pytest.mark.parametrize(
    "statement",
    [
        "",
        "[]",
        "{}",
        PERIOD.statement() + " ",
        PERIOD.statement().replace("close/1", "close/2"),
        PERIOD.statement().replace('["cash",', '["cash","x",'),
        PERIOD.statement().replace('"head":"', '"head":"zz'),
        json.dumps(json.loads(PERIOD.statement())),
    ],
)
def test_no_other_text_is_a_statement(statement: str) -> None:
    """A text is read only if it is written as this ledger writes it."""
    with pytest.raises(ValueError, match=r".+"):
        periods.read(statement)
