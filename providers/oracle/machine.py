"""What we order of Oracle: one instance, whose volumes and address go with it."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import oci

from broker.ports import Order
from providers.machine import machine_tags


def details(
    order: Order,
    domain: str,
    *,
    start_up: str,
    compartment: str,
    image: str,
    subnet: str,
    reservation: str | None = None,
) -> Any:  # noqa: ANN401 - the SDK carries no types
    tags, models = machine_tags(order), oci.core.models
    return models.LaunchInstanceDetails(
        availability_domain=domain,
        compartment_id=compartment,
        shape=order.place.sku,
        display_name=order.name,
        freeform_tags=tags,
        metadata={"user_data": b64encode(start_up.encode()).decode()},
        create_vnic_details=models.CreateVnicDetails(subnet_id=subnet, freeform_tags=tags),
        capacity_reservation_id=reservation,
        source_details=models.InstanceSourceViaImageDetails(image_id=image),
        preemptible_instance_config=_preemptible() if order.place.interruptible else None,
    )


def _preemptible() -> Any:  # noqa: ANN401
    """Terminated when Oracle wants it back. Its price is half, and no customer sets a cap."""
    models = oci.core.models
    return models.PreemptibleInstanceConfigDetails(
        preemption_action=models.TerminatePreemptionAction(preserve_boot_volume=False)
    )
