"""Opening a bundle's embedders."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any, Callable, Optional

from ..bundles import EmbedderEntry, ExtractorFile, find_extractor
from ..errors import BundleError, OptionError
from ..support.checks import shown
from .base import Embedder
from .cnn import CnnEmbedder
from .flow_histogram import FlowHistogram
from .frame_difference import FrameDifference
from .motion_region import MotionRegion

# The embedders with names, with the options that worked best in measurements.
_REGION = {"seconds": 0.1, "difference": False, "bands": 3}
_FLOW = {"where": "region", "seconds": 0.1, "samples_per_second": 10.0, "pixels": 96, "finest_scale": 1}
_OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "cnn": (CnnEmbedder.kind, {}),
    "frame-difference": (FrameDifference.kind, {"seconds": 0.1, "gain": 2.0}),
    "motion-region": (MotionRegion.kind, _REGION),
    "region-difference": (MotionRegion.kind, {**_REGION, "difference": True, "lag_seconds": 0.2, "gain": 2.0}),
    "flow-histogram": (FlowHistogram.kind, {**_FLOW, "where": "whole"}),
    "region-flow": (FlowHistogram.kind, _FLOW),
    "region-flow-coarse": (FlowHistogram.kind, {**_FLOW, "pixels": 64}),
}
KINDS = tuple(_OPTIONS)
DEFAULT_KINDS = ("cnn",)
_WITHOUT_NETWORK = (FlowHistogram.kind,)
# Regions go through the first part of the network: its feature map of 10x10 still shows where in the region something is.
# A picture with sides of 160 pixels takes half as long as one of 224.
_REGION_EXTRACTOR = "mobilenet_v2_1.0_160_block13_uint8"


def entries_for(kinds: Sequence[str] = DEFAULT_KINDS, extractor: Optional[str] = None) -> list[EmbedderEntry]:
    """Embedders as a card lists them.

    Args:
        kinds: of :data:`KINDS`; none: no entries.
        extractor: name of their network; default: MobileNetV2, and for regions its part up to block 13.

    Raises:
        OptionError: an unknown kind. BundleError: no such extractor, or it is damaged.
    """
    if not (isinstance(kinds, (tuple, list)) and all(isinstance(kind, str) and kind in KINDS for kind in kinds)):
        raise OptionError(f"embedders={shown(kinds)} was given; expected one or more of: {', '.join(KINDS)}.")
    entries = []
    for name in kinds:
        kind, options = _OPTIONS[name]
        default = _REGION_EXTRACTOR if kind == MotionRegion.kind else None
        network = None if kind in _WITHOUT_NETWORK else find_extractor(extractor or default)
        entries.append(EmbedderEntry(kind, network, dict(options)))
    return entries


def open_embedders(
    entries: Sequence[EmbedderEntry],
    own: Sequence[Embedder] = (),
    *,
    num_threads: Optional[int] = None,
    runtime: Optional[str] = None,
) -> list[Embedder]:
    """Open the embedders that a card lists, in its order. Those with the same network share one interpreter.

    Args:
        own: the caller's own, for kinds that edgevid does not know; their identity must match the card's.
        num_threads: threads of each interpreter; default: number of available CPUs, at most 4.
        runtime: ``"litert"`` or ``"tflite-runtime"``; default: the best one installed.

    Raises:
        BundleError: an embedder is unknown and not given, or is not the one that the bundle was trained with.
    """
    networks: dict[str, CnnEmbedder] = {}
    opened: list[Embedder] = []

    def network_of(entry: EmbedderEntry) -> CnnEmbedder:
        if entry.network is None:
            raise BundleError(f"The card lists an embedder {entry.kind!r} without its network; copy the bundle again.")
        if entry.network.sha256 not in networks:
            networks[entry.network.sha256] = open_cnn(entry.network, num_threads=num_threads, runtime=runtime)
        return networks[entry.network.sha256]

    try:
        for entry in entries:
            if entry.kind == CnnEmbedder.kind:
                opened.append(network_of(entry))
            elif entry.kind in (FrameDifference.kind, MotionRegion.kind):
                made = FrameDifference if entry.kind == FrameDifference.kind else MotionRegion
                opened.append(_made(partial(made, network_of(entry)), entry))
            elif entry.kind == FlowHistogram.kind:
                opened.append(_made(FlowHistogram, entry))
            else:
                opened.append(_own(entry, own))
    except BaseException:
        for network in networks.values():
            network.close()
        raise
    return opened


def open_cnn(file: ExtractorFile, *, num_threads: Optional[int] = None, runtime: Optional[str] = None) -> CnnEmbedder:
    """The embedder that a verified extractor and its card describe."""
    return CnnEmbedder(
        file.path,
        sha256=file.sha256,
        input_range=file.input_range,
        scene_cut_threshold=file.scene_cut_threshold,
        num_threads=num_threads,
        runtime=runtime,
    )


def card_identity(embedder: Embedder) -> dict[str, Any]:
    """An embedder's identity as stored in a card: independent of the runtime."""
    return {key: value for key, value in embedder.identity.items() if key not in ("runtime", "input_range")}


def _made(make: Callable[..., Embedder], entry: EmbedderEntry) -> Embedder:
    try:
        return make(**entry.options)
    except (TypeError, OptionError) as error:
        raise BundleError(
            f"The card describes an embedder {entry.kind!r} by {entry.options!r}, which this edgevid does not know: {error} "
            "Upgrade edgevid."
        ) from error


def _own(entry: EmbedderEntry, own: Sequence[Embedder]) -> Embedder:
    given = next((embedder for embedder in own if embedder.identity.get("kind") == entry.kind), None)
    if given is None:
        raise BundleError(
            f"The bundle was trained with an embedder {entry.kind!r}, which is not part of edgevid; give it: "
            "edgevid.load(bundle, embedders=[...])."
        )
    if json.loads(json.dumps(card_identity(given))) != entry.identity:
        raise BundleError(
            f"The embedder {entry.kind!r} that was given is {card_identity(given)}; the bundle was trained with {entry.identity}."
        )
    return given
