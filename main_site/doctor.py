"""`evalroom doctor`: what about this machine would keep a host from working, each with its cure."""

import shutil
import socket
from dataclasses import dataclass

from evalroom.errors import EvalroomError
from main_site.settings import HostSettings
from signaling.pages import STATIC

FREE_GB = 20
"""A session of five seats in five hours takes 20 GB (domain.md, sizes)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: what, whether it is good, and what to do if not."""

    check: str
    good: bool
    says: str


def examine(settings: HostSettings) -> list[Finding]:
    """Look at port, disk, pages, certificate, media address and the libraries of the national suite."""
    return [
        _port(settings), _disk(settings), _pages(), _certificate(settings), _media(settings), _national_suite()
    ]  # fmt: skip


def _port(settings: HostSettings) -> Finding:
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            return Finding(
                "port", good=False, says=f"{settings.host}:{settings.port}: {error.strerror}; use --port"
            )
    return Finding("port", good=True, says=f"{settings.host}:{settings.port} is free")


def _disk(settings: HostSettings) -> Finding:
    folder = next(
        one for one in (settings.data_dir.absolute(), *settings.data_dir.absolute().parents) if one.exists()
    )
    free = shutil.disk_usage(folder).free // 10**9
    says = f"{free} GB free under {folder}"
    return Finding(
        "disk", free >= FREE_GB, says if free >= FREE_GB else f"{says}; {FREE_GB} GB are wanted: free some"
    )


def _pages() -> Finding:
    built = (STATIC / "index.html").exists()
    return Finding(
        "pages",
        built,
        "built" if built else "not built: run python3 dev.py demo once, or npm run build in web/",
    )


def _certificate(settings: HostSettings) -> Finding:
    local = settings.host in ("127.0.0.1", "localhost", "::1")
    if settings.tls_cert is None and not local and not settings.public_url.startswith("https:"):
        return Finding(
            "certificate", good=False, says="browsers give camera and microphone to https only: set tls_cert"
        )
    return Finding(
        "certificate", good=True, says="https" if settings.tls_cert else "loopback or a proxy's https"
    )


def _media(settings: HostSettings) -> Finding:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET: nothing is sent, the kernel only picks an address
        except OSError:
            says = "no network address: set media_loopback for one machine"
            return Finding("media", settings.media_loopback, says)
        return Finding("media", good=True, says=f"media address {probe.getsockname()[0]}")


def _national_suite() -> Finding:
    """Only tenders whose policy lists suite 0x11 need it, so its absence is told and is no fault."""
    from evalroom.sealing.gm.suite import GM

    try:
        GM.check_available()
    except EvalroomError as error:
        return Finding("suite 0x11", good=True, says=f"not on this machine: {error}")
    version, engine = GM.libraries()
    return Finding("suite 0x11", good=True, says=f"SM2 and SM3 by {version}, SM4 by {engine}")
