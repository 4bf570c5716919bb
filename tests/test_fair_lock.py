"""edgevid.tflite.fair_lock: first come, first served."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from support.stand_ins import reached

import edgevid
from edgevid.tflite.fair_lock import FairLock


def queue_up(lock: FairLock, number: int, work: Any) -> list[threading.Thread]:
    """Threads that wait for the held lock, each certain to have come after the one before."""
    threads = []
    for k in range(number):
        thread = threading.Thread(target=work, args=(k,), daemon=True)
        thread.start()
        assert reached(lambda: lock.waiting == len(threads) + 1)
        threads.append(thread)
    return threads


def test_threads_get_it_in_the_order_in_which_they_came():
    lock, order = FairLock(), []

    def take(k: int) -> None:
        with lock:
            order.append(k)

    with lock:
        threads = queue_up(lock, 12, take)
        assert order == []
    for thread in threads:
        thread.join(20)
    assert order == list(range(12))
    assert lock.waiting == 0


def test_a_thread_that_asks_again_at_once_goes_to_the_end_of_the_queue():
    lock, order = FairLock(), []

    def take_thrice(k: int) -> None:
        for _ in range(3):
            with lock:
                order.append(k)
                # what makes a plain lock unfair: the others are asleep when it becomes free. Here they have queued before.
                assert reached(lambda: lock.waiting == waiting_then(len(order)))

    def waiting_then(turn: int) -> int:
        return 2 if turn <= 7 else 9 - turn

    with lock:
        threads = queue_up(lock, 3, take_thrice)
    for thread in threads:
        thread.join(60)
    assert order == [0, 1, 2] * 3


def test_one_holds_it_at_a_time():
    lock, inside, most = FairLock(), [0], [0]

    def work() -> None:
        for _ in range(200):
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most == [1]
    assert inside == [0]


def test_it_is_free_again_after_an_exception():
    lock = FairLock()
    with pytest.raises(KeyError), lock:
        raise KeyError
    with lock:
        pass


def test_a_wait_that_is_interrupted_leaves_the_queue(monkeypatch: pytest.MonkeyPatch):
    lock, order = FairLock(), []

    class Interrupted:
        """A turn in whose wait Ctrl-C comes."""

        calls = 0

        def acquire(self) -> None:
            self.calls += 1
            if self.calls == 2:
                raise KeyboardInterrupt

    def take(k: int) -> None:
        with lock:
            order.append(k)

    with lock:
        with monkeypatch.context() as patch:
            patch.setattr("edgevid.tflite.fair_lock.threading.Lock", Interrupted)
            patch.setattr("edgevid.tflite.fair_lock.threading.get_ident", lambda: 0)  # as of another thread
            with pytest.raises(KeyboardInterrupt):
                lock.__enter__()
        assert lock.waiting == 0
        threads = queue_up(lock, 2, take)
    for thread in threads:
        thread.join(20)
    assert order == [0, 1]


def test_what_an_interrupt_left_held_is_had_again_by_the_same_thread_and_then_by_others():
    lock, order = FairLock(), []

    def take(k: int) -> None:
        with lock:
            order.append(k)

    lock.__enter__()  # Ctrl-C comes before the first step of __exit__
    threads = queue_up(lock, 2, take)
    with lock:
        order.append("again")
    for thread in threads:
        thread.join(20)
    assert order == ["again", 0, 1]


def test_networks_use_it(recognizer: edgevid.Recognizer):
    for model in (recognizer.extractor.model, recognizer.classifier.model):
        assert isinstance(model._lock, FairLock)
