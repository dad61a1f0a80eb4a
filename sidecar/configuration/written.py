"""Field types of the config file: each pairs a reader with the JSON Schema of the text it reads.

The only place that turns a reader's WrongValue into pydantic's kind of error.
Knows no setting by name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from ledger.money import Amount
from sidecar.configuration import addresses, networks, places, units
from sidecar.configuration.model import Address
from sidecar.configuration.problems import WrongValue
from sidecar.domain.pacing import Rate
from sidecar.domain.success import Wanted

WRONG: Final = "wrong"
"""The type of errors born here; their context carries our code and sentence."""

ALGORITHMS: Final = ("EdDSA", "ES256")
"""How a token can be signed, as JSON Web Signature names it: Ed25519, or ECDSA on P-256 with SHA-256."""

_REFERENCE: Final = r"\$\{"


@dataclass(frozen=True, slots=True)
class Written:
    """How a value is written: the function that reads it, and the JSON Schema of what it reads."""

    read: Callable[[object], object]
    schema: Mapping[str, object] = field(hash=False)

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read with our function, whatever Python type the field has."""
        return core_schema.no_info_plain_validator_function(self._validated)

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the schema as given."""
        return dict(self.schema)

    def _validated(self, value: object) -> object:
        try:
            return self.read(value)
        except WrongValue as wrong:
            context = {"code": wrong.code, "sentence": wrong.sentence}
            raise PydanticCustomError(WRONG, "{sentence}", context) from None


def text_like(pattern: str, *examples: str) -> dict[str, object]:
    """Return the schema of text in our spelling, or with a reference into the environment."""
    schema: dict[str, object] = {"type": "string", "pattern": f"^({pattern})$|{_REFERENCE}"}
    return {**schema, "examples": list(examples)} if examples else schema


def as_written(text: str) -> Any:
    """Return a field whose default is spelled as a person would spell it."""
    return Field(default=text, validate_default=True)


def duration(low: int, high: int) -> Written:
    """Return the reader of a duration between *low* and *high* seconds."""
    schema = text_like(units.DURATION, "30s", "15m")
    schema["x-range"] = f"{units.duration_text(low)} to {units.duration_text(high)}"
    return Written(partial(units.duration, low=low, high=high), schema)


def size(low: int, high: int) -> Written:
    """Return the reader of a size between *low* and *high* bytes."""
    schema = text_like(units.SIZE, "16KiB", "10MiB")
    schema["x-range"] = f"{units.size_text(low)} to {units.size_text(high)}"
    return Written(partial(units.size, low=low, high=high), schema)


def count(low: int, high: int) -> Written:
    """Return the reader of a whole number between *low* and *high*."""
    number = {"type": "integer", "minimum": low, "maximum": high}
    return Written(partial(units.count, low=low, high=high), {"anyOf": [number, text_like(units.COUNT)]})


def _settle(value: object) -> str:
    if value not in _FLOWS:
        raise WrongValue("settle", "must be authorization, upfront or deferred")
    return str(value)


def _identifier(value: object) -> str:
    if value not in {"optional", "required", "off"}:
        raise WrongValue("payment_identifier", "must be optional, required or off")
    return str(value)


def _dollar_peg(value: object) -> bool:
    if not units.switch(value):
        raise WrongValue("asset_not_dollar", "only dollar-pegged tokens: write usd_peg: true if it is one")
    return True


def _decimals(value: object) -> int:
    try:
        return units.count(value, 0, 9)
    except WrongValue:
        raise WrongValue("decimals", "only tokens with 0 to 9 decimals are accepted") from None


def _algorithm(value: object) -> str:
    if value not in ALGORITHMS:
        raise WrongValue("algorithm", f"must be {' or '.join(ALGORITHMS)}")
    return str(value)


def _unjudged(value: object) -> str:
    if value not in {"withhold", "charge"}:
        raise WrongValue("unjudged", "must be withhold or charge")
    return str(value)


def _free(value: object) -> str:
    if value != "free":
        raise WrongValue("route_value", 'a route is `free`, or has a price: {price: "$0.05"}')
    return "free"


def _json_schema(value: object) -> object:
    """Read the name of a schema's file, or a schema that is written out, as JSON has it."""
    if isinstance(value, dict):
        return units.plain(value)
    if isinstance(value, str):
        return places.file_name(value)
    raise WrongValue("schema_value", "must be a JSON Schema, or the name of the file it is in")


_FLOWS: Final = ("authorization", "upfront", "deferred")
_LABEL: Final[Mapping[str, object]] = {"type": "string", "minLength": 1, "maxLength": 100}
_TOKEN: Final[Mapping[str, object]] = {"type": "string", "minLength": 4, "maxLength": 512}
_CREDENTIAL: Final[Mapping[str, object]] = {"type": "string", "minLength": 1, "maxLength": 8192}
_KEY: Final[Mapping[str, object]] = {
    "type": "string",
    "minLength": 1,
    "maxLength": units.KEY_CHARACTERS_MAX,
}
_NETWORK: Final = "|".join((networks.NETWORK, *networks.ALIASES))

Money = Annotated[Amount, Written(units.money, text_like(units.MONEY, "$0.05"))]
Price = Annotated[Amount, Written(units.price, text_like(units.MONEY, "$0.05"))]
Estimate = Annotated[Amount, Written(units.estimate, text_like(units.MONEY, "$0.02"))]
Share = Annotated[Fraction, Written(units.share, text_like(units.SHARE, "2%"))]
Pace = Annotated[Rate, Written(units.rate, text_like(units.RATE, "100/minute"))]
Label = Annotated[str, Written(units.label, _LABEL)]
Name = Annotated[str, Written(units.name, text_like(units.NAME))]
Pointer = Annotated[str, Written(units.pointer, text_like(units.POINTER, "/max_tokens"))]
JsonSchema = Annotated[object, Written(_json_schema, {"type": ["object", "string"]})]
Secret = Annotated[str, Written(units.secret, _TOKEN)]
Credential = Annotated[str, Written(units.credential, _CREDENTIAL)]
KeyText = Annotated[str, Written(units.key_text, _KEY)]
Algorithm = Annotated[Literal["EdDSA", "ES256"], Written(_algorithm, {"enum": list(ALGORITHMS)})]
Since = Annotated[int, Written(units.since, text_like(units.DATE, "2026-11-01"))]
Switch = Annotated[bool, Written(units.switch, {"anyOf": [{"type": "boolean"}, text_like("true|false")]})]
EvmAddress = Annotated[bytes, Written(addresses.address, text_like(addresses.ADDRESS))]
BaseUrl = Annotated[str, Written(places.base_url, text_like(places.URL))]
RpcUrl = Annotated[str, Written(places.rpc_url, text_like(places.URL))]
FileName = Annotated[Path, Written(places.file_name, text_like(places.FILE, "facilitator.pem"))]
ListenAt = Annotated[Address, Written(places.listen, text_like(places.LISTEN, "127.0.0.1:8402"))]
Storage = Annotated[
    places.Database,
    Written(places.storage, text_like(places.STORAGE, "sqlite:///sidecar.db", "postgresql://user@host/db")),
]
ChainId = Annotated[int, Written(networks.network, text_like(_NETWORK, "base", "eip155:8453"))]
Settle = Annotated[Literal["authorization", "upfront", "deferred"], Written(_settle, {"enum": list(_FLOWS)})]
Identifier = Annotated[
    Literal["optional", "required", "off"],
    Written(_identifier, {"enum": ["optional", "required", "off"]}),
]
Status = Annotated[
    frozenset[int],
    Written(
        units.statuses,
        {"anyOf": [{"type": "integer", "minimum": 200, "maximum": 299}, text_like("2xx|2[0-9]{2}")]},
    ),
]
Expected = Annotated[Wanted, Written(units.wanted, {"type": ["string", "integer", "boolean"]})]
Unjudged = Annotated[Literal["withhold", "charge"], Written(_unjudged, {"enum": ["withhold", "charge"]})]
Decimals = Annotated[int, Written(_decimals, {"type": "integer", "minimum": 0, "maximum": 9})]
DollarPeg = Annotated[bool, Written(_dollar_peg, {"const": True})]
Free = Annotated[Literal["free"], Written(_free, {"const": "free"})]
