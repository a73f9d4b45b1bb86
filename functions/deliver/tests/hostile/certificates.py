"""Certificates of receivers, good ones and others."""

import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


class Authority:
    """An issuer, whose certificate `directory/<name>.pem` may be trusted."""

    def __init__(self, directory, name):
        self.directory = directory
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.file = directory / f"{name}.pem"
        authority = x509.BasicConstraints(ca=True, path_length=0)
        self.file.write_bytes(pem(self.sign(self.name, self.key.public_key(), authority, -DAY, DAY)))

    def sign(self, subject, public_key, extension, begins, ends):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(public_key)
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now + begins).not_valid_after(now + ends)
        return builder.add_extension(extension, critical=False).sign(self.key, hashes.SHA256())

    def issue(self, file, *hosts, begins=-DAY, ends=DAY):
        """Writes a file with the certificate of these names and addresses, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver")])
        return self.store(file, subject, key, hosts, begins, ends)

    def issue_itself(self, *hosts):
        """Writes a file with a certificate that is signed by its own key."""
        return self.store("itself-receiver", self.name, self.key, hosts, -DAY, DAY)

    def store(self, file, subject, key, hosts, begins, ends):
        names = x509.SubjectAlternativeName([general_name(host) for host in hosts])
        certificate = self.sign(subject, key.public_key(), names, begins, ends)
        open_key = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path = self.directory / f"{file}.pem"
        path.write_bytes(pem(certificate) + open_key)
        return path


def general_name(host):
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)
