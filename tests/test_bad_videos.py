"""Files that are not a whole video give a helpful SourceError: no crash, no hang, no answer from what is left."""

from __future__ import annotations

import os
import subprocess
import sys
import wave
from io import BytesIO
from pathlib import Path
from typing import Callable

import cv2
import numpy as np
import pytest
from PIL import Image
from support.containers import flac_with_cover, mp3_with_cover, mp4_with_index_first
from support.system import open_files
from support.videos import moving_frames, number_of, numbered_frame, sample_values, write_video

import edgevid
from edgevid import SourceError, VideoFile
from edgevid.sampling import uniform_indices
from edgevid.sources.container import missing_bytes

TEXT = "This is a text.\n" * 300
NOISE = np.random.default_rng(1).bytes(60_000)


def read(path: Path) -> list:
    return sample_values(path, lambda frame: frame.shape)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Whole videos of 40 frames, by name."""
    folder, frames = tmp_path_factory.mktemp("whole"), moving_frames(40)
    files = {
        name: write_video(folder / name, frames, fourcc=fourcc).read_bytes()
        for name, fourcc in [
            ("plain.mp4", None),
            ("clip.mov", None),
            ("jpeg.avi", "MJPG"),
            ("xvid.avi", "XVID"),
            ("clip.mkv", None),
            ("clip.webm", None),
        ]
    }
    files["web.mp4"] = mp4_with_index_first(files["plain.mp4"])
    return files


NAMES = ["plain.mp4", "web.mp4", "clip.mov", "jpeg.avi", "xvid.avi", "clip.mkv", "clip.webm"]


class TestCutShort:
    @pytest.mark.parametrize("name", NAMES)
    def test_whole_file_lacks_nothing(self, whole, tmp_path: Path, name: str):
        path = tmp_path / name
        path.write_bytes(whole[name])
        assert missing_bytes(path) == 0
        assert len(read(path)) == 25

    @pytest.mark.parametrize("part", [0.2, 0.5, 0.9, 0.99])
    @pytest.mark.parametrize("name", NAMES)
    def test_cut_file_is_refused_and_says_how_much_is_missing(self, whole, tmp_path: Path, name: str, part: float):
        path, keep = tmp_path / name, int(part * len(whole[name]))
        path.write_bytes(whole[name][:keep])
        missing = len(whole[name]) - keep
        with pytest.raises(
            SourceError, match=r"cut short: at least [\d,]+ bytes are missing at its end\. Copy it again"
        ):
            read(path)
        if name not in ("plain.mp4", "clip.mov"):  # these have their index last: its length is not known yet
            assert missing_bytes(path) == missing

    @pytest.mark.parametrize("name", NAMES)
    def test_the_first_bytes_of_a_video_are_no_video(self, whole, tmp_path: Path, name: str):
        path = tmp_path / name
        for keep in (1, 4, 8, 11, 16, 40, 100):
            path.write_bytes(whole[name][:keep])
            with pytest.raises(SourceError):
                read(path)

    @pytest.mark.parametrize(
        "tail", [b"abc", b"some text " * 20, bytes(64), NOISE], ids=["3", "text", "zeros", "noise"]
    )
    @pytest.mark.parametrize("name", NAMES)
    def test_bytes_that_another_program_appended_do_no_harm(self, whole, tmp_path: Path, name: str, tail: bytes):
        path = tmp_path / name
        path.write_bytes(whole[name] + tail)
        assert missing_bytes(path) == 0
        assert [index for index, _ in read(path)] == uniform_indices(40).tolist()

    def test_mp4_without_its_index_is_refused(self, whole, tmp_path: Path):
        data = whole["plain.mp4"]
        path = tmp_path / "unfinished.mp4"
        path.write_bytes(data[: data.rindex(b"moov") - 4])
        with pytest.raises(SourceError, match="not closed properly"):
            read(path)

    def test_matroska_of_unknown_length_is_read(self, whole, tmp_path: Path):
        # as a live recording writes it
        data = bytearray(whole["clip.mkv"])
        segment = data.index(b"\x18\x53\x80\x67") + 4
        data[segment : segment + 8] = b"\x01" + b"\xff" * 7
        path = tmp_path / "live.mkv"
        path.write_bytes(data)
        assert missing_bytes(path) == 0
        assert len(read(path)) == 25


class TestNoVideo:
    @pytest.mark.parametrize(
        "suffix", ["txt", "nfo", "srt", "mp4", "avi", "mkv", "bin", "idf", "cdg", "json", "jpg", "md", ""]
    )
    @pytest.mark.parametrize("content", ["text", "noise"])
    def test_text_and_noise_are_refused_whatever_their_name(self, tmp_path: Path, suffix: str, content: str):
        path = tmp_path / f"file.{suffix}"
        path.write_bytes(TEXT.encode() if content == "text" else NOISE)
        with pytest.raises(SourceError, match=r"file\.\S* (is not a video|has no frame)"):
            read(path)

    def test_coloured_terminal_output_is_refused(self, tmp_path: Path):
        path = tmp_path / "log.txt"
        path.write_text("\x1b[31mred\x1b[0m\n" * 100)
        with pytest.raises(SourceError, match=r"log\.txt is not a video"):
            read(path)

    def test_subtitles_are_refused(self, tmp_path: Path):
        path = tmp_path / "film.srt"
        path.write_text("1\n00:00:01,000 --> 00:00:02,000\nHello\n\n" * 20)
        with pytest.raises(SourceError, match="is not a video"):
            read(path)

    def test_sound_without_pictures_is_refused(self, tmp_path: Path):
        path = tmp_path / "sound.wav"
        with wave.open(str(path), "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(8000)
            sound.writeframes(NOISE)
        with pytest.raises(SourceError, match="is not a video"):
            read(path)

    @pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "tiff", "mp4"])
    def test_picture_is_refused_and_says_how_to_classify_one(self, tmp_path: Path, suffix: str):
        path = tmp_path / f"photo.{suffix}"
        Image.fromarray(moving_frames(1)[0]).save(path, format="JPEG" if suffix == "mp4" else None)
        with pytest.raises(
            SourceError, match=r"photo\.\w+ is a picture; expected a video.*array \[1, height, width, 3\]"
        ):
            read(path)

    @pytest.mark.parametrize("form", ["WEBP", "GIF", "PPM", "ICO", "JPEG2000", "PCX"])
    @pytest.mark.parametrize("suffix", ["mp4", "avi"])
    def test_a_still_picture_named_as_a_video_is_refused(self, tmp_path: Path, form: str, suffix: str):
        path = tmp_path / f"photo.{suffix}"
        Image.fromarray(moving_frames(1)[0]).save(path, format=form)
        with pytest.raises(
            SourceError, match=r"holds one still picture.*expected a video.*array \[1, height, width, 3\]"
        ):
            read(path)

    @pytest.mark.parametrize("brand", [b"heic", b"mif1", b"avif"])
    def test_a_phones_photo_is_a_picture(self, tmp_path: Path, brand: bytes):
        path = tmp_path / "IMG_0001.mp4"
        path.write_bytes(b"\0\0\0\x18ftyp" + brand + bytes(12) + NOISE)
        with pytest.raises(SourceError, match=r"is a picture; expected a video"):
            read(path)

    @pytest.mark.parametrize("suffix", ["mp3", "mp4"])
    @pytest.mark.parametrize("song", [mp3_with_cover, flac_with_cover])
    def test_a_song_with_a_cover_is_refused(self, tmp_path: Path, song: Callable[[bytes], bytes], suffix: str):
        cover, path = BytesIO(), tmp_path / f"song.{suffix}"
        Image.fromarray(moving_frames(1)[0]).save(cover, "JPEG")
        path.write_bytes(song(cover.getvalue()))
        with pytest.raises(SourceError, match="holds one still picture, such as the cover of a song"):
            read(path)

    @pytest.mark.parametrize("name", ["one.mp4", "one.avi"])
    def test_a_video_of_one_frame_is_one(self, make_video, name: str):
        assert len(sample_values(make_video(name, 1), number_of)) == 25

    def test_moving_pictures_are_videos(self, tmp_path: Path):
        first, *others = (Image.fromarray(numbered_frame(k)) for k in range(30))
        path = tmp_path / "moving.gif"
        first.save(path, save_all=True, append_images=others, duration=40, loop=0)
        assert [value for _, value in sample_values(path, number_of)] == uniform_indices(30).tolist()

    def test_empty_file_is_refused(self, tmp_path: Path):
        path = tmp_path / "empty.mp4"
        path.touch()
        with pytest.raises(SourceError, match=r"empty\.mp4 is empty \(0 bytes\)"):
            read(path)

    @pytest.mark.parametrize("name", ["none.avi", "none.mp4", "none.mkv"])
    def test_video_of_zero_frames_is_refused(self, tmp_path: Path, name: str):
        path = tmp_path / name
        fourcc = {"avi": "MJPG", "mp4": "mp4v", "mkv": "VP80"}[name[-3:]]
        cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*fourcc), 25.0, (64, 48)).release()
        assert path.stat().st_size > 0
        with pytest.raises(SourceError, match=r"has no frame|is not a video"):
            read(path)

    def test_missing_file_is_named(self, tmp_path: Path):
        with pytest.raises(SourceError, match=r"No such file: webcam\. A camera is 0, /dev/video0 or picamera2\.$"):
            edgevid.open_source("webcam")
        with pytest.raises(SourceError, match=r"No such file: .*gone\.mp4$"):
            read(tmp_path / "gone.mp4")

    def test_folder_is_refused(self, tmp_path: Path):
        with pytest.raises(SourceError, match="is not a file"):
            read(tmp_path)

    def test_dangling_link_is_no_such_file(self, tmp_path: Path):
        (tmp_path / "link.mp4").symlink_to(tmp_path / "gone.mp4")
        with pytest.raises(SourceError, match="No such file"):
            read(tmp_path / "link.mp4")

    @pytest.mark.parametrize("name", ["x" * 300 + ".mp4", "x" * 5000, "a\0b.mp4"])
    def test_name_that_no_file_can_have_is_a_source_error(self, name: str):
        with pytest.raises(SourceError, match=r"No such file|cannot be read"):
            read(Path(name))

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
    def test_file_without_permission_is_refused(self, make_video):
        path = make_video("secret.mp4", 3)
        path.chmod(0)
        with pytest.raises(SourceError, match=r"secret\.mp4 cannot be read: Permission denied"):
            read(path)

    def test_unreadable_file_is_refused(self, make_video, monkeypatch: pytest.MonkeyPatch):
        path = make_video("secret.mp4", 3)

        def refuse(*args: object, **kwargs: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
        with pytest.raises(SourceError, match=r"secret\.mp4 cannot be read: Permission denied"):
            read(path)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
    def test_named_pipe_is_refused_at_once(self, tmp_path: Path):
        os.mkfifo(tmp_path / "pipe.mp4")
        script = "import sys, edgevid; edgevid.VideoFile(sys.argv[1])"
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "pipe.mp4")], capture_output=True, text=True, timeout=30
        )
        assert "SourceError" in done.stderr
        assert "is not a file" in done.stderr

    def test_failed_opening_leaves_no_file_open(self, tmp_path: Path):
        path = tmp_path / "text.txt"
        path.write_text(TEXT)
        before = len(open_files())
        for _ in range(5):
            with pytest.raises(SourceError):
                VideoFile(path)
        assert len(open_files()) == before


CHECK = """
import sys
from pathlib import Path
from edgevid import EdgevidError
from edgevid.embedders import Embedder, embed_clip
from edgevid.sampling import SampleSpec
import numpy as np
class Ones(Embedder):
    dim, identity = 1, {"kind": "ones"}
    def embed(self, sample):
        return np.ones(1, np.float32)
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        assert len(embed_clip([Ones()], path, SampleSpec())) == 25
    except EdgevidError:
        pass
    print(path.name, flush=True)
"""


@pytest.mark.parametrize("name", NAMES)
def test_damaged_bytes_never_crash_or_hang(whole, tmp_path: Path, name: str):
    rng = np.random.default_rng(7)
    for k in range(6):
        data = bytearray(whole[name])
        for position in rng.integers(0, len(data), 60):
            data[position] = rng.integers(0, 256)
        (tmp_path / f"{k}_{name}").write_bytes(data)
    half = len(whole[name]) // 2
    (tmp_path / f"zeros_{name}").write_bytes(whole[name][:half] + bytes(half))
    done = subprocess.run(
        [sys.executable, "-c", CHECK, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60
    )
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 7


def test_recogniser_passes_the_error_on(recognizer: edgevid.Recognizer, tmp_path: Path):
    path = tmp_path / "notes.txt"
    path.write_text(TEXT)
    calls: list[Callable[[], object]] = [lambda: recognizer.classify(path), lambda: next(recognizer.stream(str(path)))]
    for call in calls:
        with pytest.raises(SourceError, match=r"notes\.txt is not a video"):
            call()


def test_numbered_frames_survive_each_codec(make_video):
    # the tests of which frames are read rely on this
    for name, fourcc in [("a.mp4", None), ("a.avi", "MJPG"), ("b.avi", "XVID"), ("a.webm", None)]:
        with VideoFile(make_video(name, 100, fourcc=fourcc)) as video:
            assert [number_of(frame.image) for frame in video] == list(range(100))


def test_what_opencv_refuses_inside_is_a_source_error(make_video, monkeypatch: pytest.MonkeyPatch):
    class Capture:
        def grab(self) -> bool:
            return True

        def get(self, what: int) -> float:
            return 0.0

        def retrieve(self) -> object:
            raise cv2.error("(-215:Assertion failed) _step >= minstep")

        def release(self) -> None:
            pass

    with VideoFile(make_video(frames=3)) as video:
        video._free()
        video._capture = Capture()
        video.grab()
        with pytest.raises(SourceError, match=r"A frame of .* cannot be decoded: .*_step >= minstep"):
            video.retrieve()
