"""Taking clips from a camera: countdown, length, keeping, losses."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable, Optional

import numpy as np
import pytest
from support.mjpeg import MjpegCamera
from support.stand_ins import Keeping, Scripted
from support.videos import moving_frames, number_of, numbered_frame

from edgevid import OptionError, Source, SourceError, TimedFrame, VideoFile
from edgevid.recording import ClipFolder, ClipLostError, Recorder, Recording, recorder
from edgevid.recording.preview import Preview, drawn
from edgevid.sources import SourceStatus, Wanted


def numbered(count: int, fps: float = 5.0, first: int = 0) -> list[TimedFrame]:
    return [TimedFrame(i / fps, numbered_frame(i)) for i in range(first, first + count)]


class Losing(Source):
    """A camera that follows a list: a frame, or None where it is lost."""

    live, name = True, "camera 7"

    def __init__(self, script: list[Optional[TimedFrame]]) -> None:
        self.script = script

    def frames_and_losses(self, wanted: Optional[Wanted] = None) -> Iterator[Optional[TimedFrame]]:
        for step in self.script:
            if step is None or wanted is None or wanted(step.timestamp):
                yield step


@pytest.fixture
def record(tmp_path: Path) -> Callable[..., Recorder]:
    """``record(source, ...)``: a recorder of clips of a second, without a countdown."""
    return lambda source, **options: Recorder(source, tmp_path, **{"seconds": 1, "countdown_seconds": 0, **options})


def numbers(taken: Any) -> list[int]:
    return [number_of(frame.image) for frame in taken.frames()]


class TestClips:
    def test_clips_of_a_slow_camera_last_as_long_as_was_asked_for(self, record):
        one = record(Losing(numbered(15)), group="g", person="Ann", place="hall", device="pi")
        taken = one.record_clip("wave")
        # the first frame of a camera is only waited for, as it may have to come back
        assert numbers(taken) == [1, 2, 3, 4, 5]
        assert (taken.fps, taken.seconds) == (pytest.approx(5), pytest.approx(1))
        assert one.folder.clips() == []
        clip = one.keep()
        assert one.folder.clips() == one.kept == [clip]
        assert clip[1:] == ("wave", "g", "Ann", "hall", "pi")
        with pytest.raises(SourceError, match="There is no clip to keep"):
            one.keep()

    def test_a_clip_can_be_taken_again_and_the_last_one_deleted(self, record):
        one = record(Losing(numbered(40)))
        one.record_clip("wave")
        again = one.record_clip("wave")
        assert numbers(again)[0] > 5
        first = one.keep()
        one.record_clip("wave")
        second = one.keep()
        one.record_clip("none")
        one.discard()
        assert one.pending is None
        assert one.delete() == second
        assert one.folder.clips() == one.kept == [first]
        assert (one.delete(), one.delete()) == (first, None)

    def test_recorders_of_one_session_share_a_group(self, record):
        one = record(Losing(numbered(9)), person="Ann")
        one.record_clip("wave")
        assert one.keep().group == one.group
        assert record(Losing([]), person="Ann").group == one.group
        assert record(Losing([])).group != one.group

    def test_a_file_is_recorded_piece_by_piece_without_a_countdown(self, record, make_video):
        one = record(make_video(frames=20, fps=8.0), countdown_seconds=60)
        clips = [one.record_clip("wave"), one.record_clip("wave")]
        assert [numbers(clip) for clip in clips] == [list(range(8)), list(range(9, 17))]
        with pytest.raises(SourceError, match="ended while a clip of 'wave' was recorded"):
            one.record_clip("wave")
        one.close()
        assert list(VideoFile(one.source.path))
        assert list(one.source) == [], "what it opened is closed"

    def test_wrong_options(self, record, tmp_path):
        with pytest.raises(OptionError, match="seconds=0"):
            record(Losing([]), seconds=0)
        with pytest.raises(OptionError, match=r"The label '\.\./x'"):
            record(Losing([])).record_clip("../x")


class TestProgress:
    def test_the_countdown_and_the_recording_are_told_by_the_second(self, record, monkeypatch):
        clock = iter(np.arange(0, 100, 0.5))
        monkeypatch.setattr(recorder.time, "monotonic", lambda: float(next(clock)))
        told, shown = [], []
        one = record(
            Losing(numbered(40)), countdown_seconds=2, seconds=2, on_progress=told.append, on_frame=shown.append
        )
        one.record_clip("wave")
        assert told == [
            Recording("countdown", "wave", 2),
            Recording("countdown", "wave", 1),
            Recording("recording", "wave", 2),
            Recording("recording", "wave", 1),
            Recording("ready", "", 0),
        ]
        assert [number_of(frame.image) for frame in shown] == list(range(len(shown)))

    def test_it_can_be_cancelled_from_another_thread(self, record):
        one: Recorder

        def cancel(frame: TimedFrame) -> None:
            if frame.timestamp > 0.5:
                thread = threading.Thread(target=one.cancel)
                thread.start()
                thread.join()

        one = record(Losing(numbered(40)), on_frame=cancel)
        assert one.record_clip("wave") is None
        assert (one.pending, one.state) == (None, Recording())

    def test_watching_shows_frames_until_told(self, record):
        shown = []
        one = record(Losing([*numbered(8), None, *numbered(5, first=8)]), on_frame=shown.append)
        assert one.watch(lambda: len(shown) == 3)
        assert not one.watch(lambda: False), "it was lost"
        assert one.watch(lambda: len(shown) == 10)


class TestLosses:
    def test_a_clip_during_which_the_camera_was_lost_is_not_kept(self, record):
        one = record(Losing([*numbered(8), None, *numbered(12, first=20)]))
        one.record_clip("wave")
        first = one.keep()
        with pytest.raises(ClipLostError, match=r"camera 7 was lost .* that clip is not kept, the 1 before it are"):
            one.record_clip("wave")
        assert (one.pending, one.state) == (None, Recording())
        assert numbers(one.record_clip("wave")) == [21, 22, 23, 24, 25]
        assert one.folder.clips() == [first]

    def test_a_loss_that_was_over_before_it_was_noticed(self, record):
        camera = Scripted([], live=True)
        camera.script = [*numbered(4), camera.lose, *numbered(20, first=4)]
        with pytest.raises(ClipLostError):
            record(camera).record_clip("wave")

    def test_a_real_camera_is_lost_and_comes_back(self, tmp_path):
        """Over HTTP: unplugged during a recording, then plugged in again; the previous clip stays, the next one is complete."""
        with MjpegCamera() as camera:
            pulled = threading.Event()

            def pull(state: Recording) -> None:
                if state.state == "recording" and one.kept and not pulled.is_set():
                    pulled.set()
                    threading.Timer(0.1, camera.unplug).start()

            with Recorder(camera.url, tmp_path, seconds=0.5, countdown_seconds=0, on_progress=pull) as one:
                one.record_clip("wave")
                one.keep()
                with pytest.raises(ClipLostError):
                    one.record_clip("wave")
                camera.plug_in()
                assert one.record_clip("wave").seconds == pytest.approx(0.5, abs=0.2)
                one.keep()
        assert ClipFolder(tmp_path).counts() == {"wave": 2}


class TestPreview:
    def test_an_output_sees_the_picture_the_countdown_and_losses(self):
        camera, output = Losing([]), Keeping()
        preview = Preview(output, camera)
        frame = TimedFrame(1.0, moving_frames(1, 64, 48)[0])
        preview.frame(frame)
        preview.frame(frame)  # too soon for another picture
        preview.progress(Recording("countdown", "wave", 2))
        preview.frame(frame)
        preview.progress(Recording("recording", "wave", 5))
        preview.frame(frame)
        preview.status(SourceStatus(camera.name, "lost", "camera 7 was lost", 2.0))
        assert [(state.state, state.message) for state in output.states] == [
            ("ready", ""),
            ("countdown", "wave: in 2 s"),
            ("recording", "Recording wave: 5 s left"),
            ("lost", "camera 7 was lost"),
        ]
        pictures = [sampled.frame for sampled in output.sampled]
        assert pictures[0] is frame.image
        assert len({picture.tobytes() for picture in pictures}) == 3

    @pytest.mark.parametrize("size", [(48, 64), (1080, 1920), (640, 360)])
    def test_what_is_drawn_is_at_the_top_and_around(self, size):
        image = np.zeros((*size, 3), np.uint8)
        number = drawn(image, Recording("countdown", "wave", 3)).any(axis=2)
        rows, columns = np.nonzero(number)
        assert columns.min() + columns.max() == pytest.approx(size[1], abs=0.1 * size[0])
        assert 0 < rows.min() < 0.2 * size[0] < rows.max() < 0.5 * size[0]
        border = drawn(image, Recording("recording", "wave", 3))
        assert border[0, 0, 0] > 200
        assert not border[size[0] // 2, size[1] // 2].any()
        assert not image.any()
