"""The certificate of a page served over HTTPS."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Optional, Union

from ...errors import EdgevidError, OptionError
from ...support.files import read_content

_MOST_BYTES = 1_000_000


class _EncryptedError(Exception):
    pass


def open_tls(cert: Optional[Union[str, Path]], key: Optional[Union[str, Path]]) -> Optional[ssl.SSLContext]:
    """The server's context for TLS 1.2 and 1.3; None if no file is given.

    Args:
        cert: PEM file of the certificate, followed by its chain of intermediate certificates.
        key: PEM file of the private key, without a password; default: it is in ``cert``.

    Raises:
        OptionError: a key was given without a certificate. EdgevidError: a file cannot be read, is something else, or they do
            not belong together.
    """
    if cert is None:
        if key is not None:
            raise OptionError(f"tls_key={str(key)!r} was given without a certificate; give tls_cert too.")
        return None
    cert, key = Path(cert), Path(cert if key is None else key)
    _check(cert, "tls_cert", b"CERTIFICATE-----", "a certificate")
    _check(key, "tls_key", b"PRIVATE KEY-----", "a private key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert, key, password=_refuse)
    except _EncryptedError:
        raise EdgevidError(
            f"The private key {key} has a password, which nobody can enter when edgevid starts by itself. "
            f"Write one without: openssl pkey -in {key} -out plain.pem"
        ) from None
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise EdgevidError(
                f"The private key {key} does not match the certificate {cert}; give the two that were made together."
            ) from error
        raise EdgevidError(
            f"{cert} and {key} cannot be used: {error.reason or error}. Make or copy them again, in PEM form."
        ) from error
    except OSError as error:
        raise EdgevidError(f"{cert} and {key} cannot be read: {error.strerror or error}.") from error
    return context


def _check(path: Path, option: str, mark: bytes, what: str) -> None:
    """Accept only a regular file of the right kind: OpenSSL would block on a pipe, and its errors do not say what is wrong."""
    try:
        content = read_content(path, _MOST_BYTES)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise EdgevidError(f"{option}={str(path)!r} was given, but cannot be read: {reason}.") from error
    if mark not in content:
        raise EdgevidError(
            f"{option}={str(path)!r} was given, but holds no {what.split()[-1]} in PEM form; expected {what}: a text file with "
            f"the line -----BEGIN ...{mark.decode()}"
        )


def _refuse() -> str:
    raise _EncryptedError
