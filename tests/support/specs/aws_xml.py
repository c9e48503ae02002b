"""An answer in XML, element by element against the shape that a service model gives it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final
from xml.etree import ElementTree as ET

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

_FORMS: Final = {
    "integer": re.compile(r"-?\d+"),
    "long": re.compile(r"-?\d+"),
    "boolean": re.compile(r"true|false"),
    "float": re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?"),
    "double": re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?"),
    "blob": re.compile(r"[A-Za-z0-9+/\s]*={0,2}"),
    "timestamp": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"),
}
_ITEMS: Final = {"ec2": "item", "query": "member"}


def read_xml(operation: OperationModel, root: ET.Element) -> Iterator[str]:
    """Botocore's parser passes over what it does not know; this does not."""
    protocol = operation.service_model.metadata["protocol"]
    if _tag(root) != f"{operation.wire_name}Response":
        yield f"the answer is in {_tag(root)} and not in {operation.wire_name}Response"
        return
    children = {_tag(child): child for child in root}
    wrapper = (
        operation.output_shape.serialization.get("resultWrapper")
        if (operation.output_shape is not None)
        else None
    )
    told = "requestId" if protocol == "ec2" else "ResponseMetadata"
    if told not in children:
        yield f"{told} is missing"
    if wrapper is not None:
        if wrapper not in children:
            yield f"{wrapper} is missing"
            return
        root = children[wrapper]
    if operation.output_shape is not None:
        yield from _walk(operation.output_shape, root, "", protocol, beside=frozenset({told}))


def _walk(
    shape: Shape,
    element: ET.Element,
    path: str,
    protocol: str,
    beside: frozenset[str] = frozenset(),
) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        yield from _structure(shape, element, path, protocol, beside)
    elif isinstance(shape, ListShape):
        item = str(shape.member.serialization.get("name", _ITEMS[protocol]))
        for index, child in enumerate(element):
            if _tag(child) != item:
                yield f"{path}[{index}] is in {_tag(child)} and not in {item}"
            yield from _walk(shape.member, child, f"{path}[{index}]", protocol)
    elif isinstance(shape, MapShape):
        raise NotImplementedError(f"{path}: no answer of ours holds a map")
    else:
        yield from _scalar(shape, element, path)


def _structure(
    shape: StructureShape, element: ET.Element, path: str, protocol: str, beside: frozenset[str]
) -> Iterator[str]:
    members = {m.serialization.get("name", name): m for name, m in shape.members.items()}
    times = Counter(_tag(child) for child in element)
    for child in element:
        name = _tag(child)
        here = f"{path}.{name}" if path else name
        member = members.get(name)
        if member is None:
            if name not in beside:
                yield f"{here} is unknown"
            continue
        if isinstance(member, ListShape) and member.serialization.get("flattened"):
            yield from _walk(member.member, child, here, protocol)
            continue
        if times[name] > 1:
            yield f"{here} is given {times[name]} times"
        yield from _walk(member, child, here, protocol)


def _scalar(shape: Shape, element: ET.Element, path: str) -> Iterator[str]:
    text = element.text or ""
    if len(element):
        yield f"{path} holds {_tag(element[0])} and should be a {shape.type_name}"
    elif (form := _FORMS.get(shape.type_name)) and not form.fullmatch(text):
        yield f"{path} is {text!r} and no {shape.type_name}"


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]
