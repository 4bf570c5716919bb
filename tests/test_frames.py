"""edgevid.frames: what a frame is, and how it is resized."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from edgevid import EdgevidError, FrameError
from edgevid.frames import check_frame, resize

GOOD = np.zeros((48, 64, 3), dtype=np.uint8)

# what is given -> what the message must say: the remedy
BAD = {
    "list": (GOOD.tolist(), "type list"),
    "none": (None, r"NoneType.*capture\.read\(\) gives None where there is no frame"),
    "what OpenCV's read gives": ((True, GOOD), r"type tuple.*use its frame alone"),
    "timestamp first": (0.5, r"type float.*as in push\(frame, timestamp\)"),
    "path": ("frame.png", "type str"),
    "picture": (Image.new("RGB", (64, 48)), r"numpy\.asarray\(image\.convert\('RGB'\)\)"),
    "float in [0, 1]": (GOOD / 255.0, r"\(frame \* 255\)\.round\(\)\.astype\('uint8'\)"),
    "float in [0, 255]": (GOOD.astype(np.float32), r"in \[0, 255\] frame\.round\(\)\.astype\('uint8'\)"),
    "nan": (np.full((48, 64, 3), np.nan), "float64.*expected a uint8"),
    "rgba": (np.zeros((48, 64, 4), np.uint8), r"RGBA; drop the alpha channel: frame\[:, :, :3\]"),
    "grey [h, w]": (np.zeros((48, 64), np.uint8), "greyscale; repeat it three times"),
    "grey [h, w, 1]": (np.zeros((48, 64, 1), np.uint8), "greyscale; repeat it three times"),
    "two channels": (np.zeros((48, 64, 2), np.uint8), "3 colour channels last"),
    "channels first": (np.zeros((3, 48, 64), np.uint8), r"3 colour channels last, e\.g\. frame\.transpose\(1, 2, 0\)"),
    "16 bits": (GOOD.astype(np.uint16), r"\(frame // 257\)\.astype\('uint8'\)"),
    "int64": (GOOD.astype(np.int64), r"frame\.astype\('uint8'\)"),
    "int8": (GOOD.astype(np.int8), "dtype int8"),
    "bool": (GOOD.astype(bool), "dtype bool"),
    "batch": (GOOD[np.newaxis], "one frame at a time"),
    "one number": (np.array(3, np.uint8), "one frame at a time"),
    "row": (np.zeros(3, np.uint8), "one frame at a time"),
    "no height": (np.zeros((0, 64, 3), np.uint8), "no pixels"),
    "no width": (np.zeros((48, 0, 3), np.uint8), "no pixels"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_frame_is_refused_with_the_remedy(kind: str):
    frame, remedy = BAD[kind]
    with pytest.raises(FrameError, match=remedy) as caught:
        check_frame(frame)
    assert isinstance(caught.value, EdgevidError)
    assert "expected a uint8 RGB array of shape [height, width, 3]" in str(caught.value)
    assert len(str(caught.value)) < 400


def test_the_advice_for_each_mendable_kind_mends_it():
    h, w = 48, 64
    grey = BAD["grey [h, w]"][0]
    float_image = np.linspace(0, 1, 48 * 64 * 3).reshape(48, 64, 3)
    mended = [
        np.asarray(BAD["picture"][0].convert("RGB")),
        (float_image * 255).round().astype("uint8"),
        (float_image * 255).astype(np.float32).round().astype("uint8"),
        BAD["rgba"][0][:, :, :3],
        np.repeat(grey.reshape(h, w, 1), 3, 2),
        BAD["channels first"][0].transpose(1, 2, 0),
        (np.full((48, 64, 3), 65535, np.uint16) // 257).astype("uint8"),
    ]
    for frame in mended:
        assert check_frame(frame) is frame
    assert mended[-1].max() == 255


def test_a_frame_is_returned_as_it_is():
    assert check_frame(GOOD) is GOOD


@pytest.mark.parametrize("size", [(240, 320), (1, 1), (225, 223), (7, 900), (1080, 1920)])
def test_resize_is_pillows_bilinear(size: tuple[int, int]):
    frame = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(frame).resize((224, 160), Image.Resampling.BILINEAR))
    resized = resize(frame, 224, 160)
    assert (resized.shape, resized.dtype) == ((160, 224, 3), np.uint8)
    np.testing.assert_array_equal(resized, expected)


def test_frame_of_the_right_size_is_not_touched():
    frame = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    assert resize(frame, 224, 224) is frame


@pytest.mark.parametrize(
    "view", [lambda f: f[:, :, ::-1], lambda f: f[::-1], lambda f: f[10:90:2, ::3], lambda f: np.asfortranarray(f)]
)
def test_views_and_other_memory_layouts_resize_as_their_copies(view):
    frame = view(np.random.default_rng(0).integers(0, 256, (100, 150, 3), dtype=np.uint8))
    assert not frame.flags.c_contiguous
    np.testing.assert_array_equal(resize(frame, 32, 24), resize(np.ascontiguousarray(frame), 32, 24))


def test_frame_given_is_never_changed():
    frame = np.random.default_rng(0).integers(0, 256, (100, 150, 3), dtype=np.uint8)
    frame.flags.writeable = False
    before = frame.copy()
    resize(check_frame(frame), 32, 24)
    np.testing.assert_array_equal(frame, before)
