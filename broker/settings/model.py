"""The environment, read once, typed: `BROKER_*`, then `broker.toml` or `[tool.broker]`.

Files are searched upwards from the working directory. What a caller gives goes before both.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path
from socket import gethostname
from typing import Any, Final, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as UnreadableSetting
from typing_extensions import override

from broker.domain.cool_downs import Why
from broker.domain.values import ProviderName
from broker.domain.workload import WorkClass
from broker.settings.files import accounts_in, data_path, settings_file, sqlite_url
from broker.settings.parts import Account, CoolDownTime, DeskKind, DeskWebhook, SpendCap, SpendCaps
from broker.settings.wording import PREFIX, SettingsError, nearest, sentence

DEFAULT_PORT: Final = 8080


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, env_ignore_empty=True
    )

    url: str | None = None
    """The broker that clients talk to."""
    token: SecretStr | None = None
    """What a client must show; a server without one is for this computer only."""

    database_url: str | None = None
    queue_url: str = "amqp://guest:guest@127.0.0.1:5672//"
    queue_prefix: str = ""
    """The beginning of every queue's name, where several brokers share one queue server."""
    public_url: str | None = None
    """Where machines and clients reach the broker; otherwise host and port."""
    host: str = "127.0.0.1"
    port: int = Field(default=DEFAULT_PORT, ge=0, le=65535)
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    insecure: bool = False
    """Whether another address than this computer's may be served without token or TLS."""

    default_agreement: str = "azure-first-refusal"
    agreement_by_tenant: dict[str, str] = {}
    agreements_dir: Path | None = None
    desk: DeskKind = DeskKind.AUTOMATIC
    desk_by_class: dict[WorkClass, DeskKind] = {}
    desk_by_tenant: dict[str, DeskKind] = {}
    desk_webhook: dict[str, DeskWebhook] = {}
    """Where people's desks are told of offers, by the name of the agreement."""
    network_witness: str | None = Field(default=None, pattern=r"^[^\s/]+:\d{1,5}$")
    """HOST:PORT that answers whenever our network works; without it silence proves nothing."""
    via_pools: dict[str, ProviderName] = {}
    """Whose machines the pools are through which a holder supplies by way of another."""

    owner: str = Field(default="capacity-broker", pattern=r"^[a-z][a-z0-9-]{0,62}$")
    """The tag by which this broker finds its machines in a cloud."""
    vantage: str = Field(default_factory=gethostname, min_length=1, max_length=200)
    """Where this process sees the clouds from; to call a holder unavailable takes several."""
    catalogue: Path | None = None
    """Machines and prices of one's own, in the columns of the catalogue that ships."""
    clouds: dict[ProviderName, Account] = {}
    clouds_file: Path | None = None
    """Accounts as JSON, as `python -m providers.emulators` prints them."""

    caps: SpendCaps = SpendCaps()
    """What may be spent, in all, at each cloud and by each tenant; real clouds need one."""
    cool_downs: dict[Why, CoolDownTime] = {}
    """How long a place, region or cloud is left alone after what was said there: `PT3M`."""
    cool_downs_by_cloud: dict[ProviderName, dict[Why, CoolDownTime]] = {}
    sweep_every_s: float = Field(default=1.0, gt=0)
    reconcile_every_s: float = Field(default=60.0, gt=0)
    orphan_grace_s: float = Field(default=600.0, ge=300.0)
    """How old a machine must be that nobody here ever heard of, before it is ended."""

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        _, written = settings_file(Path.cwd())
        return init_settings, env_settings, InitSettingsSource(settings_cls, written)

    @classmethod
    def read(cls, **given: Any) -> Self:  # noqa: ANN401 - each is checked against its field
        """What is given, over the environment, over the file. Raises SettingsError."""
        known = {name: value for name, value in given.items() if value is not None}
        file, written = settings_file(Path.cwd())
        for key in written:
            if key not in cls.model_fields:
                raise SettingsError(
                    f"{file}: there is no setting {key!r}: {nearest(key, cls.model_fields)}"
                )
        try:
            return cls(**known)
        except ValidationError as wrong:
            raise SettingsError(sentence(wrong, known, file, cls.model_fields)) from None
        except UnreadableSetting as wrong:
            named = re.search(r'field "(\w+)"', str(wrong))
            variable = f"{PREFIX}{named[1].upper()}" if named else str(wrong)
            raise SettingsError(f"the environment: {variable}: write it as JSON") from None

    @property
    def database(self) -> str:
        """The URL of the database; a file in the user's data directory unless one is named."""
        return sqlite_url(data_path()) if self.database_url is None else self.database_url

    @property
    def address(self) -> str:
        """The public URL, or where the server listens."""
        if self.public_url is not None:
            return self.public_url.rstrip("/")
        scheme = "https" if self.tls_certificate else "http"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}"

    @property
    def accounts(self) -> dict[ProviderName, dict[str, str]]:
        """The accounts by cloud. Raises SettingsError for a real one without a spend cap."""
        accounts = {**accounts_in(self.clouds_file), **self.clouds}
        for name, account in accounts.items():
            host = urlsplit(account.get("endpoint", "")).hostname or ""
            if name is ProviderName.OWN or is_loopback(host) or self.capped(name):
                continue
            raise SettingsError(
                f"clouds.{name}: it is a real account without a spend cap: set usd_hour and "
                f"usd_total in caps.clouds.{name}, or use the local clouds"
            )
        return accounts

    def capped(self, cloud: ProviderName) -> bool:
        """Whether both what a cloud may cost by the hour and what it may in total are bounded."""
        caps = (self.caps, self.caps.clouds.get(cloud, SpendCap()))
        return all(
            any(getattr(cap, bound) is not None for cap in caps)
            for bound in ("usd_hour", "usd_total")
        )


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
