"""The editions of the fuzz: what ships, with short times, amended while the histories run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final

from broker.agreements.registry import agreements
from broker.domain.agreement import Agreement
from tests.support.editions import E1, SHIPPED

START: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
AMENDED: Final = START + timedelta(minutes=15)
"""When the second edition begins: in the middle of a history."""
HOUSE: Final = "house"
"""First refusal, in two editions; in the second evaluation is free."""
OPEN: Final = "open"
CLOSED: Final = "closed"
"""One cloud for everything: only a consent opens another."""
QUOTED: Final = "quoted"
"""A third party's quote wakes the right; an open offer ends with it. Its desk has a webhook."""
KEPT: Final = "kept"
"""The same, but an open offer survives its quote."""
MILD: Final = "mild"
"""What is rare elsewhere: small jobs go free, one default suspends, little proves an absence."""

_TEMPLATE: Final = "azure-first-refusal.yaml"

_SHORT: Final = {
    "agreement: azure-first-refusal": f"agreement: {HOUSE}",
    "after: PT5M}": "after: PT60S}",
    "default: PT30M": "default: PT2M",
    "pretraining: PT4H, fine_tuning: PT30M, research: PT30M,": "pretraining: PT4M,",
    "batch_inference: PT10M, inference_first_party: PT5M": "batch_inference: PT60S",
    "suspend_after: {defaults: 3, within: P30D}, suspend_for: P7D": (
        "suspend_after: {defaults: 2, within: PT20M}, suspend_for: PT5M"
    ),
    "provision: {deadline: PT2H, cure: PT15M}": "provision: {deadline: PT3M, cure: PT60S}",
}
_FIRST: Final = {
    'edition: "2025-01-21"': 'edition: "first"',
    "status: in_force": "status: superseded",
    'to: null}\nrecorded_at: "2026': 'to: "2026-03-02T12:15:00Z"}\nrecorded_at: "2026',
    "after_refusal: {tail: PT24H,": "after_refusal: {tail: PT10M,",
    "{refusal_max_age: PT15M,": "{refusal_max_age: PT3M,",
}
_SECOND: Final = {
    'edition: "2025-01-21"': 'edition: "second"',
    '{from: "2025-01-21T00:00:00Z"': '{from: "2026-03-02T12:15:00Z"',
    "supersedes: null": "supersedes: first",
    "after_refusal: {tail: PT24H, tolerance_price: 0.00, tail_from: window_end}": (
        "after_refusal: {tail: PT6M, tolerance_price: 0.05, tail_from: notice}"
    ),
    "{refusal_max_age: PT15M,": "{refusal_max_age: PT10M,",
    "batch_inference: PT60S": "batch_inference: PT90S",
    "  - id: own-build-carve-out": (
        "  - id: evaluation-anywhere\n"
        "    effect: permit\n"
        "    carves_out: [compute-rofr]\n"
        "    match: {class: [evaluation]}\n"
        "    standing: assumed\n"
        "    assumed: true\n\n"
        "  - id: own-build-carve-out"
    ),
}
_MILD: Final = {
    f"agreement: {HOUSE}": f"agreement: {MILD}",
    "after_refusal: {tail: PT24H,": "after_refusal: {tail: PT10M,",
    "{refusal_max_age: PT15M, acceptance_max_age: PT15M}": (
        "{refusal_max_age: PT3M, acceptance_max_age: PT4M}"
    ),
    "suspend_after: {defaults: 2, within: PT20M}": "suspend_after: {defaults: 1, within: PT20M}",
    "{probes: 5, vantage: 2, over: PT5M}": "{probes: 3, vantage: 2, over: PT40S}",
    "reclaim: none": (
        "reclaim: {notice: PT60S, checkpointable_only: true}\n"
        "      lease: {term: PT25M, renew_before: PT11M}"
    ),
    "de_minimis: null": "de_minimis: {units: 1, per_tenant_window: PT5M, cap_units: 3}",
    "waivers: []": (
        "waivers:\n"
        "  - {id: beforehand, of_clause: compute-rofr, given_by: azure,\n"
        '     from: "2026-03-02T12:01:00Z", to: "2026-03-02T12:08:00Z",\n'
        "     match: {class: [evaluation, pretraining]}, cap_units: 3}"
    ),
}
_QUOTED: Final = {
    f"agreement: {HOUSE}": f"agreement: {QUOTED}",
    "trigger: need": "trigger: third_party_quote",
    "quote_withdrawn: offer_survives": "quote_withdrawn: withdraw",
    "after_refusal: {tail: PT24H,": "after_refusal: {tail: PT10M,",
    "{refusal_max_age: PT15M,": "{refusal_max_age: PT5M,",
}
_KEPT: Final = {
    f"agreement: {QUOTED}": f"agreement: {KEPT}",
    "quote_withdrawn: withdraw": "quote_withdrawn: offer_survives",
    "after_refusal: {tail: PT10M,": "after_refusal: {tail: PT30M,",
    "{refusal_max_age: PT5M,": "{refusal_max_age: PT40M,",
}
_CLOSED: Final = {
    "agreement: microsoft-openai": f"agreement: {CLOSED}",
    "status: superseded": "status: in_force",
    '"2023-01-23T00:00:00Z", to: "2025-01-21T00:00:00Z"}': '"2023-01-23T00:00:00Z", to: null}',
    "id: openai": "id: operator",
    "id: microsoft": "id: azure",
    "of: microsoft": "of: azure",
    "by: microsoft": "by: azure",
    'from: "2024-06-11T00:00:00Z"': 'from: "2026-03-02T12:02:00Z"',
    'to: "2025-01-21T00:00:00Z"': 'to: "2026-03-02T12:10:00Z"',
    "pool: [oci-via-azure]\n    excl": "pool: [aws, own]\n    excl",
}
_DRAFT: Final = {
    'edition: "2025-01-21"': 'edition: "draft"',
    "status: in_force": "status: draft",
    '{from: "2025-01-21T00:00:00Z"': '{from: "2099-01-01T00:00:00Z"',
    "supersedes: null": "supersedes: second",
}


@cache
def fuzzed() -> Mapping[str, Agreement]:
    """The agreements that the tenants of the fuzz stand under."""
    texts = {
        f"{HOUSE}.first.yaml": _altered(_TEMPLATE, _SHORT, _FIRST),
        f"{HOUSE}.second.yaml": _altered(_TEMPLATE, _SHORT, _SECOND),
        f"{MILD}.yaml": _altered(_TEMPLATE, _SHORT, _MILD),
        f"{CLOSED}.yaml": _altered(E1, _CLOSED),
        f"{QUOTED}.yaml": _altered(_TEMPLATE, _SHORT, _QUOTED),
        f"{KEPT}.yaml": _altered(_TEMPLATE, _SHORT, _QUOTED, _KEPT),
        "open.yaml": SHIPPED["open.yaml"],
    }
    drafts = {f"{HOUSE}.draft.yaml": _altered(_TEMPLATE, _SHORT, _DRAFT)}
    return agreements({**texts, **drafts})


def _altered(file: str, *changes: Mapping[str, str]) -> str:
    text = SHIPPED[file]
    for change in changes:
        for good, bad in change.items():
            assert good in text, f"the shipped edition has no {good!r} any more"
            text = text.replace(good, bad, 1)
    return text
