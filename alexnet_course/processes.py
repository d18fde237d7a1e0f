"""A function in several processes that speak to each other, started from a notebook cell.

:func:`run_in_processes` is a small ``torchrun`` for one machine: it shows each process's lines as
they come, brings the results back, and leaves nothing running.
"""

import ast
import importlib
import inspect
import linecache
import os
import pickle
import queue
import subprocess
import symtable
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
import torch.distributed as dist

Line = tuple[int, str]
CELL = "of_the_notebook"  # the module that a cell's function is sent as


class ProcessesFailed(RuntimeError):
    """A process stopped with an error or was killed, or time was up; all have ended."""


def run_in_processes(
    function: Callable[..., Any],
    workers: int,
    *arguments: Any,
    timeout: float = 60.0,
    show: bool = True,
) -> list[Any]:
    """Call ``function(*arguments)`` in ``workers`` processes; gives what each returns, by rank.

    They are one process group (``torch.distributed``; ``get_rank()`` says which one it is): NCCL
    with a GPU for each where there are as many, Gloo on the CPU else. What they print appears here
    with the rank in front, if ``show``. ``function`` may stand in a module or in a notebook's cell;
    then the functions, classes and imports of the notebook that it names go with it, and any other
    value must be an argument. Arguments and results are pickled.

    Raises :class:`ProcessesFailed` when a process fails or ``timeout`` seconds are over, start
    included, and :class:`ValueError` for a cell's function that can't be sent.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as made:
        folder = Path(made)
        of_cell = function.__module__ == "__main__"
        if of_cell:
            text = source_of(function)
            (folder / f"{CELL}.py").write_text(text, encoding="utf-8")
        task = (None if of_cell else function, function.__name__, arguments)
        (folder / "task").write_bytes(pickle.dumps((workers, timeout, task)))
        started = [_started(folder, rank, workers) for rank in range(workers)]
        try:
            for rank, line in _lines(started, time.monotonic() + timeout, timeout):
                if show:
                    print(f"[{rank}] {line}", flush=True)
            _require_success([process.poll() for process in started], folder)
        finally:
            for process in started:
                process.kill()
            for process in started:
                process.wait()
        return [pickle.loads((folder / f"result{i}").read_bytes()) for i in range(workers)]


def _started(folder: Path, rank: int, workers: int) -> subprocess.Popen:
    threads = str(max(1, (os.cpu_count() or 1) // workers))
    loopback = {"linux": "lo", "darwin": "lo0"}.get(sys.platform)
    environment = {"OMP_NUM_THREADS": threads, "PYTHONIOENCODING": "utf-8"}
    if loopback:
        environment["GLOO_SOCKET_IFNAME"] = loopback  # a machine's name need not lead to it
    environment |= os.environ
    paths = [folder, *(Path(path).absolute() for path in sys.path)]
    environment["PYTHONPATH"] = os.pathsep.join(map(str, paths))
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "alexnet_course.processes", str(folder), str(rank)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        encoding="utf-8",
        errors="replace",
    )


def _lines(started: list[subprocess.Popen], deadline: float, timeout: float) -> Iterator[Line]:
    """The lines of all processes as they come, until all have ended or one has failed."""
    lines: queue.SimpleQueue[Line] = queue.SimpleQueue()

    def read(rank: int, process: subprocess.Popen) -> None:
        for line in process.stdout:  # type: ignore[union-attr]
            lines.put((rank, line.rstrip("\n")))

    readers = [threading.Thread(target=read, args=each, daemon=True) for each in enumerate(started)]
    for reader in readers:
        reader.start()
    failed_at = None
    while not lines.empty() or any(reader.is_alive() for reader in readers):
        with suppress(queue.Empty):
            yield lines.get(timeout=0.05)
        now = time.monotonic()
        if failed_at is None and any(process.poll() for process in started):
            failed_at = now
        if failed_at is not None and now > failed_at + 1:  # its peers wait for it in vain
            return
        if now > deadline:
            late = [str(rank) for rank, process in enumerate(started) if process.poll() is None]
            raise ProcessesFailed(
                f"time is up: of {len(started)} processes, {' and '.join(late)} had not ended "
                f"after {timeout:g} s, and all have been stopped; look at the last line of each "
                "for what it waited for, or give more time by timeout=…"
            )


def _require_success(codes: list[int | None], folder: Path) -> None:
    """``codes`` are exit codes, ``None`` of those that wait for a peer that has failed.

    What was killed wrote no error, and is the cause; else the first error is, since the peers of a
    process that ends fail after it.
    """
    errors = sorted(folder.glob("error*"), key=lambda path: path.stat().st_mtime_ns)
    for rank, code in enumerate(codes):
        if code and not (folder / f"error{rank}").exists():
            raise ProcessesFailed(
                f"process {rank} of {len(codes)} ended with exit code {code} and no error of its "
                "own: something killed it, such as a lack of memory; all have been stopped"
            )
    if errors:
        raise ProcessesFailed(
            f"process {errors[0].name.removeprefix('error')} of {len(codes)} stopped: "
            f"{errors[0].read_text(encoding='utf-8')} (more is in its lines above); all have been "
            "stopped"
        )


def source_of(function: Callable[..., Any]) -> str:
    """A module's text with ``function`` of a notebook, and what it names, as far as that is code.

    Raises :class:`ValueError` where it names a value, which must be an argument instead.
    """
    texts: dict[str, str] = {}
    _add_source(function.__name__, function, texts)
    return "\n\n".join(texts.values()) + "\n"


def _add_source(name: str, value: Any, texts: dict[str, str]) -> None:
    """Put what defines ``value`` under ``name`` into ``texts``, after what it needs."""
    if name in texts:
        return
    if isinstance(value, ModuleType):
        texts[name] = f"import {value.__name__} as {name}"
    elif getattr(value, "__module__", None) == "__main__" and hasattr(value, "__qualname__"):
        text, code = _own_text(value)
        texts[name] = ""  # so that what names itself comes to an end
        for inner in _named(text):
            if inner in code and inner != name:
                _add_source(inner, code[inner], texts)
        del texts[name]
        texts[name] = text
    elif hasattr(value, "__module__") and hasattr(value, "__qualname__"):
        texts[name] = f"from {value.__module__} import {value.__qualname__} as {name}"
    else:
        raise ValueError(
            f"{name} is a value of the notebook, which other processes have not; give it to the "
            "function as an argument"
        )


def _named(text: str) -> Iterator[str]:
    """What ``text`` takes from around it: not its arguments and other names of its own."""
    tables = [symtable.symtable(text, CELL, "exec")]
    for table in tables:
        yield from (s.get_name() for s in table.get_symbols() if s.is_global())
        tables += table.get_children()


def _own_text(value: Any) -> tuple[str, dict[str, Any]]:
    """The text of a cell's function or class, and the names of the notebook."""
    functions = [value, *vars(value).values()] if isinstance(value, type) else [value]
    functions = [inspect.unwrap(getattr(f, "__func__", f)) for f in functions]
    found = next((f for f in functions if inspect.isfunction(f)), None)
    if found is None:
        raise ValueError(f"{value.__qualname__} has no text that could be sent to processes")
    text = "".join(linecache.getlines(found.__code__.co_filename))
    for node in ast.parse(text).body:
        kinds = (ast.FunctionDef, ast.ClassDef)
        if isinstance(node, kinds) and node.name == value.__qualname__:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            return "".join(text.splitlines(True)[first - 1 : node.end_lineno]), found.__globals__
    raise ValueError(
        f"{value.__qualname__} stands inside another function, so it can't be sent to processes; "
        "define it at the left margin of a cell"
    )


def own_device() -> torch.device:
    """What this process of the group computes on: its GPU with NCCL, the CPU with Gloo."""
    nccl = dist.get_backend() == "nccl"
    return torch.device("cuda", torch.cuda.current_device()) if nccl else torch.device("cpu")


def _end_with_parent() -> None:
    """The other end of this pipe closes when the notebook's process ends, however it does."""
    sys.stdin.read()
    os._exit(1)


def _work(folder: Path, rank: int) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    workers, timeout, (function, name, arguments) = pickle.loads((folder / "task").read_bytes())
    if function is None:
        function = getattr(importlib.import_module(CELL), name)
    nccl = dist.is_nccl_available() and torch.cuda.device_count() >= workers
    if nccl:
        torch.cuda.set_device(rank)
    dist.init_process_group(
        "nccl" if nccl else "gloo",
        store=dist.FileStore(str(folder / "store"), workers),
        rank=rank,
        world_size=workers,
        timeout=timedelta(seconds=timeout),
    )
    result = pickle.dumps(function(*arguments))
    (folder / f"result{rank}").write_bytes(result)
    dist.barrier()  # no one leaves while a peer still reads from it
    dist.destroy_process_group()


def _main(folder: Path, rank: int) -> None:
    try:
        _work(folder, rank)
    except Exception as error:
        sentence = f"{type(error).__name__}: {error}"
        (folder / f"error{rank}").write_text(sentence, encoding="utf-8")
        traceback.print_exc()
        sys.stdout.flush()
        os._exit(1)  # without waiting for peers


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]))
