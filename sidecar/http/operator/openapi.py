"""The API's description, made from the registry, so that it cannot lag behind it."""

import re
from collections.abc import Sequence
from typing import Any, Final

from sidecar.http.operator.resources import Resource

_PLACE: Final = re.compile(r"\{(\w+)\}")


def document(resources: Sequence[Resource]) -> dict[str, Any]:
    """Return the OpenAPI document of *resources*."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Sidecar: operator API", "version": "1"},
        "paths": _paths(resources),
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _paths(resources: Sequence[Resource]) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for resource in resources:
        paths.setdefault(resource.path, {})[resource.method.lower()] = _operation(resource)
    return paths


def _operation(resource: Resource) -> dict[str, Any]:
    named = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PLACE.findall(resource.path)
    ]
    asked = [
        {"name": name, "in": "query", "description": sentence, "schema": {"type": "string"}}
        for name, sentence in resource.parameters.items()
    ]
    return {
        "summary": resource.summary,
        "parameters": [*named, *asked],
        **({"requestBody": _body(resource)} if resource.body else {}),
        "responses": {
            "200": {"description": "The answer"},
            "default": {"description": "Why there is none", "content": {"application/problem+json": {}}},
        },
        "security": [] if resource.public else [{"token": []}],
    }


def _body(resource: Resource) -> dict[str, Any]:
    members = {name: {"description": sentence} for name, sentence in resource.body.items()}
    required = [name for name, sentence in resource.body.items() if not sentence.endswith("may be left out")]
    schema = {"type": "object", "properties": members, "required": required}
    return {"required": True, "content": {"application/json": {"schema": schema}}}
