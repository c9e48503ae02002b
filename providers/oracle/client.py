"""The SDK's clients, one set for each region: with whose key, how patient, and over what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, NamedTuple, TypeAlias

import oci

Thing: TypeAlias = Any
"""A model or a client of the SDK, which carries no types."""


_HOME: Final = "us-ashburn-1"


class _Clients(NamedTuple):
    compute: Thing
    network: Thing
    work: Thing
    limits: Thing


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """The calls we make, each sent once and bounded in time; made at the first call, and kept.

    With an endpoint of its own one address serves all regions.
    """

    config: Mapping[str, str] = field(repr=False)
    compartment: str
    endpoint: str
    timeout: tuple[float, float]
    """Seconds to connect, seconds to read."""
    _made: dict[str, _Clients] = field(default_factory=dict, init=False, repr=False)

    def launch(self, region: str, details: Thing, token: str) -> tuple[Thing, str]:
        """The instance, and the work request that makes it."""
        answer = self._in(region).compute.launch_instance(details, opc_retry_token=token)
        return answer.data, answer.headers.get("opc-work-request-id", "")

    def instance(self, region: str, identity: str) -> tuple[Thing, str] | None:
        """The instance, and the date of the answer; None if the cloud knows none."""
        try:
            answer = self._in(region).compute.get_instance(identity)
        except oci.exceptions.ServiceError as failure:
            if failure.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        return answer.data, answer.headers.get("date", "")

    def instances(self, region: str, **only: str) -> list[Thing]:
        """Those that are not gone, from all pages."""
        # The SDK's own pagination brings retries of its own, for ten minutes.
        compute = self._in(region).compute
        found: list[Thing] = []
        page: dict[str, str] = {}
        while True:
            answer = compute.list_instances(self.compartment, **only, **page)
            found += [one for one in answer.data if one.lifecycle_state != "TERMINATED"]
            if not answer.has_next_page:
                return found
            page = {"page": answer.next_page}

    def terminate(self, region: str, identity: str) -> None:
        """Begin its end, with every volume that was made for it."""
        self._in(region).compute.terminate_instance(
            identity, preserve_boot_volume=False, preserve_data_volumes_created_at_launch=False
        )

    def failure(self, region: str, work: str) -> list[Thing] | None:
        """The errors of a work request that has failed; None if it has not."""
        client = self._in(region).work
        if client.get_work_request(work).data.status != "FAILED":
            return None
        errors: list[Thing] = client.list_work_request_errors(work).data
        return errors

    def has_boot_volume(self, region: str, instance: Thing) -> bool:
        attached = self._in(region).compute.list_boot_volume_attachments(
            instance.availability_domain, self.compartment, instance_id=instance.id
        )
        return bool(attached.data)

    def address(self, region: str, identity: str) -> str:
        """The private address; empty as long as there is none."""
        clients = self._in(region)
        attached = clients.compute.list_vnic_attachments(self.compartment, instance_id=identity)
        if not attached.data:
            return ""
        return str(clients.network.get_vnic(attached.data[0].vnic_id).data.private_ip)

    def reservation(self, region: str, identity: str) -> Thing | None:
        """What is reserved; None if the cloud shows us none of that name."""
        try:
            answer = self._in(region).compute.get_compute_capacity_reservation(identity)
        except oci.exceptions.ServiceError as failure:
            if failure.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        return answer.data

    def shapes(self, region: str, domain: str) -> list[Thing]:
        """The kinds of machine that are sold in a domain."""
        compute, found = self._in(region).compute, list[Thing]()
        page: dict[str, str] = {}
        while True:
            answer = compute.list_shapes(self.compartment, availability_domain=domain, **page)
            found += answer.data
            if not answer.has_next_page:
                return found
            page = {"page": answer.next_page}

    def capacity(self, region: str, domain: str, shapes: Sequence[str]) -> list[Thing]:
        """What the cloud reports of each of these shapes."""
        models = oci.core.models
        wanted = models.CreateComputeCapacityReportDetails(
            compartment_id=self.compartment,
            availability_domain=domain,
            shape_availabilities=[
                models.CreateCapacityReportShapeAvailabilityDetails(instance_shape=shape)
                for shape in shapes
            ],
        )
        # Unlike other calls this one is sent again and again for ten minutes, unless told not to.
        answer = self._in(region).compute.create_compute_capacity_report(
            wanted, retry_strategy=oci.retry.NoneRetryStrategy()
        )
        lines: list[Thing] = answer.data.shape_availabilities
        return lines

    def left(self, region: str, limit: str, domain: str) -> int | None:
        """How much of a limit is left in a domain; None where no number is told."""
        answer = self._in(region).limits.get_resource_availability(
            "compute", limit, self.compartment, availability_domain=domain
        )
        return None if answer.data.available is None else int(answer.data.available)

    def _in(self, region: str) -> _Clients:
        key = "" if self.endpoint else region
        if key not in self._made:
            config = {**self.config, **({"region": region} if key else {})}
            settings = {
                "retry_strategy": oci.retry.NoneRetryStrategy(),
                "circuit_breaker_strategy": oci.circuit_breaker.NoCircuitBreakerStrategy(),
                "timeout": self.timeout,
                **({"service_endpoint": self.endpoint} if self.endpoint else {}),
            }
            clients = _Clients(
                oci.core.ComputeClient(config, **settings),
                oci.core.VirtualNetworkClient(config, **settings),
                oci.work_requests.WorkRequestClient(config, **settings),
                oci.limits.LimitsClient(config, **settings),
            )
            for client in clients:
                client.base_client.session.hooks["response"].append(_whole)
            return self._made.setdefault(key, clients)
        return self._made[key]


def _whole(answer: Thing, **_: object) -> None:
    """The SDK takes an answer that ends in its head for an empty list, or a thing of no fields.

    Raises RequestException, as for any connection that breaks.
    """
    ends = {"content-length", "transfer-encoding"}
    named = {name.lower() for name in answer.headers}
    if answer.status_code != HTTPStatus.NO_CONTENT and ends.isdisjoint(named):
        raise oci.exceptions.RequestException("the answer ended in its head")


def client(account: Mapping[str, str]) -> Client:
    """The client of an account; its fields are those of `build`."""
    if "tenancy" in account:
        config = {key: account[key] for key in ("tenancy", "user", "fingerprint")}
        config |= {"key_content": account["key"], "region": account.get("region", _HOME)}
    else:
        config = dict(oci.config.from_file())
    return Client(
        config=config,
        compartment=account.get("compartment", config["tenancy"]),
        endpoint=account.get("endpoint", ""),
        timeout=(float(account.get("connect_s", "2")), float(account.get("read_s", "10"))),
    )


def domains_of(account: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Regions with the availability domains that an account names for them."""
    pairs = (entry.partition("=") for entry in account.get("domains", "").split())
    return tuple((region, domain) for region, _, domain in pairs)


def domains_in(domains: Iterable[tuple[str, str]], region: str) -> tuple[str, ...]:
    """Those of a region; one of which none is named has its first."""
    known = tuple(domain for where, domain in domains if where == region)
    return known or (f"{region.upper()}-AD-1",)
