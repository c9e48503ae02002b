"""What we order of Compute Engine: one instance, whose disk and address go with it."""

from __future__ import annotations

from google.cloud import compute_v1 as compute

from broker.ports import Order
from providers.machine import machine_tags


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
