"""What could be wrong with what is said to Azure, or by it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tests.support.planted.change import Planted, header, refused, sent, target, told, without

DEFECTS: Final = {
    "an unknown field": Planted(
        "virtual_machines_create_or_update, request",
        sent(lambda b: b["properties"].update(hardwareprofile={})),
        "properties.hardwareprofile is unknown",
    ),
    "snake case": Planted(
        "virtual_machines_create_or_update, request",
        sent(lambda b: b["properties"].update(network_profile={})),
        "properties.network_profile is unknown",
    ),
    "a wrong type": Planted(
        "virtual_machines_create_or_update, request",
        sent(lambda b: b["properties"]["storageProfile"]["osDisk"].update(diskSizeGB="big")),
        "osDisk.diskSizeGB is 'big' and not of type integer",
    ),
    "a required field missing": Planted(
        "virtual_machines_create_or_update, request",
        sent(lambda b: b.pop("location")),
        "location is missing",
    ),
    "a required field missing further down": Planted(
        "virtual_machines_create_or_update, request",
        sent(lambda b: b["properties"]["storageProfile"]["osDisk"].pop("createOption")),
        "osDisk.createOption is missing",
    ),
    "a value that nobody lists": Planted(
        "virtual_machines_create_or_update, request",
        sent(lambda b: b["properties"].update(priority="Cheap")),
        "properties.priority is 'Cheap' and none of Regular, Low, Spot",
    ),
    "a read-only field sent": Planted(
        "virtual_machines_create_or_update, request",
        sent(lambda b: b["properties"].update(vmId="mine")),
        "properties.vmId is read-only",
    ),
    "a wrong path": Planted(
        "virtual_machines_create_or_update, request",
        target("virtualMachines", "virtualMachine"),
        "is no operation",
    ),
    "a query nobody knows": Planted(
        "virtual_machines_delete, request",
        target("forceDeletion", "force"),
        "the query's force is unknown",
    ),
    "another version": Planted(
        "virtual_machines_get, request",
        target("api-version=2026", "api-version=2016"),
        "api-version is 2016-04-01 and not 2026-04-01",
    ),
    "an answer with an unknown field": Planted(
        "virtual_machines_get, answer",
        told(lambda b: b["properties"].update(powerState="running")),
        "properties.powerState is unknown",
    ),
    "an answer with a wrong type": Planted(
        "virtual_machines_get, answer", told(lambda b: b.update(zones="1")), "zones is '1'"
    ),
    "an answer without what is required": Planted(
        "virtual_machines_get, answer", told(lambda b: b.pop("location")), "location is missing"
    ),
    "a list that is no page": Planted(
        "virtual_machines_list_all, answer",
        told(lambda b: b.update(items=b.pop("value"))),
        "value is missing",
    ),
    "a link that leads nowhere": Planted(
        "virtual_machines_list_all, answer",
        told(lambda b: b.update(nextLink="/next")),
        "nextLink is '/next'",
    ),
    "nowhere to look": Planted(
        "virtual_machines_create_or_update, answer",
        without("azure-asyncoperation"),
        "neither the header Azure-AsyncOperation nor Location",
    ),
    "a wait that is no number": Planted(
        "virtual_machines_create_or_update, answer",
        header("retry-after", "soon"),
        "Retry-After is 'soon'",
    ),
    "an operation in no known state": Planted(
        "operation_status, answer", told(lambda b: b.update(status="Done")), "status is 'Done'"
    ),
    "a failure without its reason": Planted(
        "operation_status, answer",
        told(lambda b: b.update(status="Failed")),
        "error is missing",
    ),
    "an error of another form": Planted(
        "virtual_machines_get, answer",
        refused(404, b'{"code": "ResourceNotFound", "message": "gone"}'),
        "error is missing",
    ),
    "a body with nothing to say": Planted(
        "virtual_machines_delete, answer",
        lambda exchange: replace(exchange, told=b"{}"),
        "there is a body",
    ),
}
