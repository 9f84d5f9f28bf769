"""The phone's side as an OpenAPI document, made of the models that its bodies are checked by."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from pydantic.json_schema import models_json_schema
from starlette.requests import Request

from graph.simulator.descriptions import OF_DEVICE
from graph.simulator.device import Action
from graph.simulator.faces import ROUTE

PATH: Final = "/device/openapi.json"
_SCHEMAS: Final = "#/components/schemas/"
_RESULT: Final = {
    "type": "object",
    "required": ["errMsg"],
    "properties": {"errMsg": {"type": "string", "examples": ["login:ok", "login:fail user: …"]}},
    "additionalProperties": True,
}
_FACE: Final = {
    "summary": "A made-up face.",
    "operationId": "getFace",
    "parameters": [{"name": "name", "in": "path", "required": True, "schema": {"type": "string", "maxLength": 64}}],
    "responses": {"200": {"description": "A PNG.", "content": {"image/png": {}}}},
}


def base_url(request: Request) -> str:
    """Where the simulator is, with the prefix that it is mounted at; without a slash at its end."""
    return str(request.url.replace(path=request.scope.get("root_path", ""), query="")).rstrip("/")


def document(actions: Mapping[tuple[str, str], Action], url: str) -> dict[str, Any]:
    """OpenAPI 3.1; `url` is where the simulator is."""
    models = {fields for _, fields, _ in actions.values() if fields.model_fields}
    _, schemas = models_json_schema(
        [(model, "validation") for model in sorted(models, key=lambda model: model.__name__)],
        ref_template=f"{_SCHEMAS}{{model}}",
    )
    paths: dict[str, dict[str, Any]] = {ROUTE.replace(":path", ""): {"get": _FACE}}
    for (method, path), (_, fields, _) in actions.items():
        paths.setdefault(path, {})[method.lower()] = _operation(method, path, fields)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "The phone's side of wxgate's WeChat simulator",
            "version": version("wxgate"),
            "description": "A body is a JSON object, or empty where no field of it is required.",
        },
        "servers": [{"url": url}],
        "paths": paths,
        "components": {"schemas": {**schemas["$defs"], "Result": _RESULT}},
    }


def _operation(method: str, path: str, fields: type[BaseModel]) -> dict[str, Any]:
    result = {"application/json": {"schema": {"$ref": f"{_SCHEMAS}Result"}}}
    words = path.removeprefix("/device/").replace("-", "_")
    operation: dict[str, Any] = {
        "summary": OF_DEVICE[method, path].english,
        "operationId": to_camel(f"{method.lower()}_{words}"),
        "responses": {
            "200": {"description": "As the phone responds, a refusal by the user included.", "content": result},
            "400": {"description": "A field that does not exist or is wrong.", "content": result},
        },
    }
    if method == "POST":
        schema = {"$ref": f"{_SCHEMAS}{fields.__name__}"} if fields.model_fields else {"type": "object"}
        required = any(field.is_required() for field in fields.model_fields.values())
        operation["responses"]["415"] = {"description": "From a page, in another form than JSON.", "content": result}
        operation["requestBody"] = {"required": required, "content": {"application/json": {"schema": schema}}}
    elif fields.model_fields:
        properties = fields.model_json_schema()["properties"]
        operation["parameters"] = [
            {"name": name, "in": "query", "schema": schema} for name, schema in properties.items()
        ]
    return operation
