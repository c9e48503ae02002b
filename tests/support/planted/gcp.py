"""What could be wrong with what is said to Google, or by it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tests.support.planted.change import Planted, refused, sent, target, told

DEFECTS: Final = {
    "an unknown field": Planted(
        "compute.instances.insert, request",
        sent(lambda b: b.update(machine="x")),
        "machine is unknown",
    ),
    "snake case": Planted(
        "compute.instances.insert, request",
        sent(lambda b: b.update(network_interfaces=[])),
        "network_interfaces is unknown",
    ),
    "a wrong type": Planted(
        "compute.instances.insert, request",
        sent(lambda b: b.update(labels=["a"])),
        "labels is ['a'] and not of type object",
    ),
    "64 bits as a number": Planted(
        "compute.instances.insert, request",
        sent(lambda b: b["disks"][0]["initializeParams"].update(diskSizeGb=50)),
        "disks.0.initializeParams.diskSizeGb is 50 and not of type string",
    ),
    "a required field missing": Planted(
        "compute.instances.insert, request", sent(lambda b: b.pop("name")), "name is missing"
    ),
    "a value that nobody lists": Planted(
        "compute.instances.insert, request",
        sent(lambda b: b["scheduling"].update(onHostMaintenance="EXPLODE")),
        "scheduling.onHostMaintenance is 'EXPLODE' and none of",
    ),
    "a read-only field sent": Planted(
        "compute.instances.insert, request",
        sent(lambda b: b.update(status="RUNNING")),
        "status is read-only",
    ),
    "a wrong path": Planted(
        "compute.instances.insert, request", target("/zones/", "/zone/"), "is no operation"
    ),
    "a query nobody knows": Planted(
        "compute.instances.insert, request",
        target("requestId", "request_id"),
        "the query's request_id is unknown",
    ),
    "a query of a wrong type": Planted(
        "compute.instances.aggregatedList, request",
        target("maxResults=500", "maxResults=all"),
        "the query's maxResults",
    ),
    "an answer with an unknown field": Planted(
        "compute.instances.get, answer", told(lambda b: b.update(state="x")), "state is unknown"
    ),
    "an answer with 64 bits as a number": Planted(
        "compute.instances.get, answer", told(lambda b: b.update(id=7)), "id is 7"
    ),
    "an answer with a value that nobody lists": Planted(
        "compute.instances.get, answer",
        told(lambda b: b.update(status="ON")),
        "status is 'ON' and none of",
    ),
    "an operation's progress as text": Planted(
        "compute.instances.insert, answer",
        told(lambda b: b.update(progress="0")),
        "progress is '0'",
    ),
    "an error of another form": Planted(
        "compute.instances.get, answer",
        refused(404, b'{"error": {"code": 404, "message": "gone"}}'),
        "error.errors is missing",
    ),
    "an error with another status": Planted(
        "compute.instances.get, answer",
        refused(
            404,
            b'{"error": {"code": 500, "message": "m",'
            b' "errors": [{"message": "m", "domain": "global", "reason": "notFound"}]}}',
        ),
        "error.code",
    ),
    "an answer that is no JSON": Planted(
        "compute.instances.get, answer",
        lambda exchange: replace(exchange, told=b"<html>"),
        "not JSON",
    ),
}
