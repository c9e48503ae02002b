"""Answers that are dumped once and not validated again."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from fastapi import Response
from pydantic import BaseModel

JSON: Final = "application/json"


def json_reply(
    view: BaseModel,
    *,
    status: HTTPStatus = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
) -> Response:
    return Response(view.model_dump_json(), status, headers, JSON)
