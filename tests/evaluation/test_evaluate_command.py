"""``edgevid evaluate``, from clips on disk to a report."""

from __future__ import annotations

import csv
import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from support.videos import moving_frames

import edgevid
from edgevid.cli import main
from edgevid.datasets.clips import Clip
from edgevid.datasets.reading import open_dataset
from edgevid.datasets.taught import FIELD, seen_entry, sha256s
from edgevid.evaluation import evaluate
from edgevid.evaluation.significance import Bootstrap

pytest.importorskip("sklearn", reason="evaluation needs the extra: pip install 'edgevid[evaluate]'")
pytest.importorskip("matplotlib", reason="evaluation needs the extra: pip install 'edgevid[evaluate]'")

THESIS = "exercises10-thesis"
LABELS = ["JumpRope", "PullUps", "WallPushups"]
QUICK = ["--bootstrap", "50", "--threads", "1"]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Six test clips of three classes, two groups each; one more clip, which is broken; and a training clip per class."""
    from support.videos import write_video

    root = tmp_path_factory.mktemp("evaluate") / "clips"
    lines = ["path,label,group,split"]
    for i, label in enumerate(LABELS):
        (root / label).mkdir(parents=True)
        for number in range(3):
            write_video(root / label / f"{number}.mp4", moving_frames(4, seed=10 * i + number), 4.0)
            lines.append(f"{label}/{number}.mp4,{label},{number},{'train' if number == 2 else 'test'}")
    (root / "JumpRope" / "broken.mp4").write_bytes(b"this is no video")
    lines.append("JumpRope/broken.mp4,JumpRope,9,test")
    (root / "clips.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture(scope="module")
def evaluated(data, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("out") / "evaluation"
    options = ["-o", str(output), "--streaming", "--classes", "PullUps,JumpRope"]
    assert main(["evaluate", THESIS, str(data), *options, *QUICK]) == 0
    return output


@pytest.fixture(scope="module")
def metrics(evaluated) -> dict:
    return json.loads((evaluated / "metrics.json").read_text(encoding="utf-8"))


def test_what_is_evaluated_is_what_classify_says(data, evaluated, recognizer):
    with (evaluated / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [f"{label}/{i}.mp4" for label in LABELS for i in range(2)]
    for row in rows:
        prediction = recognizer.classify(data / row["path"])
        assert row["predicted"] == prediction.label
        assert np.float32(row["score"]) == pytest.approx(prediction.score, abs=1e-6)
        assert row["correct"] == str(int(prediction.label == row["label"]))


def test_metrics_say_what_was_measured_on_what(metrics):
    assert metrics["kind"] == "evaluation"
    assert metrics["edgevid_version"] == edgevid.__version__
    assert metrics["bundle"]["name"] == THESIS
    assert metrics["bundle"]["architecture"] == "gru"
    assert metrics["bundle"]["units"] == edgevid.open_bundle(THESIS).card["classifier"]["units"]
    assert metrics["data"]["name"] == "clips"
    assert metrics["data"]["split"] == "test"
    assert (metrics["data"]["clips"], metrics["data"]["groups"]) == (6, 6)
    assert metrics["data"]["ucf101_split_1"] is False
    assert [entry["path"] for entry in metrics["data"]["unreadable"]] == ["JumpRope/broken.mp4"]
    assert metrics["k"] == 3
    assert metrics["accuracy"]["n"] == 6
    confusion = np.array(metrics["confusion"])
    assert confusion.shape == (10, 10)
    assert confusion.sum() == 6
    assert np.trace(confusion) == metrics["accuracy"]["hits"]
    assert metrics["command"] == (
        f"edgevid evaluate {THESIS} clips --split test --streaming --classes PullUps,JumpRope --bootstrap 50"
    )


def test_a_program_has_the_same_figures_without_the_command(data, metrics, recognizer):
    evaluation = evaluate(recognizer, open_dataset(data).clips, data_name="clips", bootstrap=Bootstrap(50))
    assert evaluation.data["split"] == "test"
    assert evaluation.data == metrics["data"]
    assert evaluation.figures.as_dict() == {name: metrics[name] for name in evaluation.figures.as_dict()}
    assert evaluation.streaming is evaluation.outside is None


def test_streams_are_evaluated_prediction_by_prediction(evaluated, metrics):
    streaming = metrics["streaming"]
    with (evaluated / "streaming.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == streaming["predictions"]
    assert {row["path"] for row in rows} == {f"{label}/{i}.mp4" for label in LABELS for i in range(2)}
    assert streaming["clips"] == streaming["clips_shorter_than_window"] == 6  # of one second each
    assert sum(entry["n"] for entry in streaming["by_window_filled"].values()) == len(rows)
    assert streaming["final"]["n"] == 6


def test_the_report_needs_nothing_else_and_names_no_folder(data, evaluated):
    page = (evaluated / "report.html").read_text(encoding="utf-8")
    without_pictures = re.sub(r"data:image/(png|jpeg);base64,[A-Za-z0-9+/=]+", "", page)
    assert page.count("data:image/png;base64,") == 5
    with (evaluated / "predictions.csv").open(newline="", encoding="utf-8") as file:
        wrong = [row for row in csv.DictReader(file) if row["correct"] == "0"]
    pictures = re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", page)
    assert len(pictures) == len(wrong) > 0
    assert all(len(picture) < 20_000 for picture in pictures)
    for row in wrong:
        assert row["path"] in page
    assert not re.search(r"https?:|@import|url\(|<script|<link", without_pictures)
    assert "prefers-color-scheme: dark" in page
    assert "6 test clips of 3 classes" in page
    for name in ("report.html", "report.md", "metrics.json", "predictions.csv", "streaming.csv"):
        content = (evaluated / name).read_text(encoding="utf-8")
        assert str(data.parent) not in content, name
        assert str(evaluated.parent) not in content, name
    markdown = (evaluated / "report.md").read_text(encoding="utf-8")
    for name in re.findall(r"!\[[^]]*\]\(([^)]+)\)", markdown):
        assert (evaluated / name).read_bytes().startswith(b"\x89PNG")


def test_matrices_whole_and_cut(evaluated, metrics):
    def read(name: str) -> list[list[str]]:
        with (evaluated / name).open(newline="", encoding="utf-8") as file:
            return list(csv.reader(file))

    whole = read("confusion.csv")
    assert [[int(cell) for cell in row[1:]] for row in whole[1:]] == metrics["confusion"]
    cut = read("confusion_cut.csv")
    assert cut[0][1:] == ["PullUps", "JumpRope", "(other classes)"]
    assert [sum(map(int, row[1:])) for row in cut[1:]] == [2, 2]
    for row in read("confusion_cut_normalised.csv")[1:]:
        assert sum(map(float, row[1:])) == pytest.approx(1.0, abs=1e-3)
    assert [row[0] for row in read("classes.csv")[1:]] == metrics["labels"]


def test_tables_and_json_without_a_folder(data, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", THESIS, str(data), "--split", "train", "--json", *QUICK]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["data"]["split"] == "train"
    assert main(["evaluate", THESIS, str(data), "--top", "2", *QUICK]) == 0
    text, errors = capsys.readouterr()
    assert "top-2 accuracy" in text
    assert "1 clip(s) cannot be read" in text
    assert "skipped JumpRope/broken.mp4" in errors
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def outside(tmp_path_factory) -> Path:
    """Four clips of two other actions, two groups each, with a split of its own; and one that is broken."""
    from support.videos import write_video

    root = tmp_path_factory.mktemp("outside") / "zoo"
    lines = ["path,label,group,split"]
    for i, label in enumerate(("Archery", "Biking")):
        (root / label).mkdir(parents=True)
        for number in range(2):
            write_video(root / label / f"{number}.mp4", moving_frames(4, seed=50 + 10 * i + number), 4.0)
            lines.append(f"{label}/{number}.mp4,{label},{number},outside")
    (root / "broken.mp4").write_bytes(b"this is no video")
    lines.append("broken.mp4,Biking,9,outside")
    (root / "clips.csv").write_text("\n".join(lines) + "\n")
    return root


def test_clips_of_other_actions(data, outside, tmp_path, capsys):
    bundle = shutil.copytree(edgevid.open_bundle(THESIS).folder, tmp_path / "mine")
    card = json.loads((bundle / "card.json").read_text(encoding="utf-8"))
    with edgevid.load(bundle, num_threads=1) as opened:
        scores = [
            opened.classify(outside / label / f"{i}.mp4").score for label in ("Archery", "Biking") for i in (0, 1)
        ]
    threshold = round((sorted(scores)[1] + sorted(scores)[2]) / 2, 6)
    card["calibration"] = {"temperature": 1.0, **card.get("calibration", {}), "unknown_threshold": threshold}
    (bundle / "card.json").write_text(json.dumps(card), encoding="utf-8")

    output = tmp_path / "report"
    assert main(["evaluate", str(bundle), str(data), "--outside", str(outside), "-o", str(output), *QUICK]) == 0
    printed, errors = capsys.readouterr()
    metrics = json.loads((output / "metrics.json").read_text(encoding="utf-8"))
    unknown = metrics["unknown"]
    assert unknown["threshold"] == threshold
    assert (unknown["outside"]["rejected"]["hits"], unknown["outside"]["rejected"]["n"]) == (2, 4)
    assert (unknown["outside"]["data"], unknown["outside"]["groups"]) == ("zoo", 4)
    assert (unknown["known"]["split"], unknown["known"]["clips"]) == ("test", 6)
    with (output / "predictions.csv").open(newline="", encoding="utf-8") as file:
        known = [float(row["score"]) for row in csv.DictReader(file)]
    assert unknown["known"]["accepted"]["hits"] == sum(score >= threshold for score in known)
    assert unknown["auroc"]["value"] == pytest.approx(
        np.mean([(k > o) + (k == o) / 2 for k in known for o in scores]), abs=1e-4
    )
    assert "--outside zoo" in metrics["command"]
    assert "other actions (zoo), rejected" in printed
    assert "skipped broken.mp4" in errors
    page = (output / "report.html").read_text(encoding="utf-8")
    assert "None of these actions" in page
    assert "4 clips of 2 other actions" in page
    assert str(outside.parent) not in page


def test_a_bundle_that_tells_none_of_its_actions(data, outside, tmp_path, motion_recognizer):
    output = tmp_path / "report"
    options = ["--outside", str(outside), "--streaming", "-o", str(output)]
    assert main(["evaluate", "exercises10-motion", str(data), *options, *QUICK]) == 0
    metrics = json.loads((output / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["bundle"]["architecture"] == motion_recognizer.bundle.card["classifier"]["architecture"]
    assert metrics["bundle"]["extractor"] == "flow-histogram"
    assert metrics["streaming"]["final"]["n"] == 6
    with (output / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["path"]: row for row in csv.DictReader(file)}
    for path, row in rows.items():
        prediction = motion_recognizer.classify(data / path)
        shares = [float(row[f"p:{label}"]) for label in motion_recognizer.labels]
        assert shares == pytest.approx(prediction.probabilities.tolist(), abs=1e-6)
        assert sum(shares) == pytest.approx(1 - prediction.none, abs=1e-5)
    scores = [motion_recognizer.classify(path).score for path in sorted(outside.glob("*/*.mp4"))]
    unknown = metrics["unknown"]
    assert unknown["threshold"] == motion_recognizer.threshold
    assert unknown["outside"]["rejected"]["hits"] == sum(score < motion_recognizer.threshold for score in scores)
    assert unknown["outside"]["rejected"]["n"] == len(scores) == 4


def test_errors_come_before_the_work(data, tmp_path, capsys):
    def error_of(*words: str) -> str:
        assert main(["evaluate", THESIS, *words]) == 1
        return capsys.readouterr().err

    assert "no validation clips; they have: test, train" in error_of(str(data), "--split", "validation")
    other = tmp_path / "other.csv"
    other.write_text(f"path,label,split\n{data}/PullUps/0.mp4,Sleeping,test\n{data}/PullUps/1.mp4,PullUps,test\n")
    message = error_of(str(other))
    assert "does not know Sleeping" in message
    assert "data: PullUps, Sleeping" in message
    assert "bundle: BodyWeightSquats" in message
    assert "--classes names Sleeping" in error_of(str(data), "--classes", "Sleeping,PullUps")
    assert "nowhere is not there" in error_of(str(data), "--outside", str(tmp_path / "nowhere"))
    assert "are of actions that the bundle knows" in error_of(str(data), "--outside", str(data))
    assert main(["evaluate", str(data), str(edgevid.open_bundle(THESIS).folder)]) == 2
    assert "the bundle comes first: edgevid evaluate BUNDLE DATA" in capsys.readouterr().err
    (tmp_path / "note.txt").write_text("mine")
    assert "is not empty" in error_of(str(data), "-o", str(tmp_path))
    broken = tmp_path / "broken.csv"
    broken.write_text(f"path,label,split\n{data}/JumpRope/broken.mp4,JumpRope,test\n")
    assert "None of the 1 clips can be read" in error_of(str(broken))


def test_without_scikit_learn_the_extra_is_named_at_once(data, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "sklearn.metrics", None)
    monkeypatch.setattr("edgevid.evaluation.evaluation.predict_clips", None)  # it is not reached
    assert main(["evaluate", THESIS, str(data)]) == 1
    assert "[evaluate]'" in capsys.readouterr().err


@pytest.mark.parametrize("architecture", ["gru", "single-frame"])
def test_a_bundle_on_the_clips_of_its_run_folder(data, tmp_path, capsys, architecture):
    for name in ("tensorflow", "keras"):
        pytest.importorskip(name, reason="needs the extra: pip install 'edgevid[train]'")
    bundle = tmp_path / "bundle"
    units = ["--units", "6"] if architecture == "gru" else []
    lines = (data / "clips.csv").read_text().replace(",test", ",train").splitlines()
    rows = [f"{data}/{line}" for line in lines[1:] if "broken" not in line]
    (tmp_path / "c.csv").write_text("\n".join([lines[0], *rows]) + "\n")
    train = ["train", str(tmp_path / "c.csv"), "-o", str(bundle), "--cache", str(tmp_path / "cache"), "--epochs", "2"]
    options = ["--recipe", "thesis", "--validation", "0.3", "--architecture", architecture, "--test", "0", *units]
    assert main([*train, *options, "-j", "1"]) == 0
    run = f"{bundle}-run"
    capsys.readouterr()
    assert main(["evaluate", str(bundle), run, "--split", "all", "--json", *QUICK]) == 0
    metrics = json.loads(capsys.readouterr().out)
    assert metrics["data"]["clips"] == 9
    assert metrics["bundle"]["architecture"] == architecture


class TestClipsThatTheBundleWasMadeFrom:
    @pytest.fixture
    def bundle(self, data: Path, repository: Path, tmp_path: Path) -> Path:
        """A bundle made from the first test clip of each class and from the training clips."""
        folder = Path(shutil.copytree(repository / "models" / THESIS, tmp_path / "mine"))
        clips = [clip for clip in open_dataset(data).clips if clip.group in "02"]
        self.put(folder, clips)
        return folder

    @staticmethod
    def put(bundle: Path, clips: list[Clip]) -> None:
        card = json.loads((bundle / "card.json").read_text(encoding="utf-8"))
        card["training"][FIELD] = seen_entry(sha256s(clips))
        (bundle / "card.json").write_text(json.dumps(card), encoding="utf-8")

    @staticmethod
    def evaluated(capsys, *arguments: object) -> tuple[dict, str]:
        assert main(["evaluate", *map(str, arguments), "--json", *QUICK]) == 0
        out, err = capsys.readouterr()
        return json.loads(out), err

    def test_are_left_out(self, bundle: Path, data: Path, capsys, tmp_path: Path):
        found, err = self.evaluated(capsys, bundle, data, "-o", tmp_path / "report")
        assert found["data"]["clips"] == 3
        assert found["data"]["seen"] == {"measured": False, "clips": [f"{label}/0.mp4" for label in LABELS]}
        assert (
            "made from 3 of the clips: JumpRope/0.mp4, PullUps/0.mp4, WallPushups/0.mp4; they are left out (--all"
            in err
        )
        assert "--split" not in found["command"]
        assert "3 clip(s) of the data that the bundle was made from are left out" in (
            (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
        )

    @pytest.mark.parametrize(("options", "clips"), [(["--all"], 9), (["--split", "test"], 6)])
    def test_are_measured_where_they_are_asked_for(self, bundle: Path, data: Path, capsys, options: list, clips: int):
        found, err = self.evaluated(capsys, bundle, data, *options)
        assert found["data"]["clips"] == clips
        assert found["data"]["seen"]["measured"] is True
        assert len(found["data"]["seen"]["clips"]) == clips - 3
        assert "they are measured all the same, so the figures are too high" in err

    def test_are_all(self, bundle: Path, data: Path, capsys):
        self.put(bundle, open_dataset(data).clips)
        assert main(["evaluate", str(bundle), str(data), *QUICK]) == 1
        assert "was made from all 7 clips" in capsys.readouterr().err

    def test_are_not_known_where_the_card_does_not_say(self, data: Path, capsys):
        found, err = self.evaluated(capsys, THESIS, data)
        assert found["data"]["seen"] is None
        assert "the card does not say which clips the bundle was made from" in err
