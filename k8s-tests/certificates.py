"""A certificate for a server in the cluster, which is its own authority."""

from __future__ import annotations

import tempfile
from pathlib import Path

from kube import run


def self_signed(*names: str) -> dict[str, str]:
    """The files of a TLS Secret: ca.crt, tls.crt and tls.key, for these DNS names."""
    with tempfile.TemporaryDirectory() as folder:
        key, certificate = Path(folder, "key"), Path(folder, "certificate")
        alternatives = "subjectAltName=" + ",".join(f"DNS:{name}" for name in names)
        run(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "2", "-subj", "/CN=tests", "-addext", alternatives,
            "-keyout", str(key), "-out", str(certificate),
        )  # fmt: skip
        text = certificate.read_text(encoding="ascii")
        return {"ca.crt": text, "tls.crt": text, "tls.key": key.read_text(encoding="ascii")}
