"""Spend: what machines cost now and have cost, beside the caps."""

from __future__ import annotations

import typer

from broker.cli.options import Json
from broker.cli.shell import out, out_json, say, shell_of


def spend(context: typer.Context, json: Json = False) -> None:
    """Say what is spent by the hour and in total, by cloud and tenant, and what caps leave."""
    from broker.cli.render import table

    said = shell_of(context).line.get("/v1/spend")
    if json:
        out_json("spend", said)
        return
    if said["items"]:
        rows = [
            (one["provider"], one["tenant"], one["usd_hour"], one["usd_total"])
            for one in said["items"]
        ]
        out(table(("CLOUD", "TENANT", "$/H", "$ SO FAR"), rows))
    else:
        say("nothing was spent yet")
    for cap in said["caps"]:
        hour = f"{cap['usd_hour']} of {cap['cap_usd_hour'] or 'any'} $/h"
        total = f"{cap['usd_total']} of {cap['cap_usd_total'] or 'any'} $ in total"
        out(f"cap of {cap['whose']}: {hour}, {total}")
        if cap["used_up"]:
            say(cap["used_up"])
    if not said["caps"]:
        say("no spend cap is set: see [caps] in broker.toml")
