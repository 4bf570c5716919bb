"""Datasets are described, and bundles evaluated and compared, without Keras and TensorFlow."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.videos import moving_frames

for _name in ("sklearn", "matplotlib", "scipy", "jinja2"):
    pytest.importorskip(_name, reason="evaluation needs the extra: pip install 'edgevid[evaluate]'")

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys
sys.path.insert(0, {root!r})
sys.modules.update(keras=None, tensorflow=None)  # an import of them fails
from edgevid.cli import main
code = main({arguments!r})
loaded = [name for name in sys.modules if name.startswith("edgevid.training")]
sys.exit(f"imported: {{loaded}}" if loaded else code)
"""


def run(*arguments: object) -> subprocess.CompletedProcess:
    script = SCRIPT.format(root=str(ROOT), arguments=list(map(str, arguments)))
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False)


def test_dataset_evaluate_and_compare(make_video, tmp_path):
    for label in ("JumpRope", "PullUps"):
        for i in range(2):
            make_video(f"clips/{label}/{i}.mp4", moving_frames(4, seed=i), 4.0)
    data = tmp_path / "clips"
    described = run("dataset", data, "-o", tmp_path / "data")
    assert described.returncode == 0, described.stderr
    assert (tmp_path / "data" / "clips_per_class.png").is_file()
    for name, bundle in (("one", "exercises10-thesis"), ("two", "exercises10-motion")):
        output = tmp_path / name
        done = run("evaluate", bundle, data, "-o", output, "--streaming", "--bootstrap", 50, "--threads", 1)
        assert done.returncode == 0, done.stderr
        assert json.loads((output / "metrics.json").read_text(encoding="utf-8"))["accuracy"]["n"] == 4
        assert (output / "report.html").is_file()
    compared = run("compare", tmp_path / "one", tmp_path / "two", "-o", tmp_path / "both", "--bootstrap", 50)
    assert compared.returncode == 0, compared.stderr
    assert (tmp_path / "both" / "comparison.html").is_file()
