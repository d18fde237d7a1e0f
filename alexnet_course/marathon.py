"""A machine that is here for minutes: the runs that are missing, the most valuable first.

``python -m alexnet_course marathon`` is for a borrowed GPU. Each run is estimated from a few timed
steps, and begins only if it can end in time. What has ended stands in one archive at any moment;
what has not is kept, epoch by epoch, and a later call goes on with it.
"""

import hashlib
import io
import json
import multiprocessing
import os
import re
import tarfile
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch

from alexnet_course import checkpoints
from alexnet_course.benchmark import (
    benchmark_path,
    images_per_second,
    interrupts_ignored,
    our_steps,
    run_benchmark,
    warm_up,
)
from alexnet_course.checkpoints import require_writable, write_atomically
from alexnet_course.data import image_data
from alexnet_course.experiments import EXPERIMENTS, experiment
from alexnet_course.fields import Count, Positive, fitting
from alexnet_course.memory import keep_freed_memory
from alexnet_course.network import build
from alexnet_course.provenance import RECORDED, environment
from alexnet_course.recording import (
    as_recorded,
    checkpoint_path,
    duration,
    images_by_arm,
    names_and_images,
    require_real,
    run,
)
from alexnet_course.results import existing, reading, record_path, recorded_epochs
from alexnet_course.schedules import Constant
from alexnet_course.training import Trainer, device_and_precision
from alexnet_course.tutorials import TUTORIALS

BENCHMARK = "benchmark"  # in a plan, in the place of an experiment; its arms are tutorials


class Part(NamedTuple):
    """Of an experiment the ``arms`` (all, unless named), each with the ``seeds`` (its own).

    ``cut``: what can't be finished may be begun, and is recorded as far as it comes.
    """

    experiment: str
    arms: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    cut: bool = False


PLAN = (
    Part(BENCHMARK, tuple(TUTORIALS)),
    Part("conv-local-released", seeds=(0, 1, 2)),
    Part("conv-local", seeds=(0, 1, 2)),
    Part("five-conv-32", seeds=(0, 1, 2)),
    Part("upscaled-227", ("trained-well",)),
    Part("upscaled-227", ("published",), cut=True),
    Part("study", seeds=tuple(range(10))),
)

BENCHMARK_OPTIONS: dict[str, Any] = {"rounds": 3, "seconds": 1.0}
BENCHMARK_SECONDS = 60  # with them, and the processes that measure memory: a guess
PROBE_SECONDS = 2
START_SECONDS = 10  # until a run's first step: a guess
MARGIN = 1.2  # by which a run may take longer than its probe says
MOST_BYTES = 16 * 2**20  # of the archive

Outcome = Literal["recorded", "not begun", "failed"]


class Job(NamedTuple):
    """One benchmark (its seed says nothing), or one arm with one seed."""

    experiment: str
    arm: str
    seed: int
    cut: bool

    def __str__(self) -> str:
        seed = "" if self.experiment == BENCHMARK else f", seed {self.seed}"
        return f"{self.experiment}, {self.arm}{seed}"


def run_marathon(
    minutes: float,
    folder: Path,
    workers: int = 1,
    precision: str = "auto",
    records: Path = RECORDED,
    plan: Iterable[Part] = PLAN,
) -> None:
    """What of ``plan`` is recorded neither in ``records`` nor in ``folder``, while there is time.

    Records go to ``folder``, and all that are whole into ``records.tar.gz`` there, which is renewed
    after each run; runs that have not ended are in its folder ``unfinished``. ``workers`` processes
    share the device, each with one run at a time; benchmarks run alone, before them. A run that
    fails is told of, and the others are run. ``precision="auto"`` is the best of the device.

    Raises, before anything runs, :class:`ValueError` for an argument out of range and for code
    without a commit, :class:`~alexnet_course.data.DataError` for the stand-in, :class:`OSError` for
    a folder that can't be written into; later :class:`ValueError` for records that take more than
    16 MiB, and at the end :class:`RuntimeError` where runs failed.
    """
    deadline = time.monotonic() + 60 * fitting("minutes", minutes, Positive)
    workers = fitting("workers", workers, Count)
    require_writable(folder)
    if records != folder:
        existing(records)
    device, precision = device_and_precision(precision=precision)
    about = environment(device.type, precision)
    if not re.match("[0-9a-f]{40}", about["commit"]):
        raise ValueError(
            f"records made here could not name their code: the commit is {about['commit']}. Run "
            "this in a git checkout, or in a copy that 'git archive' made"
        )
    require_real("what a marathon runs", "CIFAR-10", image_data("CIFAR-10"))
    folder.mkdir(parents=True, exist_ok=True)
    jobs = list(missing(plan, (records, folder), device.type))
    for name in {job.experiment: None for job in jobs if job.experiment != BENCHMARK}:
        as_recorded(name, records, precision)  # says so where what is run now differs
    path = archive(folder)
    outcomes: Counter[Outcome] = Counter()
    for outcome in _outcomes(jobs, workers, folder, precision, deadline):
        outcomes[outcome] += 1
        if outcome == "recorded":
            archive(folder)
    told = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
    print(f"{told or 'nothing was missing'}; on {about['hardware']} in {precision}")
    print(f"{path} is to be unpacked in alexnet_course/{RECORDED.name}")
    if outcomes["failed"]:
        raise RuntimeError(f"{outcomes['failed']} of {len(jobs)} failed, as told above")


def missing(plan: Iterable[Part], folders: Collection[Path], device: str) -> Iterator[Job]:
    """The jobs of ``plan`` that no folder has a whole record of, all arms of a seed together."""
    for name, arms, seeds, cut in plan:
        if name == BENCHMARK:
            for arm in arms:
                if not any(benchmark_path(arm, device, place).exists() for place in folders):
                    yield Job(name, arm, 0, cut)
            continue
        if name not in EXPERIMENTS:
            print(f"{name}: there is no such experiment yet; it is left out")
            continue
        chosen = experiment(name)
        for seed in seeds or chosen.seeds:
            for arm in arms or chosen.arms:
                paths = (record_path(name, arm, seed, "json", place) for place in folders)
                if max(map(recorded_epochs, paths)) < chosen.arms[arm].recipe.epochs:
                    yield Job(name, arm, seed, cut)


def _outcomes(
    jobs: Collection[Job], workers: int, folder: Path, precision: str, deadline: float
) -> Iterator[Outcome]:
    """What becomes of each job, as it ends."""
    options = (folder, precision, deadline)
    alone = [job for job in jobs if workers == 1 or job.experiment == BENCHMARK]
    for job in alone:
        yield attempt(job, *options)
    if len(alone) == len(jobs):
        return
    pool = ProcessPoolExecutor(
        workers,
        multiprocessing.get_context("spawn"),
        _begin_worker,
        (max(1, torch.get_num_threads() // workers),),
    )
    try:
        with interrupts_ignored():
            waiting = [pool.submit(attempt, job, *options) for job in jobs if job not in alone]
        for done in as_completed(waiting):
            yield done.result()
    except BrokenProcessPool as error:
        raise RuntimeError(
            "a worker ended before it was done; it may have run out of memory. The same command "
            "goes on where this one was; try it with fewer workers"
        ) from error
    finally:
        for child in multiprocessing.active_children():
            child.terminate()  # what it runs is kept to its last epoch
        pool.shutdown(cancel_futures=True)


def _begin_worker(threads: int) -> None:
    keep_freed_memory()
    torch.set_num_threads(threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A killed process can't end its workers, and they would go on unseen."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def attempt(job: Job, folder: Path, precision: str, deadline: float) -> Outcome:
    """Run one job, if it can be finished in time; says what became of it."""
    try:
        if job.experiment == BENCHMARK:
            return _benchmark(job, folder, precision, deadline)
        return _run(job, folder, precision, deadline)
    except Exception:  # whatever it is, it is no reason to lose the others' time
        print(f"{job}: failed", flush=True)
        traceback.print_exc()
        return "failed"


def _benchmark(job: Job, folder: Path, precision: str, deadline: float) -> Outcome:
    if not _in_time(job, BENCHMARK_SECONDS, deadline):
        return "not begun"
    run_benchmark([job.arm], **BENCHMARK_OPTIONS, precision=precision, folder=folder)
    return "recorded"


def _run(job: Job, folder: Path, precision: str, deadline: float) -> Outcome:
    if not _in_time(job, START_SECONDS + PROBE_SECONDS, deadline):
        return "not begun"
    chosen, unfinished = experiment(job.experiment), folder / "unfinished"
    epoch = MARGIN * seconds_per_epoch(job.experiment, job.arm, precision, unfinished)
    kept = checkpoint_path(chosen, job.arm, job.seed, precision, unfinished)
    begun = len(checkpoints.load(kept)["history"]) if kept.exists() else 0
    epochs = chosen.arms[job.arm].recipe.epochs
    if job.cut:
        fit_in = int((deadline - time.monotonic() - START_SECONDS) / epoch)
        epochs = min(epochs, begun + max(1, fit_in))
    if not _in_time(job, START_SECONDS + (epochs - begun) * epoch, deadline):
        return "not begun"
    run(chosen, [job.arm], [job.seed], folder, precision, epochs, unfinished)
    return "recorded"


def _in_time(job: Job, seconds: float, deadline: float) -> bool:
    left = deadline - time.monotonic()
    if seconds > left:
        needed = f"it may take {duration(seconds)}, and {duration(max(0, left))} are left"
        print(f"{job}: not begun; {needed}", flush=True)
    return seconds <= left


@cache
def seconds_per_epoch(name: str, arm: str, precision: str, folder: Path) -> float:
    """Estimated from a few steps, and from writing a checkpoint into ``folder``.

    An image that is measured with is taken to cost as much as one that is trained on: too much,
    but there are few of them.
    """
    chosen = experiment(name)
    data = images_by_arm(chosen, *names_and_images(chosen, [arm]))[arm]
    architecture, recipe = chosen.arms[arm].architecture, chosen.arms[arm].recipe
    device, precision = device_and_precision(precision=precision)
    network = build(architecture, 0, recipe.first_weights)
    recipe = replace(recipe, schedule=Constant())
    trainer = Trainer(network, data.train, recipe, 0, device, precision)
    steps = our_steps(trainer)
    warm_up(steps)
    speed = images_per_second(steps, PROBE_SECONDS, device)
    start = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        optimisers = [optimiser.state_dict() for optimiser in trainer.optimisers]
        state = {"network": network.state_dict(), "optimisers": optimisers}
        checkpoints.save(Path(place) / "probe.pt", state)
    images = len(data.train) + len(data.held_out)
    return images / speed + time.monotonic() - start


def archive(folder: Path) -> Path:
    """Pack all whole records in ``folder`` into ``records.tar.gz`` there; gives its path."""
    path, packed = folder / "records.tar.gz", io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for manifest in sorted(folder.glob("*/*.json")):
            for file, content in whole_record(manifest).items():
                member = tarfile.TarInfo(file.relative_to(folder).as_posix())
                member.size, member.mtime = len(content), int(time.time())
                tar.addfile(member, io.BytesIO(content))
    if packed.tell() > MOST_BYTES:
        raise ValueError(
            f"the records in {folder} take {packed.tell() / 2**20:.1f} MiB when packed, and "
            f"{path} is to hold at most {MOST_BYTES / 2**20:g}; it stays as it was. Put its "
            "records where the course's are, and go on with another --out"
        )
    write_atomically(path, lambda file: file.write(packed.getbuffer()))
    return path


def whole_record(manifest: Path) -> dict[Path, bytes]:
    """The content of a record's files; of none, while one of them is not as the manifest says."""
    files = {manifest: manifest.read_bytes()}
    with reading(manifest):
        record = json.loads(files[manifest])
        digests = record.get("csv_digests", {}) | record.get("weights_digests", {})
    for kind, digest in digests.items():
        table = manifest.with_name(f"{manifest.stem}.{kind}")
        files[table] = table.read_bytes() if table.exists() else b""
        if hashlib.sha256(files[table]).hexdigest() != digest:
            return {}
    return files
