"""The HTTP process: from settings to a server that answers."""

from __future__ import annotations

import re
import signal
import ssl
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from broker.api.app import create_app
from broker.api.context import ApiContext
from broker.api.serving import listen, server_for
from broker.settings import Settings, SettingsError, is_loopback
from broker.steps.beat import Part, beating
from broker.wiring import Wiring, catalogue, wired


def serve(settings: Settings, ready: Callable[[str], object] | None = None) -> None:
    """Serve until SIGTERM or SIGINT. Raises SettingsError, WrongRevision, PortTakenError.

    `ready` is called with the URL once the address is taken.
    """
    guard(settings)
    pools = catalogue(settings)
    with listen(settings.host, settings.port) as line, wired(settings, pools) as wiring:
        url = address(settings, line.getsockname()[1])
        server = server_for(
            create_app(context(wiring, url)),
            certificate=settings.tls_certificate,
            key=settings.tls_key,
        )
        if ready is not None:
            ready(url)
        # The server ends in order at these, and raises them again for whoever was there before.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        with beating(wiring.store, Part.SERVER):
            server.run(sockets=[line])


def guard(settings: Settings) -> None:
    """Refuse to be reached from elsewhere by anybody, unless that is said. Raises SettingsError.

    A certificate that cannot be used is refused before anything listens.
    """
    if settings.tls_certificate is not None:
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
                settings.tls_certificate, settings.tls_key
            )
        except OSError as broken:
            raise SettingsError(
                f"tls_certificate: {settings.tls_certificate} and its key cannot be used "
                f"({broken.strerror or broken}); name PEM files that belong together"
            ) from None
    if is_loopback(settings.host) or settings.insecure:
        return
    if settings.token is None or settings.tls_certificate is None:
        raise SettingsError(
            f"host: {settings.host} can be reached from elsewhere; set token and tls_certificate, "
            "or say insecure = true where something before the broker does that"
        )


def address(settings: Settings, port: int) -> str:
    """The broker's URL, with the port that was taken where any would do."""
    if settings.public_url is not None or settings.port != 0:
        return settings.address
    return f"{settings.address.removesuffix(':0')}:{port}"


def context(wiring: Wiring, url: str) -> ApiContext:
    """What the API stands on, from what the process stands on."""
    settings = wiring.settings
    token = settings.token.get_secret_value() if settings.token is not None else None
    return ApiContext(
        store=wiring.store,
        board=wiring.store.board,
        rules=wiring.rules,
        ids=wiring.ids,
        secret=wiring.secret,
        agent_source=agent_source(),
        token=token,
        loopback=is_loopback(settings.host),
        public_url=url,
        version=installed_version(),
    )


_AGENT: Final = ("agent_line.py", "agent_notices.py", "agent.py")
_FIRST: Final = "from __future__ import annotations"
_BETWEEN: Final = re.compile(r"from (__future__|workers\.agent_\w+) import ")


def agent_source() -> bytes:
    """The agent as machines download it: with its parts, in one file.

    They lie beside the broker in the same distribution. What one says of the other's place, and of
    how it is to be read, is left out.
    """
    found = find_spec("workers")
    if found is None or not found.submodule_search_locations:
        raise SettingsError("the package `workers` is missing; install the broker as a whole")
    folder = Path(found.submodule_search_locations[0])
    parts = [(folder / name).read_text(encoding="utf-8") for name in _AGENT]
    lines = [line for part in parts for line in part.splitlines() if not _BETWEEN.match(line)]
    return "\n".join([_FIRST, *lines, ""]).encode()


def installed_version() -> str:
    try:
        return version("capacity-broker")
    except PackageNotFoundError:
        return "0"
