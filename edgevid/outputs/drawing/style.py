"""The style of all drawings: colours for colour-blind people, fitted text, time axes."""

from __future__ import annotations

from PIL import Image, ImageDraw

from ...prediction import NOTHING
from ...support.fonts import font

Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]

# Okabe and Ito's palette without black, with a darker yellow that is visible on white
_COLOURS: tuple[Colour, ...] = (
    (0, 114, 178),  # blue
    (230, 159, 0),  # orange
    (0, 158, 115),  # green
    (204, 121, 167),  # purple
    (86, 180, 233),  # sky
    (213, 94, 0),  # vermilion
    (196, 182, 32),  # yellow
)
NO_ACTION: Colour = (150, 156, 164)
# The verdict while the window fills
WATCHING = "watching"
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600)  # seconds


class Palette:
    """Gives each label a colour, in the order in which labels ask.

    After seven labels the colours repeat, darker. "nothing recognised" and "watching" are grey.
    """

    def __init__(self) -> None:
        self._given: dict[str, Colour] = {}

    def colour(self, label: str) -> Colour:
        if label in (NOTHING, WATCHING):
            return NO_ACTION
        if label not in self._given:
            rounds, index = divmod(len(self._given), len(_COLOURS))
            self._given[label] = mixed(_COLOURS[index], (0, 0, 0), min(0.35 * rounds, 0.7))
        return self._given[label]


def mixed(colour: Colour, other: Colour, part: float) -> Colour:
    """Mix ``part`` (0 to 1) of ``other`` into ``colour``."""
    r, g, b = (round(c + (o - c) * part) for c, o in zip(colour, other))
    return r, g, b


def text_colour_on(background: Colour) -> Colour:
    """Black or white, whichever is easier to read on ``background``."""
    r, g, b = background
    return (0, 0, 0) if 0.299 * r + 0.587 * g + 0.114 * b > 140 else (255, 255, 255)


def text_width(text: str, size: int) -> int:
    """Width of ``text`` in pixels."""
    return round(font(size).getlength(text))


def fitted(text: str, size: int, width: float, *, smallest: int = 11) -> tuple[str, int]:
    """``text`` and a font size that fit ``width`` pixels: the size shrinks first, then the text's end is cut off."""
    while size > smallest and text_width(text, size) > width:
        size -= 1
    if text_width(text, size) <= width:
        return text, size
    while text and text_width(text + "...", size) > width:
        text = text[:-1]
    return (text + "..." if text else ""), size


def wrapped(text: str, size: int, width: float, lines: int) -> list[str]:
    """Wrap ``text`` into at most ``lines`` lines of ``width`` pixels; its end is cut off if need be."""
    words, found = text.split(), [""]
    for k, word in enumerate(words):
        longer = f"{found[-1]} {word}".strip()
        if text_width(longer, size) <= width or not found[-1]:
            found[-1] = longer
        elif len(found) < lines:
            found.append(word)
        else:
            found[-1] = f"{found[-1]} {' '.join(words[k:])}"
            break
    return [fitted(line, size, width, smallest=size)[0] for line in found]


class Canvas:
    """A picture of one colour to draw on.

    Attributes:
        image: the picture, RGB.
        draw: Pillow's drawing on it.
    """

    def __init__(self, width: int, height: int, background: Colour) -> None:
        self.image = Image.new("RGB", (width, height), background)
        self.draw = ImageDraw.Draw(self.image)

    def text(self, x: float, y: float, text: str, size: int, fill: Colour, anchor: str = "lm") -> None:
        """A line of text; ``anchor`` is Pillow's: which point of the text lies at ``x, y``."""
        self.draw.text((x, y), text, font=font(size), fill=fill, anchor=anchor)

    def hatch(self, box: Box, colour: Colour, *, spacing: int = 8) -> None:
        """Fill a box with slanted lines, which mean "watching" in all drawings."""
        left, top, right, bottom = (round(v) for v in box)
        width, height = right - left, bottom - top
        if width < 1 or height < 1:
            return
        mask = Image.new("L", (width, height))
        draw = ImageDraw.Draw(mask)
        for x in range(-height, width, spacing):
            draw.line((x, height, x + height, 0), fill=255, width=2)
        self.image.paste(colour, (left, top), mask)


def ticks(seconds: float, width: float, *, apart: float = 70) -> list[tuple[float, str]]:
    """Positions and texts of the ticks of an axis ``width`` pixels long: round numbers, about ``apart`` pixels apart."""
    wanted = max(seconds, 0.0) * apart / max(width, 1)
    step = next((s for s in _STEPS if s >= wanted), 3600.0 * -(-wanted // 3600))
    return [(i * step, _clock(i * step, step)) for i in range(int(max(seconds, 0.0) / step * (1 + 1e-9)) + 1)]


def _clock(seconds: float, step: float) -> str:
    """``3 s``, ``0.5 s``, ``1:05``."""
    if seconds >= 60:
        minutes, rest = divmod(round(seconds), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
    return f"{seconds:.{0 if step >= 1 else 1 if step >= 0.1 else 2}f} s"


def span(seconds: float) -> str:
    """A duration, with as many digits as it needs.

    >>> span(7.66), span(0.04)
    ('7.7 s', '0.04 s')
    """
    return f"{seconds:.1f} s" if seconds >= 0.1 or seconds == 0 else f"{seconds:.2f} s"
