"""The three networks, and the form in which they are deployed."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from training_data import require_training_extra

from edgevid.classifiers import open_network
from edgevid.embedders import Window
from edgevid.errors import ExtraNotInstalledError, ModelError, OptionError
from edgevid.tflite.interpreter import runtimes
from edgevid.training import export
from edgevid.training.export import check_parity, predict, predict_frames, to_tflite
from edgevid.training.networks import (
    ARCHITECTURES,
    NetworkOptions,
    architecture_of,
    load_keras,
    make_network,
    units_of,
)

require_training_extra()

DIM, CLASSES = 12, 3


def shape(architecture: str, units: int = 8) -> NetworkOptions:
    return NetworkOptions(architecture, None if architecture == "single-frame" else units)


def random_network(architecture: str):
    """Weights as after training: none has its initial value, not even in the batch normalisations."""
    network, rng = make_network(DIM, CLASSES, shape(architecture)), np.random.default_rng(0)
    network.set_weights(
        [rng.normal(0, 0.3, w.shape) if w.ndim == 2 else rng.uniform(0.2, 0.6, w.shape) for w in network.get_weights()]
    )
    return network


@pytest.fixture(scope="module", params=ARCHITECTURES)
def network(request):
    return random_network(request.param)


@pytest.fixture(scope="module")
def embeddings() -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 1, (6, 25, DIM)).astype(np.float32)


@pytest.mark.parametrize(
    ("architecture", "dim", "units", "classes", "gates"),
    [
        ("gru", 1280, None, 101, 3),
        ("gru", 12, 8, 3, 3),
        ("lstm", 1280, None, 101, 4),
        ("lstm", 12, 8, 3, 4),
        ("single-frame", 1280, None, 101, 0),
    ],
)
def test_the_number_of_parameters_is_that_of_the_thesis(architecture, dim, units, classes, gates):
    network, u = make_network(dim, classes, NetworkOptions(architecture, units)), units or dim
    recurrent = gates * (dim * u + u * u + u) + 4 * u if gates else 0  # reset_after=True would have 3u biases more
    assert network.count_params() == recurrent + (u * 512 + 512) + 4 * 512 + (512 * classes + classes)
    assert network.output_shape == (None, classes)
    assert architecture_of(network) == architecture
    assert units_of(network) == (u if gates else None)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_layers_are_those_of_the_thesis(architecture):
    network = make_network(DIM, CLASSES, NetworkOptions(architecture))
    names = [type(layer).__name__ for layer in network.layers]
    head = ["Dense", "BatchNormalization", "LeakyReLU", "Dropout", "Dense"]
    assert names == ([architecture.upper(), "BatchNormalization"] if architecture != "single-frame" else []) + head
    dense, _, activation, dropout, last = network.layers[-5:]
    assert (dense.units, dense.activation.__name__) == (512, "linear")
    assert activation.negative_slope == pytest.approx(0.3)
    assert dropout.rate == 0.5
    assert (last.units, last.activation.__name__) == (CLASSES, "softmax")
    if architecture != "single-frame":
        recurrent = network.layers[0]
        assert (recurrent.units, recurrent.dropout, recurrent.recurrent_dropout) == (DIM, 0.5, 0.0)
        assert recurrent.return_sequences is False
        assert getattr(recurrent, "reset_after", False) is False


def test_options_reach_the_layers():
    options = NetworkOptions("lstm", units=5, hidden_units=7, dropout=0.1, hidden_dropout=0.2, slope=0.4)
    network = make_network(DIM, CLASSES, options)
    assert (network.get_layer("lstm").units, network.get_layer("lstm").dropout) == (5, 0.1)
    assert network.get_layer("hidden").units == 7
    assert network.get_layer("hidden_dropout").rate == 0.2
    assert network.get_layer("hidden_activation").negative_slope == pytest.approx(0.4)


@pytest.mark.parametrize(
    "options",
    [
        {"architecture": "transformer"},
        {"units": 0},
        {"units": 8, "architecture": "single-frame"},
        {"hidden_units": True},
        {"dropout": 1.0},
        {"hidden_dropout": -0.1},
        {"slope": float("nan")},
    ],
)
def test_options_out_of_range(options):
    with pytest.raises(OptionError, match=next(iter(options))):
        NetworkOptions(**options)


def test_without_tensorflow(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(ExtraNotInstalledError, match=r"pip install -e .*\[train\]'"):
        load_keras()


def test_another_backend(monkeypatch):
    import keras

    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(OptionError, match="KERAS_BACKEND=tensorflow"):
        load_keras()


def test_a_single_frame_network_over_a_clip_is_the_mean_of_its_frames(embeddings):
    network = random_network("single-frame")
    frames = predict_frames(network, embeddings)
    assert frames.shape == (6, 25, CLASSES)
    np.testing.assert_allclose(frames[2, 7], network(embeddings[2, 7:8]).numpy()[0], atol=1e-5)
    np.testing.assert_allclose(predict(network, embeddings), frames.mean(axis=1), atol=1e-7)


def test_the_export_computes_what_keras_computes(network, embeddings, tmp_path):
    path = tmp_path / "classifier.tflite"
    path.write_bytes(to_tflite(network))
    expected = predict(network, embeddings)
    assert np.ptp(expected, axis=0).max() > 0.01, "the clips are not told apart: the test shows nothing"
    for runtime in (info.name for info in runtimes() if info.usable):
        classifier = open_network(path, runtime=runtime)
        assert (classifier.num_samples, classifier.dim, classifier.num_classes) == (25, DIM, CLASSES)
        exported = np.stack([classifier.predict(Window.of(clip)) for clip in embeddings])
        np.testing.assert_allclose(exported, expected, atol=1e-5)
        operators = {operator["op_name"] for operator in classifier.model._interpreter._get_ops_details()}
        classifier.close()
        assert not [name for name in operators if "Flex" in name or "CUSTOM" in name.upper()]
    assert check_parity(path, embeddings, expected).difference < 1e-5


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_file_holds_the_weights_once(architecture):
    network = make_network(64, CLASSES, shape(architecture, 96))
    assert len(to_tflite(network)) < 4 * network.count_params() + 30_000


@pytest.mark.parametrize(("dtype", "part", "limit"), [("float16", 0.55, 0.02), ("int8", 0.3, 0.25)])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_weights_of_fewer_bits(architecture, dtype, part, limit, embeddings, tmp_path):
    network = make_network(DIM, CLASSES, shape(architecture, 256))
    path = tmp_path / "classifier.tflite"
    path.write_bytes(to_tflite(network, dtype=dtype))
    assert path.stat().st_size < part * 4 * network.count_params() + 30_000
    parity = check_parity(path, embeddings, predict(network, embeddings), dtype)
    assert 0 < parity.difference < limit
    assert parity.probabilities.shape == (len(embeddings), CLASSES)


def test_an_export_that_differs_is_refused(network, embeddings, tmp_path):
    path = tmp_path / "classifier.tflite"
    path.write_bytes(to_tflite(network))
    with pytest.raises(ModelError, match="expected less than 1e-05"):
        check_parity(path, embeddings, predict(network, embeddings) + np.float32(1e-3))


def test_a_conversion_that_fails(network, monkeypatch):
    import tensorflow as tf

    def unconvertible(network, num_frames):
        @tf.function(input_signature=[tf.TensorSpec([1, 25, DIM], tf.float32)])
        def function(x):
            return tf.raw_ops.Betainc(a=x, b=x, x=x)

        return function

    monkeypatch.setattr(export, "deployed_function", unconvertible)
    with pytest.raises(ModelError, match="built-in operators"):
        to_tflite(network)
