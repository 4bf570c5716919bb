"""Who does the work: processes on this machine, or a Dask cluster. For :func:`edgevid.training.extraction.extract`."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Callable

from ..errors import EdgevidError, ExtraNotInstalledError, OptionError

_CONNECT_SECONDS = 10


@contextmanager
def local_executor(jobs: int, start: Callable[[], object] = int) -> Iterator[ProcessPoolExecutor]:
    """Worker processes on this machine. An exception, Ctrl-C too, ends them at once, whatever they do.

    Workers are new processes, not forks, for the runtimes and OpenCV have threads, which do not survive a fork. So a script
    that calls this needs the usual ``if __name__ == "__main__":``.

    Args:
        jobs: how many.
        start: called in each worker as it starts; picklable; it must not raise.
    """
    try:
        context = multiprocessing.get_context("spawn")
        executor = ProcessPoolExecutor(jobs, mp_context=context, initializer=_start_worker, initargs=(start,))
    except ValueError as error:  # 0, or more than Windows can wait for
        raise OptionError(
            f"{jobs!r} worker processes were asked for: {error}; expected a number from 1 to 61."
        ) from error
    try:
        _launch(executor, jobs)
        yield executor
    except BaseException:
        _end(executor)
        raise
    executor.shutdown()


@contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """The workers of a Dask cluster.

    Args:
        address: of its scheduler, such as ``tcp://192.168.1.10:8786``.

    Raises:
        ExtraNotInstalledError: dask.distributed is not installed.
        EdgevidError: no scheduler answers there, or it has no workers.
    """
    try:
        from dask.distributed import Client
    except ImportError as error:
        raise ExtraNotInstalledError(
            f"A Dask cluster was asked for, but dask.distributed is not here ({error}). "
            "To mend it: pip install 'edgevid[dask]'"
        ) from error
    try:
        client = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, asyncio.TimeoutError) as error:
        raise EdgevidError(
            f"No Dask scheduler answers at {address!r}: {error}. Start one with `dask scheduler` and give the address that "
            "it prints, such as tcp://192.168.1.10:8786."
        ) from error
    with client:
        if not client.ncores():
            raise EdgevidError(
                f"The Dask scheduler at {address} has no workers; start some with `dask worker {address}`."
            )
        executor: Executor = client.get_executor(pure=False)  # pure: the answer to the same call may be an old one
        try:
            yield executor
        except BaseException:
            executor.shutdown(wait=False)
            raise


def _launch(executor: ProcessPoolExecutor, jobs: int) -> None:
    """Start the workers, deaf to Ctrl-C from their first moment: their parent ends them.

    A process inherits the signal mask of the thread that starts it; a Ctrl-C meanwhile is held back, not lost.
    """
    can_mask = hasattr(signal, "pthread_sigmask")  # Windows cannot
    old = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if can_mask else set()
    try:
        for _ in range(jobs):  # each starts a worker, as long as none is idle
            executor.submit(int)
    finally:
        if can_mask:
            signal.pthread_sigmask(signal.SIG_SETMASK, old)


def _end(executor: ProcessPoolExecutor) -> None:
    """End the workers at once. What one of them writes is whole or not there, so each may be terminated at any time.

    There is no public way before Python 3.14; without these attributes it waits until the workers have done what they do.
    """
    processes = list((getattr(executor, "_processes", None) or {}).values())
    manager = getattr(executor, "_executor_manager_thread", None)
    executor.shutdown(wait=False, cancel_futures=True)
    # Until its thread has dropped the cancelled futures, it would trip over them when it finds the workers gone.
    while manager is not None and manager.is_alive() and getattr(executor, "_cancel_pending_futures", False):
        time.sleep(0.001)
    for process in processes:
        process.terminate()
    if manager is not None:
        manager.join()


def _start_worker(start: Callable[[], object]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A worker waits for work for ever, also for that of a parent that was killed.
    threading.Thread(target=_end_with_parent, name="edgevid parent watch", daemon=True).start()
    start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
