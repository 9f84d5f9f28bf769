"""The knobs, by group."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import SettingsConfigDict

from graph.settings.environment import PREFIX, Group, group_in
from graph.settings.values import (
    AppId,
    AppSecret,
    BaseUrl,
    CaFile,
    Hosts,
    Networks,
    Origins,
    ProxyUrl,
    Rate,
    StorageUrl,
)


class WeChatSettings(Group):
    """Who the mini-program is, and where WeChat is."""

    model_config = SettingsConfigDict(env_prefix="WXGATE_WECHAT_")

    app_id: AppId | None = Field(None, description="The mini-program's AppID.")
    app_secret: AppSecret | None = Field(None, description="Its AppSecret.")
    base_url: BaseUrl = Field("https://api.weixin.qq.com", description="WeChat's API; plain http only to loopback.")
    ca_file: CaFile | None = Field(None, description="PEM file of the only CAs to trust for WeChat.")
    proxy: ProxyUrl | None = Field(None, description="Proxy to WeChat, `http(s)://user:password@host:port`.")


class DatabaseSettings(Group):
    """Where the data is."""

    model_config = SettingsConfigDict(env_prefix="WXGATE_DATABASE_")

    url: SecretStr = Field(
        SecretStr("sqlite://wxgate.db"), description="`sqlite:///absolute/path` or `postgres://user@host/db`."
    )


class EncryptionSettings(Group):
    """What seals the session_keys at rest."""

    model_config = SettingsConfigDict(env_prefix="WXGATE_ENCRYPTION_")

    keys: SecretStr | None = Field(None, description="Key ring `k2:<base64url>,k1:<base64url>`; the first encrypts.")


class SessionSettings(Group):
    """How long a sign-in lasts."""

    model_config = SettingsConfigDict(env_prefix="WXGATE_SESSION_")

    idle_days: int = Field(7, ge=1, le=365, description="Days without a request that end a session.")
    absolute_days: int = Field(30, ge=1, le=365, description="Days that end it in any case.")
    max_per_user: int = Field(10, ge=1, le=1000, description="Sessions a person may have; the oldest go first.")


class WatermarkSettings(Group):
    """How old submitted user info may be, in seconds."""

    model_config = SettingsConfigDict(env_prefix="WXGATE_WATERMARK_")

    max_age: int = Field(86_400, ge=1, description="Seconds that submitted data may be old.")
    max_ahead: int = Field(300, ge=0, description="Seconds that it may be ahead.")


class HttpSettings(Group):
    """Who may talk to the server, and whose word counts for where a request comes from."""

    model_config = SettingsConfigDict(env_prefix="WXGATE_HTTP_")

    allowed_hosts: Hosts = Field((), description="Names that `Host` may have, like `*.example.com`; empty: any.")
    cors_origins: Origins = Field((), description="Exact origins of web (H5) builds.")
    trusted_proxies: Networks = Field((), description="Proxies whose `X-Forwarded-For` counts, like `10.0.0.0/8`.")


class RateLimitSettings(Group):
    """How often one client address, and one account, may do what costs something."""

    model_config = SettingsConfigDict(env_prefix="WXGATE_RATE_LIMIT_", env_ignore_empty=False)  # empty is off

    # A whole campus can be behind one address, and so can everybody behind a proxy that is not trusted yet.
    login: Rate = Field("600/minute", description="Logins an address, and an account; empty: unlimited.")
    submit: Rate = Field("600/minute", description="The same for submitUserInfo.")
    storage: StorageUrl = Field(
        SecretStr("memory://"), description="`redis://` or `valkey://`: counted for all replicas."
    )


class TrustedSettings(Group):
    """The documents that clients may run by their hash alone."""

    model_config = SettingsConfigDict(env_prefix="WXGATE_TRUSTED_")

    documents: Path | None = Field(None, description="graphql-codegen's `persisted-documents.json`.")
    documents_only: bool = Field(False, description="Run nothing else.")


class LimitSettings(Group):
    """The most that one request may be, take and cost; the README lists names and defaults only."""

    model_config = SettingsConfigDict(env_prefix="WXGATE_LIMIT_")

    tokens: int = Field(400, ge=10, description="Tokens of a document.")
    characters: int = Field(8_192, ge=10, description="Characters of a document.")
    depth: int = Field(12, ge=1, description="Levels of fields in a document.")
    aliases: int = Field(15, ge=0, description="Aliases of a document, fragments counted wherever they are spread.")
    fields: int = Field(100, ge=1, description="Fields of a document, counted likewise.")
    directives: int = Field(9, ge=0, description="Directives of a document, counted likewise.")
    fragments: int = Field(15, ge=0, description="Fragments of a document.")
    operations: int = Field(5, ge=1, description="Operations of a document.")
    errors: int = Field(5, ge=1, description="Validation errors that an answer lists.")
    json_depth: int = Field(32, ge=4, description="Levels of objects and arrays in a body.")
    body_bytes: int = Field(65_536, ge=1_024, description="Bytes of a body.")
    body_seconds: float = Field(5, gt=0, description="Seconds that a body may take to arrive.")
    url_bytes: int = Field(8_192, ge=100, le=65_000, description="Bytes of a URL.")
    headers: int = Field(64, ge=8, description="Headers of a request.")
    head_bytes: int = Field(16_384, ge=1_024, description="Bytes of all headers of a request.")
    head_seconds: float = Field(5, gt=0, description="Seconds that the headers may take to arrive.")
    idle_seconds: int = Field(
        75, ge=1, description="Seconds that a connection may idle; let it be more than your proxy's."
    )
    request_seconds: float = Field(10, gt=0, description="Seconds that a request may take in all.")
    concurrency: int = Field(500, ge=1, le=100_000, description="Requests at work at once; more get 503.")


class MetricsSettings(Group):
    """Where the figures are read; nowhere without a port, and never beside what is public."""

    model_config = SettingsConfigDict(env_prefix="WXGATE_METRICS_")

    port: int | None = Field(None, ge=0, le=65_535, description="Port of Prometheus' `/metrics`; none: off.")
    host: str = Field("127.0.0.1", description="Its address.")


class LogSettings(Group):
    """What is written about requests."""

    model_config = SettingsConfigDict(env_prefix="WXGATE_LOG_")

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="DEBUG, INFO, WARNING, ERROR.")
    format: Literal["text", "json"] = Field("text", description="`text` or `json`.")


class Settings(Group):
    """All of it."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    wechat: WeChatSettings = Field(default_factory=WeChatSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    encryption: EncryptionSettings = Field(default_factory=EncryptionSettings)
    session: SessionSettings = Field(default_factory=SessionSettings)
    watermark: WatermarkSettings = Field(default_factory=WatermarkSettings)
    http: HttpSettings = Field(default_factory=HttpSettings)
    rate_limit: RateLimitSettings = Field(default_factory=RateLimitSettings)
    trusted: TrustedSettings = Field(default_factory=TrustedSettings)
    limit: LimitSettings = Field(default_factory=LimitSettings)
    metrics: MetricsSettings = Field(default_factory=MetricsSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    otel: bool = Field(False, description="Traces (`wxgate[otel]`), as the `OTEL_*` variables say.")
    drain_seconds: float = Field(5, ge=0, le=3600, description="Seconds it serves after SIGTERM.")
    introspection: bool = Field(False, description="Introspection (on in `dev`).")
    graphiql: bool = Field(False, description="The explorer (on in `dev`).")


def variables() -> dict[str, FieldInfo]:
    """Every variable that the server reads, with its field: the source of README's table and `wxgate settings`."""
    found: dict[str, FieldInfo] = {}
    for variable, field in Settings.variables().items():
        group = group_in(field)
        found |= group.variables() if group else {variable: field}
    return found
