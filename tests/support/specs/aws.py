"""AWS's service models, as botocore carries them.

EC2 is asked by forms and answers in XML, and so are services like STS; Service Quotas and others
speak JSON. The service is the one that the request is signed for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

from botocore.exceptions import UnknownServiceError
from botocore.model import OperationModel, OperationNotFoundError, ServiceModel, Shape
from botocore.parsers import ResponseParserError, create_parser
from botocore.serialize import create_serializer
from botocore.session import get_session
from botocore.validate import ParamValidator

from tests.support.specs.aws_forms import enums, read_form
from tests.support.specs.aws_xml import read_xml
from tests.support.specs.exchange import Exchange

_SCOPE: Final = re.compile(r"Credential=[^/]+/\d{8}/[^/]+/(?P<service>[^/]+)/aws4_request")
_MODELS: Final = {"servicequotas": "service-quotas"}
"""Where a service signs under another name than its model's."""
_FAILED: Final = 300
_OWN: Final = ("Action", "Version")
_ERRORS: Final = {
    "ec2": ("Response", ("Errors", "Error"), "RequestID"),
    "query": ("ErrorResponse", ("Error",), "RequestId"),
}


def operation_of(exchange: Exchange) -> str | None:
    target = exchange.sent_headers.get("x-amz-target", "").rpartition(".")[2]
    return target or dict(_form(exchange)).get("Action")


def complaints(exchange: Exchange) -> Iterator[str]:
    signed = _SCOPE.search(exchange.sent_headers.get("authorization", ""))
    if signed is None:
        yield "request: the header Authorization names no service"
        return
    try:
        service = _service(_MODELS.get(signed["service"], signed["service"]))
    except UnknownServiceError:
        yield f"request: {signed['service']} is no service"
        return
    if (exchange.method, exchange.path) != ("POST", ("",)):
        yield f"request: {exchange.method} {exchange.target} is no operation of {signed['service']}"
        return
    action = operation_of(exchange) or ""
    try:
        operation = service.operation_model(action)
    except OperationNotFoundError:
        yield f"request: {action or 'nothing'} is no operation of {signed['service']}"
        return
    yield from (f"{action}, request: {text}" for text in _of_request(operation, exchange))
    yield from (f"{action}, answer: {text}" for text in _of_answer(operation, exchange))


def _of_request(operation: OperationModel, exchange: Exchange) -> Iterator[str]:
    service, shape = operation.service_model, operation.input_shape
    if service.metadata["protocol"] == "json":
        yield from _of_json(shape, exchange.sent)
        return
    form = dict(_form(exchange))
    if len(form) != len(_form(exchange)):
        yield "a parameter is given twice"
    if form.get("Version") != service.api_version:
        yield f"Version is {form.get('Version')!r} and not {service.api_version}"
    parameters = {name: value for name, value in form.items() if name not in _OWN}
    asked, unknown = read_form(shape, service.metadata["protocol"], parameters)
    found = [*(f"{name} is unknown" for name in unknown), *_against(shape, asked)]
    yield from found or _written_again(operation, asked, form)


def _written_again(
    operation: OperationModel, asked: dict[str, Any], form: Mapping[str, str]
) -> Iterator[str]:
    """What was read from a form must become that form again."""
    protocol = operation.service_model.metadata["protocol"]
    again = create_serializer(protocol).serialize_to_request(asked, operation)["body"]
    for name, value in form.items():
        if str(again.get(name)) != value:
            yield f"{name} is {value!r}, and botocore writes {again.get(name)!r}"


def _of_answer(operation: OperationModel, exchange: Exchange) -> Iterator[str]:
    protocol = operation.service_model.metadata["protocol"]
    if protocol == "json":
        yield from _of_json_answer(operation, exchange)
        return
    try:
        root = ET.fromstring(exchange.told)  # noqa: S314 - what a server of ours has said
    except ET.ParseError as wrong:
        yield f"the body is not XML: {wrong}"
        return
    if not exchange.headers.get("content-type", "").startswith("text/xml"):
        yield "the header Content-Type is not text/xml"
    if exchange.status >= _FAILED:
        yield from _of_error(protocol, root)
        return
    found = list(read_xml(operation, root))
    yield from found
    if found or operation.output_shape is None:
        return
    met = {"status_code": exchange.status, "headers": exchange.headers, "body": exchange.told}
    try:
        parsed = create_parser(protocol).parse(met, operation.output_shape)
    except ResponseParserError as wrong:
        yield str(wrong)
        return
    parsed.pop("ResponseMetadata")
    yield from _against(operation.output_shape, parsed)


def _of_json(shape: Shape | None, body: bytes) -> Iterator[str]:
    try:
        told = json.loads(body or b"{}")
    except ValueError as wrong:
        yield f"the body is not JSON: {wrong}"
    else:
        yield from _against(shape, told)


def _of_json_answer(operation: OperationModel, exchange: Exchange) -> Iterator[str]:
    if exchange.status < _FAILED:
        yield from _of_json(operation.output_shape, exchange.told)
    elif b'"__type"' not in exchange.told:
        yield "__type is missing"


def _of_error(protocol: str, root: ET.Element) -> Iterator[str]:
    """The form is no part of the models; botocore's parsers read it so."""
    name, steps, request = _ERRORS[protocol]
    if root.tag.rpartition("}")[2] != name:
        yield f"an error is in {root.tag} and not in {name}"
        return
    inside = {child.tag.rpartition("}")[2]: child for child in root.iter()}
    for needed in (*steps, "Code", "Message", request):
        if needed not in inside:
            yield f"{needed} is missing"
        elif needed == "Code" and not inside[needed].text:
            yield "Code is empty"


def _against(shape: Shape | None, told: Any) -> Iterator[str]:  # noqa: ANN401
    if shape is None:
        if told:
            yield "there is a body, and the operation has none"
        return
    report = ParamValidator().validate(told, shape)
    for line in report.generate_report().splitlines():
        yield line.partition(", must be one of")[0]
    if not report.has_errors():
        yield from enums(shape, told)


def _form(exchange: Exchange) -> list[tuple[str, str]]:
    return parse_qsl(exchange.sent.decode("utf-8", "replace"), keep_blank_values=True)


@cache
def _service(name: str) -> ServiceModel:
    model: ServiceModel = get_session().get_service_model(name)
    return model
