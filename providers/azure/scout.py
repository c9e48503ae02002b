"""What Azure says of its places: which sizes are open to us there, and what our usages leave."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from azure.core.exceptions import AzureError
from azure.core.rest import HttpRequest

from broker.domain.advice import Thought
from broker.domain.market import Advice, Place
from broker.domain.values import ProviderName
from broker.ports import Scout
from providers.azure.client import CLOUD, client
from providers.findings import Findings

if TYPE_CHECKING:
    from azure.mgmt.compute import ComputeManagementClient

_SPOT_CORES: Final = "lowPriorityCores"
_SCORES: Final = "2025-06-05"
_A_SCORE: Final = 5
"""Sizes in one request for scores."""
_MACHINES: Final = "virtualMachines"


def scout(account: Mapping[str, str]) -> Scout:
    """The scout for an account, whose fields are those of `build`."""
    account["subscription"]
    return AzureScout(account)


class AzureScout:
    def __init__(self, account: Mapping[str, str]) -> None:
        self._account = account
        self._making = threading.Lock()
        self._made: ComputeManagementClient | None = None

    @property
    def name(self) -> ProviderName:
        return ProviderName.AZURE

    def advice(self, places: Sequence[Place]) -> Iterable[Advice]:
        found, sizes = Findings((AzureError,)), dict[str, Any]()
        found.look(lambda: self._sizes(places, sizes))
        if sold := found.places():
            found.look(lambda: self._usages(sold, sizes))
        if spot := [place for place in found.places() if place.interruptible]:
            found.look(lambda: self._scores(spot))
        return found.all()

    def _sizes(self, places: Sequence[Place], sizes: dict[str, Any]) -> Iterator[Advice]:
        """Which sizes are listed for the location, and not restricted for this subscription.

        A restriction that holds in some zones only leaves the others.
        """
        region = places[0].region
        wanted = {place.sku for place in places}
        listed = self._client.resource_skus.list(filter=f"location eq '{region}'")
        sizes |= {
            str(sku.name): sku
            for sku in listed
            if sku.resource_type == _MACHINES and sku.name in wanted
        }
        for place in places:
            size = sizes.get(place.sku)
            why = "not listed" if size is None else _restricted(size)
            yield Advice(
                place=place,
                thought=Thought.NOT_SOLD if why else Thought.SOLD,
                because=f"sizes: {why or 'listed'} in {region}",
            )

    def _usages(self, places: Sequence[Place], sizes: Mapping[str, Any]) -> Iterator[Advice]:
        """What our limits leave, of the size's family and of all cores."""
        listed = self._client.usage.list(places[0].region)
        free = {str(one.name.value): int(one.limit) - int(one.current_value) for one in listed}
        for place in places:
            size = sizes.get(place.sku)
            vcpus = _vcpus(size)
            if size is None or not vcpus:
                continue
            for limit in (_SPOT_CORES,) if place.interruptible else (str(size.family), "cores"):
                if limit in free:
                    room = max(free[limit], 0) // vcpus
                    yield Advice(
                        place=place,
                        thought=Thought.SOLD if room else Thought.OVER_QUOTA,
                        units=room,
                        because=""
                        if room
                        else f"usages: {limit} leaves {free[limit]} cores, and one needs {vcpus}",
                    )

    def _scores(self, places: Sequence[Place]) -> Iterator[Advice]:
        """How likely spot machines are to be had; no package that is out has the call yet."""
        path = f"/subscriptions/{self._account['subscription']}/providers/Microsoft.Compute"
        location = places[0].region
        url = f"{path}/locations/{location}/placementScores/spot/generate?api-version={_SCORES}"
        for first in range(0, len(places), _A_SCORE):
            some = {place.sku: place for place in places[first : first + _A_SCORE]}
            body = {
                "desiredLocations": [location],
                "desiredSizes": [{"sku": sku} for sku in some],
                "desiredCount": 1,
                "availabilityZones": False,
            }
            endpoint = self._account.get("endpoint", CLOUD).rstrip("/")
            answer = self._client.send_request(HttpRequest("POST", f"{endpoint}{url}", json=body))
            answer.raise_for_status()
            for told in answer.json().get("placementScores", []):
                if (place := some.get(told.get("sku", ""))) is not None:
                    yield _scored(place, told)

    @property
    def _client(self) -> ComputeManagementClient:
        with self._making:
            if self._made is None:
                endpoint = self._account.get("endpoint", CLOUD).rstrip("/")
                self._made = client(self._account, endpoint)
            return self._made


def _scored(place: Place, told: Mapping[str, Any]) -> Advice:
    score = told.get("score", "")
    thought = Thought.SHORT if score == "Low" else Thought.LIKELY
    if told.get("isQuotaAvailable") is False:
        thought = Thought.OVER_QUOTA
    return Advice(place=place, thought=thought, because=f"spot placement score: {score}")


def _restricted(size: Any) -> str:  # noqa: ANN401 - one of their models
    """Why this subscription may not have the size anywhere in the location; empty if it may."""
    for restriction in size.restrictions or []:
        if str(getattr(restriction.type, "value", restriction.type)) == "Location":
            return f"restricted ({getattr(restriction.reason_code, 'value', '')})"
    return ""


def _vcpus(size: Any) -> int:  # noqa: ANN401 - one of their models
    told = {one.name: one.value for one in (size.capabilities if size is not None else None) or []}
    return int(told.get("vCPUs", 0))
