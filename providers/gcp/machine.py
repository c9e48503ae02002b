"""What we order of Compute Engine: one instance, whose disk and address go with it."""

from __future__ import annotations

from typing import Final

from google.cloud import compute_v1 as compute

from broker.domain.market import Place
from broker.domain.values import RefusalReason
from broker.ports import Fault, Order, Refused
from providers.machine import machine_tags
from providers.reservations import not_ours

SPECIFIC: Final = "SPECIFIC_RESERVATION"


def into(reservation: str) -> compute.ReservationAffinity:
    """That a machine takes its place in this reservation, `zone/name`, or is not made at all."""
    return compute.ReservationAffinity(
        consume_reservation_type=SPECIFIC,
        key="compute.googleapis.com/reservation-name",
        values=[reservation.rpartition("/")[2]],
    )


def shut(place: Place, named: str, found: compute.Reservation) -> Refused | Fault | None:
    """Why no machine of ours may be had from a reservation; None where there is room in it."""
    kept = found.specific_reservation
    holds = kept.instance_properties.machine_type
    if holds != place.sku:
        return not_ours(place, f"{named}, which holds {holds}", "name it for that machine")
    if not found.specific_reservation_required:
        remedy = "make it one that must be named (specificReservationRequired)"
        return not_ours(place, f"{named}, which anybody's machines may use", remedy)
    if kept.in_use_count >= kept.count:
        return Refused(RefusalReason.NO_CAPACITY, "ReservationFull", f"{named} is in use")
    return None


def instance(
    order: Order, zone: str, *, start_up: str, image: str, network: str
) -> compute.Instance:
    tags = machine_tags(order)
    disk = compute.AttachedDiskInitializeParams(source_image=image, labels=tags)
    outside = compute.AccessConfig(name="External NAT", type_="ONE_TO_ONE_NAT")
    return compute.Instance(
        name=order.name,
        machine_type=f"zones/{zone}/machineTypes/{order.place.sku}",
        labels=tags,
        disks=[compute.AttachedDisk(boot=True, auto_delete=True, initialize_params=disk)],
        network_interfaces=[compute.NetworkInterface(network=network, access_configs=[outside])],
        metadata=compute.Metadata(items=[compute.Items(key="startup-script", value=start_up)]),
        scheduling=_scheduling(order),
    )


def _scheduling(order: Order) -> compute.Scheduling:
    # A machine with GPUs cannot be moved while it runs.
    still = {"on_host_maintenance": "TERMINATE", "automatic_restart": False}
    if not order.place.interruptible:
        return compute.Scheduling(**still)
    # Google has no price that a customer would set: what it costs is on its list.
    return compute.Scheduling(
        **still, provisioning_model="SPOT", instance_termination_action="DELETE"
    )
