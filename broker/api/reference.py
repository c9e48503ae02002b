"""The reference of the API as one page, made from its own description.

Nothing of it comes from elsewhere, and it needs no script: a browser may be told to load nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

from fastapi import FastAPI, Request, Response

PATH: Final = "/docs"
POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_VERBS: Final = ("get", "put", "post", "delete", "patch")
_MODELS: Final = "#/components/schemas/"
_BOUNDS: Final = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "maxItems": "at most {} entries",
}
_STYLE: Final = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em}
h2,h3{margin:2em 0 .3em}code,h3{font-family:ui-monospace,monospace;font-size:.95em}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.25em .8em .25em 0;border-bottom:1px solid #8884}
"""


def serve_reference(app: FastAPI) -> None:
    """Answer at `/docs` with the page of this app."""

    async def docs(_: Request) -> Response:
        headers = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"}
        return Response(page(app.openapi()), media_type="text/html", headers=headers)

    app.add_route(PATH, docs, include_in_schema=False)


def page(description: Mapping[str, Any]) -> str:
    """The whole page for an OpenAPI description."""
    title = escape(f"{description['info']['title']} {description['info']['version']}")
    models = description.get("components", {}).get("schemas", {})
    body = [*_operations(description["paths"]), "<h2>Models</h2>", *_models(models)]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>"
        '<p>The same for programs: <a href="openapi.json">openapi.json</a>.</p>'
        f"{''.join(body)}</body></html>\n"
    )


def _operations(paths: Mapping[str, Any]) -> Iterator[str]:
    yield "<h2>Operations</h2>"
    for path, verbs in paths.items():
        for verb in (verb for verb in _VERBS if verb in verbs):
            operation = verbs[verb]
            yield f"<h3>{verb.upper()} {escape(path)}</h3>{_text(operation)}"
            yield _table(
                (
                    f"{escape(one['name'])} <small>({escape(one['in'])})</small>",
                    _form(one["schema"], required=one.get("required", False)),
                    escape(one.get("description") or one["schema"].get("description", "")),
                )
                for one in operation.get("parameters", ())
            )
            if "requestBody" in operation:
                yield f"<p>Send {_content(operation['requestBody'])}.</p>"
            for status, answer in operation.get("responses", {}).items():
                yield f"<p>{escape(status)}: {_content(answer)}</p>"


def _models(models: Mapping[str, Any]) -> Iterator[str]:
    for name, model in models.items():
        yield f'<h3 id="{escape(name)}">{escape(name)}</h3>{_text(model)}'
        if "enum" in model:
            yield f"<p>One of {_values(model['enum'])}.</p>"
        needed = model.get("required", ())
        yield _table(
            (
                escape(field),
                _form(schema, required=field in needed),
                escape(schema.get("description", "")),
            )
            for field, schema in model.get("properties", {}).items()
        )


def _content(said: Mapping[str, Any]) -> str:
    forms = [
        f"{_form(one['schema'])} as {escape(kind)}" if one.get("schema") else escape(kind)
        for kind, one in said.get("content", {}).items()
    ]
    return " or ".join(forms) or escape(said.get("description", ""))


def _form(schema: Mapping[str, Any], *, required: bool | None = None) -> str:
    """What a value may be, in words."""
    words = [_kind(schema)]
    words += [says.format(schema[name]) for name, says in _BOUNDS.items() if name in schema]
    if required:
        words.append("<b>needed</b>")
    elif schema.get("default") not in (None, "", [], {}):
        words.append(f"else {_values([schema['default']])}")
    return ", ".join(words)


def _kind(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].removeprefix(_MODELS))
        return f'<a href="#{name}">{name}</a>'
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(_form(one) for one in schema[several]))
    if "const" in schema or "enum" in schema:
        return _values(schema.get("enum") or [schema["const"]])
    match schema.get("type"):
        case "array":
            return f"list of {_form(schema.get('items', {}))}"
        case "object" if isinstance(schema.get("additionalProperties"), Mapping):
            return f"object of {_form(schema['additionalProperties'])}"
        case kind:
            return escape(str(kind or "anything"))


def _values(values: list[Any]) -> str:
    return ", ".join(f"<code>{escape(str(value))}</code>" for value in values)


def _text(said: Mapping[str, Any]) -> str:
    text = escape(said.get("description") or "")
    return f"<p>{text}</p>" if text else ""


def _table(rows: Iterator[tuple[str, str, str]]) -> str:
    cells = ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows]
    return f"<table>{''.join(cells)}</table>" if cells else ""
