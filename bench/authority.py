"""A chain of certificates as a server of the public web has one: a root that clients trust, one between, and the server's."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ROOT_FILE, BUNDLE_FILE = "root.pem", "bundle.pem"


@dataclass(frozen=True, slots=True)
class _Signer:
    key: ec.EllipticCurvePrivateKey
    name: x509.Name


def make(folder: Path) -> None:
    """Write the servers' chain.pem and key.pem, root.pem, and bundle.pem: the root behind all that `requests` ships."""
    root, between, server = (_signer(text) for text in ("bench root", "bench between", "bench server"))
    (folder / ROOT_FILE).write_bytes(_signed(root, by=root, is_authority=True))
    (folder / BUNDLE_FILE).write_bytes(Path(certifi.where()).read_bytes() + (folder / ROOT_FILE).read_bytes())
    (folder / "chain.pem").write_bytes(_signed(server, by=between) + _signed(between, by=root, is_authority=True))
    (folder / "key.pem").write_bytes(
        server.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _signer(text: str) -> _Signer:
    return _Signer(ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]))


def _signed(subject: _Signer, *, by: _Signer, is_authority: bool = False) -> bytes:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject.name)
        .issuer_name(by.name)
        .public_key(subject.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if not is_authority:
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    return builder.sign(by.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
