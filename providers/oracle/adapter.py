"""The five verbs, asked of Oracle's compute service."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import parsedate_to_datetime
from hashlib import blake2s
from typing import Final

import oci

from broker.domain.market import Place
from broker.domain.values import MachineName, ProviderName, Purchase, RefusalReason
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
from providers.machine import OWNER_TAG, boot_script
from providers.oracle.answers import BROKEN, told
from providers.oracle.client import Client, Thing, client, domains_in, domains_of
from providers.oracle.machine import details
from providers.refusals.oracle import read_oracle
from providers.reservations import another_s, not_ours, reservation_of

_COMING: Final = frozenset({"PROVISIONING", "STARTING", "CREATING_IMAGE", "MOVING"})
_ENDING: Final = frozenset({"TERMINATING", "TERMINATED"})
_STUCK_AFTER: Final = timedelta(minutes=15)
_END_COMMAND: Final = "shutdown -h now"


def build(account: Mapping[str, str]) -> Provider:
    """The adapter for an account.

    With `tenancy` come `user`, `fingerprint` and `key` (PEM); without it the SDK's own
    configuration file speaks. `compartment`, `image` and `subnet` say where machines are made,
    `domains` names availability domains as `region=domain`, separated by spaces, `regions` those
    to be searched for machines, `endpoint` another address of the cloud; `connect_s` and `read_s`
    bound every call. Raises KeyError for what is missing.
    """
    made = client(account)
    return Oracle(
        client=made,
        account=account,
        image=account["image"],
        subnet=account["subnet"],
        domains=domains_of(account),
        regions=tuple(account.get("regions", made.config["region"]).split()),
        checkpoints=account.get("checkpoints", ""),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Oracle:
    """A handle is `instance/work request` while the machine is made, and `instance` after that."""

    client: Client
    account: Mapping[str, str] = field(repr=False)
    image: str
    subnet: str
    domains: tuple[tuple[str, str], ...]
    regions: tuple[str, ...]
    checkpoints: str = ""
    """Where a machine finds what jobs keep: a path that its image mounts."""
    _addresses: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    @property
    def name(self) -> ProviderName:
        return ProviderName.ORACLE

    @property
    def _who(self) -> str:
        return f"Oracle, tenancy {self.client.config['tenancy']}"

    def launch(self, order: Order) -> Outcome:
        return in_domain(self._asked(order), order, len(self._every_domain(order)))

    def _asked(self, order: Order) -> Outcome:
        if order.place.interruptible and order.place.sku.startswith("BM."):
            text = "Oracle takes no bare metal machine back, so it sells none on spot"
            return Refused(RefusalReason.SPEC_UNSUPPORTED, "PreemptibleBareMetal", text)
        try:
            if order.place.purchase is Purchase.RESERVED:
                return self._into_reservation(order)
            domains = self._domains_of(order)
            # A single domain answers a repeated token by itself.
            if len(domains) > 1 and (standing := self._named(order)):
                return _not_gone(self._follow(order, standing[0], ""), standing[0].id)
            return self._ask(order, domains)
        except BROKEN as failure:
            return told(failure, self._who, spot=order.place.interruptible)

    def poll(self, order: Order, handle: str) -> Outcome:
        identity, _, work = handle.partition("/")
        try:
            found = self.client.instance(order.place.region, identity)
            if found is None:
                return Gone("Oracle has no such instance", order.place.interruptible)
            instance, date = found
            outcome = self._follow(order, instance, work, date)
            return in_domain(outcome, order, len(self._every_domain(order)))
        except BROKEN as failure:
            return told(failure, self._who, spot=order.place.interruptible)

    def terminate(self, order: Order, handle: str | None) -> bool:
        """By name as well as by handle: a late refusal may have moved on to another machine."""
        try:
            standing = {instance.id: instance for instance in self._named(order)}
            identity = (handle or "").partition("/")[0]
            if identity and identity not in standing:
                found = self.client.instance(order.place.region, identity)
                standing |= {} if found is None else {identity: found[0]}
            ended = [self._ended(order, instance) for instance in standing.values()]
        except BROKEN:
            return False
        return all(ended)

    def owned(self, owner: str) -> Iterable[OwnedMachine]:
        """Raises ConnectionError: an empty list would say that all our machines are gone."""
        try:
            return self._owned(owner)
        except BROKEN as failure:
            raise ConnectionError(f"oracle does not list its machines: {failure}") from failure

    def _owned(self, owner: str) -> list[OwnedMachine]:
        found: dict[str, OwnedMachine] = {}
        for region in self.regions[:1] if self.client.endpoint else self.regions:
            for instance in self.client.instances(region):
                if (instance.freeform_tags or {}).get(OWNER_TAG) == owner:
                    found[instance.id] = _owned(instance)
        return list(found.values())

    def _ask(self, order: Order, domains: Sequence[str]) -> Outcome:
        """Ask the domains until one does not refuse."""
        refusals: list[Refused] = []
        for domain in domains:
            outcome = self._launch(order, domain)
            if not isinstance(outcome, Refused):
                return outcome
            refusals.append(outcome)
        return of_the_region(refusals)

    def _into_reservation(self, order: Order) -> Outcome:
        """A reservation lies in one domain; the token keeps a repeated launch to one machine."""
        place, named = order.place, reservation_of(self.account, order.place)
        if isinstance(named, Fault):
            return named
        found = self.client.reservation(place.region, named)
        if found is None:
            return not_ours(place, f"{named}, which this tenancy does not have", "correct the id")
        if wrong := another_s(place, named, found.freeform_tags or {}, order.owner):
            return wrong
        shapes = [config.instance_shape for config in found.instance_reservation_configs or ()]
        if place.sku not in shapes:
            holds = f"{named}, which holds {', '.join(shapes) or 'nothing'}"
            return not_ours(place, holds, "name it for that machine")
        return self._launch(order, found.availability_domain, named)

    def _launch(self, order: Order, domain: str, reservation: str | None = None) -> Outcome:
        ends_by = None if self.client.endpoint else _END_COMMAND
        wanted = details(
            order,
            domain,
            start_up=boot_script(order, "oracle", self.checkpoints, ends_by),
            compartment=self.client.compartment,
            image=self.image,
            subnet=self.subnet,
            reservation=reservation,
        )
        token = blake2s(f"{domain}/{order.name}".encode(), digest_size=24).hexdigest()
        try:
            instance, work = self.client.launch(order.place.region, wanted, token)
        except oci.exceptions.ServiceError as failure:
            if failure.code == "InvalidatedRetryToken" and (standing := self._named(order)):
                return _not_gone(self._follow(order, standing[0], ""), standing[0].id)
            return told(failure, self._who, spot=order.place.interruptible)
        handle = f"{instance.id}/{work}" if work else instance.id
        if instance.lifecycle_state in _COMING:
            return Launching(handle)
        return _not_gone(self._follow(order, instance, work), handle)

    def _follow(self, order: Order, instance: Thing, work: str, date: str = "") -> Outcome:
        """How an instance fares; its launch may yet fail, which only the work request tells."""
        state = str(instance.lifecycle_state)
        if state == "RUNNING":
            return Running(instance.id, self._address(order, instance.id))
        if state not in _COMING | _ENDING:
            return Gone(state)
        said = self._complaint(order, work) or self._stuck(order, instance, date)
        underway = Launching(f"{instance.id}/{work}" if work else instance.id)
        if said is None:
            # Oracle does not say who has ended it; it was not we, or nobody would ask.
            return Gone(state, order.place.interruptible) if state in _ENDING else underway
        if not self._ended(order, instance):
            return underway
        reserved = order.place.purchase is Purchase.RESERVED
        domains = () if reserved else self._domains_of(order)
        here = instance.availability_domain
        after = domains[domains.index(here) + 1 :] if here in domains else ()
        if not isinstance(said, Refused) or not after:
            return said
        onward = self._ask(order, after)
        return of_the_region([said, onward]) if isinstance(onward, Refused) else onward

    def _complaint(self, order: Order, work: str) -> Refused | Fault | None:
        """Why the launch has failed, if it has."""
        errors = self.client.failure(order.place.region, work) if work else None
        if errors is None:
            return None
        spot, who = order.place.interruptible, self._who
        said = [read_oracle(one.code, one.message, spot=spot, account=who) for one in errors]
        refused = (one for one in said if isinstance(one, Refused))
        return next(refused, said[0] if said else Fault(FaultKind.UNKNOWN_CODE, "FAILED"))

    def _stuck(self, order: Order, instance: Thing, date: str) -> Refused | None:
        """A machine that never gets a boot volume is a shortage that nobody announces."""
        if instance.lifecycle_state != "PROVISIONING" or not date:
            return None
        if parsedate_to_datetime(date) - instance.time_created < _STUCK_AFTER:
            return None
        if self.client.has_boot_volume(order.place.region, instance):
            return None
        return Refused(RefusalReason.NO_CAPACITY, "PROVISIONING", "no boot volume in 15 minutes")

    def _named(self, order: Order) -> list[Thing]:
        """Our machines of that name which are not gone."""
        named = self.client.instances(order.place.region, display_name=order.name)
        return [one for one in named if (one.freeform_tags or {}).get(OWNER_TAG) == order.owner]

    def _ended(self, order: Order, instance: Thing) -> bool:
        """Terminate it; True once the cloud calls it terminated."""
        if instance.lifecycle_state not in _ENDING:
            self.client.terminate(order.place.region, instance.id)
        found = self.client.instance(order.place.region, instance.id)
        return found is None or found[0].lifecycle_state == "TERMINATED"

    def _address(self, order: Order, identity: str) -> str:
        if identity not in self._addresses:
            address = self.client.address(order.place.region, identity)
            if not address:
                return ""
            self._addresses[identity] = address
        return self._addresses[identity]

    def _domains_of(self, order: Order) -> tuple[str, ...]:
        return only_domain(self._every_domain(order), order)

    def _every_domain(self, order: Order) -> tuple[str, ...]:
        return domains_in(self.domains, order.place.region)


def _owned(instance: Thing) -> OwnedMachine:
    region = oci.regions.REGIONS_SHORT_NAMES.get(instance.region, instance.region)
    return OwnedMachine(
        name=MachineName(instance.display_name),
        place=Place(ProviderName.ORACLE, region, instance.shape, _bought(instance)),
        handle=instance.id,
        running=instance.lifecycle_state == "RUNNING",
        since=instance.time_created,
    )


def _bought(instance: Thing) -> Purchase:
    if instance.capacity_reservation_id:
        return Purchase.RESERVED
    return Purchase.SPOT if instance.preemptible_instance_config else Purchase.ON_DEMAND


def _not_gone(outcome: Outcome, handle: str) -> Outcome:
    """A launch that finds its machine ended leaves it to the next poll to say so."""
    return Launching(handle) if isinstance(outcome, Gone) else outcome
