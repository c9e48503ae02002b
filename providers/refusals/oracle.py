"""How Oracle Cloud says no."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from broker.domain.values import RefusalReason
from broker.ports import Fault, FaultKind, Refused
from providers.refusals.reading import by_table

if TYPE_CHECKING:
    from collections.abc import Mapping

ORACLE: Final[Mapping[str, RefusalReason | FaultKind]] = {
    # Limit of the tenancy, quota of the compartment. docs.oracle.com, API errors
    "LimitExceeded": RefusalReason.OVER_QUOTA,
    "QuotaExceeded": RefusalReason.OVER_QUOTA,
    # docs.oracle.com, API errors; cluster in the cloud, issue 29
    "TooManyRequests": FaultKind.THROTTLED,
    # On a launch 404 is a missing permission or a wrong identifier. docs.oracle.com, API errors
    "NotAuthenticated": FaultKind.AUTH,
    "NotAuthorized": FaultKind.AUTH,
    "NotAuthorizedOrNotFound": FaultKind.AUTH,
    "SignUpRequired": FaultKind.AUTH,
    # docs.oracle.com, API errors
    "InvalidParameter": FaultKind.INVALID,
    "CannotParseRequest": FaultKind.INVALID,
    "MissingParameter": FaultKind.INVALID,
    "RelatedResourceNotAuthorizedOrNotFound": FaultKind.INVALID,
    "InsufficientServicePermissions": FaultKind.INVALID,
    "NotFound": FaultKind.INVALID,
    "MethodNotAllowed": FaultKind.INVALID,
    # docs.oracle.com, API errors; defaults of the SDK's own retries
    "IncorrectState": FaultKind.TRANSIENT,
    "ExternalServerIncorrectState": FaultKind.TRANSIENT,
    "LockConflict": FaultKind.TRANSIENT,
    "InternalError": FaultKind.TRANSIENT,
    "InternalServerError": FaultKind.TRANSIENT,
    "ServiceUnavailable": FaultKind.TRANSIENT,
    # The machine of this token has been ended since. docs.oracle.com, API errors
    "InvalidatedRetryToken": FaultKind.CONFLICT,
    "Conflict": FaultKind.CONFLICT,
}

# A shortage has no code of its own: it is an InternalError with this text, at once or in the work
# request. Karpenter for OCI, pkg/oci/errors.go; cluster in the cloud, issue 29
_SHORTAGE: Final = re.compile(r"out of (host )?capacity", re.IGNORECASE)
# A shape the region does not have. Karpenter for OCI; docs.oracle.com, capacity report
_NO_SUCH_SHAPE: Final = re.compile(
    r"shape \S+ (is not (valid|supported|available)|not found)|hardware_not_supported",
    re.IGNORECASE,
)


def read_oracle(
    code: str, message: str = "", retry_after_s: float | None = None, status: int = 0
) -> Refused | Fault:
    """What an error means; shortages and missing shapes are told apart by their text alone."""
    if _SHORTAGE.search(message):
        return Refused(RefusalReason.NO_CAPACITY, code, message)
    if code == "InvalidParameter" and _NO_SUCH_SHAPE.search(message):
        return Refused(RefusalReason.NOT_STOCKED, code, message)
    if code not in ORACLE and status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # A balancer before the cloud answers without a code
        return Fault(FaultKind.TRANSIENT, code or str(status), message, retry_after_s)
    return by_table(ORACLE, code, message, retry_after_s)
