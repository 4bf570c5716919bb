"""Your own classifier on a shipped bundle's embedder: it picks the class with the nearest mean embedding.

    python examples/own_classifier.py FOLDER CLIP

FOLDER has a folder for each class, with at least one clip in each. The program prints what CLIP shows, window by window.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import edgevid
from edgevid.classifiers import Classifier
from edgevid.embedders import Array, Window, embed_clip


class NearestMean(Classifier):
    """Probabilities by the cosine of the window's mean embedding and each class's."""

    def __init__(self, num_samples: int, means: list[Array]) -> None:
        self.num_samples = num_samples
        self.means = np.stack([mean / np.linalg.norm(mean) for mean in means])
        self.num_classes, self.dim = self.means.shape

    def predict(self, window: Window) -> Array:
        # float32 [samples, dim]: one row a sample, all embedders side by side
        mean = window.aligned.mean(axis=0)
        cosines = self.means @ mean / np.linalg.norm(mean)
        powers = np.exp(50 * (cosines - cosines.max()))
        return (powers / powers.sum()).astype(np.float32)


def main(folder: Path, clip: Path) -> None:
    labels = sorted(path.name for path in folder.iterdir() if path.is_dir())
    with edgevid.load("exercises10-thesis") as shipped:  # it looks at whole frames, one by one
        means = []
        for label in labels:
            windows = [embed_clip(shipped.embedders, path, shipped.spec) for path in sorted((folder / label).iterdir())]
            means.append(np.concatenate([window.aligned for window in windows]).mean(axis=0))
        own = edgevid.Recognizer(
            shipped.embedders, NearestMean(shipped.num_samples, means), labels, window_seconds=shipped.window_seconds
        )
        print("clip:", own.classify(clip))
        for prediction in own.stream(clip, edgevid.StreamOptions(window_seconds=1.0)):
            print(prediction)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    except edgevid.EdgevidError as error:
        sys.exit(str(error))
