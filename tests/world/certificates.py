"""An authority of certificates, made by openssl."""

import subprocess
from pathlib import Path

from tests.world.broker import Certificates
from tests.world.machine import needs


class Authority:
    """An authority with a certificate at `path`; with -1 days, it has expired."""

    def __init__(self, folder: Path, days: int = 2) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._count = folder, 0
        self.path, self._key = folder / "ca.pem", folder / "ca.key"
        self._make(self.path, self._key, "basicConstraints = critical, CA:TRUE", days, None)

    def certificates(self, address: str, days: int = 2) -> Certificates:
        """Return a certificate for an IP address, valid for so many days."""
        self._count += 1
        certificate = self._folder / f"broker{self._count}.pem"
        key = certificate.with_suffix(".key")
        self._make(certificate, key, f"subjectAltName = IP:{address}", days, self)
        return Certificates(self.path, certificate, key)

    def _make(
        self, to: Path, key: Path, extension: str, days: int, signer: "Authority | None"
    ) -> None:
        """Make a key, and a certificate that an authority has signed, or the key itself."""
        request, extensions = to.with_suffix(".csr"), to.with_suffix(".conf")
        extensions.write_text(f"{extension}\n")
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        _openssl("req", "-subj", f"/CN={to.stem}", *curve, "-keyout", key, "-out", request)
        by = ("-signkey", key) if signer is None else ("-CA", signer.path, "-CAkey", signer._key)
        _openssl(
            *("x509", "-req", "-in", request, *by, "-days", days, "-extfile", extensions),
            *("-set_serial", self._count + 1, "-out", to),
        )


def _openssl(*arguments: object) -> None:
    command = [needs("openssl"), *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True, timeout=20)
