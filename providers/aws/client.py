"""The SDK's clients: with whose key, how patient, and over what."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import botocore.session
from botocore.config import Config

from broker.domain.place import region_of
from broker.domain.values import ProviderName


class Clients:
    """One client for each service and region, for all threads; made at the first call, and kept."""

    def __init__(self, account: Mapping[str, str]) -> None:
        self._account = account
        self._making = threading.Lock()
        self._session: botocore.session.Session | None = None
        self._made: dict[tuple[str, str], Any] = {}

    def of(self, service: str, place: str) -> Any:  # noqa: ANN401 - botocore makes the class at run time
        """The client of a region, or of a zone's region."""
        region = region_of(ProviderName.AWS, place)
        with self._making:
            if (service, region) not in self._made:
                if self._session is None:
                    # What a person set up for themselves on this computer is not the broker's.
                    self._session = botocore.session.Session(
                        session_vars={"profile": (None, [], None, None)}
                    )
                made = _client(self._session, service, region, self._account)
                self._made[service, region] = made
            return self._made[service, region]


def _client(
    session: botocore.session.Session, service: str, region: str, account: Mapping[str, str]
) -> Any:  # noqa: ANN401
    endpoint = account.get("endpoint")
    return session.create_client(
        service,
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=account["access_key_id"],
        aws_secret_access_key=account["secret_access_key"],
        config=Config(
            retries={"mode": "standard", "total_max_attempts": 1},
            connect_timeout=float(account.get("connect_s", "2")),
            read_timeout=float(account.get("read_s", "10")),
            max_pool_connections=200,
            proxies={} if endpoint else None,
        ),
    )
