"""Sources whose frames wait: pictures, video files, iterables; their counts, statuses and ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import numpy as np
import pytest
from PIL import Image
from support.cameras import Statuses
from support.videos import number_of, numbered_frame, write_video

import edgevid
from edgevid import OptionError, SourceError, StreamOptions, VideoFile
from edgevid.sources import FrameIterable, ImageFolder, Source, SourceStats
from edgevid.sources.limits import check_size


def write_pictures(folder: Path, names: list[str], first: int = 0) -> list[Path]:
    """Numbered pictures of these names, in the order given."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names, first):
        Image.fromarray(numbered_frame(number)).save(folder / name)
    return [folder / name for name in names]


class TestImageFolder:
    def test_numbers_in_names_give_the_order(self, tmp_path: Path):
        names = ["frame_1.png", "frame_2.png", "Frame_9.png", "frame_10.png", "frame_100.png", "frame_101b2.png",
                 "frame_101b10.png"]  # fmt: skip
        write_pictures(tmp_path, names)
        with edgevid.open_source(tmp_path) as source:
            assert isinstance(source, ImageFolder)
            assert [number_of(frame.image) for frame in source] == list(range(len(names)))

    def test_order_of_names_that_differ_only_in_zeros_or_case_is_always_the_same(self, tmp_path: Path):
        names = ["1.png", "01.png", "001.png", "A.png", "a.png", "²3.png"]
        write_pictures(tmp_path, names)
        orders = {tuple(ImageFolder(tmp_path).paths) for _ in range(3)}
        assert len(orders) == 1
        assert len(orders.pop()) == len(names)

    def test_rate_gives_the_timestamps(self, tmp_path: Path):
        write_pictures(tmp_path, ["a.png", "b.png", "c.png"])
        assert [frame.timestamp for frame in ImageFolder(tmp_path)] == [0.0, 0.04, 0.08]
        assert [frame.timestamp for frame in ImageFolder(tmp_path, fps=0.5)] == [0.0, 2.0, 4.0]

    @pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".png", ".bmp", ".webp", ".tif", ".tiff"])
    def test_formats(self, tmp_path: Path, suffix: str):
        write_pictures(tmp_path, [f"picture{suffix}"], first=1234)
        ((_, image),) = edgevid.open_source(str(tmp_path))
        assert (image.dtype, image.shape) == (np.uint8, (48, 64, 3))
        assert number_of(image) == 1234

    @pytest.mark.parametrize(("mode", "colour", "rgb"), [
        ("RGB", (200, 100, 10), [200, 100, 10]), ("L", 90, [90, 90, 90]),
        ("RGBA", (200, 100, 10, 128), [200, 100, 10]), ("1", 1, [255, 255, 255]),
        ("I;16", 200 * 256, [200, 200, 200]),
    ])  # fmt: skip
    def test_colours_are_rgb(self, tmp_path: Path, mode: str, colour: object, rgb: list[int]):
        Image.new(mode, (8, 6), colour).save(tmp_path / "a.png")
        ((_, image),) = ImageFolder(tmp_path)
        assert (image.dtype, image.shape) == (np.uint8, (6, 8, 3))
        assert image[0, 0].tolist() == rgb

    def test_palette_becomes_rgb(self, tmp_path: Path):
        Image.new("RGB", (8, 6), (200, 100, 10)).convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "a.png")
        ((_, image),) = ImageFolder(tmp_path)
        assert image[0, 0].tolist() == [200, 100, 10]

    def test_orientation_that_the_camera_noted_is_applied(self, tmp_path: Path):
        picture = np.zeros((30, 40, 3), np.uint8)
        picture[:, 20:] = 255  # the right half is light
        exif = Image.Exif()
        exif[0x0112] = 6  # to be turned by 90 degrees clockwise
        Image.fromarray(picture).save(tmp_path / "a.jpg", exif=exif, quality=95)
        ((_, image),) = ImageFolder(tmp_path)
        assert image.shape == (40, 30, 3)
        assert image[:15].mean() < 20
        assert image[25:].mean() > 235

    def test_only_wanted_pictures_are_decoded(self, tmp_path: Path):
        paths = write_pictures(tmp_path, [f"{i}.png" for i in range(10)])
        paths[3].write_bytes(b"no picture")
        with ImageFolder(tmp_path, fps=10) as source:
            got = [number_of(frame.image) for frame in source.frames(lambda timestamp: round(timestamp * 10) % 5 == 0)]
            assert source.stats() == SourceStats(captured=10, used=2, unwanted=8)
        assert got == [0, 5]

    def test_other_files_hidden_ones_and_subfolders_are_left_out(self, tmp_path: Path):
        write_pictures(tmp_path, ["a.png", ".hidden.png"])
        (tmp_path / "._a.png").write_bytes(b"what macOS leaves on foreign disks")
        (tmp_path / "notes.txt").write_text("not a picture", encoding="utf-8")
        write_pictures(tmp_path / "more", ["b.png"])
        assert [path.name for path in ImageFolder(tmp_path).paths] == ["a.png"]

    @pytest.mark.parametrize("kind", [str, Path])
    @pytest.mark.parametrize("container", [list, tuple])
    def test_list_of_pictures_keeps_its_order(self, tmp_path: Path, kind: type, container: type):
        paths = write_pictures(tmp_path, ["b.png", "a.png", "10.png"])
        with edgevid.open_source(container(kind(path) for path in paths)) as source:
            assert isinstance(source, ImageFolder)
            assert [number_of(frame.image) for frame in source] == [0, 1, 2]

    @pytest.mark.parametrize("content", [b"", b"no picture", None])
    def test_picture_that_cannot_be_read_is_named(self, tmp_path: Path, content: bytes):
        good, bad = write_pictures(tmp_path, ["1.png", "2.png"])
        bad.write_bytes(good.read_bytes()[:60] if content is None else content)
        statuses = Statuses()
        with ImageFolder(tmp_path) as source:
            source.on_status = statuses
            frames = iter(source)
            next(frames)
            with pytest.raises(SourceError, match=r"The picture .*2\.png cannot be read: "):
                next(frames)
        assert statuses.states == ["opened", "failed"]

    def test_picture_that_is_missing_is_named(self, tmp_path: Path):
        with pytest.raises(SourceError, match=r"No such picture: .*gone\.jpg"):
            list(edgevid.open_source([tmp_path / "gone.jpg"]))

    def test_folder_without_pictures_says_what_is_expected(self, tmp_path: Path):
        with pytest.raises(SourceError, match=r"holds no pictures; expected \.bmp, .*\.webp\.$"):
            edgevid.open_source(tmp_path)

    def test_folder_of_videos_says_so(self, tmp_path: Path):
        for name in ("a.mp4", "b.avi"):
            (tmp_path / name).write_bytes(b"")
        with pytest.raises(SourceError, match="It holds 2 videos: give one of them"):
            edgevid.open_source(tmp_path)

    def test_empty_list_is_refused(self):
        with pytest.raises(SourceError, match="An empty list was given"):
            ImageFolder([])

    def test_file_is_no_folder(self, tmp_path: Path):
        (path,) = write_pictures(tmp_path, ["a.png"])
        with pytest.raises(SourceError, match="is not a folder; for single pictures give a list"):
            ImageFolder(path)

    @pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf"), True, "25"])
    def test_rate_that_is_none_is_refused(self, tmp_path: Path, fps: object):
        with pytest.raises(OptionError, match=r"fps=.* was given; expected a number of pictures a second above 0"):
            ImageFolder(tmp_path, fps=fps)

    def test_recogniser_streams_from_a_folder(self, tmp_path: Path, recognizer: edgevid.Recognizer):
        write_pictures(tmp_path, [f"{i}.png" for i in range(30)])
        predictions = list(recognizer.stream(tmp_path, StreamOptions(window_seconds=1.0)))
        assert predictions[-1].timestamp == pytest.approx(29 / 25)


class TestVideoFile:
    def test_drops_nothing_and_counts(self, make_video: Callable[..., Path]):
        with VideoFile(make_video(frames=30)) as video:
            got = [number_of(frame.image) for frame in video.frames(lambda timestamp: round(timestamp * 25) % 3 == 0)]
            assert video.stats() == SourceStats(captured=30, used=10, unwanted=20)
        assert got == list(range(0, 30, 3))

    def test_counts_go_on_while_it_is_read(self, make_video: Callable[..., Path]):
        with VideoFile(make_video(frames=5)) as video:
            for count, _ in enumerate(video, 1):
                assert video.stats() == SourceStats(captured=count, used=count)

    def test_tells_its_beginning_and_end(self, make_video: Callable[..., Path]):
        path = make_video(frames=3)
        statuses = Statuses()
        with VideoFile(path) as video:
            video.on_status = statuses
            assert len(list(video)) == 3
            assert statuses.states == ["opened", "ended"]
        assert statuses.states == ["opened", "ended"]
        assert {status.source for status in statuses} == {str(path)}

    def test_closing_midway_ends_it_once(self, make_video: Callable[..., Path]):
        statuses = Statuses()
        video = VideoFile(make_video(frames=30))
        video.on_status = statuses
        frames = iter(video)
        next(frames)
        video.close()
        video.close()
        assert list(frames) == []
        assert statuses.states == ["opened", "ended"]

    def test_closing_from_another_thread_while_it_is_read_ends_it(self, make_video: Callable[..., Path]):
        """Freeing a capture that another thread reads crashes OpenCV."""
        path = make_video(frames=300)
        for at in range(0, 40, 2):
            video = VideoFile(path)
            frames = iter(video)
            for _ in range(at):
                next(frames)
            closer = threading.Thread(target=video.close)
            closer.start()
            rest = list(frames)
            closer.join()
            assert len(rest) <= 300 - at
            assert video._capture is None

    def test_closing_while_a_read_blocks_leaves_the_file_to_the_reader(
        self, make_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("edgevid.sources.video_file._CLOSE_SECONDS", 0.05)
        video = VideoFile(make_video(frames=3))
        blocks, unblock = threading.Event(), threading.Event()
        real = video._capture

        class Blocking:
            def grab(self) -> bool:
                blocks.set()
                return unblock.wait(60) and real.grab()

            def __getattr__(self, name: str) -> object:
                return getattr(real, name)

        video._capture = Blocking()
        got: list[edgevid.TimedFrame] = []
        reader = threading.Thread(target=lambda: got.extend(video))
        reader.start()
        assert blocks.wait(30)
        video.close()
        assert video._capture is not None  # it is in use
        unblock.set()
        reader.join(30)
        assert not reader.is_alive()
        assert video._capture is None
        assert got == []


class TestFrameIterable:
    def test_counts_and_statuses(self):
        statuses = Statuses()
        source = edgevid.open_source((float(i), numbered_frame(i)) for i in range(6))
        source.on_status = statuses
        assert [number_of(frame.image) for frame in source.frames(lambda timestamp: timestamp % 2 == 0)] == [0, 2, 4]
        assert source.stats() == SourceStats(captured=6, used=3, unwanted=3)
        assert statuses.states == ["opened", "ended"]

    def test_error_of_the_callers_own_code_is_theirs_as_it_is(self):
        mistake = KeyError("my own")

        def frames() -> Iterator[np.ndarray]:
            yield numbered_frame(0)
            raise mistake

        statuses = Statuses()
        source = FrameIterable(frames())
        source.on_status = statuses
        with pytest.raises(KeyError) as raised:
            list(source)
        assert raised.value is mistake
        assert statuses.states == ["opened", "failed"]

    def test_closing_ends_it(self):
        source = FrameIterable(numbered_frame(i) for i in range(10))
        frames = iter(source)
        next(frames)
        source.close()
        assert list(frames) == []

    @pytest.mark.parametrize("shape", [(8, 6, 3), (8, 6)])
    def test_a_single_frame_is_refused(self, shape: tuple[int, ...]):
        with pytest.raises(SourceError, match=r"expected several frames, \[N, height, width, 3\]"):
            FrameIterable(np.zeros(shape, np.uint8))

    def test_a_pair_the_wrong_way_round_is_refused_in_few_words(self):
        with pytest.raises(SourceError, match=r"expected \(timestamp, frame\), in this order") as raised:
            list(FrameIterable([(numbered_frame(1), 0.5)]))
        assert "\n" not in str(raised.value)


class TestOpenSource:
    def test_file_url_is_a_file(self, make_video: Callable[..., Path]):
        path = make_video("a clip #1.mp4", frames=3)
        with edgevid.open_source(path.as_uri()) as source:
            assert isinstance(source, VideoFile)
            assert len(list(source)) == 3

    def test_nobody_means_the_current_folder_by_nothing(self):
        with pytest.raises(SourceError):
            edgevid.open_source("")

    def test_what_is_no_source_is_refused(self):
        with pytest.raises(SourceError, match=r'expected a camera index, .*"picamera2", .*folder or list of pictures'):
            edgevid.open_source(3.5)  # type: ignore[arg-type]

    def test_a_source_of_ones_own_needs_only_frames(self, recognizer: edgevid.Recognizer):
        class Own(Source):
            def frames(self, wanted=None):
                for i in range(3):
                    yield edgevid.TimedFrame(float(i), numbered_frame(i))

        with Own() as source:
            assert edgevid.open_source(source) is source
            assert list(recognizer.stream(source, StreamOptions(window_seconds=3, min_filled=0)))
            assert source.stats() == SourceStats()


class TestSizes:
    """A file of a few kB may contain frames of gigabytes."""

    def test_large_frames_are_refused_before_one_is_decoded(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        path = write_video(tmp_path / "clip.avi", [numbered_frame(k) for k in range(3)], 25.0)
        height, width = numbered_frame(0).shape[:2]
        monkeypatch.setenv("EDGEVID_MAX_PIXELS", str(width * height - 1))
        with pytest.raises(SourceError, match=f"frames of {width}x{height} pixels; at most"):
            VideoFile(path)
        monkeypatch.setenv("EDGEVID_MAX_PIXELS", str(width * height))
        with VideoFile(path) as video:
            assert len(list(video)) == 3

    def test_large_pictures_too(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        write_pictures(tmp_path, ["1.png"])
        monkeypatch.setenv("EDGEVID_MAX_PIXELS", "100")
        with pytest.raises(SourceError, match="at most 100 pixels"):
            list(ImageFolder(tmp_path))

    def test_the_usual_limit(self):
        check_size("A film", 7680, 4320)
        with pytest.raises(SourceError, match="A film has frames of 16000x8000 pixels"):
            check_size("A film", 16000, 8000)

    @pytest.mark.parametrize("text", ["many", "-1", "1" * 30, "٣"])
    def test_a_limit_that_is_none_is_refused(self, monkeypatch: pytest.MonkeyPatch, text: str):
        monkeypatch.setenv("EDGEVID_MAX_PIXELS", text)
        with pytest.raises(OptionError, match="EDGEVID_MAX_PIXELS"):
            check_size("A film", 1, 1)
