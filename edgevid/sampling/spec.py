"""What a sample is, and which samples a bundle needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Optional

from ..errors import OptionError
from ..frames import Frame, size_of
from ..support.checks import (
    MAX_SAMPLES,
    MAX_WINDOW_SECONDS,
    MIN_WINDOW_SECONDS,
    check_int,
    check_number,
    is_number,
    shown,
)
from ..support.text import brief

SAMPLES_PER_CLIP = 25
TAUGHT_WINDOW_SECONDS = 2.0  # the window of a bundle of `edgevid teach`, by default
_MOST_KEPT = 100_000  # frames or samples of an embedder, in a window and before it


def check_window_seconds(value: Any) -> float:
    """Return the length of a window as a float. Raises: OptionError: it is not a number of seconds from 0.001 to a day."""
    return check_number("window_seconds", value, MIN_WINDOW_SECONDS, MAX_WINDOW_SECONDS, unit="seconds")


class Sample(NamedTuple):
    """The input of the embedders at one tick of the sampling clock.

    Attributes:
        timestamp: seconds, of the newest frame: the sample's own time.
        frames: one for each requested offset, uint8 ``[H, W, 3]`` RGB; do not write to them.
        timestamps: when each of them was taken: near the requested times, if the video has frames there.
    """

    timestamp: float
    frames: tuple[Frame, ...]
    timestamps: tuple[float, ...]

    def __repr__(self) -> str:
        return brief(self, f"{self.timestamp:.2f} s", *map(size_of, self.frames))

    @classmethod
    def of(cls, frame: Frame, timestamp: float = 0.0) -> Sample:
        """A sample of one frame."""
        return cls(timestamp, (frame,), (timestamp,))


@dataclass(frozen=True)
class Track:
    """The samples of one embedder.

    Attributes:
        frame_offsets: seconds from the sample's time to each of its frames, 0 or below: ``(-0.1, 0.0)`` is the frame
            0.1 s earlier and the newest.
        samples_per_second: its own rate; None: the bundle's samples.

    Raises:
        OptionError: there is no offset, one is above 0, or the rate is invalid.
    """

    frame_offsets: tuple[float, ...] = (0.0,)
    samples_per_second: Optional[float] = None

    def __post_init__(self) -> None:
        offsets = self.frame_offsets
        if not (
            isinstance(offsets, (tuple, list)) and offsets and all(is_number(offset, -3600, 0) for offset in offsets)
        ):
            raise OptionError(
                f"frame_offsets={shown(offsets)} was given; expected one or more numbers of seconds, 0 or below: a sample "
                "is made of frames that exist already."
            )
        if self.samples_per_second is not None:
            check_number("samples_per_second", self.samples_per_second, 0, 1000, above_low=True)


@dataclass(frozen=True)
class SampleSpec:
    """The samples of a window: a property of the bundle.

    Attributes:
        num_samples: number of samples in a window, and in a clip.
        window_seconds: length of a stream's window.
        tracks: one for each embedder.
    """

    num_samples: int = SAMPLES_PER_CLIP
    window_seconds: float = 5.0
    tracks: tuple[Track, ...] = (Track(),)

    def __post_init__(self) -> None:
        check_int("num_samples", self.num_samples, 1, MAX_SAMPLES)
        check_window_seconds(self.window_seconds)
        if not (isinstance(self.tracks, (tuple, list)) and all(isinstance(track, Track) for track in self.tracks)):
            raise OptionError(f"tracks={shown(self.tracks)} was given; expected a Track for each embedder.")
        for track in self.tracks:
            rate = track.samples_per_second or 1 / self.interval_seconds
            kept = -min(track.frame_offsets) * rate
            if kept > _MOST_KEPT or self.window_seconds * rate > _MOST_KEPT:
                raise OptionError(
                    f"A window of {self.window_seconds:g} s with {rate:g} samples a second, of frames {kept / rate:g} s back, "
                    f"was requested; it would keep more than {_MOST_KEPT:,} of them. Expected a lower rate, or less time."
                )

    @property
    def interval_seconds(self) -> float:
        """Time between two samples of a stream."""
        return self.window_seconds / self.num_samples
