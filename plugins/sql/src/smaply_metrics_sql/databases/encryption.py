"""TLS to database servers: when it is required, and the errors for certificates."""

from __future__ import annotations

from smaply_metrics_core import Address, Unreachable


def requires_tls(address: Address) -> bool:
    """Whether connections to a server are encrypted and verified: all but those to this machine."""
    return address.host not in {"localhost", "127.0.0.1", "::1"}


def not_trusted() -> Unreachable:
    """Return the error for a certificate of an authority that is not trusted, or out of date."""
    return Unreachable(
        "The certificate of the database server is not trusted, so no password was sent.",
        remedy="If the certificate has expired, renew it. If it is from a private certificate "
        "authority, ask the operator to add its file to SMAPLY_METRICS_SOURCES_CA_FILES.",
    )


def other_host() -> Unreachable:
    """Return the error for a certificate that was issued for another host name."""
    return Unreachable(
        "The certificate of the database server is for another host name, so no password was sent.",
        remedy="Enter the host name that the certificate was issued for.",
    )


def no_tls() -> Unreachable:
    """Return the error for a server that does not offer TLS."""
    return Unreachable(
        "The database server does not offer TLS, so no password was sent.",
        remedy="Ask the administrator of the database to turn on TLS.",
    )
