"""How AWS's face says no: status, code and words."""

from __future__ import annotations

from typing import assert_never

from providers.emulators.cloud import Mismatch, NotSold, OverQuota, StockOut, TooDear


class Wrong(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def refusal(
    launch: Mismatch | StockOut | NotSold | OverQuota | TooDear, sku: str, place: str
) -> Wrong:
    """What EC2 answers to a launch that comes to nothing."""
    match launch:
        case Mismatch():
            text = "Arguments on this idempotent request are inconsistent with earlier ones."
            return Wrong(400, "IdempotentParameterMismatch", text)
        case StockOut() if sku.endswith(" reserved"):
            text = "The requested reservation does not have sufficient compatible capacity"
            return Wrong(400, "ReservationCapacityExceeded", text)
        case StockOut():
            text = f"We currently do not have sufficient {sku} capacity in {place}."
            return Wrong(500, "InsufficientInstanceCapacity", text)
        case NotSold():
            text = f"Your requested instance type ({sku}) is not supported in {place}."
            return Wrong(400, "Unsupported", text)
        case OverQuota(limit=limit):
            text = f"You have requested more vCPU capacity than your limit of {limit} allows"
            return Wrong(400, "VcpuLimitExceeded", text)
        case TooDear(price=price):
            text = f"Your Spot request price is lower than the minimum required, {price}."
            return Wrong(400, "SpotMaxPriceTooLow", text)
        case _:
            assert_never(launch)
