"""What a machine is called, which tags it bears, and the script it starts with."""

from __future__ import annotations

import re

from broker.domain.market import Place
from broker.domain.values import ProviderName
from broker.ports import Order
from providers.machine import machine_name, machine_tags, on_a_real_machine, start_up_script

SCRIPT = start_up_script("https://broker.example/", "it's a token", "ab" * 32)


def test_one_seed_is_one_name_and_two_seeds_are_two() -> None:
    assert machine_name("c-1") == machine_name("c-1") != machine_name("c-2")
    assert re.fullmatch(r"cb-[0-9a-f]{24}", machine_name("c-1"))


def test_a_label_cannot_change_whose_a_machine_is() -> None:
    place = Place(ProviderName.AZURE, "eastus", "ND96")
    labels = {"job": "j-1", "broker-owner": "somebody-else"}
    order = Order(name=machine_name("x"), place=place, owner="us", start_up="", labels=labels)
    assert machine_tags(order) == {
        "job": "j-1",
        "broker-owner": "us",
        "broker-machine": machine_name("x"),
    }


def test_the_script_fits_into_the_smallest_user_data_and_names_no_shutdown() -> None:
    assert len(on_a_real_machine(SCRIPT, "shutdown -h now").encode()) < 4000
    assert "shutdown" not in SCRIPT
    assert SCRIPT.startswith("#!/bin/sh\n")


def test_a_real_machine_is_told_its_end_before_anything_else() -> None:
    script = on_a_real_machine(SCRIPT, "shutdown -h now")
    assert script.startswith('#!/bin/sh\n: "${BROKER_END_MACHINE:=shutdown -h now}"\n')
    assert script.count("#!/bin/sh") == 1
