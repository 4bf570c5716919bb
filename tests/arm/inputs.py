"""Makes the inputs of check.py: a picture, a short clip as a video and as pictures, clips to teach, damaged files.

python tests/arm/inputs.py FOLDER
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

FPS, WIDTH, HEIGHT = 10.0, 160, 120
SKIN, SHIRT, TROUSERS = (150, 190, 230), (60, 60, 200), (120, 70, 30)  # BGR

# at one phase: angles of both arms and of the legs from straight down, in radians, and height of the jump, 0 to 1
Pose = tuple[float, float, float, float]
Move = Callable[[float], Pose]


def background(seed: int) -> np.ndarray:
    """A wall and a floor with some texture, uint8 [120, 160, 3] BGR."""
    rng = np.random.default_rng(seed)
    picture = np.full((HEIGHT, WIDTH, 3), rng.integers(140, 210, 3), np.float32)
    picture[90:] = rng.integers(60, 120, 3)
    picture += cv2.resize(rng.normal(0, 12, (15, 20, 3)).astype(np.float32), (WIDTH, HEIGHT))
    return np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)


def jack(phase: float) -> Pose:
    """Jumping jacks."""
    spread = 0.5 - 0.5 * math.cos(phase)
    return 0.2 + 2.6 * spread, 0.2 + 2.6 * spread, 0.08 + 0.4 * spread, spread


def wave(phase: float) -> Pose:
    """One arm waves; the body is still."""
    return 0.2, 2.3 + 0.5 * math.sin(2 * phase), 0.08, 0.0


def figure(picture: np.ndarray, pose: Pose, x: int) -> None:
    """Draw a person into the picture at column ``x``."""
    left, right, leg, jump = pose
    hip, shoulder = (x, round(72 - 5 * jump)), (x, round(44 - 5 * jump))

    def limb(start: tuple[int, int], angle: float, length: int, colour: tuple[int, int, int], width: int) -> None:
        end = round(start[0] + length * math.sin(angle)), round(start[1] + length * math.cos(angle))
        cv2.line(picture, start, end, colour, width, cv2.LINE_AA)

    for side in (-1, 1):
        limb((hip[0] + 4 * side, hip[1]), side * leg, 32, TROUSERS, 7)
    cv2.line(picture, hip, shoulder, SHIRT, 15, cv2.LINE_AA)
    limb((x - 7, shoulder[1]), -left, 25, SKIN, 5)
    limb((x + 7, shoulder[1]), right, 25, SKIN, 5)
    cv2.circle(picture, (x, shoulder[1] - 14), 8, SKIN, -1, cv2.LINE_AA)


def pictures(move: Move, seconds: float, seed: int) -> list[np.ndarray]:
    """A person who moves in front of a still background, 10 frames a second, with camera noise."""
    still, rng = background(seed), np.random.default_rng(seed)
    x, rate = int(rng.integers(70, 90)), rng.uniform(0.9, 1.2)
    frames = []
    for number in range(round(seconds * FPS)):
        frame = still.copy()
        figure(frame, move(2 * math.pi * rate * number / FPS + seed), x)
        frames.append(np.clip(frame + rng.normal(0, 2, frame.shape), 0, 255).astype(np.uint8))
    return frames


def write(path: Path, frames: list[np.ndarray], codec: str = "mp4v") -> None:
    """A video, by default in MPEG-4."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), FPS, (WIDTH, HEIGHT))
    if not writer.isOpened():
        raise SystemExit(f"this OpenCV cannot write {codec}")
    for frame in frames:
        writer.write(frame)
    writer.release()


def make(folder: Path) -> None:
    (folder / "frames").mkdir(parents=True)
    photo = background(1)
    figure(photo, jack(2.0), 80)
    cv2.imwrite(str(folder / "photo.png"), cv2.resize(photo, (640, 480), interpolation=cv2.INTER_CUBIC))
    frames = pictures(jack, 3.0, seed=2)
    write(folder / "clip.mp4", frames)
    write(folder / "lossless.avi", frames, "FFV1")
    for number, frame in enumerate(frames):
        cv2.imwrite(str(folder / "frames" / f"{number:03}.png"), frame)
    rows = ["path,label,group"]
    for label, move in (("jack", jack), ("wave", wave)):
        for group in range(3):
            (folder / "teach" / label).mkdir(parents=True, exist_ok=True)
            name = f"{label}/{label}{group}.mp4"
            write(folder / "teach" / name, pictures(move, 1.5, seed=10 + group))
            rows.append(f"{name},{label},g{group}")
    (folder / "teach" / "clips.csv").write_text("\n".join(rows) + "\n")
    whole = (folder / "clip.mp4").read_bytes()
    (folder / "cut_short.mp4").write_bytes(whole[: len(whole) // 2])
    (folder / "noise.mp4").write_bytes(np.random.default_rng(3).bytes(20_000))


if __name__ == "__main__":
    make(Path(sys.argv[1]))
