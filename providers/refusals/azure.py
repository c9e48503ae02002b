"""How Azure says no."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from broker.domain.values import RefusalReason
from broker.ports import Fault, FaultKind, Refused
from providers.refusals.reading import by_table, ours

if TYPE_CHECKING:
    from collections.abc import Mapping

AZURE: Final[Mapping[str, RefusalReason | FaultKind]] = {
    # Told late, in the body of the operation. Azure SDK extensions for Go, pkg/errors/consts.go
    "AllocationFailed": RefusalReason.NO_CAPACITY,
    "ZonalAllocationFailed": RefusalReason.NO_CAPACITY,
    "OverconstrainedAllocationRequest": RefusalReason.NO_CAPACITY,
    "OverconstrainedZonalAllocationRequest": RefusalReason.NO_CAPACITY,
    # On demand it is about the place, not the hour. learn.microsoft.com error-codes-spot
    "SkuNotAvailable": RefusalReason.NOT_STOCKED,
    # Retry policy of the module Avm.Authoring, PowerShell Gallery
    "LocationNotAvailableForResourceGroup": FaultKind.INVALID,
    "RequestDisallowedByAzure": RefusalReason.NOT_STOCKED,
    # learn.microsoft.com error-codes-spot
    "SpotPriceGreaterThanProvidedMaxPrice": RefusalReason.NO_CAPACITY,
    "AzureSpotFeatureNotEnabledForSubscription": FaultKind.INVALID,
    "MaxPriceValueInvalid": FaultKind.INVALID,
    # learn.microsoft.com troubleshooting-throttling-errors
    "TooManyRequests": FaultKind.THROTTLED,
    "RetryableErrorDueToAnotherOperation": FaultKind.THROTTLED,
    # 401 and 403 alike are credentials. Karpenter for Azure
    "AuthorizationFailed": FaultKind.AUTH,
    "InvalidAuthenticationToken": FaultKind.AUTH,
    "InvalidAuthenticationTokenTenant": FaultKind.AUTH,
    "ExpiredAuthenticationToken": FaultKind.AUTH,
    "AuthenticationFailed": FaultKind.AUTH,
    "LinkedAuthorizationFailed": FaultKind.AUTH,
    "MissingSubscriptionRegistration": FaultKind.AUTH,
    "SubscriptionNotFound": FaultKind.AUTH,
    # Azure Resource Manager, common error codes
    "InvalidParameter": FaultKind.INVALID,
    "InvalidRequestContent": FaultKind.INVALID,
    "InvalidRequestFormat": FaultKind.INVALID,
    "BadRequest": FaultKind.INVALID,
    "ImageNotFound": FaultKind.INVALID,
    "PlatformImageNotFound": FaultKind.INVALID,
    "PropertyChangeNotAllowed": FaultKind.CONFLICT,
    "LocationRequired": FaultKind.INVALID,
    "ResourceGroupNotFound": FaultKind.INVALID,
    "InvalidResourceReference": FaultKind.INVALID,
    "RequestDisallowedByPolicy": FaultKind.INVALID,
    "OperationNotAllowed": FaultKind.INVALID,
    # The subnet is full: a network of ours, not a shortage of machines. consts.go
    "InsufficientSubnetSize": FaultKind.INVALID,
    "SubnetIsFull": FaultKind.INVALID,
    # If-None-Match met a machine of that name
    "PreconditionFailed": FaultKind.CONFLICT,
    "Conflict": FaultKind.CONFLICT,
    "AnotherOperationInProgress": FaultKind.CONFLICT,
    "OperationPreempted": FaultKind.TRANSIENT,
    "InternalServerError": FaultKind.TRANSIENT,
    "InternalExecutionError": FaultKind.TRANSIENT,
    "InternalOperationError": FaultKind.TRANSIENT,
    "RetryableError": FaultKind.TRANSIENT,
    "ServerTimeout": FaultKind.TRANSIENT,
    "GatewayTimeout": FaultKind.TRANSIENT,
    "ServiceUnavailable": FaultKind.TRANSIENT,
}

# OperationNotAllowed without one of these phrases is not about quota. consts.go
_QUOTA_PHRASES: Final = (
    "family cores quota",
    "total regional cores quota",
    "lowprioritycores",
    "submit a request for quota increase",
)
_LIMIT_ZERO: Final = re.compile(r"current limit: 0\b", re.IGNORECASE)
_HIGH_DEMAND: Final = "currently experiencing high demand"


def read_azure(code: str, message: str = "", retry_after_s: float | None = None) -> Refused | Fault:
    """What an error code of Azure means, with what only its text tells."""
    text = message.lower()
    if _HIGH_DEMAND in text:
        return Refused(RefusalReason.NO_CAPACITY, code, message)
    if code in ("OperationNotAllowed", "QuotaExceeded") and (
        code == "QuotaExceeded" or any(phrase in text for phrase in _QUOTA_PHRASES)
    ):
        if _LIMIT_ZERO.search(message):
            return ours(code, "a quota that was never raised from 0", message)
        return Refused(RefusalReason.OVER_QUOTA, code, message)
    return by_table(AZURE, code, message, retry_after_s)
