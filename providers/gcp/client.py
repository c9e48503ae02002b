"""The SDK's clients: with whose credentials, how patient, and over what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from google.api_core.client_options import ClientOptions
from google.api_core.timeout import ConstantTimeout
from google.cloud import compute_v1 as compute
from google.oauth2.credentials import Credentials

_PAGE: Final = 500
_PREEMPTED: Final = "compute.instances.preempted"


@dataclass(frozen=True, kw_only=True)
class Client:
    """The calls we make, each sent once and bounded in time; made at the first call, and kept."""

    project: str
    token: str = field(repr=False)
    endpoint: str
    timeout: tuple[float, float]
    """Seconds to connect, seconds to read."""

    def insert(self, zone: str, instance: compute.Instance, request_id: str) -> compute.Operation:
        request = compute.InsertInstanceRequest(
            project=self.project, zone=zone, instance_resource=instance, request_id=request_id
        )
        return self._instances.insert_unary(request, retry=None, timeout=self.limit)

    def operation(self, zone: str, name: str) -> compute.Operation:
        request = compute.GetZoneOperationRequest(project=self.project, zone=zone, operation=name)
        return self._operations.get(request, retry=None, timeout=self.limit)

    def instance(self, zone: str, name: str) -> compute.Instance:
        request = compute.GetInstanceRequest(project=self.project, zone=zone, instance=name)
        return self._instances.get(request, retry=None, timeout=self.limit)

    def delete(self, zone: str, name: str) -> compute.Operation:
        request = compute.DeleteInstanceRequest(project=self.project, zone=zone, instance=name)
        return self._instances.delete_unary(request, retry=None, timeout=self.limit)

    def preempted(self, zone: str, name: str) -> bool:
        """Whether Google took a machine of that name back, by an operation of its own."""
        said = f'(operationType = "{_PREEMPTED}") AND (targetLink eq ".*/instances/{name}")'
        request = compute.ListZoneOperationsRequest(
            project=self.project, zone=zone, filter=said, max_results=1
        )
        listed = self._operations.list(request, retry=None, timeout=self.limit)
        return any(one.operation_type == _PREEMPTED for one in listed)

    def labelled(self, key: str, value: str) -> list[tuple[str, compute.Instance]]:
        """Zone and instance, in every zone."""
        request = compute.AggregatedListInstancesRequest(
            project=self.project, filter=f"labels.{key}={value}", max_results=_PAGE
        )
        scopes = self._instances.aggregated_list(request, retry=None, timeout=self.limit)
        return [
            (scope.removeprefix("zones/"), instance)
            for scope, listed in scopes
            for instance in listed.instances
        ]

    @cached_property
    def _instances(self) -> compute.InstancesClient:
        return compute.InstancesClient(**self.settings)

    @cached_property
    def _operations(self) -> compute.ZoneOperationsClient:
        # The poller that `insert` hands out forgets the endpoint; hence a client of our own.
        return compute.ZoneOperationsClient(**self.settings)

    @property
    def settings(self) -> dict[str, Any]:
        options = ClientOptions(api_endpoint=self.endpoint or None)
        own = Credentials(token=self.token) if self.token else None  # type: ignore[no-untyped-call]
        return {"credentials": own, "client_options": options}

    @property
    def limit(self) -> ConstantTimeout:
        # A plain number would bound connecting and reading with one limit.
        return ConstantTimeout(self.timeout)  # type: ignore[no-untyped-call]


def client(account: Mapping[str, str]) -> Client:
    """The client of an account; its fields are those of `build`."""
    return Client(
        project=account["project"],
        token=account.get("token", ""),
        endpoint=account.get("endpoint", ""),
        timeout=(float(account.get("connect_s", "2")), float(account.get("read_s", "10"))),
    )


def zones_in(zones: Iterable[str], region: str) -> tuple[str, ...]:
    """The zones of a region that are to be asked; one of which none is named has its zone a."""
    known = tuple(zone for zone in zones if zone.rpartition("-")[0] == region)
    return known or (f"{region}-a",)
