"""edgevid.bundles.bundle: each kind of damage is found on opening, and the message names the file and the remedy."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest
from support.videos import moving_frames

import edgevid
from edgevid import BundleError, OptionError, open_bundle
from edgevid.bundles import (
    UNIFORM,
    WINDOWS,
    bundle,
    find_extractor,
    models_folder,
    networks,
    sha256_of,
    shipped_bundles,
)
from edgevid.calibration import Calibration
from edgevid.classifiers import Classifier, RecurrentClassifier, Statistics, StatisticsClassifier
from edgevid.classifiers.ridge import fit_statistics
from edgevid.embedders import Array, CnnEmbedder, Embedder, Embedding, FrameDifference, Window
from edgevid.sampling import Sample, Track

EXTRACTOR = "mobilenet_v2_1.0_224_uint8"
THESIS = "exercises10-thesis"


class Copy:
    """A copy of the thesis's bundle, with its extractor inside, to damage."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(models_folder() / THESIS, folder)
        for suffix in (".tflite", ".json"):
            shutil.copy(models_folder() / (EXTRACTOR + suffix), folder)
        self.card, self.extractor_card = folder / "card.json", folder / f"{EXTRACTOR}.json"
        self.classifier, self.extractor = folder / "classifier.tflite", folder / f"{EXTRACTOR}.tflite"

    def change(self, *keys_and_value: Any, card: str = "card") -> None:
        """``change("sampling", "frames", 24)``: set a field of the card; ``...`` removes it."""
        *keys, last, value = keys_and_value
        path: Path = getattr(self, card)
        whole = entry = json.loads(path.read_text())
        for key in keys:
            entry = entry[key]
        if value is ...:
            del entry[last]
        else:
            entry[last] = value
        path.write_text(json.dumps(whole))


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Copy:
    made = Copy(tmp_path / "mine")
    # otherwise the shipped extractor would replace a damaged one
    for module in (bundle, networks):
        monkeypatch.setattr(module, "models_folder", lambda: tmp_path / "nothing")
    return made


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGE: dict[str, tuple[Callable[[Copy], object], str]] = {
    "no card": (lambda c: c.card.unlink(), r"mine is not a bundle; expected a folder with card\.json"),
    "card is no json": (lambda c: c.card.write_text("{"), r"card\.json cannot be read: .*Copy it again"),
    "card is no text": (lambda c: c.card.write_bytes(b"\xff\xfe\x00"), r"card\.json cannot be read"),
    "card is nested without end": (lambda c: c.card.write_text("[" * 100_000), r"card\.json cannot be read"),
    "card is empty": (lambda c: c.card.write_text(""), r"card\.json cannot be read"),
    "card is a list": (lambda c: c.card.write_text("[]"), r"card\.json is not the card of a bundle"),
    "card of another kind": (lambda c: c.change("kind", "extractor"), r"card\.json is not the card of a bundle"),
    "newer format": (
        lambda c: c.change("format", 3),
        r"card format 3; this version of edgevid reads 1 and 2\. Upgrade",
    ),
    "no format": (lambda c: c.change("format", ...), r"card format None"),
    "no name": (lambda c: c.change("name", ...), "'name' must be a str; got None"),
    "no labels": (lambda c: c.change("labels", ...), "'labels' must be a list"),
    "zero labels": (lambda c: c.change("labels", []), "'labels' must be different, non-empty strings"),
    "empty label": (lambda c: c.change("labels", 3, ""), "'labels' must be different, non-empty strings"),
    "label twice": (lambda c: c.change("labels", 3, "Lunges"), "'labels' must be different, non-empty strings"),
    "label is a number": (lambda c: c.change("labels", 3, 7), "'labels' must be different, non-empty strings"),
    "labels is a string": (lambda c: c.change("labels", "Lunges"), "'labels' must be a list"),
    "no sampling": (lambda c: c.change("sampling", ...), "'sampling' must be a dict"),
    "unknown pictures": (
        lambda c: c.change("sampling", "pictures", ["frame", "difference"]),
        r"made of \['frame', 'difference'\]; expected \['frame'\]",
    ),
    "window 0": (
        lambda c: c.change("sampling", "window_seconds", 0),
        r"'window_seconds' must be a number from 0\.001 to 86400; got 0",
    ),
    "window -1": (lambda c: c.change("sampling", "window_seconds", -1), "'window_seconds' must be .* got -1"),
    "window nan": (
        lambda c: c.change("sampling", "window_seconds", float("nan")),
        "'window_seconds' must be .* got nan",
    ),
    "window infinite": (
        lambda c: c.change("sampling", "window_seconds", float("inf")),
        "'window_seconds' must be .* got inf",
    ),
    "window text": (lambda c: c.change("sampling", "window_seconds", "5"), "'window_seconds' must be .* got '5'"),
    "window true": (lambda c: c.change("sampling", "window_seconds", True), "'window_seconds' must be .* got True"),
    "no window": (lambda c: c.change("sampling", "window_seconds", ...), "'window_seconds' must be .* got None"),
    "frames 0": (lambda c: c.change("sampling", "frames", 0), "'samples' must be a number from 1 to 10000; got 0"),
    "frames 25.5": (
        lambda c: c.change("sampling", "frames", 25.5),
        "'samples' must be a whole number above 0; got 25.5",
    ),
    "no classifier": (lambda c: c.change("classifier", ...), "'classifier' must be a dict"),
    "classifier missing": (
        lambda c: c.classifier.unlink(),
        r"names classifier\.tflite, which is missing; copy the whole",
    ),
    "classifier flipped": (lambda c: flip_a_byte(c.classifier), r"classifier\.tflite is damaged or was replaced"),
    "classifier cut": (lambda c: c.classifier.write_bytes(b"x"), r"classifier\.tflite is damaged.*Copy it again"),
    "classifier in parent": (
        lambda c: c.change("classifier", "file", "../mine/classifier.tflite"),
        r"'file' must be a file name without folders; got '\.\./mine/classifier\.tflite'",
    ),
    "classifier elsewhere": (
        lambda c: c.change("classifier", "file", "/etc/passwd"),
        "must be a file name without folders",
    ),
    "classifier is a folder": (lambda c: c.change("classifier", "file", ".."), "which is missing"),
    "no checksum": (lambda c: c.change("classifier", "sha256", ...), "'sha256' must be a str"),
    "calibration is a number": (lambda c: c.change("calibration", 1.5), "'calibration' must be a dict; got 1.5"),
    "temperature 0": (
        lambda c: c.change("calibration", {"temperature": 0, "unknown_threshold": 0.5}),
        r"'calibration' is wrong: temperature=0 was given; expected a number from 0\.05 to 20\. .*or remove the field",
    ),
    "no threshold": (
        lambda c: c.change("calibration", {"temperature": 1.5}),
        "'calibration' is wrong: unknown_threshold=None was given",
    ),
    "no extractor": (lambda c: c.change("extractor", ...), "'extractor' must be a dict"),
    "extractor missing": (
        lambda c: c.extractor.unlink(),
        rf"{EXTRACTOR}, SHA-256 \w+\.\.\., which is not here.*Copy that",
    ),
    "extractor card missing": (lambda c: c.extractor_card.unlink(), r"which is not here \(found: none\).*Copy that"),
    "extractor card is no json": (lambda c: c.extractor_card.write_text("{"), rf"{EXTRACTOR}\.json cannot be read"),
    "extractor flipped": (lambda c: flip_a_byte(c.extractor), rf"{EXTRACTOR}\.tflite is damaged or was replaced"),
    "another extractor": (
        lambda c: c.change("extractor", "sha256", "0" * 64),
        rf"trained with the extractor {EXTRACTOR}, SHA-256 000000000000\.\.\., which is not here \(found: {EXTRACTOR} ",
    ),
    "extractor in parent": (
        lambda c: c.change("file", f"../mine/{EXTRACTOR}.tflite", card="extractor_card"),
        "'file' must be a file name without folders",
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_found_and_the_message_helps(copy: Copy, kind: str):
    open_bundle(copy.folder)  # whole so far
    damage, message = DAMAGE[kind]
    damage(copy)
    with pytest.raises(BundleError, match=message) as caught:
        open_bundle(copy.folder)
    assert str(copy.folder) in str(caught.value)


@pytest.mark.parametrize("labels", [9, 11])
def test_labels_that_do_not_match_the_output_are_found_on_loading(copy: Copy, labels: int):
    copy.change("labels", [f"action {i}" for i in range(labels)])
    with pytest.raises(
        BundleError, match=rf"mine names {labels} labels, but its classifier has 10 outputs; restore the card"
    ):
        edgevid.load(copy.folder, num_threads=1)


def test_of_a_bundle_with_none_the_labels_and_one_more_are_counted(tmp_path: Path):
    folder = shutil.copytree(models_folder() / "exercises10-motion", tmp_path / "mine")
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, "none": False}))
    with pytest.raises(BundleError, match=r"mine names 10 labels, but its classifier has 11 outputs; restore the card"):
        edgevid.load(folder, num_threads=1)
    (folder / "card.json").write_text(json.dumps({**card, "labels": card["labels"][1:]}))
    with pytest.raises(BundleError, match="mine names 9 labels and none, but its classifier has 11 outputs"):
        edgevid.load(folder, num_threads=1)


def test_damage_of_any_file_of_the_default_bundle_is_found(tmp_path: Path):
    folder = shutil.copytree(models_folder() / "exercises10", tmp_path / "mine")
    for file in open_bundle(folder).classifier.files:
        whole = file.read_bytes()
        flip_a_byte(file)
        with pytest.raises(BundleError, match=f"{file.name} is damaged or was replaced"):
            open_bundle(folder)
        file.write_bytes(whole)
    assert open_bundle(folder).name == "exercises10"


def test_classifier_for_other_embeddings_is_found_on_loading(copy: Copy, monkeypatch: pytest.MonkeyPatch):
    real = edgevid.loading.open_classifier

    def of_another_network(*given: Any, **options: Any) -> Any:
        classifier = real(*given, **options)
        classifier.dim = 2048
        return classifier

    monkeypatch.setattr(edgevid.loading, "open_classifier", of_another_network)
    with pytest.raises(
        BundleError, match=r"classifier for \[25, 2048\] embeddings; .* give \[25, 1280\].*Train it again"
    ):
        edgevid.load(copy.folder, num_threads=1)


def test_networks_in_each_others_place_are_found_on_loading(copy: Copy):
    shutil.copy(copy.extractor, copy.classifier)
    copy.change("classifier", "sha256", sha256_of(copy.classifier))
    with pytest.raises(edgevid.ModelError, match="a classifier takes one float32"):
        edgevid.load(copy.folder, num_threads=1)


def test_bundle_opens_by_folder_card_string_and_relative_path(copy: Copy, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(copy.folder.parent)
    for where in (copy.folder, str(copy.folder), copy.card, "mine", "mine/card.json", Path("mine")):
        opened = open_bundle(where)
        assert opened.name == THESIS
        assert opened.classifier.files[0].samefile(copy.classifier)
        assert opened.networks[0].path.samefile(copy.extractor)


def test_calibration_is_the_cards_or_changes_nothing(copy: Copy):
    copy.change("calibration", {"temperature": 1.5, "unknown_threshold": 0.25, "note": "and more"})
    assert open_bundle(copy.folder).calibration == Calibration(1.5, 0.25)
    copy.change("calibration", ...)
    assert open_bundle(copy.folder).calibration == Calibration()


def test_other_json_files_beside_the_card_do_no_harm(copy: Copy):
    (copy.folder / "evaluation.json").write_text('{"accuracy": 0.9}')
    (copy.folder / "broken.json").write_text("{")
    assert open_bundle(copy.folder).networks[0].name == EXTRACTOR


def test_bundle_without_its_own_extractor_uses_the_shipped_one(tmp_path: Path):
    mine = Copy(tmp_path / "mine")
    mine.extractor.unlink()
    mine.extractor_card.unlink()
    assert open_bundle(mine.folder).networks[0].path == models_folder() / f"{EXTRACTOR}.tflite"


@pytest.mark.parametrize("name", ["nothing", "no/such/folder", "x" * 300, "a\0b"])
def test_missing_bundle_names_what_there_is(name: str):
    with pytest.raises(BundleError, match=r"No bundle .*give the path of a bundle's folder.*exercises10"):
        open_bundle(name)


@pytest.mark.parametrize("name", [b"", 5, None])
def test_what_is_no_path_is_no_bundle(name: object):
    with pytest.raises(OptionError, match=r"bundle=.* was given; expected a path"):
        open_bundle(name)


def test_folder_or_file_that_is_no_bundle_says_what_one_is(tmp_path: Path):
    (tmp_path / "model.tflite").write_bytes(b"x")
    for where in (tmp_path, tmp_path / "model.tflite"):
        with pytest.raises(BundleError, match=r"is not a bundle; expected a folder with card\.json"):
            open_bundle(where)


class TestShipped:
    def test_default_bundle_is_there_and_whole(self):
        opened = open_bundle()
        assert opened.name == "exercises10"
        assert "exercises10" in shipped_bundles()
        assert (len(opened.labels), opened.num_samples) == (10, 25)
        assert opened.labels == tuple(sorted(opened.labels))
        assert 1 < opened.window_seconds < 20
        assert opened.clips == WINDOWS
        assert opened.min_filled == pytest.approx(10 / 25)
        assert opened.none is True
        assert [network.name for network in opened.networks] == ["mobilenet_v2_1.0_160_block13_uint8"]
        assert len(opened.embedders) == 3
        kinds = {part.kind for part in opened.classifier.parts} or {opened.classifier.kind}
        assert "statistics" in kinds

    def test_the_thesis_is_there_and_whole(self):
        opened = open_bundle(THESIS)
        assert (len(opened.labels), opened.num_samples, opened.clips) == (10, 25, UNIFORM)
        assert opened.classifier.kind == "recurrent"
        assert (opened.min_filled, opened.none) == (1.0, False)
        assert [network.name for network in opened.networks] == [EXTRACTOR]

    def test_all_know_the_same_actions(self):
        assert shipped_bundles() == ["exercises10", "exercises10-light", "exercises10-motion", THESIS]
        assert len({open_bundle(name).labels for name in shipped_bundles()}) == 1
        for name in shipped_bundles():
            opened = open_bundle(name)
            assert opened.none is (name != THESIS)
            assert opened.calibration.unknown_threshold > 0

    def test_opened_bundle_cannot_be_changed(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            open_bundle().labels = ()

    def test_shipped_files_are_as_small_as_promised(self):
        files = [path for path in models_folder().rglob("*") if path.suffix == ".tflite"]
        assert len(files) >= 2
        assert max(path.stat().st_size for path in files) < 15e6

    def test_extractor_is_found_by_name(self):
        assert find_extractor(EXTRACTOR).path.is_file()
        with pytest.raises(BundleError, match=f"No extractor 'other'.*there are: .*{EXTRACTOR}"):
            find_extractor("other")

    def test_prediction_carries_the_bundles_labels(self, recognizer: edgevid.Recognizer):
        assert recognizer.labels == open_bundle().labels
        assert isinstance(recognizer.bundle, edgevid.Bundle)


# --- format 2


def in_format_2(copy: Copy, embedders: list[dict[str, Any]], classifier: dict[str, Any], samples: int = 25) -> None:
    """Rewrite the card as format 2."""
    card = json.loads(copy.card.read_text())
    for field in ("extractor", "sampling", "classifier", "calibration"):
        card.pop(field, None)
    file = copy.folder / classifier.get("file", "classifier.tflite")
    copy.card.write_text(
        json.dumps(
            {
                **card,
                "format": 2,
                "sampling": {"samples": samples, "window_seconds": 5.0},
                "embedders": embedders,
                "classifier": {"file": file.name, "sha256": sha256_of(file), **classifier},
            }
        )
    )


def network_of(copy: Copy) -> dict[str, str]:
    return {"name": EXTRACTOR, "sha256": sha256_of(copy.extractor)}


def frame(copy: Copy) -> dict[str, Any]:
    return {"kind": "cnn", "network": network_of(copy)}


def difference(copy: Copy) -> dict[str, Any]:
    return {"kind": "frame-difference", "network": network_of(copy), "seconds": 0.2, "gain": 3.0}


def write_statistics(copy: Copy, dims: list[int], num_samples: int = 25) -> dict[str, Any]:
    """A classifier of statistics for embedders of these dims, fitted on noise; its entry of the card."""
    random = np.random.default_rng(0)
    windows = [
        Window([Embedding(tuple(random.random((1, dim), np.float32) for dim in dims)) for _ in range(num_samples)])
        for _ in range(30)
    ]
    classifier = fit_statistics(windows, [k % 10 for k in range(30)], [Statistics(("mean", "std"))] * len(dims))
    classifier.save(copy.folder / "classifier.npz")
    return {"kind": "statistics", "file": "classifier.npz"}


class Brightness(Embedder):
    """A caller's own embedder."""

    dim = 2

    def __init__(self, scale: float = 1.0, rate: Any = None) -> None:
        self.scale, self.samples_per_second = scale, rate

    @property
    def identity(self) -> dict[str, Any]:
        return {"kind": "brightness", "scale": self.scale}

    def embed(self, sample: Sample) -> Array:
        frame = sample.frames[-1]
        return np.array([frame.mean(), frame.std()], np.float32) * np.float32(self.scale)


class TestFormat2:
    def test_the_same_bundle_gives_the_same(self, copy: Copy, recognizer: edgevid.Recognizer):
        in_format_2(copy, [frame(copy)], {"kind": "recurrent"})
        clip = moving_frames(3)
        with edgevid.load(copy.folder, num_threads=1) as opened:
            assert isinstance(opened.classifier, RecurrentClassifier)
            opened.classifier.temperature = recognizer.classifier.temperature
            np.testing.assert_array_equal(opened.classify(clip).probabilities, recognizer.classify(clip).probabilities)

    def test_two_embedders_on_one_network(self, copy: Copy):
        in_format_2(copy, [frame(copy), difference(copy)], write_statistics(copy, [1280, 1280]))
        assert len(open_bundle(copy.folder).networks) == 1
        with edgevid.load(copy.folder, num_threads=1) as opened:
            first, second = opened.embedders
            assert isinstance(first, CnnEmbedder)
            assert isinstance(second, FrameDifference)
            assert (second.seconds, second.gain) == (0.2, 3.0)
            assert opened.spec.tracks == (Track(), Track((-0.2, 0.0)))
            assert isinstance(opened.classifier, StatisticsClassifier)
            assert opened.classify(moving_frames(3)).probabilities.sum() == pytest.approx(1, abs=1e-5)
            stream = opened.open_stream()
            predictions = [stream.push(picture, k * 0.1) for k, picture in enumerate(moving_frames(52, 64, 48))]
            assert sum(prediction is not None for prediction in predictions) == 2

    def test_own_embedder_must_be_given(self, copy: Copy):
        entry = {"kind": "brightness", "scale": 1.0}
        in_format_2(copy, [entry], write_statistics(copy, [2]))
        with pytest.raises(
            BundleError,
            match=r"an embedder 'brightness', which is not part of edgevid; give it: edgevid\.load\(bundle, embedders=\[",
        ):
            edgevid.load(copy.folder, num_threads=1)
        with pytest.raises(BundleError, match=r"'scale': 2\.0\}; the bundle was trained with .*'scale': 1\.0\}"):
            edgevid.load(copy.folder, num_threads=1, embedders=[Brightness(2.0)])
        own = Brightness()
        with edgevid.load(copy.folder, num_threads=1, embedders=[own]) as opened:
            assert opened.embedders == (own,)
            assert opened.classify(moving_frames(3)).label in opened.labels

    def test_own_embedder_beside_one_of_edgevid(self, copy: Copy):
        entries = [{"kind": "brightness", "scale": 1.0}, frame(copy)]
        in_format_2(copy, entries, write_statistics(copy, [2, 1280]))
        with edgevid.load(copy.folder, num_threads=1, embedders=[Brightness(rate=12.5)]) as opened:
            assert [embedder.dim for embedder in opened.embedders] == [2, 1280]
            assert opened.classify(moving_frames(3)).label in opened.labels

    def test_own_embedders_that_cannot_be_used_stay_open(self, copy: Copy):
        class Closing(Brightness):
            closed = False

            def close(self) -> None:
                self.closed = True

        in_format_2(copy, [{"kind": "brightness", "scale": 1.0}], {"kind": "recurrent"})
        own = Closing()
        with pytest.raises(BundleError, match="Train it again"):
            edgevid.load(copy.folder, num_threads=1, embedders=[own])
        assert not own.closed

    def test_own_classifier_in_place_of_the_bundles(self, copy: Copy):
        class Even(Classifier):
            num_samples, num_classes = 25, 10

            def predict(self, window: Window) -> Array:
                return np.full(10, 0.1, np.float32)

        in_format_2(copy, [frame(copy)], {"kind": "of another world"})
        with pytest.raises(
            BundleError, match=r"classifier of kind 'of another world'; this edgevid knows recurrent, .*Upgrade"
        ):
            edgevid.load(copy.folder, num_threads=1)
        with edgevid.load(copy.folder, num_threads=1, classifier=Even()) as opened:
            assert opened.classify(moving_frames(1)).score == pytest.approx(0.1)

    @pytest.mark.parametrize("kind", ["windows", "statistics"])
    def test_a_kind_that_is_not_the_files(self, copy: Copy, kind: str):
        in_format_2(copy, [frame(copy)], {"kind": kind})
        error = {
            "windows": "is not the 'windows' network that the card",
            "statistics": "is not a statistics classifier",
        }
        with pytest.raises((BundleError, edgevid.ModelError), match=error[kind]):
            edgevid.load(copy.folder, num_threads=1)

    @pytest.mark.parametrize(
        ("embedders", "message"),
        [
            ([], "'embedders' is empty"),
            (["cnn"], "an entry of 'embedders' must be a dict"),
            ([{}], "'kind' must be a str"),
            ([{"kind": "cnn", "network": "mobilenet"}], "'network' must be a dict"),
            ([{"kind": "cnn", "network": {"name": "x", "sha256": "0" * 64}}], "which is not here"),
        ],
    )
    def test_damage(self, copy: Copy, embedders: list[Any], message: str):
        in_format_2(copy, embedders, {"kind": "recurrent"})
        with pytest.raises(BundleError, match=message):
            open_bundle(copy.folder)

    def test_a_cnn_without_its_network(self, copy: Copy):
        in_format_2(copy, [{"kind": "cnn"}], {"kind": "recurrent"})
        with pytest.raises(BundleError, match="'cnn' without its network"):
            edgevid.load(copy.folder, num_threads=1)

    def test_another_number_of_samples_than_the_classifiers(self, copy: Copy):
        in_format_2(copy, [frame(copy)], write_statistics(copy, [1280], num_samples=10))
        with pytest.raises(BundleError, match=r"classifier for \[10, None\].*give \[25, 1280\]"):
            edgevid.load(copy.folder, num_threads=1)


class TestFormat1:
    def test_it_reads_as_format_2(self):
        opened = open_bundle(THESIS)
        assert opened.card["format"] == 1
        assert (opened.num_samples, opened.classifier.kind) == (25, "recurrent")
        (entry,) = opened.embedders
        assert entry.identity == {"kind": "cnn", "network": opened.networks[0].sha256}

    def test_a_single_frame_network_is_one_of_windows(self, copy: Copy):
        copy.change("format", 1)
        copy.change("classifier", "architecture", "single-frame")
        assert open_bundle(copy.folder).classifier.kind == "windows"
        with pytest.raises(BundleError, match="is not the 'windows' network"):
            edgevid.load(copy.folder, num_threads=1)
