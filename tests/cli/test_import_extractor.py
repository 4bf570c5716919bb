"""``edgevid import-extractor``: the files that it writes, and where edgevid finds them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_truncation import tiny_classifier, truncated_at_default

from edgevid.bundles import (
    find_extractor,
    open_bundle,
    sha256_of,
    user_bundles,
    user_extractors,
    user_models_folder,
)
from edgevid.cli import main
from edgevid.embedders import CnnEmbedder
from edgevid.errors import BundleError, RuntimeNotAvailableError
from edgevid.tflite.interpreter import TfliteModel, tflite_schema

SHIPPED = "mobilenet_v2_1.0_224_uint8"


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's models folder, not there yet."""
    folder = tmp_path / "my models"
    monkeypatch.setenv("EDGEVID_MODELS", str(folder))
    return folder


@pytest.fixture
def classifier(tmp_path: Path, schema: Any) -> Path:
    path = tmp_path / "tiny.tflite"
    path.write_bytes(tiny_classifier(schema))
    return path


def test_two_files_that_edgevid_opens(models: Path, classifier: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import-extractor", str(classifier), "--name", "mine", "--licence", "MIT"]) == 0
    assert sorted(path.name for path in models.iterdir()) == ["mine.json", "mine.tflite"]
    network = models / "mine.tflite"
    card = json.loads((models / "mine.json").read_text(encoding="utf-8"))
    assert card.pop("edgevid_version")
    assert card == {
        "format": 1,
        "kind": "extractor",
        "name": "mine",
        "file": "mine.tflite",
        "bytes": network.stat().st_size,
        "sha256": sha256_of(network),
        "licence": "MIT",
        "input": {"shape": [1, 16, 12, 3], "dtype": "uint8", "colour": "RGB", "resize": "Pillow bilinear"},
        "feature_map": {
            "shape": [1, 8, 6, 5], "dtype": "uint8", "scale": pytest.approx(0.05), "zero_point": 128,
            "tensor": "map;map/conv",
        },
        "embedding": {"dim": 5, "formula": "mean over the h * w positions, in float32, divided by 255"},
        "source": {
            "file": "tiny.tflite", "bytes": classifier.stat().st_size, "sha256": sha256_of(classifier),
        },
        "command": "edgevid import-extractor tiny.tflite --name mine",
    }  # fmt: skip
    out = capsys.readouterr().out
    assert "8x6x5 uint8" in out
    assert str(network) in out
    assert str(models / "mine.json") in out

    found = find_extractor("mine")
    assert (found.path, found.sha256, found.card["licence"]) == (network, card["sha256"], "MIT")
    frame = np.random.default_rng(0).integers(0, 256, (16, 12, 3), dtype=np.uint8)
    extractor = CnnEmbedder(found.path, num_threads=1)
    feature_map = TfliteModel(network, num_threads=1).run(frame[np.newaxis])[0]
    np.testing.assert_allclose(extractor.embed_picture(frame), feature_map.mean(axis=(0, 1, 2)) / 255, rtol=1e-5)


def test_official_classifier_becomes_an_extractor(models: Path, schema: Any, shared: Path) -> None:
    file = shared / "models" / "mobilenet_v2_1.0_224_quant.tflite"
    assert main(["import-extractor", str(file)]) == 0
    found = find_extractor("mobilenet_v2_1.0_224_quant")
    assert found.card["source"]["sha256"] == "7aad0c74c5e3c06e5eb3c827e13304fdd68a83da6087d92ee169c24ff9fd4776"
    assert found.card["bytes"] < 2.31e6
    assert found.card["licence"] == "unknown: see the source file"
    embedding = CnnEmbedder(found.path, num_threads=1).embed_picture(np.full((240, 320, 3), 90, np.uint8))
    assert embedding.shape == (1280,)
    assert 0 <= embedding.min() < embedding.max() <= 1


def test_the_shipped_extractor_cut_earlier(models: Path, schema: Any, repository: Path) -> None:
    file = repository / "models" / f"{SHIPPED}.tflite"
    assert main(["import-extractor", str(file), "--name", "earlier", "--tensor", "165"]) == 0
    card = find_extractor("earlier").card
    assert card["feature_map"]["shape"] == [1, 7, 7, 960]
    assert card["feature_map"]["dtype"] == "uint8"
    assert card["command"] == f"edgevid import-extractor {SHIPPED}.tflite --name earlier --tensor 165"
    assert CnnEmbedder(models / "earlier.tflite", num_threads=1).dim == 960


def test_the_shipped_extractor_for_smaller_pictures(models: Path, schema: Any, repository: Path) -> None:
    file = repository / "models" / f"{SHIPPED}.tflite"
    assert main(["import-extractor", str(file), "--name", "smaller", "--tensor", "153", "--size", "96"]) == 0
    card = find_extractor("smaller").card
    assert (card["input"]["shape"], card["feature_map"]["shape"]) == ([1, 96, 96, 3], [1, 6, 6, 576])
    assert card["command"] == f"edgevid import-extractor {SHIPPED}.tflite --name smaller --tensor 153 --size 96"
    assert main(["import-extractor", str(file), "--name", "whole", "--tensor", "153"]) == 0
    pixels = np.random.default_rng(0).integers(0, 256, (1, 96, 96, 3), dtype=np.uint8)
    small, whole = (TfliteModel(models / f"{name}.tflite", num_threads=1) for name in ("smaller", "whole"))
    # the same network: a runtime that may change the size of the picture gives the same numbers
    if whole.runtime.name == "litert":
        interpreter = whole._interpreter
        interpreter.resize_tensor_input(whole.inputs[0].index, [1, 96, 96, 3])
        interpreter.allocate_tensors()
        interpreter.set_tensor(whole.inputs[0].index, pixels)
        interpreter.invoke()
        np.testing.assert_array_equal(small.run(pixels)[0], interpreter.get_tensor(whole.outputs[0].index))


@pytest.mark.parametrize("size", ["100", "31", "99999968"])
def test_sizes_that_do_not_fit(models: Path, repository: Path, size: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = repository / "models" / f"{SHIPPED}.tflite"
    assert main(["import-extractor", str(file), "--name", "smaller", "--size", size]) == 2
    assert "size=" in capsys.readouterr().err
    assert not list(models.glob("smaller*"))


def test_float_networks_have_a_range_on_their_card(models: Path, tmp_path: Path, schema: Any) -> None:
    file = tmp_path / "float.tflite"
    file.write_bytes(tiny_classifier(schema, "float32"))
    assert main(["import-extractor", str(file)]) == 0
    assert main(["import-extractor", str(file), "--name", "other", "--input-range", "0", "1"]) == 0
    card, other = find_extractor("float").card, find_extractor("other").card
    assert (card["input"]["dtype"], card["input"]["range"]) == ("float32", [-1, 1])
    assert other["input"]["range"] == [0, 1]
    assert other["command"].endswith("--input-range 0 1")
    assert card["feature_map"]["dtype"] == "float32"
    assert card["feature_map"]["scale"] is card["feature_map"]["zero_point"] is None
    assert card["embedding"]["formula"] == "mean over the h * w positions, in float32"


def test_int8_networks_become_uint8_ones(models: Path, tmp_path: Path, schema: Any) -> None:
    file = tmp_path / "int8.tflite"
    file.write_bytes(tiny_classifier(schema, "int8"))
    assert main(["import-extractor", str(file)]) == 0
    card = find_extractor("int8").card
    assert (card["input"]["dtype"], card["feature_map"]["dtype"]) == ("uint8", "uint8")
    assert card["feature_map"]["zero_point"] == 128
    assert CnnEmbedder(models / "int8.tflite", num_threads=1).dim == 5


def test_list(models: Path, classifier: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import-extractor", str(classifier), "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1:] for line in lines] == [
        ["uint8", "[1,", "16,", "12,", "3]", "picture"],
        ["uint8", "[1,", "8,", "6,", "7]", "first"],
        ["uint8", "[1,", "8,", "6,", "5]", "map;map/conv", "(default)"],
    ]
    assert int(lines[1].split()[0]) < int(lines[2].split()[0])
    assert not models.exists()


def test_existing_files_are_kept_unless_told_to_overwrite(
    models: Path, classifier: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import-extractor", str(classifier)]) == 0
    before = (models / "tiny.tflite").read_bytes()
    assert main(["import-extractor", str(classifier), "--tensor", "first"]) == 2
    assert "exists; replace it with --overwrite" in capsys.readouterr().err
    assert (models / "tiny.tflite").read_bytes() == before
    assert main(["import-extractor", str(classifier), "--tensor", "first", "--overwrite"]) == 0
    assert (models / "tiny.tflite").read_bytes() != before
    assert find_extractor("tiny").card["embedding"]["dim"] == 7  # found and verified: both files are new


def test_the_source_is_never_replaced(classifier: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = classifier.read_bytes()
    arguments = ["import-extractor", str(classifier), "-o", str(classifier.parent), "--overwrite"]
    assert main(arguments) == 2
    assert "is the file to import itself" in capsys.readouterr().err
    assert classifier.read_bytes() == before
    assert main([*arguments, "--name", "cut"]) == 0


@pytest.mark.parametrize("problem", [RuntimeError("it broke"), KeyboardInterrupt()])
def test_nothing_is_left_of_an_import_that_fails(
    problem: BaseException, models: Path, classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise problem

    monkeypatch.setattr(TfliteModel, "run", fail)
    assert main(["import-extractor", str(classifier)]) != 0
    assert list(models.iterdir()) == []


def test_a_failed_replacement_keeps_the_old_files(
    models: Path, classifier: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import-extractor", str(classifier)]) == 0
    before = {path: path.read_bytes() for path in models.iterdir()}

    def fail(*_: Any) -> None:
        raise RuntimeError("it broke")

    monkeypatch.setattr(TfliteModel, "run", fail)
    assert main(["import-extractor", str(classifier), "--force", "--tensor", "first"]) == 1
    assert "does not run, so nothing was written. it broke" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in models.iterdir()} == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--name", "../x"], "The name '../x' cannot be used"),
        (["--name", ""], "The name '' cannot be used"),
        (["--name", ".hidden"], "cannot be used"),
        (["--name", "card"], "and not 'card'"),
        (["--name", SHIPPED], "that of an extractor that came with edgevid"),
        (["--input-range", "0", "1"], "--input-range is for float32 inputs; this one is uint8"),
        (["--tensor", "nothing"], "'nothing' is the name of 0 of its spatial tensors"),
        (["-o", "FILE"], "Cannot write to"),
    ],
)
def test_wrong_options(
    options: list[str], message: str, models: Path, classifier: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(classifier) if option == "FILE" else option for option in options]
    assert main(["import-extractor", str(classifier), *given]) in (1, 2)
    assert message in capsys.readouterr().err
    assert not models.exists()


@pytest.mark.parametrize("numbers", [["1", "0"], ["0", "inf"], ["nan", "1"]])
def test_wrong_ranges(
    numbers: list[str], models: Path, tmp_path: Path, schema: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "float.tflite"
    file.write_bytes(tiny_classifier(schema, "float32"))
    assert main(["import-extractor", str(file), "--input-range", *numbers]) == 2
    assert "expected two numbers, the lower one first" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "message"), [("absent.tflite", "cannot be read"), ("text.tflite", "is not a TFLite model"), (".", "read")]
)
def test_wrong_files(
    name: str, message: str, models: Path, tmp_path: Path, schema: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.tflite").write_text("<html>404 Not Found</html>", encoding="utf-8")
    assert main(["import-extractor", str(tmp_path / name)]) == 1
    assert message in capsys.readouterr().err
    assert not models.exists()


def test_without_litert(models: Path, tmp_path: Path, repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        tflite_schema()
    except RuntimeNotAvailableError:
        assert main(["import-extractor", str(repository / "models" / f"{SHIPPED}.tflite"), "--name", "x"]) == 1
        assert "64-bit machine and copy the two files" in capsys.readouterr().err
    else:
        pytest.skip("ai-edge-litert is installed")


# Where edgevid looks for models. These need no LiteRT: the files only have to be there.


def write_extractor(folder: Path, name: str, content: bytes = b"network") -> str:
    """An extractor's two files in ``folder``; its SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.tflite").write_bytes(content)
    sha256 = sha256_of(folder / f"{name}.tflite")
    card = {"format": 1, "kind": "extractor", "name": name, "file": f"{name}.tflite", "sha256": sha256}
    (folder / f"{name}.json").write_text(json.dumps(card), encoding="utf-8")
    return sha256


def write_bundle(folder: Path, extractor: str, sha256: str) -> None:
    folder.mkdir(parents=True)
    (folder / "classifier.tflite").write_bytes(b"classifier")
    card = {
        "format": 1, "kind": "bundle", "name": folder.name, "labels": ["a", "b"],
        "sampling": {"pictures": ["frame"], "window_seconds": 5, "frames": 25},
        "classifier": {"file": "classifier.tflite", "sha256": sha256_of(folder / "classifier.tflite")},
        "extractor": {"name": extractor, "sha256": sha256},
    }  # fmt: skip
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")


def test_a_bundle_finds_its_extractor_in_the_users_folder(models: Path, tmp_path: Path) -> None:
    sha256 = write_extractor(models, "mine")
    write_bundle(tmp_path / "actions", "mine", sha256)
    assert open_bundle(tmp_path / "actions").networks[0].path == models / "mine.tflite"


def test_a_bundle_in_the_users_folder_is_found_by_name(models: Path) -> None:
    write_bundle(models / "actions", "mine", write_extractor(models, "mine"))
    assert user_bundles() == ["actions"]
    assert open_bundle("actions").folder == models / "actions"
    with pytest.raises(BundleError, match=r"No bundle 'other'.*actions"):
        open_bundle("other")


def test_nothing_in_the_users_folder_breaks_what_ships(models: Path, tmp_path: Path, repository: Path) -> None:
    models.mkdir()
    for name, text in (("a", "{"), ("b", "[]"), ("c", '{"format": 1, "kind": "extractor"}')):
        (models / f"{name}.json").write_text(text, encoding="utf-8")
        (models / f"{name}.tflite").write_bytes(b"")
    # a damaged copy of the shipped extractor, under its name and with its card
    shutil.copy(repository / "models" / f"{SHIPPED}.json", models)
    (models / f"{SHIPPED}.tflite").write_bytes(b"damaged")
    write_extractor(models, "mine")

    shipped = find_extractor()
    assert shipped.path.parent != models
    assert find_extractor(SHIPPED).path.parent != models
    write_bundle(tmp_path / "actions", shipped.name, shipped.sha256)
    assert open_bundle(tmp_path / "actions").networks[0].path == shipped.path
    assert find_extractor("mine").path == models / "mine.tflite"
    assert sorted(e.name for e in user_extractors()) == sorted([SHIPPED, "mine"])


def test_a_damaged_import_is_refused(models: Path) -> None:
    write_extractor(models, "mine")
    (models / "mine.tflite").write_bytes(b"other")
    with pytest.raises(BundleError, match="damaged or was replaced"):
        find_extractor("mine")


def test_unknown_extractors(models: Path) -> None:
    write_extractor(models, "mine")
    with pytest.raises(BundleError, match=rf"No extractor 'yours'; there are: .*{SHIPPED}.*mine.*import-extractor"):
        find_extractor("yours")


@pytest.mark.parametrize(
    ("platform", "variables", "folder"),
    [
        ("linux", {}, "home/.local/share/edgevid/models"),
        ("linux", {"XDG_DATA_HOME": "data"}, "data/edgevid/models"),
        ("darwin", {}, "home/Library/Application Support/edgevid/models"),
        ("win32", {"LOCALAPPDATA": "local"}, "local/edgevid/models"),
        ("win32", {}, "home/AppData/Local/edgevid/models"),
        ("linux", {"XDG_DATA_HOME": "data", "EDGEVID_MODELS": "chosen"}, "chosen"),
        ("linux", {"EDGEVID_MODELS": ""}, "home/.local/share/edgevid/models"),
    ],
)
def test_the_users_folder(
    platform: str, variables: dict[str, str], folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    for name in ("EDGEVID_MODELS", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, str(tmp_path / value) if value else "")
    assert user_models_folder() == tmp_path / folder


def test_help_needs_no_runtime(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["import-extractor", "--help"])
    assert "--tensor NAME_OR_INDEX" in capsys.readouterr().out


def test_a_cut_network_is_imported_as_it_is(models: Path, classifier: Path, tmp_path: Path) -> None:
    """The last feature map may be the output already."""
    file = tmp_path / "cut.tflite"
    file.write_bytes(truncated_at_default(classifier.read_bytes(), "tiny"))
    assert main(["import-extractor", str(file)]) == 0
    assert main(["import-extractor", str(classifier)]) == 0
    assert (models / "cut.tflite").read_bytes() == (models / "tiny.tflite").read_bytes()
