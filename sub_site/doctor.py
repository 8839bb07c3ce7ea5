"""`evalroom-site doctor`: what about this machine would keep a sub-site from working, each with its cure."""

import shutil
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
from cryptography import x509

from evalroom.errors import EvalroomError
from signaling.clock import ALARM_MS
from sub_site.enrolment import Identity, load_identity
from sub_site.settings import SiteSettings
from sub_site.uplink import tls_context

FREE_GB = 20
"""A session of five seats in five hours takes 20 GB (domain.md, sizes)."""

RENEW = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: what, whether it is good, and what it is or what to do about it."""

    check: str
    good: bool
    says: str


def examine(settings: SiteSettings, *, running: bool = False) -> list[Finding]:
    """Look at identity, port, disk, certificate, host and clock; a `running` node may hold its port."""
    try:
        identity = load_identity(settings.data_dir / "keys")
    except EvalroomError as error:
        return [Finding("identity", good=False, says=error.sentence()), _disk(settings.data_dir)]
    found = [
        Finding("identity", good=True, says=f"site {identity.site} of centre {identity.centre}"),
        _disk(settings.data_dir),
        _certificate(identity),
        *_host(settings.host_url or identity.host_url, settings.host_ca),
    ]
    return found if running else [*found, _port(settings)]


def _port(settings: SiteSettings) -> Finding:
    place = f"{settings.host}:{settings.port}"
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            return Finding("port", good=False, says=f"{place}: {error.strerror}; choose another with --port")
    return Finding("port", good=True, says=f"{place} is free")


def _disk(data_dir: Path) -> Finding:
    place = data_dir.absolute()
    folder = next(one for one in (place, *place.parents) if one.exists())
    free = shutil.disk_usage(folder).free // 10**9
    says = f"{free} GB free under {folder}"
    return Finding("disk", free >= FREE_GB, says if free >= FREE_GB else f"{says}; free up to {FREE_GB} GB")


def _certificate(identity: Identity) -> Finding:
    until = x509.load_pem_x509_certificate(identity.certificate.encode()).not_valid_after_utc
    good = until - datetime.now(UTC) > RENEW
    says = f"valid until {until:%Y-%m-%d}"
    return Finding("certificate", good, says if good else f"{says}: join again with a new code and --again")


def _host(address: str, ca: Path | None, clock: Callable[[], float] = time.time) -> list[Finding]:
    try:
        tls = tls_context(ca) if address.startswith("https:") else True
        begin = clock()
        answer = httpx.get(f"{address}/healthz", timeout=5, verify=tls, trust_env=False)
        middle = (begin + clock()) / 2
    except (httpx.HTTPError, OSError, ssl.SSLError) as error:
        return [Finding("host", good=False, says=f"{address}: {error}; check address, network, certificate")]
    found = Finding("host", answer.is_success, f"{address} answers with {answer.status_code}")
    return [found, *_clock(answer.headers.get("date"), middle)]


def _clock(date: str | None, now: float) -> list[Finding]:
    """Compare with the host's Date header, which is cut to seconds: a second either way proves nothing."""
    if date is None:
        return []
    off = parsedate_to_datetime(date).timestamp() + 0.5 - now
    good = abs(off) * 1000 <= ALARM_MS + 500
    says = f"{off:+.1f} s from the host's"
    return [Finding("clock", good, says if good else f"{says}; set it right, best by NTP")]
