"""The folder of recorded clips: what is in it after adding, deleting, kills, full disks and other recorders."""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from support.videos import moving_frames, number_of, numbered_frame

from edgevid import EdgevidError, OptionError, SourceError, VideoFile
from edgevid.datasets.clips import DatasetError
from edgevid.datasets.reading import open_dataset
from edgevid.recording import ClipFolder, FolderClip, Take
from edgevid.recording import folder as module
from edgevid.recording.avi import count_frames, read_note

ROOT = Path(__file__).resolve().parents[2]
FRAMES = moving_frames(8, 64, 48)


def take(label: str = "wave", fps: float = 5.0) -> Take:
    return Take.of([(100 + i / fps, frame) for i, frame in enumerate(FRAMES)], label)


def rows(root: Path) -> list[dict[str, str]]:
    with (root / "clips.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def hidden(root: Path) -> list[str]:
    return [path.name for path in root.rglob(".*") if path.name != module.LOCK_NAME]


class TestTakes:
    def test_a_clip_has_the_frames_and_the_mean_rate(self, tmp_path):
        # a slow board: 5 frames a second, unevenly
        times = [10.0, 10.2, 10.35, 10.6, 10.8, 11.0]
        numbers = [7, 8, 9, 1000, 4095, 0]
        taken = Take.of(zip(times, map(numbered_frame, numbers)), "wave")
        assert (taken.fps, taken.seconds) == (pytest.approx(5.0), pytest.approx(1.2))
        assert [number_of(frame.image) for frame in taken.frames()] == numbers
        clip = ClipFolder(tmp_path).add(taken, group="g")
        with VideoFile(tmp_path / clip.path) as video:
            assert (video.fps, video.declared_frames, video.width, video.height) == (pytest.approx(5.0), 6, 64, 48)
            found = list(video)
        assert [frame.timestamp for frame in found] == pytest.approx([0.2 * i for i in range(6)])
        assert [number_of(frame.image) for frame in found] == numbers

    def test_colours_are_kept(self, tmp_path):
        frames = moving_frames(3, 321, 239)
        clip = ClipFolder(tmp_path).add(Take.of(enumerate(frames), "wave"), group="g")
        with VideoFile(tmp_path / clip.path) as video:
            for frame, written in zip(video, frames):
                assert np.abs(frame.image.astype(int) - written).mean() < 3

    def test_large_pictures_and_high_rates_are_made_smaller(self):
        frame = np.zeros((1080, 1920, 3), np.uint8)
        taken = Take.of([(i / 60, frame) for i in range(7)], "wave")
        assert (taken.width, taken.height, len(taken.jpegs)) == (640, 360, 4)
        assert taken.fps == pytest.approx(30)

    def test_one_frame_is_no_clip(self):
        with pytest.raises(SourceError, match=r"'wave' has 1 frame\(s\); expected 2 or more"):
            Take.of([(0.0, FRAMES[0])], "wave")


class TestContents:
    def test_clips_are_listed_counted_and_deleted(self, tmp_path):
        folder = ClipFolder(tmp_path / "new" / "my clips")
        first = folder.add(take(), group="a, b", person="Zoë", place="hall", device="pi")
        second = folder.add(take("do nothing"), group="b")
        assert first == FolderClip(first.path, "wave", "a, b", "Zoë", "hall", "pi")
        assert folder.clips() == ClipFolder(folder.root).clips() == [first, second]
        assert (folder.labels(), folder.counts()) == (["do nothing", "wave"], {"wave": 1, "do nothing": 1})
        folder.delete(first)
        assert folder.clips() == [second]
        assert not (folder.root / "wave").exists()
        with pytest.raises(DatasetError, match="lists no clip"):
            folder.delete(first)

    def test_it_is_a_data_set(self, tmp_path):
        folder = ClipFolder(tmp_path)
        folder.add(take(), group="monday", place="hall")
        folder.add(take("none"), group="", person="Ann")
        found = open_dataset(tmp_path).clips
        assert [(clip.label, clip.group, clip.place, clip.person) for clip in found] == [
            ("wave", "monday", "hall", ""),
            ("none", "Ann", "", "Ann"),
        ]

    @pytest.mark.parametrize("label", ["", " wave", "a/b", "..", ".wave", "wave.", "a\nb", "x" * 101, "\udcff", "a:b"])
    def test_labels_that_no_folder_can_have(self, tmp_path, label):
        with pytest.raises(OptionError, match="expected a name that a folder can have"):
            ClipFolder(tmp_path).add(take(label), group="g")
        assert [path.name for path in tmp_path.iterdir()] == [module.LOCK_NAME]

    def test_a_clip_outside_is_never_deleted(self, tmp_path):
        (tmp_path / "other.avi").touch()
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "clips.csv").write_text("path,label\n../other.avi,wave\n")
        with pytest.raises(DatasetError, match="lists no clip"):
            ClipFolder(tmp_path / "in").delete("../other.avi")
        assert (tmp_path / "other.avi").exists()

    def test_clips_of_one_session_share_a_group(self, tmp_path):
        folder = ClipFolder(tmp_path)
        about = {"person": "Ann", "place": "hall"}
        group = folder.session_group(**about)
        assert folder.session_group(**about) != group
        clip = folder.add(take(), group=group, **about)
        assert folder.session_group(**about) == ClipFolder(tmp_path).session_group(**about) == group
        assert folder.session_group(person="Bob", place="hall") != group
        os.utime(tmp_path / clip.path, (0, time.time() - 3600))
        assert folder.session_group(**about) != group
        folder.add(take(), group="a film")
        assert folder.session_group() != "a film", "a group with a name of its own ends with its recorder"


class TestFoldersOfOthers:
    def test_clips_of_a_folder_without_a_list_are_all_named_in_the_new_one(self, tmp_path, make_video):
        make_video("clap/mine.mp4", 4)
        make_video("run/deep/v_run_g07_c01.avi", 4)
        make_video("stray.avi", 4)
        (tmp_path / "clap" / "notes.txt").touch()
        folder = ClipFolder(tmp_path)
        assert folder.clips() == [
            FolderClip("clap/mine.mp4", "clap"),
            FolderClip("run/deep/v_run_g07_c01.avi", "run", "run_g07"),
        ]
        folder.add(take(), group="g")
        assert folder.counts() == {"clap": 1, "run": 1, "wave": 1}

    def test_other_columns_and_rows_are_kept(self, tmp_path, make_video):
        make_video("videos/a.mp4", 4)
        make_video("videos/left_out.mp4", 4)
        lines = ["path,label,distance,split", "videos/a.mp4,clap,4 m,test", "videos/gone.mp4,clap,1 m,train"]
        (tmp_path / "clips.csv").write_text("\ufeff" + "\n".join(lines) + "\n", encoding="utf-8")
        folder = ClipFolder(tmp_path)
        clip = folder.add(take(), group="g")
        assert [row["path"] for row in rows(tmp_path)] == ["videos/a.mp4", "videos/gone.mp4", clip.path]
        assert (rows(tmp_path)[0]["distance"], rows(tmp_path)[0]["split"]) == ("4 m", "test")
        assert folder.counts() == {"clap": 1, "wave": 1}, "the one that is gone does not count"

    def test_a_renamed_class_folder_renames_the_action(self, tmp_path):
        clip = ClipFolder(tmp_path).add(take(), group="g", person="Ann")
        (tmp_path / "wave").rename(tmp_path / "greet")
        expected = [FolderClip(clip.path.replace("wave", "greet"), "greet", "g", "Ann")]
        assert ClipFolder(tmp_path).clips() == expected
        assert [row["label"] for row in rows(tmp_path)] == ["greet"]

    @pytest.mark.parametrize(
        ("text", "message"),
        [("name,what\na,b\n", "expected path and label"), ("path,label\na,b,c\n", "more values"), ("path\0", "path")],
    )
    def test_a_list_that_is_damaged_is_not_written_over(self, tmp_path, text, message):
        (tmp_path / "clips.csv").write_text(text)
        with pytest.raises(DatasetError, match=message):
            ClipFolder(tmp_path)
        assert (tmp_path / "clips.csv").read_text() == text


class TestTroubles:
    def test_a_row_that_was_not_written_is_found_again(self, tmp_path):
        folder = ClipFolder(tmp_path)
        clip = folder.add(take(), group="g", person="Ann", place="hall", device="pi")
        (tmp_path / "clips.csv").write_text("path,label\n")
        assert ClipFolder(tmp_path).clips() == [clip]
        assert read_note(tmp_path / clip.path) == {
            "label": "wave", "group": "g", "person": "Ann", "place": "hall", "device": "pi"
        }  # fmt: skip

    def test_what_dead_recorders_left_is_removed(self, tmp_path):
        (tmp_path / "wave").mkdir()
        for name in (".partial-1.csv", "wave/.partial-2.avi"):
            (tmp_path / name).write_bytes(b"half")
        ClipFolder(tmp_path)
        assert hidden(tmp_path) == []

    @contextmanager
    def file_limit(self, size: int) -> Iterator[None]:
        """Limit files to ``size`` bytes: the system refuses the rest of a write, as on a full disk."""
        resource = pytest.importorskip("resource", reason="this system has no limits on files")
        old = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)

    @pytest.mark.parametrize("size", [0, 4096])
    def test_a_clip_that_does_not_fit_changes_nothing(self, tmp_path, size):
        folder = ClipFolder(tmp_path)
        clip = folder.add(take("none"), group="g")
        with self.file_limit(size), pytest.raises(DatasetError, match=r"cannot be written: .*free space"):
            folder.add(take(), group="g")
        assert folder.clips() == ClipFolder(tmp_path).clips() == [clip]
        assert hidden(tmp_path) == []
        assert not (tmp_path / "wave").exists()

    def test_a_row_that_does_not_fit_takes_its_clip_with_it(self, tmp_path, monkeypatch):
        folder = ClipFolder(tmp_path)

        def full(*args: object, **options: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(module, "write_whole", full)
            with pytest.raises(DatasetError, match="No space left on device"):
                folder.add(take(), group="g")
        assert list(tmp_path.rglob("*.avi")) == []

    def test_a_clip_that_cannot_be_read_back_is_not_kept(self, tmp_path, monkeypatch):
        folder = ClipFolder(tmp_path)
        whole_write = module.write_avi

        def cut(path: Path, *args: object) -> None:
            whole_write(path, *args)
            path.write_bytes(path.read_bytes()[:-200])

        monkeypatch.setattr(module, "write_avi", cut)
        with pytest.raises(DatasetError, match="Only 0 of a clip's 8 frames can be read back"):
            folder.add(take(), group="g")
        assert (list(tmp_path.rglob("*.avi")), hidden(tmp_path)) == ([], [])

    @pytest.mark.parametrize("place", ["file/clips", "/proc/edgevid/clips"])
    def test_a_folder_that_cannot_be_made(self, tmp_path, place):
        (tmp_path / "file").touch()
        with pytest.raises(DatasetError, match=r"cannot be opened: .*name another one"):
            ClipFolder(tmp_path / place)

    @pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
    def test_a_folder_that_may_not_be_written(self, tmp_path):
        tmp_path.chmod(0o500)
        with pytest.raises(DatasetError, match="Permission denied"):
            ClipFolder(tmp_path)

    def test_a_folder_that_another_program_holds(self, tmp_path, monkeypatch):
        folder = ClipFolder(tmp_path)
        monkeypatch.setattr(module, "LOCK_SECONDS", 0.05)
        with module.locked(tmp_path / module.LOCK_NAME), pytest.raises(DatasetError, match="Another program has been"):
            folder.add(take(), group="g")
        folder.add(take(), group="g")


RECORDER = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from edgevid.recording import ClipFolder, Take

folder, label, count = ClipFolder(sys.argv[2]), sys.argv[3], int(sys.argv[4])
take = Take.of([(i / 5, np.full((48, 64, 3), 20 * i, np.uint8)) for i in range(8)], label)
print("ready", flush=True)
sys.stdin.readline()
while count:
    count -= 1
    print(folder.add(take, group=label).path, flush=True)
    if len(folder.clips()) > 30:
        folder.delete(folder.clips()[0])
"""


def recorder(root: Path, label: str, count: int) -> subprocess.Popen:
    """A process that, once it is sent a line, adds ``count`` clips (-1: endlessly, deleting the oldest of more than 30)."""
    arguments = [sys.executable, "-c", RECORDER, str(ROOT), str(root), label, str(count)]
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


class TestSeveralRecorders:
    def test_two_into_one_folder_lose_nothing(self, tmp_path):
        processes = [recorder(tmp_path, label, 12) for label in ("a", "b")]
        for process in processes:
            process.stdin.write("\n")
            process.stdin.flush()
        for process in processes:
            assert len(process.communicate(timeout=60)[0].splitlines()) == 12
            assert process.returncode == 0
        assert ClipFolder(tmp_path).counts() == {"a": 12, "b": 12}
        assert len(rows(tmp_path)) == 24
        assert all(count_frames(tmp_path / row["path"]) == 8 for row in rows(tmp_path))

    def test_one_that_opens_removes_nothing_of_one_that_writes(self, tmp_path):
        """Unfinished files belong to a dead recorder only if nobody holds the lock."""
        folder, errors = ClipFolder(tmp_path), []

        def open_often() -> None:
            try:
                for _ in range(30):
                    ClipFolder(tmp_path)
            except EdgevidError as error:
                errors.append(error)

        thread = threading.Thread(target=open_often)
        thread.start()
        for _ in range(10):
            folder.add(take(), group="g")
        thread.join()
        assert (errors, folder.counts()) == ([], {"wave": 10})


@pytest.mark.skipif(os.name != "posix", reason="kills as POSIX systems do")
def test_kills_at_random_times_lose_no_clip_that_was_confirmed(tmp_path):
    """Each process adds clips (and deletes the oldest) as fast as it can until it is killed; the next goes on."""
    moments = random.Random(11)
    for _ in range(10):
        process = recorder(tmp_path, "wave", -1)
        process.stdin.write("\n")
        process.stdin.flush()
        time.sleep(moments.uniform(0.0, 0.15))
        process.send_signal(signal.SIGKILL)
        confirmed = process.communicate()[0].splitlines()
        listed = [row["path"] for row in rows(tmp_path)] if (tmp_path / "clips.csv").exists() else []
        for path in listed:
            assert count_frames(tmp_path / path) == 8, "no broken clip is listed, before anyone repairs"
        folder = ClipFolder(tmp_path)
        paths = [clip.path for clip in folder.clips()]
        # the oldest is deleted when there are 31: never the one confirmed last
        assert set(confirmed[-29:]) <= set(paths)
        assert set(listed) <= set(paths)
        assert {clip.group for clip in folder.clips()} <= {"wave"}
        assert sorted(path.name for path in (tmp_path / "wave").glob("*")) == sorted(Path(p).name for p in paths)
        assert hidden(tmp_path) == []
