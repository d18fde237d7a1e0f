"""Detectors that look at a whole run: its accuracy, its processes, and how it is resumed."""

import copy
import re
import tempfile
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.data.distributed import DistributedSampler

from alexnet_course.diagnosis.program import NotSeen, wants
from alexnet_course.diagnosis.seen import Seen, pair
from alexnet_course.diagnosis.watching import Count, Step, Watcher

OVER_IMAGES = "the guess is the largest over the images of a batch, not over the classes"
EVALUATED = 400  # batches that are tested at most
SAME = 1e-4  # of weights' size: what rounding may change in a few steps


class Run(NamedTuple):
    """Weights at its end, steps, and the optimisers' states at the first of them."""

    weights: dict[str, Tensor]
    steps: list[Step]
    started: list[dict[str, Any]]


def accuracy_wrong(seen: Seen) -> str | None:
    if seen.program.evaluate is None:
        watched = seen.watched or (seen.watch if seen.program.train else None)
        return _wrong_by(watched, seen, [])
    _to_the_end_of_training(seen)
    watcher = Watcher(seen.network, most=0, batches=EVALUATED, seconds=seen.seconds)
    torch.manual_seed(0)
    with watcher:
        told = seen.program.call(seen.program.evaluate)
    if watcher.error is not None:
        raise NotSeen(f"the function that evaluates stops: {watcher.error}")
    counts = [x for (loader, _), x in watcher.counts.items() if loader]
    try:
        return _wrong_by(watcher, seen, _figures(told), counts[-1] if counts else _recount(seen))
    finally:
        seen.restore()


def _wrong_by(
    watcher: Watcher | None, seen: Seen, figures: list[float], count: Count | None = None
) -> str | None:
    """What is wrong with an accuracy that was returned, or else with those that were printed."""
    if watcher is None:
        raise NotSeen("no function that evaluates was given")
    if watcher.choices[0] and not watcher.choices[1]:
        return OVER_IMAGES
    if figures and count is not None:
        return _other_than_true(figures, count, len(_dataset(seen.program.test)))
    if too_much := [x for x in re.findall(r"(\d[\d.]*) ?%", watcher.printed) if _beyond(x)]:
        return f"it prints {too_much[-1]} %, more than all: answers are counted more than once"
    printed = re.findall(r"\d+\.\d{2,}", watcher.printed)
    for (key, _), one in watcher.counts.items():
        batches = len(watcher.loaders[key]) if key in watcher.loaders else len(one.sizes)
        if evidence := _printed_mean(printed, one, batches):
            return evidence
    if not printed or not watcher.counts:
        raise NotSeen("no accuracy was returned or printed")
    return None


def _beyond(text: str) -> bool:
    """Whether a number of per cents is more than all, rounding apart."""
    return text.count(".") < 2 and float(text) > 100.5


def _other_than_true(figures: list[float], count: Count, images: int) -> str | None:
    """Whether none of ``figures`` is the share of right answers, or their number."""
    true, mean = count.true, count.mean
    both = [x for figure in figures for x in (figure, 100 * figure)]
    nearest = min(both, key=lambda x: abs(x - true))
    cut = sum(count.sizes) / max(images, 1)  # where only some were tested, but all are divided by
    allowed = (true, true * cut, sum(count.right))
    if any(abs(x - y) < 0.006 for x in both for y in allowed):
        return None
    why = ""
    if abs(nearest - mean) < 0.006:
        why = f"; it is the mean of {count.batches}"
    return f"it returns {nearest:.2f} %; counted in one pass, {true:.2f} % are right{why}"


def _printed_mean(printed: list[str], count: Count, batches: int) -> str | None:
    """Whether the mean of batches of several sizes was printed, and the share of right answers
    was not. ``batches`` are those that the loader has, as the sum may be divided by them.
    """
    true, mean = count.true, count.mean
    means = (mean, mean * len(count.sizes) / batches)
    said = [text for text in printed if any(_is_printed(text, x) for x in means)]
    if len(set(count.sizes)) == 1 or not said or any(_is_printed(x, true) for x in printed):
        return None
    return (
        f"it prints {said[-1]}, the mean of {count.batches}; counted in one pass, {true:.2f} % "
        "are right"
    )


def _is_printed(text: str, per_cent: float) -> bool:
    """Whether a number is this one to its last digit, in per cent or as a share."""
    half = 0.51 * 10.0 ** -len(text.partition(".")[2])
    return any(abs(float(text) - x) < half for x in (per_cent, per_cent / 100))


def _to_the_end_of_training(seen: Seen) -> None:
    try:
        if seen.watch is not None and hasattr(seen, "weights_after"):
            seen.network.load_state_dict(seen.weights_after)
    except NotSeen:
        seen.restore()


def _figures(told: Any) -> list[float]:
    """The numbers among what was returned."""
    if isinstance(told, dict):
        told = list(told.values())
    values = told if isinstance(told, (tuple, list)) else [told]
    values = [x.item() if isinstance(x, Tensor) and x.numel() == 1 else x for x in values]
    return [float(x) for x in values if isinstance(x, (int, float)) and not isinstance(x, bool)]


def _dataset(loader: Any) -> Any:
    dataset = getattr(loader, "dataset", ())
    return dataset if hasattr(dataset, "__len__") else ()


@torch.no_grad()
def _recount(seen: Seen) -> Count:
    """Right answers, in evaluation mode."""
    count = Count()
    seen.network.eval()
    with Watcher(None, batches=EVALUATED, most=0, seconds=seen.seconds):
        for batch in seen._test:
            images, labels = pair(batch)
            count.add(seen.run(images), labels)
    return count


def data_parallel_wrong(seen: Seen) -> str | None:
    sampler = getattr(seen.program.loader, "sampler", None)
    spread = isinstance(sampler, DistributedSampler) or hasattr(sampler, "num_replicas")
    wrapped = isinstance(seen.network, nn.parallel.DistributedDataParallel)
    if wrapped and (evidence := _past_the_wrapper(seen)):
        return evidence
    if not spread:
        alone = "the loader has no DistributedSampler: every process reads the same images"
        return alone if wrapped else None
    return _same_order(seen, sampler) or _shards(sampler) or _summed(seen)


def _past_the_wrapper(seen: Seen) -> str | None:
    passes = [p for p in seen.watch.passes if p.graded]
    raw = [p for p in passes if not issubclass(p.kind, type(seen.network))]
    if not raw:
        return None
    return (
        f"{len(raw)} of {len(passes)} training passes went through network.module, past the "
        "wrapper that averages gradients"
    )


def _same_order(seen: Seen, sampler: Any) -> str | None:
    orders = [int(x) for x in seen.watch.called if x.lstrip("-").isdigit()]
    if not getattr(sampler, "shuffle", False) or len(orders) < 2 or len(set(orders)) > 1:
        return None
    return (
        f"set_epoch was not called: in each of {len(orders)} epochs the sampler's epoch is "
        f"{orders[0]}, so that the order is the same"
    )


def _shards(sampler: Any) -> str | None:
    """What each process would read, by copies of the sampler for the other ranks."""
    ranks = int(getattr(sampler, "num_replicas", 1))
    parts = []
    for rank in range(min(ranks, 8)):
        other = copy.copy(sampler)
        other.rank = rank
        parts.append(list(other))
    if len({len(part) for part in parts}) > 1:
        return f"shards are of {', '.join(str(len(p)) for p in parts)} images: processes would wait"
    if len(parts) > 1 and len(set(parts[0]) & set(parts[1])) > 0.1 * len(parts[0]):
        return f"two processes share {len(set(parts[0]) & set(parts[1]))} of {len(parts[0])} images"
    return None


def _summed(seen: Seen) -> str | None:
    ratios = [s.loss / s.plain for s in seen.steps[:5] if s.plain]
    if ratios and median(ratios) > 3:
        return f"the loss is {median(ratios):.0f} times the mean over its batch, as a sum is"
    return None


def resuming_wrong(seen: Seen) -> str | None:
    train = seen.program.train
    if train is None or not (wants(train, "checkpoint") and wants(train, "epochs")):
        raise NotSeen("no function that trains takes both epochs and a checkpoint")
    with tempfile.TemporaryDirectory() as folder:
        whole = _trained(seen, 2, Path(folder) / "whole.pt")
        path = Path(folder) / "parted.pt"
        first = _trained(seen, 1, path)
        if not path.exists():
            raise NotSeen("the function that trains wrote no checkpoint")
        second = _trained(seen, 2, path)
    return _not_the_same(whole, first, second)


def _not_the_same(whole: Run, first: Run, second: Run) -> str | None:
    """Whether a run of two epochs is another than one that was stopped after the first."""
    steps, resumed = len(whole.steps), len(second.steps)
    expected = steps - len(first.steps)
    if not first.steps:
        raise NotSeen("the function that trains takes no step")
    if resumed != expected:
        return (
            f"an unbroken run of 2 epochs takes {steps} steps; stopped after the first and "
            f"resumed, it takes {len(first.steps)} and {resumed} more, not {expected}"
        )
    apart = _apart(whole.weights, second.weights)
    if not apart > SAME:  # or they have no numbers
        return None
    return (
        f"after 2 epochs, weights of a resumed run differ by {apart:.2g} of their size from "
        f"those of an unbroken one{_why_apart(whole, second, expected)}"
    )


def _trained(seen: Seen, epochs: int, path: Path) -> Run:
    """A run as by a process of its own."""
    seen.restore()
    torch.manual_seed(0)
    network = None if seen.program.makes_network else seen.network
    watcher = Watcher(network, most=200, batches=5, seconds=10, saves=True)
    if network is None and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()  # of a call that was cut short
    with watcher:
        seen.program.call(seen.program.train, epochs=epochs, checkpoint=path)  # type: ignore[arg-type]
    if watcher.error is not None:
        raise NotSeen(f"the function that trains stops: {watcher.error}")
    state = watcher.network.state_dict() if watcher.network else {}
    weights = {k: v.detach().clone() for k, v in state.items()}
    seen.restore()
    return Run(weights, watcher.steps, watcher.started)


def _apart(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    shares = [
        float((a - other[k]).norm() / a.norm().clamp_min(1e-12))
        for k, a in one.items()
        if a.is_floating_point()
    ]
    return max(shares)


def _why_apart(whole: Run, second: Run, expected: int) -> str:
    if second.started and not any(state["state"] for state in second.started):
        return "; the optimiser starts without the state that it had"
    labels = [[s.first_label for s in run.steps[-expected:]] for run in (whole, second)]
    if labels[0] != labels[1]:
        return "; the images come in another order, so the generator's state was lost"
    return ""
