"""Starts the processes of a group on this host and sees them to their end.

What belongs here: processes and how they fail. What they do together is in `distributed.py`.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from training.errors import StageRefusal, one_line

_GRACE_SECONDS = 10.0


@dataclass(frozen=True)
class _Failure:
    message: str


def launch(
    world: int,
    function: Callable[..., Any],
    *args: Any,
    device: str = "cpu",
    threads: int = 1,
    patience: timedelta = timedelta(hours=2),
) -> Any:
    """Runs `function(*args)` in `world` new processes of this host, in which `ranks.join` finds the group.

    Every process starts afresh (spawn): the function has to be one of a module, and its arguments such as can be pickled. The
    caller should hold no GPU memory. The processes end with the caller, however it ends.

    Args:
        world: number of processes, at least 1.
        function: what each of them runs.
        args: its arguments.
        device: cpu, or cuda for one GPU to each.
        threads: of each process.
        patience: longest time that a process waits for the others in one place. None has to wait for one that ended.

    Returns:
        What the function returned in the process of rank 0.

    Raises:
        StageRefusal: a process failed, and the others were ended; names its rank and says why. Or there are fewer GPUs.
    """
    if device == "cuda":
        import torch

        if torch.cuda.device_count() < world:
            raise StageRefusal(f"processes: {world}, but this host has {torch.cuda.device_count()} GPUs; lower processes")
    with tempfile.TemporaryDirectory() as folder:
        meeting = (Path(folder) / "meeting").as_uri()
        with _workers(world, (device, threads, patience, meeting, function, args)) as ranks:
            return _results(ranks, world)[0]


@contextmanager
def _workers(world: int, job: tuple[Any, ...]) -> Iterator[dict[Connection, tuple[int, BaseProcess]]]:
    context = multiprocessing.get_context("spawn")
    ranks: dict[Connection, tuple[int, BaseProcess]] = {}
    try:
        for rank in range(world):
            ours, theirs = context.Pipe(duplex=False)
            worker: BaseProcess = context.Process(
                target=_work, args=(rank, world, theirs, *job), name=f"rank {rank}", daemon=True
            )
            worker.start()
            ranks[ours] = (rank, worker)
            # The last end that writes is the worker's: reading comes to an end when it dies.
            theirs.close()
        yield ranks
    finally:
        for _, worker in ranks.values():
            worker.terminate()
        for _, worker in ranks.values():
            worker.join(_GRACE_SECONDS)
            worker.kill()
            worker.join()


def _results(ranks: dict[Connection, tuple[int, BaseProcess]], world: int) -> dict[int, Any]:
    results: dict[int, Any] = {}
    while len(results) < world:
        for connection in wait([c for c, (rank, _) in ranks.items() if rank not in results]):
            assert isinstance(connection, Connection)
            rank, worker = ranks[connection]
            try:
                outcome = pickle.loads(connection.recv_bytes())
            except EOFError:
                worker.join()
                outcome = _Failure(_how_it_ended(worker.exitcode or 0))
            if isinstance(outcome, _Failure):
                raise StageRefusal(f"rank {rank} of {world}: {outcome.message}")
            results[rank] = outcome
    return results


def _how_it_ended(exit_code: int) -> str:
    if exit_code < 0:
        return f"ended by {signal.Signals(-exit_code).name} (SIGKILL is often the host's memory running out)"
    return f"ended with exit code {exit_code} before its work was done"


def _work(
    rank: int,
    world: int,
    outcome: Connection,
    device: str,
    threads: int,
    patience: timedelta,
    meeting: str,
    function: Callable[..., Any],
    args: tuple[Any, ...],
) -> None:
    # An interrupt at the terminal reaches the caller too, who ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ |= {
        "RANK": str(rank),
        "WORLD_SIZE": str(world),
        "LOCAL_RANK": str(rank),
        "LOCAL_WORLD_SIZE": str(world),
        "OMP_NUM_THREADS": str(threads),
    }
    try:
        import torch

        torch.set_num_threads(threads)
        if device == "cuda":
            torch.cuda.set_device(rank)
        elif Path("/sys/class/net/lo").exists():
            # All of them are on this host; by itself gloo takes the address of the host's name, which may have none.
            os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        backend = "nccl" if device == "cuda" else "gloo"
        torch.distributed.init_process_group(backend, init_method=meeting, rank=rank, world_size=world, timeout=patience)
        result = function(*args)
        torch.distributed.destroy_process_group()
        # Not `send`: with torch imported that passes tensors on in memory of this process, which is about to end.
        message = pickle.dumps(result if rank == 0 else None)
    except StageRefusal as error:
        message = pickle.dumps(_Failure(str(error)))
    except Exception as error:
        traceback.print_exc()
        message = pickle.dumps(_Failure(f"{type(error).__name__}: {one_line(error)}"))
    outcome.send_bytes(message)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGKILL)
