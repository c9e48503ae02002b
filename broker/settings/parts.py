"""Settings that have parts of their own."""

from __future__ import annotations

from base64 import b64decode
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator

from broker.domain.caps import Cap, Caps
from broker.domain.values import ProviderName

LEAST_SECRET: Final = 24


class DeskKind(StrEnum):
    """Who answers an offer: the holder's cloud by itself, or a person."""

    AUTOMATIC = "automatic"
    PERSON = "person"


def _texts(account: object) -> object:
    """An account's values as text, for its adapter reads them as text."""
    if not isinstance(account, dict):
        return account
    return {
        key: str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
        for key, value in account.items()
    }


class DeskWebhook(BaseModel):
    """Where notices are posted, signed in the form of Standard Webhooks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(pattern=r"^https?://[^\s/]+(/\S*)?$")
    secret: SecretStr
    """At least 24 characters, or base64 behind `whsec_`."""

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, secret: SecretStr) -> SecretStr:
        if len(webhook_key(secret.get_secret_value())) < LEAST_SECRET:
            raise ValueError("too short")
        return secret


def webhook_key(secret: str) -> bytes:
    """The bytes that a webhook's secret stands for; base64 behind `whsec_`, else its text."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    return b64decode(secret.removeprefix("whsec_"), validate=True)


Account = Annotated[dict[str, str], BeforeValidator(_texts)]
CoolDownTime = Annotated[timedelta, Field(ge=timedelta(0), le=timedelta(days=7))]


class SpendCap(BaseModel):
    """What may be spent: list prices of all machines at once, and everything since the first."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    usd_hour: Decimal | None = Field(default=None, ge=0)
    usd_total: Decimal | None = Field(default=None, ge=0)

    def cap(self) -> Cap:
        return Cap(usd_hour=self.usd_hour, usd_total=self.usd_total)


class SpendCaps(SpendCap):
    """The cap of all together, with those of clouds and of tenants."""

    clouds: dict[ProviderName, SpendCap] = {}
    tenants: dict[str, SpendCap] = {}

    def caps(self) -> Caps:
        return Caps(
            overall=self.cap(),
            by_cloud={name: one.cap() for name, one in self.clouds.items()},
            by_tenant={name: one.cap() for name, one in self.tenants.items()},
        )
