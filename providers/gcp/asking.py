"""The calls that only ask. The SDK's clients are those of its other services, made when needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from google.cloud import compute_v1 as compute

from broker.domain.market import Place
from providers.gcp.client import Client, client

_PAGE = 500


@dataclass(frozen=True, kw_only=True)
class Asking:
    """Each call is sent once and bounded in time."""

    client: Client

    @classmethod
    def of(cls, account: Mapping[str, str]) -> Self:
        return cls(client=client(account))

    def machine_types(self, zone: str, names: Iterable[str]) -> list[compute.MachineType]:
        """Those of a zone that have one of these names."""
        wanted = " OR ".join(f'(name = "{name}")' for name in names)
        request = compute.ListMachineTypesRequest(
            project=self.client.project, zone=zone, filter=wanted, max_results=_PAGE
        )
        return list(self._types.list(request, retry=None, timeout=self.client.limit))

    def region(self, name: str) -> compute.Region:
        request = compute.GetRegionRequest(project=self.client.project, region=name)
        return self._regions.get(request, retry=None, timeout=self.client.limit)

    def reservation(self, zone: str, name: str) -> compute.Reservation:
        request = compute.GetReservationRequest(
            project=self.client.project, zone=zone, reservation=name
        )
        return self._reservations.get(request, retry=None, timeout=self.client.limit)

    def capacity(self, place: Place, zones: Sequence[str]) -> compute.CapacityAdviceResponse:
        """What Google thinks of one machine in any of the zones."""
        scheduling = compute.CapacityAdviceRequestInstancePropertiesScheduling(
            provisioning_model="SPOT" if place.interruptible else "STANDARD"
        )
        selection = compute.CapacityAdviceRequestInstanceFlexibilityPolicyInstanceSelection(
            machine_types=[place.sku]
        )
        wanted = compute.CapacityAdviceRequest(
            size=1,
            instance_properties=compute.CapacityAdviceRequestInstanceProperties(
                scheduling=scheduling
            ),
            instance_flexibility_policy=compute.CapacityAdviceRequestInstanceFlexibilityPolicy(
                instance_selections={"only": selection}
            ),
            distribution_policy=compute.CapacityAdviceRequestDistributionPolicy(
                target_shape="ANY_SINGLE_ZONE",
                zones=[
                    compute.CapacityAdviceRequestDistributionPolicyZoneConfiguration(
                        zone=f"zones/{zone}"
                    )
                    for zone in zones
                ],
            ),
        )
        request = compute.CapacityAdviceRpcRequest(
            project=self.client.project,
            region=place.region,
            capacity_advice_request_resource=wanted,
        )
        return self._advice.capacity(request, retry=None, timeout=self.client.limit)

    @cached_property
    def _types(self) -> compute.MachineTypesClient:
        return compute.MachineTypesClient(**self.client.settings)

    @cached_property
    def _regions(self) -> compute.RegionsClient:
        return compute.RegionsClient(**self.client.settings)

    @cached_property
    def _reservations(self) -> compute.ReservationsClient:
        return compute.ReservationsClient(**self.client.settings)

    @cached_property
    def _advice(self) -> compute.AdviceClient:
        return compute.AdviceClient(**self.client.settings)
