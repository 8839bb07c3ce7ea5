"""Settings of the host: environment (`EVALROOM_…`), then `evalroom.toml`, then the defaults here.

An unknown key in the file fails: a setting that is misspelt must not be silently off.
"""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


class LocalAgent(BaseModel):
    """A trustee's agent on this machine: the trustee's name, and the agent's socket."""

    model_config = ConfigDict(extra="forbid")
    trustee: str
    socket: Path


class HostSettings(BaseSettings):
    """What a centre may set; each has its line in `docs/reference/settings.md`."""

    model_config = SettingsConfigDict(
        env_prefix="EVALROOM_",
        toml_file="evalroom.toml",
        extra="forbid",
        # A mistake is shown on a terminal and kept in a log: what stands beside it may be a secret.
        hide_input_in_errors=True,
    )

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8440, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    data_dir: Path = Field(
        default=Path("var/host"), description="Where journal, keys, recordings and archives are kept."
    )
    public_url: str = Field(
        default="", description="Address under which browsers and sub-sites reach this node."
    )
    tls_cert: Path | None = Field(default=None, description="PEM certificate; with it the node speaks https.")
    tls_key: Path | None = Field(default=None, description="PEM private key of that certificate.")
    centre: str = Field(
        default="evalroom", description="Name of the centre, in the certificates of its sites."
    )
    operator_code: SecretStr | None = Field(
        default=None, description="Code of the host operator; drawn and printed if unset."
    )
    media_loopback: bool = Field(
        default=False, description="Offer 127.0.0.1 as a media address (one machine only)."
    )
    turn_url: str = Field(
        default="", description="TURN server for strict networks, such as turn:host:3478?transport=udp."
    )
    turn_secret: SecretStr = Field(default=SecretStr(""), description="Secret shared with that TURN server.")
    media_relay_only: bool = Field(
        default=False,
        description="Send media over the TURN server only, here and at the seats: for networks that let nothing "
        "else through, and to test that server.",
    )
    reel_seconds: int = Field(
        default=1800, ge=5, description="Length of a reel; a shorter one is handed over sooner."
    )
    cosign_seconds: float = Field(
        default=10.0, gt=0, description="Seconds between two checkpoints sent to the witnesses."
    )
    camera_kbps: int = Field(default=1500, ge=64, description="Bit rate a seat's camera may use, kbit/s.")
    screen_kbps: int = Field(default=1200, ge=64, description="Bit rate a seat's screen may use, kbit/s.")
    reserve_mb: int = Field(
        default=64,
        ge=0,
        description="Room on the disk kept for the journal, MB; given up when all else is full. 0 keeps none.",
    )
    proxy: str = Field(
        default="",
        description="Address of our own proxy in front of this node; its word on whom a request comes from is taken.",
    )
    uploads: int = Field(
        default=200, ge=1, description="Sealed bids of one tender that may be on their way at once."
    )
    uploads_per_address: int = Field(
        default=8, ge=1, description="Sealed bids that may be on their way from one address at once."
    )
    upload_gb_per_address: int = Field(
        default=40, ge=1, description="Bytes that one address may have on their way at once, GB."
    )
    cover_per_hour: float = Field(
        default=30.0,
        ge=0,
        description="Bursts of entries an hour that hide in the journal's size how many bids there are; 0 makes none.",
    )
    tsa_url: str = Field(
        default="",
        description="Time-stamp authority (RFC 3161) for receipts of sealed bids; needs the extra `tsa`.",
    )
    tsa_roots: Path | None = Field(
        default=None,
        description="PEM file with that authority's root certificates; with it answers are verified.",
    )
    agents: tuple[LocalAgent, ...] = Field(
        default=(),
        description="Trustees' agents on this machine, the host's and the supervisor's: `[{trustee, socket}]`.",
    )
    archive_keys: tuple[Path, ...] = Field(
        default=(),
        description="Public files of the archive keys, the supervisor's and the centre's, to which content keys of opened "
        "parts are sealed; without any no document can be read once the trustees' keys are destroyed.",
    )
    report_fonts: tuple[Path, ...] = Field(
        default=(),
        description="Font files or folders for the PDF of reports, tried in this order; without any the first free font with "
        "Chinese glyphs on this machine is taken.",
    )
    report_cert: Path | None = Field(
        default=None,
        description="PEM certificate chain that signs the PDF of reports; without it the centre's own authority issues one.",
    )
    report_key: Path | None = Field(
        default=None, description="PEM private key of that certificate, P-256 or RSA."
    )
    log_json: bool = Field(default=False, description="Write log lines as JSON.")

    @model_validator(mode="after")
    def _a_relay_to_rely_on(self) -> Self:
        if self.media_relay_only and not self.turn_url:
            raise ValueError("media_relay_only needs turn_url: without a TURN server there is no way at all")
        return self

    @model_validator(mode="after")
    def _a_pair_to_sign_with(self) -> Self:
        if (self.report_cert is None) is not (self.report_key is None):
            raise ValueError("report_cert and report_key belong together: set both or none")
        return self

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


def what_is_wrong(error: ValueError) -> str:
    """Name each wrong setting and why, without its value: that may be a secret under a misspelt name."""
    if not isinstance(error, ValidationError):
        return f"settings: evalroom.toml cannot be read: {error}"
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return "\n".join(f"settings: {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in found)
