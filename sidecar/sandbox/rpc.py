"""The JSON-RPC 2.0 envelope around the method table: single calls, batches, errors. Knows no HTTP."""

import json
import logging
from typing import Any, Final

from sidecar.sandbox.history import LOGS_MAX, TooManyLogs
from sidecar.sandbox.methods import METHODS
from sidecar.sandbox.node import CallFailed, Node, TransactionRefused
from sidecar.sandbox.params import BadParams, NoSuchBlock
from sidecar.sandbox.shapes import Json, blob

BATCH_MAX: Final = 1_000

_PARSE, _INVALID, _NO_METHOD, _BAD_PARAMS, _INTERNAL = -32700, -32600, -32601, -32602, -32603
_SERVER: Final = -32000
_TOO_MANY: Final = -32005
_REVERTED: Final = 3
_ERROR_SELECTOR: Final = bytes.fromhex("08c379a0")  # Error(string)

_log = logging.getLogger(__name__)


class RpcError(Exception):
    """An error answer: its code, its message and, for reverts, the data."""

    def __init__(self, code: int, message: str, data: str | None = None) -> None:
        super().__init__(message)
        self.body: Json = {"code": code, "message": message} | ({} if data is None else {"data": data})


def answer(node: Node, body: bytes) -> bytes:
    """Answer a request or a batch; never raises."""
    try:
        request = json.loads(body)
    except (ValueError, RecursionError):
        return _encoded(_failed(None, RpcError(_PARSE, "parse error")))
    if not isinstance(request, list):
        return _encoded(_one(node, request))
    if not 0 < len(request) <= BATCH_MAX:
        return _encoded(_failed(None, RpcError(_INVALID, f"a batch has 1 to {BATCH_MAX} requests")))
    return _encoded([_one(node, each) for each in request])


def _one(node: Node, request: Any) -> Json:
    if not isinstance(request, dict) or not isinstance(request.get("method"), str):
        return _failed(None, RpcError(_INVALID, "invalid request"))
    number = request.get("id")
    try:
        result = _result(node, request["method"], request.get("params", []))
    except RpcError as error:
        return _failed(number, error)
    except Exception:
        _log.exception("%s failed", request["method"])
        return _failed(number, RpcError(_INTERNAL, "internal error"))
    return {"jsonrpc": "2.0", "id": number, "result": result}


def _result(node: Node, name: str, given: Any) -> Any:
    method = METHODS.get(name)
    if method is None:
        raise RpcError(_NO_METHOD, f"the method {name} does not exist/is not available")
    if not isinstance(given, list):
        raise RpcError(_BAD_PARAMS, "params must be a list")
    try:
        return method(node, given)
    except BadParams as problem:
        raise RpcError(_BAD_PARAMS, str(problem)) from problem
    except NoSuchBlock as problem:
        raise RpcError(_SERVER, "header not found") from problem
    except TransactionRefused as refused:
        raise RpcError(_SERVER, str(refused)) from refused
    except TooManyLogs as problem:
        raise RpcError(_TOO_MANY, f"query returned more than {LOGS_MAX} results") from problem
    except CallFailed as failed:
        raise _call_error(failed) from failed


def _call_error(failed: CallFailed) -> RpcError:
    if not failed.ran.reverted:
        return RpcError(_SERVER, str(failed) or type(failed.ran.failure).__name__)
    output = failed.ran.output
    reason = revert_reason(output)
    message = "execution reverted" if reason is None else f"execution reverted: {reason}"
    return RpcError(_REVERTED, message, blob(output))


def revert_reason(output: bytes) -> str | None:
    """Read the text of an Error(string) revert; None for any other output."""
    if output[:4] != _ERROR_SELECTOR:
        return None
    body = output[4:]
    start = int.from_bytes(body[:32], "big") + 32
    size = int.from_bytes(body[start - 32 : start], "big")
    text = body[start : start + size]
    if start > len(body) or len(text) != size:
        return None
    try:
        return text.decode()
    except UnicodeDecodeError:
        return None


def _failed(number: Any, error: RpcError) -> Json:
    return {"jsonrpc": "2.0", "id": number, "error": error.body}


def _encoded(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
