"""A network beside the statistics: trained, and mixed with them as held-out groups prefer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..bundles import MIXTURE
from ..calibration import calibrated, fit_temperature, log_probabilities
from ..classifiers.mixture import mix
from ..datasets.clips import DatasetError
from ..embedders import Array, Window
from .card import file_entry
from .examples import mean_by
from .learning import Learnt
from .lesson import Lesson, NetworkTrainer, TrainedNetwork
from .options import TeachOptions

_FILE = "classifier.tflite"
# Weights of the network; both parts always count.
_WEIGHTS = tuple(k / 10 for k in range(1, 10))


@dataclass(frozen=True)
class Mixed:
    """A network, and its mixture with the statistics.

    Attributes:
        weight: weight of the network; that of the statistics is the rest to 1.
        probabilities: for each window of the clips, from parts that did not know its group, float32 ``[N, K]``, calibrated.
        tried: accuracy and negative log-likelihood (nats) on held-out groups, for each weight of the network.
    """

    network: TrainedNetwork
    weight: float
    temperature: float
    probabilities: Array
    tried: list[dict[str, float]]

    def write(self, folder: Path, card: dict[str, Any]) -> None:
        """Write the network's file into a bundle's folder, and turn the card of the statistics into one of both."""
        path = folder / _FILE
        path.write_bytes(self.network.content)
        parts = [
            {**self.network.entry, **file_entry(path), "weight": self.weight},
            {**card["classifier"], "weight": round(1 - self.weight, 6)},
        ]
        card["classifier"] = {
            "kind": MIXTURE,
            "architecture": " + ".join(part["architecture"] for part in parts),
            "parameters": sum(part["parameters"] for part in parts),
            "parts": parts,
        }
        card["calibration"]["temperature"] = self.temperature
        card["training"]["network"] = self.network.training
        card["training"]["weights_tried"] = self.tried


def add_network(
    train: NetworkTrainer, learnt: Learnt, streams: Sequence[Window], windows: Sequence[Window], options: TeachOptions
) -> Mixed:
    """Train a network on the clips that the statistics were fitted on, and mix both.

    Args:
        streams: the clips; mirror images come after all others. windows: cut from them, in the order of the examples.

    Raises:
        DatasetError: no group can be held out.
    """
    data, held_out = learnt.examples, learnt.fitted.probabilities
    if held_out is None:
        raise DatasetError("All clips are of one group, so none can be held out to choose the network's training.")
    num_clips = sum(not clip.mirrored for clip in data.clips)
    count = int(np.searchsorted(data.owners, num_clips))
    owners, of_head = data.owners[:count], held_out[:count]
    truth = data.classes[:count]
    classes = truth[np.searchsorted(owners, np.arange(num_clips))]
    network = train(
        Lesson(
            streams,
            classes,
            [clip.group for clip in data.clips[:num_clips]],
            of_head.shape[1],
            windows[:count],
            owners,
            options.num_samples,
            max(1, round(options.min_filled * options.num_samples)),
        )
    )
    tried, found = [], {}
    for weight in (0.0, *_WEIGHTS, 1.0):
        both = mix((network.probabilities, of_head), (weight, 1 - weight))
        temperature = fit_temperature(both, truth) or 1.0
        found[weight] = (temperature, calibrated(both, temperature))
        of_clips = mean_by(owners, found[weight][1])
        loss = float(-log_probabilities(of_clips)[np.arange(num_clips), classes].mean())
        accuracy = float((of_clips.argmax(axis=1) == classes).mean())
        tried.append({"weight": weight, "accuracy": round(accuracy, 4), "nll": round(loss, 4)})
    best = min(tried[1:-1], key=lambda one: one["nll"])["weight"]
    return Mixed(network, best, *found[best], tried)
