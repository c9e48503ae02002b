"""Azure's capacity reservations: those an account pays for already, and those that hold an offer.

What holds a machine is a group of its own with one reservation in it, both named as the machine.
So a group has room for just the machine that it was made for, and goes with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.compute import ComputeManagementClient

from broker.domain.market import Place
from broker.domain.values import MachineName, ProviderName, RefusalReason
from broker.ports import Fault, Gone, Held, Launching, Order, Outcome, OwnedMachine, Refused
from providers.azure.answers import told, why
from providers.machine import NAME_TAG, OWNER_TAG, machine_tags
from providers.refusals.azure import read_azure
from providers.reservations import another_s, not_ours, reservation_of

HOLD: Final = "hold:"
"""What the handle of held capacity begins with."""
_SKU_TAG: Final = "broker-sku"
_SUPPORTED: Final = "CapacityReservationSupported"
_MACHINES: Final = "virtualMachines"


class Reservations:
    """Every call raises AzureError."""

    def __init__(
        self, account: Mapping[str, str], client: Callable[[], ComputeManagementClient], who: str
    ) -> None:
        self._account, self._open, self._who = account, client, who
        self._supported: dict[str, frozenset[str]] = {}

    @property
    def _client(self) -> ComputeManagementClient:
        return self._open()

    @property
    def _group(self) -> str:
        return self._account["resource_group"]

    def path(self, group: str) -> str:
        return (
            f"/subscriptions/{self._account['subscription']}/resourceGroups/{self._group}"
            f"/providers/Microsoft.Compute/capacityReservationGroups/{group}"
        )

    # -- what is paid for already

    def existing(self, order: Order, machine: str) -> str | Refused | Fault:
        """The path of the group to launch into, unless there is none of ours, or no room in it.

        Azure lets more machines into a reservation than it holds, and bills what is above; that
        would be new capacity, so it is not asked for.
        """
        place, named = order.place, reservation_of(self._account, order.place)
        if isinstance(named, Fault):
            return named
        listed = self._client.capacity_reservations.list_by_capacity_reservation_group
        try:
            every = list(listed(self._group, named))
        except ResourceNotFoundError:
            lost = f"{named}, which the resource group does not have"
            return not_ours(place, lost, "correct the name")
        for found in every:
            if str(found.sku.name) != place.sku or found.location != place.region:
                continue
            if wrong := another_s(place, named, found.tags or {}, order.owner):
                return wrong
            properties = found.properties
            inside = (properties.virtual_machines_associated if properties else None) or []
            names = {str(one.id).rpartition("/")[2].lower() for one in inside}
            if machine.lower() not in names and len(names) >= int(found.sku.capacity or 0):
                return Refused(RefusalReason.NO_CAPACITY, "ReservationFull", f"{named} is in use")
            return self.path(named)
        holds = ", ".join(str(found.sku.name) for found in every) or "nothing"
        return not_ours(place, f"{named}, which holds {holds}", "name it for that machine")

    # -- what holds an offer

    def supports(self, place: Place) -> bool:
        """Whether Azure reserves such machines; read once for each region."""
        if place.region not in self._supported:
            listed = self._client.resource_skus.list(filter=f"location eq '{place.region}'")
            self._supported[place.region] = frozenset(
                str(sku.name)
                for sku in listed
                if sku.resource_type == _MACHINES and _told(sku, _SUPPORTED) == "True"
            )
        return place.sku in self._supported[place.region]

    def hold(self, order: Order) -> Outcome:
        tags = {**machine_tags(order), _SKU_TAG: order.place.sku}
        group: Any = {"location": order.place.region, "tags": tags}  # their shapes, as they travel
        self._client.capacity_reservation_groups.create_or_update(self._group, order.name, group)
        wanted: Any = {**group, "sku": {"name": order.place.sku, "capacity": 1}}
        try:
            self._client.capacity_reservations.begin_create_or_update(
                self._group, order.name, order.name, wanted, polling=False
            )
        except HttpResponseError as failure:
            outcome = told(failure, self._who)
            if isinstance(outcome, Refused):
                self.let_go(order.name)  # a group without a reservation holds nothing
            return outcome
        return self.standing(order)

    def standing(self, order: Order) -> Outcome:
        """How the hold fares. One that failed is cleared away before its refusal is told."""
        try:
            found = self._client.capacity_reservations.get(
                self._group, order.name, order.name, expand="instanceView"
            )
        except ResourceNotFoundError:
            return Gone("Azure holds nothing of that name")
        properties = found.properties
        state = str(properties.provisioning_state if properties else "").lower()
        if state == "succeeded":
            return Held(HOLD + self.path(order.name))
        if state != "failed":
            return Launching(HOLD + self.path(order.name))
        view = properties.instance_view if properties else None
        statuses = (view.statuses if view is not None else None) or []
        codes = {str(s.code): str(s.message or "") for s in statuses}
        outcome = read_azure(*why(codes), account=self._who)
        return outcome if self.let_go(order.name) else Launching(HOLD + self.path(order.name))

    def let_go(self, name: str) -> bool:
        """Delete reservation and group; True once both are gone. The machine is gone already."""
        try:
            statuses: list[int] = []
            self._client.capacity_reservations.begin_delete(
                self._group,
                name,
                name,
                polling=False,
                raw_response_hook=lambda seen: statuses.append(seen.http_response.status_code),
            )
            if HTTPStatus.ACCEPTED in statuses and self._there(name):
                return False
        except ResourceNotFoundError:
            pass
        self._client.capacity_reservation_groups.begin_delete(self._group, name, polling=False)
        return True

    def owned(self, owner: str) -> Iterator[OwnedMachine]:
        """What is held for machines of ours, whether or not they are there."""
        for group in self._client.capacity_reservation_groups.list_by_subscription():
            tags = group.tags or {}
            if tags.get(OWNER_TAG) == owner and NAME_TAG in tags:
                yield OwnedMachine(
                    name=MachineName(tags[NAME_TAG]),
                    place=Place(ProviderName.AZURE, group.location, tags.get(_SKU_TAG, "")),
                    handle=HOLD + str(group.id),
                    running=False,
                    held=True,
                )

    def _there(self, name: str) -> bool:
        try:
            self._client.capacity_reservations.get(self._group, name, name)
        except ResourceNotFoundError:
            return False
        return True


def _told(sku: Any, name: str) -> str:  # noqa: ANN401 - one of their models
    return next((str(one.value) for one in sku.capabilities or [] if one.name == name), "")
