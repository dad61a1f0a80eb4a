"""The description says of each resource what the listener does with it."""

from starlette.requests import Request
from starlette.responses import Response

from sidecar.http.operator import openapi
from sidecar.http.operator.resources import Resource, Sources


async def nothing(_: Request, __: Sources) -> Response:
    return Response()


def test_places_parameters_and_the_token_are_described() -> None:
    """A path's places are required, a query's parameters have their sentence, a private one its token."""
    thing = Resource("/things/{id}", "One thing", nothing, parameters={"by": "how"})
    operation = openapi.document([thing])["paths"]["/things/{id}"]["get"]

    assert operation["summary"] == "One thing"
    assert operation["parameters"] == [
        {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
        {"name": "by", "in": "query", "description": "how", "schema": {"type": "string"}},
    ]
    assert operation["security"] == [{"token": []}]


def test_a_public_resource_asks_for_nothing() -> None:
    """Security is empty, not missing."""
    document = openapi.document([Resource("/open", "Open", nothing, public=True)])

    assert document["paths"]["/open"]["get"]["security"] == []
    assert document["openapi"] == "3.1.0"


def test_what_is_posted_is_described() -> None:
    """Each member of the body with its sentence, beside what is read at the same path."""
    read = Resource("/things", "Things", nothing)
    write = Resource(
        "/things", "Add one", nothing, method="POST", body={"name": "its name", "of": "x; may be left out"}
    )
    paths = openapi.document([read, write])["paths"]["/things"]

    assert "requestBody" not in paths["get"]
    assert paths["post"]["requestBody"]["content"]["application/json"]["schema"] == {
        "type": "object",
        "properties": {
            "name": {"description": "its name"},
            "of": {"description": "x; may be left out"},
        },
        "required": ["name"],
    }
