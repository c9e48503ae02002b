"""Spend: what machines cost now and have cost, by cloud and tenant, beside the caps."""

from __future__ import annotations

from fastapi import APIRouter, Response

from broker.api.context import Here
from broker.api.replies import json_reply
from broker.domain.caps import Purse, Standing
from broker.domain.values import Usd, decimal_text, usd
from broker.wire.spend import CapView, SpendingView, SpendView

router = APIRouter(prefix="/v1/spend", tags=["fleet"])


@router.get("", response_model=SpendingView)
def show_spend(here: Here) -> Response:
    """By cloud and tenant, in the order of their names; then every cap with what stands against it.

    It counts machines at their list prices from the instant they are up; bills count leases.
    """
    with here.store.transaction() as tx:
        spending = tx.spending()
    return json_reply(
        SpendingView(
            items=tuple(
                SpendView(
                    provider=provider,
                    tenant=tenant,
                    usd_hour=_amount(spend.usd_hour),
                    usd_total=_amount(spend.usd_total),
                )
                for (provider, tenant), spend in sorted(spending.items())
            ),
            caps=tuple(map(_cap, Purse(here.rules.caps, spending).standing())),
        )
    )


def _cap(standing: Standing) -> CapView:
    return CapView(
        whose=standing.whose,
        usd_hour=_amount(standing.spend.usd_hour),
        usd_total=_amount(standing.spend.usd_total),
        cap_usd_hour=_bound(standing.cap.usd_hour),
        cap_usd_total=_bound(standing.cap.usd_total),
        used_up=standing.used_up(),
    )


def _bound(amount: Usd | None) -> str | None:
    return None if amount is None else _amount(amount)


def _amount(amount: Usd) -> str:
    return decimal_text(usd(amount))
