"""What pip would install, and whether the package is complete."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

packaging_requirements = pytest.importorskip("packaging.requirements", reason="needs packaging: pip install '.[test]'")

ROOT = Path(__file__).parent.parent
RUNTIMES = {"ai-edge-litert", "tflite-runtime"}


@pytest.fixture(scope="module")
def config() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def _installed(config: configparser.ConfigParser, machine: str, python: str) -> dict[str, str]:
    environment = {"platform_machine": machine, "python_version": python, "sys_platform": "linux", "extra": ""}
    requirements = [
        packaging_requirements.Requirement(line)
        for line in config["options"]["install_requires"].splitlines()
        if line and not line.startswith("#")
    ]
    return {r.name: str(r.specifier) for r in requirements if r.marker is None or r.marker.evaluate(environment)}


@pytest.mark.parametrize("python", ["3.9", "3.10", "3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("machine", ["x86_64", "aarch64", "arm64", "AMD64"])
def test_64_bit_machines_get_litert_and_any_numpy(config: configparser.ConfigParser, machine: str, python: str) -> None:
    installed = _installed(config, machine, python)
    assert installed.keys() & RUNTIMES == {"ai-edge-litert"}
    assert "<" not in installed["numpy"]
    assert installed.keys() == {"ai-edge-litert", "numpy", "opencv-python-headless", "pillow"}


@pytest.mark.parametrize("python", ["3.9", "3.10", "3.11"])
@pytest.mark.parametrize("machine", ["armv7l", "armv8l"])
def test_32_bit_arm_gets_tflite_runtime_and_numpy_1(
    config: configparser.ConfigParser, machine: str, python: str
) -> None:
    installed = _installed(config, machine, python)
    assert installed.keys() & RUNTIMES == {"tflite-runtime"}
    assert "<2" in installed["numpy"]
    assert "<4.12" in installed["opencv-python-headless"]
    assert installed["pillow"] == ">=9.4", "what Debian 12 has for it"


def test_every_package_on_disk_is_installed(config: configparser.ConfigParser) -> None:
    packages = set(config["options"]["packages"].split())
    on_disk = {".".join(p.parent.relative_to(ROOT).parts) for p in (ROOT / "edgevid").rglob("__init__.py")}
    assert packages == on_disk | {"edgevid.models"}


def test_every_model_is_installed(config: configparser.ConfigParser) -> None:
    patterns = [pattern.strip() for pattern in config["options.package_data"]["edgevid.models"].split(",")]
    installed = {path for pattern in patterns for path in (ROOT / "models").glob(pattern)}
    assert installed == {p for p in (ROOT / "models").rglob("*") if p.suffix in (".json", ".tflite", ".npz")}


def test_the_repository_stays_small() -> None:
    sizes = {path: path.stat().st_size for path in (ROOT / "models").rglob("*") if path.is_file()}
    assert sizes
    assert max(sizes.values()) < 15e6
    assert sum(sizes.values()) < 40e6
