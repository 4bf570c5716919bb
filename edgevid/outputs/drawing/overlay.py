"""Annotated frames: the picture, and below it what the model recognises now, with its score and duration."""

from __future__ import annotations

from typing import Optional

import numpy as np
from PIL import Image

from ...frames import Frame, Region
from ...prediction import NOTHING
from .style import NO_ACTION, WATCHING, Canvas, Colour, Palette, fitted, mixed, span, text_width, ticks, wrapped
from .summary import Judged

_MAX_WIDTH, _MAX_PICTURE_HEIGHT, _MIN_WIDTH = 960, 640, 640
_PANEL_HEIGHT = 196
_MARGIN = 18
_BORDER = 6
_STRIP_TOP, _STRIP_BOTTOM = 132, 170
_BAR_ROW = 22
_MAX_BARS = 5

_PANEL = (22, 25, 30)
_GROOVE = (44, 49, 57)
_TEXT = (240, 242, 245)
_DIM_TEXT = (158, 165, 174)
_LINES = (100, 106, 115)


class Overlay:
    """Draws annotated frames of one size, in time order.

    Args:
        width, height: of the video's frames, in pixels. The annotated frames are at most 960 pixels wide and have even sides;
            small videos are enlarged so that the text can be read.
        seconds: length of the video, if known; the strip grows if the video turns out longer.
        window_seconds: length of the window.
        palette: the labels' colours.
        knows: a line that lists the actions; shown while none is recognised.

    Attributes:
        width, height: size of an annotated frame, in pixels.
    """

    def __init__(
        self, width: int, height: int, *, seconds: float, window_seconds: float, palette: Palette, knows: str
    ) -> None:
        scale = min(_MAX_WIDTH / width, _MAX_PICTURE_HEIGHT / height)
        if scale > 1:
            scale = min(scale, max(1.0, _MIN_WIDTH / width))
        self._picture_size = (max(2, round(width * scale)), max(2, round(height * scale)))
        self.width = _even(max(self._picture_size[0], _MIN_WIDTH))
        self._picture_height = _even(max(self._picture_size[1], 64))
        self.height = self._picture_height + _PANEL_HEIGHT
        self._seconds = max(seconds, 1e-3)
        self._window_seconds = window_seconds
        self._palette, self._knows = palette, knows
        self._strip_width = self.width - 2 * _MARGIN
        # Of each prediction: its start, the height of its bar in pixels, the colours of the bar and of its background
        self._newest: Optional[Judged] = None
        self._starts: list[float] = []
        self._bars: list[tuple[int, Colour, Colour]] = []

    def draw(
        self,
        frame: Frame,
        timestamp: float,
        newest: Optional[Judged],
        *,
        window_filled: float = 1.0,
    ) -> Frame:
        """The annotated frame.

        Args:
            frame: uint8 ``[H, W, 3]``, RGB.
            timestamp: its time in seconds.
            newest: the current prediction; None if there is none yet.
            window_filled: how much of the window is filled, 0 to 1.

        Returns:
            uint8 ``[self.height, self.width, 3]``, RGB.
        """
        if timestamp > self._seconds:
            self._seconds = timestamp * 1.25
        if newest is not None and newest is not self._newest:
            self._newest = newest
            self._starts.append(timestamp)
            self._bars.append(self._bar(newest))
        panel = Canvas(self.width, _PANEL_HEIGHT, _PANEL)
        middle = round(self.width * 0.47)
        self._draw_verdict(panel, middle, newest)
        self._draw_window(panel, middle, window_filled)
        if newest is not None and newest.verdict != WATCHING:
            self._draw_bars(panel, middle + 2 * _MARGIN, newest)
        panel.image.paste(Image.fromarray(self._strip(timestamp)), (_MARGIN, _STRIP_TOP))
        self._draw_axis(panel, timestamp)
        return np.concatenate([self._bordered(frame, newest), np.asarray(panel.image)])

    def _bordered(self, frame: Frame, newest: Optional[Judged]) -> Frame:
        """The video's frame in the middle, with the region and a border in the action's colour."""
        colour, prediction = self._colour(newest), None if newest is None else newest.prediction
        canvas = np.full((self._picture_height, self.width, 3), _PANEL, dtype=np.uint8)
        picture = _scaled(frame, *self._picture_size)
        if prediction is not None and prediction.region is not None:
            picture = _with_region(picture, prediction.region, colour)
        top, left = (canvas.shape[0] - picture.shape[0]) // 2, (self.width - picture.shape[1]) // 2
        canvas[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
        canvas[:_BORDER], canvas[-_BORDER:], canvas[:, :_BORDER], canvas[:, -_BORDER:] = (colour,) * 4
        return canvas

    def _colour(self, newest: Optional[Judged]) -> Colour:
        """The colour of the action that goes on; grey if none does."""
        return self._palette.colour(WATCHING if newest is None else newest.verdict)

    def _draw_verdict(self, panel: Canvas, right: int, newest: Optional[Judged]) -> None:
        """The action that goes on, its score and count; else the actions that the model knows."""
        chip, left = (_MARGIN, 16, _MARGIN + 12, 88), _MARGIN + 26
        verdict = WATCHING if newest is None else newest.verdict
        if verdict == WATCHING:
            panel.hatch(chip, NO_ACTION)
        else:
            panel.draw.rectangle(chip, fill=self._colour(newest))
        if newest is None or verdict in (WATCHING, NOTHING):
            panel.text(left, 30, *fitted(verdict, 32, right - left), _TEXT if verdict == NOTHING else _DIM_TEXT)
            for k, line in enumerate(wrapped(self._knows, 12, right - left, lines=3)):
                panel.text(left, 57 + 16 * k, line, 12, _DIM_TEXT)
            return
        panel.text(left, 36, *fitted(verdict, 36, right - left, smallest=18), _TEXT)
        score, count = f"{newest.answer.score:.0%}", newest.action and newest.action.count
        panel.text(left, 86, score, 30, _TEXT, "ls")
        panel.text(left + text_width(score, 30) + 16, 86, f"{count} times" if count else "", 16, _DIM_TEXT, "ls")

    def _draw_window(self, panel: Canvas, right: int, filled: float) -> None:
        y, text = 108, f"window {span(self._window_seconds)}"
        panel.text(_MARGIN, y, text, 14, _DIM_TEXT)
        self._draw_bar(
            panel, _MARGIN + text_width(text, 14) + 10, right - 52, y, 4, filled, _TEXT if filled >= 1 else _DIM_TEXT
        )
        panel.text(right, y, f"{filled:.0%}", 14, _DIM_TEXT, "rm")

    def _draw_bars(self, panel: Canvas, left: int, newest: Judged) -> None:
        top, action = newest.prediction.top(_MAX_BARS), newest.answer
        right = self.width - _MARGIN
        name_width = min(max(text_width(label, 15) for label, _ in top), round((right - left) * 0.45))
        bar_left, bar_right = left + name_width + 10, right - 46
        for row, (label, score) in enumerate(top):
            y = 22 + row * _BAR_ROW
            is_action = action.recognised and label == action.label
            fill = _TEXT if is_action else _DIM_TEXT
            panel.text(bar_left - 10, y, *fitted(label, 15, name_width), fill, "rm")
            # Only recognised actions use up a colour: there are few
            self._draw_bar(panel, bar_left, bar_right, y, 7, score, self._colour(newest) if is_action else _LINES)
            panel.text(right, y, f"{score:.0%}", 15, fill, "rm")

    def _draw_bar(self, panel: Canvas, left: int, right: int, y: int, half: int, part: float, colour: Colour) -> None:
        panel.draw.rectangle((left, y - half, right, y + half), fill=_GROOVE)
        length = (right - left) * min(part, 1.0)
        if length >= 1:
            panel.draw.rectangle((left, y - half, left + length, y + half), fill=colour)

    def _draw_axis(self, panel: Canvas, timestamp: float) -> None:
        length = self._strip_width
        now = _MARGIN + min(timestamp / self._seconds, 1.0) * (length - 1)
        text = f"{timestamp:.1f} s"
        half = text_width(text, 15) / 2 + 5
        centre = self._inside(now, half)
        y = _STRIP_BOTTOM + 14
        for time, label in ticks(self._seconds, length):
            x = _MARGIN + time / self._seconds * (length - 1)
            panel.draw.line((x, _STRIP_BOTTOM, x, _STRIP_BOTTOM + 4), fill=_DIM_TEXT)
            label_half = text_width(label, 13) / 2
            place = self._inside(x, label_half)
            if abs(place - centre) > half + label_half + 2:  # else the cursor's own time would cover it
                panel.text(place, y, label, 13, _DIM_TEXT, "mm")
        panel.draw.rectangle((now - 1, _STRIP_TOP - 4, now + 1, _STRIP_BOTTOM + 5), fill=_TEXT)
        panel.draw.rounded_rectangle((centre - half, y - 9, centre + half, y + 9), radius=4, fill=_TEXT)
        panel.text(centre, y, text, 15, _PANEL, "mm")

    def _inside(self, x: float, half: float) -> float:
        """The centre of a text ``2 * half`` pixels wide, as near to ``x`` as the margins allow."""
        return min(max(x, _MARGIN + half), self.width - _MARGIN - half)

    def _bar(self, newest: Judged) -> tuple[int, Colour, Colour]:
        colour, height = self._colour(newest), _STRIP_BOTTOM - _STRIP_TOP
        if newest.verdict == WATCHING:  # a guess this early means nothing
            return 2, _LINES, _GROOVE
        behind = _GROOVE if newest.verdict == NOTHING else mixed(colour, _PANEL, 0.7)
        return max(2, round(height * newest.answer.score)), colour, behind

    def _strip(self, now: float) -> Frame:
        """The predictions until now, as columns of pixels."""
        strip = np.full((_STRIP_BOTTOM - _STRIP_TOP, self._strip_width, 3), _GROOVE, np.uint8)
        times = (np.arange(self._strip_width) + 0.5) * self._seconds / (self._strip_width - 1)
        columns = np.flatnonzero((times < now) & (times >= min(self._starts, default=now)))
        if len(columns):
            standing = np.searchsorted(self._starts, times[columns], side="right") - 1
            heights, colours, behind = (np.array(values)[standing] for values in zip(*self._bars))
            in_bar = np.arange(len(strip))[::-1, None] < heights
            strip[:, columns] = np.where(in_bar[..., None], colours, behind)
        return strip


def _scaled(frame: Frame, width: int, height: int) -> Frame:
    """Resize for display: OpenCV is several times faster than the bilinear resize that the networks are trained with."""
    import cv2

    if frame.shape[1::-1] == (width, height):
        return frame
    method = cv2.INTER_AREA if frame.shape[1] > width else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(frame, (width, height), interpolation=method), dtype=np.uint8)


def _with_region(picture: Frame, region: Region, colour: Colour) -> Frame:
    """A copy of the picture with a box around the region, dark around light, visible on any background."""
    import cv2

    height, width = picture.shape[:2]
    inset = _BORDER + 2  # the border would hide the edge
    corner, other = (
        (min(max(round(x * width), inset), width - 1 - inset), min(max(round(y * height), inset), height - 1 - inset))
        for x, y in (region[:2], region[2:])
    )
    drawn: Frame = np.array(picture)
    for shade, thickness in (((0, 0, 0), 6), (mixed(colour, (255, 255, 255), 0.4), 2)):
        cv2.rectangle(drawn, corner, other, shade, thickness)
    return drawn


def _even(number: int) -> int:
    return number + number % 2
