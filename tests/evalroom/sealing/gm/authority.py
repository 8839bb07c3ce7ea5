"""A small SM2 certificate authority for tests, made by `openssl`: good certificates and wrong ones."""

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate

NOW = datetime.now(UTC) + timedelta(hours=1)  # openssl dates its certificates by the machine's clock

IDENTITY = "distid:1234567812345678"

EXTENSIONS = """
[req]
distinguished_name = name
[name]
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[ca]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[deep]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[loose]
basicConstraints = CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[person]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, nonRepudiation
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[encrypts]
basicConstraints = critical, CA:FALSE
keyUsage = critical, keyEncipherment
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[strange]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
1.2.3.4 = critical, ASN1:NULL
"""


@dataclass(frozen=True, slots=True)
class Authority:
    """A folder in which `openssl` makes keys and certificates, each pair under one name."""

    folder: Path

    @classmethod
    def open(cls, folder: Path) -> "Authority":
        """Return one that works in `folder`."""
        (folder / "extensions.cnf").write_text(EXTENSIONS, "ascii")
        return cls(folder)

    def root(self, name: str, kind: str = "SM2", identity: str = IDENTITY) -> bytes:
        """Make a self-signed certificate, and return its DER."""
        self._key(name, kind)
        words = ["req", "-x509", "-key", f"{name}.key", "-subj", f"/CN={name}", "-extensions", "root"]
        self._run(*words, "-days", "3650", *digest(kind, identity), "-out", f"{name}.pem")
        return self.der(name)

    def issue(
        self,
        name: str,
        by: str,
        extensions: str,
        *,
        kind: str = "SM2",
        days: int = 365,
        identity: str = IDENTITY,
    ) -> bytes:
        """Make a certificate that `by` has signed, and return its DER."""
        self._key(name, kind)
        asked = ["req", "-new", "-key", f"{name}.key", "-subj", f"/CN={name}", "-out", f"{name}.csr"]
        self._run(*asked, *digest(kind, IDENTITY))
        words = ["x509", "-req", "-in", f"{name}.csr", "-CA", f"{by}.pem", "-CAkey", f"{by}.key"]
        words += ["-extfile", "extensions.cnf", "-extensions", extensions, "-days", str(days)]
        words += ["-vfyopt", IDENTITY] if kind == "SM2" else []
        by_kind = "SM2" if "SM2" in self._run("pkey", "-in", f"{by}.key", "-text", "-noout") else "EC"
        self._run(*words, *digest(by_kind, identity), "-out", f"{name}.pem")
        return self.der(name)

    def der(self, name: str) -> bytes:
        """Return the certificate of that name."""
        pem = (self.folder / f"{name}.pem").read_bytes()
        return load_pem_x509_certificate(pem).public_bytes(Encoding.DER)

    def private(self, name: str) -> bytes:
        """Return the PKCS#8 DER of the key of that name."""
        words = ["openssl", "pkcs8", "-topk8", "-nocrypt", "-in", f"{name}.key", "-outform", "DER"]
        return subprocess.run(words, cwd=self.folder, capture_output=True, check=True).stdout

    def _key(self, name: str, kind: str) -> None:
        curve = "SM2" if kind == "SM2" else "P-256"
        self._run(
            "genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}", "-out", f"{name}.key"
        )

    def _run(self, verb: str, *words: str) -> str:
        settings = ["-config", "extensions.cnf"] if verb == "req" else []
        command = ["openssl", verb, *words, *settings]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


def digest(kind: str, identity: str) -> list[str]:
    """Return the words that make a key of that kind sign as it should."""
    return ["-sm3", *(["-sigopt", identity] if identity else [])] if kind == "SM2" else ["-sha256"]
