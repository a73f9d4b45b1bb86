"""Writes three files into DIRECTORY: an issuer, its certificate for 127.0.0.1, and the key. Usage: certificate.py DIRECTORY."""

import datetime
import ipaddress
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certificate(name, key, issuer, issuer_key, *extensions):
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def named(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def main(directory):
    issuer_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = x509.BasicConstraints(ca=True, path_length=0)
    issuer = certificate("issuer", issuer_key, "issuer", issuer_key, authority)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    own = certificate("receiver", key, "issuer", issuer_key, here)
    pem = serialization.Encoding.PEM
    (directory / "issuer.pem").write_bytes(issuer.public_bytes(pem))
    (directory / "certificate.pem").write_bytes(own.public_bytes(pem))
    pkcs8, open_key = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (directory / "key.pem").write_bytes(key.private_bytes(pem, pkcs8, open_key))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
