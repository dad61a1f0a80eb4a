"""Problems: one table turns a code into a status."""

import json

import pytest

from sidecar.http.operator.problems import STATUS, Code, reply


def test_every_code_has_a_status() -> None:
    """No code can reach an operator as a server error."""
    assert set(STATUS) == set(Code)


@pytest.mark.parametrize("code", Code)
def test_a_problem_is_a_problem_document(code: Code) -> None:
    """Status, code and sentence stand in the body (RFC 9457)."""
    answer = reply(code, "Why.")
    body = json.loads(bytes(answer.body))

    assert answer.headers["content-type"] == "application/problem+json"
    assert body["status"] == answer.status_code == STATUS[code]
    assert (body["code"], body["detail"]) == (code.value, "Why.")
