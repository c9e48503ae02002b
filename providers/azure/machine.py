"""What Azure is told to make of an order."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

from broker.ports import Order
from providers.machine import boot_script, machine_tags

_IMAGE: Final = "Canonical:ubuntu-24_04-lts:server:latest"
PURCHASE_TAG: Final = "broker-purchase"
_END_COMMAND: Final = "shutdown -h now"


def _within(group: str) -> dict[str, Any]:
    return {"capacityReservation": {"capacityReservationGroup": {"id": group}}}


def machine(order: Order, account: Mapping[str, str], group: str | None = None) -> Any:  # noqa: ANN401 - one of their shapes
    """The machine; with a `group`, one that takes its place in that capacity reservation group."""
    ends_by = None if "endpoint" in account else _END_COMMAND
    start_up = boot_script(order, "azure", account.get("checkpoints", ""), ends_by)
    publisher, offer, sku, version = account.get("image", _IMAGE).split(":")
    address = {"name": "address", "properties": {"subnet": {"id": account["subnet"]}}}
    card = {"primary": True, "deleteOption": "Delete", "ipConfigurations": [address]}
    key = {"path": "/home/machine/.ssh/authorized_keys", "keyData": account.get("ssh_key", "")}
    linux: dict[str, Any] = {"disablePasswordAuthentication": True}
    if key["keyData"]:
        linux["ssh"] = {"publicKeys": [key]}
    return {
        "location": order.place.region,
        "tags": {**machine_tags(order), PURCHASE_TAG: order.place.purchase.value},
        "properties": {
            **(_within(group) if group else {}),
            "hardwareProfile": {"vmSize": order.place.sku},
            "storageProfile": {
                "imageReference": {
                    "publisher": publisher,
                    "offer": offer,
                    "sku": sku,
                    "version": version,
                },
                "osDisk": {"createOption": "FromImage", "deleteOption": "Delete"},
            },
            "osProfile": {
                "computerName": order.name,
                "adminUsername": "machine",
                "customData": base64.b64encode(start_up.encode()).decode(),
                "linuxConfiguration": linux,
            },
            "networkProfile": {
                "networkApiVersion": "2022-11-01",
                "networkInterfaceConfigurations": [{"name": "card", "properties": card}],
            },
            **_on_spot(order),
        },
    }


def _on_spot(order: Order) -> dict[str, Any]:
    """Deleted when Azure wants it back, or when it costs more than the cap; -1: than on demand."""
    if not order.place.interruptible:
        return {}
    most = -1 if order.max_price_usd_hour is None else float(order.max_price_usd_hour)
    return {
        "priority": "Spot",
        "evictionPolicy": "Delete",
        "billingProfile": {"maxPrice": most},
    }
