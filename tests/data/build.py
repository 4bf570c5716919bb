"""Builds the small networks beside this file: ``python tests/data/build.py`` (needs the extra 'train').

The extractor is the first part of a shipped one, for pictures of 32 pixels a side. The classifiers' weights are random, and large
enough to distinguish windows. The tests of the rolling form need them where Keras is not installed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from edgevid.bundles import models_folder
from edgevid.tflite.truncation import Graph
from edgevid.training.export import FLOAT32, INT8, to_tflite
from edgevid.training.networks import GRU, LSTM, NetworkOptions, load_keras, make_network

DIM, UNITS, CLASSES = 1280, 8, 5


def main() -> int:
    shipped = models_folder() / "mobilenet_v2_1.0_160_block13_uint8.tflite"
    graph = Graph(shipped.read_bytes(), shipped.name, size=32)
    add = next(tensor for tensor in graph.spatial_tensors() if "block_2_add" in tensor.name)
    Path(__file__).with_name("extractor.tflite").write_bytes(graph.truncate(add))
    load_keras()
    random = np.random.default_rng(0)
    for architecture in (GRU, LSTM):
        network = make_network(DIM, CLASSES, NetworkOptions(architecture=architecture, units=UNITS, hidden_units=8))
        for layer in network.layers:
            shapes = [weight.shape for weight in layer.get_weights()]
            if layer.name in ("gru", "lstm", "hidden", "probabilities"):
                layer.set_weights([random.normal(0, 3 / np.sqrt(shape[0]), shape) for shape in shapes])
        for name, dtype in ((architecture, FLOAT32), (f"{architecture}_int8", INT8)):
            path = Path(__file__).with_name(f"{name}.tflite")
            path.write_bytes(to_tflite(network, dtype=dtype))
            sys.stdout.write(f"{path.name}: {path.stat().st_size:,} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
