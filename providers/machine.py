"""What a machine is called, which tags it bears, and the script it starts with."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from broker.ports import Order

OWNER_TAG: Final = "broker-owner"
NAME_TAG: Final = "broker-machine"
_SHELL: Final = "#!/bin/sh\n"

# One interpreter for everything: it downloads the agent, checks it and becomes it. The hash is
# compared before a byte of the agent is run.
_LOADER: Final = """
import hashlib, os, sys, time, urllib.request
url = os.environ["BROKER_URL"] + "/v1/agent/agent.py"
for pause in (0.2, 1, 2, 4, None):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            source = answer.read()
        break
    except OSError as broken:
        print("agent:", broken, file=sys.stderr, flush=True)
        if pause is None:
            sys.exit(1)
        time.sleep(pause)
if hashlib.sha256(source).hexdigest() != os.environ["BROKER_AGENT_SHA256"]:
    sys.exit("agent: this is not the one that was promised")
sys.argv = ["agent.py"]
exec(compile(source, "agent.py", "exec"), {"__name__": "__main__", "__file__": "agent.py"})
"""

_SCRIPT: Final = """#!/bin/sh
export BROKER_URL={url} BROKER_TOKEN={token} BROKER_AGENT_SHA256={sha256}
python3 -I -c {loader}
eval "exec $BROKER_END_MACHINE"
"""

# On a cloud's own machine nothing else has said yet how it ends.
_REAL_MACHINE: Final = """#!/bin/sh
: "${BROKER_END_MACHINE:=@}"
export BROKER_END_MACHINE
"""


def machine_tags(order: Order) -> dict[str, str]:
    """What a cloud is told to remember of the machine, so that it can be found by it."""
    return {**order.labels, OWNER_TAG: order.owner, NAME_TAG: order.name}


def start_up_script(url: str, token: str, agent_sha256: str) -> str:
    """Fetch the agent, check it, be it; end the machine through $BROKER_END_MACHINE after it.

    The machine ends whether the agent ran out, broke, or could not be had.
    """
    return _SCRIPT.format(
        url=shlex.quote(url.rstrip("/")),
        token=shlex.quote(token),
        sha256=shlex.quote(agent_sha256),
        loader=shlex.quote(_LOADER),
    )


def boot_script(order: Order, cloud: str, checkpoints: str, end_command: str | None) -> str:
    """What the machine starts with: the ordered script, and what only this machine must know.

    On spot that is how its cloud tells of its end; then where jobs keep what is to outlive it, and
    on a real machine the command that ends it (None: a local one, which knows).
    """
    told = f"export BROKER_NOTICES={cloud}\n" if order.place.interruptible else ""
    if checkpoints:
        told += f"export BROKER_CHECKPOINTS={shlex.quote(checkpoints)}\n"
    script = order.start_up
    if told:
        script = f"{_SHELL}{told}{script.removeprefix(_SHELL)}"
    return script if end_command is None else on_a_real_machine(script, end_command)


def on_a_real_machine(start_up: str, end_command: str) -> str:
    """The script for a machine whose end is a command of its own, unless one is already named."""
    head = _REAL_MACHINE.replace("@", end_command)
    return head + start_up.removeprefix(_SHELL)
