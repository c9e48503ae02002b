"""What a machine is called, which tags it bears, and the script it starts with."""

from __future__ import annotations

import re

from broker.domain.machine import machine_name
from broker.domain.market import Place
from broker.domain.values import ProviderName
from broker.ports import Order
from providers.machine import machine_tags, on_a_real_machine, start_up_script

SCRIPT = start_up_script("https://broker.example/", "it's a token", "ab" * 32)


THERE = Place(ProviderName.AZURE, "eastus", "ND96")


def test_one_reason_is_one_name_and_another_reason_another() -> None:
    name = machine_name("c-1", 0, THERE)
    elsewhere = THERE._replace(region="westus")
    others = {
        machine_name("c-2", 0, THERE),
        machine_name("c-1", 1, THERE),
        machine_name("c-1", 0, elsewhere),
        machine_name("c-1", 0, THERE, attempt=2),
    }
    assert machine_name("c-1", 0, THERE) == name
    assert len(others | {name}) == 5
    assert re.fullmatch(r"cb-[0-9a-f]{24}", name)


def test_a_label_cannot_change_whose_a_machine_is() -> None:
    name = machine_name("x", 0, THERE)
    labels = {"job": "j-1", "broker-owner": "somebody-else"}
    order = Order(name=name, place=THERE, owner="us", start_up="", labels=labels)
    assert machine_tags(order) == {
        "job": "j-1",
        "broker-owner": "us",
        "broker-machine": name,
    }


def test_the_script_fits_into_the_smallest_user_data_and_names_no_shutdown() -> None:
    assert len(on_a_real_machine(SCRIPT, "shutdown -h now").encode()) < 4000
    assert "shutdown" not in SCRIPT
    assert SCRIPT.startswith("#!/bin/sh\n")


def test_a_real_machine_is_told_its_end_before_anything_else() -> None:
    script = on_a_real_machine(SCRIPT, "shutdown -h now")
    assert script.startswith('#!/bin/sh\n: "${BROKER_END_MACHINE:=shutdown -h now}"\n')
    assert script.count("#!/bin/sh") == 1
