"""Executors: processes on this machine, or a Dask cluster. For :func:`edgevid.extraction.extract`."""

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
from multiprocessing import connection
from typing import Any, Callable

from ..errors import EdgevidError, ExtraNotInstalledError, OptionError
from ..support.child_process import away_from_the_working_folder
from ..support.extras import install_command

_CONNECT_SECONDS = 10
_GRACE_SECONDS = 0.3


@contextmanager
def local_executor(jobs: int, start: Callable[[], object] = int) -> Iterator[ProcessPoolExecutor]:
    """Worker processes on this machine. An exception, including Ctrl-C, ends them at once.

    Workers are new processes, not forks, because threads of the runtimes and OpenCV do not survive a fork. So a script
    that calls this needs the usual ``if __name__ == "__main__":``.

    Args:
        jobs: number of workers.
        start: called in each worker as it starts; picklable; it must not raise.
    """
    context = multiprocessing.get_context("spawn")
    # A pipe, not an Event: an Event's set() waits for ever for a waiting process that was killed.
    lifeline, held = context.Pipe(duplex=False)
    try:
        with away_from_the_working_folder():  # it starts a process that tracks resources
            executor = ProcessPoolExecutor(
                jobs, mp_context=context, initializer=_start_worker, initargs=(start, lifeline)
            )
    except ValueError as error:  # 0, or more than Windows can wait for
        raise OptionError(
            f"{jobs!r} worker processes were requested: {error}; expected a number from 1 to 61."
        ) from error
    workers, others = set(), set(multiprocessing.active_children())
    try:
        _launch(executor, jobs)
        workers = set(multiprocessing.active_children()) - others
        yield executor
    except BaseException:
        # Its thread drops pending work only if the executor still exists then, and no second call overrides that.
        executor.shutdown(wait=False, cancel_futures=True)
        held.close()
        for worker in workers:
            worker.join()
        raise
    else:
        executor.shutdown()
    finally:
        held.close()
        lifeline.close()


@contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """The workers of a Dask cluster.

    Args:
        address: address of its scheduler, such as ``tcp://192.168.1.10:8786``.

    Raises:
        ExtraNotInstalledError: dask.distributed is not installed.
        EdgevidError: no scheduler answers there, or it has no workers.
    """
    try:
        from dask.distributed import Client
    except ImportError as error:
        raise ExtraNotInstalledError(
            f"A Dask cluster was requested, but dask.distributed is not installed ({error}). "
            f"To fix this: {install_command('dask')}"
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
        executor: Executor = client.get_executor(pure=False)  # pure: the same call may return an old result
        try:
            yield executor
        except BaseException:
            executor.shutdown(wait=False)
            raise


def _launch(executor: ProcessPoolExecutor, jobs: int) -> None:
    """Start the workers, ignoring Ctrl-C from their first moment: their parent ends them.

    A process inherits the signal mask of the thread that starts it; a Ctrl-C meanwhile is delayed, not lost.
    """
    can_mask = hasattr(signal, "pthread_sigmask")  # Windows cannot
    old = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if can_mask else set()
    try:
        with away_from_the_working_folder():
            for _ in range(jobs):  # each starts a worker, as long as none is idle
                executor.submit(int)
    finally:
        if can_mask:
            signal.pthread_sigmask(signal.SIG_SETMASK, old)


def _start_worker(start: Callable[[], object], lifeline: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_when_let_go, args=(lifeline,), name="edgevid lifeline", daemon=True).start()
    start()


def _end_when_let_go(lifeline: Any) -> None:
    """End this worker, whatever it does, when its parent closes the other end of the pipe, or is gone.

    A worker would wait for work for ever, even if its parent was killed. Its files are complete or absent, so it may
    be ended at any time. But not at once: the executor's thread fails on cancelled calls that it still holds
    when it finds the workers gone, and there is no public way to wait until it has released them.
    """
    connection.wait([lifeline])
    time.sleep(_GRACE_SECONDS)
    os._exit(1)
