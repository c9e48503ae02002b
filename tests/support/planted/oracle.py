"""What could be wrong with what is said to Oracle, or by it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tests.support.planted.change import Planted, refused, sent, target, told, without

DEFECTS: Final = {
    "an unknown field": Planted(
        "launch_instance, request", sent(lambda b: b.update(shap="x")), "shap is unknown"
    ),
    "snake case": Planted(
        "launch_instance, request",
        sent(lambda b: b.update(display_name="x")),
        "display_name is unknown",
    ),
    "a wrong type": Planted(
        "launch_instance, request",
        sent(lambda b: b.update(freeformTags=[1])),
        "freeformTags is [1] and not of type object",
    ),
    "a number among texts": Planted(
        "launch_instance, request",
        sent(lambda b: b["metadata"].update(a=1)),
        "metadata.a is 1 and not of type string",
    ),
    "a required field missing": Planted(
        "launch_instance, request",
        sent(lambda b: b.pop("compartmentId")),
        "compartmentId is missing",
    ),
    "a field of another kind of source": Planted(
        "launch_instance, request",
        sent(lambda b: b["sourceDetails"].update(bootVolumeId="x")),
        "sourceDetails.bootVolumeId is unknown",
    ),
    "a kind of source that nobody knows": Planted(
        "launch_instance, request",
        sent(lambda b: b["sourceDetails"].update(sourceType="tape")),
        "sourceDetails.sourceType is 'tape'",
    ),
    "a value that nobody lists": Planted(
        "launch_instance, request",
        sent(lambda b: b.update(launchOptions={"bootVolumeType": "TAPE"})),
        "launchOptions.bootVolumeType is 'TAPE' and none of",
    ),
    "a read-only field sent": Planted(
        "launch_instance, request",
        sent(lambda b: b.update(lifecycleState="RUNNING")),
        "lifecycleState is unknown",
    ),
    "a wrong path": Planted(
        "launch_instance, request", target("/instances", "/machines"), "is no operation"
    ),
    "a query that must be there": Planted(
        "list_instances, request",
        target("compartmentId", "compartment"),
        "the query's compartmentId is missing",
    ),
    "a header nobody knows": Planted(
        "get_instance, request",
        lambda exchange: replace(
            exchange, sent_headers={**exchange.sent_headers, "opc-retry-token": "x"}
        ),
        "the header opc-retry-token is unknown",
    ),
    "an unsigned request": Planted(
        "get_instance, request",
        lambda exchange: replace(exchange, sent_headers={}),
        "does not sign (request-target), date, host",
    ),
    "an answer with an unknown field": Planted(
        "get_instance, answer", told(lambda b: b.update(state="x")), "state is unknown"
    ),
    "an answer without what is required": Planted(
        "get_instance, answer", told(lambda b: b.pop("shape")), "shape is missing"
    ),
    "an answer with a value that nobody lists": Planted(
        "get_instance, answer",
        told(lambda b: b.update(lifecycleState="ON")),
        "lifecycleState is 'ON' and none of",
    ),
    "an answer with no instant": Planted(
        "get_instance, answer",
        told(lambda b: b.update(timeCreated="yesterday")),
        "timeCreated is 'yesterday'",
    ),
    "a list in an object": Planted(
        "list_instances, answer",
        lambda exchange: replace(exchange, told=b'{"items": []}'),
        "and not of type array",
    ),
    "a launch without its work request": Planted(
        "launch_instance, answer",
        without("opc-work-request-id"),
        "the header opc-work-request-id is missing",
    ),
    "an answer without its number": Planted(
        "terminate_instance, answer",
        without("opc-request-id"),
        "the header opc-request-id is missing",
    ),
    "an error of another form": Planted(
        "get_instance, answer",
        refused(404, b'{"error": "NotAuthorizedOrNotFound"}'),
        "code is missing",
    ),
}
