"""Runs edgevid's functions with the installed edgevid and runtime, and writes the results as JSON.

    python tests/arm/check.py INPUTS RESULTS.json

INPUTS is a folder made by inputs.py. The file is written after each step, so that a crash leaves the earlier results.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Callable

BUNDLES = ("exercises10", "exercises10-light")


class Results:
    """The results of the steps by name, with the seconds that each took."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.steps: dict[str, dict[str, Any]] = {}

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[dict[str, Any]]:
        began = time.perf_counter()
        given: dict[str, Any] = {}
        yield given
        given["seconds"] = round(time.perf_counter() - began, 2)
        self.steps[name] = given
        self.path.write_text(json.dumps(self.steps))
        print(f"  {name} ({given['seconds']:.0f} s)", flush=True)


def scores_of(predictions: Iterable[Any]) -> dict[str, Any]:
    """The best label of the last prediction, and the probabilities of all: of each class, and of none."""
    answered = list(predictions)
    return {
        "label": answered[-1].top(1)[0].label,
        "probabilities": [[*map(float, one.probabilities), float(one.none)] for one in answered],
    }


def command(*arguments: object) -> str:
    """What ``edgevid ARGUMENTS`` prints. It must exit with 0."""
    from edgevid.cli import main

    with tempfile.TemporaryFile("w+") as printed:
        with contextlib.redirect_stdout(printed):
            code = main([str(argument) for argument in arguments])
        printed.seek(0)
        text = printed.read()
    if code != 0:
        raise SystemExit(f"edgevid {arguments[0]} exited with {code}: {text}")
    return text


def error_of(call: Callable[[], object]) -> str:
    """The class of the EdgevidError that ``call`` raises."""
    import edgevid

    try:
        call()
    except edgevid.EdgevidError as error:
        return type(error).__name__
    return "none"


def frames_of(folder: Path) -> list[tuple[float, Any]]:
    """The frames of a folder of pictures, with timestamps for 10 a second."""
    import numpy as np
    from PIL import Image

    pictures = sorted(folder.glob("*.png"))
    return [(number / 10, np.asarray(Image.open(picture).convert("RGB"))) for number, picture in enumerate(pictures)]


def check(inputs: Path, results: Results, work: Path) -> None:
    with results.step("import") as given:
        import cv2
        import numpy as np
        import PIL
        from PIL import Image

        import edgevid
        from edgevid.tflite.interpreter import select_runtime

        given.update(
            machine=platform.machine(), python=platform.python_version(), runtime=select_runtime().name,
            numpy=np.__version__, opencv=cv2.__version__, pillow=PIL.__version__,
        )  # fmt: skip

    with results.step("photo, 224 x 224") as given:
        from edgevid.bundles import find_extractor
        from edgevid.embedders import CnnEmbedder
        from edgevid.sampling import Sample

        photo = np.asarray(Image.open(inputs / "photo.png").convert("RGB"))
        with contextlib.closing(CnnEmbedder(find_extractor("mobilenet_v2_1.0_224_uint8").path)) as embedder:
            given["embedding"] = embedder.embed(Sample(0.0, (photo,), (0.0,))).tolist()

    for bundle in BUNDLES:
        with edgevid.load(bundle) as recognizer:
            with results.step(f"{bundle}, clip") as given:
                given.update(scores_of([recognizer.classify(inputs / "lossless.avi")]))
            with results.step(f"{bundle}, stream") as given:
                given.update(scores_of(recognizer.stream(frames_of(inputs / "frames"))))
    with results.step("exercises10-light, MPEG-4") as given, edgevid.load("exercises10-light") as recognizer:
        given.update(scores_of([recognizer.classify(inputs / "clip.mp4")]))

    with results.step("edgevid stream --events") as given:
        lines = command("stream", inputs / "clip.mp4", "-b", "exercises10-motion", "--events", "--json").splitlines()
        given["lines"] = len([json.loads(line) for line in lines])

    with results.step("edgevid demo") as given:
        command("demo", inputs / "clip.mp4", "-b", "exercises10-motion", "-o", work / "demo")
        given["files"] = sorted(path.name for path in (work / "demo").iterdir())

    with results.step("edgevid teach") as given:
        folder, options = work / "taught", ("--keep-embeddings", "--cache", work / "cache", "-j", 1)
        command("teach", inputs / "teach", "-o", folder, *options)
        with edgevid.load(folder) as recognizer:
            recognizer.add_example("jack", inputs / "lossless.avi")
            recognizer.refit()
            given.update(scores_of([recognizer.classify(inputs / "lossless.avi")]))

    with results.step("bad input") as given:
        with edgevid.load("exercises10-motion") as recognizer:
            errors = {
                name: error_of(lambda name=name: recognizer.classify(inputs / name))
                for name in ("noise.mp4", "cut_short.mp4", "missing.mp4")
            }
            errors["no frame"] = error_of(lambda: recognizer.open_stream().push(photo.astype(np.float32)))
        errors["missing bundle"] = error_of(lambda: edgevid.load("no_such_bundle"))
        errors["missing network"] = error_of(lambda: CnnEmbedder(work / "missing.tflite"))
        (work / "noise.tflite").write_bytes((inputs / "noise.mp4").read_bytes())
        errors["damaged network"] = error_of(lambda: CnnEmbedder(work / "noise.tflite"))
        given["errors"] = errors


if __name__ == "__main__":
    # Let edgevid see one core, so that networks get one thread: on a busy machine, two threads that wait for each other take
    # many times as long.
    os.sched_getaffinity = lambda _process: {0}
    with tempfile.TemporaryDirectory() as folder:
        check(Path(sys.argv[1]), Results(Path(sys.argv[2])), Path(folder))
