"""How much halving large frames changes the embeddings: cosine to those of the unchanged frames.

    python benchmarks/large_frames.py FILM... [--bundle NAME] [--resize 1920x1080]

Measured for each embedder of the bundle, over the samples of a stream. If no film of the wanted size is at hand, --resize
enlarges the frames first. Enlarged frames have less detail than a camera's, so this is the easier case.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
from measure import environment, run, save
from rolling import _size

import edgevid
from edgevid.bundles import DEFAULT_BUNDLE
from edgevid.embedders import motion, region
from edgevid.embedders.stream import StreamEmbedder
from edgevid.sources import VideoFile

NEVER = 1 << 30  # pixels


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("films", nargs="+", metavar="FILM", type=Path)
    parser.add_argument("--bundle", default=DEFAULT_BUNDLE, help="default: %(default)s")
    parser.add_argument("--resize", type=_size, metavar="WxH", help="first resize the frames to this size")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there")
    args = parser.parse_args()
    results = {}
    whole, halved = (embeddings(args, side) for side in (NEVER, region.ENOUGH))
    with edgevid.load(args.bundle) as recognizer:
        embedders = recognizer.embedders
    for k, embedder in enumerate(embedders):
        pairs = [(a[k].ravel(), b[k].ravel()) for a, b in zip(whole, halved)]
        cosines = [a @ b / (np.linalg.norm(a) * np.linalg.norm(b)) for a, b in pairs if a.any() and b.any()]
        name = f"{embedder.kind}{' (difference)' if getattr(embedder, 'difference', False) else ''}"
        results[name] = {"mean": float(np.mean(cosines)), "min": float(min(cosines)), "samples": len(cosines)}
        print(f"{name}: mean cosine {np.mean(cosines):.4f}, lowest {min(cosines):.4f}, {len(cosines)} samples")
    save({"benchmark": "large_frames", "environment": environment(None), "embedders": results}, args.json)
    return 0


def embeddings(args: argparse.Namespace, side: int) -> list[tuple[np.ndarray, ...]]:
    """The rows of each sample, from frames that are halved to ``side`` pixels or more."""
    rows = []
    with (
        patch.object(region, "ENOUGH", side),
        patch.object(motion, "ENOUGH", side),
        edgevid.load(args.bundle) as recognizer,
    ):
        for film in args.films:
            stream = StreamEmbedder(recognizer.embedders, recognizer.spec)
            with VideoFile(film) as video:
                for timestamp, frame in video.frames(stream.wants):
                    frame = cv2.resize(frame, args.resize, interpolation=cv2.INTER_CUBIC) if args.resize else frame
                    made = stream.make(frame, timestamp)
                    rows += [embedding.rows for embedding in made.embeddings]
                    stream.take(made, timestamp)
    return rows


if __name__ == "__main__":
    run(main)
