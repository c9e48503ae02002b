"""The environment and the settings file, read once, typed."""

from broker.settings.files import data_path, sqlite_url
from broker.settings.model import DEFAULT_PORT, Settings, is_loopback
from broker.settings.parts import DeskKind, DeskWebhook, SpendCap, SpendCaps, webhook_key
from broker.settings.wording import SettingsError

__all__ = [
    "DEFAULT_PORT",
    "DeskKind",
    "DeskWebhook",
    "Settings",
    "SettingsError",
    "SpendCap",
    "SpendCaps",
    "data_path",
    "is_loopback",
    "sqlite_url",
    "webhook_key",
]
