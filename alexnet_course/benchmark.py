"""How fast a network trains here: the published loop, ours and a ceiling, side by side.

``python -m alexnet_course benchmark`` takes turns: a large matrix product, the published loop, the
course's, and on a CPU the course's without :func:`~alexnet_course.memory.keep_freed_memory`, and
with memory in huge pages, a few seconds each, and again. A machine that slows down for a while then
slows all of them, and the ratios stand. Each loop runs in a process of its own, the published one
as its reader would run it.
"""

import json
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from multiprocessing.connection import Connection
from operator import itemgetter
from pathlib import Path
from typing import Any

import torch

from alexnet_course.architectures import Architecture
from alexnet_course.arithmetic import training_operations
from alexnet_course.checkpoints import require_writable, write_atomically
from alexnet_course.config import several
from alexnet_course.data import ImageData, Split, image_data
from alexnet_course.fields import Count, Positive, fitting
from alexnet_course.memory import has_huge_pages, huge_pages_for_children, keep_freed_memory
from alexnet_course.network import build
from alexnet_course.provenance import RECORDED, environment, sealed
from alexnet_course.recipes import TRAINED_WELL, Recipe
from alexnet_course.results import existing, mean_interval, reading
from alexnet_course.schedules import Constant
from alexnet_course.training import Trainer, device_and_precision
from alexnet_course.tutorials import TUTORIALS, published_steps, tutorial

WARM_UP_STEPS = 3
PATIENCE = 5  # seconds that a process beside this one gets to end by itself
# The third is ours, but what it frees goes to the system; the last is ours in huge pages.
LOOPS = ("published", "ours", "freeing", "huge")
# Ratios of two loops, by the name that a summary gives them.
RATIOS = {"ratio": ("ours", "published"), "kept": ("ours", "freeing"), "larger": ("huge", "ours")}
SIDES = {"cpu": 2048, "cuda": 8192, "mps": 4096}  # of the matrices of the ceiling


def our_trainer(name: str, data: ImageData, device: torch.device, precision: str) -> Trainer:
    """The course's loop on the tutorial's network, by our recipe (else by the published one), at a
    rate that stays the same.
    """
    chosen = tutorial(name)
    recipe = replace(TRAINED_WELL.get(name, chosen.recipe), schedule=Constant())
    network = build(chosen.architecture, 0, recipe.first_weights)
    return Trainer(network, data.train, recipe, 0, device, precision)


def our_steps(trainer: Trainer) -> Iterator[int]:
    """Train epoch after epoch without end; gives each batch's size."""
    epoch = 0
    while True:
        epoch += 1
        for _, _, size in trainer.epoch(epoch):
            yield size


def warm_up(steps: Iterator[int]) -> None:
    """Take the first steps, which are slower than the rest, before anything is timed."""
    for _ in range(WARM_UP_STEPS):
        next(steps)


def wait_for(device: torch.device) -> None:
    """Return when everything that was asked of ``device`` is done."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    elif device.type == "mps":
        torch.mps.synchronize()


def images_per_second(steps: Iterator[int], seconds: float, device: torch.device) -> float:
    """Take steps for ``seconds``, at least two, or until there are no more; images a second."""
    wait_for(device)
    start = time.perf_counter()
    images = 0
    for taken, size in enumerate(steps, start=1):
        images += size
        if taken >= 2 and time.perf_counter() - start >= seconds:
            break
    wait_for(device)
    return images / (time.perf_counter() - start)


def step_times(
    networks: Mapping[str, Architecture], recipe: Recipe, images: int = 128, rounds: int = 4
) -> dict[str, float]:
    """Seconds that training takes for an image, for each of ``networks``, here and now.

    All take turns on ``images`` random ones of 32 × 32, in batches of half as many; of ``rounds``
    the fastest counts, in which the machine had least else to do.
    """
    device, precision = device_and_precision()
    recipe = replace(recipe, batch_size=images // 2, schedule=Constant())
    draws = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (images, 3, 32, 32), generator=draws, dtype=torch.uint8)
    split = Split(pixels, torch.randint(10, (images,), generator=draws))
    loops = {
        name: our_steps(Trainer(build(network, 0), split, recipe, 0, device, precision))
        for name, network in networks.items()
    }
    speeds = dict.fromkeys(loops, 0.0)
    for steps in loops.values():
        warm_up(steps)
    for _, (name, steps) in product(range(rounds), loops.items()):
        speeds[name] = max(speeds[name], images_per_second(steps, 0, device))
    return {name: 1 / speed for name, speed in speeds.items()}


def matrix_product(device: torch.device, precision: str) -> Callable[[float], float]:
    """A function of seconds that multiplies square matrices so long, and gives GFLOP/s."""
    side = SIDES[device.type]
    left, right = (
        torch.randn(side, side, device=device, dtype=getattr(torch, precision)) for _ in range(2)
    )
    left @ right  # the first call prepares

    def measure(seconds: float) -> float:
        wait_for(device)
        start = time.perf_counter()
        count = 0
        while time.perf_counter() - start < seconds:
            left @ right
            wait_for(device)
            count += 1
        return 2 * side**3 * count / (time.perf_counter() - start) / 1e9

    return measure


def benchmark(
    name: str,
    data: ImageData,
    device: torch.device,
    precision: str,
    rounds: int = 5,
    seconds: float = 3.0,
) -> dict[str, Any]:
    """Measure one tutorial's network; gives a record of plain data.

    ``published``, ``ours`` and on a CPU ``freeing`` and, where it can be had, ``huge`` (``LOOPS``)
    are images a second, ``ceiling`` GFLOP/s, one number a round; ``memory`` is in bytes
    (:func:`peak_memory`), and ``profile`` the share of the time of each kind of operation in our
    loop.
    """
    loops: tuple[str, ...] = LOOPS[:2]
    if device.type == "cpu":
        loops = LOOPS if has_huge_pages() else LOOPS[:3]
    measured: dict[str, list[float]] = {key: [] for key in ("ceiling", *loops)}
    ceiling = matrix_product(device, precision)
    with ExitStack() as beside:
        speeds = {
            loop: beside.enter_context(loop_apart(loop, name, device, precision)) for loop in loops
        }
        for _ in range(rounds):
            measured["ceiling"].append(round(ceiling(seconds / 2), 2))
            for loop, speed in speeds.items():
                measured[loop].append(round(speed(seconds), 2))
    trainer = our_trainer(name, data, device, precision)
    steps = our_steps(trainer)
    warm_up(steps)
    chosen = tutorial(name)
    return {
        "tutorial": name,
        "images": data.name,
        "operations_per_image": training_operations(chosen.architecture),
        **measured,
        "batch_sizes": {"published": chosen.recipe.batch_size, "ours": trainer.recipe.batch_size},
        "memory": {loop: peak_memory(loop, name, device, precision) for loop in loops},
        "profile": profile(steps, device),
    }


def summary(record: dict[str, Any]) -> dict[str, float]:
    """Mean and half-width of the 95 % interval over the rounds, of speeds and ratios.

    ``ratio`` is ours over the published loop, round by round; ``kept`` ours over the one that gives
    back what it frees, and ``larger`` that in huge pages over ours, where they were timed;
    ``share`` the per cent of the ceiling's operations that our loop does.
    """
    timed = [key for key in ("ceiling", *LOOPS) if key in record]
    values = {key: record[key] for key in timed}
    for key, (one, other) in RATIOS.items():
        if {one, other} <= values.keys():
            values[key] = [x / y for x, y in zip(record[one], record[other], strict=True)]
    work = record["operations_per_image"] / 1e9  # operations are given for an image, not GFLOP
    pairs = zip(record["ours"], record["ceiling"], strict=True)
    values["share"] = [100 * ours * work / ceiling for ours, ceiling in pairs]
    result = {}
    for key, numbers in values.items():
        result[key], result[f"{key}_half_width"] = mean_interval(numbers)
    return result


def profile(steps: Iterator[int], device: torch.device, count: int = 3) -> dict[str, float]:
    """Per cent of the time of ``count`` steps by kind of operation, the largest eight and the rest.

    Names are PyTorch's own; on a GPU its own time counts, not the processor's.
    """
    from torch.autograd import DeviceType
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as watch

    on_gpu = device.type == "cuda"
    activities = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if on_gpu else [])
    with watch(activities=activities) as seen:
        for _ in range(count):
            next(steps)
        wait_for(device)
    times = {
        event.key: event.self_device_time_total if on_gpu else event.self_cpu_time_total
        for event in seen.key_averages()
        if event.device_type == DeviceType.CPU  # PyTorch's; kernels, which they began, come again
    }
    total = sum(times.values()) or 1  # where nobody may look into the GPU, it is nothing
    shares = {key: 100 * t / total for key, t in sorted(times.items(), key=lambda x: -x[1])[:8]}
    shares["everything else"] = 100 - sum(shares.values())
    return {key: round(share, 1) for key, share in shares.items()}


def peak_memory(loop: str, name: str, device: torch.device, precision: str) -> int | None:
    """Peak bytes while ``loop`` takes a few steps in a process of its own.

    On a GPU what PyTorch held there; on the CPU the whole process, Python and all images
    included. ``None`` where the system does not say (only Linux does, for the CPU).
    """
    what = f"measures the memory of {name}"
    threads = torch.get_num_threads()
    with _beside(_measure_memory, what, loop, name, device.type, precision, threads) as process:
        return process.recv()


@contextmanager
def loop_apart(
    loop: str, name: str, device: torch.device, precision: str
) -> Iterator[Callable[[float], float]]:
    """One of ``LOOPS`` on a tutorial's network, warm, in a process of its own: a function that lets
    it take steps for some seconds, and gives images a second. Between two calls it does nothing.
    """
    what = f"runs the {loop} loop of {name}"
    threads = torch.get_num_threads()
    with _beside(_time_loop, what, loop, name, device.type, precision, threads) as process:
        process.recv()  # it is warm

        def measure(seconds: float) -> float:
            process.send(seconds)
            return process.recv()

        yield measure


@contextmanager
def _beside(
    work: Callable[..., None], what: str, loop: str, *arguments: Any
) -> Iterator[Connection]:
    """A connection to ``work``, called with one to here, one of ``LOOPS`` and ``arguments`` in a
    fresh process.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(theirs, loop, *arguments))
    pages = huge_pages_for_children() if loop == "huge" else nullcontext()
    with interrupts_ignored(), pages:
        process.start()
    theirs.close()
    try:
        yield ours
    except (EOFError, BrokenPipeError, ConnectionResetError) as error:
        raise RuntimeError(
            f"the process that {what} ended before it was done; it may have run out of memory"
        ) from error
    finally:
        ours.close()  # it ends when it next listens, and what it began with it
        process.join(PATIENCE)
        process.terminate()
        process.join()


@contextmanager
def interrupts_ignored() -> Iterator[None]:
    """What begins in here hears of no Ctrl-C: it is for this process."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _steps(
    loop: str, name: str, data: ImageData, device: torch.device, precision: str
) -> Iterator[int]:
    """The steps of ``loop``, which has this process for itself."""
    if loop == "published":
        return published_steps(tutorial(name), data.train, device)
    if loop != "freeing":
        keep_freed_memory()
    return our_steps(our_trainer(name, data, device, precision))


def _time_loop(
    asked: Connection, loop: str, name: str, kind: str, precision: str, threads: int
) -> None:
    torch.set_num_threads(threads)
    device, data = torch.device(kind), image_data(tutorial(name).data, quiet=True)
    steps = _steps(loop, name, data, device, precision)
    warm_up(steps)
    asked.send(None)
    with suppress(EOFError):  # nobody asks any more
        while True:
            asked.send(images_per_second(steps, asked.recv(), device))


def _measure_memory(
    sender: Connection, loop: str, name: str, kind: str, precision: str, threads: int
) -> None:
    torch.set_num_threads(threads)
    device, data = torch.device(kind), image_data(tutorial(name).data, quiet=True)
    if kind == "cpu" and not _forget_peak():
        sender.send(None)
        return
    steps = _steps(loop, name, data, device, precision)
    warm_up(steps)
    sender.send(torch.cuda.max_memory_allocated() if kind == "cuda" else _peak_of_process())


def _forget_peak() -> bool:
    """Let Linux count the highest memory of this process anew; false where that cannot be."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _peak_of_process() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    kibibytes = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
    return 1024 * int(kibibytes)


def text(record: dict[str, Any]) -> str:
    """What a reader of the terminal is told about one record."""
    s = summary(record)

    def pm(key: str, digits: int) -> str:
        return f"{s[key]:,.{digits}f} ± {s[key + '_half_width']:,.{digits}f}"

    memory = {
        loop: "unknown" if size is None else f"{size / 2**20:,.0f} MiB"
        for loop, size in record["memory"].items()
    }
    kept = ""
    if "freeing" in record:
        kept = f"  ours / the same giving back freed memory  {pm('kept', 2)}, {memory['freeing']}\n"
    if "huge" in record:
        kept += f"  the same in huge pages / ours  {pm('larger', 2)}, {memory['huge']}\n"
    return (
        f"{record['tutorial']} on {record['hardware']}, {record['precision']}\n"
        f"  published loop  {pm('published', 0)} images/s, {memory['published']}\n"
        f"  ours            {pm('ours', 0)} images/s, {memory['ours']}\n"
        f"  ours / published  {pm('ratio', 2)}\n"
        f"{kept}"
        f"  matrix product  {pm('ceiling', 0)} GFLOP/s; ours does {pm('share', 0)} % of it\n"
        "  where our time goes: "
        + ", ".join(f"{key} {share:.0f} %" for key, share in record["profile"].items())
    )


def run_benchmark(
    names: list[str],
    rounds: int = 5,
    seconds: float = 3.0,
    precision: str = "auto",
    folder: Path = RECORDED,
) -> None:
    """Measure, print and store each tutorial's network, in ``<folder>/benchmark/``."""
    names = several(names)
    rounds, seconds = fitting("rounds", rounds, Count), fitting("seconds", seconds, Positive)
    needed = {tutorial(name).data for name in names}
    require_writable(folder / "benchmark")
    device, precision = device_and_precision(precision=precision)
    images = {of: image_data(of) for of in needed}
    for name in names:
        record = environment(device.type, precision)
        record["finished"] = datetime.now(UTC).isoformat(timespec="seconds")
        data = images[tutorial(name).data]
        record |= benchmark(name, data, device, precision, rounds, seconds)
        print(text(record), flush=True)
        store(benchmark_path(name, device.type, folder), record)


def benchmark_path(name: str, device: str, folder: Path = RECORDED) -> Path:
    """Where a tutorial's record stands, one for each kind of device."""
    return folder / "benchmark" / f"{name}-{device}.json"


def recorded_benchmarks(folder: Path = RECORDED) -> list[dict[str, Any]]:
    """All stored records with their :func:`summary`, in the order of the tutorials.

    Raises :class:`~alexnet_course.results.RecordError` for one that is damaged.
    """
    order, found = list(TUTORIALS), []
    for path in (existing(folder) / "benchmark").glob("*.json"):
        with reading(path):
            record = json.loads(path.read_text(encoding="utf-8"))
            place = fitting("device", record["device"], str), order.index(record["tutorial"])
            found.append((place, record | {"summary": summary(record)}))
    return [record for _, record in sorted(found, key=itemgetter(0))]


def store(path: Path, record: dict[str, Any]) -> None:
    """Write a record as JSON, all or nothing, and say where."""
    content = json.dumps(sealed(record), indent=1, ensure_ascii=False) + "\n"
    write_atomically(path, lambda file: file.write(content.encode()))
    print(f"stored in {path}")
