"""edgevid.embedders: sample -> embedding; several embedders, with rates of their own; windows of embeddings."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Optional

import numpy as np
import pytest
from PIL import Image
from support.videos import moving_frames, number_of, numbered_frame

import edgevid
from edgevid import FrameError, ModelError, OptionError, Recognizer, StreamOptions
from edgevid.bundles import EmbedderEntry
from edgevid.classifiers import Classifier, RecurrentClassifier
from edgevid.embedders import Array, CnnEmbedder, Embedder, Embedding, FrameDifference, Window, embed_clip, spec_for
from edgevid.embedders.frame_difference import difference_picture
from edgevid.embedders.opening import open_embedders
from edgevid.embedders.window import aligned_row
from edgevid.sampling import Sample
from edgevid.tflite.interpreter import TfliteModel


@pytest.fixture(scope="module")
def cnn(recognizer: Recognizer) -> CnnEmbedder:
    return recognizer.embedders[0]


@pytest.fixture(scope="module")
def classifier(recognizer: Recognizer) -> RecurrentClassifier:
    return recognizer.classifier


class TestCnn:
    def test_embedding_is_the_feature_map_averaged_in_float_and_divided_by_255(self, cnn: CnnEmbedder):
        frame = moving_frames(1, 320, 240)[0]
        picture = np.asarray(Image.fromarray(frame).resize((224, 224), Image.Resampling.BILINEAR))
        (feature_map,) = cnn.model.run(picture[np.newaxis])
        assert (feature_map.shape, feature_map.dtype) == ((1, 7, 7, 1280), np.uint8)
        expected = feature_map.astype(np.float64).mean(axis=(0, 1, 2)) / 255
        embedding = cnn.embed_picture(frame)
        assert (embedding.shape, embedding.dtype) == ((1280,), np.float32)
        np.testing.assert_allclose(embedding, expected, atol=1e-7)

    def test_embedding_lies_between_0_and_1_and_depends_on_the_picture(self, cnn: CnnEmbedder):
        first, second = (cnn.embed_picture(frame) for frame in moving_frames(2, 320, 240))
        assert first.min() >= 0
        assert first.max() <= 1
        assert np.abs(first - second).max() > 0.01

    def test_same_frame_gives_exactly_the_same_embedding(self, cnn: CnnEmbedder):
        first, second = moving_frames(2, 320, 240)
        before = cnn.embed_picture(first)
        cnn.embed_picture(second)
        np.testing.assert_array_equal(cnn.embed_picture(first), before)

    def test_embedding_is_the_callers_to_keep(self, cnn: CnnEmbedder):
        first, second = moving_frames(2, 64, 48)
        kept = cnn.embed_picture(first)
        copy = kept.copy()
        cnn.embed_picture(second)
        np.testing.assert_array_equal(kept, copy)

    @pytest.mark.parametrize("size", [(224, 224), (240, 320)])
    def test_views_and_read_only_frames_embed_as_their_copies(self, cnn: CnnEmbedder, size: tuple[int, int]):
        bgr = moving_frames(1, size[1], size[0])[0]
        bgr.flags.writeable = False
        np.testing.assert_array_equal(cnn.embed_picture(bgr[:, :, ::-1]), cnn.embed_picture(bgr[:, :, ::-1].copy()))

    def test_the_order_of_colours_matters(self, cnn: CnnEmbedder):
        frame = moving_frames(1, 224, 224)[0]
        assert np.abs(cnn.embed_picture(frame) - cnn.embed_picture(frame[:, :, ::-1])).max() > 0.01

    def test_what_is_no_frame_is_refused_before_the_network_runs(
        self, cnn: CnnEmbedder, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(cnn.model, "run", lambda *arrays: pytest.fail("the network ran"))
        with pytest.raises(FrameError, match="RGBA"):
            cnn.embed_picture(np.zeros((48, 64, 4), np.uint8))

    def test_a_classifier_is_no_embedder(self, classifier: RecurrentClassifier):
        with pytest.raises(ModelError, match=r"inputs \['float32 \[any, 1280\]', .*an extractor takes one picture"):
            CnnEmbedder(classifier.model.path, num_threads=1)

    def test_a_whole_image_classifier_is_no_embedder(self, shared: Path):
        path = shared / "models" / "mobilenet_v2_1.0_224_quant.tflite"
        with pytest.raises(ModelError, match=r"outputs \['uint8 \[1, 1001\]'\].*last feature map"):
            CnnEmbedder(path, num_threads=1)

    def test_closed_embedder_says_so(self, cnn: CnnEmbedder):
        other = CnnEmbedder(cnn.model.path, num_threads=1)
        other.close()
        other.close()
        with pytest.raises(ModelError, match="is closed; open it again"):
            other.embed_picture(np.zeros((48, 64, 3), np.uint8))


def test_results_do_not_depend_on_the_number_of_threads(cnn: CnnEmbedder):
    frame = moving_frames(1)[0]
    with_two = CnnEmbedder(cnn.model.path, num_threads=2)
    assert with_two.model.num_threads == 2
    np.testing.assert_allclose(with_two.embed_picture(frame), cnn.embed_picture(frame), atol=1e-6)
    with_two.close()


def test_model_tells_its_tensors(cnn: CnnEmbedder):
    model: TfliteModel = cnn.model
    assert [str(tensor) for tensor in model.inputs] == ["uint8 [1, 224, 224, 3]"]
    assert [str(tensor) for tensor in model.outputs] == ["uint8 [1, 7, 7, 1280]"]
    assert model.outputs[0].scale > 0


class Numbered(Embedder):
    """The numbers in a sample's frames. ``seen``: the samples so far, as numbers."""

    def __init__(self, offsets: tuple[float, ...] = (0.0,), rate: Optional[float] = None, add: int = 0) -> None:
        self.frame_offsets, self.samples_per_second, self.dim = offsets, rate, len(offsets)
        self.add = add
        self.seen: list[tuple[int, ...]] = []

    @property
    def identity(self) -> dict[str, Any]:
        return {"kind": "numbered"}

    def embed(self, sample: Sample) -> Array:
        assert len(sample.frames) == len(sample.timestamps) == self.dim
        assert sample.timestamp == sample.timestamps[-1]
        self.seen.append(tuple(number_of(frame) for frame in sample.frames))
        return np.array(self.seen[-1], np.float32) + self.add


class Keeping(Classifier):
    """Keeps the windows that it is asked about."""

    num_classes = 2

    def __init__(self, num_samples: int) -> None:
        self.num_samples = num_samples
        self.windows: list[Window] = []

    def predict(self, window: Window) -> Array:
        self.windows.append(window)
        return np.array([0.5, 0.5], np.float32)


class TestFrameDifference:
    def test_picture_is_128_and_twice_the_difference_clipped(self):
        before, now = moving_frames(2, 64, 48)
        expected = np.clip(128 + 2 * (now.astype(int) - before.astype(int)), 0, 255).astype(np.uint8)
        picture = difference_picture(before, now)
        assert picture.dtype == np.uint8
        np.testing.assert_array_equal(picture, expected)
        assert (expected.min(), expected.max()) == (0, 255), "nothing was clipped: the test shows too little"

    @pytest.mark.parametrize("gain", [0.5, 1, 3.25])
    def test_picture_with_another_gain_is_rounded(self, gain: float):
        before, now = moving_frames(2, 64, 48)
        exact = 128 + gain * (now.astype(float) - before)
        assert np.abs(difference_picture(before, now, gain) - np.clip(exact, 0, 255)).max() <= 0.5

    def test_frames_of_two_sizes_say_nothing(self):
        picture = difference_picture(moving_frames(1, 32, 24)[0], moving_frames(1, 64, 48)[0])
        np.testing.assert_array_equal(picture, np.full((48, 64, 3), 128, np.uint8))

    def test_it_embeds_that_picture_with_the_network_of_the_frame(self, cnn: CnnEmbedder):
        before, now = moving_frames(2, 320, 240)
        difference = FrameDifference(cnn)
        assert (difference.dim, difference.frame_offsets) == (1280, (-0.1, 0.0))
        embedding = difference.embed(Sample(1.0, (before, now), (0.9, 1.0)))
        np.testing.assert_array_equal(embedding, cnn.embed_picture(difference_picture(before, now)))
        assert np.abs(embedding - cnn.embed_picture(now)).max() > 0.01

    def test_what_it_is_tells_network_seconds_and_gain(self, cnn: CnnEmbedder):
        identity = FrameDifference(cnn, seconds=0.2, gain=3).identity
        assert identity["kind"] == "frame-difference"
        assert (identity["network"], identity["seconds"], identity["gain"]) == (cnn.sha256, 0.2, 3.0)

    @pytest.mark.parametrize("options", [{"seconds": 0}, {"seconds": -0.1}, {"gain": 0}, {"gain": "much"}])
    def test_seconds_and_gain_are_numbers_above_0(self, cnn: CnnEmbedder, options: dict[str, Any]):
        with pytest.raises(OptionError, match="expected a number"):
            FrameDifference(cnn, **options)

    def test_frame_and_difference_share_one_interpreter(self, recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch):
        opened: list[Any] = []
        real = TfliteModel.__init__
        monkeypatch.setattr(TfliteModel, "__init__", lambda self, *a, **k: (opened.append(a), real(self, *a, **k))[1])
        network = recognizer.bundle.networks[0]
        entries = [
            EmbedderEntry("cnn", network),
            EmbedderEntry("frame-difference", network, {"seconds": 0.2, "gain": 2.0}),
        ]
        frame, difference = open_embedders(entries, num_threads=1)
        assert len(opened) == 1
        assert difference.frame_offsets == (-0.2, 0.0)
        before, now = moving_frames(2, 64, 48)
        sample = Sample(1.0, (before, now), (0.8, 1.0))
        np.testing.assert_array_equal(frame.embed(sample), frame.embed_picture(now))
        np.testing.assert_array_equal(difference.embed(sample), frame.embed_picture(difference_picture(before, now)))
        for embedder in (frame, difference, frame):
            embedder.close()
        with pytest.raises(ModelError, match="is closed"):
            difference.embed(sample)

    def test_closing_it_frees_its_network(self, recognizer: Recognizer):
        (difference,) = open_embedders(
            [EmbedderEntry("frame-difference", recognizer.bundle.networks[0])], num_threads=1
        )
        difference.close()
        with pytest.raises(ModelError, match="is closed"):
            difference.embed(Sample(1.0, tuple(moving_frames(2, 64, 48)), (0.8, 1.0)))

    def test_options_that_this_version_does_not_know_are_refused(self, recognizer: Recognizer):
        entry = EmbedderEntry("frame-difference", recognizer.bundle.networks[0], {"blur": 3})
        with pytest.raises(edgevid.BundleError, match=r"by \{'blur': 3\}, which this edgevid does not know.*Upgrade"):
            open_embedders([entry], num_threads=1)


class TestSideBySide:
    """Embeddings are concatenated in the order of the embedders, in clips and streams."""

    def test_clip(self):
        first, second = Numbered(), Numbered((-0.2, 0.0), add=1000)
        clip = np.stack([numbered_frame(k) for k in range(50)])
        window = embed_clip([first, second], clip, spec_for([first, second], 5, 5.0))
        assert window.aligned.shape == (5, 3)
        # ten frames a second: 0.2 s are two frames
        np.testing.assert_array_equal(window.aligned, [[k, 1000 + k - 2, 1000 + k] for k in (5, 15, 25, 35, 45)])
        assert [rows.shape for rows in window.rows] == [(5, 1), (5, 2)]

    @pytest.mark.parametrize("rolling", [True, False])
    def test_stream(self, rolling: bool):
        keeping = Keeping(3)
        recognizer = Recognizer([Numbered(add=1000), Numbered((-0.2, 0.0))], keeping, "ab", window_seconds=3.0)
        stream = recognizer.open_stream(StreamOptions(rolling=rolling))
        for k in range(40):
            stream.push(numbered_frame(k), k / 10)
        assert len(keeping.windows) == 2
        np.testing.assert_array_equal(keeping.windows[-1].aligned, [[1000 + k, k - 2, k] for k in (10, 20, 30)])

    def test_order_and_sum_of_dims_reach_the_network(self, recognizer: Recognizer, cnn: CnnEmbedder):
        with pytest.raises(edgevid.BundleError, match=r"classifier for \[25, 1280\] embeddings; .* give \[25, 2560\]"):
            Recognizer([cnn, FrameDifference(cnn)], recognizer.classifier, recognizer.labels, window_seconds=5.0)

    def test_no_embedder_at_all(self, recognizer: Recognizer):
        with pytest.raises(OptionError, match="without embedders was requested"):
            Recognizer([], recognizer.classifier, recognizer.labels, window_seconds=5.0)


class TestRateOfItsOwn:
    """An embedder at 5 a second beside samples at 2.5 a second, of frames at 10 a second."""

    def test_stream(self):
        dense, keeping = Numbered(rate=5.0, add=1000), Keeping(4)
        recognizer = Recognizer([Numbered(), dense], keeping, "ab", window_seconds=1.6)
        stream = recognizer.open_stream()
        for k in range(17):
            stream.push(numbered_frame(k), k / 10)
        assert [k for (k,) in dense.seen] == list(range(0, 17, 2))
        first, last = keeping.windows
        assert [rows[:, 0].tolist() for rows in first.rows] == [
            [0, 4, 8, 12],
            [1000, 1002, 1004, 1006, 1008, 1010, 1012],
        ]
        # what came before the window has left it
        assert [rows[:, 0].tolist() for rows in last.rows] == [[4, 8, 12, 16], [1000 + k for k in range(2, 17, 2)]]
        np.testing.assert_array_equal(last.aligned, [[4, 1003], [8, 1007], [12, 1011], [16, 1015]])

    def test_clip(self):
        dense = Numbered(rate=5.0, add=1000)
        embedders = [Numbered(), dense]
        clip = np.stack([numbered_frame(k) for k in range(16)])
        window = embed_clip(embedders, clip, spec_for(embedders, 4, 1.6))
        assert window.rows[0][:, 0].tolist() == [2, 6, 10, 14]
        assert window.rows[1][:, 0].tolist() == [1001, 1003, 1005, 1007, 1009, 1011, 1013, 1015]
        assert [len(step.rows[1]) for step in window.steps] == [1, 2, 2, 3]
        np.testing.assert_array_equal(window.aligned, [[2, 1001], [6, 1004], [10, 1008], [14, 1013]])

    def test_classify_and_stream_through_a_recogniser(self, make_video: Callable[..., Path]):
        keeping = Keeping(4)
        recognizer = Recognizer([Numbered(), Numbered(rate=12.5)], keeping, "ab", window_seconds=1.6)
        path = make_video("clip.mp4", 40)  # 25 frames a second
        recognizer.classify(path)
        assert len(list(recognizer.stream(path))) == 1
        clip, stream = keeping.windows
        assert [len(rows) for rows in clip.rows] == [4, 20]
        assert stream.rows[0][:, 0].tolist() == [0, 10, 20, 30]
        assert stream.rows[1][:, 0].tolist() == list(range(0, 31, 2))

    def test_sparser_than_the_samples_holds_its_last_row(self):
        keeping = Keeping(4)
        recognizer = Recognizer([Numbered(), Numbered(rate=2.5)], keeping, "ab", window_seconds=0.8)
        stream = recognizer.open_stream()
        for k in range(8):
            stream.push(numbered_frame(k), k / 10)
        (window,) = keeping.windows
        assert [len(step.rows[1]) for step in window.steps] == [1, 0, 1, 0]
        np.testing.assert_array_equal(window.aligned, [[0, 0], [2, 0], [4, 4], [6, 4]])

    def test_after_a_reset_nothing_of_the_scene_before_is_left(self):
        keeping = Keeping(2)
        recognizer = Recognizer([Numbered(), Numbered(rate=10.0)], keeping, "ab", window_seconds=1.0)
        stream = recognizer.open_stream()
        for k in range(9):
            stream.push(numbered_frame(k), k / 10)
        stream.reset()
        for k in range(6):
            stream.push(numbered_frame(100 + k), k / 10)
        assert [rows[:, 0].tolist() for rows in keeping.windows[-1].rows] == [
            [100, 105],
            [100, 101, 102, 103, 104, 105],
        ]


class Bad(Numbered):
    def __init__(self, given: Any) -> None:
        super().__init__()
        self.dim = 3
        self.given = given

    def embed(self, sample: Sample) -> Array:
        return self.given


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros(2, np.float32), r"'numbered' gave float32 \[2\]; expected float32 \[3\]"),
        (np.zeros((1, 3), np.float32), r"gave float32 \[1, 3\]"),
        (np.zeros(3), r"gave float64 \[3\]"),
        ([0.0, 0.0, 0.0], "gave <class 'list'>"),
        (None, "gave <class 'NoneType'>"),
        (np.array([0, np.nan, 0], np.float32), "numbers that are not finite"),
        (np.array([0, np.inf, -np.inf], np.float32), "numbers that are not finite"),
    ],
)
def test_what_is_no_embedding_is_a_model_error(given: Any, message: str):
    recognizer = Recognizer([Bad(given)], Keeping(2), "ab", window_seconds=1.0)
    with pytest.raises(ModelError, match=message):
        recognizer.classify([numbered_frame(0)])
    with pytest.raises(ModelError, match=message):
        recognizer.open_stream().push(numbered_frame(0), 0.0)


def test_an_embedder_that_remembers_is_fresh_for_each_stream_clip_and_scene():
    class Remembering(Numbered):
        def fresh(self) -> Embedder:
            made.append(Remembering())
            return made[-1]

    made: list[Numbered] = []
    first = Remembering()
    recognizer = Recognizer([first], Keeping(2), "ab", window_seconds=1.0)
    recognizer.classify([numbered_frame(0)])
    stream = recognizer.open_stream()
    stream.push(numbered_frame(1), 0.0)
    stream.reset()
    stream.push(numbered_frame(2), 0.0)
    assert [embedder.seen for embedder in made] == [[(0,)], [(1,)], [(2,)]]
    assert first.seen == []


class TestWindow:
    def test_of_rows(self):
        rows = np.arange(12, dtype=np.float32).reshape(4, 3)
        window = Window.of(rows)
        assert len(window) == 4
        np.testing.assert_array_equal(window.rows[0], rows)
        np.testing.assert_array_equal(window.aligned, rows)

    @pytest.mark.parametrize("count", [1, 3, 4, 7])
    def test_stretched_as_a_clip_of_few_frames_is(self, count: int):
        rows = np.arange(4, dtype=np.float32)[:, np.newaxis]
        stretched = Window.of(rows[:count] if count < 4 else rows).stretched(7)
        expected = edgevid.sampling.uniform_indices(min(count, 4), 7)
        assert stretched.aligned[:, 0].tolist() == expected.tolist()

    def test_a_row_at_a_time_is_what_the_whole_window_is(self):
        random = np.random.default_rng(0)
        steps = [
            Embedding((random.random((1, 3), np.float32), random.random((n, 2), np.float32)))
            for n in (0, 2, 1, 0, 0, 3)
        ]
        row, rows = None, []
        for step in steps:
            row = aligned_row(step, row)
            rows.append(row)
        np.testing.assert_array_equal(rows, Window(steps).aligned)
        assert rows[0][3:].tolist() == [0, 0]
