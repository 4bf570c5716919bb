"""edgevid.embedders.cnn and edgevid.classifiers.classifier: frame -> embedding, embeddings -> probabilities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.videos import moving_frames

import edgevid
from edgevid import FrameError, ModelError
from edgevid.classifiers.classifier import Classifier
from edgevid.embedders.cnn import Extractor
from edgevid.tflite.interpreter import TfliteModel


@pytest.fixture(scope="module")
def extractor(recognizer: edgevid.Recognizer) -> Extractor:
    return recognizer.extractor


@pytest.fixture(scope="module")
def classifier(recognizer: edgevid.Recognizer) -> Classifier:
    return recognizer.classifier


class TestExtractor:
    def test_embedding_is_the_feature_map_averaged_in_float_and_divided_by_255(self, extractor: Extractor):
        frame = moving_frames(1, 320, 240)[0]
        picture = np.asarray(Image.fromarray(frame).resize((224, 224), Image.Resampling.BILINEAR))
        (feature_map,) = extractor.model.run(picture[np.newaxis])
        assert (feature_map.shape, feature_map.dtype) == ((1, 7, 7, 1280), np.uint8)
        expected = feature_map.astype(np.float64).mean(axis=(0, 1, 2)) / 255
        embedding = extractor.embed(frame)
        assert (embedding.shape, embedding.dtype) == ((1280,), np.float32)
        np.testing.assert_allclose(embedding, expected, atol=1e-7)

    def test_embedding_lies_between_0_and_1_and_depends_on_the_picture(self, extractor: Extractor):
        first, second = (extractor.embed(frame) for frame in moving_frames(2, 320, 240))
        assert first.min() >= 0
        assert first.max() <= 1
        assert np.abs(first - second).max() > 0.01

    def test_same_frame_gives_exactly_the_same_embedding(self, extractor: Extractor):
        first, second = moving_frames(2, 320, 240)
        before = extractor.embed(first)
        extractor.embed(second)
        np.testing.assert_array_equal(extractor.embed(first), before)

    def test_embedding_is_the_callers_to_keep(self, extractor: Extractor):
        first, second = moving_frames(2, 64, 48)
        kept = extractor.embed(first)
        copy = kept.copy()
        extractor.embed(second)
        np.testing.assert_array_equal(kept, copy)

    @pytest.mark.parametrize("size", [(224, 224), (240, 320)])
    def test_views_and_read_only_frames_embed_as_their_copies(self, extractor: Extractor, size: tuple[int, int]):
        bgr = moving_frames(1, size[1], size[0])[0]
        bgr.flags.writeable = False
        np.testing.assert_array_equal(extractor.embed(bgr[:, :, ::-1]), extractor.embed(bgr[:, :, ::-1].copy()))

    def test_the_order_of_colours_matters(self, extractor: Extractor):
        frame = moving_frames(1, 224, 224)[0]
        assert np.abs(extractor.embed(frame) - extractor.embed(frame[:, :, ::-1])).max() > 0.01

    def test_what_is_no_frame_is_refused_before_the_network_runs(
        self, extractor: Extractor, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(extractor.model, "run", lambda *arrays: pytest.fail("the network ran"))
        with pytest.raises(FrameError, match="RGBA"):
            extractor.embed(np.zeros((48, 64, 4), np.uint8))

    def test_a_classifier_is_no_extractor(self, classifier: Classifier):
        with pytest.raises(ModelError, match=r"inputs \['float32 \[any, 1280\]', .*an extractor takes one picture"):
            Extractor(classifier.model.path, num_threads=1)

    def test_a_whole_image_classifier_is_no_extractor(self, shared: Path):
        path = shared / "models" / "mobilenet_v2_1.0_224_quant.tflite"
        with pytest.raises(ModelError, match=r"outputs \['uint8 \[1, 1001\]'\].*last feature map"):
            Extractor(path, num_threads=1)

    def test_closed_extractor_says_so(self, extractor: Extractor):
        other = Extractor(extractor.model.path, num_threads=1)
        other.close()
        other.close()
        with pytest.raises(ModelError, match="is closed; open it again"):
            other.embed(np.zeros((48, 64, 3), np.uint8))


class TestClassifier:
    def test_gives_probabilities(self, classifier: Classifier, recognizer: edgevid.Recognizer):
        embeddings = np.random.default_rng(0).random((25, 1280), dtype=np.float32)
        probabilities = classifier.predict(embeddings)
        assert (probabilities.shape, probabilities.dtype) == ((len(recognizer.labels),), np.float32)
        assert probabilities.min() >= 0
        assert probabilities.sum() == pytest.approx(1, abs=1e-5)

    def test_keeps_no_state_between_calls(self, classifier: Classifier):
        first, second = np.random.default_rng(0).random((2, 25, 1280), dtype=np.float32)
        before = classifier.predict(first)
        classifier.predict(second)
        np.testing.assert_array_equal(classifier.predict(first), before)

    def test_the_order_in_time_matters(self, classifier: Classifier):
        embeddings = np.random.default_rng(0).random((25, 1280), dtype=np.float32)
        embeddings *= np.linspace(0, 1, 25, dtype=np.float32)[:, np.newaxis]
        assert np.abs(classifier.predict(embeddings) - classifier.predict(embeddings[::-1])).max() > 1e-3

    @pytest.mark.parametrize(
        ("shape", "dtype"), [((24, 1280), "f4"), ((25, 1279), "f4"), ((1, 25, 1280), "f4"), ((25, 1280), "f8")]
    )
    def test_embeddings_of_another_form_are_refused(self, classifier: Classifier, shape: tuple[int, ...], dtype: str):
        with pytest.raises(FrameError, match=r"expected float32 \[25, 1280\]"):
            classifier.predict(np.zeros(shape, dtype))

    def test_an_extractor_is_no_classifier(self, extractor: Extractor):
        with pytest.raises(ModelError, match=r"uint8 \[1, 224, 224, 3\].*takes one float32 \[1, frames, dim\]"):
            Classifier(extractor.model.path, num_threads=1)

    def test_a_whole_image_classifier_is_no_action_classifier(self, shared: Path):
        with pytest.raises(ModelError, match=r"uint8 \[1, 1001\]"):
            Classifier(shared / "models" / "mobilenet_v2_1.0_224_quant.tflite", num_threads=1)


def test_results_do_not_depend_on_the_number_of_threads(extractor: Extractor):
    frame = moving_frames(1)[0]
    with_two = Extractor(extractor.model.path, num_threads=2)
    assert with_two.model.num_threads == 2
    np.testing.assert_allclose(with_two.embed(frame), extractor.embed(frame), atol=1e-6)
    with_two.close()


def test_model_tells_its_tensors(extractor: Extractor):
    model: TfliteModel = extractor.model
    assert [str(tensor) for tensor in model.inputs] == ["uint8 [1, 224, 224, 3]"]
    assert [str(tensor) for tensor in model.outputs] == ["uint8 [1, 7, 7, 1280]"]
    assert model.outputs[0].scale > 0
