"""The doctor: each trouble is found and comes with its cure."""

import shutil
import socket
from pathlib import Path
from typing import NamedTuple

import pytest

from evalroom.sealing.gm.suite import GM
from evalroom.sealing.suite import SuiteUnavailable
from main_site import doctor
from main_site.doctor import FREE_GB, examine
from main_site.settings import HostSettings


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture(autouse=True)
def _room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "index.html").touch()
    monkeypatch.setattr(doctor, "STATIC", tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, FREE_GB * 10**9))


def found(**given: object) -> dict[str, tuple[bool, str]]:
    settings = HostSettings.model_validate({"port": 0, **given})
    return {one.check: (one.good, one.says) for one in examine(settings)}


def test_a_good_machine_has_no_findings_against_it() -> None:
    assert {"port", "disk", "pages", "certificate", "media", "suite 0x11"} == set(found())
    assert all(good for good, _ in found(media_loopback=True).values())


def test_a_port_that_is_taken_is_found() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        good, says = found(port=taken.getsockname()[1])["port"]
    assert not good
    assert "--port" in says


def test_an_address_of_the_newer_protocol_is_looked_at_as_such() -> None:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6 loopback")
    assert found(host="::1")["port"][0]


def test_a_full_disk_is_found_where_the_data_will_lie(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[Path] = []

    def full(path: Path) -> Usage:
        asked.append(path)
        return Usage(0, 0, FREE_GB * 10**9 - 1)

    monkeypatch.setattr(shutil, "disk_usage", full)
    good, says = found(data_dir=tmp_path / "not" / "yet" / "there")["disk"]
    assert ([tmp_path], False) == (asked, good)
    assert "free some" in says


def test_pages_that_were_not_built_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "STATIC", tmp_path / "none")
    good, says = found()["pages"]
    assert not good
    assert "npm run build" in says


@pytest.mark.parametrize(
    ("given", "good"),
    [
        ({"host": "0.0.0.0"}, False),  # noqa: S104 - that is the case
        ({"host": "0.0.0.0", "public_url": "http://host"}, False),  # noqa: S104 - likewise
        ({"host": "0.0.0.0", "public_url": "https://host"}, True),  # noqa: S104 - likewise
        ({"host": "0.0.0.0", "tls_cert": "cert.pem"}, True),  # noqa: S104 - likewise
        ({"host": "127.0.0.1"}, True),
    ],
)
def test_without_https_browsers_give_no_camera_away_from_this_machine(
    given: dict[str, str],
    good: bool,  # noqa: FBT001 - a table
) -> None:
    assert good is found(**given)["certificate"][0]


class NoNetwork(socket.socket):
    def connect(self, _address: object) -> None:
        raise OSError


def test_a_machine_without_a_network_needs_the_loopback_for_media(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", NoNetwork)
    good, says = found()["media"]
    assert not good
    assert "media_loopback" in says
    assert found(media_loopback=True)["media"][0]


def test_the_libraries_of_the_national_suite_are_named_and_their_absence_is_no_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "SM4 by" in found()["suite 0x11"][1]

    def absent() -> None:
        raise SuiteUnavailable(reason="no libcrypto")

    monkeypatch.setattr(type(GM), "check_available", lambda _: absent())
    good, says = found()["suite 0x11"]
    assert (good, True) == (True, "not on this machine" in says)
