"""Notices put to a real HTTP server, and what its silence proves."""

from __future__ import annotations

import hmac
import json
import socket
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest
from typing_extensions import override

from broker.domain.offer import Desk
from broker.domain.signing import webhook_signature
from broker.domain.values import JobId
from broker.ports import Took, Unheard, Untold, Webhook
from broker.steps.announce import announce
from broker.steps.place import place_round
from tests.support.broker import AWS, EAST, Broker, a_broker, work
from workers.embedded import start
from workers.webhooks import Poster

SECRET: Final = b"a secret of this test, long enough"
AGREEMENT: Final = "azure-first-refusal"


@dataclass
class Endpoint:
    """The holder's server: it answers as it is told, and keeps what it was sent."""

    url: str = ""
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    silent: bool = False
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def an_endpoint(**said: Any) -> Iterator[Endpoint]:  # noqa: ANN401 - an endpoint's fields
    endpoint, over = Endpoint(**said), threading.Event()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            named = {name.lower(): value for name, value in self.headers.items()}
            endpoint.got.append((named, body))
            if endpoint.silent:
                over.wait(5)
                return
            self.send_response(endpoint.status)
            for name, value in endpoint.headers.items():
                self.send_header(name, value)
            self.end_headers()

        @override
        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    endpoint.url = f"http://127.0.0.1:{server.server_port}/offers"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def a_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def told_by(url: str) -> Iterator[Broker]:
    with a_broker({EAST: 9, AWS: 9}, desk=Desk.PERSON) as broker:
        hook = Webhook(url=url, secret=SECRET)
        broker.rules = replace(broker.rules, webhooks={AGREEMENT: hook})
        yield broker


def tell(broker: Broker, poster: Poster | None = None) -> int:
    return announce(broker.store, broker.rules, poster or Poster())


def sent(broker: Broker, *works: Any) -> list[JobId]:  # noqa: ANN401 - workloads
    """Offers put, and nothing announced yet."""
    jobs = broker.submit(*works)
    place_round(broker.store, broker.rules)
    return jobs


# -- what is sent


def test_the_signature_is_that_of_the_published_example() -> None:
    """Secret, id, instant and payload of the reference libraries of Standard Webhooks."""
    secret = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    said = webhook_signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert said == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_webhook_gets_the_exact_bytes_signed_and_its_yes_is_the_receipt() -> None:
    with an_endpoint() as desk, told_by(desk.url) as broker:
        jobs = sent(broker, work(), work())
        assert tell(broker) == 1
        ((headers, body),) = desk.got
        (written,) = broker.facts("NoticeWritten")
        assert json.loads(body)["notice"] == headers["webhook-id"] == written.data["notice"]
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        own = b64encode(hmac.digest(SECRET, signed, "sha256")).decode()
        assert headers["webhook-signature"] == f"v1,{own}"
        assert [broker.offer(job).state.value for job in jobs] == ["open", "open"]
        assert {fact.data["how"] for fact in broker.facts("OfferDelivered")} == {"ack"}
        assert tell(broker) == 0
        assert not broker.facts("NoticeSent")


def test_nothing_is_posted_for_offers_that_were_fetched_meanwhile() -> None:
    with an_endpoint() as desk, told_by(desk.url) as broker:
        (job,) = sent(broker, work())
        broker.answer(job, holds=[(EAST, 1)])
        tell(broker)
        assert desk.got == []
        assert broker.store.next_due() is None or tell(broker) == 0


# -- what silence proves


@pytest.mark.parametrize("status", [500, 503])
def test_an_endpoint_that_breaks_down_is_asked_again_and_then_deemed_to_have_it(
    status: int,
) -> None:
    with an_endpoint(status=status) as desk, told_by(desk.url) as broker:
        broker.post = Poster()
        (job,) = broker.placed(work())
        broker.wait(299)
        assert broker.offer(job).state == "sent"
        broker.wait(2)
        attempts = broker.facts("NoticeSent")
        assert len(attempts) >= 3
        assert attempts[0].data["because"] == f"the webhook answers {status}"
        assert attempts[0].data["channels"] == ["webhook", "inbox"]
        (delivered,) = broker.facts("OfferDelivered")
        assert delivered.data["how"] == "deemed"
        assert len({headers["webhook-id"] for headers, _ in desk.got}) == 1


@pytest.mark.parametrize("status", [301, 307, 401, 404, 429])
def test_what_our_own_mistake_keeps_from_arriving_never_opens_a_window(status: int) -> None:
    with an_endpoint(status=status) as desk, told_by(desk.url) as broker:
        desk.headers = {"Location": desk.url} if status < 400 else {}
        broker.post = Poster()
        (job,) = broker.placed(work())
        broker.wait(900)
        assert len(desk.got) > 5
        assert broker.offer(job).state == "sent"
        assert not broker.facts("NoticeSent", "OfferDelivered")
        (troubled,) = broker.facts("NoticeTroubled")
        assert str(status) in troubled.data["because"]
        desk.status = 200
        broker.wait(61)
        assert broker.offer(job).state == "open"


def judged(url: str, **more: Any) -> Any:  # noqa: ANN401 - what was posted
    with told_by(url) as broker:
        sent(broker, work())
        notice = next(iter(broker.store.notices.values()))
        hook = Webhook(url=url, secret=SECRET)
        return Poster(**more)(hook, notice, broker.clock.at)


def refused() -> str:
    return f"http://127.0.0.1:{a_free_port()}/"


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        (refused, Unheard),
        (lambda: "http://no-such-host.invalid/", Untold),
        (lambda: "http://[::ffff:255.255.255.255]:9/", Untold),
    ],
)
def test_a_refused_connection_is_the_holders_and_an_unknown_host_is_ours(
    url: Callable[[], str], kind: type
) -> None:
    assert isinstance(judged(url()), kind)


def test_an_endpoint_that_says_nothing_is_silent_itself() -> None:
    with an_endpoint(silent=True) as desk:
        assert isinstance(judged(desk.url, answer_s=0.2), Unheard)
        assert len(desk.got) == 1


@contextmanager
def a_wall() -> Iterator[int]:
    """A port whose queue is full: connections to it never come about."""
    with socket.socket() as wall:
        wall.bind(("127.0.0.1", 0))
        wall.listen(0)
        port = int(wall.getsockname()[1])
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.settimeout(0)
            one.connect_ex(("127.0.0.1", port))
        yield port
        for one in waiting:
            one.close()


def test_a_connection_that_never_comes_about_proves_nothing_without_a_witness() -> None:
    with a_wall() as port, an_endpoint() as witness:
        url = f"http://127.0.0.1:{port}/"
        assert isinstance(judged(url, connect_s=0.3), Untold)
        there = witness.url.removeprefix("http://").partition("/")[0]
        assert isinstance(judged(url, connect_s=0.3, witness=there), Unheard)
        gone = f"127.0.0.1:{a_free_port()}"
        assert isinstance(judged(url, connect_s=0.3, witness=gone), Untold)


def test_a_yes_is_a_yes() -> None:
    with an_endpoint(status=202) as desk:
        assert isinstance(judged(desk.url), Took)


# -- the whole way


def test_a_running_broker_posts_its_notices(tmp_path: Path) -> None:
    with an_endpoint() as desk:
        hook = {AGREEMENT: {"url": desk.url, "secret": "whsec_" + b64encode(SECRET).decode()}}
        with start(data_dir=tmp_path, desk="person", desk_webhook=hook) as engine:
            from broker import Broker as Client  # noqa: PLC0415 - the product's own
            from broker.wire import Training  # noqa: PLC0415 - as above

            offers: Any = ()
            with Client(engine.url) as client:
                client.submit(Training(name="tune", run="true"))
                for _ in range(500):
                    offers = client.offers.list().items
                    if desk.got and offers and offers[0].state == "open":
                        break
                    threading.Event().wait(0.02)
                assert offers[0].state == "open"
                ((headers, body),) = desk.got
                stamp = int(headers["webhook-timestamp"])
                signed = webhook_signature(SECRET, headers["webhook-id"], stamp, body)
                assert headers["webhook-signature"] == signed
