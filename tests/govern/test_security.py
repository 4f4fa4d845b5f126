"""Govern connects as securely as it is told, or not at all."""

from __future__ import annotations

import ssl
import subprocess
from typing import TYPE_CHECKING

import pytest
from faust import SASLCredentials, SSLCredentials

from clearmark.errors import Stop
from clearmark.govern.security import credentials

if TYPE_CHECKING:
    from pathlib import Path

SCRAM = {"sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "u", "sasl.password": "p"}


def test_without_security_there_are_no_credentials() -> None:
    assert credentials({"bootstrap.servers": "x", "client.id": "y"}) is None


def test_passwords_go_in_the_clear_only_where_that_is_asked_for() -> None:
    plain = credentials({**SCRAM, "security.protocol": "SASL_PLAINTEXT"})
    assert isinstance(plain, SASLCredentials)
    assert (plain.protocol.value, plain.mechanism.value) == ("SASL_PLAINTEXT", "SCRAM-SHA-512")
    assert (plain.username, plain.password) == ("u", "p")
    over_tls = credentials({**SCRAM, "security.protocol": "sasl_ssl"})
    assert isinstance(over_tls, SASLCredentials)
    assert over_tls.protocol.value == "SASL_SSL"


def test_certificates_are_checked(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-days", "1"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    files = {"ssl.certificate.location": str(certificate), "ssl.key.location": str(key)}
    found = credentials({"security.protocol": "SSL", "ssl.ca.location": str(certificate), **files})
    assert isinstance(found, SSLCredentials)
    assert found.context.verify_mode is ssl.CERT_REQUIRED
    assert found.context.check_hostname
    assert found.context.get_ca_certs()
    assert credentials({"security.protocol": "SSL", "ssl.ca.location": str(tmp_path)})
    lax = credentials({"security.protocol": "SSL", "ssl.endpoint.identification.algorithm": "none"})
    assert isinstance(lax, SSLCredentials)
    assert not lax.context.check_hostname


@pytest.mark.parametrize(
    "settings",
    [
        {"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER"},
        {"security.protocol": "SASL_SSL"},
        {"security.protocol": "QUANTUM"},
        {"security.protocol": "SSL", "ssl.ca.location": "/nowhere"},
        {"security.protocol": "SSL", "ssl.keystore.location": "/store"},
        {"ssl.crl.location": "/crl"},
    ],
)
def test_what_has_no_counterpart_stops_govern(settings: dict[str, str]) -> None:
    with pytest.raises(Stop):
        credentials(settings)
