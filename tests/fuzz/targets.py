"""Targets, one for each kind of hostile input. A target makes an input from a random generator and passes it to edgevid."""

from __future__ import annotations

import hashlib
import io
import json
import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable

import numpy as np

import edgevid
from edgevid.bundles import CARD_NAME, EmbedderEntry, sha256_of
from edgevid.classifiers import RecurrentClassifier, open_network
from edgevid.datasets.analysis import analyse
from edgevid.datasets.reading import open_dataset, read_dataset, read_used_clips
from edgevid.datasets.ucf101 import read_lists
from edgevid.embedders import CnnEmbedder, Embedder, Window
from edgevid.evaluation.figures import measure_predictions
from edgevid.evaluation.folder import read_evaluation
from edgevid.extraction import EmbeddingConfig, embed_clips
from edgevid.recording import ClipFolder
from edgevid.sampling import Sample
from edgevid.sources import ImageFolder, open_source
from edgevid.teaching.examples import Examples

from .calls import call
from .commands import command
from .corpus import NETWORKS, TESTS
from .mutations import changed_network, changed_table, changed_tree, damaged, json_bytes

_FRAMES = np.random.default_rng(0).integers(0, 256, (6, 24, 32, 3)).astype(np.uint8)
_MOST_FRAMES = 40


class FuzzEmbedder(Embedder):
    """A caller's own embedder, for networks that take 1280 numbers."""

    dim = 1280

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"kind": "fuzz"}

    def embed(self, sample: Sample) -> Any:
        return np.full(self.dim, float(sample.frames[-1].mean()) / 255, np.float32)


def media(rng: random.Random, corpus: Path, scratch: Path) -> object:
    """A damaged video or picture, under its own or another name."""
    files = sorted((corpus / "media").iterdir())
    file = rng.choice(files)
    data = damaged(file.read_bytes(), rng, [rng.choice(files).read_bytes()])
    path = scratch / f"input{rng.choice([file.suffix] * 5 + ['.mp4', '.jpg', '.bin'])}"
    path.write_bytes(data)
    picture = path.suffix in (".jpg", ".png", ".bmp", ".tiff", ".webp")
    with ImageFolder([path]) if picture else open_source(path) as source:
        count = 0
        for count, frame in enumerate(source, start=1):  # noqa: B007
            if count >= _MOST_FRAMES:
                break
    if not picture and rng.randrange(4) == 0:
        return _bundle(corpus / "bundles" / "statistics").classify(path).label
    return count


def card(rng: random.Random, corpus: Path, scratch: Path) -> object:
    """A bundle, or its extractor, with a changed card."""
    source = rng.choice(sorted((corpus / "bundles").iterdir()))
    folder = scratch / "bundle"
    shutil.copytree(source, folder)
    for name in rng.choice(((CARD_NAME,), (CARD_NAME,), ("tiny.json",), (CARD_NAME, "tiny.json"))):
        path = folder / name
        path.write_bytes(json_bytes(changed_tree(json.loads(path.read_text()), rng), rng))
    return _use(folder)


def arrays(rng: random.Random, corpus: Path, scratch: Path) -> object:
    """A classifier of statistics, or examples, with damaged arrays, and a card with their checksum."""
    folder = scratch / "bundle"
    shutil.copytree(corpus / "bundles" / rng.choice(("statistics", "windows", "mixture")), folder)
    path = folder / "classifier.npz"
    path.write_bytes(damaged(path.read_bytes(), rng) if rng.randrange(4) == 0 else _changed_arrays(path, rng))
    if rng.randrange(8) == 0:
        return len(Examples.load(path).clips)
    _vouch(folder, path)
    return _use(folder)


def network(rng: random.Random, corpus: Path, scratch: Path) -> object:
    """A network with changed numbers, alone or in a bundle whose card has its checksum."""
    name = rng.choice(NETWORKS)
    path = scratch / "network.tflite"
    path.write_bytes(changed_network((TESTS / "data" / f"{name}.tflite").read_bytes(), rng))
    if rng.randrange(10) == 0:
        bundle, file = ("statistics", "tiny.tflite") if name == "extractor" else ("recurrent", "classifier.tflite")
        folder = scratch / "bundle"
        shutil.copytree(corpus / "bundles" / bundle, folder)
        path.replace(folder / file)
        _vouch(folder, folder / file)
        return _use(folder)
    if name == "extractor":
        cnn = CnnEmbedder(path, num_threads=1)
        try:
            return [cnn.embed(Sample.of(frame)).sum() for frame in _FRAMES[:2]]
        finally:
            cnn.close()
    classifier = open_network(path, num_threads=1)
    try:
        window = Window.of(np.random.default_rng(0).random((25, classifier.dim), np.float32))
        result = [classifier.predict(window)]
        if isinstance(classifier, RecurrentClassifier):
            rolling = classifier.rolling()
            result += [rolling.push(step) for step in window.steps[:3]]
        return result[0]
    finally:
        classifier.close()


def cache(rng: random.Random, corpus: Path, scratch: Path) -> object:
    """A cache of embeddings with changed files and (mostly) their digests; or an evaluation."""
    if rng.randrange(3) == 0:
        return _evaluation(rng, scratch)
    tiny = corpus / "bundles" / "statistics"
    entry = EmbedderEntry("cnn", edgevid.open_bundle(tiny).embedders[0].network)
    config = EmbeddingConfig.of([entry], num_samples=3)
    clips = open_dataset(corpus / "clips").clips[:1]
    folder = scratch / "cache"
    embed_clips(config, clips, folder)
    (file,) = folder.glob("*/*.npy")
    content = file.read_bytes()[:-32]
    content = damaged(content, rng) if rng.randrange(2) else _npy(rng) + _npy(rng)
    file.write_bytes(content + (hashlib.sha256(content).digest() if rng.randrange(8) else b""))
    return embed_clips(config, clips, folder).embeddings.shape


def table(rng: random.Random, corpus: Path, scratch: Path) -> object:
    """A dataset with a changed list: ``clips.csv``, that of a training run, or UCF101's."""
    text = (corpus / "clips" / "clips.csv").read_text()
    way = rng.randrange(5)
    if way == 0:
        lists = scratch / "lists"
        lists.mkdir()
        row = "jump/v_jump_g01_c01.avi 1"
        for name in ("trainlist01.txt", "testlist01.txt", "classInd.txt"):
            good = "1 jump\n2 run\n" if name == "classInd.txt" else f"{row}\nrun/v_run_g02_c01.avi 2\n"
            (lists / name).write_bytes(damaged(good.encode(), rng) if rng.randrange(2) else changed_table(good, rng))
        return len(read_lists(lists, 1)) + len(read_dataset(corpus / "clips", lists_folder=lists))
    root = scratch / "data"
    shutil.copytree(corpus / "clips", root)
    (root / "clips.csv").write_bytes(changed_table(text, rng))
    if way == 1:
        return len(read_used_clips(root))
    if way == 2:
        folder = ClipFolder(root)
        return folder.counts(), folder.session_group()
    dataset = open_dataset(root, ignore_splits=rng.randrange(2) == 0)
    if way == 3:
        return len(read_dataset(root / "clips.csv"))
    return len(json.dumps(analyse(dataset).as_dict(), allow_nan=False))


def _use(folder: Path) -> object:
    """Open a bundle, classify a clip, and stream it."""
    with edgevid.load(folder, num_threads=1, embedders=[FuzzEmbedder()]) as recognizer:
        prediction = recognizer.classify(_FRAMES)
        said = [json.dumps(prediction.as_dict(), allow_nan=False), str(prediction)]
        if not 0 <= prediction.score <= 1 + 1e-6:
            raise ArithmeticError(f"a score of {prediction.score}")
        stream = recognizer.open_stream()
        for number, frame in enumerate(_FRAMES):
            answer = stream.push(frame, number * 0.1)
            if answer is not None:
                said.append(json.dumps(answer.as_dict(), allow_nan=False))
        return said[0][:80]


def _bundle(folder: Path) -> Any:
    if folder not in _opened:
        _opened[folder] = edgevid.load(folder, num_threads=1)
    return _opened[folder]


_opened: dict[Path, Any] = {}


def _vouch(folder: Path, path: Path) -> None:
    """Write a file's actual checksum into the cards of a bundle."""
    for card_path in folder.glob("*.json"):
        tree = json.loads(card_path.read_text())
        _set_checksum(tree, path.name, sha256_of(path))
        card_path.write_text(json.dumps(tree))


def _set_checksum(node: Any, name: str, sha256: str) -> None:
    if isinstance(node, dict):
        if node.get("file") == name or (name == "tiny.tflite" and node.get("name") == "tiny"):
            node["sha256"] = sha256
        node = list(node.values())
    for item in node if isinstance(node, list) else ():
        _set_checksum(item, name, sha256)


_DTYPES = ("<f4", "<f8", "<i8", "|u1", "<U5", "|S3", "<c8", "|b1", "<f2", "<M8[s]")


def _npy(rng: random.Random) -> bytes:
    """A .npy file of any shape and dtype; or one whose header claims more than it contains."""
    shape = tuple(rng.choice((0, 1, 2, 3, 24, 48)) for _ in range(rng.randrange(4)))
    values = np.zeros(shape, rng.choice(_DTYPES))
    if values.dtype.kind == "f" and values.size:
        values.flat[0] = rng.choice((np.nan, np.inf, -1.0, 1e30, 0.5))
    buffer = io.BytesIO()
    np.save(buffer, values)
    data = buffer.getvalue()
    if rng.randrange(4) == 0:
        many = rng.choice((b"(9999999999,)", b"(-1,)", b"(4611686018427387904, 4)", b"(100000, 100000)"))
        start, end = data.index(b"(", data.index(b"shape")), data.index(b")", data.index(b"shape")) + 1
        data = data[:start] + many + data[end + len(many) - (end - start) :]
    return data


def _changed_arrays(path: Path, rng: random.Random) -> bytes:
    with np.load(path) as file:
        contents = {name: file[name] for name in file.files}
    for name in rng.sample(list(contents), rng.choice((1, 1, 2))):
        array = contents[name]
        if name == "about" and rng.randrange(3):
            contents[name] = np.array(json.dumps(changed_tree(json.loads(str(array)), rng)))
        elif array.dtype.kind == "f" and array.size and rng.randrange(2):
            changed = array.copy()
            changed.flat[rng.randrange(array.size)] = rng.choice((np.nan, np.inf, -np.inf, 1e38, -1e38, 1e-45))
            contents[name] = changed
        elif rng.randrange(4) == 0:
            del contents[name]
        else:
            shape = tuple(rng.choice((0, 1, 3, 48)) for _ in range(rng.randrange(4)))
            contents[name] = np.ones(shape, rng.choice(_DTYPES))
    buffer = io.BytesIO()
    np.savez(buffer, **contents)
    return buffer.getvalue()


def _evaluation(rng: random.Random, scratch: Path) -> object:
    """The changed files of an evaluation: its figures and its predictions."""
    metrics = {
        "kind": "evaluation",
        "format": 1,
        "bundle": {"name": "a"},
        "data": {"name": "b"},
        "bootstrap": {},
        "command": "c",
        "k": 3,
    }
    (scratch / "metrics.json").write_bytes(
        json_bytes(changed_tree(metrics, rng), rng) if rng.randrange(2) else json.dumps(metrics).encode()
    )
    rows = [
        "path,label,group,predicted,rank,p:jump,p:run",
        "a.mp4,jump,g1,jump,1,0.75,0.25",
        "b.mp4,run,g2,jump,2,0.5,0.5",
    ]
    (scratch / "predictions.csv").write_bytes(changed_table("\n".join(rows), rng))
    stored = read_evaluation(scratch)
    return len(json.dumps(measure_predictions(stored.predictions, 2).as_dict(), allow_nan=False))


KINDS: dict[str, tuple[float, Callable[[random.Random, Path, Path], object]]] = {
    "media": (3, media),
    "card": (4, card),
    "arrays": (1.5, arrays),
    "network": (5, network),
    "cache": (1, cache),
    "table": (1.5, table),
    "call": (3, call),
    "command": (1, command),
}
