"""The certificate authorities that a server's certificate is verified with."""

from __future__ import annotations

import ssl
from pathlib import Path


def trust_only(ca_file: Path) -> ssl.SSLContext:
    """Return a TLS context that trusts only the certificate authorities in a file.

    Raises:
        ValueError: with the end of a sentence about the file, when it cannot be read or has no
            certificate in PEM format.
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError:
        reason = "has no certificate in PEM format"
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
    raise ValueError(reason)
