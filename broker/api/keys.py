"""Keys: who may speak for a party, in which role, from when until when."""

from __future__ import annotations

import secrets
from http import HTTPStatus

from fastapi import APIRouter, Response

from broker.api.context import Here
from broker.api.errors import unknown
from broker.api.replies import json_reply
from broker.domain.key import Key, Role
from broker.domain.values import KeyId
from broker.steps.authority import Grant, grant_key, revoke_key
from broker.wire import GrantBody, GrantedView, KeyPage, KeyView, RevokeBody

router = APIRouter(prefix="/v1/keys", tags=["keys"])


@router.get("", response_model=KeyPage)
def list_keys(here: Here, party: str | None = None) -> Response:
    """The oldest first; none of them with its secret."""
    with here.store.transaction() as tx:
        found = tx.party_keys(party)
    return json_reply(KeyPage(items=tuple(map(_view, found))))


@router.post("", response_model=GrantedView, status_code=HTTPStatus.CREATED)
def create_key(body: GrantBody, here: Here) -> Response:
    """Grant a key. Its secret is in this answer, and nowhere afterwards."""
    secret = f"bk_{secrets.token_urlsafe(32)}"
    grant = Grant(
        party=body.party,
        role=Role(body.role),
        valid_from=body.valid_from,
        valid_until=body.valid_until,
        by=body.by,
    )
    key = grant_key(grant, secret, here.store, here.rules, here.ids)
    view = GrantedView(**_view(key).model_dump(), secret=secret)
    return json_reply(view, status=HTTPStatus.CREATED)


@router.post("/{key}/revoke", response_model=KeyView)
def revoke(key: str, body: RevokeBody, here: Here) -> Response:
    """Take a key back. Whatever is shown with it from now on is turned down."""
    try:
        return json_reply(_view(revoke_key(KeyId(key), body.by, body.why, here.store)))
    except KeyError:
        raise unknown("key", key) from None


def _view(key: Key) -> KeyView:
    return KeyView(
        id=key.id,
        party=key.party,
        role=key.role.value,
        valid_from=key.valid_from,
        valid_until=key.valid_until,
        granted_at=key.granted_at,
        revoked_at=key.revoked_at,
    )
