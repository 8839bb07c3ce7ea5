"""How a sub-site comes up: on an address of its own, with frames bounded before they are read."""

import socket
from pathlib import Path

import pytest
from fastapi import FastAPI

from evalroom.protocol.messages import MAX_FRAME
from sub_site.enrolment import NotJoined
from sub_site.serving import AddressTaken, listen, make_server, serve_site
from tests.sub_site.stage import site_settings


def test_an_address_in_use_or_of_another_machine_is_refused() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(AddressTaken) as taken:
            listen("127.0.0.1", port)
        assert ("127.0.0.1", port) == (taken.value.detail["host"], taken.value.detail["port"])
    with pytest.raises(AddressTaken):
        listen("192.0.2.1", 0)


def test_a_site_that_cannot_start_gives_its_port_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sub_site.serving.configure_logs", lambda **_: None)
    with listen("127.0.0.1", 0) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(NotJoined):
        serve_site(site_settings(data_dir=tmp_path, port=port))
    with socket.socket() as again:
        again.bind(("127.0.0.1", port))


def test_frames_of_seats_are_bounded_and_the_heartbeat_is_our_own() -> None:
    config = make_server(FastAPI(), site_settings()).config
    assert (MAX_FRAME, None) == (config.ws_max_size, config.ws_ping_interval)
    assert config.timeout_keep_alive <= 5
