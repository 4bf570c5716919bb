"""Annotated frames: the picture, and beneath it what the model thinks of it now, how sure it is, and since when."""

from __future__ import annotations

from typing import Optional

import numpy as np
from PIL import Image, ImageDraw

from ...frames import Frame
from ...prediction import Prediction
from .history import is_sure
from .style import UNSURE, Colour, Palette, clock, fitted, font, hatch, mixed, span, text_width, ticks

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
        seconds: how long the video is, as far as is known; the strip grows when it turns out longer.
        window_seconds: what the window spans.
        palette: the labels' colours.

    Attributes:
        width, height: of an annotated frame, in pixels.
    """

    def __init__(self, width: int, height: int, *, seconds: float, window_seconds: float, palette: Palette) -> None:
        scale = min(_MAX_WIDTH / width, _MAX_PICTURE_HEIGHT / height)
        if scale > 1:
            scale = min(scale, max(1.0, _MIN_WIDTH / width))
        self._picture_size = (max(2, round(width * scale)), max(2, round(height * scale)))
        self.width = _even(max(self._picture_size[0], _MIN_WIDTH))
        self._picture_height = _even(max(self._picture_size[1], 64))
        self.height = self._picture_height + _PANEL_HEIGHT
        self._seconds = max(seconds, 1e-3)
        self._window_seconds = window_seconds
        self._palette = palette
        self._standing: list[tuple[float, Prediction]] = []  # each prediction, and since when it stands
        self._strip = self._empty_strip()
        self._drawn_to = 0.0

    def draw(
        self, frame: Frame, timestamp: float, prediction: Optional[Prediction], *, window_filled: float = 1.0
    ) -> Frame:
        """The annotated frame.

        Args:
            frame: uint8 ``[H, W, 3]``, RGB.
            timestamp: its time in seconds.
            prediction: the one that stands now, the newest; None where there was none yet.
            window_filled: how much of the window holds frames now, 0 to 1.

        Returns:
            uint8 ``[self.height, self.width, 3]``, RGB.
        """
        self._extend_strip(timestamp, prediction)
        canvas = np.empty((self.height, self.width, 3), dtype=np.uint8)
        canvas[: self._picture_height] = _PANEL
        picture = _scaled(frame, *self._picture_size)
        top, left = (self._picture_height - picture.shape[0]) // 2, (self.width - picture.shape[1]) // 2
        canvas[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
        sure = prediction is not None and is_sure(prediction)
        colour = UNSURE if prediction is None else self._colour(prediction)
        edge = canvas[: self._picture_height]
        edge[:_BORDER], edge[-_BORDER:], edge[:, :_BORDER], edge[:, -_BORDER:] = (colour,) * 4
        canvas[self._picture_height :] = np.asarray(self._panel(timestamp, prediction, sure, window_filled))
        return canvas

    def _panel(
        self, timestamp: float, prediction: Optional[Prediction], sure: bool, window_filled: float
    ) -> Image.Image:
        panel = Image.new("RGB", (self.width, _PANEL_HEIGHT), _PANEL)
        draw = ImageDraw.Draw(panel)
        middle = round(self.width * 0.47)
        self._draw_verdict(panel, draw, middle, prediction, sure)
        self._draw_window(draw, middle, window_filled)
        if prediction is not None:
            self._draw_bars(draw, middle + 2 * _MARGIN, prediction, sure)
        panel.paste(self._strip, (_MARGIN, _STRIP_TOP))
        self._draw_axis(draw, timestamp)
        return panel

    def _draw_verdict(
        self, panel: Image.Image, draw: ImageDraw.ImageDraw, right: int, prediction: Optional[Prediction], sure: bool
    ) -> None:
        chip = (_MARGIN, 16, _MARGIN + 12, 88)
        left = _MARGIN + 26
        if prediction is None:
            hatch(panel, chip, UNSURE)
            draw.text((left, 34), "...", font=font(36), fill=_DIM_TEXT, anchor="lm")
            draw.text((left, 74), "no prediction yet", font=font(18), fill=_DIM_TEXT, anchor="lm")
            return
        if sure:
            draw.rectangle(chip, fill=self._palette.colour(prediction.label))
            label, status, fill = prediction.label, "", _TEXT
        else:
            hatch(panel, chip, self._palette.colour(prediction.label))
            label, fill = f"{prediction.label} ?", _DIM_TEXT
            status = "unsure: window filling" if prediction.window_filled < 1 else "unsure: low score"
        text, size = fitted(label, 36, right - left, smallest=18)
        draw.text((left, 36), text, font=font(size), fill=fill, anchor="lm")
        score = f"{prediction.score:.0%}"
        draw.text((left, 86), score, font=font(30), fill=fill, anchor="ls")
        after = left + text_width(score, 30) + 16
        draw.text((after, 86), status, font=font(16), fill=_DIM_TEXT, anchor="ls")

    def _colour(self, prediction: Prediction) -> Colour:
        """The label's colour: full when the prediction is sure, dimmed when it is not."""
        colour = self._palette.colour(prediction.label)
        return colour if is_sure(prediction) else mixed(colour, _LINES, 0.65)

    def _draw_window(self, draw: ImageDraw.ImageDraw, right: int, filled: float) -> None:
        y, text = 108, f"window {span(self._window_seconds)}"
        draw.text((_MARGIN, y), text, font=font(14), fill=_DIM_TEXT, anchor="lm")
        left, end = _MARGIN + text_width(text, 14) + 10, right - 52
        draw.rectangle((left, y - 4, end, y + 4), fill=_GROOVE)
        if filled > 0:
            fill = _TEXT if filled >= 1 else _DIM_TEXT
            draw.rectangle((left, y - 4, left + (end - left) * min(filled, 1.0), y + 4), fill=fill)
        draw.text((right, y), f"{filled:.0%}", font=font(14), fill=_DIM_TEXT, anchor="rm")

    def _draw_bars(self, draw: ImageDraw.ImageDraw, left: int, prediction: Prediction, sure: bool) -> None:
        top = prediction.top(_MAX_BARS)
        right = self.width - _MARGIN
        name_width = min(max(text_width(label, 15) for label, _ in top), round((right - left) * 0.45))
        bar_left, bar_right = left + name_width + 10, right - 46
        for row, (label, score) in enumerate(top):
            y = 22 + row * _BAR_ROW
            text, size = fitted(label, 15, name_width)
            first = row == 0
            fill = _TEXT if first and sure else _DIM_TEXT
            draw.text((bar_left - 10, y), text, font=font(size), fill=fill, anchor="rm")
            draw.rectangle((bar_left, y - 7, bar_right, y + 7), fill=_GROOVE)
            # Only the winner asks for a colour: the few there are must last for those that win
            colour = self._colour(prediction) if first else _LINES
            length = (bar_right - bar_left) * score
            if length >= 1:
                draw.rectangle((bar_left, y - 7, bar_left + length, y + 7), fill=colour)
            draw.text((right, y), f"{score:.0%}", font=font(15), fill=fill, anchor="rm")

    def _draw_axis(self, draw: ImageDraw.ImageDraw, timestamp: float) -> None:
        length = self._strip.width
        now = _MARGIN + min(timestamp / self._seconds, 1.0) * (length - 1)
        text = f"{timestamp:.1f} s"
        half = text_width(text, 15) / 2 + 5
        centre = min(max(now, _MARGIN + half), self.width - _MARGIN - half)
        y = _STRIP_BOTTOM + 14
        times = list(ticks(self._seconds, length))
        step = times[1] - times[0] if len(times) > 1 else 1.0
        for time in times:
            x = _MARGIN + time / self._seconds * (length - 1)
            draw.line((x, _STRIP_BOTTOM, x, _STRIP_BOTTOM + 4), fill=_DIM_TEXT)
            label = clock(time, step)
            label_half = text_width(label, 13) / 2
            place = min(max(x, _MARGIN + label_half), self.width - _MARGIN - label_half)
            if abs(place - centre) > half + label_half + 2:  # the cursor's own time covers a tick near it
                draw.text((place, y), label, font=font(13), fill=_DIM_TEXT, anchor="mm")
        draw.rectangle((now - 1, _STRIP_TOP - 4, now + 1, _STRIP_BOTTOM + 5), fill=_TEXT)
        draw.rounded_rectangle((centre - half, y - 9, centre + half, y + 9), radius=4, fill=_TEXT)
        draw.text((centre, y), text, font=font(15), fill=_PANEL, anchor="mm")

    def _empty_strip(self) -> Image.Image:
        return Image.new("RGB", (self.width - 2 * _MARGIN, _STRIP_BOTTOM - _STRIP_TOP), _GROOVE)

    def _extend_strip(self, timestamp: float, prediction: Optional[Prediction]) -> None:
        """Draw what stood since the last frame; all of it again where the video is longer than was known."""
        if timestamp > self._seconds:
            self._seconds = timestamp * 1.25
            self._strip = self._empty_strip()
            starts = [start for start, _ in self._standing]
            for (start, earlier), end in zip(self._standing, [*starts[1:], timestamp]):
                self._draw_on_strip(start, end, earlier)
        elif self._standing:
            self._draw_on_strip(self._drawn_to, timestamp, self._standing[-1][1])
        self._drawn_to = timestamp
        if prediction is not None and not (self._standing and self._standing[-1][1] is prediction):
            self._standing.append((timestamp, prediction))

    def _draw_on_strip(self, start: float, end: float, prediction: Prediction) -> None:
        scale = (self._strip.width - 1) / self._seconds
        left, right = round(start * scale), round(end * scale)
        if right <= left:
            return
        draw, height = ImageDraw.Draw(self._strip), self._strip.height
        top = height - max(2, round(height * prediction.score))
        colour = self._colour(prediction)
        if is_sure(prediction):
            draw.rectangle((left, 0, right - 1, height), fill=mixed(colour, _PANEL, 0.7))
        draw.rectangle((left, top, right - 1, height), fill=colour)


def _scaled(frame: Frame, width: int, height: int) -> Frame:
    """For people to look at: OpenCV is several times faster than the bilinear resize that the networks are trained with."""
    import cv2

    if frame.shape[1::-1] == (width, height):
        return frame
    method = cv2.INTER_AREA if frame.shape[1] > width else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(frame, (width, height), interpolation=method), dtype=np.uint8)


def _even(number: int) -> int:
    return number + number % 2
