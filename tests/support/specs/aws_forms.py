"""The form of a query protocol, read back into the parameters that a service model describes."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any, Final

from botocore.model import ListShape, MapShape, Shape, StructureShape

_OPEN: Final = frozenset({"InstanceType"})
"""AWS sells new values of these every month; a model is always behind."""


def read_form(
    shape: Shape | None, protocol: str, form: Mapping[str, str]
) -> tuple[dict[str, Any], list[str]]:
    """The parameters, and the names in the form that stand for none."""
    reader = _Reader(form, protocol)
    asked = reader.read(shape, "") if isinstance(shape, StructureShape) else {}
    return asked, [name for name in form if name not in reader.seen]


def enums(shape: Shape, told: object, path: str = "") -> Iterator[str]:
    """Which texts are none of those that the model lists."""
    if isinstance(shape, StructureShape) and isinstance(told, Mapping):
        for name, value in told.items():
            yield from enums(shape.members[name], value, f"{path}.{name}" if path else name)
    elif isinstance(shape, ListShape) and isinstance(told, list):
        for index, value in enumerate(told):
            yield from enums(shape.member, value, f"{path}[{index}]")
    elif shape.name not in _OPEN and (known := getattr(shape, "enum", None)) and told not in known:
        yield f"{path} is {told!r} and none of {', '.join(known[:8])}"


class _Reader:
    """Botocore's serializer backwards."""

    def __init__(self, form: Mapping[str, str], protocol: str) -> None:
        self._form, self._protocol = form, protocol
        self.seen: set[str] = set()

    def read(self, shape: Shape, prefix: str) -> Any:  # noqa: ANN401 - a parameter of any type
        if isinstance(shape, StructureShape):
            names = {name: self._name(member, name) for name, member in shape.members.items()}
            inside = {name: f"{prefix}.{own}" if prefix else own for name, own in names.items()}
            return {
                name: self.read(shape.members[name], path)
                for name, path in inside.items()
                if self._has(path)
            }
        if isinstance(shape, ListShape):
            return [self.read(shape.member, path) for path in self._listed(shape, prefix)]
        if isinstance(shape, MapShape):
            raise NotImplementedError(f"{prefix}: no call of ours sends a map by form")
        self.seen.add(prefix)
        return _value(shape.type_name, self._form.get(prefix, ""))

    def _name(self, member: Shape, name: str) -> str:
        if self._protocol != "ec2":
            return str(member.serialization.get("name", name))
        if "queryName" in member.serialization:
            return str(member.serialization["queryName"])
        own = str(member.serialization.get("name", name))
        return own[0].upper() + own[1:]

    def _listed(self, shape: ListShape, prefix: str) -> list[str]:
        if self._protocol != "ec2" and not shape.serialization.get("flattened"):
            prefix = f"{prefix}.{shape.member.serialization.get('name', 'member')}"
        heads = (
            key.removeprefix(f"{prefix}.") for key in self._form if key.startswith(f"{prefix}.")
        )
        numbers = {head.partition(".")[0] for head in heads}
        return [f"{prefix}.{number}" for number in sorted(numbers, key=_rank) if number.isdigit()]

    def _has(self, path: str) -> bool:
        return any(key == path or key.startswith(f"{path}.") for key in self._form)


def _rank(number: str) -> tuple[int, str]:
    return (int(number) if number.isdigit() else 0, number)


def _value(kind: str, text: str) -> object:
    """As botocore would have been given it; the text itself where it is no such value."""
    try:
        match kind:
            case "integer" | "long":
                return int(text)
            case "float" | "double":
                return float(text)
            case "boolean":
                return {"true": True, "false": False}.get(text, text)
            case "blob":
                return base64.b64decode(text, validate=True)
            case _:
                return text
    except (ValueError, binascii.Error):
        return text
