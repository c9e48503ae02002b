"""The five verbs, asked of Azure Resource Manager."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from azure.core import MatchConditions
from azure.core.exceptions import ResourceNotFoundError
from azure.core.rest import HttpRequest
from azure.mgmt.compute import ComputeManagementClient

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
from providers.azure.answers import BROKEN, told, why
from providers.azure.client import CLOUD, client
from providers.azure.machine import PURCHASE_TAG, machine
from providers.azure.reservations import HOLD, Reservations
from providers.machine import NAME_TAG, OWNER_TAG
from providers.refusals.azure import read_azure

_COMING: Final = frozenset({"creating", "updating", "inprogress", "migrating"})
_STOPPED: Final = frozenset({"PowerState/deallocated", "PowerState/stopped"})


def build(account: Mapping[str, str]) -> Provider:
    """The adapter for `subscription`, `resource_group` and `subnet`.

    Credentials are `tenant_id`, `client_id` and `client_secret`, or a bearer `token`. Optional are
    `endpoint`, `image`, `ssh_key`, `connect_s`, `read_s`, and `hold`: with `reservation` an offer
    is answered by a capacity reservation where Azure makes such. Raises KeyError for what lacks.
    """
    for needed in ("subscription", "resource_group", "subnet"):
        account[needed]
    return Azure(account)


class Azure:
    """A handle is the path of the operation while the machine is made, and its own path after."""

    def __init__(self, account: Mapping[str, str]) -> None:
        self._account = account
        self._who = f"Azure, subscription {account['subscription']}"
        self._endpoint = account.get("endpoint", CLOUD).rstrip("/")
        self._making = threading.Lock()
        self._made: ComputeManagementClient | None = None
        self._reserves = account.get("hold") == "reservation"
        self._reservations = Reservations(account, lambda: self._client, self._who)

    @property
    def name(self) -> ProviderName:
        return ProviderName.AZURE

    def hold(self, order: Order) -> Outcome:
        """Where the account asks for it, room is reserved; else the machine itself holds it."""
        try:
            if self._reserves and self._reservations.supports(order.place):
                return self._reservations.hold(order)
        except BROKEN as failure:
            return told(failure, self._who)
        return self.launch(order)

    def launch(self, order: Order) -> Outcome:
        try:
            group = self._into(order)
        except BROKEN as failure:
            return told(failure, self._who)
        return self._launch(order, group) if isinstance(group, str | None) else group

    def _into(self, order: Order) -> str | Refused | Fault | None:
        """The reservation that the machine is to be launched into, where there is one."""
        if order.hold is not None:
            return self._reservations.path(order.name)
        if order.place.purchase is Purchase.RESERVED:
            return self._reservations.existing(order, order.name)
        return None

    def _launch(self, order: Order, group: str | None) -> Outcome:
        answer: dict[str, str] = {}
        try:
            self._client.virtual_machines.begin_create_or_update(
                self._group,
                order.name,
                machine(order, self._account, group),
                etag="*",
                match_condition=MatchConditions.IfMissing,
                polling=False,
                raw_response_hook=lambda seen: answer.update(_lower(seen.http_response.headers)),
            )
        except BROKEN as failure:
            outcome = told(failure, self._who, spot=order.place.interruptible)
            if isinstance(outcome, Fault) and outcome.code == "PreconditionFailed":
                return _launched_before(self.poll(order, self._path(order)))
            return outcome
        operation = urlsplit(answer.get("azure-asyncoperation", ""))
        known = f"{operation.path}?{operation.query}" if operation.path else self._path(order)
        return Launching(known)

    def poll(self, order: Order, handle: str) -> Outcome:
        try:
            if handle.startswith(HOLD):
                return self._reservations.standing(order)
            if "/operations/" in handle:
                outcome = self._operation(order, handle)
                if outcome is not None:
                    return outcome
            return self._standing(order)
        except BROKEN as failure:
            return told(failure, self._who, spot=order.place.interruptible)

    def terminate(self, order: Order, handle: str | None) -> bool:
        """By its name; what is held for it goes after it."""
        held = order.hold is not None or self._reserves or (handle or "").startswith(HOLD)
        try:
            return self._cleared(order) and (not held or self._reservations.let_go(order.name))
        except BROKEN:
            return False

    def owned(self, owner: str) -> Iterable[OwnedMachine]:
        """Raises ConnectionError: an empty list would say that all our machines are gone."""
        try:
            return self._owned(owner)
        except BROKEN as failure:
            raise ConnectionError(f"azure does not list its machines: {failure}") from failure

    def _owned(self, owner: str) -> list[OwnedMachine]:
        owned = list(self._reservations.owned(owner))
        for found in self._client.virtual_machines.list_all():
            tags, properties = found.tags or {}, found.properties
            if tags.get(OWNER_TAG) != owner or properties is None or not found.name:
                continue
            profile = properties.hardware_profile
            sku = str(profile.vm_size) if profile is not None else ""
            owned.append(
                OwnedMachine(
                    name=MachineName(tags.get(NAME_TAG, found.name)),
                    place=_place(found.location, sku, properties.priority, tags),
                    handle=str(found.id),
                    running=properties.provisioning_state == "Succeeded",
                    since=properties.time_created,
                )
            )
        return owned

    def _operation(self, order: Order, handle: str) -> Outcome | None:
        """What the operation tells; None if the machine itself must be asked."""
        answer = self._client.send_request(HttpRequest("GET", f"{self._endpoint}{handle}"))
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        answer.raise_for_status()
        body = answer.json()
        status = str(body.get("status", "")).lower()
        if status in ("failed", "canceled"):
            error = body.get("error") or {}
            return self._failed(
                order, str(error.get("code", status)), str(error.get("message", ""))
            )
        return None if status == "succeeded" else Launching(handle)

    def _standing(self, order: Order) -> Outcome:
        machines = self._client.virtual_machines
        try:
            found = machines.get(self._group, order.name, expand="instanceView")
        except ResourceNotFoundError:
            # An evicted machine is deleted, and what is deleted says nothing of why.
            return Gone("Azure has no machine of that name", order.place.interruptible)
        view = found.properties.instance_view if found.properties is not None else None
        codes = {
            str(status.code): str(status.message or "")
            for status in (view.statuses if view is not None else None) or []
        }
        state = str(found.properties.provisioning_state if found.properties else "").lower()
        if state == "failed":
            return self._failed(order, *why(codes))
        if state == "deleting":
            return Gone("it is being deleted", order.place.interruptible)
        if stopped := _STOPPED & codes.keys():
            return Gone(min(stopped), order.place.interruptible)
        return Launching(self._path(order)) if state in _COMING else Running(self._path(order))

    def _failed(self, order: Order, code: str, message: str) -> Outcome:
        """A failed machine stays behind in Azure; it is no refusal before that is cleared away."""
        outcome = read_azure(code, message, spot=order.place.interruptible, account=self._who)
        cleared = self._cleared(order)
        if cleared and order.hold is not None and isinstance(outcome, Refused):
            cleared = self._reservations.let_go(order.name)
        return outcome if cleared else Launching(self._path(order))

    def _cleared(self, order: Order) -> bool:
        statuses: list[int] = []
        self._client.virtual_machines.begin_delete(
            self._group,
            order.name,
            force_deletion=True,
            polling=False,
            raw_response_hook=lambda seen: statuses.append(seen.http_response.status_code),
        )
        if HTTPStatus.NO_CONTENT in statuses:
            return True
        try:
            self._client.virtual_machines.get(self._group, order.name)
        except ResourceNotFoundError:
            return True
        return False

    @property
    def _group(self) -> str:
        return self._account["resource_group"]

    def _path(self, order: Order) -> str:
        return (
            f"/subscriptions/{self._account['subscription']}/resourceGroups/{self._group}"
            f"/providers/Microsoft.Compute/virtualMachines/{order.name}"
        )

    @property
    def _client(self) -> ComputeManagementClient:
        with self._making:
            if self._made is None:
                self._made = client(self._account, self._endpoint)
            return self._made


def _place(region: str, sku: str, priority: object, tags: Mapping[str, str]) -> Place:
    spot = str(priority).lower().endswith("spot")
    how = Purchase.SPOT if spot else Purchase(tags.get(PURCHASE_TAG, Purchase.ON_DEMAND))
    return Place(ProviderName.AZURE, region, sku, how)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _launched_before(standing: Outcome) -> Outcome:
    """The name was taken by an earlier call with the same order; a launch is never gone."""
    if isinstance(standing, Gone):
        return Fault(FaultKind.CONFLICT, "PreconditionFailed", standing.because)
    return standing
