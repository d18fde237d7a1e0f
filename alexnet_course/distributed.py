"""Train any network by any recipe of the course with several processes: data parallel.

On one machine, two workers::

    torchrun --standalone --nproc-per-node=2 -m alexnet_course.distributed \\
        four-conv everything --epochs 2 --checkpoint run.pt --out history.csv

Each worker has the whole network and takes its share of every batch; ``DistributedDataParallel``
gives all of them the mean of their gradients. With a GPU for each worker they compute there and
talk through NCCL, else on the CPU through Gloo. Without ``torchrun``, one process does it all.

``--max-restarts=3`` lets torchrun's agent start all workers again when one has died; with
``--checkpoint`` they go on after the last finished epoch, to the same history.

On two machines, the same on each, one of them named by all::

    torchrun --nnodes=2 --nproc-per-node=8 --rdzv-id=run1 --rdzv-backend=c10d \\
        --rdzv-endpoint=first.example.org:29400 -m alexnet_course.distributed …

The checkpoint lies on a disk that all machines share, since any of them may lead after a restart.
Two agents on one machine do for a rehearsal: ``--nnodes=2 --nproc-per-node=1
--rdzv-endpoint=localhost:29400``, once in each of two terminals.
"""

import argparse
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pandas as pd
import torch
import torch.distributed
from torch import nn

from alexnet_course.__main__ import EXPECTED, PRECISIONS, sentence
from alexnet_course.architectures import ARCHITECTURES, Architecture
from alexnet_course.checkpoints import CheckpointError, require_writable, write_atomically
from alexnet_course.config import look_up
from alexnet_course.data import DataError, ImageData, cifar10, image_folder
from alexnet_course.data.preparation import CentreCrop, Preparation
from alexnet_course.measures import top_errors
from alexnet_course.memory import keep_freed_memory
from alexnet_course.network import Network, build
from alexnet_course.recipes import (
    CONV_LOCAL,
    EVERYTHING,
    FEW_IMAGES,
    FURTHEST,
    PAPER,
    SHORTEST,
    TRAINED_WELL,
    Recipe,
)
from alexnet_course.team import ALONE, FROM_LEADER, Team
from alexnet_course.training import best_device, fit, weights_digest
from alexnet_course.tutorials import TUTORIALS

LONGEST_READING = 24  # hours: all images of a set too big for memory are decoded at first
AGENT = """\
import sys
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.run import main
try:
    main()
except ChildFailedError:  # the workers have said why
    sys.exit(1)
"""
VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


def named_recipes() -> dict[str, Recipe]:
    """Every recipe by its name; those made for one network as ``trained-well/two-conv``."""
    tables: dict[str, Mapping[str, Recipe]] = {
        "published": {name: tutorial.recipe for name, tutorial in TUTORIALS.items()},
        "trained-well": TRAINED_WELL,
        "shortest": SHORTEST,
        "furthest": FURTHEST,
    }
    return {
        "everything": EVERYTHING,
        "conv-local": CONV_LOCAL,
        "paper": PAPER,
        "few-images": FEW_IMAGES,
        **{f"{kind}/{name}": r for kind, table in tables.items() for name, r in table.items()},
    }


def named_recipe(name: str, network: str) -> Recipe:
    """The recipe called ``name``; ``trained-well`` alone is that of ``network``."""
    recipes = named_recipes()
    return recipes.get(f"{name}/{network}") or look_up(recipes, name, "recipe")


@dataclass(frozen=True)
class Place:
    """Where a worker computes, and through which ``backend`` it talks."""

    device: torch.device
    backend: str
    remark: str = ""


def place(device: str | None, local_rank: int, local_size: int) -> Place:
    """A GPU for each worker of this machine, or the CPU for all."""
    gpus = torch.cuda.device_count() if device in (None, "cuda") else 0
    if gpus >= local_size:
        return Place(torch.device("cuda", local_rank), "nccl")
    if device == "cuda":
        raise ValueError(
            f"{local_size} workers want a GPU each, and this machine has {gpus}; start fewer, or "
            "take --device cpu"
        )
    remark = (
        f"{local_size} workers and {gpus} GPU: NCCL wants a GPU for each, so they share the CPU. "
        "The steps are the same, only slower"
        if gpus
        else ""
    )
    return Place(torch.device("cpu"), "gloo", remark)


@contextmanager
def connected(seconds: float = 600, device: str | None = None) -> Iterator[tuple[Team, Place]]:
    """This process's team, as torchrun's environment variables describe it, and where it computes.

    ``seconds`` is the longest that a worker waits for the others, now and later. A process that
    was started alone is a team of one. Raises :class:`ConnectionError` where a worker is missing.
    """
    found = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    if "RANK" not in found and "WORLD_SIZE" not in found:
        alone = torch.device(device) if device else best_device()
        yield ALONE, Place(alone, "none")
        return
    if missing := [name for name in VARIABLES if name not in found]:
        raise ValueError(
            f"of what torchrun sets, {_settings(found)} is there and {', '.join(missing)} is not; "
            "start with torchrun, or unset them all"
        )
    team = Team(int(found["RANK"]), int(found["WORLD_SIZE"]))
    local_size = int(os.environ.get("LOCAL_WORLD_SIZE", team.size))
    where = place(device, int(found["LOCAL_RANK"]), local_size)
    if where.device.type == "cuda":
        torch.cuda.set_device(where.device)
    try:
        store = _own_store(team, found, seconds) if _has_agent_store() else None
        torch.distributed.init_process_group(
            where.backend,
            store=store,
            rank=team.rank,
            world_size=team.size,
            timeout=timedelta(seconds=seconds),
        )
        torch.distributed.barrier()
    except RuntimeError as error:
        raise ConnectionError(
            f"worker {team.rank} did not find all {team.size} workers within {seconds:g} s, with "
            f"{_settings(found)}; see that each was started and that this port can be reached, or "
            "give --timeout more seconds"
        ) from error
    try:
        yield team, where
    finally:
        torch.distributed.destroy_process_group()


def _has_agent_store() -> bool:
    return os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"


def _own_store(team: Team, found: Mapping[str, str], seconds: float) -> torch.distributed.Store:
    """A part of the agent's store for these workers alone.

    The store outlives workers that were killed, and their successors would read where those had
    been (pytorch/pytorch#135712). So each worker calls with a word of its own, and the leader
    answers each word with the name of the part, until all have said that they know it.
    """
    port, wait = int(found["MASTER_PORT"]), timedelta(seconds=seconds)
    store = torch.distributed.TCPStore(found["MASTER_ADDR"], port, is_master=False, timeout=wait)
    word = uuid4().hex
    if not team.leads:
        store.set(f"call/{team.rank}", word)
        word = store.get(f"answer/{word}").decode()
        store.set(f"{word}/knows/{team.rank}", "")
        return torch.distributed.PrefixStore(word, store)
    waiting, deadline = set(range(1, team.size)), time.monotonic() + seconds
    while waiting:
        for rank in (rank for rank in waiting if store.check([f"call/{rank}"])):
            store.set(f"answer/{store.get(f'call/{rank}').decode()}", word)
        waiting = {rank for rank in waiting if not store.check([f"{word}/knows/{rank}"])}
        if time.monotonic() > deadline:
            raise RuntimeError(f"no call from workers {waiting}")
        time.sleep(0.02)
    return torch.distributed.PrefixStore(word, store)


def _settings(variables: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in variables.items())


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="torchrun --standalone --nproc-per-node=2 -m alexnet_course.distributed",
        description="Train a network by a recipe, with several processes.",
    )
    top.add_argument("network", metavar="NETWORK", help="as 'python -m alexnet_course list' has it")
    top.add_argument(
        "recipe", metavar="RECIPE", help=", ".join(named_recipes()) + "; short for NETWORK's own"
    )
    top.add_argument("--data", metavar="DIR", help="class folders (default: CIFAR-10)")
    top.add_argument(
        "--size",
        type=int,
        metavar="PIXELS",
        help="of the sides of --data's images (of the network's input; by recipe 'paper' 256)",
    )
    top.add_argument("--sample", type=int, metavar="N", help="only N images of each class and part")
    top.add_argument("--epochs", type=int, metavar="N", help="(the recipe's)")
    top.add_argument("--batch-size", type=int, metavar="N", help="of all workers together")
    top.add_argument("--seed", type=int, default=0, metavar="K")
    top.add_argument("--precision", choices=PRECISIONS, default="auto")
    top.add_argument("--device", choices=("cpu", "cuda"), help="(the best that there is)")
    top.add_argument("--checkpoint", type=Path, metavar="FILE", help="written after each epoch")
    top.add_argument(
        "--out",
        type=Path,
        metavar="FILE.csv",
        help="where the history goes; beside it, as FILE.errors.csv, those of a ten-crop test",
    )
    top.add_argument(
        "--timeout",
        type=float,
        default=600,
        metavar="SECONDS",
        help="the longest that a worker waits for another (600)",
    )
    return top


def _chosen(options: argparse.Namespace) -> tuple[Architecture, Recipe]:
    network = look_up(ARCHITECTURES, options.network, "network")
    recipe = named_recipe(options.recipe, options.network)
    changes = {"epochs": options.epochs, "batch_size": options.batch_size}
    return network, replace(recipe, **{k: v for k, v in changes.items() if v is not None})


def _images(options: argparse.Namespace, side: int, by_validation: bool) -> ImageData:
    data = image_folder(options.data, options.size or side) if options.data else cifar10(quiet=True)
    if by_validation and data.held_out_name == "test":
        data = data.for_choosing()
    if options.sample:
        data = data.sample(options.sample, options.sample)
    _ = data.digest  # now, once, and not by each worker
    return data


def train(options: argparse.Namespace, team: Team, where: Place) -> pd.DataFrame:
    """What the command does on one worker; gives the history."""
    architecture, recipe = _chosen(options)
    side = 256 if recipe.name == PAPER.name else architecture.input_shape[1]
    by_validation = recipe.schedule.by_validation
    data = team.from_leader(lambda: _images(options, side, by_validation), hours=LONGEST_READING)
    if options.out:
        team.from_leader(lambda: require_writable(options.out.parent))
    network = build(
        architecture.with_classes(len(data.classes)), options.seed, recipe.first_weights
    )
    say = _speaker(team)
    if team.leads:
        say(f"{data.source}; {where.device.type}, {where.backend}. {where.remark}".strip(" ."))
    history = fit(
        network,
        data,
        recipe,
        seed=options.seed,
        device=where.device,
        precision=options.precision,
        checkpoint=options.checkpoint,
        team=team,
        each_epoch=_reporter(say, network, data, recipe.epochs),
    )
    if any(isinstance(part, CentreCrop) for part in recipe.preparation):
        preparation = Preparation(recipe.preparation, data.train.sample_images(), where.device)
        errors = _errors(network, data, preparation, team)
        if team.leads:
            say("errors: " + ", ".join(f"{name} {error:.2f} %" for name, error in errors.items()))
            if options.out:
                _write(pd.DataFrame([errors]), options.out.with_suffix(".errors.csv"))
    if options.out and team.leads:
        _write(history.frame, options.out)
    return history.frame


def _write(table: pd.DataFrame, path: Path) -> None:
    text = table.to_csv(index=False, lineterminator="\n").encode()
    write_atomically(path, lambda file: file.write(text))


def _errors(
    network: Network, data: ImageData, preparation: Preparation, team: Team
) -> dict[str, float]:
    """:func:`~alexnet_course.measures.top_errors` over all held-out images, which a team shares."""
    own = data.held_out[team.share(0, len(data.held_out))].to(preparation.device)
    errors = top_errors(network, own, preparation)
    return dict(zip(errors, team.means((*errors.values(),), len(own), preparation.device)))


def _speaker(team: Team) -> Callable[[str], None]:
    """Prints whole lines, with the worker's number in front where there are several."""
    front = f"worker {team.rank}: " if team.size > 1 else ""
    return lambda text: print(f"{front}{text}\n", end="", flush=True)


def _reporter(
    say: Callable[[str], None], network: nn.Module, data: ImageData, epochs: int
) -> Callable[[dict[str, float]], None]:
    """Says how each epoch ended, and the first digits of the weights' digest: all have the same."""

    def report(row: dict[str, float]) -> None:
        accuracy = row[f"{data.held_out_name}_accuracy"]
        weights = weights_digest(network.state_dict())[:8]
        speed, left = len(data.train) / row["seconds"], (epochs - row["epoch"]) * row["seconds"]
        say(
            f"epoch {row['epoch']} of {epochs}: training loss {row['train_loss']:.4f}, "
            f"{data.held_out_name} accuracy {accuracy:.2f} %, weights {weights}; "
            f"{speed:,.0f} images/s, {timedelta(seconds=round(left))} left"
        )

    return report


def _is_to_tell(rank: int, error: BaseException) -> bool:
    """The leader tells what all workers know; another, what happened to it alone."""
    own = isinstance(error, (DataError, OSError, RuntimeError, MemoryError))
    known = isinstance(error, CheckpointError) or FROM_LEADER in getattr(error, "__notes__", ())
    return rank == 0 or (own and not known)


def _told(error: BaseException, rank: int) -> str:
    """What went wrong, and where it did so on one worker alone."""
    text = sentence(error)
    if isinstance(error, RuntimeError) and ("gloo" in text.lower() or "NCCL" in text):
        text = (
            f"another worker has ended, or did not answer in time ({text}). torchrun's "
            "--max-restarts starts all anew, and --checkpoint lets them go on"
        )
    return text if rank == 0 else f"worker {rank}: {text}"


def _end_with_agent() -> None:
    """A torchrun that was killed can't end its workers, and they would go on unseen."""
    agent = os.getppid()
    while os.getppid() == agent:
        time.sleep(1)
    os._exit(1)


def main(arguments: list[str] | None = None) -> int:
    """Train as one of the workers; 0 when it worked, else 2, with a sentence on stderr."""
    options = parser().parse_args(arguments)
    rank = int(os.environ.get("RANK", 0))
    keep_freed_memory()
    if "TORCHELASTIC_RUN_ID" in os.environ:
        threading.Thread(target=_end_with_agent, daemon=True).start()
    try:
        _chosen(options)  # before anybody is waited for
        with connected(options.timeout, options.device) as (team, where):
            train(options, team, where)
    except EXPECTED as error:
        if _is_to_tell(rank, error):
            print(f"error: {_told(error, rank)}\n", end="", file=sys.stderr, flush=True)
        return 2
    return 0


def launch(
    *arguments: str,
    workers: int = 2,
    restarts: int = 0,
    seconds: float = 600,
    module: str = "alexnet_course.distributed",
) -> pd.DataFrame:
    """Run the command with so many ``workers`` on this machine, show their lines as they come, and
    give the history: ``launch("four-conv", "everything", "--epochs", "2")``.

    Nothing runs on when this returns, is interrupted, or ``seconds`` have passed, which is a
    :class:`TimeoutError`. Workers that fail are a :class:`RuntimeError`.
    """
    with TemporaryDirectory() as folder:
        history = Path(folder) / "history.csv"
        command = [sys.executable, "-c", AGENT, "--standalone"]
        command += [f"--nproc-per-node={workers}", f"--max-restarts={restarts}", "-m", module]
        show([*command, *arguments, "--out", str(history)], seconds, workers)
        return read_history(history)


def read_history(path: Path | str) -> pd.DataFrame:
    """What ``--out`` wrote, digit for digit."""
    return pd.read_csv(path, dtype=str).astype(float).astype({"epoch": int})


def show(command: list[str], seconds: float, workers: int = 1) -> None:
    """Run ``command``, print its lines as they come, and end it, with all that it started, when
    ``seconds`` have passed or this is interrupted. ``workers`` share the cores.
    """
    threads = str(max(1, (os.cpu_count() or 1) // workers))
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env={"OMP_NUM_THREADS": threads, **os.environ, "TQDM_DISABLE": "1"},
    ) as process:
        late = threading.Event()

        def stop() -> None:
            late.set()
            process.terminate()

        clock = threading.Timer(seconds, stop)
        clock.start()
        try:
            for line in process.stdout or ():
                print(line, end="", flush=True)
            process.wait()
        finally:
            clock.cancel()
            _end(process)
    if late.is_set():
        raise TimeoutError(
            f"the workers had not ended after {seconds:g} s and were stopped; give them more "
            "seconds, or less to do"
        )
    if process.returncode:
        raise RuntimeError(
            f"the workers failed, with exit status {process.returncode}; the first of their lines "
            "that begins with 'error' says why"
        )


def _end(process: subprocess.Popen) -> None:
    """torchrun ends its workers when it is asked to end; in 30 s at most."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()


if __name__ == "__main__":
    sys.exit(main())
