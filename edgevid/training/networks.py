"""The networks that are trained, in Keras 3 on TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

from ..errors import OptionError
from ..evaluation.published import GRU as GRU
from ..evaluation.published import LSTM as LSTM
from ..evaluation.published import SINGLE_FRAME as SINGLE_FRAME
from ..sampling import SAMPLES_PER_CLIP
from ..support.checks import check_int, check_number
from ..support.extras import load_extra

ARCHITECTURES = (GRU, LSTM, SINGLE_FRAME)


def load_keras() -> Any:
    """Import ``keras`` and check that it runs on TensorFlow. Imported here, because edgevid works without it.

    Raises:
        ExtraNotInstalledError: Keras or TensorFlow is absent. OptionError: Keras is set to another backend.
    """
    keras = load_extra("keras", "Training needs", "train")
    load_extra("tensorflow", "Training needs", "train")
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise OptionError(
            f"Keras uses the backend {backend!r}; edgevid exports to TFLite and needs 'tensorflow': "
            "set the variable KERAS_BACKEND=tensorflow before Keras is imported."
        )
    return keras


@dataclass(frozen=True)
class NetworkOptions:
    """The shape of a network. The defaults are the thesis's.

    ("Video classification with memory and computation-efficient convolutional neural network", Politecnico di Milano, 2019.)

    Attributes:
        architecture: ``"gru"``, ``"lstm"`` or ``"single-frame"``.
        units: size of the recurrent state; None: the size of an embedding. Not used by "single-frame".
        hidden_units: size of the dense layer before the last.
        dropout: dropout rate before the recurrent layer.
        hidden_dropout: dropout rate before the last dense layer.
        slope: negative slope of the LeakyReLU.
    """

    architecture: str = GRU
    units: Optional[int] = None
    hidden_units: int = 512
    dropout: float = 0.5
    hidden_dropout: float = 0.5
    slope: float = 0.3

    def __post_init__(self) -> None:
        if self.architecture not in ARCHITECTURES:
            raise OptionError(
                f"architecture={self.architecture!r} was given; expected one of: {', '.join(ARCHITECTURES)}."
            )
        if not self.recurrent and self.units is not None:
            raise OptionError(
                f"units={self.units!r} was given; a single-frame network has no recurrent state: leave it out."
            )
        if self.units is not None:
            check_int("units", self.units, 1)
        check_int("hidden_units", self.hidden_units, 1)
        for name in ("dropout", "hidden_dropout"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise OptionError(f"{name}={getattr(self, name)!r} was given; expected a number from 0 to below 1.")
        check_number("slope", self.slope, 0)

    @property
    def recurrent(self) -> bool:
        """Whether the network reads the embeddings of a window in time order."""
        return self.architecture != SINGLE_FRAME


def make_network(dim: int, num_classes: int, options: NetworkOptions, num_frames: int = SAMPLES_PER_CLIP) -> Any:
    """A network of the thesis, not yet compiled.

    GRU, LSTM: the recurrent layer with dropout on its inputs, its last output only -> batch normalisation -> head. The GRU's
    reset gate is applied before the recurrent product (Cho et al. 2014, arXiv:1406.1078v1). Single frame: head.
    Head: dense, linear -> batch normalisation -> LeakyReLU -> dropout -> dense, softmax.

    Args:
        dim: size of an embedding.
        num_classes: outputs.
        num_frames: embeddings in a window, for a recurrent network.

    Returns:
        A Keras model from float32 ``[batch, num_frames, dim]`` to probabilities, float32 ``[batch, num_classes]``;
        a single-frame network from ``[batch, dim]``.
    """
    keras = load_keras()
    layers = keras.layers
    units = dim if options.units is None else options.units
    recurrent: list[Any] = []
    if options.architecture == GRU:
        recurrent = [layers.GRU(units, dropout=options.dropout, reset_after=False, name=GRU)]
    elif options.architecture == LSTM:
        recurrent = [layers.LSTM(units, dropout=options.dropout, name=LSTM)]
    if recurrent:
        recurrent.append(layers.BatchNormalization(name="recurrent_normalisation"))
    return keras.Sequential(
        [
            layers.Input((num_frames, dim) if recurrent else (dim,), name="embeddings"),
            *recurrent,
            layers.Dense(options.hidden_units, name="hidden"),
            layers.BatchNormalization(name="hidden_normalisation"),
            layers.LeakyReLU(negative_slope=options.slope, name="hidden_activation"),
            layers.Dropout(options.hidden_dropout, name="hidden_dropout"),
            layers.Dense(num_classes, activation="softmax", name="probabilities"),
        ],
        name=f"{options.architecture.replace('-', '_')}_classifier",
    )


def architecture_of(network: Any) -> str:
    """The architecture, one of :data:`ARCHITECTURES`, of a network made by :func:`make_network`."""
    names = {layer.name for layer in network.layers}
    return next((name for name in (GRU, LSTM) if name in names), SINGLE_FRAME)


def units_of(network: Any) -> Optional[int]:
    """Size of the recurrent state; None for a single-frame network."""
    architecture = architecture_of(network)
    return None if architecture == SINGLE_FRAME else int(network.get_layer(architecture).units)
