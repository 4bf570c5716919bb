"""The timeline of a video as one picture: what the model recognised, when, and with which scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from ...events import EventOptions
from ...frames import Frame
from ...prediction import NOTHING
from .style import (
    NO_ACTION,
    WATCHING,
    Box,
    Canvas,
    Colour,
    Palette,
    fitted,
    mixed,
    span,
    text_colour_on,
    text_width,
    ticks,
)
from .summary import LabelSummary, Moment, Segment, judged, segments, summarise, verdicts

_WIDTH = 1600
_LEFT, _RIGHT = 250, 1380  # of the time axis; labels to its left, figures to its right
_MEAN_X, _PEAK_X = _RIGHT + 104, _RIGHT + 184
_MARGIN = 36
_LABEL_WIDTH = _LEFT - _MARGIN - 44
_THUMBNAIL_HEIGHT = 104
_BAND_HEIGHT = 60
_ROW_HEIGHT, _ROW_GAP = 84, 14
_MAX_ROWS = 6

_INK = (28, 32, 38)
_FAINT_INK = (104, 111, 120)
_GRID = (222, 226, 231)
_ROW = (246, 247, 249)
_WHITE = (255, 255, 255)


class Thumbnails:
    """Small pictures of a video, collected while it is read.

    Keeps between 32 and 64 of them, spread over the video, however long it turns out to be.

    Args:
        seconds: length of the video, if known.
    """

    _KEPT = 32

    def __init__(self, seconds: float) -> None:
        self.taken: list[tuple[float, Image.Image]] = []
        self._apart = seconds / self._KEPT

    def offer(self, frame: Frame, timestamp: float) -> None:
        """Keep the frame if enough time has passed since the last one."""
        if self.taken and timestamp < self.taken[-1][0] + self._apart:
            return
        height = round(1.2 * _THUMBNAIL_HEIGHT)
        size = (min(max(round(frame.shape[1] * height / frame.shape[0]), 16), 4 * height), height)
        self.taken.append((timestamp, Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)))
        if len(self.taken) > 2 * self._KEPT:
            self.taken = self.taken[::2]
            self._apart *= 2

    def nearest(self, time: float) -> Image.Image:
        """The picture nearest to ``time``, in seconds."""
        return min(self.taken, key=lambda taken: abs(taken[0] - time))[1]


@dataclass(frozen=True)
class TimelineText:
    """The texts in the picture.

    Attributes:
        knows: the model's name, and the actions that it knows.
        window_seconds, num_frames: of a window.
        events: when an action is recognised.
    """

    title: str
    knows: str
    window_seconds: float
    num_frames: int
    events: EventOptions


def draw_timeline(
    moments: Sequence[Moment], seconds: float, thumbnails: Thumbnails, text: TimelineText, palette: Palette
) -> Image.Image:
    """The picture: thumbnails, a band of what was recognised, and a curve for each of the main labels.

    Args:
        moments: the predictions, in time order; may be empty.
        seconds: length of the video.
        thumbnails: pictures along the time axis.
        text: title and notes.
        palette: the labels' colours.
    """
    summaries = summarise(moments)
    # The labels that won at some time or came close; at least three, for comparison
    rows = [s for i, s in enumerate(summaries) if i < 3 or s.seconds > 0 or s.peak >= 0.15][:_MAX_ROWS]
    height = 176 + _THUMBNAIL_HEIGHT + 18 + _BAND_HEIGHT + 54 + len(rows) * (_ROW_HEIGHT + _ROW_GAP) + 92
    timeline = _Timeline(Canvas(_WIDTH, height, _WHITE), max(seconds, 1e-3), palette)
    timeline.draw_heading(moments, text)
    y = 176
    timeline.draw_thumbnails(y, thumbnails)
    y += _THUMBNAIL_HEIGHT + 18
    timeline.draw_band(y, moments)
    y += _BAND_HEIGHT + 54
    timeline.draw_rows(y, rows, moments, text.events.enter)
    timeline.draw_notes(height - 26, text.events)
    return timeline.canvas.image


class _Timeline:
    def __init__(self, canvas: Canvas, seconds: float, palette: Palette) -> None:
        self.canvas = canvas
        self._draw = canvas.draw
        self._seconds = seconds
        self._palette = palette

    def _x(self, time: float) -> float:
        return _LEFT + min(max(time / self._seconds, 0.0), 1.0) * (_RIGHT - _LEFT)

    def draw_heading(self, moments: Sequence[Moment], text: TimelineText) -> None:
        note = (
            f"{span(self._seconds)} of video; each prediction judges the last {span(text.window_seconds)} "
            f"({text.num_frames} frames)"
        )
        verdict = "The video is shorter than a window: nothing was judged"
        if found := verdicts(moments):
            verdict = f"Most of the time: {found[0].sentence()}"
        for y, line, size, ink in (
            (56, text.title, 36, _INK),
            (86, note, 19, _FAINT_INK),
            (112, text.knows, 19, _FAINT_INK),
            (150, verdict, 26, _INK),
        ):
            self.canvas.text(_MARGIN, y, *fitted(line, size, _WIDTH - 2 * _MARGIN), ink, "ls")

    def draw_thumbnails(self, top: int, thumbnails: Thumbnails) -> None:
        """As many as fit side by side, each the picture at its middle."""
        if not thumbnails.taken:
            return
        first = thumbnails.taken[0][1]
        axis = _RIGHT - _LEFT
        count = max(1, round(axis / (first.width * _THUMBNAIL_HEIGHT / first.height)))
        slot = axis / count
        scale = min((slot - 4) / first.width, _THUMBNAIL_HEIGHT / first.height * 1.15)
        size = (max(1, round(first.width * scale)), max(1, round(first.height * scale)))
        for i in range(count):
            middle = (i + 0.5) * slot
            picture = thumbnails.nearest(middle / axis * self._seconds).resize(size, Image.Resampling.BILINEAR)
            self.canvas.image.paste(picture, (round(_LEFT + middle - size[0] / 2), top + _THUMBNAIL_HEIGHT - size[1]))

    def draw_band(self, top: int, moments: Sequence[Moment]) -> None:
        bottom = top + _BAND_HEIGHT
        self.canvas.text(_LEFT - 18, (top + bottom) / 2, "recognised", 20, _INK, "rm")
        self._draw.rectangle((_LEFT, top, _RIGHT, bottom), fill=_ROW)
        for segment in segments(moments):
            left, right = self._x(segment.start), max(self._x(segment.end), self._x(segment.start) + 2)
            box = (left, top, min(right, _RIGHT) - 1, bottom)
            colour = self._palette.colour(segment.label)
            fill = {NOTHING: mixed(colour, _WHITE, 0.5), WATCHING: mixed(colour, _WHITE, 0.85)}.get(
                segment.label, colour
            )
            self._draw.rectangle(box, fill=fill)
            if segment.label == WATCHING:
                self.canvas.hatch((left, top, box[2] + 1, bottom + 1), mixed(colour, _WHITE, 0.5), spacing=10)
            self._draw_band_text(box, segment, fill)

    def _draw_band_text(self, box: Box, segment: Segment, background: Colour) -> None:
        left, top, right, _ = box
        is_action = segment.label not in (NOTHING, WATCHING)
        text, size = fitted(segment.label, 21, right - left - 12, smallest=12)
        if text.endswith("...") and (not is_action or len(text) < 7):  # too short to read
            return
        middle = (left + right) / 2
        for line, y, line_size in (
            (text, top + 21, size),
            (f"{segment.mean_score:.0%}" if is_action else "", top + 44, 17),
        ):
            if not line or text_width(line, line_size) > right - left - 4:
                continue
            if not is_action:  # text over hatching needs a plain background
                half = text_width(line, line_size) / 2 + 5
                self._draw.rectangle((middle - half, y - 11, middle + half, y + 11), fill=background)
            self.canvas.text(middle, y, line, line_size, text_colour_on(background), "mm")

    def draw_rows(self, top: int, rows: Sequence[LabelSummary], moments: Sequence[Moment], enter: float) -> None:
        """A curve for each label, and a dashed line at the score ``enter``, from which an action is recognised."""
        self.canvas.text(_MEAN_X, top - 12, "mean", 15, _FAINT_INK, "rs")
        self.canvas.text(_PEAK_X, top - 12, "peak", 15, _FAINT_INK, "rs")
        bottom = top + max(len(rows) * (_ROW_HEIGHT + _ROW_GAP) - _ROW_GAP, 0)
        for time, label in ticks(self._seconds, _RIGHT - _LEFT, apart=85):
            x = self._x(time)
            self._draw.line((x, top, x, bottom), fill=_GRID)
            self._draw.line((x, bottom, x, bottom + 7), fill=_FAINT_INK)
            self.canvas.text(x, bottom + 12, label, 17, _FAINT_INK, "ma")
        label_size = min((fitted(row.label, 22, _LABEL_WIDTH, smallest=15)[1] for row in rows), default=22)
        for i, row in enumerate(rows):
            self._draw_row(top + i * (_ROW_HEIGHT + _ROW_GAP), row, moments, label_size, enter)

    def _draw_row(self, top: int, row: LabelSummary, moments: Sequence[Moment], label_size: int, enter: float) -> None:
        bottom, middle = top + _ROW_HEIGHT, top + _ROW_HEIGHT / 2
        self._draw.rectangle((_LEFT, top, _RIGHT, bottom), fill=_ROW)
        for y, percent in ((bottom, ""), (middle, "50%"), (top, "100%")):
            self._draw.line((_LEFT, y, _RIGHT, y), fill=_GRID)
            self.canvas.text(_RIGHT + 6, y, percent, 12, _FAINT_INK)
        colour = self._palette.colour(row.label)
        self._draw_curve(bottom, row.label, moments, colour)
        for x in range(_LEFT, _RIGHT, 12):
            self._draw.line((x, bottom - enter * _ROW_HEIGHT, x + 5, bottom - enter * _ROW_HEIGHT), fill=_FAINT_INK)
        text, _ = fitted(row.label, label_size, _LABEL_WIDTH, smallest=label_size)
        self.canvas.text(_LEFT - 18, middle, text, label_size, _INK, "rm")
        chip = _LEFT - 18 - text_width(text, label_size) - 24
        self._draw.rectangle((chip, middle - 7, chip + 14, middle + 7), fill=colour)
        self.canvas.text(_MEAN_X, middle, f"{row.mean:.0%}", 22, _INK, "rm")
        self.canvas.text(_PEAK_X, middle - 10, f"{row.peak:.0%}", 22, _INK, "rm")
        self.canvas.text(_PEAK_X, middle + 14, f"at {row.peak_time:.1f} s", 14, _FAINT_INK, "rm")

    def _draw_curve(self, bottom: int, label: str, moments: Sequence[Moment], colour: Colour) -> None:
        line: list[tuple[float, float]] = []
        for moment in judged(moments):
            y = bottom - (moment.prediction.probability(label) or 0.0) * _ROW_HEIGHT
            left, right = self._x(moment.start), max(self._x(moment.end), self._x(moment.start) + 2)
            if bottom - y >= 0.5:
                self._draw.rectangle((left, y, right, bottom), fill=mixed(colour, _WHITE, 0.45))
            line += [(left, y), (right, y)]
        self._draw.line(line, fill=colour, width=3)

    def draw_notes(self, y: int, events: EventOptions) -> None:
        box = (_LEFT, y - 18, _LEFT + 34, y + 2)
        self.canvas.hatch(box, mixed(NO_ACTION, _WHITE, 0.45), spacing=10)
        self._draw.rectangle(box, outline=NO_ACTION)
        note = "watching: the window is still filling"
        self.canvas.text(_LEFT + 44, y - 8, note, 17, _FAINT_INK)
        left = _LEFT + 44 + text_width(note, 17) + 40
        self._draw.rectangle((left, y - 18, left + 34, y + 2), fill=mixed(NO_ACTION, _WHITE, 0.5))
        note = f"{NOTHING}: no action reached {events} (dashed line), or it is likelier that it is none of them"
        self.canvas.text(left + 44, y - 8, note, 17, _FAINT_INK)
