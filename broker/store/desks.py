"""Notices and keys as rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from pydantic import TypeAdapter
from sqlalchemy import Connection, select, update

from broker.domain.altered import altered
from broker.domain.key import Key
from broker.domain.notice import Notice
from broker.domain.values import NoticeId
from broker.store.rows import Values, instant_of, micros, micros_or_none
from broker.store.tables import KEYS, NOTICES

_NOTICE: Final = TypeAdapter(Notice)
_KEY: Final = TypeAdapter(Key)
_notice_from: Final[Callable[[str], Notice]] = _NOTICE.validate_json
_key_from: Final[Callable[[str], Key]] = _KEY.validate_json


def notice_row(notice: Notice) -> Values:
    """The body lies in its own column, and only there; so do tries and when it is due."""
    return {
        "id": notice.id,
        "agreement": notice.agreement,
        "state": notice.state.value,
        "body": notice.body,
        "sha256": notice.sha256,
        "tries": notice.tries,
        "due_at": micros_or_none(notice.due_at),
        "doc": _NOTICE.dump_json(altered(notice, body="")).decode(),
    }


def key_row(key: Key) -> Values:
    return {
        "id": key.id,
        "party": key.party,
        "role": key.role.value,
        "secret_sha256": key.secret_sha256,
        "granted_at": micros(key.granted_at),
        "doc": _KEY.dump_json(key).decode(),
    }


def _whole(doc: str, body: str, tries: int, due_at: int | None) -> Notice:
    due = None if due_at is None else instant_of(due_at)
    return altered(_notice_from(doc), body=body, tries=tries, due_at=due)


def notice(connection: Connection, name: NoticeId) -> Notice | None:
    columns = NOTICES.c.doc, NOTICES.c.body, NOTICES.c.tries, NOTICES.c.due_at
    found = connection.execute(select(*columns).where(NOTICES.c.id == name)).first()
    return None if found is None else _whole(*found)


def claim_notices(
    connection: Connection, now: datetime, limit: int, until: datetime
) -> list[Notice]:
    columns = NOTICES.c.id, NOTICES.c.doc, NOTICES.c.body, NOTICES.c.tries
    due = (
        select(*columns)
        .where(NOTICES.c.due_at <= micros(now))
        .order_by(NOTICES.c.due_at, NOTICES.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = connection.execute(due).all()
    if found:
        connection.execute(
            update(NOTICES)
            .where(NOTICES.c.id.in_([name for name, *_ in found]))
            .values(due_at=micros(until), tries=NOTICES.c.tries + 1)
        )
    return [_whole(doc, body, tries + 1, micros(until)) for _, doc, body, tries in found]


def keys(connection: Connection, party: str | None) -> list[Key]:
    wanted = select(KEYS.c.doc).order_by(KEYS.c.granted_at, KEYS.c.id)
    if party is not None:
        wanted = wanted.where(KEYS.c.party == party)
    return [_key_from(doc) for doc in connection.execute(wanted).scalars()]
