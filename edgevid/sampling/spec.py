"""What a sample is, and how many of them a bundle wants, of which moments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Optional

from ..errors import OptionError
from ..frames import Frame, size_of
from ..support.checks import check_int, check_number
from ..support.text import brief

SAMPLES_PER_CLIP = 25


class Sample(NamedTuple):
    """What is embedded at one tick of the sampling clock.

    Attributes:
        timestamp: seconds, of the newest frame: the sample's own time.
        frames: one for each offset that was asked for, uint8 ``[H, W, 3]`` RGB; not to be written to.
        timestamps: when each of them was taken. Near the asked moments, as far as the video has frames there.
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
        frame_offsets: seconds from the sample's time to each of its frames, 0 or below: ``(-0.1, 0.0)`` is the frame of 0.1 s
            ago and the newest.
        samples_per_second: a rate of its own; None: the bundle's samples.

    Raises:
        OptionError: no offset, one above 0, or a rate that is none.
    """

    frame_offsets: tuple[float, ...] = (0.0,)
    samples_per_second: Optional[float] = None

    def __post_init__(self) -> None:
        if not self.frame_offsets or not all(-3600 <= offset <= 0 for offset in self.frame_offsets):
            raise OptionError(
                f"frame_offsets={self.frame_offsets!r} was given; expected one or more numbers of seconds, 0 or below: a sample "
                "is made of frames that are there already."
            )
        if self.samples_per_second is not None:
            check_number("samples_per_second", self.samples_per_second, 0, 1000, above_low=True)


@dataclass(frozen=True)
class SampleSpec:
    """Which samples a window is made of: a property of the bundle.

    Attributes:
        num_samples: of a window, and of a clip.
        window_seconds: what a window of a stream spans.
        tracks: one for each embedder.
    """

    num_samples: int = SAMPLES_PER_CLIP
    window_seconds: float = 5.0
    tracks: tuple[Track, ...] = (Track(),)

    def __post_init__(self) -> None:
        check_int("num_samples", self.num_samples, 1)
        check_number("window_seconds", self.window_seconds, 0, above_low=True, unit="seconds")

    @property
    def interval_seconds(self) -> float:
        """From one sample of a stream to the next."""
        return self.window_seconds / self.num_samples
