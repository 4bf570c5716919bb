"""Motion: regions, optical flow, embedders that remember what they saw, and bundles taught on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Callable

import numpy as np
import pytest
from support.stand_ins import Brightness
from support.videos import write_video

import edgevid
from edgevid import OptionError
from edgevid.bundles import find_extractor
from edgevid.cli import main
from edgevid.datasets.clips import Clip
from edgevid.embedders import spec_for
from edgevid.embedders.flow_histogram import DIM, FlowHistogram, flow_features
from edgevid.embedders.frame_difference import difference_picture
from edgevid.embedders.motion import Motion, fresh_embedders
from edgevid.embedders.motion_region import MotionRegion
from edgevid.embedders.opening import entries_for, open_cnn
from edgevid.embedders.region import Picture, RegionTracker, cropped, resized
from edgevid.embedders.stream import StreamEmbedder, cut_windows, embed_as_stream
from edgevid.frames import WHOLE, Frame, Region
from edgevid.sampling import Sample
from edgevid.teaching import TeachOptions, teach_clips

_TEXTURE = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)


def scene(x: float, y: float, size: int = 40, *, width: int = 320, height: int = 240) -> Frame:
    """A grey wall and a bright, textured square at x, y (of its centre, in pixels)."""
    frame = np.full((height, width, 3), 90, np.uint8)
    left, top = round(x - size / 2), round(y - size / 2)
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + size, width), min(top + size, height)
    frame[y0:y1, x0:x1] = 128 + _TEXTURE[: y1 - y0, : x1 - x0] // 2
    return frame


def followed(frames: list[Frame], seconds_apart: float = 0.1) -> list[Region]:
    """The regions of a stream, one for each pair of neighbouring frames."""
    tracker, greys = RegionTracker(), [Picture.of(frame).small for frame in frames]
    aspect = frames[0].shape[1] / frames[0].shape[0]
    return [tracker.update(a, b, (k + 1) * seconds_apart, aspect) for k, (a, b) in enumerate(zip(greys, greys[1:]))]


class TestRegion:
    def test_it_is_where_things_move(self):
        frames = [scene(80 + 6 * np.sin(k), 160 + 6 * np.cos(k)) for k in range(20)]
        for region in followed(frames)[2:]:
            assert region.left < 70 / 320 < 90 / 320 < region.right
            assert region.top < 150 / 240 < 170 / 240 < region.bottom
            assert region.right - region.left < 0.5

    @pytest.mark.parametrize(("width", "height"), [(320, 240), (640, 360), (240, 320), (200, 200)])
    def test_it_is_square_in_pixels_and_inside_the_picture(self, width: int, height: int):
        frames = [scene(60 + 5 * np.sin(k), 70, width=width, height=height) for k in range(12)]
        for region in followed(frames)[1:]:
            assert 0 <= region.left < region.right <= 1
            assert 0 <= region.top < region.bottom <= 1
            across, down = (region.right - region.left) * width, (region.bottom - region.top) * height
            assert across == pytest.approx(down, rel=1e-6)
            assert down >= 0.25 * height - 1e-6

    def test_it_does_not_jump(self):
        frames = [scene(60 + 3 * k, 120) for k in range(60)]
        centres = np.array([[(r.left + r.right) / 2, (r.top + r.bottom) / 2] for r in followed(frames)[3:]])
        assert np.abs(np.diff(centres, axis=0)).max() < 0.06

    def test_a_still_person_keeps_it_for_a_while_then_the_whole_picture_counts(self):
        moving = [scene(80 + 6 * np.sin(k), 160) for k in range(10)]
        regions = followed([*moving, *[moving[-1]] * 80])
        assert regions[12] != WHOLE
        assert regions[-1] == WHOLE

    def test_nothing_that_moves_gives_the_whole_picture(self):
        assert set(followed([scene(80, 160)] * 10)) == {WHOLE}

    def test_a_camera_that_pans_moves_nothing(self):
        wall = np.random.default_rng(1).integers(60, 160, (30, 80, 3), dtype=np.uint8)
        wall = np.kron(wall, np.ones((8, 8, 1), np.uint8)).astype(np.uint8)
        motion = Motion(0.1)
        for k in range(12):
            pair = [wall[:, 4 * i : 4 * i + 320].copy() for i in (k, k + 1)]
            for i, frame in zip((k, k + 1), pair):  # one person moves in front of it
                frame[140:200, 200 + 8 * (i % 2) : 240 + 8 * (i % 2)] = 255
            moved = motion.follow(Sample(k * 0.1, tuple(pair), ((k - 1) * 0.1, k * 0.1)))
        region = moved.region
        assert moved.shift == pytest.approx((-4 / 320, 0), abs=2e-3)
        assert region.left < 215 / 320 < region.right
        assert region.top < 170 / 240 < region.bottom
        assert region.right - region.left < 0.6

    def test_two_who_move_are_both_inside(self):
        def both(k: int) -> Frame:
            return np.maximum(scene(60 + 6 * np.sin(k), 60), scene(260 + 6 * np.cos(k), 180))

        region = followed([both(k) for k in range(15)])[-1]
        assert region.left < 50 / 320
        assert region.right > 270 / 320

    def test_later_frames_change_nothing_of_earlier_regions(self):
        frames = [scene(60 + 3 * k, 120) for k in range(40)]
        assert followed(frames)[:19] == followed(frames[:20])

    @pytest.mark.parametrize(
        ("width", "height", "halved"), [(320, 240, 0), (640, 480, 0), (1280, 720, 1), (1920, 1080, 2), (3840, 2160, 3)]
    )
    def test_large_frames_are_halved(self, width: int, height: int, halved: int):
        frame = scene(width // 2, height // 2, width=width, height=height)
        picture = Picture.of(frame)
        assert picture.colour.shape == (height >> halved, width >> halved, 3)
        assert picture.grey.shape == picture.colour.shape[:2]
        assert picture.small.shape == (120, 160)
        assert (picture.colour is frame) == (halved == 0)
        # the square is where it was
        rows, columns = (np.flatnonzero(picture.grey.max(axis) > 128) for axis in (1, 0))
        assert rows.mean() == pytest.approx((height // 2) / (1 << halved), abs=2)
        assert columns.mean() == pytest.approx((width // 2) / (1 << halved), abs=2)

    def test_a_crop_has_a_pixel_at_least(self):
        assert cropped(scene(1, 1)[:3, :3], Region(0.99, 0.99, 1.0, 1.0)).shape == (1, 1, 3)

    def test_a_crop_looks_where_the_region_was_before_the_camera_moved(self):
        frame, region = scene(160, 120), Region(0.25, 0.25, 0.5, 0.5)
        assert np.array_equal(cropped(frame, region, (0.1, -0.05)), frame[48:108, 112:192])
        # not beyond the edge, and of the same size
        assert np.array_equal(cropped(frame, region, (-0.9, 0.9)), frame[180:240, 0:80])


def uniform_flow(x: float, y: float) -> np.ndarray:
    flow = np.zeros((128, 128, 2), np.float32)
    flow[..., 0], flow[..., 1] = x, y
    return flow


_NO_SHIFT = np.zeros(2, np.float32)


class TestFlowHistogram:
    def test_the_cameras_own_motion_is_subtracted(self):
        shift = np.array([3, -2], np.float32)
        still, panned = flow_features(uniform_flow(0, 0), _NO_SHIFT), flow_features(uniform_flow(3, -2), shift)
        np.testing.assert_allclose(panned[2:], still[2:], atol=1e-3)
        np.testing.assert_allclose(panned[:2], [np.sqrt(3), -np.sqrt(2)], rtol=1e-5)

    @pytest.mark.parametrize(("direction", "bin_"), [((2, 0), 0), ((0, 2), 2), ((-2, 0), 4), ((0, -2), 6), ((2, 2), 1)])
    def test_directions_have_bins_and_places_have_cells(self, direction: tuple[int, int], bin_: int):
        flow = uniform_flow(0, 0)
        flow[:32, :32] = direction
        features = flow_features(flow, _NO_SHIFT)
        assert features.shape == (DIM,)
        whole, quarters, fine = features[2:10], features[10:42].reshape(4, 8), features[42:170].reshape(16, 8)
        assert whole.argmax() == quarters[0].argmax() == fine[0].argmax() == bin_
        assert quarters[1:].max() == 0
        assert fine[1:].max() == 0

    def test_a_person_far_away_counts_as_one_who_is_near(self):
        # The square is the same part of its region in both; far frames are half as large, with a margin.
        near = [scene(100 + 8 * (k % 2), 120, 80, width=320, height=240) for k in range(8)]
        far = [
            np.ascontiguousarray(np.pad(frame[::2, ::2], ((60, 60), (80, 80), (0, 0)), constant_values=90))
            for frame in near
        ]
        rows = []
        for frames in (near, far):
            embedder = FlowHistogram("region")
            pairs = enumerate(zip(frames, frames[1:]), start=1)
            rows.append([embedder.embed(Sample(k / 10, pair, ((k - 1) / 10, k / 10))) for k, pair in pairs][-1])
        cosine = rows[0] @ rows[1] / np.linalg.norm(rows[0]) / np.linalg.norm(rows[1])
        assert cosine > 0.8
        assert 0.7 < np.linalg.norm(rows[0]) / np.linalg.norm(rows[1]) < 1.4

    def test_it_scales_with_the_time_that_lies_between(self):
        embedder = FlowHistogram("whole")
        frames = (scene(100, 120), scene(104, 120))
        slow, fast = (embedder.fresh().embed(Sample(1.0, frames, (1.0 - dt, 1.0))) for dt in (0.16, 0.08))
        assert np.linalg.norm(fast) > 1.2 * np.linalg.norm(slow)

    def test_bad_options_are_refused(self):
        with pytest.raises(OptionError, match="where="):
            FlowHistogram("somewhere")


@pytest.mark.parametrize("options", [{"seconds": 0.0}, {"seconds": -0.1}, {"gain": 0.0}, {"lag_seconds": 0.0}])
def test_a_region_of_bad_options_is_refused(options: dict[str, float]):
    with pytest.raises(OptionError, match=f"{next(iter(options))}="):
        MotionRegion(open_cnn(find_extractor(), num_threads=1), **options)


@pytest.fixture(scope="module")
def embedders() -> list:
    cnn = open_cnn(find_extractor(), num_threads=1)
    return [MotionRegion(cnn), MotionRegion(cnn, difference=True), FlowHistogram("region")]


@pytest.fixture(scope="module")
def lagging(embedders: list) -> MotionRegion:
    return MotionRegion(embedders[0]._cnn, difference=True, lag_seconds=0.2)


class TestInStreams:
    def test_a_difference_over_a_longer_time_shares_the_region(self, embedders: list, lagging: MotionRegion):
        assert lagging.frame_offsets == (-0.2, -0.1, 0.0)
        region, difference, late = fresh_embedders([*embedders[:2], lagging])
        assert late._seen is region._seen
        frames, times = tuple(scene(60 + 10 * k, 60) for k in range(3)), (0.8, 0.9, 1.0)
        region.embed(Sample(1.0, frames[1:], times[1:]))
        row = late.embed(Sample(1.0, frames, times))
        assert late.region == region.region
        # it embeds the difference from the frame of 0.2 s ago, in the region found from the last two frames
        picture = difference_picture(*(cropped(frame, region.region or WHOLE) for frame in (frames[0], frames[2])))
        network = embedders[0]._cnn
        expected = network.embed_picture(resized(picture, network.width, network.height), 3)
        np.testing.assert_array_equal(row, expected)
        assert np.abs(row - difference.embed(Sample(1.0, frames[1:], times[1:]))).max() > 0.01

    def test_no_difference_spans_a_cut(self, lagging: MotionRegion):
        """A difference over 0.2 s: the cut lies between the frames older than 0.1 s."""
        rng = np.random.default_rng(0)
        scenes = [rng.integers(0, 255, (240, 320, 3), dtype=np.uint8) for _ in range(2)]
        frames = [scenes[0]] * 6 + [scenes[1]] * 2
        (late,) = fresh_embedders([lagging], cuts=True)
        for k in range(2, len(frames)):
            row = late.embed(Sample(k / 10, tuple(frames[k - 2 : k + 1]), ((k - 2) / 10, (k - 1) / 10, k / 10)))
            assert late.cut == (k == 6)
        (still,) = fresh_embedders([lagging])
        np.testing.assert_array_equal(row, still.embed(Sample(0.2, (scenes[1],) * 3, (0.0, 0.1, 0.2))))

    def test_large_frames_are_halved_once_for_all(self, embedders: list):
        """Unless one of them looks at whole frames: then it gets these, and the others see the same."""
        frames = [scene(900 + 20 * k, 500, 240, width=1920, height=1080) for k in range(4)]
        steps = {}
        for whole in (False, True):
            chosen = [*embedders, *([Brightness(lambda: None)] if whole else [])]
            stream = StreamEmbedder(chosen, spec_for(chosen, 5, 0.5))
            for k, frame in enumerate(frames):
                made = stream.make(frame, k / 10)
                assert made.frame.shape == ((1080, 1920, 3) if whole else (270, 480, 3))
                stream.take(made, k / 10)
            steps[whole] = made.embeddings[-1].rows
        for one, other in zip(steps[False], steps[True]):
            np.testing.assert_array_equal(one, other)

    def test_frames_of_the_callers_may_be_written_to(self, embedders: list):
        """Like a camera's buffer: nothing in the newest frame is read again."""
        results = []
        for again in (False, True):
            fresh, buffer = fresh_embedders(embedders), np.empty((240, 320, 3), np.uint8)
            stream = StreamEmbedder(fresh, spec_for(fresh, 10, 2.0))
            for k in range(12):
                frame = scene(60 + 5 * k, 120)
                buffer[:] = frame
                given = buffer if again else frame
                made = stream.make(given, k / 20)
                stream.take(made, k / 20)
                results += [row for step in made.embeddings for row in step.rows]
        for one, other in zip(results, results[len(results) // 2 :]):
            np.testing.assert_array_equal(one, other)

    def test_a_finished_clip_gives_what_a_stream_gives(self, embedders: list, tmp_path: Path):
        frames = [scene(60 + 2 * k, 120) for k in range(75)]
        spec = spec_for(embedders, 10, 2.0)
        stream, steps = StreamEmbedder(embedders, spec), []
        path = write_video(tmp_path / "clip.avi", frames, 25.0)
        with edgevid.VideoFile(path) as video:
            for timestamp, frame in video:
                made = stream.make(frame, timestamp)
                steps += made.embeddings
                stream.take(made, timestamp)
        again = embed_as_stream(embedders, path, spec)
        assert len(steps) == len(again) == 15
        for one, other in zip(steps, again):
            assert one.timestamp == other.timestamp
            for a, b in zip(one.rows, other.rows):
                np.testing.assert_array_equal(a, b)
        assert [len(step.rows[2]) for step in again[1:5]] == [2, 2, 2, 2]

    def test_those_side_by_side_share_what_moves(self, embedders: list):
        region, difference, flow = fresh_embedders(embedders)
        assert region._seen is difference._seen is flow._seen
        assert region._seen is not embedders[0]._seen
        sample = Sample(1.0, (scene(60, 60), scene(70, 60)), (0.9, 1.0))
        apart = [embedder.fresh().embed(sample) for embedder in embedders]
        for embedder, expected in zip((region, difference, flow), apart):
            np.testing.assert_array_equal(embedder.embed(sample), expected)

    def test_fresh_ones_share_the_network_and_remember_nothing(self, embedders: list):
        region = embedders[0]
        sample = Sample(1.0, (scene(60, 60), scene(70, 60)), (0.9, 1.0))
        first, second = region.fresh(), region.fresh()
        expected = first.embed(sample)
        first.embed(Sample(1.2, (scene(200, 180), scene(220, 180)), (1.1, 1.2)))
        np.testing.assert_array_equal(second.embed(sample), expected)

    def test_a_stream_tells_the_region_of_the_first_that_chooses_one(self, embedders: list):
        brightness = Brightness(lambda: None)
        for chosen, chooses in (([brightness, embedders[2]], True), ([brightness, FlowHistogram("whole")], False)):
            stream, regions = StreamEmbedder(chosen, spec_for(chosen, 10, 2.0)), []
            for k in range(40):
                frame = scene(80 + 6 * np.sin(k), 160)
                stream.take(stream.make(frame, k / 25), k / 25)
                regions.append(stream.region)
            assert regions[0] is None  # nothing has moved yet: the whole frame
            if chooses:
                assert regions[-1].left < 80 / 320 < regions[-1].right < 0.6
            else:
                assert set(regions) == {None}
            stream.reset()
            assert stream.region is None

    def test_windows_of_a_stream_end_with_its_newest_sample(self):
        numbered = list(range(13))
        assert [window.steps for window in cut_windows(numbered, 5, 4)] == [
            (0, 1, 2, 3, 4),
            (4, 5, 6, 7, 8),
            (8, 9, 10, 11, 12),
        ]
        assert [len(window) for window in cut_windows(numbered[:3], 5, 4)] == [3]


PATHS: dict[str, Callable[[int], tuple[float, float]]] = {
    "circle": lambda k: (160 + 50 * np.sin(k / 4), 120 + 50 * np.cos(k / 4)),
    "right": lambda k: (40 + 4 * (k % 60), 120),
    "up": lambda k: (160, 220 - 3 * (k % 60)),
}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    """Three motions of a square, four groups of each: each group has another size and start."""
    folder = tmp_path_factory.mktemp("motions")
    made = []
    for label, at in PATHS.items():
        (folder / label).mkdir()
        for group in range(4):
            frames = [scene(*at(k + 7 * group), size=30 + 8 * group) for k in range(70)]
            path = write_video(folder / label / f"{group}.avi", frames, 25.0)
            made.append(Clip(path, label, f"g{group}"))
    return made


class TestTeach:
    @pytest.mark.parametrize("embedders", [("region-flow", "flow-histogram"), ("motion-region", "region-flow")])
    def test_a_bundle_is_learnt_measured_and_streams(
        self, clips: list[Clip], tmp_path: Path, embedders: tuple[str, ...]
    ):
        options = TeachOptions(embedders, window_seconds=2.0, cache=tmp_path / "cache", jobs=1)
        taught = teach_clips(clips, tmp_path / "mine", options)
        assert taught.labels == sorted(PATHS)
        assert taught.held_out is not None
        assert taught.held_out.accuracy.value >= 0.75
        card = json.loads((tmp_path / "mine" / "card.json").read_text())
        assert card["sampling"]["reset_on_cut"] is True
        assert card["events"] == {"enter": 0.6, "min_seconds": 0.5, "cooldown_seconds": 0.0}
        assert card["accuracy"]["cross-validation"]["accuracy"]["n"] == len(clips)
        assert card["accuracy"]["cross-validation"]["accuracy"]["hits"] == np.trace(taught.held_out.confusion)
        with edgevid.load(tmp_path / "mine", num_threads=1) as recognizer:
            right = [recognizer.classify(clip.path).label == clip.label for clip in clips]
            assert sum(right) >= 11
            predictions = list(recognizer.stream(clips[0].path))
        assert predictions[0].window_filled == pytest.approx(0.4)
        assert {prediction.label for prediction in predictions[5:]} == {clips[0].label}

    def test_what_shows_none_of_the_actions_is_learnt(self, clips: list[Clip], tmp_path: Path):
        def write(name: str, at: Callable[[int], tuple[float, float]]) -> Path:
            return write_video(tmp_path / f"{name}.avi", [scene(*at(k)) for k in range(70)], 25.0)

        left = [Clip(write(f"l{n}", lambda k, n=n: (290 - (3 + n) * (k % 60), 120)), "left", f"g{n}") for n in range(3)]
        down = [Clip(write(f"d{n}", lambda k, n=n: (160, 20 + (2 + n) * (k % 60))), "down", f"g{n}") for n in range(3)]
        still = Clip(write("still", lambda k: (100, 100)), "None", "g")
        unseen = write("slanted", lambda k: (290 - 4 * (k % 60), 20 + 3 * (k % 60)))
        options = TeachOptions(
            ("region-flow",),
            window_seconds=2.0,
            cache=tmp_path / "cache",
            jobs=1,
            none=[*left, *down],
            test=[clips[0], still],
        )
        taught = teach_clips([*clips, still], tmp_path / "mine", options)
        assert taught.labels == sorted(PATHS)
        assert taught.held_out is not None
        assert len(taught.held_out.known) == len(clips)
        assert len(taught.held_out.others) == 7
        card = json.loads((tmp_path / "mine" / "card.json").read_text())
        assert card["none"] is True
        assert card["labels"] == sorted(PATHS)
        assert card["unknown"]["outside"]["rejected"]["n"] == 7
        assert card["accuracy"]["test"]["accuracy"]["n"] == 1  # of the actions; the other clip shows none
        with edgevid.load(tmp_path / "mine", num_threads=1) as recognizer:
            known, other, none = (recognizer.classify(path) for path in (clips[0].path, left[0].path, unseen))
            assert (known.label, known.verdict) == (clips[0].label, clips[0].label)
            assert (other.accepted, other.verdict) == (False, "nothing recognised")
            for prediction in (known, other, none):
                assert prediction.probabilities.sum() + prediction.none == pytest.approx(1, abs=1e-5)
            assert known.none < 0.5 < other.none
            assert none.none > known.none
            streamed = list(recognizer.stream(left[0].path))[-1]
        assert streamed.none > 0.5

    def test_the_last_window_of_a_stream_is_that_of_the_clip(self, clips: list[Clip], tmp_path: Path):
        options = TeachOptions(("region-flow",), window_seconds=2.8, cache=tmp_path / "cache", jobs=1)
        teach_clips(clips, tmp_path / "mine", options)
        with edgevid.load(tmp_path / "mine", num_threads=1) as recognizer:
            whole = recognizer.classify(clips[0].path)
            last = list(recognizer.stream(clips[0].path))[-1]
        np.testing.assert_allclose(last.probabilities, whole.probabilities, atol=1e-4)

    def test_what_is_embedded_is_not_embedded_again(self, clips: list[Clip], tmp_path: Path):
        options = TeachOptions(("region-flow",), window_seconds=2.0, cache=tmp_path / "cache", jobs=1)
        teach_clips(clips[:6], tmp_path / "one", options)
        before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.npy")}
        teach_clips(clips, tmp_path / "two", options)
        after = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.npy")}
        assert len(before) == 6
        assert len(after) == 12
        assert before.items() <= after.items()

    def test_the_command_says_what_it_measured(self, clips: list[Clip], tmp_path: Path, capsys: pytest.CaptureFixture):
        folder = clips[0].path.parents[1]
        arguments = ["--embedders", "region-flow", "--mirror", "--window-seconds", "2", "-j", "1"]
        code = main(["teach", str(folder), "-o", str(tmp_path / "mine"), "--cache", str(tmp_path / "c"), *arguments])
        assert code == 0
        out = capsys.readouterr().out
        assert "accuracy, groups held out in turn:" in out
        assert "circle" in out
        assert json.loads((tmp_path / "mine" / "card.json").read_text())["training"]["mirrored_too"] is True

    def test_the_command_extends_a_bundle_and_names_what_is_none(
        self, clips: list[Clip], tmp_path: Path, capsys: pytest.CaptureFixture
    ):
        folder, bundle = clips[0].path.parents[1], tmp_path / "mine"
        common = ["teach", str(folder), "--cache", str(tmp_path / "c"), "-j", "1"]
        kept = ["--embedders", "region-flow", "--window-seconds", "2", "--none", "up", "--keep-embeddings"]
        assert main([*common, "-o", str(bundle), "--actions", "circle", *kept]) == 0
        out = capsys.readouterr().out
        assert "1 classes of 8 clips" in out
        assert "AUROC" in out
        assert "kB a clip" in out
        assert main([*common, "--add", str(bundle)]) == 0
        out = capsys.readouterr().out
        assert "3 classes of 12 clips" in out
        assert "4 clips were known already" in out
        card = json.loads((bundle / "card.json").read_text())
        assert card["training"]["clips_per_class"] == {"circle": 4, "right": 4, "up": 4}  # up is no longer none
        assert main([*common, "--add", str(bundle), "--mirror"]) == 2
        assert "--mirror was given with --add" in capsys.readouterr().err
        assert main(common) == 2
        assert "Neither -o nor --add was given" in capsys.readouterr().err

    def test_what_a_runner_sees_can_be_learned(self, clips: list[Clip], tmp_path: Path):
        options = TeachOptions(("region-flow",), keep_embeddings=True, cache=tmp_path / "cache", jobs=1)
        known = [clip for clip in clips if clip.label != "up"]
        labels, groups = ([getattr(clip, name) for clip in known] for name in ("label", "group"))
        bundle = edgevid.teach([clip.path for clip in known], labels, tmp_path / "mine", groups=groups, options=options)
        new = [clip for clip in clips if clip.label == "up"]
        with edgevid.load(bundle, num_threads=1) as recognizer:
            for clip in new[:3]:
                with recognizer.start(clip.path) as runner:
                    assert runner.wait(30)
                    assert len(runner.window) == recognizer.num_samples == 10
                    recognizer.add_example("up", runner.window)
            recognizer.refit()
            assert recognizer.classify(new[3].path).label == "up"
            assert recognizer.classify(known[0].path).label == known[0].label

    @pytest.mark.parametrize(
        ("arguments", "words", "code"),
        [(["--actions", "up,jump"], "--actions names jump", 2), (["--outside", "nowhere"], "nowhere", 1)],
    )
    def test_what_would_be_passed_over_is_refused(
        self,
        clips: list[Clip],
        tmp_path: Path,
        capsys: pytest.CaptureFixture,
        arguments: list[str],
        words: str,
        code: int,
    ):
        assert main(["teach", str(clips[0].path.parents[1]), "-o", str(tmp_path / "mine"), *arguments]) == code
        assert words in capsys.readouterr().err
        assert not (tmp_path / "mine").exists()

    def test_embedders_have_names(self):
        with pytest.raises(OptionError, match="expected one or more of: cnn, frame-difference"):
            entries_for(["retina"])


@pytest.mark.parametrize("name", ["exercises10", "exercises10-light", "exercises10-motion"])
class TestShipped:
    def test_it_streams_and_answers_before_its_window_is_full(self, name: str, clips: list[Clip]):
        with edgevid.load(name, num_threads=1) as recognizer:
            predictions = list(recognizer.stream(clips[0].path))
        assert predictions[0].timestamp == pytest.approx(1.8, abs=0.1)
        for prediction in predictions:
            assert prediction.probabilities.sum() + prediction.none == pytest.approx(1, abs=1e-5)
            x, y = (part / size for part, size in zip(PATHS["circle"](round(prediction.timestamp * 25)), (320, 240)))
            assert prediction.region.left < x < prediction.region.right
            assert prediction.region.top < y < prediction.region.bottom

    def test_where_nothing_moves_it_is_none(self, name: str):
        """Camera noise is no motion; a window unlike anything that the classifier has seen is not classified."""
        random = np.random.default_rng(0)
        frames = [
            np.clip(_TEXTURE.astype(np.int16) // 2 + random.normal(0, 3, _TEXTURE.shape), 0, 255).astype(np.uint8)
        ] * 3
        frames += [frame + np.uint8(1) for frame in frames]
        frames = [frames[k % len(frames)] for k in range(75)]
        with edgevid.load(name, num_threads=1) as recognizer:
            prediction = recognizer.classify(frames)
            assert (prediction.none, prediction.score, prediction.accepted) == (1.0, 0.0, False)
            stream = recognizer.open_stream()
            moving = [scene(*PATHS["circle"](k)) for k in range(50)]
            frames = [moving[0]] * 75 + moving + [moving[-1]] * 100
            told = [stream.push(frame, k / 25) for k, frame in enumerate(frames)]
        none = {round(one.timestamp, 1): one.none for one in told if one is not None}
        assert {none[seconds] for seconds in (2.0, 2.8)} == {1.0}
        # motion is classified at once, and for three seconds afterwards
        assert max(none[seconds] for seconds in (3.4, 4.8, 7.8)) < 1.0
        assert none[8.6] == 1.0

    def test_it_is_right_about_most_clips(self, name: str, shared: Path):
        folder = shared / "data" / "ucf101_core10"
        with edgevid.load(name, num_threads=1) as recognizer:
            first = [next(folder.glob(f"{label}/*_g04_*.mp4")) for label in recognizer.labels]
            right = [recognizer.classify(path).label == path.parent.name for path in first]
        assert sum(right) >= 6, "the card's accuracy on all of them is measured by edgevid evaluate"
