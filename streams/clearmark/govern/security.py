"""From librdkafka's security properties, as the configuration holds them, to Faust's credentials."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from faust import SASLCredentials, SSLCredentials

from clearmark.errors import Stop

if TYPE_CHECKING:
    from collections.abc import Mapping

    from faust.types.auth import CredentialsT

_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_KNOWN: Final = frozenset(
    {
        "security.protocol",
        "sasl.mechanism",
        "sasl.mechanisms",
        "sasl.username",
        "sasl.password",
        "ssl.ca.location",
        "ssl.ca.pem",
        "ssl.certificate.location",
        "ssl.key.location",
        "ssl.key.password",
        "ssl.endpoint.identification.algorithm",
    }
)


def credentials(settings: Mapping[str, Any]) -> CredentialsT | None:
    """Return the credentials of a Faust application; None for a cluster without any.

    Args:
        settings: librdkafka properties; those that have nothing to do with security are left alone.

    Raises:
        Stop: a security property has no counterpart in Faust: govern never connects less securely than it was told.
    """
    if unknown := sorted(k for k in settings if k.startswith(("ssl.", "sasl.", "security.")) and k not in _KNOWN):
        raise Stop(
            f"govern cannot use the Kafka property {unknown[0]}", remedy=f"it knows: {', '.join(sorted(_KNOWN))}"
        )
    protocol = str(settings.get("security.protocol", "PLAINTEXT")).upper()
    context = _context(settings) if protocol in ("SSL", "SASL_SSL") else None
    if protocol == "PLAINTEXT":
        return None
    if protocol == "SSL":
        return SSLCredentials(context)
    if protocol not in ("SASL_SSL", "SASL_PLAINTEXT"):
        raise Stop(f"there is no security.protocol {protocol}", remedy="use PLAINTEXT, SSL, SASL_SSL or SASL_PLAINTEXT")
    mechanism = str(settings.get("sasl.mechanism", settings.get("sasl.mechanisms", "")))
    if mechanism not in _MECHANISMS:
        raise Stop(f"govern cannot use sasl.mechanism {mechanism!r}", remedy=f"use one of {', '.join(_MECHANISMS)}")
    return SASLCredentials(
        username=settings.get("sasl.username"),
        password=settings.get("sasl.password"),
        ssl_context=context,
        mechanism=mechanism,
    )


def _context(settings: Mapping[str, Any]) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=settings.get("ssl.ca.pem"))
        if place := settings.get("ssl.ca.location"):
            context.load_verify_locations(**{"capath" if Path(place).is_dir() else "cafile": place})
        if certificate := settings.get("ssl.certificate.location"):
            context.load_cert_chain(certificate, settings.get("ssl.key.location"), settings.get("ssl.key.password"))
    except (OSError, ValueError) as error:
        raise Stop(f"a certificate or key cannot be used ({type(error).__name__})", remedy="check ssl.*") from None
    context.check_hostname = settings.get("ssl.endpoint.identification.algorithm", "https") != "none"
    return context
