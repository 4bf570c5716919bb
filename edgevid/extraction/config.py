"""The embedding configuration: everything that embeddings depend on besides the clip."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Optional

from ..bundles import EmbedderEntry, find_extractor, sha256_of
from ..embedders import Embedder
from ..embedders.flow_histogram import FlowHistogram
from ..embedders.motion import MotionEmbedder
from ..embedders.motion_region import MotionRegion
from ..embedders.opening import card_identity, open_embedders
from ..errors import ModelError, OptionError
from ..sampling import SAMPLES_PER_CLIP
from ..support.checks import MAX_SAMPLES, check_int, check_number
from ..tflite.interpreter import select_runtime


@dataclass(frozen=True)
class EmbeddingConfig:
    """Embedders, runtime and sampling. Small and picklable, because it is sent to workers.

    Attributes:
        entries: the embedders, as in a card, including those of ``own``.
        runtime: ``"litert"`` or ``"tflite-runtime"``: their quantised outputs differ by a few units of the last place.
        num_samples: number of samples of a clip.
        mirrored: embed the mirror image of each frame, for more training data.
        interval_seconds: embed clips as a stream would, with this interval between samples; None: uniformly over the clip.
        own: the caller's embedders, for kinds that edgevid does not know. With any, the work is done in this process.
    """

    entries: tuple[EmbedderEntry, ...]
    runtime: str
    num_samples: int = SAMPLES_PER_CLIP
    own: tuple[Embedder, ...] = ()
    interval_seconds: Optional[float] = None
    mirrored: bool = False

    @classmethod
    def of(
        cls,
        entries: Sequence[EmbedderEntry],
        own: Sequence[Embedder] = (),
        *,
        runtime: Optional[str] = None,
        num_samples: int = SAMPLES_PER_CLIP,
        interval_seconds: Optional[float] = None,
    ) -> EmbeddingConfig:
        """A configuration of a card's embedders, followed by the caller's own.

        Args:
            runtime: default: the best one installed, the same for all workers.

        Raises:
            OptionError: there are no embedders.
        """
        entries = (*entries, *(entry_of(embedder) for embedder in own))
        if not entries:
            raise OptionError("No embedder was given; expected one or more, edgevid's or of your own.")
        check_int("num_samples", num_samples, 1, MAX_SAMPLES)
        if interval_seconds is not None:
            check_number("interval_seconds", interval_seconds, 0, 3600, above_low=True, unit="seconds")
        return cls(entries, select_runtime(runtime).name, num_samples, tuple(own), interval_seconds)

    def open(self, num_threads: Optional[int] = None) -> list[Embedder]:
        """Open the embedders."""
        entries = [_here(entry) for entry in self.entries]
        return open_embedders(entries, self.own, num_threads=num_threads, runtime=self.runtime)

    @contextmanager
    def opened(self) -> Iterator[list[Embedder]]:
        """The open embedders, for a ``with`` block; at its end all except the caller's own are closed."""
        embedders = self.open()
        try:
            yield embedders
        finally:
            for embedder in embedders:
                if embedder not in self.own:
                    embedder.close()


def entry_of(embedder: Embedder) -> EmbedderEntry:
    """The card's entry for an embedder of the caller's own, which has no network that edgevid knows."""
    identity = card_identity(embedder)
    kind = identity.pop("kind")
    return EmbedderEntry(kind, None, identity)


def embedders_of_this_thread(config: EmbeddingConfig) -> list[Embedder]:
    """The open embedders of a configuration, with one thread each: opened by the first call in each thread, then kept."""
    if config.own or getattr(_opened, "config", None) != config:
        _opened.embedders = config.open(num_threads=1)
        _opened.config = config
    embedders: list[Embedder] = _opened.embedders
    return embedders


# An interpreter serves one thread at a time, and a Dask worker process has several.
_opened = threading.local()


def _here(entry: EmbedderEntry) -> EmbedderEntry:
    """An entry whose network is on this machine: found by name if it is not at its path."""
    network = entry.network
    if network is None:
        return entry
    if not network.path.is_file():
        network = replace(network, path=find_extractor(network.name).path)
    if sha256_of(network.path) != network.sha256:
        raise ModelError(
            f"The extractor {network.name} at {network.path} is not the requested one, whose SHA-256 begins with "
            f"{network.sha256[:12]}; install the same edgevid and models on all machines."
        )
    return replace(entry, network=network)


def track_key(config: EmbeddingConfig, embedder: Embedder) -> dict[str, Any]:
    """Everything that an embedder's embeddings of a clip depend on, besides the clip."""
    identity = {**embedder.identity, "runtime": config.runtime}
    offsets, rate = list(embedder.frame_offsets), embedder.samples_per_second
    samples = config.num_samples if config.interval_seconds is None else {"seconds_apart": config.interval_seconds}
    if config.mirrored:
        identity["mirrored"] = True
    if isinstance(embedder, MotionEmbedder):
        # it shares motion with the other embedders, so their rates matter
        identity["looked_at"] = _rates_of_motion(config, embedder.seconds)
    return {"embedder": identity, "samples": samples, "frame_offsets": offsets, "samples_per_second": rate}


def _rates_of_motion(config: EmbeddingConfig, seconds: float) -> list[float]:
    """The rates at which a configuration's embedders sample motion over so many seconds; 0: that of the samples."""
    kinds = {MotionRegion.kind, FlowHistogram.kind}
    alike = [e for e in config.entries if e.kind in kinds and e.options.get("seconds", seconds) == seconds]
    return sorted({float(entry.options.get("samples_per_second") or 0) for entry in alike})
