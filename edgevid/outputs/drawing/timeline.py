"""The timeline of a video as one picture: what the model thought, when, and how sure it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from ...frames import Frame
from .history import LabelSummary, Moment, Stretch, stretches, summarise
from .style import UNSURE, Colour, Palette, clock, fitted, font, hatch, mixed, span, text_colour_on, text_width, ticks

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


class Thumbnails:
    """Small pictures of a video, collected while it is read.

    Keeps between 32 and 64 of them, spread over the video, however long it turns out to be.

    Args:
        seconds: how long the video is, as far as is known.
    """

    _KEPT = 32

    def __init__(self, seconds: float) -> None:
        self.taken: list[tuple[float, Image.Image]] = []
        self._apart = seconds / self._KEPT

    def offer(self, frame: Frame, timestamp: float) -> None:
        """Keep the frame if enough time has passed since the last one that was kept."""
        if self.taken and timestamp < self.taken[-1][0] + self._apart:
            return
        height = round(1.2 * _THUMBNAIL_HEIGHT)
        size = (min(max(round(frame.shape[1] * height / frame.shape[0]), 16), 4 * height), height)
        self.taken.append((timestamp, Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)))
        if len(self.taken) > 2 * self._KEPT:
            self.taken = self.taken[::2]
            self._apart *= 2

    def nearest(self, time: float) -> Image.Image:
        """The picture taken nearest to ``time``, in seconds."""
        return min(self.taken, key=lambda taken: abs(taken[0] - time))[1]


@dataclass(frozen=True)
class TimelineText:
    """What the picture says in words."""

    title: str
    bundle: str
    window_seconds: float
    num_frames: int
    threshold: float


def draw_timeline(
    moments: Sequence[Moment], seconds: float, thumbnails: Thumbnails, text: TimelineText, palette: Palette
) -> Image.Image:
    """The picture: thumbnails, a band of the winning labels, and a curve for each of the labels that mattered most.

    Args:
        moments: the predictions, in time order; may be empty.
        seconds: how long the video is.
        thumbnails: pictures along the time axis.
        text: title and notes.
        palette: the labels' colours.
    """
    rows = _worth_a_row(summarise(moments))
    height = 176 + _THUMBNAIL_HEIGHT + 18 + _BAND_HEIGHT + 54 + len(rows) * (_ROW_HEIGHT + _ROW_GAP) + 92
    return _Timeline(Image.new("RGB", (_WIDTH, height), (255, 255, 255)), seconds, palette).draw(
        moments, rows, thumbnails, text
    )


def _worth_a_row(summaries: Sequence[LabelSummary]) -> list[LabelSummary]:
    """The labels that won at some time or came near it; three at least, to show that the others did not."""
    mattered = [s for i, s in enumerate(summaries) if i < 3 or s.seconds > 0 or s.peak >= 0.15]
    return mattered[:_MAX_ROWS]


class _Timeline:
    def __init__(self, image: Image.Image, seconds: float, palette: Palette) -> None:
        self._image = image
        self._draw = ImageDraw.Draw(image)
        self._seconds = max(seconds, 1e-3)
        self._palette = palette

    def draw(
        self, moments: Sequence[Moment], rows: Sequence[LabelSummary], thumbnails: Thumbnails, text: TimelineText
    ) -> Image.Image:
        self._draw_heading(rows, text)
        y = 176
        self._draw_thumbnails(y, thumbnails)
        y += _THUMBNAIL_HEIGHT + 18
        self._draw_band(y, moments)
        y += _BAND_HEIGHT + 54
        for i, column in enumerate(("mean", "peak")):
            self._text((_MEAN_X, _PEAK_X)[i], y - 12, column, 15, _FAINT_INK, "rs")
        label_size = min((fitted(row.label, 22, _LABEL_WIDTH, smallest=15)[1] for row in rows), default=22)
        self._draw_axis(y, y + max(len(rows) * (_ROW_HEIGHT + _ROW_GAP) - _ROW_GAP, 0))
        for row in rows:
            self._draw_row(y, row, moments, label_size)
            y += _ROW_HEIGHT + _ROW_GAP
        self._draw_notes(text)
        return self._image

    def _x(self, time: float) -> float:
        return _LEFT + min(max(time / self._seconds, 0.0), 1.0) * (_RIGHT - _LEFT)

    def _text(self, x: float, y: float, text: str, size: int, fill: Colour, anchor: str = "ls") -> None:
        self._draw.text((x, y), text, font=font(size), fill=fill, anchor=anchor)

    def _draw_heading(self, rows: Sequence[LabelSummary], text: TimelineText) -> None:
        title, size = fitted(text.title, 36, _WIDTH - 2 * _MARGIN)
        self._text(_MARGIN, 62, title, size, _INK)
        note = (
            f"{span(self._seconds)} of video   |   bundle {text.bundle}   |   "
            f"each prediction judges the last {span(text.window_seconds)} ({text.num_frames} frames)"
        )
        self._text(_MARGIN, 98, *fitted(note, 19, _WIDTH - 2 * _MARGIN), _FAINT_INK)
        if rows:
            best = rows[0]
            verdict = (
                f"Most of the time: {best.label}, mean score {best.mean_when_first:.0%}, "
                f"sure for {span(best.sure_seconds)} of {span(self._seconds)}"
            )
            self._text(_MARGIN, 144, *fitted(verdict, 26, _WIDTH - 2 * _MARGIN), _INK)
        else:
            self._text(_MARGIN, 144, "No prediction was made", 26, _INK)

    def _draw_thumbnails(self, top: int, thumbnails: Thumbnails) -> None:
        """As many as fit side by side; each is the picture at the time of its middle."""
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
            self._image.paste(picture, (round(_LEFT + middle - size[0] / 2), top + _THUMBNAIL_HEIGHT - size[1]))

    def _draw_band(self, top: int, moments: Sequence[Moment]) -> None:
        bottom = top + _BAND_HEIGHT
        self._text(_LEFT - 18, (top + bottom) / 2, "best label", 20, _INK, "rm")
        self._draw.rectangle((_LEFT, top, _RIGHT, bottom), fill=_ROW)
        for stretch in stretches(moments):
            left, right = self._x(stretch.start), max(self._x(stretch.end), self._x(stretch.start) + 2)
            box = (left, top, min(right, _RIGHT) - 1, bottom)
            colour = self._palette.colour(stretch.label)
            fill = colour if stretch.sure else mixed(colour, (255, 255, 255), 0.85)
            self._draw.rectangle(box, fill=fill)
            if not stretch.sure:
                hatch(self._image, (left, top, box[2] + 1, bottom + 1), mixed(colour, (255, 255, 255), 0.5), spacing=10)
            self._draw_band_text(box, stretch, fill)

    def _draw_band_text(self, box: tuple[float, float, float, float], stretch: Stretch, background: Colour) -> None:
        left, top, right, _ = box
        ink = text_colour_on(background)
        label = stretch.label if stretch.sure else f"{stretch.label} ?"
        text, size = fitted(label, 21, right - left - 12, smallest=12)
        if text.endswith("...") and len(text) < 7:  # nothing that could be read
            return
        middle = (left + right) / 2
        for line, y, line_size in ((text, top + 21, size), (f"{stretch.mean_score:.0%}", top + 44, 17)):
            if not line or text_width(line, line_size) > right - left - 4:
                continue
            if not stretch.sure:  # over the hatching letters need a calm ground
                half = text_width(line, line_size) / 2 + 5
                self._draw.rectangle((middle - half, y - 11, middle + half, y + 11), fill=background)
            self._text(middle, y, line, line_size, ink, "mm")

    def _draw_row(self, top: int, row: LabelSummary, moments: Sequence[Moment], label_size: int) -> None:
        bottom = top + _ROW_HEIGHT
        self._draw.rectangle((_LEFT, top, _RIGHT, bottom), fill=_ROW)
        for part, text in ((0.0, ""), (0.5, "50%"), (1.0, "100%")):
            y = bottom - part * _ROW_HEIGHT
            self._draw.line((_LEFT, y, _RIGHT, y), fill=_GRID)
            self._text(_RIGHT + 6, y, text, 12, _FAINT_INK, "lm")
        colour = self._palette.colour(row.label)
        self._draw_curve(bottom, row.label, moments, colour)
        text, _ = fitted(row.label, label_size, _LABEL_WIDTH, smallest=label_size)
        middle = (top + bottom) / 2
        self._text(_LEFT - 18, middle, text, label_size, _INK, "rm")
        chip = _LEFT - 18 - text_width(text, label_size) - 24
        self._draw.rectangle((chip, middle - 7, chip + 14, middle + 7), fill=colour)
        self._text(_MEAN_X, middle, f"{row.mean:.0%}", 22, _INK, "rm")
        self._text(_PEAK_X, middle - 10, f"{row.peak:.0%}", 22, _INK, "rm")
        self._text(_PEAK_X, middle + 14, f"at {row.peak_time:.1f} s", 14, _FAINT_INK, "rm")

    def _draw_curve(self, bottom: int, label: str, moments: Sequence[Moment], colour: Colour) -> None:
        if not moments:
            return
        index = moments[0].prediction.labels.index(label)
        line: list[tuple[float, float]] = []
        for moment in moments:
            score = float(moment.prediction.probabilities[index])
            y = bottom - score * _ROW_HEIGHT
            left, right = self._x(moment.start), max(self._x(moment.end), self._x(moment.start) + 2)
            full = moment.prediction.window_filled >= 1
            fill = mixed(colour, (255, 255, 255), 0.45) if full else mixed(UNSURE, (255, 255, 255), 0.5)
            if bottom - y >= 0.5:
                self._draw.rectangle((left, y, right, bottom), fill=fill)
            line += [(left, y), (right, y)]
        self._draw_threshold(bottom, moments[0].prediction.threshold)
        self._draw.line(line, fill=colour, width=3)

    def _draw_threshold(self, bottom: int, threshold: float) -> None:
        """A dashed line where a score begins to count."""
        if threshold <= 0:
            return
        y = bottom - threshold * _ROW_HEIGHT
        for x in range(_LEFT, _RIGHT, 12):
            self._draw.line((x, y, x + 5, y), fill=_FAINT_INK)

    def _draw_axis(self, top: int, bottom: int) -> None:
        times = list(ticks(self._seconds, _RIGHT - _LEFT, apart=85))
        step = times[1] - times[0] if len(times) > 1 else 1.0
        for time in times:
            x = self._x(time)
            self._draw.line((x, top, x, bottom), fill=_GRID)
            self._draw.line((x, bottom, x, bottom + 7), fill=_FAINT_INK)
            self._text(x, bottom + 12, clock(time, step), 17, _FAINT_INK, "ma")

    def _draw_notes(self, text: TimelineText) -> None:
        y = self._image.height - 26
        box = (_LEFT, y - 18, _LEFT + 34, y + 2)
        hatch(self._image, box, mixed(UNSURE, (255, 255, 255), 0.45), spacing=10)
        self._draw.rectangle(box, outline=UNSURE)
        note = "unsure: the window is still filling"
        if text.threshold > 0:
            note += f", or the score is below {text.threshold:.0%} (dashed line)"
        self._text(_LEFT + 44, y - 8, note, 17, _FAINT_INK, "lm")
