"""The five verbs, asked of Compute Engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from google.api_core.exceptions import Conflict, GoogleAPICallError, NotFound
from google.cloud import compute_v1 as compute

from broker.domain.market import Place
from broker.domain.values import MachineName, ProviderName, Purchase
from broker.ports import (
    Fault,
    FaultKind,
    Gone,
    Launching,
    Order,
    Outcome,
    OwnedMachine,
    Provider,
    Refused,
    Running,
)
from providers.answers import in_domain, of_the_region, only_domain
from providers.gcp.answers import BROKEN, reason, told
from providers.gcp.asking import Asking
from providers.gcp.client import Client, client, zones_in
from providers.gcp.machine import SPECIFIC, instance, into, shut
from providers.machine import OWNER_TAG, on_a_real_machine
from providers.refusals.gcp import read_gcp
from providers.reservations import not_ours, reservation_of

_COMING: Final = frozenset({"PROVISIONING", "STAGING", "REPAIRING", "PENDING"})
_IMAGE: Final = "projects/debian-cloud/global/images/family/debian-12"
_NETWORK: Final = "global/networks/default"
_END_COMMAND: Final = "shutdown -h now"


def build(account: Mapping[str, str]) -> Provider:
    """The adapter for `project`.

    Optional are `token`, `endpoint`, `image`, `network`, `connect_s`, `read_s`, and `zones`: those
    to be asked, separated by spaces; a region of which none is named has its zone a. Without a
    token the SDK finds the credentials of this computer. Raises KeyError for what is missing.
    """
    return Google(
        client=client(account),
        account=account,
        zones=tuple(account.get("zones", "").split()),
        image=account.get("image", _IMAGE),
        network=account.get("network", _NETWORK),
    )


@dataclass(frozen=True, kw_only=True)
class Google:
    """A handle is `zone/operation` while the machine is being made, and `zone` after that."""

    client: Client
    account: Mapping[str, str] = field(repr=False)
    zones: tuple[str, ...]
    image: str
    network: str

    @property
    def name(self) -> ProviderName:
        return ProviderName.GCP

    @cached_property
    def asking(self) -> Asking:
        return Asking(client=self.client)

    def launch(self, order: Order) -> Outcome:
        return in_domain(self._launch(order), order, len(self._every_zone(order)))

    def _launch(self, order: Order) -> Outcome:
        zones = self._zones_of(order)
        try:
            if order.place.purchase is Purchase.RESERVED and (no := self._no_room(order)):
                return no
            # The first zone answers a repeated name by itself.
            for zone in zones[1:]:
                if self._look(order, zone) is not None:
                    return _not_gone(self._standing(order, zone), zone)
            return self._ask(order, zones)
        except BROKEN as failure:
            return told(failure)

    def poll(self, order: Order, handle: str) -> Outcome:
        zone, _, operation = handle.partition("/")
        try:
            if not operation:
                return self._standing(order, zone)
            outcome = self._poll(order, zone, operation)
            return in_domain(outcome, order, len(self._every_zone(order)))
        except BROKEN as failure:
            return told(failure)

    def terminate(self, order: Order, handle: str | None) -> bool:
        """All zones are gone through: a late refusal may have moved the machine to another one."""
        here = (handle or "").partition("/")[0]
        zones = dict.fromkeys((here or self._zones_of(order)[0], *self._zones_of(order)))
        try:
            ended = [self._ended(order, zone) for zone in zones]
        except BROKEN:
            return False
        return all(ended)

    def owned(self, owner: str) -> Iterable[OwnedMachine]:
        """Raises ConnectionError: an empty list would say that all our machines are gone."""
        try:
            listed = self.client.labelled(OWNER_TAG, owner)
        except BROKEN as failure:
            raise ConnectionError(f"gcp does not list its machines: {failure}") from failure
        return [
            OwnedMachine(
                name=MachineName(machine.name),
                place=Place(
                    ProviderName.GCP,
                    zone.rpartition("-")[0],
                    machine.machine_type.rpartition("/")[2],
                    _bought(machine),
                ),
                handle=zone,
                running=machine.status == "RUNNING",
                since=datetime.fromisoformat(machine.creation_timestamp),
            )
            for zone, machine in listed
        ]

    def _ask(self, order: Order, zones: Sequence[str]) -> Outcome:
        """Ask the zones until one does not refuse."""
        refusals: list[Refused] = []
        for zone in zones:
            outcome = self._insert(order, zone)
            if not isinstance(outcome, Refused):
                return outcome
            refusals.append(outcome)
        return of_the_region(refusals)

    def _no_room(self, order: Order) -> Refused | Fault | None:
        """Why a reservation takes no more, if it does not and the machine is not there already."""
        named = reservation_of(self.account, order.place)
        if isinstance(named, Fault):
            return named
        zone, _, name = named.rpartition("/")
        if self._look(order, zone) is not None:
            return None
        try:
            found = self.asking.reservation(zone, name)
        except NotFound:
            lost = f"{named}, which this project does not have"
            return not_ours(order.place, lost, "correct the name")
        return shut(order.place, named, found)

    def _insert(self, order: Order, zone: str) -> Outcome:
        start_up = order.start_up
        if not self.client.endpoint:
            start_up = on_a_real_machine(start_up, _END_COMMAND)
        wanted = instance(order, zone, start_up=start_up, image=self.image, network=self.network)
        if order.place.purchase is Purchase.RESERVED:
            wanted.reservation_affinity = into(str(reservation_of(self.account, order.place)))
        try:
            operation = self.client.insert(
                zone, wanted, str(uuid5(NAMESPACE_URL, f"{zone}/{order.name}"))
            )
        except Conflict as failure:
            if reason(failure) != "alreadyExists":
                return told(failure)
            return _not_gone(self._standing(order, zone), zone)
        except GoogleAPICallError as failure:
            return told(failure)
        return _not_gone(self._follow(order, zone, operation), zone)

    def _poll(self, order: Order, zone: str, name: str) -> Outcome:
        try:
            operation = self.client.operation(zone, name)
        except NotFound:
            return self._standing(order, zone)
        outcome = self._follow(order, zone, operation)
        zones = self._zones_of(order)
        after = zones[zones.index(zone) + 1 :] if zone in zones else ()
        if not isinstance(outcome, Refused) or not after:
            return outcome
        onward = self._ask(order, after)
        return of_the_region([outcome, onward]) if isinstance(onward, Refused) else onward

    def _follow(self, order: Order, zone: str, operation: compute.Operation) -> Outcome:
        """What has become of an insert: its errors, if it has any, come late."""
        underway = Launching(f"{zone}/{operation.name}")
        if operation.status != compute.Operation.Status.DONE:
            return underway
        if not operation.error.errors:
            return self._standing(order, zone)
        said = [read_gcp(error.code, error.message) for error in operation.error.errors]
        if not self._ended(order, zone):
            return underway
        return next((one for one in said if isinstance(one, Refused)), said[0])

    def _standing(self, order: Order, zone: str) -> Outcome:
        """How the machine of this name fares."""
        machine = self._look(order, zone)
        if machine is None:
            return Gone("Google has no machine of that name")
        if machine.labels.get(OWNER_TAG) != order.owner:
            return Fault(FaultKind.CONFLICT, "alreadyExists", f"{order.name} is not ours")
        if machine.status == "RUNNING":
            return Running(zone, machine.network_interfaces[0].network_i_p)
        return Launching(zone) if machine.status in _COMING else Gone(machine.status)

    def _look(self, order: Order, zone: str) -> compute.Instance | None:
        try:
            return self.client.instance(zone, order.name)
        except NotFound:
            return None

    def _ended(self, order: Order, zone: str) -> bool:
        """Delete what is ours by that name; True once the zone has no such machine."""
        machine = self._look(order, zone)
        if machine is None or machine.labels.get(OWNER_TAG) != order.owner:
            return True
        try:
            operation = self.client.delete(zone, order.name)
        except NotFound:
            return True
        return operation.status == compute.Operation.Status.DONE and not operation.error.errors

    def _zones_of(self, order: Order) -> tuple[str, ...]:
        return only_domain(self._every_zone(order), order)

    def _every_zone(self, order: Order) -> tuple[str, ...]:
        if order.place.purchase is Purchase.RESERVED:
            named = reservation_of(self.account, order.place)
            if not isinstance(named, Fault):
                return (named.rpartition("/")[0],)
        return zones_in(self.zones, order.place.region)


def _bought(machine: compute.Instance) -> Purchase:
    named = machine.reservation_affinity.consume_reservation_type == SPECIFIC
    return Purchase.RESERVED if named else Purchase.ON_DEMAND


def _not_gone(outcome: Outcome, zone: str) -> Outcome:
    """A launch that finds its machine ended leaves it to the next poll to say so."""
    return Launching(zone) if isinstance(outcome, Gone) else outcome
