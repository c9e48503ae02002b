"""What Azure's answers mean, and those that never came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    IncompleteReadError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
)

from broker.ports import Fault, FaultKind, Refused, Unsure
from providers.answers import never_sent
from providers.refusals.azure import read_azure

_BROKEN: Final = 500
_BY_STATUS: Final = {401: FaultKind.AUTH, 403: FaultKind.AUTH, 429: FaultKind.THROTTLED}


def told(failure: AzureError) -> Refused | Fault | Unsure:
    """What a failed call means; a call that may have been carried out leaves us unsure."""
    if isinstance(failure, ServiceRequestTimeoutError) or never_sent(_cause(failure)):
        return Fault(FaultKind.UNREACHABLE, type(failure).__name__, failure.message)
    if isinstance(failure, IncompleteReadError | ServiceRequestError | ServiceResponseError):
        return Unsure(f"Azure broke off: {failure.message}")
    if not isinstance(failure, HttpResponseError) or failure.response is None:
        kind = FaultKind.AUTH if isinstance(failure, ClientAuthenticationError) else None
        return Fault(kind or FaultKind.TRANSIENT, type(failure).__name__, failure.message)
    status = failure.status_code or 0
    wait = str(getattr(failure.response, "headers", {}).get("Retry-After", ""))
    code = failure.error.code if failure.error is not None else None
    text = failure.error.message if failure.error is not None else None
    outcome = read_azure(
        code or f"HTTP {status}", text or failure.message, float(wait) if wait.isdigit() else None
    )
    if isinstance(outcome, Fault) and outcome.kind is FaultKind.UNKNOWN_CODE:
        kind = _BY_STATUS.get(status) or (
            FaultKind.TRANSIENT if status >= _BROKEN else outcome.kind
        )
        return replace(outcome, kind=kind)
    return outcome


def _cause(failure: AzureError) -> BaseException:
    """The SDK keeps the cause, but breaks the chain that would lead to it."""
    return failure.inner_exception or failure


def why(statuses: Mapping[str, str]) -> tuple[str, str]:
    """Code and message of a failed machine, from `ProvisioningState/failed/AllocationFailed`."""
    for status, message in statuses.items():
        head, _, code = status.rpartition("/")
        if head.lower() == "provisioningstate/failed":
            return code, message
    return "ProvisioningFailed", "Azure does not say why"
