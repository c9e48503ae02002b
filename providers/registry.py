"""Name and account to adapter; an SDK is imported only when its cloud is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from broker.domain.values import ProviderName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from broker.ports import Provider, Scout
    from providers.prices import PriceReader

_ADAPTERS: Final = {
    ProviderName.AZURE: "providers.azure",
    ProviderName.AWS: "providers.aws",
    ProviderName.GCP: "providers.gcp",
    ProviderName.ORACLE: "providers.oracle",
    ProviderName.OWN: "providers.own",
}


SCOUTED: Final = frozenset(_ADAPTERS) - {ProviderName.OWN}
"""The clouds that say something of their places before they are asked for a machine."""


def scout(name: ProviderName, account: Mapping[str, str]) -> Scout:
    """What reads what a cloud says of its places. Raises ValueError for an incomplete account.

    Nothing is asked of the cloud yet.
    """
    try:
        found: Scout = import_module(_ADAPTERS[name]).scout(account)
    except KeyError as missing:
        raise ValueError(f"the {name} account names no {missing.args[0]}; add it") from None
    return found


def provider(name: ProviderName, account: Mapping[str, str]) -> Provider:
    """The adapter of a cloud, for one account of it. Raises ValueError for an incomplete account.

    Nothing is asked of the cloud yet.
    """
    build = import_module(_ADAPTERS[name]).build
    try:
        adapter: Provider = build(account)
    except KeyError as missing:
        raise ValueError(f"the {name} account names no {missing.args[0]}; add it") from None
    return adapter


def price_reader(name: ProviderName) -> PriceReader:
    """What reads a cloud's own price interface. Raises ModuleNotFoundError for our own machines."""
    reader: PriceReader = import_module(f"{_ADAPTERS[name]}.prices").list_prices
    return reader
