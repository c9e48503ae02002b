"""The HTTP side on a real database, and the steps that workers would take behind it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from fastapi.testclient import TestClient

from broker.agreements import registry
from broker.agreements.series import following
from broker.api.app import create_app
from broker.api.context import ApiContext
from broker.domain.market import Place, Pool, PoolKind
from broker.domain.offer import Desk
from broker.domain.values import ProviderName, usd
from broker.ports import Order, Outcome, Running
from broker.steps.offer import put_offers
from broker.steps.place import place_round
from broker.steps.provision import provision
from broker.steps.rulebook import Rulebook
from broker.steps.run import token_of
from broker.store.sql import SqlStore
from tests.support.stores import CountingIds, StoppedClock

LATE_2026: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECRET: Final = b"a secret of this test"
SOURCE: Final = b"print('agent')\n"
HERE: Final = "http://127.0.0.1"
AZURE: Final = Place(ProviderName.AZURE, "westeurope", "ND96")
AWS: Final = Place(ProviderName.AWS, "eu-west-1", "p5.48xlarge")
POOLS: Final = tuple(
    Pool(
        place=place,
        kind=kind,
        accelerator="H100",
        gpus=8,
        cpus=96,
        memory_gib=1900,
        price_usd_hour=usd(price),
    )
    for place, kind, price in (
        (AZURE, PoolKind.HOLDER, "98.32"),
        (AWS, PoolKind.THIRD_PARTY_CLOUD, "90.5"),
    )
)
GPUS: Final = {"resources": {"gpu": "H100:8"}}
SMALL: Final[dict[str, Any]] = {"kind": "training", "name": "tune", "run": "echo hello"}


@dataclass
class InstantCloud:
    """Has every machine at once."""

    name: ProviderName
    taken: list[Order] = field(default_factory=list)

    def launch(self, order: Order) -> Outcome:
        self.taken.append(order)
        return Running(f"handle-{order.name}")

    def poll(self, order: Order, handle: str) -> Outcome:
        return Running(handle)

    def terminate(self, order: Order, handle: str | None) -> bool:
        return True

    def owned(self, owner: str) -> list[Any]:
        return []


@dataclass
class Office:
    """A broker whose holder is a person, with time standing still."""

    store: SqlStore
    clock: StoppedClock
    context: ApiContext
    clouds: dict[ProviderName, InstantCloud]

    def work(self) -> None:
        """Do what is due now, until nothing is."""
        rules, busy = self.context.rules, True
        while busy:
            busy = bool(place_round(self.store, rules) or put_offers(self.store, rules))
            for name, cloud in self.clouds.items():
                busy = bool(provision(name, cloud, self.store, rules)) or busy
            self.seal()

    def seal(self) -> None:
        while self.store.seal():
            pass

    def token(self, place: Place = AZURE) -> str:
        """Of the newest machine there."""
        return token_of(self.clouds[place.provider].taken[-1].name, SECRET)

    @contextmanager
    def client(self, **changes: Any) -> Iterator[TestClient]:  # noqa: ANN401 - ApiContext's fields
        with TestClient(create_app(self.with_context(**changes)), base_url=HERE) as client:
            yield client

    def with_context(self, **changes: Any) -> ApiContext:  # noqa: ANN401 - as above
        known = {name: getattr(self.context, name) for name in ApiContext.__dataclass_fields__}
        return ApiContext(**(known | changes))


@contextmanager
def an_office(folder: Path, desk: Desk = Desk.PERSON) -> Iterator[Office]:
    clock, ids = StoppedClock(LATE_2026), CountingIds()
    store = SqlStore(f"sqlite:///{folder / 'broker.db'}", clock, ids)
    store.migrate()
    rules = Rulebook(
        agreements=registry.shipped(),
        default_agreement="azure-first-refusal",
        follow=following,
        pools=POOLS,
        desk_for=lambda _: desk,
    )
    context = ApiContext(
        store=store,
        board=store.board,
        rules=rules,
        ids=ids,
        secret=SECRET,
        agent_source=SOURCE,
        version="1.2.3",
    )
    clouds = {name: InstantCloud(name) for name in (ProviderName.AZURE, ProviderName.AWS)}
    try:
        yield Office(store, clock, context, clouds)
    finally:
        store.close()


def submit(client: TestClient, **fields: Any) -> str:  # noqa: ANN401 - a job's
    """The id of a job that is taken."""
    answer = client.post("/v1/jobs", json=SMALL | GPUS | fields)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def fault(answer: Any) -> dict[str, Any]:  # noqa: ANN401 - the client's own
    """What a refusal says: one sentence, and no trace."""
    said: dict[str, Any] = answer.json()["error"]
    assert "\n" not in said["message"]
    assert "Traceback" not in answer.text
    return said


def the_offer(client: TestClient) -> dict[str, Any]:
    (offer,) = client.get("/v1/offers").json()["items"]
    return dict(offer)


def accepted(client: TestClient, offer: str, **fields: Any) -> Any:  # noqa: ANN401 - the client's own
    """The answer to an acceptance of one unit, or to what is made of it."""
    hold = {"hold": f"for-{offer}", "units": 1, "region": AZURE.region, "sku": AZURE.sku}
    body = {"kind": "accept", "holds": [hold], "by": "desk@azure", **fields}
    return client.post(f"/v1/offers/{offer}/answer", json=body)
