"""Options of :meth:`edgevid.Recognizer.start`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable, Optional, TypedDict, Union

from ..errors import OptionError
from ..events import EventOptions, Smoothing
from ..frames import RGB, check_colour
from ..stream import StreamOptions
from ..support.checks import check_int, check_number, check_type
from .messages import Output

_FUNCTIONS = ("on_prediction", "on_event", "on_status", "on_sampled")


class RunOptions(TypedDict, total=False):
    """How to stream a source. All options are optional.

    The four functions are called one at a time, in the order of events, in a thread of their own. For ``start_many``, the
    source's name is their first argument. A slow function does not stop recognition on a camera: it then gets
    the newest prediction, and those between are skipped. For a file it gets each prediction, and reading waits. Events and
    statuses wait, and none is lost unless more than 64 do. An exception in a function stops the runner.

    Attributes:
        on_prediction: called with each :class:`~edgevid.Prediction`.
        on_event: called with each :class:`~edgevid.events.Event`: an action began, was repeated or ended.
        on_status: called with a :class:`~edgevid.SourceStatus` when the source is opened, lost, reopened, has ended or failed.
        on_sampled: called, with ``on_prediction``, with the :class:`~edgevid.Sampled` frame, its latency and the source's counts.
        outputs: receive everything, in another thread; they stay open. See :class:`~edgevid.Output`.
        smoothing: see :func:`edgevid.events.open_smoothing`; default: as the bundle's card says, else none. With several
            sources it must be a string.
        events: when an action begins and ends; default: as the bundle's card says, else ``EventOptions()``.
        stream: how frames are sampled and classified; default: ``StreamOptions()``.
        colour: channel order of an iterable's frames, "rgb" or "bgr"; default: "rgb".
        max_seconds: end after so many seconds of video; default: at the source's end.
        max_predictions: end after so many predictions.
        wait: if the source does not open, retry until it does, after 0.5 s, then less and less often, at least every 30 s;
            ``on_status`` is called with "waiting" once. Default: that is a failure.
    """

    on_prediction: Optional[Callable[..., object]]
    on_event: Optional[Callable[..., object]]
    on_status: Optional[Callable[..., object]]
    on_sampled: Optional[Callable[..., object]]
    outputs: Sequence[Output]
    smoothing: Optional[Union[str, Smoothing]]
    events: Optional[EventOptions]
    stream: Optional[StreamOptions]
    colour: str
    max_seconds: Optional[float]
    max_predictions: Optional[int]
    wait: bool


def check_options(options: Mapping[str, Any]) -> None:
    """Check the names of options, and limits.

    Raises:
        OptionError: it names what is wrong.
    """
    known = RunOptions.__annotations__
    for name, value in options.items():
        if name not in known:
            raise OptionError(f"The option {name}={value!r} was given to a runner; expected one of {', '.join(known)}.")
    for name in _FUNCTIONS:
        if options.get(name) is not None and not callable(options[name]):
            raise OptionError(f"{name}={options[name]!r} was given; expected a function, such as {name}=print.")
    outputs = options.get("outputs", ())
    for output in check_type("outputs", outputs, (list, tuple), "a list of outputs"):
        if not callable(getattr(output, "take", None)):
            raise OptionError(f"outputs has {output!r}, which takes no messages; expected an edgevid.Output.")
    check_colour(options.get("colour", RGB))
    if options.get("max_seconds") is not None:
        check_number("max_seconds", options["max_seconds"], 0, above_low=True, unit="seconds")
    if options.get("max_predictions") is not None:
        check_int("max_predictions", options["max_predictions"], 1)


def callbacks(options: Mapping[str, Any]) -> dict[str, Callable[..., object]]:
    """The caller's functions, by the names of their options."""
    return {name: options[name] for name in _FUNCTIONS if options.get(name) is not None}
