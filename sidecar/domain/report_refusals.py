"""Why the agent's listener says no. Codes only; the wire is in `http/agent_replies.py`."""

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """The machine codes agents see."""

    UNAUTHORIZED = "unauthorized"
    EXPIRED = "token_expired"
    CALL_UNKNOWN = "call_unknown"
    CLOSE_WINDOW_OVER = "close_window_over"
    REPORTS_MALFORMED = "reports_malformed"
    REPORTS_TOO_LARGE = "reports_too_large"
    REPORTS_TOO_MANY = "reports_too_many"
    REPORT_CONFLICT = "report_conflict"
    STORAGE_UNAVAILABLE = "storage_unavailable"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"


@dataclass(frozen=True, slots=True)
class ReportsRefused:
    """Nothing of a request was taken. `reason` is one sentence, `report` the id it is about, if it is one."""

    code: Code
    reason: str = ""
    report: str = ""
