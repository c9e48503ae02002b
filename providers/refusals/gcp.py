"""How Google Cloud says no."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from broker.domain.values import RefusalReason
from broker.ports import Fault, FaultKind, Refused
from providers.refusals.reading import by_table, ours

if TYPE_CHECKING:
    from collections.abc import Mapping

GCP: Final[Mapping[str, RefusalReason | FaultKind]] = {
    # Told late, in the operation. docs.cloud.google.com/compute/docs/resource-error
    "ZONE_RESOURCE_POOL_EXHAUSTED": RefusalReason.NO_CAPACITY,
    "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS": RefusalReason.NO_CAPACITY,
    # cluster-autoscaler, cloudprovider/gce/autoscaling_gce_client.go
    "RESOURCE_POOL_EXHAUSTED": RefusalReason.NO_CAPACITY,
    "REGION_RESOURCE_POOL_EXHAUSTED": RefusalReason.NO_CAPACITY,
    "REGION_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS": RefusalReason.NO_CAPACITY,
    # SkyPilot, cloud_vm_ray_backend.py
    "insufficientCapacity": RefusalReason.NO_CAPACITY,
    # In the operation and at once. SkyPilot; discovery document, quotaInfo
    "QUOTA_EXCEEDED": RefusalReason.OVER_QUOTA,
    "quotaExceeded": RefusalReason.OVER_QUOTA,
    # The subnet is full: a network of ours, not a shortage of machines. cluster-autoscaler
    "IP_SPACE_EXHAUSTED": FaultKind.INVALID,
    "IP_SPACE_EXHAUSTED_WITH_DETAILS": FaultKind.INVALID,
    # 403 carries all of these; only the reason tells. SkyPilot, cluster-autoscaler
    "forbidden": FaultKind.AUTH,
    "required": FaultKind.AUTH,
    "authError": FaultKind.AUTH,
    "accessNotConfigured": FaultKind.AUTH,
    "PERMISSIONS_ERROR": FaultKind.AUTH,
    "IAM_PERMISSION_DENIED": FaultKind.AUTH,
    "UNAUTHENTICATED": FaultKind.AUTH,
    "PERMISSION_DENIED": FaultKind.AUTH,
    "rateLimitExceeded": FaultKind.THROTTLED,
    "userRateLimitExceeded": FaultKind.THROTTLED,
    "RATE_LIMIT_EXCEEDED": FaultKind.THROTTLED,
    "RESOURCE_EXHAUSTED": FaultKind.THROTTLED,
    # SkyPilot
    "RESOURCE_OPERATION_RATE_EXCEEDED": FaultKind.THROTTLED,
    "RESOURCE_NOT_READY": FaultKind.TRANSIENT,
    "resourceNotReady": FaultKind.TRANSIENT,
    "backendError": FaultKind.TRANSIENT,
    "internalError": FaultKind.TRANSIENT,
    "INTERNAL_ERROR": FaultKind.TRANSIENT,
    # Spot only, and then a shortage; we launch on demand. SkyPilot
    "UNSUPPORTED_OPERATION": FaultKind.INVALID,
    # An organisation policy of ours. cluster-autoscaler
    "CONDITION_NOT_MET": FaultKind.INVALID,
    "conditionNotMet": FaultKind.INVALID,
    # cloud.google.com/compute/docs, error messages of the API
    "invalid": FaultKind.INVALID,
    "badRequest": FaultKind.INVALID,
    "parseError": FaultKind.INVALID,
    "INVALID_FIELD_VALUE": FaultKind.INVALID,
    "INVALID_USAGE": FaultKind.INVALID,
    "RESOURCE_NOT_FOUND": FaultKind.INVALID,
    "notFound": FaultKind.INVALID,
    # Our own earlier attempt, or a name that is not ours
    "alreadyExists": FaultKind.CONFLICT,
    "RESOURCE_ALREADY_EXISTS": FaultKind.CONFLICT,
}

# A machine type that a zone does not have; the same text serves a typing error in its name, which
# the catalogue has already ruled out. dstack, core/backends/gcp/compute.py
_NO_SUCH_TYPE: Final = re.compile(r"machine ?type\b.*\b(does not exist|not found)", re.IGNORECASE)
_LIMIT_ZERO: Final = re.compile(r"limit: 0(\.0)?\b", re.IGNORECASE)
_BY_STATUS: Final[Mapping[int, FaultKind]] = {
    HTTPStatus.UNAUTHORIZED: FaultKind.AUTH,
    HTTPStatus.TOO_MANY_REQUESTS: FaultKind.THROTTLED,
    HTTPStatus.INTERNAL_SERVER_ERROR: FaultKind.TRANSIENT,
    HTTPStatus.BAD_GATEWAY: FaultKind.TRANSIENT,
    HTTPStatus.SERVICE_UNAVAILABLE: FaultKind.TRANSIENT,
    HTTPStatus.GATEWAY_TIMEOUT: FaultKind.TRANSIENT,
}


def read_gcp(
    code: str, message: str = "", retry_after_s: float | None = None, status: int = 0
) -> Refused | Fault:
    """What a reason or operation error means; the status only speaks where no code is known."""
    if code in ("invalid", "notFound", "RESOURCE_NOT_FOUND") and _NO_SUCH_TYPE.search(message):
        return Refused(RefusalReason.NOT_STOCKED, code, message)
    if code in ("QUOTA_EXCEEDED", "quotaExceeded") and _LIMIT_ZERO.search(message):
        return ours(code, "a quota that was never raised from 0", message)
    if code not in GCP and status in _BY_STATUS:
        return Fault(_BY_STATUS[HTTPStatus(status)], code or str(status), message, retry_after_s)
    return by_table(GCP, code, message, retry_after_s)
