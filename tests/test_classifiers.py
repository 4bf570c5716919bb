"""edgevid.classifiers.network: windows of embeddings -> probabilities; and what a caller's own classifier gets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgevid
from edgevid import FrameError, ModelError
from edgevid.classifiers import RecurrentClassifier, open_network
from edgevid.embedders import Window


@pytest.fixture(scope="module")
def classifier(recognizer: edgevid.Recognizer) -> RecurrentClassifier:
    return recognizer.classifier


class TestNetwork:
    def test_gives_probabilities(self, classifier: RecurrentClassifier, recognizer: edgevid.Recognizer):
        embeddings = np.random.default_rng(0).random((25, 1280), dtype=np.float32)
        probabilities = classifier.predict(Window.of(embeddings))
        assert (probabilities.shape, probabilities.dtype) == ((len(recognizer.labels),), np.float32)
        assert probabilities.min() >= 0
        assert probabilities.sum() == pytest.approx(1, abs=1e-5)

    def test_keeps_no_state_between_calls(self, classifier: RecurrentClassifier):
        first, second = np.random.default_rng(0).random((2, 25, 1280), dtype=np.float32)
        before = classifier.predict(Window.of(first))
        classifier.predict(Window.of(second))
        np.testing.assert_array_equal(classifier.predict(Window.of(first)), before)

    def test_the_order_in_time_matters(self, classifier: RecurrentClassifier):
        embeddings = np.random.default_rng(0).random((25, 1280), dtype=np.float32)
        embeddings *= np.linspace(0, 1, 25, dtype=np.float32)[:, np.newaxis]
        assert (
            np.abs(classifier.predict(Window.of(embeddings)) - classifier.predict(Window.of(embeddings[::-1]))).max()
            > 1e-3
        )

    @pytest.mark.parametrize(("shape", "dtype"), [((25, 1279), "f4"), ((25, 1, 1280), "f4"), ((25, 1280), "f8")])
    def test_embeddings_of_another_form_are_refused(
        self, classifier: RecurrentClassifier, shape: tuple[int, ...], dtype: str
    ):
        with pytest.raises(FrameError, match=r"expected float32 \[25, 1280\]"):
            classifier.predict(Window.of(np.zeros(shape, dtype)))

    def test_an_embedders_network_is_no_classifier(self, recognizer: edgevid.Recognizer):
        with pytest.raises(ModelError, match=r"uint8 \[1, 224, 224, 3\].*takes one float32 \[1, samples, dim\]"):
            open_network(recognizer.embedders[0].model.path, num_threads=1)

    def test_a_whole_image_classifier_is_no_action_classifier(self, shared: Path):
        with pytest.raises(ModelError, match=r"uint8 \[1, 1001\]"):
            open_network(shared / "models" / "mobilenet_v2_1.0_224_quant.tflite", num_threads=1)

    def test_a_window_with_fewer_samples_is_classified_as_a_short_clip(self, classifier: RecurrentClassifier):
        embeddings = np.random.default_rng(0).random((7, 1280), dtype=np.float32)
        repeated = embeddings[edgevid.sampling.uniform_indices(7)]
        np.testing.assert_array_equal(
            classifier.predict(Window.of(embeddings)), classifier.predict(Window.of(repeated))
        )
