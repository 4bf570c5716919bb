"""Statistics of a dataset, and warnings about it."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from edgevid.datasets import analysis as module
from edgevid.datasets.analysis import Analysis, analyse
from edgevid.datasets.clips import Clip, DatasetError
from edgevid.datasets.reading import open_dataset
from edgevid.datasets.warnings import DatasetWarning, find_warnings

Counted = tuple[Clip, int, float]


def kinds(analysis: Analysis) -> list[str]:
    return [warning.kind for warning in analysis.warnings]


def clips(label: str, count: int, split: str = "train", per_group: int = 1) -> list[Counted]:
    """Clips of 50 frames and 6 s."""
    return [
        (Clip(Path(f"{label}/{split}{i}"), label, f"{label}{split}{i // per_group}", split), 50, 6.0)
        for i in range(count)
    ]


def warnings(*found: Counted, duplicates: tuple[list[Clip], ...] = (), **options: object) -> dict[str, DatasetWarning]:
    """All but the one about the missing class called none."""
    kinds = {w.kind: w for w in find_warnings(Path(), found, (), duplicates, **options)}
    assert "no none" in kinds
    return {kind: warning for kind, warning in kinds.items() if kind != "no none"}


def test_statistics(make_video, tmp_path):
    for i, frames in enumerate((25, 50, 75)):
        make_video(f"data/run/{i}.mp4", frames, 25.0)
    for i in range(2):
        make_video(f"data/walk/{i}.avi", 20 + i, 10.0)
    seen = []
    analysis = analyse(open_dataset(tmp_path / "data"), progress=lambda: seen.append(1))
    assert len(seen) == 5
    report = analysis.as_dict()
    assert json.loads(json.dumps(report)) == report
    run, walk = report["classes"]
    assert (run["label"], run["clips"], run["groups"]) == ("run", 3, 3)
    assert [run[f"{which}_seconds"] for which in ("min", "mean", "max")] == [1, 2, 3]
    assert (walk["min_seconds"], walk["max_seconds"]) == (2.0, 2.1)
    assert (report["total_minutes"], report["median_seconds"]) == (0.17, 2.0)
    assert report["frame_rates"] == [{"fps": 25.0, "clips": 3}, {"fps": 10.0, "clips": 2}]
    assert report["resolutions"] == [{"width": 64, "height": 48, "clips": 5}]
    parts = {name: (part["clips"], part["groups"]) for name, part in report["parts"].items()}
    assert parts == {"train": (3, 3), "validation": (2, 2), "test": (0, 0)}
    assert report["groups"] == 5
    assert str(tmp_path) not in json.dumps(report)


def test_frames_are_counted_where_the_file_is_not_believed(make_video, tmp_path, monkeypatch):
    for name in ("run/a", "walk/b"):
        make_video(f"data/{name}.mp4", 30)
    dataset = open_dataset(tmp_path / "data")

    class Wrong(module.VideoFile):
        def __init__(self, path):
            super().__init__(path)
            self.declared_frames = declared

    monkeypatch.setattr(module, "VideoFile", Wrong)
    declared = 99
    assert [video.frames for video in analyse(dataset).videos] == [99, 99]
    assert [video.frames for video in analyse(dataset, exact=True).videos] == [30, 30]
    declared = 0
    assert [video.frames for video in analyse(dataset).videos] == [30, 30]


def test_unreadable_clips_are_named(make_video, tmp_path):
    for name in ("run/a", "run/b", "walk/c", "walk/d"):
        make_video(f"data/{name}.mp4", 30)
    (tmp_path / "data/run/broken.mp4").write_bytes(b"no video")
    (tmp_path / "data/walk/empty.mp4").touch()
    analysis = analyse(open_dataset(tmp_path / "data"))
    assert len(analysis.videos) == 4
    assert [clip.path.name for clip, _ in analysis.unreadable] == ["broken.mp4", "empty.mp4"]
    warning = analysis.warnings[0]
    assert (warning.kind, warning.items) == ("unreadable", ["run/broken.mp4", "walk/empty.mp4"])
    assert "run/broken.mp4 is not a video" in warning.text
    assert str(tmp_path) not in warning.text


def test_nothing_can_be_read(tmp_path):
    (tmp_path / "clips.csv").write_text("path,label\nrun/a.mp4,run\nwalk/b.mp4,walk\n")
    with pytest.raises(DatasetError, match=r"None of the 2 clip\(s\) .*No such file: .*a\.mp4"):
        analyse(open_dataset(tmp_path))


def test_equal_files_are_found(make_video, tmp_path, monkeypatch):
    original = make_video("data/run/a.mp4", 30)
    make_video("data/run/other.mp4", 33)
    make_video("data/walk/c.mp4", 36)
    for name in ("run/b.mp4", "walk/b.mp4"):
        shutil.copy(original, tmp_path / "data" / name)
    hashed = []
    monkeypatch.setattr(module, "sha256_of", lambda path: hashed.append(path.name) or path.read_bytes())
    analysis = analyse(open_dataset(tmp_path / "data"))
    (warning,) = [warning for warning in analysis.warnings if "duplicates" in warning.kind]
    assert warning.items == ["run/a.mp4 = run/b.mp4 = walk/b.mp4"]
    assert sorted(hashed) == ["a.mp4", "b.mp4", "b.mp4"], "only files of equal size are read"


def test_many_duplicates():
    pairs = [[Clip(Path(f"{name}{i}"), "run", name) for name in "ab"] for i in range(9)]
    found = warnings(duplicates=tuple(pairs))["duplicates"]
    assert found.items[:2] == ["a0 = b0", "a1 = b1"]
    assert "9 video(s) are here more than once: a0 = b0, " in found.text
    assert "and 4 more." in found.text


def test_groups_on_both_sides():
    both = [(Clip(Path(split), "run", "7", split), 50, 6.0) for split in ("train", "test")]
    found = warnings(*both, *clips("run", 30), *clips("walk", 30))
    assert list(found) == ["straddling groups"]
    assert found["straddling groups"].items == ["run/7"]
    assert "train and test" in found["straddling groups"].text


def test_classes_that_are_too_small():
    found = warnings(*clips("run", 30), *clips("walk", 19), *clips("jump", 40, per_group=20), *clips("walk", 9, "test"))
    assert found["few clips"].items == ["walk"]
    assert "fewer than 20" in found["few clips"].text
    assert "walk (19)" in found["few clips"].text
    assert found["few groups"].items == ["jump"]
    assert "jump (2)" in found["few groups"].text
    assert list(found) == ["few clips", "few groups"]


def test_clips_that_are_too_short():
    short = [(Clip(Path(f"run/{n}.mp4"), "run", str(n)), n, 6.0) for n in (24, 25, 3)]
    found = warnings(*short, *clips("run", 30), *clips("walk", 30))
    assert found["short clips"].items == ["run/3.mp4", "run/24.mp4"]
    assert "run/3.mp4 (3)" in found["short clips"].text


def test_imbalance():
    assert "imbalance" not in warnings(*clips("run", 59), *clips("walk", 20))
    found = warnings(*clips("run", 60), *clips("walk", 20), *clips("walk", 99, "test"))
    assert "3.0 times as many" in found["imbalance"].text
    assert found["imbalance"].items == ["run", "walk"]


def told(label: str, **about: str) -> Counted:
    """A clip of 50 frames and 6 s, in a group named after its class unless given."""
    return Clip(Path(f"{label}/{len(about)}.avi"), label, **{"group": label, **about}), 50, 6.0


def found_in(*clips: Counted) -> dict[str, DatasetWarning]:
    return {w.kind: w for w in find_warnings(Path(), clips, (), ()) if w.kind != "few clips"}


def test_no_class_for_none():
    assert "Record doing nothing" in found_in(told("wave"), told("clap"))["no none"].text
    for label in ("none", "None", "do nothing", "idle"):
        assert "no none" not in found_in(told("wave"), told(label))


def test_all_clips_are_of_one_group_person_or_place():
    found = found_in(*(told(label, group="monday", person="Ann", place="hall") for label in ("wave", "none")))
    assert [(kind, w.items) for kind, w in found.items()] == [
        ("one group", ["monday"]), ("one person", ["Ann"]), ("one place", ["hall"])
    ]  # fmt: skip
    assert "one group, monday: nothing can be held out" in found["one group"].text
    found = found_in(told("wave", person="Ann", place="hall"), told("none", person="Bob"))
    assert list(found) == ["few groups"], "a place that is not known may be another one"


def test_actions_that_differ_by_their_side():
    found = found_in(*map(told, ("none", "turn left", "turn right", "Left", "leftover", "right-hand")))[
        "left and right"
    ]
    assert found.items == ["turn left and turn right"]
    assert "--mirror" in found.text


def test_clips_that_are_shorter_than_the_window():
    times = {"a": 0.8, "b": 1.24, "c": 1.76, "d": 1.84}  # of 2 s, or nearly
    some = [(Clip(Path(f"wave/{name}"), "wave", name), 50, seconds) for name, seconds in times.items()]
    found = found_in(told("none"), *some)["shorter than the window"]
    assert found.items == ["wave/a", "wave/b", "wave/c"]
    assert "wave/b (1.2 s)" in found.text
    assert "--window-seconds 1.8" in found.text
    assert "--window-seconds" not in found_in(told("none"), told("run"), some[0])["shorter than the window"].text


def test_sets_that_cannot_be_trained_on(make_video, tmp_path):
    make_video("data/run/a.mp4", 30)
    make_video("data/run/b.mp4", 31)
    assert kinds(analyse(open_dataset(tmp_path / "data"))) == [
        "classes", "few clips", "few groups", "no none", "shorter than the window"
    ]  # fmt: skip
    make_video("data/walk/c.mp4", 32)
    (tmp_path / "data" / "jump").mkdir()
    analysis = analyse(open_dataset(tmp_path / "data"))
    assert kinds(analysis)[:2] == ["indivisible", "empty class"]
    assert analysis.warnings[1].items == ["jump"]
    assert [part["clips"] for part in analysis.as_dict()["parts"].values()] == [3, 0, 0]
    lines = ["path,label,split", "run/a.mp4,run,train", "run/b.mp4,run,train", "walk/c.mp4,walk,test"]
    (tmp_path / "data" / "clips.csv").write_text("\n".join(lines))
    assert kinds(analyse(open_dataset(tmp_path / "data")))[0] == "classes"


def test_an_interruption_does_not_wait_for_the_rest(tmp_path, monkeypatch):
    for i in range(40):
        path = tmp_path / "data" / ("run" if i % 2 else "walk") / f"{i}.avi"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    opened = []

    def slow(clip: Clip, exact: bool) -> str:
        opened.append(clip)
        time.sleep(0.05)
        return "unreadable"

    monkeypatch.setattr(module, "_inspect", slow)

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        analyse(open_dataset(tmp_path / "data"), progress=interrupt)
    assert len(opened) < 20


def test_the_real_data_set(shared):
    analysis = analyse(open_dataset(shared / "data" / "ucf101_core10"))
    report = analysis.as_dict()
    assert (report["clips"], len(report["classes"]), report["unreadable"]) == (655, 10, 0)
    assert report["resolutions"] == [{"width": 320, "height": 240, "clips": 655}]
    assert report["frame_rates"] == [{"fps": 25.0, "clips": 398}, {"fps": 29.97, "clips": 257}]
    assert report["total_minutes"] == pytest.approx(68.7, abs=0.05)
    # UCF101 itself has a clip twice, in two groups
    (warning,) = [warning for warning in analysis.warnings if "duplicates" in warning.kind]
    assert "g08_c01.mp4 = TrampolineJumping/v_TrampolineJumping_g12_c05.mp4" in warning.text


def test_nothing_says_which_clips_resemble_each_other(make_video, tmp_path):
    for label in ("run", "walk"):
        for number in range(2):
            make_video(f"data/{label}/{number}.mp4", 25, 25.0)
    (tmp_path / "data" / "jump").mkdir()
    (tmp_path / "data" / "jump" / "notes.txt").write_text("no video")
    found = {warning.kind: warning for warning in analyse(open_dataset(tmp_path / "data")).warnings}
    assert "'group'" in found["no groups"].text
    assert found["empty class"].items == ["jump"]
    rows = [f"{label}/{n}.mp4,{label},{n}" for label in ("run", "walk") for n in range(2)]
    (tmp_path / "data" / "clips.csv").write_text("\n".join(["path,label,group", *rows]))
    assert "no groups" not in kinds(analyse(open_dataset(tmp_path / "data")))
