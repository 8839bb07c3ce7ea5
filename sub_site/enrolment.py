"""How a sub-site joins a centre, once: a key of its own, certified by the host for a one-time code.

Site key and witness key are made here and never leave this machine; what goes out is a certificate request
and a verifier key.  Refused: joining twice without being told so, because the old keys stand in journals,
and an answer of the host that does not belong to the key it was asked for.
"""

import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from pydantic import BaseModel, ConfigDict, ValidationError

from evalroom.errors import LocalFault, PeerFault, Refusal
from evalroom.ids import SiteId, check_name
from evalroom.ledger.note import KeyKind, SigningKey

LOGIN = "evalroom/site-login/v1"
ENROL = "/api/v1/sites/enrol"
TIMEOUT_S = 15.0


class NotJoined(LocalFault):
    """This sub-site has not joined a centre yet: get a code from the host's operator and run `join`."""

    code = "not_joined"


class AlreadyJoined(Refusal):
    """This sub-site has joined a centre; its keys stand in journals. To replace them, join with --again."""

    code = "already_joined"


class IdentityDamaged(LocalFault):
    """The keys of this sub-site are incomplete or do not belong together: restore them from a backup, or join again."""

    code = "identity_damaged"


class HostUnreachable(LocalFault):
    """The host does not answer at this address: check the address and the network, then try again."""

    code = "host_unreachable"


class JoiningRefused(Refusal):
    """The host did not let this site in: check the code, or ask the host's operator for a new one."""

    code = "joining_refused"


class BadAddress(Refusal):
    """The host's address begins with http:// or https:// and names a machine: correct it."""

    code = "bad_address"


class BadCertificate(PeerFault):
    """The host's answer is no certificate for the key of this site; nothing was kept."""

    code = "bad_certificate"


class Joined(BaseModel):
    """The host's answer to a site that joins."""

    model_config = ConfigDict(extra="forbid", strict=True)
    site: str
    name: str
    certificate: str
    ca: str
    centre: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this site is: as certified by the centre, and the keys behind it."""

    site: SiteId
    name: str
    centre: str
    host_url: str
    certificate: str
    authority: str
    key: Ed25519PrivateKey
    witness: SigningKey

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 of the centre's root certificate, hex."""
        root = x509.load_pem_x509_certificate(self.authority.encode())
        return hashlib.sha256(root.public_bytes(Encoding.DER)).hexdigest()

    def prove(self, nonce: str) -> dict[str, str]:
        """Answer the host's challenge: a signature over its nonce, for this centre only (signalling.md §6)."""
        message = f"{LOGIN}\n{self.fingerprint}\n{nonce}".encode()
        return {
            "kind": "prove",
            "certificate": self.certificate,
            "signature": self.key.sign(message).hex(),
        }


def join(folder: Path, host_url: str, code: str, *, again: bool = False, client: httpx.Client) -> Identity:
    """Join the centre of the host at `host_url` with a one-time code, and keep everything under `folder`.

    Raises:
        AlreadyJoined: there are keys, and `again` was not said.
        BadAddress, HostUnreachable, JoiningRefused, BadCertificate: nothing was kept.
    """
    if (folder / "site.json").exists() and not again:
        raise AlreadyJoined(folder=str(folder))
    address = check_address(host_url)
    site_seed, witness_seed = secrets.token_bytes(32), secrets.token_bytes(32)
    key, witness = Ed25519PrivateKey.from_private_bytes(site_seed), witness_key(witness_seed)
    answer = _ask(client, address, code, request_for(key), witness.verifier.encode())
    identity = Identity(
        SiteId(answer.site), answer.name, answer.centre, address, answer.certificate, answer.ca, key, witness
    )
    _check(identity)
    _keep(folder, identity, site_seed, witness_seed)
    return identity


def check_address(url: str) -> str:
    """Return a host's address without path.

    Raises:
        BadAddress: it is none.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadAddress(address=url[:200])
    return f"{parts.scheme}://{parts.netloc}"


def witness_key(seed: bytes) -> SigningKey:
    """Return the witness key that 32 secret bytes make; its name says whose it is by its public half alone."""
    public = SigningKey.from_seed("unnamed", KeyKind.COSIGNATURE, seed).verifier.public
    name = f"evalroom-witness-{hashlib.sha256(public).hexdigest()[:12]}"
    return SigningKey.from_seed(name, KeyKind.COSIGNATURE, seed)


def request_for(key: Ed25519PrivateKey) -> str:
    """Return a certificate request (PEM) for the site key; the host alone decides on the name in the certificate."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sub-site")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, None)
    return request.public_bytes(Encoding.PEM).decode()


def _ask(client: httpx.Client, address: str, code: str, csr: str, witness: str) -> Joined:
    try:
        answer = client.post(
            address + ENROL, json={"code": code, "csr": csr, "witness": witness}, timeout=TIMEOUT_S
        )
    except httpx.HTTPError as error:
        raise HostUnreachable(address=address, problem=str(error)[:200]) from error
    if answer.status_code != httpx.codes.OK:
        raise JoiningRefused(address=address, status=answer.status_code, reason=_reason(answer))
    try:
        return Joined.model_validate_json(answer.content)
    except ValidationError as error:
        raise BadCertificate(problem="another form") from error


def _reason(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["code"])[:80]
    except (ValueError, KeyError, TypeError):
        return ""


def _check(identity: Identity) -> None:
    """Demand that the certificate is for our key, by the centre's root, in the name of the site."""
    try:
        certificate = x509.load_pem_x509_certificate(identity.certificate.encode())
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(identity.authority.encode()))
        name = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    except (ValueError, TypeError, IndexError, InvalidSignature) as error:
        raise BadCertificate(problem="certificate") from error
    if certificate.public_key() != identity.key.public_key() or name != check_name(identity.site):
        raise BadCertificate(problem="key or name", site=identity.site[:64])


def _keep(folder: Path, identity: Identity, site_seed: bytes, witness_seed: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    facts = {
        "site": identity.site,
        "name": identity.name,
        "centre": identity.centre,
        "host_url": identity.host_url,
        "certificate": identity.certificate,
        "authority": identity.authority,
    }
    _write(folder / "site.key", site_seed.hex())
    _write(folder / "witness.key", witness_seed.hex())
    _write(folder / "site.json", json.dumps(facts, ensure_ascii=False, indent=1))


def _write(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def load_identity(folder: Path) -> Identity:
    """Read back who this site is.

    Raises:
        NotJoined: it has not joined yet.
        IdentityDamaged: what lies there is incomplete, or was changed.
    """
    if not (folder / "site.json").exists():
        raise NotJoined(folder=str(folder))
    try:
        facts = json.loads((folder / "site.json").read_text("utf-8"))
        identity = Identity(
            site=SiteId(check_name(facts["site"])),
            name=facts["name"],
            centre=facts["centre"],
            host_url=facts["host_url"],
            certificate=facts["certificate"],
            authority=facts["authority"],
            key=Ed25519PrivateKey.from_private_bytes(_seed(folder / "site.key")),
            witness=witness_key(_seed(folder / "witness.key")),
        )
        _check(identity)
    except (OSError, ValueError, KeyError, TypeError, Refusal, BadCertificate) as error:
        raise IdentityDamaged(folder=str(folder), problem=str(error)[:200]) from error
    return identity


def _seed(path: Path) -> bytes:
    return bytes.fromhex(path.read_text("utf-8").strip())
