"""Settings of a sub-site: environment (`EVALROOM_SITE_…`), then `evalroom-site.toml`, then the defaults here.

An unknown key in the file fails: a setting that is misspelt must not be silently off.  Who this site is does
not stand here: the host says so when the site joins.
"""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


class SiteSettings(BaseSettings):
    """What a sub-site may set; each has its line in `docs/reference/settings.md`."""

    model_config = SettingsConfigDict(
        env_prefix="EVALROOM_SITE_", toml_file="evalroom-site.toml", extra="forbid"
    )

    host_url: str = Field("", description="Address of the host; the one given when joining, if unset.")
    host_ca: Path | None = Field(
        None, description="PEM certificates that the host's https is checked by; the system's, if unset."
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8450, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    public_url: str = Field("", description="Address under which the browsers of this site reach the node.")
    data_dir: Path = Field(
        Path("var/site"), description="Where keys, spool, recordings and documents are kept."
    )
    tls_cert: Path | None = Field(None, description="PEM certificate; with it the node speaks https.")
    tls_key: Path | None = Field(None, description="PEM private key of that certificate.")
    media_loopback: bool = Field(
        default=False, description="Offer 127.0.0.1 as a media address (one machine only)."
    )
    turn_url: str = Field(
        "", description="TURN server for strict networks, such as turn:host:3478?transport=udp."
    )
    turn_secret: SecretStr = Field(SecretStr(""), description="Secret shared with that TURN server.")
    camera_kbps: int = Field(1500, ge=64, description="Bit rate a seat's camera may use, kbit/s.")
    screen_kbps: int = Field(1200, ge=64, description="Bit rate a seat's screen may use, kbit/s.")
    log_json: bool = Field(default=False, description="Write log lines as JSON.")

    @property
    def secure(self) -> bool:
        """Say whether browsers reach this node by https."""
        return self.tls_cert is not None or self.public_url.startswith("https:")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the environment above the file; no dotenv, no secret files."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)
