"""Every knob of the server: its variable, its default, its limits. Read once, frozen, and silent about secrets."""

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import httpx
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as SourceError

PREFIX = "WXGATE_"


class SettingsError(Exception):
    """One sentence that names the variable at fault and what to do; never its value."""


class _SecretFiles(PydanticBaseSettingsSource):
    """Reads a secret from the file that `<variable>_FILE` names, as container platforms hand them out."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        variable = f"{self.config.get('env_prefix', '')}{field_name}".upper()
        path = os.environ.get(f"{variable}_FILE")
        if not path or not is_secret(field):
            return None, field_name, False
        if os.environ.get(variable):
            msg = f"{variable} and {variable}_FILE are both set: keep one of them."
            raise SettingsError(msg)
        try:
            text = Path(path).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            text = None
        if text is None:  # raised here, away from what was caught: a decoding error holds the bytes of the file
            msg = f"{variable}_FILE names a file that cannot be read as text."
            raise SettingsError(msg)
        if not text:
            msg = f"{variable}_FILE names an empty file."
            raise SettingsError(msg)
        return text, field_name, False

    def __call__(self) -> dict[str, Any]:
        values = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in values.items() if value is not None}


def is_secret(field: FieldInfo) -> bool:
    """Whether a setting is a secret, and may therefore come from a file as well."""
    return _mentions_secret(field.annotation)


def _mentions_secret(annotation: object) -> bool:
    return annotation is SecretStr or any(_mentions_secret(inner) for inner in getattr(annotation, "__args__", ()))


class _Group(BaseSettings):
    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True, validate_default=True
    )

    @classmethod
    def load(cls) -> Self:
        """What the environment says of this group. Raises `SettingsError`."""
        try:
            return cls()
        except ValidationError as error:
            raise SettingsError(_sentence(error)) from None
        except SourceError:
            groups = sorted({f"{PREFIX}{name}".upper() for name in Settings.model_fields} - set(variables()))
            given = ", ".join(name for name in groups if os.environ.get(name))
            msg = f"{given}: no such setting; check the spelling against README's table."
            raise SettingsError(msg) from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _SecretFiles(settings_cls)


def _app_id(value: str) -> str:
    if not re.fullmatch(r"wx[0-9a-f]{16}", value):
        msg = "must be 'wx' and 16 hexadecimal digits"
        raise ValueError(msg)
    return value


def _app_secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not re.fullmatch(r"[0-9a-f]{32}", text):
        msg = "must be 32 hexadecimal digits"
        raise ValueError(msg)
    repeats = any(text.startswith(text[period:]) for period in range(1, 17))
    if len(set(text)) < 8 or repeats:  # a random one has fewer digits once in ten million
        msg = "is weak: copy the one that WeChat's console shows"
        raise ValueError(msg)
    return value


def _base_url(value: str) -> str:
    try:
        # As whoever connects will read it: a host that cannot be encoded fails here.
        url = httpx.URL(value)
        reachable = bool(url.host) and (url.port is None or url.port <= 65535)
    except (httpx.InvalidURL, ValueError):
        reachable = False
    if not reachable or url.scheme not in {"http", "https"} or re.search(r"[\s?#@]", value):
        msg = "must be an http(s) URL without user, query, fragment or blanks"
        raise ValueError(msg)
    if url.scheme == "http" and not is_loopback(url.host):
        msg = "must begin with https:// (plain http carries the AppSecret in the open, and is allowed only to loopback)"
        raise ValueError(msg)
    return value.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class WeChatSettings(_Group):
    """Who the mini-program is, and where WeChat is."""

    model_config = SettingsConfigDict(env_prefix="WXGATE_WECHAT_")

    app_id: Annotated[str, AfterValidator(_app_id)] | None = Field(None, description="The mini-program's AppID.")
    app_secret: Annotated[SecretStr, AfterValidator(_app_secret)] | None = Field(None, description="Its AppSecret.")
    base_url: Annotated[str, AfterValidator(_base_url)] = Field(
        "https://api.weixin.qq.com", description="WeChat's API; plain http only to loopback."
    )


class DatabaseSettings(_Group):
    """Where the data is."""

    model_config = SettingsConfigDict(env_prefix="WXGATE_DATABASE_")

    url: SecretStr = Field(
        SecretStr("sqlite://wxgate.db"), description="`sqlite:///absolute/path` or `postgres://user@host/db`."
    )


class EncryptionSettings(_Group):
    """What seals the session_keys at rest."""

    model_config = SettingsConfigDict(env_prefix="WXGATE_ENCRYPTION_")

    keys: SecretStr | None = Field(None, description="Key ring `k2:<base64url>,k1:<base64url>`; the first encrypts.")


class SessionSettings(_Group):
    """How long a sign-in lasts."""

    model_config = SettingsConfigDict(env_prefix="WXGATE_SESSION_")

    idle_days: int = Field(7, ge=1, le=365, description="A session ends after this many days without a request.")
    absolute_days: int = Field(30, ge=1, le=365, description="And after this many days in any case.")
    max_per_user: int = Field(10, ge=1, le=1000, description="Sessions a person may have; the least recent go first.")


class WatermarkSettings(_Group):
    """How old submitted user info may be, in seconds."""

    model_config = SettingsConfigDict(env_prefix="WXGATE_WATERMARK_")

    max_age: int = Field(86_400, ge=1, description="Seconds that submitted data may be old.")
    max_ahead: int = Field(300, ge=0, description="Seconds that a clock may run ahead of the server's.")


def _listed(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _hosts(value: tuple[str, ...]) -> tuple[str, ...]:
    if not all(re.fullmatch(r"(\*\.)?[a-z0-9.-]+|\[[0-9a-f:]+\]", host) for host in value):
        msg = "must list host names in lower case without ports, like api.example.com or *.example.com"
        raise ValueError(msg)
    return value


def _origins(value: tuple[str, ...]) -> tuple[str, ...]:
    if not all(re.fullmatch(r"https?://[a-z0-9.-]+(:[0-9]+)?", origin) for origin in value):
        msg = "must list exact origins in lower case, like https://h5.example.com"
        raise ValueError(msg)
    return value


_List = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]


class HttpSettings(_Group):
    """Who may talk to the server, and how many at once."""

    model_config = SettingsConfigDict(env_prefix="WXGATE_HTTP_")

    allowed_hosts: Annotated[_List, AfterValidator(_hosts)] = Field(
        (), description="Host names that requests may name, `*.` for subdomains; empty: any."
    )
    cors_origins: Annotated[_List, AfterValidator(_origins)] = Field(
        (), description="Origins of web (H5) builds, exact; empty: none."
    )
    max_concurrency: int = Field(500, ge=1, le=100_000, description="Requests at work at once; more get 503.")


class LogSettings(_Group):
    """What is written about requests."""

    model_config = SettingsConfigDict(env_prefix="WXGATE_LOG_")

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    format: Literal["text", "json"] = Field("text", description="`text` or `json`.")


class Settings(_Group):
    """All of it, by group."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    wechat: WeChatSettings = Field(default_factory=WeChatSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    encryption: EncryptionSettings = Field(default_factory=EncryptionSettings)
    session: SessionSettings = Field(default_factory=SessionSettings)
    watermark: WatermarkSettings = Field(default_factory=WatermarkSettings)
    http: HttpSettings = Field(default_factory=HttpSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    introspection: bool = Field(False, description="Answer introspection queries (on in `dev`).")
    graphiql: bool = Field(False, description="Serve the explorer to browsers (on in `dev`).")


class ServingSecrets(BaseModel):
    """What `serve` cannot do without; see `require_secrets`."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    app_id: str
    app_secret: SecretStr
    encryption_keys: SecretStr


def require_secrets(settings: Settings) -> ServingSecrets:
    """The secrets that signing people in takes. Raises `SettingsError` naming the first that is missing."""
    wechat, keys = settings.wechat, settings.encryption.keys
    if wechat.app_id is None:
        msg = "WXGATE_WECHAT_APP_ID is missing: set it to the AppID of your mini-program."
        raise SettingsError(msg)
    if wechat.app_secret is None:
        msg = "WXGATE_WECHAT_APP_SECRET is missing: set it (or WXGATE_WECHAT_APP_SECRET_FILE) to your AppSecret."
        raise SettingsError(msg)
    if keys is None:
        msg = "WXGATE_ENCRYPTION_KEYS is missing: make a key with `wxgate keys new` and set it (or ..._KEYS_FILE)."
        raise SettingsError(msg)
    return ServingSecrets(app_id=wechat.app_id, app_secret=wechat.app_secret, encryption_keys=keys)


def variables() -> dict[str, FieldInfo]:
    """Every variable that the server reads, with its field: the source of README's table."""
    found: dict[str, FieldInfo] = {}
    for name, field in Settings.model_fields.items():
        group = field.annotation
        if isinstance(group, type) and issubclass(group, _Group):
            found |= {f"{PREFIX}{name}_{inner}".upper(): inside for inner, inside in group.model_fields.items()}
        else:
            found[f"{PREFIX}{name}".upper()] = field
    return found


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    group = error.title.removesuffix("Settings").upper()
    variable = PREFIX + "_".join(filter(None, [group, *(str(part) for part in first["loc"][:1])])).upper()
    reason = first["msg"].removeprefix("Value error, ")
    return f"{variable} {reason}." if reason.startswith(("must", "is ")) else f"{variable} is not valid: {reason}."
