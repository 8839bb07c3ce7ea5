"""A time-stamp authority on this machine: `openssl ts` behind a small HTTP server, and answers that are wrong on purpose."""

import contextlib
import datetime as dt
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_CONFIG = """
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
"""


@dataclass
class Authority:
    """The authority: what it does with the next questions, and how many it was asked."""

    folder: Path
    url: str = ""
    mood: str = "good"
    asked: int = 0
    silence: threading.Event = field(default_factory=threading.Event)
    last: bytes = b""

    @property
    def roots(self) -> Path:
        return self.folder / "ca.pem"

    def openssl(self, *arguments: str) -> bytes:
        return subprocess.run(["openssl", "ts", *arguments], capture_output=True, check=True).stdout

    def _stamp(self, question: bytes) -> bytes:
        path = self.folder / "question.tsq"
        path.write_bytes(question)
        return self.openssl("-reply", "-config", str(self.folder / "tsa.cnf"), "-queryfile", str(path))

    def answer(self, question: bytes) -> bytes:
        self.asked += 1
        match self.mood:
            case "garbage":
                return b"0\x03\x02\x01\x02 and more"
            case "huge":
                return bytes(1 << 17)
            case "silent":
                self.silence.wait(30)
                return b""
            case "replay":
                return self.last
            case _:
                self.last = self._stamp(question)
                return self.last


def _handler(authority: Authority) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["content-type"] == "application/timestamp-query"
            body = authority.answer(self.rfile.read(int(self.headers["content-length"])))
            with contextlib.suppress(OSError):  # whoever asked has gone
                self.send_response(503 if authority.mood == "broken" else 200)
                self.send_header("content-type", "application/timestamp-reply")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def authority(folder: Path) -> Iterator[Authority]:
    """Run a time-stamp authority while the block runs."""
    folder.mkdir()
    _write_keys(folder)
    made = Authority(folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(made)) as server:
        made.url = f"http://127.0.0.1:{server.server_port}/tsa"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield made
        finally:
            made.silence.set()
            server.shutdown()
            thread.join()


def _write_keys(folder: Path) -> None:
    root, signer = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root of time")])
    ca = _certificate(name, name, root.public_key(), root, ca=True)
    tsa = _certificate(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "time")]),
        name,
        signer.public_key(),
        root,
        ca=False,
    )
    key = signer.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for file, data in (
        ("ca.pem", ca.public_bytes(Encoding.PEM)),
        ("tsa.pem", tsa.public_bytes(Encoding.PEM)),
        ("tsa.key", key),
        ("serial", b"01\n"),
        ("tsa.cnf", _CONFIG.format(folder=folder).encode()),
    ):
        (folder / file).write_bytes(data)


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    key: ec.EllipticCurvePrivateKey,
    *,
    ca: bool,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    if not ca:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(key, SHA256())
