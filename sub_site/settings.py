"""Settings of a sub-site: environment (`EVALROOM_SITE_…`), then `evalroom-site.toml`, then the defaults here.

An unknown key in the file fails: a setting that is misspelt must not be silently off.  Who this site is does
not stand here: the host says so when the site joins.
"""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


class SiteSettings(BaseSettings):
    """What a sub-site may set; each has its line in `docs/reference/settings.md`."""

    model_config = SettingsConfigDict(
        env_prefix="EVALROOM_SITE_",
        toml_file="evalroom-site.toml",
        extra="forbid",
        # A mistake is shown on a terminal and kept in a log: what stands beside it may be a secret.
        hide_input_in_errors=True,
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
    media_relay_only: bool = Field(
        default=False,
        description="Send media over the TURN server only, here and at the seats: for networks that let nothing "
        "else through, and to test that server.",
    )
    camera_kbps: int = Field(1500, ge=64, description="Bit rate a seat's camera may use, kbit/s.")
    screen_kbps: int = Field(1200, ge=64, description="Bit rate a seat's screen may use, kbit/s.")
    reserve_mb: int = Field(
        64,
        ge=0,
        description="Room on the disk kept for the spool, MB; given up when all else is full. 0 keeps none.",
    )
    agent_socket: Path | None = Field(
        None, description="Socket of the trustee's agent of this site; without it the site holds no share."
    )
    log_json: bool = Field(default=False, description="Write log lines as JSON.")

    @model_validator(mode="after")
    def _a_relay_to_rely_on(self) -> Self:
        if self.media_relay_only and not self.turn_url:
            raise ValueError("media_relay_only needs turn_url: without a TURN server there is no way at all")
        return self

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
