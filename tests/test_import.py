"""What importing edgevid does, and what its modules may import."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import edgevid

PACKAGE = Path(edgevid.__file__).parent

SCRIPT = """
import json, os, sys, threading
environment, threads = dict(os.environ), threading.active_count()
import edgevid
print(json.dumps({
    "modules": sorted({name.partition(".")[0] for name in sys.modules}),
    "environment": dict(os.environ) == environment,
    "threads": threading.active_count() - threads,
}))
"""


@pytest.fixture(scope="module")
def imported() -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-X", "dev", "-c", SCRIPT], capture_output=True, text=True, timeout=60)


def test_import_loads_no_heavy_package(imported: subprocess.CompletedProcess):
    heavy = {"cv2", "ai_edge_litert", "tflite_runtime", "tensorflow", "keras", "matplotlib", "h5py", "picamera2"}
    assert heavy.isdisjoint(json.loads(imported.stdout)["modules"])


def test_import_prints_nothing_starts_no_thread_and_sets_no_variable(imported: subprocess.CompletedProcess):
    assert imported.stderr == ""
    assert imported.stdout.count("\n") == 1
    said = json.loads(imported.stdout)
    assert said["threads"] == 0
    assert said["environment"] is True


def test_every_public_name_exists_and_none_is_missing_from_the_list():
    assert all(hasattr(edgevid, name) for name in edgevid.__all__)
    assert len(edgevid.__all__) == len(set(edgevid.__all__)) > 40
    classes = {name for name, value in vars(edgevid).items() if getattr(value, "__module__", "").startswith("edgevid.")}
    assert classes <= set(edgevid.__all__)


def test_every_public_name_says_what_it_is():
    for name in set(edgevid.__all__) - {"Event"}:  # which is a union of two classes
        assert len(getattr(edgevid, name).__doc__ or "") > 20, name


def test_what_is_no_public_name_is_an_error():
    with pytest.raises(AttributeError, match="no attribute 'loda'"):
        edgevid.loda()
    assert set(edgevid.__all__) <= set(dir(edgevid))


def test_every_error_is_an_edgevid_error():
    errors = [value for name, value in vars(edgevid).items() if name.endswith("Error")]
    assert len(errors) >= 8
    assert all(issubclass(error, edgevid.EdgevidError) for error in errors)


def imports_of(path: Path) -> set[str]:
    """The top packages that a module imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add((node.module or "").partition(".")[0])
    return names


def test_no_module_but_runtime_reaches_for_a_tflite_runtime():
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE) != Path("runtime.py"):
            assert imports_of(path).isdisjoint({"ai_edge_litert", "tflite_runtime"}), path


def core_modules() -> list[Path]:
    """The package without its command line and training."""
    folders = {"cli", "training", "models"}
    return [path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] not in folders]


def test_core_never_reaches_for_training_packages_or_pickle():
    forbidden = {"tensorflow", "keras", "matplotlib", "sklearn", "torch", "pickle", "joblib", "dill"}
    for path in core_modules():
        # an estimator uses scikit-learn's own classes, which are installed where it is used
        allowed = {"sklearn"} if path.name == "estimator.py" else set()
        assert imports_of(path).isdisjoint(forbidden - allowed), path


def test_core_never_reaches_back_to_command_line_or_training():
    for path in core_modules():
        if path.name == "__main__.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:
                assert (node.module or "").partition(".")[0] not in {"cli", "training"}, path


def test_no_module_is_over_400_lines():
    for path in PACKAGE.rglob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path


def test_typed_marker_ships():
    assert (PACKAGE / "py.typed").is_file()


def test_main_module_runs():
    done = subprocess.run([sys.executable, "-m", "edgevid", "--version"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert edgevid.__version__ in done.stdout
