"""How AWS says no."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from broker.domain.values import RefusalReason
from broker.ports import Fault, FaultKind, Refused
from providers.refusals.reading import by_table, ours

if TYPE_CHECKING:
    from collections.abc import Mapping

AWS: Final[Mapping[str, RefusalReason | FaultKind]] = {
    # Server errors by status, a "no" by meaning. Karpenter for AWS, pkg/errors/errors.go
    "InsufficientInstanceCapacity": RefusalReason.NO_CAPACITY,
    "InsufficientHostCapacity": RefusalReason.NO_CAPACITY,
    "InsufficientReservedInstanceCapacity": RefusalReason.NO_CAPACITY,
    "InsufficientCapacity": RefusalReason.NO_CAPACITY,
    "InsufficientCapacityOnHost": RefusalReason.NO_CAPACITY,
    "UnfulfillableCapacity": RefusalReason.NO_CAPACITY,
    "ReservationCapacityExceeded": RefusalReason.NO_CAPACITY,
    "SpotMaxPriceTooLow": RefusalReason.NO_CAPACITY,
    # The same, told late in the state reason of a terminated instance. EC2 API, StateReason
    "Server.InsufficientInstanceCapacity": RefusalReason.NO_CAPACITY,
    "Server.SpotInstanceTermination": FaultKind.TRANSIENT,
    "Server.InternalError": FaultKind.TRANSIENT,
    "Client.InstanceInitiatedShutdown": FaultKind.TRANSIENT,
    "Client.VolumeLimitExceeded": FaultKind.INVALID,
    "Client.InvalidSnapshot.NotFound": FaultKind.INVALID,
    "Client.InternalError": FaultKind.INVALID,
    # Karpenter for AWS; texts in Gardener's machine controller, pkg/aws/errors
    "VcpuLimitExceeded": RefusalReason.OVER_QUOTA,
    "InstanceLimitExceeded": RefusalReason.OVER_QUOTA,
    "MaxSpotInstanceCountExceeded": RefusalReason.OVER_QUOTA,
    "MaxFleetCountExceeded": RefusalReason.OVER_QUOTA,
    # AWS ParallelCluster, fast insufficient capacity fail-over
    "Unsupported": RefusalReason.NOT_STOCKED,
    "InvalidInstanceType.NotFound": RefusalReason.NOT_STOCKED,
    # The subnet is full: a network of ours, not a shortage of machines. Karpenter for AWS
    "InsufficientFreeAddressesInSubnet": FaultKind.INVALID,
    # Karpenter for AWS
    "RequestLimitExceeded": FaultKind.THROTTLED,
    "Throttling": FaultKind.THROTTLED,
    "ThrottlingException": FaultKind.THROTTLED,
    "TooManyRequestsException": FaultKind.THROTTLED,
    "EC2ThrottledException": FaultKind.THROTTLED,
    # Karpenter for AWS, dstack; EC2 API, client error codes
    "AuthFailure": FaultKind.AUTH,
    "AuthFailure.ServiceLinkedRoleCreationNotPermitted": FaultKind.AUTH,
    "UnauthorizedOperation": FaultKind.AUTH,
    "AccessDenied": FaultKind.AUTH,
    "AccessDeniedException": FaultKind.AUTH,
    "InvalidClientTokenId": FaultKind.AUTH,
    "UnrecognizedClientException": FaultKind.AUTH,
    "SignatureDoesNotMatch": FaultKind.AUTH,
    "RequestExpired": FaultKind.AUTH,
    "OptInRequired": FaultKind.AUTH,
    "Blocked": FaultKind.AUTH,
    "PendingVerification": FaultKind.AUTH,
    # EC2 API, client error codes
    "InvalidParameterValue": FaultKind.INVALID,
    "InvalidParameterCombination": FaultKind.INVALID,
    "InvalidParameter": FaultKind.INVALID,
    "MissingParameter": FaultKind.INVALID,
    "UnknownParameter": FaultKind.INVALID,
    "InvalidAMIID.NotFound": FaultKind.INVALID,
    "InvalidAMIID.Malformed": FaultKind.INVALID,
    "InvalidAMIID.Unavailable": FaultKind.INVALID,
    "InvalidSubnetID.NotFound": FaultKind.INVALID,
    "InvalidSecurityGroupID.NotFound": FaultKind.INVALID,
    "InvalidGroup.NotFound": FaultKind.INVALID,
    "InvalidUserData.Malformed": FaultKind.INVALID,
    "InvalidBlockDeviceMapping": FaultKind.INVALID,
    "VPCIdNotSpecified": FaultKind.INVALID,
    "UnsupportedOperation": FaultKind.INVALID,
    # AWS, "Ensuring idempotency"
    "IdempotentParameterMismatch": FaultKind.CONFLICT,
    "IdempotentInstanceTerminated": FaultKind.CONFLICT,
    # EC2 API, server error codes
    "Unavailable": FaultKind.TRANSIENT,
    "ServiceUnavailable": FaultKind.TRANSIENT,
    "InternalError": FaultKind.TRANSIENT,
    "InternalFailure": FaultKind.TRANSIENT,
}

_SPREAD_LIMIT: Final = "limit of instances in this spread placement group"
_LIMIT_ZERO: Final = re.compile(r"limit of 0\b", re.IGNORECASE)


def read_aws(code: str, message: str = "", retry_after_s: float | None = None) -> Refused | Fault:
    """What an error code of EC2 means, with what only its text tells."""
    if code == "InsufficientInstanceCapacity" and _SPREAD_LIMIT in message.lower():
        return Fault(FaultKind.INVALID, code, f"the placement group is full: {message}")
    if code == "VcpuLimitExceeded" and _LIMIT_ZERO.search(message):
        return ours(code, "a quota that was never raised from 0", message)
    return by_table(AWS, code, message, retry_after_s)
