"""edgevid.sources.video_file: which frames of a file are read, and at what cost."""

from __future__ import annotations

import os
import tracemalloc
import weakref
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.containers import avi_with_declared_frames, mp4_turned, mp4_with_damage, mp4_with_frame_durations
from support.videos import number_of, numbered_frame, sample_values

import edgevid
from edgevid import SourceError, VideoFile
from edgevid.sampling import clip as clip_sampling
from edgevid.sampling import uniform_indices
from edgevid.sources.mirroring import mirroring_of

FORMATS = [("mp4", "mp4v"), ("mov", "mp4v"), ("mkv", "VP80"), ("webm", "VP80"), ("avi", "MJPG"), ("avi", "XVID")]


def sampled(path: Path) -> list[int]:
    """The numbers of the sampled frames, read from their pictures; they must agree with their indices."""
    samples = sample_values(path, number_of)
    assert [index for index, _ in samples] == [value for _, value in samples]
    return [value for _, value in samples]


class CountingCapture:
    """A real capture that counts its calls, and may report another frame count."""

    def __init__(self, capture: cv2.VideoCapture, declared: float | None = None) -> None:
        self._capture, self._declared = capture, declared
        self.grabbed = self.retrieved = 0

    def grab(self) -> bool:
        good = self._capture.grab()
        self.grabbed += good
        return good

    def retrieve(self):
        self.retrieved += 1
        return self._capture.retrieve()

    def get(self, prop: int) -> float:
        lies = prop == cv2.CAP_PROP_FRAME_COUNT and self._declared is not None
        return self._declared if lies else self._capture.get(prop)

    def __getattr__(self, name: str):
        return getattr(self._capture, name)


@pytest.fixture
def captures(monkeypatch: pytest.MonkeyPatch):
    """Every capture that is opened from now on; ``captures.declared`` is the frame count they tell."""

    class Captures(list):
        declared: float | None = None

    opened, real = Captures(), cv2.VideoCapture

    def open_capture(*args):
        opened.append(CountingCapture(real(*args), opened.declared))
        return opened[-1]

    monkeypatch.setattr(cv2, "VideoCapture", open_capture)
    return opened


class TestWhichFrames:
    @pytest.mark.parametrize(("suffix", "fourcc"), FORMATS)
    @pytest.mark.parametrize("count", [1, 24, 25, 63])
    def test_uniform_frames_of_each_format(self, make_video, suffix: str, fourcc: str, count: int):
        path = make_video(f"clip.{suffix}", count, fourcc=fourcc)
        assert sampled(path) == uniform_indices(count).tolist()

    @pytest.mark.parametrize("declared", [0, 1, 30, 59, 61, 90, 1000, 2**31 - 1, -1])
    @pytest.mark.parametrize("fourcc", ["MJPG", "XVID"])
    def test_avi_that_lies_about_its_frame_count(self, make_video, declared: int, fourcc: str):
        path = make_video("clip.avi", 60, fourcc=fourcc)
        path.write_bytes(avi_with_declared_frames(path.read_bytes(), declared))
        with VideoFile(path) as video:
            assert video.declared_frames == declared % 2**32
        assert sampled(path) == uniform_indices(60).tolist()

    @pytest.mark.parametrize("declared", [0.0, 1.0, 39.0, 41.0, 1e6, -1.0, -9.2e18, 9.2e18, float("nan"), float("inf")])
    def test_any_declared_count_gives_the_same_frames(self, make_video, captures, declared: float):
        path = make_video("clip.mp4", 40)
        captures.declared = declared
        assert sampled(path) == uniform_indices(40).tolist()

    def test_number_of_samples_is_free(self, make_video):
        path = make_video("clip.mp4", 40)
        assert [value for _, value in sample_values(path, number_of, 8)] == uniform_indices(40, 8).tolist()

    def test_file_that_shrinks_between_two_passes_is_an_error(self, make_video, monkeypatch: pytest.MonkeyPatch):
        long, short = make_video("long.avi", 60), make_video("short.avi", 20)
        files = [long, short]
        monkeypatch.setattr(clip_sampling, "VideoFile", lambda path: VideoFile(files.pop(0)))
        monkeypatch.setattr(
            VideoFile, "declared_frames", property(lambda self: 7, lambda self, value: None), raising=False
        )
        with pytest.raises(SourceError, match="changed while it was read"):
            sample_values(long, number_of)

    def test_frames_are_rgb(self, make_video):
        red = np.zeros((48, 64, 3), dtype=np.uint8)
        red[:, :, 0] = 220
        with VideoFile(make_video("red.avi", [red] * 3)) as video:
            means = next(iter(video)).image.mean(axis=(0, 1))
        assert means[0] > 180
        assert means[1:].max() < 40

    def test_all_frames_come_in_order_with_their_times(self, make_video):
        with VideoFile(make_video("clip.mp4", 50, fps=12.5)) as video:
            frames = list(video)
            assert (video.width, video.height, video.fps, video.declared_frames) == (64, 48, 12.5, 50)
        assert [number_of(frame.image) for frame in frames] == list(range(50))
        assert [frame.timestamp for frame in frames] == pytest.approx([k / 12.5 for k in range(50)], abs=1e-3)

    def test_only_wanted_frames_come(self, make_video):
        with VideoFile(make_video("clip.mp4", 50)) as video:
            frames = list(video.frames(lambda timestamp: timestamp > 1.7))
        assert [number_of(frame.image) for frame in frames] == list(range(43, 50))


class TestTimes:
    def test_variable_frame_rate_keeps_the_files_own_times(self, make_video):
        path = make_video("clip.mp4", 40, fps=25)
        path.write_bytes(mp4_with_frame_durations(path.read_bytes(), [256] * 20 + [768] * 20))  # of 12800 a second
        with VideoFile(path) as video:
            frames = list(video)
        assert [number_of(frame.image) for frame in frames] == list(range(40))
        expected = [0.02 * k for k in range(20)] + [0.4 + 0.06 * k for k in range(20)]
        assert [frame.timestamp for frame in frames] == pytest.approx(expected, abs=1e-3)

    @pytest.mark.parametrize(
        "times",
        [
            [0.0] * 30,
            [float("nan")] * 30,
            [1000.0 * k for k in range(15)] + [500.0 * k for k in range(15)],
            [-400.0 + 40 * k for k in range(30)],
            [0.0, 40.0, 40.0, 39.9, 80.0, float("inf"), 120.0] + [0.0] * 23,
        ],
        ids=["stand still", "nan", "jump back", "start below 0", "mixed"],
    )
    def test_times_always_grow_whatever_the_container_says(self, make_video, captures, times: list[float]):
        path = make_video("clip.mp4", 30)
        with VideoFile(path) as video:
            (capture,) = captures
            real = capture.get
            capture.get = lambda prop: times[capture.grabbed - 1] if prop == cv2.CAP_PROP_POS_MSEC else real(prop)
            got = [frame.timestamp for frame in video]
        assert len(got) == 30
        assert got[0] >= 0
        assert (np.diff(got) > 0).all()
        assert np.isfinite(got).all()


class TestAgain:
    def test_each_iteration_gives_all_frames_from_the_start(self, make_video):
        with VideoFile(make_video("clip.mp4", 30)) as video:
            first, second = list(video), list(video)
            assert [number_of(frame.image) for frame in second] == list(range(30))
            assert [frame.timestamp for frame in second] == [frame.timestamp for frame in first]
            assert second[0].timestamp == 0.0
            next(iter(video))  # one that was interrupted
            assert [number_of(frame.image) for frame in video] == list(range(30))

    def test_opened_once_where_it_is_read_once(self, make_video, captures):
        with VideoFile(make_video("clip.mp4", 30)) as video:
            list(video)
            assert len(captures) == 1
            list(video)
            assert len(captures) == 2

    def test_closed_it_gives_nothing_again(self, make_video):
        video = VideoFile(make_video("clip.mp4", 30))
        list(video)
        video.close()
        assert list(video) == []

    def test_file_that_is_gone_is_an_error(self, make_video):
        path = make_video("clip.mp4", 30)
        with VideoFile(path) as video:
            list(video)
            path.unlink()
            for _ in range(2):  # each time
                with pytest.raises(SourceError, match="No such file"):
                    list(video)


class TestTurned:
    @pytest.mark.parametrize("mirrored", [False, True])
    @pytest.mark.parametrize("degrees", [0, 90, 180, 270])
    def test_frames_are_upright_however_the_phone_was_held(self, make_video, degrees: int, mirrored: bool):
        """The second time too; mirrored are those of a front camera, and not upside down."""
        picture = np.zeros((48, 64, 3), np.uint8)
        picture[:24, :32] = 220  # the upper left quarter is light
        path = make_video("phone.mov" if mirrored else "phone.mp4", [picture] * 3)
        path.write_bytes(mp4_turned(path.read_bytes(), degrees, mirrored=mirrored))
        upright = np.rot90(picture, -degrees // 90)
        shown = upright[:, ::-1] if mirrored else upright
        with VideoFile(path) as video:
            frames = [frame.image for frame in [*video, *video]]
            assert (video.height, video.width) == shown.shape[:2]
        assert len(frames) == 6
        for frame in frames:
            np.testing.assert_array_equal(frame > 110, shown > 110)

    @pytest.mark.parametrize("fill", [b"\0\0\0\x08free", b"\0" * 8, b"\0\0\0\x01moov" + b"\xff" * 8])
    def test_parts_without_end_take_no_time(self, tmp_path: Path, fill: bytes):
        path = tmp_path / "parts.mp4"
        path.write_bytes(b"\0\0\0\x08ftyp" + fill * 200_000)
        assert mirroring_of(path) is None


class TestDamage:
    def damaged(self, make_video, at: float) -> Path:
        path = make_video("clip.mp4", [numbered_frame(i, scale=5) for i in range(120)])
        path.write_bytes(mp4_with_damage(path.read_bytes(), at))
        return path

    def test_frames_behind_a_damaged_part_are_read_with_their_own_times(self, make_video):
        path = self.damaged(make_video, 0.5)
        with VideoFile(path) as video:
            frames = list(video)
            stats = video.stats()
        assert stats.damaged > 0
        assert (stats.captured, stats.used) == (120 - stats.damaged, 120 - stats.damaged)
        assert frames[-1].timestamp == pytest.approx(119 / 25)
        times = np.array([frame.timestamp for frame in frames])
        gap = int(np.argmax(np.diff(times)))
        assert np.diff(times)[gap] == pytest.approx((stats.damaged + 1) / 25)
        # the frame in which the damage begins may be decoded, with what is left of it
        assert [number_of(frame.image) for frame in frames[:gap]] == list(range(gap))
        assert number_of(frames[-1].image) == 119

    def test_it_is_said_once(self, make_video, caplog: pytest.LogCaptureFixture):
        path = self.damaged(make_video, 0.5)
        with VideoFile(path) as video:
            for count in (1, 2):
                read = len(list(video.frames(lambda timestamp: False)))
                assert read == 0
                assert video.stats().damaged + video.stats().unwanted == 120 * count
        (said,) = (record for record in caplog.records if record.name == "edgevid")
        assert said.levelname == "WARNING"
        assert f"{path} is damaged after 2." in said.getMessage()
        assert "Copy or record it again" in said.getMessage()

    @pytest.mark.parametrize("declared", [30.0, 31.0, 500.0, 1e6])
    def test_end_of_a_file_is_no_damage_also_of_one_that_declares_too_many_frames(
        self, make_video, captures, caplog, declared: float
    ):
        captures.declared = declared
        with VideoFile(make_video("clip.mp4", 30)) as video:
            assert len(list(video)) == 30
            assert video.stats().damaged == 0
        assert caplog.records == []


class TestCost:
    def test_frames_that_are_not_sampled_are_not_converted(self, make_video, captures):
        path = make_video("clip.mp4", 200)
        sample_values(path, number_of)
        assert [(capture.grabbed, capture.retrieved) for capture in captures] == [(200, 25)]

    def test_frame_that_stands_for_several_samples_is_made_once(self, make_video, captures):
        path, made = make_video("clip.mp4", 6), []
        sample_values(path, lambda frame: made.append(number_of(frame)))
        assert made == [0, 1, 2, 3, 4, 5]
        assert [capture.retrieved for capture in captures] == [6]

    def test_wrong_frame_count_costs_one_more_pass_and_no_frame_twice(self, make_video, captures):
        path, made = make_video("clip.mp4", 60), []
        captures.declared = 50.0
        sample_values(path, lambda frame: made.append(number_of(frame)))
        assert [capture.grabbed for capture in captures] == [60, 60]
        assert len(made) == len(set(made))
        assert set(made) == set(uniform_indices(50).tolist()) | set(uniform_indices(60).tolist())

    def test_unwanted_frames_of_a_stream_are_not_converted(self, make_video, captures):
        with VideoFile(make_video("clip.mp4", 60)) as video:
            list(video.frames(lambda timestamp: False))
        assert [(capture.grabbed, capture.retrieved) for capture in captures] == [(60, 0)]

    @pytest.mark.parametrize("declared", [None, 77.0])
    def test_at_most_two_frames_of_a_long_clip_are_alive(self, make_video, captures, declared: float | None):
        frames = (numbered_frame(i, scale=10) for i in range(150))  # 640x480: 0.9 MB a frame
        path = make_video("long.avi", frames)
        captures.declared = declared
        alive: list[weakref.ref] = []
        most = 0

        def make(frame: np.ndarray) -> int:
            nonlocal most
            alive[:] = [ref for ref in alive if ref() is not None]
            alive.append(weakref.ref(frame))
            most = max(most, len(alive))
            return number_of(frame)

        tracemalloc.start()
        samples = sample_values(path, make)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert [value for _, value in samples] == uniform_indices(150).tolist()
        assert most <= 2
        assert peak < 16e6  # with the doubles that number_of computes; all 150 frames would be 138 MB


class TestOpening:
    @pytest.mark.parametrize(
        "name", ["a b.mp4", "ünï 文.mp4", "a%d.mp4", "a%03d.mp4", "a#?&.mp4", "-a.mp4", "noext", "A.MP4"]
    )
    def test_any_file_name_opens(self, make_video, tmp_path: Path, name: str):
        path = make_video("clip.mp4", 25).rename(tmp_path / name)
        assert sampled(path) == list(range(25))
        assert [value for _, value in sample_values(str(path), number_of)] == list(range(25))

    @pytest.mark.skipif(os.name == "nt", reason="Windows forbids such names")
    @pytest.mark.parametrize("name", ["at 10:30.mp4", "http:x.mp4", "concat:a.mp4", "0"])
    def test_relative_name_is_never_taken_for_a_protocol_or_camera(
        self, make_video, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ):
        make_video("clip.mp4", 25).rename(tmp_path / name)
        monkeypatch.chdir(tmp_path)
        assert sampled(Path(name)) == list(range(25))

    def test_closing_twice_is_fine_and_ends_the_frames(self, make_video):
        video = VideoFile(make_video("clip.mp4", 10))
        frames = iter(video)
        next(frames)
        video.close()
        video.close()
        assert list(frames) == []
        with pytest.raises(SourceError, match="is closed; open it again"):
            video.retrieve()

    def test_a_file_is_not_live(self, make_video):
        with edgevid.open_source(make_video("clip.mp4", 3)) as source:
            assert isinstance(source, VideoFile)
            assert not source.live

    def test_frame_that_cannot_be_decoded_is_named(self, make_video, captures):
        path = make_video("clip.mp4", 10)
        with VideoFile(path) as video:
            captures[0].retrieve = lambda: (False, None)
            with pytest.raises(SourceError, match=r"Frame 0 of .*clip\.mp4 cannot be decoded"):
                next(iter(video))
