"""What signing people in cannot do without."""

from pydantic import BaseModel, ConfigDict, SecretStr

from graph.settings.environment import SettingsError
from graph.settings.settings import Settings


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
