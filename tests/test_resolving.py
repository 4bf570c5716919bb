"""What pip would choose for other machines and Pythons: no combination gets packages that do not work together.

The whole matrix takes a minute: EDGEVID_RESOLVE=all. Without it, only a few combinations are tested.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Optional

import pytest

ROOT = Path(__file__).parent.parent
EVERYTHING = os.environ.get("EDGEVID_RESOLVE") == "all"
ALL_PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
ALL_64_BIT = [(machine, python) for machine in ("x86_64", "aarch64") for python in ALL_PYTHONS]
# Systems that wheels may be made for, newest first: up to Debian 12 and Raspberry Pi OS, which is based on it. Python 3.9 came
# with Debian 11.
GLIBC = ("2_36", "2_35", "2_34", "2_31", "2_28", "2_27", "2_17")
GLIBC_OF_DEBIAN_11 = GLIBC[3:]

# pip evaluates markers for this machine whatever --platform says, so this replaces their environment.
PIP_FOR = """
import sys
from pip._vendor.packaging import markers

here, machine, python = markers.default_environment, *sys.argv[1:3]
there = {"platform_machine": machine, "python_version": python, "python_full_version": python + ".0", "os_name": "posix",
         "sys_platform": "linux", "platform_system": "Linux", "implementation_name": "cpython",
         "platform_python_implementation": "CPython"}
markers.default_environment = lambda: {**here(), **there}
from pip._internal.cli.main import main
sys.exit(main(sys.argv[3:]))
"""


def requirements(extra: Optional[str] = None) -> str:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = config["options"]["install_requires"]
    return lines if extra is None else lines + config["options.extras_require"][extra]


def resolve(
    machine: str, python: str, folder: Path, wanted: str, *options: str, wheels_of: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """What ``pip install`` would do there; nothing is installed, and only what pip needs to know is fetched.

    Args:
        wheels_of: machines whose wheels count; default: ``machine``.
    """
    (folder / "requirements.txt").write_text(wanted)
    glibcs = GLIBC_OF_DEBIAN_11 if python == "3.9" else GLIBC
    platforms = [f"--platform=manylinux_{glibc}_{one}" for one in wheels_of or (machine,) for glibc in glibcs]
    platforms += [f"--platform=manylinux2014_{one}" for one in wheels_of or (machine,)]
    there = [
        *platforms,
        f"--python-version={python}",
        "--implementation=cp",
        "--only-binary=:all:",
        "--ignore-installed",
    ]
    calm = ["--retries=1", "--timeout=10", "--disable-pip-version-check", "--no-input", f"--target={folder}"]
    arguments = ["install", "--dry-run", "--quiet", "--report=-", *there, *calm, *options]
    return subprocess.run(
        [sys.executable, "-c", PIP_FOR, machine, python, *arguments, f"--requirement={folder / 'requirements.txt'}"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def chosen(done: subprocess.CompletedProcess[str], machine: str, python: str) -> dict[str, tuple[tuple[int, ...], str]]:
    """Distribution -> its version and wheel."""
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    environment = report["environment"]
    assert (environment["platform_machine"], environment["python_version"]) == (machine, python), (
        "pip took other markers"
    )
    found = {}
    for item in report["install"]:
        version, wheel = item["metadata"]["version"], item["download_info"]["url"].rsplit("/", 1)[1]
        found[item["metadata"]["name"]] = tuple(int(part) for part in version.split(".")[:2]), wheel
    return found


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A package index that pip reaches, with its own settings."""
    if os.environ.get("EDGEVID_RUNTIME"):
        pytest.skip("what pip chooses does not depend on the runtime of this run: see the one without EDGEVID_RUNTIME")
    pytest.importorskip(
        "pip", minversion="23.0", reason="needs a pip that writes reports: python -m pip install -U pip"
    )
    done = resolve("x86_64", "3.11", tmp_path_factory.mktemp("probe"), "packaging")
    signs = ("from versions: none", "Retrying", "timed out", "Could not fetch URL")
    if done.returncode and any(sign in done.stderr for sign in signs):
        pytest.skip(f"no package index is reachable: {done.stderr.strip().splitlines()[-1]}")


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize(("machine", "python"), ALL_64_BIT if EVERYTHING else [("x86_64", "3.9"), ("aarch64", "3.13")])
def test_64_bit_machines_get_litert_in_a_wheel_of_their_own(machine: str, python: str, tmp_path: Path) -> None:
    found = chosen(resolve(machine, python, tmp_path, requirements()), machine, python)
    assert not found.keys() & {"tflite-runtime"}
    version, wheel = found["ai-edge-litert"]
    assert version >= (2, 0)
    assert f"-cp{python.replace('.', '')}-" in wheel
    assert wheel.endswith(f"_{machine}.whl")


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize("python", ALL_PYTHONS if EVERYTHING else ["3.9", "3.11", "3.13"])
def test_32_bit_arm_gets_what_tflite_runtime_works_with_or_nothing(python: str, tmp_path: Path) -> None:
    lines = requirements().splitlines()
    (runtime,) = (line for line in lines if line.startswith("tflite-runtime"))
    done = resolve("armv7l", python, tmp_path, runtime, "--no-deps")
    if python not in ("3.9", "3.10", "3.11"):
        assert done.returncode != 0, "no runtime is made for it"
        assert "No matching distribution found for tflite-runtime" in done.stderr
        return
    version, wheel = chosen(done, "armv7l", python)["tflite-runtime"]
    assert wheel.endswith("_armv7l.whl")
    # The Python Package Index has only the runtime for it. The rest is built elsewhere, in all versions; wheels for another
    # machine stand in.
    fixed = re.sub(r">=[0-9.]+", f"=={version[0]}.{version[1]}.*", runtime)
    others = "\n".join([*(line for line in lines if line != runtime), fixed])
    found = chosen(resolve("armv7l", python, tmp_path, others, wheels_of=("armv7l", "x86_64")), "armv7l", python)
    assert not found.keys() & {"ai-edge-litert"}
    assert found["numpy"][0] < (2, 0)
    assert found["opencv-python-headless"][0] < (4, 12)


@pytest.mark.usefixtures("index")
def test_the_extra_keeps_numpy_1_where_both_runtimes_are_installed(tmp_path: Path) -> None:
    found = chosen(resolve("x86_64", "3.11", tmp_path, requirements("tflite-runtime")), "x86_64", "3.11")
    assert found.keys() >= {"ai-edge-litert", "tflite-runtime"}
    assert found["numpy"][0] < (2, 0)
    assert found["opencv-python-headless"][0] < (4, 12)
