"""The text of an edition file -> strings, whole numbers, lists and mappings."""

from __future__ import annotations

from typing import Any

import yaml

from broker.agreements.errors import AgreementError


class _Plain(yaml.SafeLoader):
    """Safe, and plainer still: instants and fractions stay the text they were."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as the library declares it
        first: [rule for rule in rules if rule[0].rsplit(":", 1)[-1] not in ("float", "timestamp")]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def parse(text: str, file: str) -> dict[Any, Any]:
    """The one mapping in a text, in which no key stands twice. Raises AgreementError."""
    try:
        loader = _Plain(text)
        try:
            node = loader.get_single_node()
            _refuse_twins(node)
            document = loader.construct_document(node) if node else None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as broken:
        line = broken.problem_mark.line + 1 if broken.problem_mark else 1
        says = f"line {line} cannot be read as YAML: {broken.problem or broken.context}"
        raise AgreementError(says, file=file) from broken
    except yaml.YAMLError as broken:
        says = f"this cannot be read as YAML: {' '.join(str(broken).split())}"
        raise AgreementError(says, file=file) from broken
    if not isinstance(document, dict):
        raise AgreementError("this holds no edition: a mapping is expected", file=file)
    return document


def _refuse_twins(root: yaml.Node | None) -> None:
    """YAML lets the later of two equal keys win in silence; here that is an error."""
    waiting, met = [root], set[int]()
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in met:
            continue
        met.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)
        if isinstance(node, yaml.MappingNode):
            seen = set[str]()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"the key {key.value!r} stands twice", problem_mark=key.start_mark
                    )
                seen.add(str(key.value))
                waiting.append(value)
