"""A drawn person who moves: motions to be taught, without clips of a real person."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np

from edgevid.frames import Frame

_WALL, _FLOOR, _SKIRTING = (196, 205, 204), (150, 132, 112), (120, 104, 88)
_SKIN, _SHIRT, _TROUSERS, _HAIR = (216, 168, 138), (32, 108, 122), (52, 60, 74), (64, 46, 36)


def motion(kind: str, count: int = 25, width: int = 320, height: int = 240) -> list[Frame]:
    """About a second of frames to repeat, uint8 [height, width, 3]: "wave", "jump", or anything else to stand still."""
    return [_person(kind, i / count, width, height) for i in range(count)]


def _person(kind: str, phase: float, width: int, height: int) -> Frame:
    turn = 2 * math.pi * phase
    scale, image = height / 240, np.full((height, width, 3), _WALL, np.uint8)
    picture: Any = image
    cv2.rectangle(picture, (0, round(196 * scale)), (width, height), _FLOOR, -1)
    cv2.line(picture, (0, round(196 * scale)), (width, round(196 * scale)), _SKIRTING, max(1, round(3 * scale)))
    sway, lift = 1.5 * math.sin(turn), 0.0
    left, right = (-0.25, 0.9), (-0.25, 0.9)  # how far from the body, and down, each hand is, in arms' lengths
    if kind == "wave":
        angle = 0.75 * math.sin(2 * turn)
        right = (-0.45 - 0.5 * math.sin(angle), -0.85 * math.cos(angle))
    elif kind == "jump":
        up = 0.5 - 0.5 * math.cos(turn)
        lift = 16 * abs(math.sin(turn))
        left = right = (-0.3 - 0.6 * math.sin(math.pi * up), 0.9 - 1.8 * up)

    def at(x: float, y: float) -> tuple[int, int]:
        return round(width / 2 + (x + sway) * scale), round((y - lift) * scale)

    def limb(begin: tuple[float, float], end: tuple[float, float], colour: tuple[int, ...], thick: float) -> None:
        cv2.line(picture, at(*begin), at(*end), colour, max(1, round(thick * scale)), cv2.LINE_AA)

    wide = 16 if kind == "jump" else 9
    for side in (-1, 1):
        limb((side * 6, 140), (side * wide, 208), _TROUSERS, 13)
    limb((0, 96), (0, 136), _SHIRT, 34)
    for side, (out, down) in ((-1, left), (1, right)):
        shoulder = (side * 17, 92)
        hand = (side * (17 - 52 * out), 92 + 52 * down)
        limb(shoulder, hand, _SHIRT, 10)
        cv2.circle(picture, at(*hand), round(7 * scale), _SKIN, -1, cv2.LINE_AA)
    cv2.circle(picture, at(0, 58), round(18 * scale), _HAIR, -1, cv2.LINE_AA)
    cv2.circle(picture, at(0, 62), round(16 * scale), _SKIN, -1, cv2.LINE_AA)
    return image
