"""What Azure's answers mean, and those that never came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
)

from broker.domain.place import Reach
from broker.ports import Fault, FaultKind, Refused, Unsure
from providers.answers import never_sent
from providers.refusals.azure import read_azure

BROKEN: Final = (AzureError, ValueError)
"""All that a call can raise; an answer that ends in its head counts as one without a body."""
_BROKE_OFF: Final = (DecodeError, ServiceRequestError, ServiceResponseError)


def told(
    failure: AzureError | ValueError, who: str, *, spot: bool = False
) -> Refused | Fault | Unsure:
    """What a failed call means; a call that may have been carried out leaves us unsure."""
    if not isinstance(failure, AzureError):
        return Unsure(f"Azure broke off: its answer cannot be read: {failure}")
    code, text = type(failure).__name__, f"{who}: {failure.message}"
    if isinstance(failure, ServiceRequestTimeoutError) or never_sent(_cause(failure)):
        return Fault(FaultKind.UNREACHABLE, code, text)
    if isinstance(failure, _BROKE_OFF):
        return Unsure(f"Azure broke off: {failure.message}")
    if not isinstance(failure, HttpResponseError) or failure.response is None:
        if isinstance(failure, ClientAuthenticationError):
            return _no_token(code, text)
        return Fault(FaultKind.TRANSIENT, code, text)
    status = failure.status_code or 0
    wait = str(getattr(failure.response, "headers", {}).get("Retry-After", ""))
    said = failure.error
    return read_azure(
        (said.code if said is not None else "") or f"HTTP {status}",
        (said.message if said is not None else "") or failure.message,
        float(wait) if wait.isdigit() else None,
        status,
        spot=spot,
        account=who,
    )


def _no_token(code: str, text: str) -> Fault:
    """Microsoft Entra gives no token: it names its own code, AADSTS and a number."""
    field, remedy = "client_secret", "give one that has not ended"
    for number, (what, to_do) in _ENTRA.items():
        if f"AADSTS{number}" in text:
            field, remedy = what, to_do
    return Fault(FaultKind.AUTH, code, f"{text}; {field}: {remedy}", reach=Reach.CLOUD)


_ENTRA: Final = {
    700016: ("client_id", "name an application of this tenant"),
    700024: ("clock", "set this computer's clock by a time server"),
    90002: ("tenant_id", "name a tenant that there is"),
    7000215: ("client_secret", "give its value, and not its id"),
    7000222: ("client_secret", "it has ended: make a new one"),
}
"""What the commonest codes of Microsoft Entra mean. learn.microsoft.com, AADSTS error codes"""


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
