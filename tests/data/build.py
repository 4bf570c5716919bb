"""Builds the small recurrent classifiers beside this file: ``python tests/data/build.py`` (needs the extra 'train').

Their weights are random, so large that windows are told apart. The tests of the rolling form need them where Keras is not
installed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from edgevid.training.export import FLOAT32, INT8, to_tflite
from edgevid.training.networks import GRU, LSTM, NetworkOptions, load_keras, make_network

DIM, UNITS, CLASSES = 1280, 8, 5


def main() -> int:
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
