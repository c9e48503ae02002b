"""The environment, read once, typed: `BROKER_*`, then `broker.toml` or `[tool.broker]`.

Files are searched upwards from the working directory. What a caller gives goes before both.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from base64 import b64decode
from datetime import timedelta
from difflib import get_close_matches
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from socket import gethostname
from typing import Annotated, Any, Final, Self
from urllib.parse import urlsplit

from platformdirs import user_data_path
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)
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

PREFIX: Final = "BROKER_"
FILE: Final = "broker.toml"
PROJECT: Final = "pyproject.toml"
DEFAULT_PORT: Final = 8080
LEAST_SECRET: Final = 24
_SAYS: Final = {
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "it must be a whole number"),
    **dict.fromkeys(("float_parsing", "float_type"), "it must be a number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "it must be true or false"),
    **dict.fromkeys(("time_delta_parsing", "time_delta_type"), "it must be a time such as PT3M"),
    "string_type": "it must be text",
    "path_type": "it must be the name of a file or folder",
    "dict_type": "it must be a table of names and values",
    "enum": "it must be {expected}",
    "greater_than": "it must be more than {gt}",
    "greater_than_equal": "it must be at least {ge}",
    "less_than_equal": "it must be at most {le}",
    "missing": "it is missing; give it",
    "value_error": "it must have at least 24 characters, or be base64 behind whsec_",
    "string_pattern_mismatch": "it must begin with a letter and go on with letters a to z, digits "
    "and dashes, 63 at the most",
}


class SettingsError(ValueError):
    """A setting is unknown or cannot be; one sentence naming the file and the key."""


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

    cool_downs: dict[Why, CoolDownTime] = {}
    """How long a place, region or cloud is left alone after what was said there: `PT3M`."""
    cool_downs_by_cloud: dict[ProviderName, dict[Why, CoolDownTime]] = {}
    sweep_every_s: float = Field(default=1.0, gt=0)
    reconcile_every_s: float = Field(default=60.0, gt=0)

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
                raise SettingsError(f"{file}: there is no setting {key!r}: {_nearest(key)}")
        try:
            return cls(**known)
        except ValidationError as wrong:
            raise SettingsError(_sentence(wrong, known, file)) from None
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
        """The accounts by cloud. Raises SettingsError for one that would cost real money."""
        accounts = {**_accounts_in(self.clouds_file), **self.clouds}
        for name, account in accounts.items():
            host = urlsplit(account.get("endpoint", "")).hostname or ""
            if name is not ProviderName.OWN and not is_loopback(host):
                raise SettingsError(
                    f"clouds.{name}: its endpoint is not on this computer, and real clouds are "
                    "refused until a spend cap can be set; use the local clouds"
                )
        return accounts


def data_path() -> Path:
    """The user's data directory of the broker, which need not be there."""
    return user_data_path("capacity-broker", appauthor=False)


def sqlite_url(directory: Path) -> str:
    """The database in a directory."""
    return f"sqlite:///{directory.resolve() / 'broker.db'}"


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def settings_file(start: Path) -> tuple[Path | None, dict[str, Any]]:
    """The nearest file upwards that has settings, and what it says. Raises SettingsError."""
    for folder in (start, *start.parents):
        for path in (folder / FILE, folder / PROJECT):
            if path.is_file():
                written = _written(path)
                if written is not None:
                    return path, written
    return None, {}


def _written(path: Path) -> dict[str, Any] | None:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as broken:
        if path.name == PROJECT:
            return None
        raise SettingsError(f"{path} cannot be read: {broken}") from None
    of_a_project: dict[str, Any] | None = document.get("tool", {}).get("broker")
    return of_a_project if path.name == PROJECT else document


def _accounts_in(path: Path | None) -> dict[ProviderName, dict[str, str]]:
    if path is None:
        return {}
    try:
        accounts = json.loads(path.read_text(encoding="utf-8"))
        return {ProviderName(name): dict(account) for name, account in accounts.items()}
    except (OSError, ValueError, AttributeError, TypeError) as broken:
        raise SettingsError(f"clouds_file: {path} holds no accounts: {broken}") from None


def _sentence(wrong: ValidationError, given: dict[str, Any], file: Path | None) -> str:
    first = wrong.errors(include_url=False, include_input=False)[0]
    path = [str(part) for part in first["loc"] if part != "[key]"]
    key = path[0]
    variable = f"{PREFIX}{key.upper()}"
    if key in given:
        origin = ""
    elif any(name.upper() == variable for name in os.environ):
        origin, path[0] = "the environment: ", variable
    else:
        origin = f"{file}: "
    if first["type"] == "extra_forbidden":
        return f"{origin}there is no setting {key!r}: {_nearest(key)}"
    says = _SAYS.get(first["type"], "it cannot be that").format_map(first.get("ctx", {}))
    return f"{origin}{'.'.join(path)}: {says}"  # the value may be a secret


def _nearest(word: str) -> str:
    known = sorted(Settings.model_fields)
    close = get_close_matches(word, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
