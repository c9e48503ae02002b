"""The five verbs, asked of Compute Engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
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
from providers.gcp.answers import BROKEN, reason, told, zones_left
from providers.gcp.asking import Asking
from providers.gcp.client import Client, client, zones_in
from providers.gcp.machine import SPECIFIC, instance, into, shut
from providers.machine import OWNER_TAG, boot_script
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
        checkpoints=account.get("checkpoints", ""),
    )


@dataclass(frozen=True, kw_only=True)
class Google:
    """A handle is `zone/operation` while the machine is being made, and `zone` after that.

    The zones of the region that have refused before stand behind it: `zone/operation/zone,zone`.
    """

    client: Client
    account: Mapping[str, str] = field(repr=False)
    zones: tuple[str, ...]
    image: str
    network: str
    checkpoints: str = ""
    """Where a machine finds what jobs keep: a path that its image mounts."""

    @property
    def name(self) -> ProviderName:
        return ProviderName.GCP

    @cached_property
    def asking(self) -> Asking:
        return Asking(client=self.client)

    @property
    def _who(self) -> str:
        return f"Google, project {self.client.project}"

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
            return self._ask(order)
        except BROKEN as failure:
            return told(failure, self._who, spot=order.place.interruptible)

    def poll(self, order: Order, handle: str) -> Outcome:
        zone, _, making = handle.partition("/")
        try:
            if not making:
                return self._standing(order, zone)
            outcome = self._poll(order, zone, making)
            return in_domain(outcome, order, len(self._every_zone(order)))
        except BROKEN as failure:
            return told(failure, self._who, spot=order.place.interruptible)

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

    def _ask(self, order: Order, *before: tuple[str, Refused]) -> Outcome:
        """Ask the zones until one does not refuse; next, those that the last one named."""
        refused = dict(before)
        while left := self._left(order, refused):
            outcome = self._insert(order, left[0])
            if not isinstance(outcome, Refused):
                return _remembering(outcome, refused)
            refused[left[0]] = outcome
        return of_the_region(list(refused.values()))

    def _left(self, order: Order, refused: Mapping[str, Refused]) -> list[str]:
        """The zones not asked yet, those first in which the cloud says there is some left."""
        named = list(refused.values())[-1].elsewhere if refused else ()
        left = [zone for zone in self._zones_of(order) if zone not in refused]
        return sorted(left, key=lambda zone: zone not in named)

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
        ends_by = None if self.client.endpoint else _END_COMMAND
        start_up = boot_script(order, "gcp", self.checkpoints, ends_by)
        wanted = instance(order, zone, start_up=start_up, image=self.image, network=self.network)
        if order.place.purchase is Purchase.RESERVED:
            wanted.reservation_affinity = into(str(reservation_of(self.account, order.place)))
        try:
            operation = self.client.insert(
                zone, wanted, str(uuid5(NAMESPACE_URL, f"{zone}/{order.name}"))
            )
        except Conflict as failure:
            if reason(failure) != "alreadyExists":
                return told(failure, self._who, spot=order.place.interruptible)
            return _not_gone(self._standing(order, zone), zone)
        except GoogleAPICallError as failure:
            return told(failure, self._who, spot=order.place.interruptible)
        return _not_gone(self._follow(order, zone, operation), zone)

    def _poll(self, order: Order, zone: str, making: str) -> Outcome:
        name, _, before = making.partition("/")
        try:
            operation = self.client.operation(zone, name)
        except NotFound:
            return self._standing(order, zone)
        outcome = self._follow(order, zone, operation)
        tried = before.split(",") if before else []
        if not isinstance(outcome, Refused):
            return _remembering(outcome, tried)
        return self._ask(order, *((one, outcome) for one in (*tried, zone)))

    def _follow(self, order: Order, zone: str, operation: compute.Operation) -> Outcome:
        """What has become of an insert: its errors, if it has any, come late."""
        underway = Launching(f"{zone}/{operation.name}")
        if operation.status != compute.Operation.Status.DONE:
            return underway
        if not operation.error.errors:
            return self._standing(order, zone)
        said = [self._said(order, error) for error in operation.error.errors]
        if not self._ended(order, zone):
            return underway
        return next((one for one in said if isinstance(one, Refused)), said[0])

    def _said(self, order: Order, error: compute.Errors) -> Refused | Fault:
        spot = order.place.interruptible
        said = read_gcp(error.code, error.message, spot=spot, account=self._who)
        return replace(said, elsewhere=zones_left(error)) if isinstance(said, Refused) else said

    def _standing(self, order: Order, zone: str) -> Outcome:
        """How the machine of this name fares."""
        machine = self._look(order, zone)
        if machine is None:
            taken = order.place.interruptible and self.client.preempted(zone, order.name)
            return Gone("Google has no machine of that name", preempted=taken)
        if machine.labels.get(OWNER_TAG) != order.owner:
            return Fault(FaultKind.CONFLICT, "alreadyExists", f"{order.name} is not ours")
        if machine.status == "RUNNING":
            return Running(zone, machine.network_interfaces[0].network_i_p)
        if machine.status in _COMING:
            return Launching(zone)
        taken = order.place.interruptible and self.client.preempted(zone, order.name)
        return Gone(machine.status, preempted=taken)

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
    if machine.reservation_affinity.consume_reservation_type == SPECIFIC:
        return Purchase.RESERVED
    spot = machine.scheduling.provisioning_model == "SPOT"
    return Purchase.SPOT if spot else Purchase.ON_DEMAND


def _remembering(outcome: Outcome, refused: Iterable[str]) -> Outcome:
    """A machine that is being made takes along which zones need not be asked after it."""
    before = ",".join(refused)
    if not before or not isinstance(outcome, Launching) or "/" not in outcome.handle:
        return outcome
    return replace(outcome, handle=f"{outcome.handle}/{before}")


def _not_gone(outcome: Outcome, zone: str) -> Outcome:
    """A launch that finds its machine ended leaves it to the next poll to say so."""
    return Launching(zone) if isinstance(outcome, Gone) else outcome
