"""edgevid.classifiers.window: the ring buffer of embeddings."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from edgevid import FrameError
from edgevid.classifiers.window import EmbeddingWindow


def embedding(value: float, dim: int = 4) -> np.ndarray:
    return np.full(dim, value, dtype=np.float32)


def test_behaves_as_a_list_of_the_last_embeddings():
    rng = np.random.default_rng(0)
    for size in (1, 2, 3, 7, 25):
        window, model = EmbeddingWindow(size, 4), deque(maxlen=size)
        for _ in range(400):
            if rng.random() < 0.02:
                window.reset()
                model.clear()
            else:
                row = rng.random(4).astype(np.float32)
                window.push(row)
                model.append(row)
            assert len(window) == len(model)
            assert window.full == (len(model) == size)
            assert window.view().shape == (len(model), 4)
            np.testing.assert_array_equal(window.view(), np.array(model).reshape(-1, 4))


def test_view_is_contiguous_float32_and_read_only():
    window = EmbeddingWindow(3, 4)
    for i in range(8):
        window.push(embedding(i))
        view = window.view()
        assert view.dtype == np.float32
        assert view.flags.c_contiguous
        with pytest.raises(ValueError, match="read-only"):
            view[0] = 9


def test_memory_is_allocated_once():
    window = EmbeddingWindow(3, 4)
    window.push(embedding(0))
    base = window.view().base
    for i in range(20):
        window.push(embedding(i))
        assert window.view().base is base
    window.reset()
    window.push(embedding(1))
    assert window.view().base is base


def test_pushed_embedding_is_copied():
    window, row = EmbeddingWindow(2, 4), embedding(1)
    window.push(row)
    row[:] = 7
    assert window.view().tolist() == [[1, 1, 1, 1]]


def test_reset_forgets_everything():
    window = EmbeddingWindow(3, 4)
    for i in range(5):
        window.push(embedding(i))
    window.reset()
    assert (len(window), window.full, window.view().shape) == (0, False, (0, 4))
    window.push(embedding(8))
    assert window.view().tolist() == [[8, 8, 8, 8]]


@pytest.mark.parametrize("shape", [(3,), (5,), (1, 4), (), (4, 1)])
def test_embedding_of_another_shape_is_refused_and_changes_nothing(shape: tuple[int, ...]):
    window = EmbeddingWindow(3, 4)
    window.push(embedding(1))
    with pytest.raises(FrameError, match=r"expected \[4\]"):
        window.push(np.zeros(shape, dtype=np.float32))
    assert window.view().tolist() == [[1, 1, 1, 1]]
