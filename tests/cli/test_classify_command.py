"""``edgevid classify``."""

from __future__ import annotations

import json

import pytest

from edgevid import FrameError, SourceError

THESIS = ("--bundle", "exercises10-thesis")


def lines_of(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_json_is_what_the_library_answers(call, clip, default_recognizer):
    outcome = call("classify", clip, "--json", "--top", 3, "--threads", 1)
    (record,) = lines_of(outcome.out)
    expected = default_recognizer.classify(clip)
    assert outcome.code == 0
    assert record["path"] == str(clip)
    assert record["label"] == expected.label
    assert record["score"] == pytest.approx(expected.score, abs=1e-4)
    assert [label for label, _ in record["top"]] == [label for label, _ in expected.top(3)]
    assert record["none"] == pytest.approx(expected.none, abs=1e-4)
    assert record["accepted"] is expected.accepted
    assert record["timestamp"] == pytest.approx(5 / 3, abs=0.05)


def test_progress_and_tables_stay_out_of_pipes(call, brief, recognizer):
    outcome = call("classify", brief, *THESIS, "--threshold", 0.0)
    fields = outcome.out.rstrip("\n").split("\t")
    assert fields[0] == str(brief)
    assert fields[1] in recognizer.labels
    assert 0 <= float(fields[2]) <= 1
    assert len(fields) == 1 + 2 * 5
    assert outcome.err == ""


def test_a_score_below_the_threshold_reads_nothing_recognised(call, brief):
    (record,) = lines_of(call("classify", brief, "--threshold", 1.0, "--json").out)
    assert record["accepted"] is False
    outcome = call("classify", brief, "--threshold", 1.0, "--top", 1)
    assert outcome.code == 0
    assert outcome.out.split("\t")[1:] == [f"nothing recognised ({record['label']})", f"{record['score']:.4f}\n"]


def test_a_folder_gives_its_videos_in_order(call, make_video, tmp_path):
    for name in ("b/2.avi", "b/1.mp4", "a.MP4"):
        path = make_video(f"clips/{name.replace('MP4', 'mp4')}", 2)
        path.rename(tmp_path / "clips" / name)
    (tmp_path / "clips" / "notes.txt").write_text("not a video")
    (tmp_path / "clips" / "._a.mp4").write_bytes(b"left by a file manager")
    outcome = call("classify", tmp_path / "clips", "--json")
    assert outcome.code == 0
    assert [record["path"] for record in lines_of(outcome.out)] == [
        str(tmp_path / "clips" / name) for name in ("a.MP4", "b/1.mp4", "b/2.avi")
    ]
    assert "3 videos found" in outcome.err


def test_a_batch_goes_on_past_what_fails(call, make_video, tmp_path):
    good = make_video("good.mp4", 2)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(good.read_bytes()[:-200])
    (tmp_path / "empty folder").mkdir()
    outcome = call("classify", broken, tmp_path / "absent.mp4", tmp_path / "empty folder", good, "--json")
    assert outcome.code == 1
    records = {record["path"]: record for record in lines_of(outcome.out)}
    assert "label" in records.pop(str(good))
    assert len(records) == 3
    for path, record in records.items():
        assert path in record["error"]
        assert record["error"] in outcome.err
        assert "label" not in record
    assert "cut short" in records[str(broken)]["error"]
    assert "No such file" in records[str(tmp_path / "absent.mp4")]["error"]
    assert "holds no video" in records[str(tmp_path / "empty folder")]["error"]


def test_without_json_stdout_holds_only_what_was_classified(call, make_video, tmp_path):
    good = make_video("good.mp4", 2)
    outcome = call("classify", tmp_path / "absent.mp4", good)
    assert outcome.code == 1
    assert [line.split("\t")[0] for line in outcome.out.splitlines()] == [str(good)]


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        ["x.mp4", "--top", "0"],
        ["x.mp4", "--top", "many"],
        ["x.mp4", "--threshold", "1.5"],
        ["x.mp4", "--threads", "0"],
        ["x.mp4", "--runtime", "none-such"],
        ["x.mp4", "--no-such-option"],
    ],
)
def test_wrong_use_exits_with_2(call, wrong):
    outcome = call("classify", *wrong)
    assert outcome.code == 2
    assert outcome.out == ""
    assert "edgevid" in outcome.err


def test_an_unknown_bundle_is_a_failure_that_names_those_there_are(call, clip):
    outcome = call("classify", clip, "--bundle", "none-such")
    assert outcome.code == 1
    assert "exercises10" in outcome.err


def test_a_file_name_that_is_no_text_can_be_reported(call, clip):
    odd = clip.with_name("odd\udce9.mp4")
    try:
        clip.rename(odd)
    except (OSError, UnicodeError):
        pytest.skip("this file system takes no such name")
    outcome = call("classify", odd, clip.with_name("absent\udce9.mp4"), "--json")
    assert outcome.code == 1
    first, second = lines_of(outcome.out)
    assert first["path"] == str(odd)
    assert "rename it" in first["error"]
    assert "No such file" in second["error"]
    assert "rename it" in outcome.err


def test_help_is_quick_and_names_defaults(spawn):
    process = spawn("classify", "--help", COLUMNS="80")
    text, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    for piece in ("--json", "--top", "default: 5", "exercises10", "exit code"):
        assert piece in " ".join(text.split())


@pytest.mark.parametrize(
    "stream", ["0", "rtsp://user:secret@yard/stream", "http://yard/a.mp4", "/dev/video0", "picamera2:1"]
)
def test_a_stream_is_no_clip(call, brief, recognizer, stream):
    outcome = call("classify", stream, brief, *THESIS)
    assert outcome.code == 1
    assert len(outcome.out.splitlines()) == 1, "the other one is classified"
    assert "edgevid stream " in outcome.err
    assert "secret" not in outcome.err
    with pytest.raises(SourceError, match="which has no end"):
        recognizer.classify(stream)


def test_several_paths_are_no_clip(recognizer, brief):
    for paths in ([brief, brief], (str(brief),)):
        with pytest.raises(FrameError, match=r"for path in paths\]"):
            recognizer.classify(paths)
