"""Joining a centre: once, with keys that stay here, and only on a certificate for them."""

import stat
from pathlib import Path

import httpx
import pytest

from evalroom.errors import EvalroomError
from evalroom.ids import SiteId
from main_site.identity.authority import certify, open_authority, recognise
from sub_site.enrolment import (
    AlreadyJoined,
    BadAddress,
    BadCertificate,
    HostUnreachable,
    Identity,
    IdentityDamaged,
    JoiningRefused,
    NotJoined,
    check_address,
    join,
    load_identity,
    request_for,
)
from tests.sub_site.centre import CODE, SITE, FakeCentre

HOST = "http://host:8440"


@pytest.fixture
def centre(tmp_path: Path) -> FakeCentre:
    return FakeCentre.at(tmp_path)


def joined(centre: FakeCentre, folder: Path, code: str = CODE, *, again: bool = False) -> Identity:
    with centre.client() as client:
        return join(folder, HOST, code, again=again, client=client)


def assert_nothing_kept(folder: Path) -> None:
    assert not folder.exists() or [] == list(folder.iterdir())


def test_a_certificate_for_another_key_is_refused(centre: FakeCentre, tmp_path: Path) -> None:
    stranger = joined(centre, tmp_path / "stranger")
    centre.spoil = lambda answer: {**answer, "certificate": stranger.certificate}
    with pytest.raises(BadCertificate):
        joined(centre, tmp_path / "keys")
    assert_nothing_kept(tmp_path / "keys")


def test_a_certificate_of_another_centre_is_refused(centre: FakeCentre, tmp_path: Path) -> None:
    other = open_authority(tmp_path / "other", "other")
    centre.spoil = lambda answer: {**answer, "ca": other.pem}
    with pytest.raises(BadCertificate):
        joined(centre, tmp_path / "keys")
    assert_nothing_kept(tmp_path / "keys")


def test_a_certificate_in_another_name_is_refused(centre: FakeCentre, tmp_path: Path) -> None:
    centre.spoil = lambda answer: {**answer, "site": "east"}
    with pytest.raises(BadCertificate):
        joined(centre, tmp_path / "keys")


@pytest.mark.parametrize("site", ["../east", "", "a" * 70])
def test_a_site_id_that_may_not_name_a_folder_is_refused(
    centre: FakeCentre, tmp_path: Path, site: str
) -> None:
    centre.spoil = lambda answer: {**answer, "site": site}
    with pytest.raises(EvalroomError):
        joined(centre, tmp_path / "keys")
    assert_nothing_kept(tmp_path / "keys")


def test_an_answer_with_an_unknown_member_is_refused(centre: FakeCentre, tmp_path: Path) -> None:
    centre.spoil = lambda answer: {**answer, "more": "x"}
    with pytest.raises(BadCertificate):
        joined(centre, tmp_path / "keys")


def test_a_wrong_code_is_named(centre: FakeCentre, tmp_path: Path) -> None:
    with pytest.raises(JoiningRefused) as refused:
        joined(centre, tmp_path / "keys", "wrong")
    assert ("unknown_enrolment_code", 409) == (refused.value.detail["reason"], refused.value.detail["status"])
    assert_nothing_kept(tmp_path / "keys")


def test_a_host_that_does_not_answer_is_named(centre: FakeCentre, tmp_path: Path) -> None:
    centre.failures.append(httpx.ConnectError("refused"))
    with pytest.raises(HostUnreachable):
        joined(centre, tmp_path / "keys")
    centre.failures.append(httpx.Response(502, text="<html>"))
    with pytest.raises(JoiningRefused):
        joined(centre, tmp_path / "keys")


@pytest.mark.parametrize("address", ["", "host:8440", "ftp://host", "http://", "//host"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(BadAddress):
        check_address(address)


def test_joining_twice_is_refused_unless_one_says_again(centre: FakeCentre, tmp_path: Path) -> None:
    first = joined(centre, tmp_path / "keys")
    with pytest.raises(AlreadyJoined):
        joined(centre, tmp_path / "keys")
    assert first == _plain(load_identity(tmp_path / "keys"), first)
    second = joined(centre, tmp_path / "keys", again=True)
    assert second.witness.verifier != first.witness.verifier
    assert second.certificate == load_identity(tmp_path / "keys").certificate


def _plain(identity: Identity, like: Identity) -> Identity:
    """Return `identity` with the key objects of `like` where they are the same keys: they do not compare."""
    assert identity.key.private_bytes_raw() == like.key.private_bytes_raw()
    assert identity.witness.verifier == like.witness.verifier
    return Identity(
        identity.site, identity.name, identity.centre, identity.host_url,
        identity.certificate, identity.authority, like.key, like.witness,
    )  # fmt: skip


def test_keys_are_readable_by_their_owner_only(centre: FakeCentre, tmp_path: Path) -> None:
    joined(centre, tmp_path / "keys")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()}
    assert {0o600} == modes
    assert 0o700 == stat.S_IMODE((tmp_path / "keys").stat().st_mode)


def test_a_site_that_never_joined_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotJoined):
        load_identity(tmp_path)


@pytest.mark.parametrize("name", ["site.key", "witness.key", "site.json"])
def test_damaged_keys_are_named(centre: FakeCentre, tmp_path: Path, name: str) -> None:
    joined(centre, tmp_path / "keys")
    path = tmp_path / "keys" / name
    whole = path.read_text()
    for damaged in ("", whole[: len(whole) // 2], whole.replace(whole[1:9], whole[2:10], 1)):
        path.write_text(damaged)
        if name == "witness.key" and len(damaged) == len(whole):
            continue  # any 32 bytes make a witness key: the host compares it with the one it knows
        with pytest.raises(IdentityDamaged):
            load_identity(tmp_path / "keys")


def test_the_proof_is_good_at_this_centre_for_this_nonce_only(centre: FakeCentre, tmp_path: Path) -> None:
    identity = joined(centre, tmp_path / "keys")
    nonce = bytes(range(32))
    proof = identity.prove(nonce.hex())
    signature = bytes.fromhex(proof["signature"])
    assert SITE == recognise(centre.authority, proof["certificate"], nonce, signature)
    with pytest.raises(EvalroomError):
        recognise(centre.authority, proof["certificate"], bytes(32), signature)
    other = open_authority(tmp_path / "other", "other")
    elsewhere = certify(other, request_for(identity.key), SiteId("west"))
    with pytest.raises(EvalroomError):
        recognise(other, elsewhere, nonce, signature)
