"""The settings, by group: `WXGATE_<group>_<name>`, with its default and its range; frozen, and silent about secrets.

`values.py` has what a value may be, `environment.py` where it is read, `effective.py` what is in force. A limit is
defined where it is enforced; its group is made of those classes.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo

from graph.execution.document_limits import DocumentLimits
from graph.http.request import JsonLimits
from graph.server.limits import ConnectionLimits, RequestLimits
from graph.settings import values
from graph.settings.environment import read_variables, unknown_variables
from graph.wechat.client import BASE_URL
from graph.wechat.mini_programs import MiniProgram

_REQUIRED: Final = {
    "WXGATE_WECHAT_APP_ID": "set it to the AppID of your mini-program",
    "WXGATE_WECHAT_APP_SECRET": "set it (or WXGATE_WECHAT_APP_SECRET_FILE) to your AppSecret",
    "WXGATE_ENCRYPTION_KEYS": "make a key with `wxgate keys new` and set it (or ..._KEYS_FILE)",
    "WXGATE_WECHAT_EVENTS_TOKEN": "set it (or ..._TOKEN_FILE) to the token beside the EncodingAESKey",
    "WXGATE_WECHAT_EVENTS_AES_KEY": "set it (or ..._KEY_FILE) to the EncodingAESKey beside the token",
}
_FIRST_APP: Final = ("WXGATE_WECHAT_APP_ID", "WXGATE_WECHAT_APP_SECRET")
_PUSH: Final = ("WXGATE_WECHAT_EVENTS_TOKEN", "WXGATE_WECHAT_EVENTS_AES_KEY")
_APPS: Final = "WXGATE_WECHAT_APPS"


class SettingsError(Exception):
    """A line for each setting at fault: the variable and what to do about it, never its value."""


class Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)


class WeChatSettings(Group):
    app_id: values.AppId | None = Field(None, description="The mini-program's AppID.")
    app_secret: values.AppSecret | None = Field(None, description="Its AppSecret.")
    apps: values.Apps | None = Field(
        None, description='Further mini-programs: `[{"app_id":"wx...","app_secret":"...","name":"shop"}]`.'
    )
    events_token: values.EventsToken | None = Field(None, description="Message push: token.")
    events_aes_key: values.EventsAesKey | None = Field(None, description="Message push: EncodingAESKey.")
    events_plain: bool = Field(False, description="Accept unencrypted pushes: unsafe.")
    base_url: values.BaseUrl = Field(BASE_URL, description="WeChat's API; plain http only to loopback.")
    ca_file: values.CaFile | None = Field(None, description="PEM file of the only CAs to trust for WeChat.")
    proxy: values.ProxyUrl | None = Field(None, description="Proxy to WeChat, `http(s)://user:password@host:port`.")

    @field_validator("apps")
    @classmethod
    def _none_twice(cls, apps: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if apps is not None and info.data.get("app_id") in [app.app_id for app in values.mini_programs(apps)]:
            msg = "must not repeat the mini-program of WXGATE_WECHAT_APP_ID"
            raise ValueError(msg)
        return apps

    def mini_programs(self) -> list[MiniProgram]:
        """Those that are served, the one of `app_id` first."""
        push = values.push_keys(self.events_token, self.events_aes_key)
        own = [MiniProgram(self.app_id, self.app_secret, push=push)] if self.app_id and self.app_secret else []
        return own + (values.mini_programs(self.apps) if self.apps else [])


class DatabaseSettings(Group):
    url: values.DatabaseUrl = Field(
        SecretStr("sqlite://wxgate.db"),
        description="`sqlite:///absolute/path` or `postgres://user@host/db`, also `one:5432,two:5432`.",
    )


class EncryptionSettings(Group):
    keys: values.KeyRingText | None = Field(
        None, description="Key ring `k2:<base64url>,k1:<base64url>`; the first encrypts."
    )


class SessionSettings(Group):
    idle_days: int = Field(7, ge=1, le=365, description="Days without a request that end a session.")
    absolute_days: int = Field(30, ge=1, le=365, description="Days that end it in any case.")
    max_per_user: int = Field(10, ge=1, le=1000, description="Sessions a user may have; the oldest go first.")
    require_mac: bool = Field(False, description="Refuse sessions without a MAC; `wxgate doctor` says when to.")


class AuditSettings(Group):
    days: int = Field(180, ge=1, le=36_500, description="Days that the audit log is kept.")
    logins: bool = Field(False, description="Record each login there, and not only a user's first.")


class UnionidSettings(Group):
    """What becomes of accounts that WeChat shows to be one user's, or another's, later than by their first login."""

    merge: Literal["never", "blank"] = Field(
        "never", description="`blank`: merge a new user without a profile into the one of their unionid at once."
    )
    on_change: Literal["keep", "replace"] = Field(
        "keep", description="Which unionid an account has when WeChat gives another one: the first, or the newest."
    )


class PhoneSettings(Group):
    unique: bool = Field(False, description="Refuse a phone number that another user has.")
    encrypted: bool = Field(True, description="Take numbers of base libraries before 2.21.2, which give no code.")


class AvatarsSettings(Group):
    """Pictures that users upload (`wxgate[avatars]`): where they are kept, and where the world finds them."""

    store: values.PictureStore | None = Field(
        None, description="`file:///directory`, or `s3://bucket/prefix?endpoint=https://...`; none: no uploads."
    )
    public_url: values.PublicUrl | None = Field(
        None, description="What stands before a picture's name, like `https://api.example.com/avatars`."
    )
    max_bytes: int = Field(5_242_880, ge=65_536, le=10_485_760, description="Bytes of an upload.")
    s3_access_key: SecretStr | None = Field(None, description="Access key of the bucket.")
    s3_secret_key: SecretStr | None = Field(None, description="Its secret key.")


class CheckSettings(Group):
    """Whether WeChat sees what users write and show, and what becomes of doubt."""

    text: Literal["lenient", "strict", "off"] = Field(
        "lenient", description="Typed names: `strict` refuses what is doubtful or cannot be checked."
    )
    picture: Literal["after", "before", "off"] | None = Field(
        None, description="Uploads: shown `after` or `before` they are checked; default: after, with message push."
    )


class WatermarkSettings(Group):
    max_age: int = Field(86_400, ge=1, description="Seconds that submitted data may be old.")
    max_ahead: int = Field(300, ge=0, description="Seconds that it may be ahead.")


class HttpSettings(Group):
    allowed_hosts: values.Hosts = Field((), description="Names that `Host` may have, like `*.example.com`; empty: any.")
    cors_origins: values.Origins = Field(
        (), description="Origins of web (H5) builds, like `http://localhost:*` (in `dev`)."
    )
    trusted_proxies: values.Networks = Field((), description="Proxies that name their clients, like `10.0.0.0/8`.")
    client_address_header: values.HeaderName = Field(
        "X-Forwarded-For", description="Where they do, like `X-Real-IP`, `CF-Connecting-IP` or `Forwarded`."
    )


class RateLimitSettings(Group):
    """How often one client address, and one account, may do what costs something."""

    # A whole campus can be behind one address, and so can all clients behind a proxy that is not trusted yet.
    login: values.Rate = Field("600/minute", description="Logins an address, and an account; empty: unlimited.")
    submit: values.Rate = Field("600/minute", description="The same for submissions, and for checkSession.")
    # WeChat charges for numbers, and a user has few; an address may submit them as often as anything.
    phone: values.Rate = Field("20/hour", description="Phone numbers an account.")
    upload: values.Rate = Field("30/hour", description="Uploads an account, and changes of its profile.")
    privacy: values.Rate = Field("5/hour", description="deleteMe and exportMe an account.")
    # What phones send is the same few documents; a client that writes its values into them has to learn better.
    documents: values.Rate = Field(
        "600/minute", description="Documents an address that must be parsed, in each process."
    )
    refused_codes: values.Rate = Field(
        "100/minute", description="Codes an address that WeChat refuses, in each process."
    )
    storage: values.StorageUrl = Field(
        SecretStr("memory://"), description="`redis://` or `valkey://`: counted for all replicas."
    )


class TrustedSettings(Group):
    documents: Path | None = Field(None, description="graphql-codegen's `persisted-documents.json`.")
    documents_only: bool = Field(False, description="Run nothing else.")


class LimitSettings(Group, ConnectionLimits, RequestLimits, JsonLimits, DocumentLimits):
    """The most that one request may be, take and cost; the README lists names and defaults only."""


class MetricsSettings(Group):
    """Where metrics are served: nowhere without a port, and never on the public one."""

    port: int | None = Field(None, ge=0, le=65_535, description="Port of Prometheus' `/metrics`; none: off.")
    host: str = Field("127.0.0.1", description="Its address.")


class LogSettings(Group):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="DEBUG, INFO, WARNING, ERROR.")
    format: Literal["text", "json"] = Field("text", description="`text` or `json`.")


class Settings(Group):
    wechat: WeChatSettings = Field(default_factory=WeChatSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    encryption: EncryptionSettings = Field(default_factory=EncryptionSettings)
    session: SessionSettings = Field(default_factory=SessionSettings)
    audit: AuditSettings = Field(default_factory=AuditSettings)
    unionid: UnionidSettings = Field(default_factory=UnionidSettings)
    phone: PhoneSettings = Field(default_factory=PhoneSettings)
    avatars: AvatarsSettings = Field(default_factory=AvatarsSettings)
    check: CheckSettings = Field(default_factory=CheckSettings)
    watermark: WatermarkSettings = Field(default_factory=WatermarkSettings)
    http: HttpSettings = Field(default_factory=HttpSettings)
    rate_limit: RateLimitSettings = Field(default_factory=RateLimitSettings)
    trusted: TrustedSettings = Field(default_factory=TrustedSettings)
    limit: LimitSettings = Field(default_factory=LimitSettings)
    metrics: MetricsSettings = Field(default_factory=MetricsSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    services: values.Services | None = Field(None, description="What `wxgate services new` prints, comma-separated.")
    otel: bool = Field(False, description="Traces (`wxgate[otel]`), as the `OTEL_*` variables say.")
    drain_seconds: float = Field(5, ge=0, le=3600, description="Seconds it serves after SIGTERM.")
    introspection: bool = Field(False, description="Introspection (on in `dev`).")
    graphiql: bool = Field(False, description="The explorer (on in `dev`).")
    # With an underscore, for pydantic's models have a `schema` of their own.
    schema_: bool = Field(False, description="`GET /schema.graphql` (on in `dev`).")

    @classmethod
    def load(cls, *groups: str, serving: bool = False, defaults: Mapping[str, str] | None = None) -> "Settings":
        """Reads the environment, for these groups only if any is named; `defaults` count for what it leaves out.

        With `serving`, what signing users in takes must be there. Raises `SettingsError` with all that is wrong.
        """
        paths = {variable: path for variable, path, _ in located_fields() if not groups or path[0] in groups}
        given, faults = read_variables({name: variables()[name] for name in paths})
        if serving:
            missing = [name for name in required(given) if name not in given and name not in " ".join(faults)]
            faults += [_missing(name) for name in missing]
        fields: dict[str, Any] = {}
        for variable, value in {**(defaults or {}), **given}.items():
            *outer, name = paths[variable]
            (fields.setdefault(outer[0], {}) if outer else fields)[name] = value
        try:
            settings = cls.model_validate(fields)
        except ValidationError as error:
            details = error.errors(include_input=False, include_url=False, include_context=False)
            faults += [_sentence(_variable(fault["loc"][:2]), fault["msg"]) for fault in details]
        if faults:  # raised here, away from what was caught, which may hold a value
            raise SettingsError("\n".join(faults))
        return settings


def require_secrets(settings: Settings) -> tuple[list[MiniProgram], SecretStr]:
    """The mini-programs and the encryption keys. Raises `SettingsError` with all that are missing."""
    wechat, keys = settings.wechat, settings.encryption.keys
    values_of = (wechat.app_id, wechat.app_secret, keys, wechat.events_token, wechat.events_aes_key)
    given = {name for name, value in zip(_REQUIRED, values_of, strict=True) if value}
    if wechat.apps:
        given.add(_APPS)
    missing = [_missing(name) for name in required(given) if name not in given]
    if missing or keys is None:
        raise SettingsError("\n".join(missing))
    return wechat.mini_programs(), keys


def required(given: Container[str]) -> list[str]:
    """What must be set: the first mini-program only where it is named in part, or no other is; and its message push."""
    pushes = any(name in given for name in _PUSH)
    named = _APPS not in given or pushes or any(name in given for name in _FIRST_APP)
    spared = {*(() if named else _FIRST_APP), *(() if pushes else _PUSH)}
    return [name for name in _REQUIRED if name not in spared]


def variables() -> dict[str, FieldInfo]:
    """Every variable that the server reads, with its field: the source of README's table and `wxgate settings`."""
    return {variable: field for variable, _, field in located_fields()}


def unknown_settings() -> list[str]:
    """A sentence for each variable of the environment that looks like a setting and is none."""
    return unknown_variables(variables())


def located_fields() -> Iterator[tuple[str, tuple[str, ...], FieldInfo]]:
    """Each variable, where its value goes, and its field."""
    for name, field in Settings.model_fields.items():
        group = field.annotation
        if isinstance(group, type) and issubclass(group, Group):
            for inner, inner_field in group.model_fields.items():
                yield _variable((name, inner)), (name, inner), inner_field
        else:
            yield _variable((name,)), (name,), field


def _variable(path: Sequence[object]) -> str:
    return "_".join(["WXGATE", *map(str, path)]).upper().rstrip("_")


def _missing(variable: str) -> str:
    return f"{variable} is missing: {_REQUIRED[variable]}."


def _sentence(variable: str, message: str) -> str:
    reason = message.removeprefix("Value error, ").rstrip(".")
    plain = reason.startswith(("must", "is ", "has ", "names "))
    return f"{variable} {reason}." if plain else f"{variable} is not valid: {reason}."
