"""The SDK's client: with whose credentials, how patient, and over what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from azure.core.credentials import AccessToken, AccessTokenInfo, TokenCredential
from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import ClientSecretCredential
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy
from typing_extensions import override

CLOUD: Final = "https://management.azure.com"
_SCOPE: Final = f"{CLOUD}/.default"
_FAR: Final = 4102444800


class _Token:
    """A bearer token that was given to us, and is as good as it is."""

    def __init__(self, token: str) -> None:
        self._token = token

    def get_token(self, *scopes: str, **_: object) -> AccessToken:  # noqa: ARG002
        return AccessToken(self._token, _FAR)

    def get_token_info(self, *scopes: str, **_: object) -> AccessTokenInfo:  # noqa: ARG002
        return AccessTokenInfo(self._token, _FAR)


class _OnLoopback(ARMChallengeAuthenticationPolicy):
    """Sends the token without TLS: to this very computer only."""

    @override
    def on_request(self, request: PipelineRequest[Any]) -> None:
        request.context.options.setdefault("enforce_https", False)
        super().on_request(request)


def client(account: Mapping[str, str], endpoint: str) -> ComputeManagementClient:
    credential: TokenCredential = (
        _Token(account["token"])
        if "token" in account
        else ClientSecretCredential(
            account["tenant_id"], account["client_id"], account["client_secret"]
        )
    )
    local = urlsplit(endpoint).hostname in ("127.0.0.1", "localhost")
    more: dict[str, Any] = (
        {"authentication_policy": _OnLoopback(credential, _SCOPE)} if local else {}
    )
    return ComputeManagementClient(
        credential,
        account["subscription"],
        base_url=endpoint,
        credential_scopes=[_SCOPE],
        retry_total=0,
        # A proxy set for the internet is none for this computer.
        transport=RequestsTransport(
            connection_timeout=float(account.get("connect_s", "2")),
            read_timeout=float(account.get("read_s", "10")),
            use_env_settings=not local,
        ),
        **more,
    )
