"""What the clouds' own price interfaces tell, in one form, and how they are asked for it.

A cloud's reader is `list_prices(account, wanted, now)` in its folder: the prices of the wanted
machines, as far as the cloud names them. Only what the interface says is told; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, Self, TypeAlias
from urllib.parse import urlsplit

import httpx2

from broker.domain.market import Pool
from broker.domain.values import ProviderName, Usd

_PATIENCE: Final = httpx2.Timeout(30.0, connect=5.0)
_MOST_PAGES: Final = 1_000


class PricesUnavailable(Exception):
    """A price interface did not answer as it should; one sentence that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPrice:
    """What one machine costs by the hour in one region, by the cloud's own list of today."""

    provider: ProviderName
    region: str
    shape: str
    usd_hour: Usd
    spot: bool = False


PriceReader: TypeAlias = Callable[
    [Mapping[str, str], Sequence[Pool], datetime], Iterable[ListPrice]
]
"""Raises PricesUnavailable, and whatever an answer raises that is not in its documented form."""


def needed(account: Mapping[str, str], name: str, provider: ProviderName) -> str:
    """A field of the account. Raises PricesUnavailable where it is missing."""
    if name not in account:
        raise PricesUnavailable(
            f"the prices of {provider} are told to its customers only: add {name} to "
            f"clouds.{provider}"
        )
    return account[name]


class Interface:
    """The price interface of one cloud, as JSON over HTTPS, for the length of a `with` block."""

    def __init__(self, provider: ProviderName, url: str, headers: Mapping[str, str]) -> None:
        self._provider = provider
        self._url = url.rstrip("/")
        self._host = urlsplit(url).netloc
        self._client = httpx2.Client(timeout=_PATIENCE, headers=dict(headers))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, **query: str) -> Any:  # noqa: ANN401 - whatever the cloud sends
        """The JSON at a path, or at the absolute address of a next page.

        Raises PricesUnavailable for another host, an error or no JSON.
        """
        absolute = path.startswith(("http://", "https://"))
        if absolute and urlsplit(path).netloc != self._host:
            raise self._unavailable(f"it names a next page at {urlsplit(path).netloc}")
        try:
            answer = self._client.get(path if absolute else self._url + path, params=query or None)
            if answer.status_code != HTTPStatus.OK:
                raise self._unavailable(f"it answers {answer.status_code}")
            return answer.json()
        except (httpx2.HTTPError, ValueError) as failure:
            raise self._unavailable(str(failure) or type(failure).__name__) from failure

    def pages(
        self, path: str, next_of: Callable[[Any], tuple[str, dict[str, str]] | None], **query: str
    ) -> Iterable[Any]:
        """Each page in turn; `next_of` names the path and query of the one that follows."""
        for _ in range(_MOST_PAGES):
            page = self.get(path, **query)
            yield page
            following = next_of(page)
            if following is None:
                return
            path, query = following
        raise self._unavailable("its pages do not end")

    def _unavailable(self, what: str) -> PricesUnavailable:
        return PricesUnavailable(
            f"the prices of {self._provider} cannot be had from {self._host}: {what}; "
            "try again later, or import a catalogue file with `broker prices import`"
        )
