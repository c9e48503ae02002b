"""The holder's desk over HTTP: notices, keys, and the pages that a signed link opens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from broker.domain.values import ProviderName
from tests.support.api import (
    AWS,
    AZURE,
    HERE,
    Office,
    accepted,
    an_office,
    fault,
    submit,
    the_offer,
)

TOKEN = "of the operator"  # noqa: S105 - of this test
CANARIES = {
    "name": "canary-name",
    "tenant": "canary-tenant",
    "run": "echo canary-command",
    "env": {"CANARY_NAME": "canary-value"},
    "labels": {"canary-label": "canary-label-value"},
}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with an_office(tmp_path) as office:
        yield office


@pytest.fixture
def client(office: Office) -> Iterator[TestClient]:
    with office.client() as client:
        yield client


def an_offer(client: TestClient, office: Office, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    submit(client, **fields)
    office.work()
    return the_offer(client)


def link(client: TestClient, offer: str, **body: Any) -> str:  # noqa: ANN401
    made = client.post(f"/v1/offers/{offer}/link", json=body)
    assert made.status_code == 200, made.text
    return str(made.json()["url"])


def granted(client: TestClient, **body: Any) -> dict[str, Any]:  # noqa: ANN401
    made = client.post("/v1/keys", json={"party": "azure", "role": "desk"} | body)
    assert made.status_code == 201, made.text
    return dict(made.json())


def form(offer: str, kind: str = "accept", **said: str) -> dict[str, str]:
    held = {"hold-0": "r-1", "units-0": "1", "place-0": f"{AZURE.region} {AZURE.sku}"}
    return {"offer": offer, "kind": kind, "by": "Desk"} | (held if kind == "accept" else {}) | said


# -- notices


def test_fetching_a_notice_gives_its_exact_bytes_and_opens_every_window(
    client: TestClient, office: Office
) -> None:
    for _ in range(3):
        submit(client)
    office.work()
    offers = client.get("/v1/offers").json()["items"]
    (name,) = {offer["notice"] for offer in offers}
    body = client.get(f"/v1/notices/{name}")
    assert client.get(f"/v1/notices/{name}").content == body.content
    assert {entry["offer_id"] for entry in json.loads(body.content)["offers"]} == {
        offer["id"] for offer in offers
    }
    office.seal()
    facts = client.get("/v1/facts?limit=1000").json()["items"]
    (written,) = [fact["data"] for fact in facts if fact["type"] == "NoticeWritten"]
    assert written["sha256"] == sha256(body.content).hexdigest()
    assert {offer["state"] for offer in client.get("/v1/offers").json()["items"]} == {"open"}
    missing = client.get("/v1/notices/none")
    assert (missing.status_code, fault(missing)["code"]) == (404, "not_found")


def test_nothing_of_the_tenants_reaches_a_desk(client: TestClient, office: Office) -> None:
    offer = an_offer(client, office, **CANARIES)
    asked = {"kind": "query", "question": "what is the name of the tenant and the command?"}
    told = [
        client.get(f"/v1/notices/{offer['notice']}").text,
        client.get(f"/v1/offers/{offer['id']}/notice").text,
        client.post(f"/v1/offers/{offer['id']}/answer", json=asked).text,
        client.get(link(client, offer["id"])).text,
        client.get(link(client, offer["id"]).replace(HERE, "")).text,
    ]
    assert [text for text in told if "canary" in text.lower()] == []
    assert all("offer" in text for text in told)


# -- keys


def test_an_answer_without_its_key_is_turned_down_and_changes_nothing(
    client: TestClient, office: Office
) -> None:
    offer = an_offer(client, office)
    key = granted(client)
    assert len(key["secret"]) > 40
    bare = accepted(client, offer["id"])
    assert (bare.status_code, fault(bare)["code"]) == (401, "unauthorised")
    client.headers["Broker-Key"] = "bk_wrong"
    wrong = accepted(client, offer["id"])
    assert (wrong.status_code, fault(wrong)["code"]) == (403, "forbidden")
    notice = client.get(f"/v1/notices/{offer['notice']}")
    assert (notice.status_code, fault(notice)["code"]) == (403, "forbidden")
    assert the_offer(client)["state"] == "sent"
    client.headers["Broker-Key"] = key["secret"]
    assert accepted(client, offer["id"]).json()["state"] == "accepted"
    listed = client.get("/v1/keys").text
    assert key["id"] in listed
    assert key["secret"] not in listed


def test_a_desk_comes_in_by_its_key_alone_and_to_its_own_calls_only(office: Office) -> None:
    with office.client(token=TOKEN) as client:
        operator = {"Authorization": f"Bearer {TOKEN}"}
        client.headers.update(operator)
        offer = an_offer(client, office)
        key = granted(client)
        del client.headers["Authorization"]
        client.headers["Broker-Key"] = key["secret"]
        assert client.get(f"/v1/notices/{offer['notice']}").status_code == 200
        assert client.get("/v1/jobs").status_code == 401
        assert client.get("/v1/offers").status_code == 401
        assert accepted(client, offer["id"]).status_code == 200
        client.headers["Broker-Key"] = "bk_made_up"
        assert client.get(f"/v1/notices/{offer['notice']}").status_code == 403


def test_a_key_is_revoked_once_and_for_all(client: TestClient, office: Office) -> None:
    offer = an_offer(client, office)
    key = granted(client)
    gone = client.post(f"/v1/keys/{key['id']}/revoke", json={"why": "left"})
    assert gone.json()["revoked_at"] is not None
    client.headers["Broker-Key"] = key["secret"]
    turned_down = accepted(client, offer["id"])
    assert turned_down.status_code == 403
    assert "was revoked" in fault(turned_down)["message"]
    again = client.post(f"/v1/keys/{key['id']}/revoke", json={})
    assert (again.status_code, fault(again)["field"]) == (422, "key")
    assert client.post("/v1/keys/none/revoke", json={}).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [({"party": "acme"}, "party"), ({"valid_until": "2020-01-01T00:00:00Z"}, "valid_until")],
)
def test_a_key_that_cannot_be_granted_names_the_field(
    client: TestClient, body: dict[str, str], field: str
) -> None:
    made = client.post("/v1/keys", json={"party": "azure", "role": "desk"} | body)
    assert (made.status_code, fault(made)["field"]) == (422, field)
    assert client.get("/v1/keys").json()["items"] == []


# -- pages


def test_a_page_shows_the_notice_and_needs_no_script(client: TestClient, office: Office) -> None:
    offer = an_offer(client, office)
    shown = client.get(link(client, offer["id"]))
    assert shown.status_code == 200
    assert the_offer(client)["state"] == "open"
    policy = shown.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "<script" not in shown.text
    assert "http://" not in shown.text
    assert "https://" not in shown.text
    assert "left to answer" in shown.text
    for name in ("class", "units", "price ceiling", "window"):
        assert f"<dt>{name}</dt>" in shown.text


def test_an_offer_is_accepted_on_its_page(client: TestClient, office: Office) -> None:
    offer = an_offer(client, office)
    url = link(client, offer["id"])
    posted = client.post(url, data=form(offer["id"]), headers={"Origin": HERE})
    assert posted.status_code == 200, posted.text
    assert "The offer is accepted now" in posted.text
    assert "<form" not in posted.text
    again = client.post(url, data=form(offer["id"]))
    assert again.status_code == 409
    assert "Not taken" in again.text


def test_the_holder_names_another_by_whose_way_it_delivers(
    client: TestClient, office: Office
) -> None:
    office.context.rules.via_pools["oci-via-azure"] = ProviderName.AWS  # type: ignore[index]
    offer = an_offer(client, office)
    url, via = link(client, offer["id"]), f"{AWS.region} {AWS.sku} via oci-via-azure"
    shown = client.get(url).text
    assert f'<option value="{AZURE.region} {AZURE.sku}">{AZURE.region} {AZURE.sku}<' in shown
    label = f"{AWS.region} {AWS.sku}, by way of oci-via-azure"
    assert f'<option value="{via}">{label}</option>' in shown
    strange = f"{AWS.region} {AWS.sku} via gcp-via-azure"
    turned_down = client.post(url, data=form(offer["id"], **{"place-0": strange}))
    assert turned_down.status_code == 422
    assert "is no pool of gcp-via-azure" in turned_down.text
    posted = client.post(url, data=form(offer["id"], **{"place-0": via}))
    assert "The offer is accepted now" in posted.text, posted.text
    office.work()
    office.seal()
    facts = client.get("/v1/facts?limit=1000").json()["items"]
    (bound,) = [fact["data"] for fact in facts if fact["type"] == "HolderCommitted"]
    assert (bound["provider"], bound["via"]) == ("aws", "oci-via-azure")


def test_a_page_offers_no_way_that_its_edition_keeps_shut(
    client: TestClient, office: Office
) -> None:
    office.context.rules.via_pools["gcp-via-azure"] = ProviderName.AWS  # type: ignore[index]
    offer = an_offer(client, office)
    assert "by way of" not in client.get(link(client, offer["id"])).text


def test_a_form_that_does_not_conform_says_so_and_changes_nothing(
    client: TestClient, office: Office
) -> None:
    offer = an_offer(client, office)
    url = link(client, offer["id"])
    for said, sentence in (
        (form(offer["id"], **{"units-0": "7"}), "the offer has 1, and 7 were accepted"),
        (form(offer["id"], **{"units-0": "many"}), "is no number of units"),
        (form(offer["id"], "refuse"), "to refuse is to say why"),
        (form(offer["id"], "buy"), "kind"),
    ):
        posted = client.post(url, data=said)
        assert posted.status_code == 422
        assert sentence in posted.text
    assert the_offer(client)["state"] == "open"


def test_refusing_asking_and_countering_on_the_page(client: TestClient, office: Office) -> None:
    offer = an_offer(client, office)
    url = link(client, offer["id"])
    asked = client.post(url, data=form(offer["id"], "query", question="what price?"))
    assert "The notice says: price_ceiling" in asked.text
    said = form(offer["id"], "counter", reason="not_economic", price_usd_hour="120", note="<b>no")
    assert "The offer is refused now" in client.post(url, data=said).text
    office.seal()
    facts = client.get("/v1/facts?limit=1000").json()["items"]
    answers = [fact["data"] for fact in facts if fact["type"] == "AnswerReceived"]
    assert answers[1]["terms"] == {"price_usd_hour": "120", "note": "<b>no"}


def test_what_is_written_on_a_page_is_escaped(client: TestClient, office: Office) -> None:
    offer = an_offer(client, office)
    said = form(offer["id"], **{"units-0": "<b>"})
    posted = client.post(link(client, offer["id"]), data=said)
    assert "<b>" not in posted.text
    assert "&lt;b&gt;" in posted.text


def test_a_notice_has_one_page_for_all_its_offers(client: TestClient, office: Office) -> None:
    submit(client), submit(client)
    office.work()
    first, second = client.get("/v1/offers").json()["items"]
    made = client.post(f"/v1/notices/{first['notice']}/link", json={})
    url = made.json()["url"]
    shown = client.get(url).text
    assert first["id"] in shown
    assert second["id"] in shown
    client.post(url, data=form(second["id"], "refuse", reason="no_capacity"))
    states = {o["id"]: o["state"] for o in client.get("/v1/offers").json()["items"]}
    assert states == {first["id"]: "open", second["id"]: "refused"}
    other = client.post(url, data=form("offer_of_another", "refuse", reason="no_capacity"))
    assert other.status_code == 404


def test_a_link_that_is_forged_over_or_revoked_opens_nothing(
    client: TestClient, office: Office
) -> None:
    offer = an_offer(client, office)
    other = link(client, offer["id"], valid_s=60)
    key = granted(client)
    keyless = client.get(other)
    assert keyless.status_code == 403
    assert "a key is needed" in keyless.text
    url = link(client, offer["id"], key=key["id"], valid_s=3600)
    forged = [
        url[:-1] + ("0" if url[-1] != "0" else "1"),
        url.replace(offer["id"], "offer_x"),
        url.replace("v=1", "v=2"),
        url.split("?")[0],
        url.replace("until=", "until=9"),
        url.replace(f"&key={key['id']}", ""),
    ]
    for wrong in forged:
        shown = client.get(wrong)
        assert shown.status_code == 403
        assert "is not one of ours" in shown.text
    assert the_offer(client)["state"] == "sent"
    assert client.get(url).status_code == 200
    client.post(f"/v1/keys/{key['id']}/revoke", json={})
    revoked = client.post(url, data=form(offer["id"]))
    assert revoked.status_code == 403
    assert "was revoked" in revoked.text
    office.clock.at += timedelta(seconds=3600)
    over = client.get(url)
    assert over.status_code == 410
    assert "was good until" in over.text
    assert the_offer(client)["state"] == "open"


def test_no_link_is_made_for_a_key_that_is_not_good(client: TestClient, office: Office) -> None:
    offer = an_offer(client, office)
    made = client.post(f"/v1/offers/{offer['id']}/link", json={"key": "key_none"})
    assert (made.status_code, fault(made)["field"]) == (422, "key")


def test_a_page_from_elsewhere_may_not_post_to_a_desk(client: TestClient, office: Office) -> None:
    offer = an_offer(client, office)
    url = link(client, offer["id"])
    posted = client.post(url, data=form(offer["id"]), headers={"Origin": "http://evil.example"})
    assert posted.status_code == 403
    assert the_offer(client)["state"] == "sent"
