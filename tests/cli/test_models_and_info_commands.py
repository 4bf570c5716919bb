"""``edgevid models`` and ``edgevid info``."""

from __future__ import annotations

import json
import shutil
import signal

import numpy as np
import PIL
import pytest

import edgevid
from edgevid.bundles import models_folder, open_bundle, shipped_bundles
from edgevid.cli import info
from edgevid.cli.models import headline_accuracy
from edgevid.support import child_process
from edgevid.tflite import probe
from edgevid.tflite.interpreter import RuntimeInfo, runtimes

THESIS = "exercises10-thesis"


@pytest.fixture
def copied_models(tmp_path, monkeypatch):
    """The shipped models in a folder that a test may damage."""
    folder = tmp_path / "models"
    shutil.copytree(models_folder(), folder, ignore=shutil.ignore_patterns("scripts"))
    for module in ("edgevid.bundles.bundle", "edgevid.bundles.networks", "edgevid.cli.info", "edgevid.cli.models"):
        monkeypatch.setattr(f"{module}.models_folder", lambda: folder)
    return folder


def test_models_lists_what_is_there(call):
    outcome = call("models")
    assert outcome.code == 0
    lines = {line.split()[0]: line for line in outcome.out.splitlines() if line}
    assert len(shipped_bundles()) == 4
    for name in shipped_bundles():
        bundle = open_bundle(name)
        measured_on, share = headline_accuracy(bundle.card)
        networks = [network.name for network in bundle.networks]
        for piece in (f" {len(bundle.labels)} ", f"{share['value'] * 100:.1f} %", measured_on, "MB", *networks):
            assert piece in lines[name]
    assert "flow-histogram (region)" in lines["exercises10"]


@pytest.mark.parametrize(
    ("splits", "measured_on"),
    [
        (["validation", "test", "cross-validation"], "test"),
        (["cross-validation", "validation"], "validation"),
        (["cross-validation"], "cross-validation"),
    ],
)
def test_the_accuracy_that_is_told_first(splits, measured_on):
    share = {"value": 0.5, "hits": 2, "n": 4, "wilson_95": [0.15, 0.85]}
    told = headline_accuracy({"accuracy": {split: {"accuracy": {**share, "n": len(split)}} for split in splits}})
    assert told == (measured_on, {**share, "n": len(measured_on)})
    assert headline_accuracy({"accuracy": {"guessed": {"accuracy": share}}}) is None


def test_models_in_the_users_folder_are_listed_and_a_damaged_one_is_a_failure(call, tmp_path, monkeypatch):
    mine = tmp_path / "mine"
    shutil.copytree(models_folder() / "exercises10", mine / "my_actions")
    card = json.loads((models_folder() / "mobilenet_v2_1.0_224_uint8.json").read_text(encoding="utf-8"))
    (mine / "my_cnn.json").write_text(json.dumps({**card, "name": "my_cnn", "file": "my_cnn.tflite"}), encoding="utf-8")
    shutil.copy(models_folder() / card["file"], mine / "my_cnn.tflite")
    monkeypatch.setenv("EDGEVID_MODELS", str(mine))
    outcome = call("models")
    assert outcome.code == 0
    assert str(mine / "my_cnn.tflite") in outcome.out
    assert sum(line.startswith("exercises10 ") for line in outcome.out.splitlines()) == 2, (
        "the shipped one and its copy"
    )
    assert call("models", "my_cnn").code == 0
    with (mine / "my_cnn.tflite").open("ab") as file:
        file.write(b"x")
    outcome = call("models")
    assert outcome.code == 1
    assert "my_cnn.tflite is damaged" in outcome.err
    assert "mobilenet_v2" in outcome.out


def test_models_under_a_shipped_name_are_listed_and_verified_themselves(call, tmp_path, monkeypatch):
    name = "mobilenet_v2_1.0_224_uint8"
    shutil.copytree(models_folder() / THESIS, tmp_path / THESIS)
    for suffix in (".json", ".tflite"):
        shutil.copy(models_folder() / f"{name}{suffix}", tmp_path)
    monkeypatch.setenv("EDGEVID_MODELS", str(tmp_path))
    outcome = call("models")
    assert outcome.code == 0
    assert str(tmp_path / f"{name}.tflite") in outcome.out
    for file in (tmp_path / f"{name}.tflite", tmp_path / THESIS / "classifier.tflite"):
        with file.open("ab") as damaged:
            damaged.write(b"x")
    outcome = call("models")
    assert outcome.code == 1
    for file in (f"{name}.tflite", "classifier.tflite"):
        assert f"{file} is damaged" in outcome.err


def test_models_as_json(call):
    records = [json.loads(line) for line in call("models", "--json").out.splitlines()]
    by_name = {record["name"]: record for record in records}
    bundle = by_name["exercises10"]
    assert bundle["kind"] == "bundle"
    assert len(bundle["labels"]) == 10
    assert bundle["accuracy"]["n"] > 0
    assert len(bundle["embedders"]) == 3
    assert bundle["embedders"][0] == "motion-region of mobilenet_v2_1.0_160_block13_uint8"
    assert by_name["mobilenet_v2_1.0_160_block13_uint8"]["kind"] == "extractor"
    assert by_name[by_name[THESIS]["embedders"][0]]["kind"] == "extractor"


def test_a_card_can_be_read(call):
    outcome = call("models", "exercises10", "--card")
    bundle = open_bundle("exercises10")
    assert outcome.code == 0
    for piece in (*bundle.labels, bundle.card["licence"], "95 % interval", bundle.networks[0].sha256):
        assert piece in outcome.out
    record = json.loads(call("models", "exercises10", "--json").out)
    assert record["card"] == bundle.card
    short = call("models", "exercises10").out.splitlines()
    assert len(short) < 15
    assert "knows:       BodyWeightSquats, " in short[2]
    assert short[2].endswith(", or that it is none of them")
    assert any(line.startswith("accuracy:    ") and line.endswith(" clips") for line in short)
    assert short[-1] == "all of its card: edgevid models exercises10 --card"
    assert call("models", "--card").code == 2


def test_a_card_says_what_is_rejected(call, tmp_path):
    copy = shutil.copytree(models_folder() / "exercises10", tmp_path / "mine")
    card = json.loads((copy / "card.json").read_text(encoding="utf-8"))
    share = {"value": 0.25, "hits": 2, "n": 8, "wilson_95": [0.0715, 0.5907]}
    card["calibration"] = {"temperature": 1.5, "unknown_threshold": 0.25, "note": "of few clips"}
    card["unknown"] = {
        "outside": {"data": "zoo", "rejected": share},
        "auroc": {"value": 0.6261, "bootstrap_95": [0.5089, 0.7425]},
    }
    (copy / "card.json").write_text(json.dumps(card), encoding="utf-8")
    lines = [line.strip() for line in call("models", copy, "--card").out.splitlines()]
    for line in (
        "temperature: 1.5", "unknown threshold: 0.25", "note: of few clips", "data: zoo",
        "rejected: 25.0 % [7.1, 59.1] of 8 (95 % interval)", "auroc: 0.626 [0.509, 0.743] (95 % interval)",
    ):  # fmt: skip
        assert line in lines
    assert lines.index("unknown:") < lines.index("training:")
    card["unknown"]["auroc"]["bootstrap_95"] = None
    (copy / "card.json").write_text(json.dumps(card), encoding="utf-8")
    assert "auroc: 0.626, no interval" in call("models", copy, "--card").out


def test_a_bundle_anywhere_and_an_extractor_have_cards_too(call, tmp_path):
    copy = shutil.copytree(models_folder() / "exercises10", tmp_path / "mine")
    assert str(copy) in call("models", copy).out
    extractor = open_bundle("exercises10").networks[0]
    assert call("models", extractor.name).out.splitlines()[2].startswith("gives:       a feature map [1, ")
    outcome = call("models", extractor.name, "--card")
    assert outcome.code == 0
    assert extractor.sha256 in outcome.out


def test_an_unknown_model_is_a_failure(call):
    outcome = call("models", "none-such")
    assert outcome.code == 1
    assert "none-such" in outcome.err


def test_a_damaged_bundle_is_a_failure_of_models_and_a_line_of_info(call, copied_models):
    with open_bundle(copied_models / "exercises10").classifier.files[0].open("ab") as file:
        file.write(b"x")
    outcome = call("models")
    assert outcome.code == 1
    assert "damaged" in outcome.err
    outcome = call("info")
    assert outcome.code == 0
    assert "exercises10: PROBLEM:" in outcome.out


def test_info_survives_unreadable_cards_and_missing_models(call, copied_models):
    for card in copied_models.glob("*.json"):
        card.write_text("{")
    outcome = call("info")
    assert outcome.code == 0
    assert "PROBLEM" in outcome.out
    shutil.rmtree(copied_models)
    outcome = call("info")
    assert outcome.code == 0
    assert "PROBLEM" in outcome.out


def test_info_says_what_a_bug_report_needs(call):
    outcome = call("info", "--json")
    facts = json.loads(outcome.out)
    assert outcome.code == 0
    assert facts["edgevid"] == edgevid.__version__
    assert facts["libraries"]["numpy"] == {"version": np.__version__, "problem": None}
    assert facts["libraries"]["pillow"]["version"] == PIL.__version__
    used = facts["runtime_in_use"]
    assert used["problem"] is None
    assert used["delegated_parts"] >= 0
    assert used["invoke_ms"] > 0
    assert {"name": "exercises10", "problem": None} in facts["models"]
    assert facts["cpus_usable"] >= 1
    assert facts["cpu"]


@pytest.mark.parametrize("name", ["litert", "tflite-runtime"])
def test_info_with_each_runtime_forced(call, monkeypatch, name):
    monkeypatch.setenv("EDGEVID_RUNTIME", name)
    outcome = call("info")
    assert outcome.code == 0
    (line,) = [line for line in outcome.out.splitlines() if line.startswith("runtime in use")]
    assert f"EDGEVID_RUNTIME={name}" in line
    usable = next(r for r in runtimes() if r.name == name).usable
    assert ("PROBLEM" in line) is not usable
    assert ("XNNPACK:" in outcome.out) is usable


def test_info_asks_for_no_second_runtime(call, monkeypatch):
    there = [runtime for runtime in runtimes() if runtime.usable][:1]
    absent = RuntimeInfo("other", "other-runtime", None, "it is not installed. To mend it: pip install other-runtime")
    monkeypatch.setattr("edgevid.cli.info.runtimes", lambda: [*there, absent])
    lines = call("info").out.splitlines()
    assert "not installed" in {line.partition(":")[2].strip() for line in lines if line.startswith("other:")}


def test_info_with_a_runtime_that_does_not_exist(call, monkeypatch):
    monkeypatch.setenv("EDGEVID_RUNTIME", "none-such")
    outcome = call("info")
    assert outcome.code == 0
    assert "PROBLEM: EDGEVID_RUNTIME='none-such' is not a runtime" in outcome.out


def test_info_with_a_broken_opencv(call, monkeypatch):
    def fail(name: str):
        raise ImportError("libGL.so.1: cannot open shared object file")

    monkeypatch.setattr(info.importlib, "import_module", fail)
    facts = info.collect()
    assert "libGL" in facts["libraries"]["opencv-python-headless"]["problem"]


def test_a_runtime_that_crashes_is_reported(monkeypatch, tmp_path):
    model = tmp_path / "model.tflite"
    assert "No model file" in probe.probe_runtime(model)["problem"]

    def crash(*args, **options):
        return child_process.subprocess.CompletedProcess(args, -signal.SIGSEGV, "", "")

    monkeypatch.setattr(child_process.subprocess, "run", crash)
    assert f"signal {int(signal.SIGSEGV)}" in probe.probe_runtime(model)["problem"]
