"""The training loop: :func:`fit` trains a network by a recipe and gives its history.

The images stand on the device once, as uint8; each batch is augmented and scaled whole. Every
random draw of an epoch follows from the seed and the epoch's number alone, so a run that was
stopped goes on, from its last finished epoch, exactly as if it had never been.

A :class:`~alexnet_course.team.Team` of processes trains one network as one process would, each on
its share of every batch: order and augmentation are drawn for the whole epoch by all of them.
"""

import copy
import hashlib
import math
import operator
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm.std import tqdm

from alexnet_course import checkpoints
from alexnet_course.arithmetic import shape_text
from alexnet_course.compatibility import require_match
from alexnet_course.config import plain
from alexnet_course.data.augmentation import Augmenter
from alexnet_course.data.images import ImageData, Labelled
from alexnet_course.data.preparation import Preparation
from alexnet_course.identity import structure
from alexnet_course.network import whiten
from alexnet_course.recipes import Recipe
from alexnet_course.team import ALONE, Team

EVALUATION_BATCH = 500
WHITENED = 1000  # images from which windows are taken
PRINTED_STEP = 100
SEEDS_APART = 10_007  # of two processes' dropout: of one epoch's from the next it is 1


class TrainingDiverged(ArithmeticError):
    """The loss is no longer a finite number; ``history`` holds the epochs before that one."""

    def __init__(self, message: str, history: "History") -> None:
        super().__init__(message)
        self.history = history


@dataclass
class History:
    """What happened, epoch by epoch.

    ``rows`` hold ``epoch`` (from 1); ``learning_rate`` (of the epoch's last step); ``train_loss``
    and ``train_accuracy`` (over the epoch, while the weights moved); ``<held-out>_loss`` and
    ``<held-out>_accuracy`` (after it, every image counted once); ``seconds`` (training, then
    measuring). Losses are mean cross-entropies in nats, accuracies per cent. ``batches`` hold
    ``epoch``, ``step`` and ``loss`` of every hundredth step, as tutorials print them.
    """

    held_out_name: str = "test"
    rows: list[dict[str, float]] = field(default_factory=list)
    batches: list[dict[str, float]] = field(default_factory=list)

    @property
    def frame(self) -> pd.DataFrame:
        """The rows as a DataFrame."""
        measured = (f"{self.held_out_name}_{what}" for what in ("loss", "accuracy"))
        trained = ("learning_rate", "train_loss", "train_accuracy")
        return pd.DataFrame(self.rows, columns=["epoch", *trained, *measured, "seconds"])

    @property
    def accuracy(self) -> float:
        """Held-out accuracy after the last epoch, per cent."""
        return self.rows[-1][f"{self.held_out_name}_accuracy"]

    def plot(self):
        """Losses and accuracies against epochs; gives the matplotlib figure."""
        from alexnet_course.figures import plot_history

        return plot_history(self)


def best_device() -> torch.device:
    """CUDA where there is one, then Apple's MPS, then the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


PRECISIONS = ("float32", "bfloat16", "float16")


def best_precision(device: torch.device) -> str:
    """The fastest of :data:`PRECISIONS` that ``device`` multiplies natively.

    ``"bfloat16"`` on CUDA from Ampere on and on CPUs with AVX512-bf16 or AMX (emulated, it is much
    slower than float32); ``"float16"`` on older GPUs with tensor cores, such as Colab's T4, where
    the losses are scaled so that small gradients survive; ``"float32"`` elsewhere.
    """
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return "bfloat16"
        return "float16" if torch.cuda.get_device_capability(device) >= (7, 0) else "float32"
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    if device.type == "cpu" and any(getattr(torch.cpu, c, lambda: False)() for c in checks):
        return "bfloat16"
    return "float32"


def device_and_precision(
    device: torch.device | str | None = None, precision: str = "auto"
) -> tuple[torch.device, str]:
    """What was asked for, or else the best that is here."""
    device = torch.device(device) if device is not None else best_device()
    if precision == "auto":
        precision = best_precision(device)
    if precision not in PRECISIONS:
        raise ValueError(f"precision {precision!r}: choose 'auto' or one of {PRECISIONS}")
    return device, precision


def _autocast(device: torch.device, precision: str) -> AbstractContextManager:
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, getattr(torch, precision))


def weights_digest(state: Mapping[str, Tensor]) -> str:
    """SHA-256 of all weights and buffers in a ``state_dict``, by name."""
    total = hashlib.sha256()
    for name, tensor in state.items():
        total.update(name.encode())
        total.update(tensor.detach().float().cpu().contiguous().numpy().data)
    return total.hexdigest()


@torch.no_grad()
def evaluate(
    network: nn.Module,
    split: Labelled,
    preparation: Preparation,
    precision: str = "float32",
    mirrored: bool = False,
    batch_size: int = EVALUATION_BATCH,
) -> tuple[float, float]:
    """``(mean loss in nats, accuracy in per cent)`` over ``split``, every image counted once.

    ``mirrored`` takes the mean of the softmax over each image and its mirror image, as paper §4.1
    does over ten views. The network is measured in eval mode (no dropout) and put back into the
    mode it was in.
    """
    was_training = network.training
    network.eval()
    device = preparation.device
    loss = torch.zeros((), device=device, dtype=torch.float64 if device.type != "mps" else None)
    right = torch.zeros((), device=device, dtype=torch.int64)
    for images, labels in split.batches(torch.arange(len(split)), batch_size, device):
        with _autocast(device, precision):
            logits = _wide(network(preparation(images)))
            if mirrored:
                other = _wide(network(preparation(images.flip(3))))
                both = torch.stack([logits, other]).log_softmax(2)
                logits = both.logsumexp(0)  # of twice the mean, which the softmax forgives
        loss += F.cross_entropy(logits, labels, reduction="sum")
        right += (logits.argmax(1) == labels).sum()
    network.train(was_training)
    return loss.item() / len(split), 100 * right.item() / len(split)


def _wide(logits: Tensor) -> Tensor:
    """In float32 at least: half a precision is not enough for a loss."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def pool_before_relu(network: nn.Module) -> nn.Module:
    """The same layers, each max pooling moved in front of the ReLU that it follows.

    The two commute: the largest value of a window survives either order, and so does its
    gradient. Pooled maps are smaller, so ReLU then costs less (the released 2012 code runs conv5
    this way). Weights are shared with ``network``; other modules come back as they are.
    """
    if not isinstance(network, nn.Sequential):
        return network
    modules = list(network)
    for i in range(len(modules) - 1):
        if isinstance(modules[i], nn.ReLU) and isinstance(modules[i + 1], nn.MaxPool2d):
            modules[i], modules[i + 1] = modules[i + 1], modules[i]
    return nn.Sequential(*modules)


class Trainer:
    """A network, its images and what changes the one by the other; :meth:`epoch` takes the steps.

    Everything stands on ``device``, the network in channels-last order. ``precision`` is one of
    :data:`PRECISIONS`. With a ``team``, every process has a trainer of the whole set.
    """

    def __init__(
        self,
        network: nn.Module,
        train: Labelled,
        recipe: Recipe,
        seed: int,
        device: torch.device,
        precision: str,
        team: Team = ALONE,
    ) -> None:
        _require_work_for_all(team, train, recipe)
        network.to(device).to(memory_format=torch.channels_last)
        self.network = pool_before_relu(network)
        self.train = train.to(device)
        self.recipe, self.seed, self.device, self.precision = recipe, seed, device, precision
        self.team = team
        self.steps = -(-len(train) // recipe.batch_size)
        images = train.sample_images()
        self.preparation = Preparation(recipe.preparation, images, device)
        self.augmenter = Augmenter(recipe.augmentation, images)
        self._require_one_size(images[:1].to(device))
        fused = device.type in ("cpu", "cuda")  # one pass over all weights, not one for each
        self.optimisers = recipe.optimiser.made_for([*network.named_parameters()], fused)
        if recipe.whitening:
            whiten(network, self.preparation(images[:WHITENED].to(device)))
        if recipe.averaging:
            self.optimisers.append(recipe.averaging.made_for(network.parameters()))
        self.scaler = torch.amp.GradScaler(device.type, enabled=precision == "float16")

    def _require_one_size(self, image: Tensor) -> None:
        """Images to train on and images to measure with reach the network in one size."""
        augment = self.augmenter.epoch(1, torch.Generator().manual_seed(0), image.device)
        trained, measured = (
            shape_text(self.preparation(x).shape[1:]) for x in (augment(image, slice(1)), image)
        )
        if trained != measured:
            raise ValueError(
                f"recipe {self.recipe.name!r} trains on images of {trained} and measures on "
                f"{measured}; its preparation must bring both to one size, as CentreCrop does "
                "after Crop"
            )

    def epoch(
        self, number: int, accuracies: Sequence[float] = ()
    ) -> Iterator[tuple[Tensor, Tensor, int]]:
        """One pass, the ``number``-th from 1, in a fresh random order; a step for each item.

        ``accuracies`` are those on validation images after the epochs before, for a schedule that
        follows from them. Gives each batch's loss and number of right answers, still on the device
        (nothing in here waits for it), and its size. In a team, the loss is this process's part:
        the mean over all is the batch's. Right answers are those among its own images.
        """
        recipe, device, team = self.recipe, self.device, self.team
        count = len(self.train)
        seed = self.seed * 1_000_003 + number
        generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed + SEEDS_APART * team.rank)  # dropout draws from the global one
        order = torch.randperm(count, generator=generator)
        augment = self.augmenter.epoch(count, generator, device)
        model = team.replica(self.network).train()
        shares = [self._share(start) for start in range(0, count, recipe.batch_size)]
        own = torch.cat([order[which] for which, _, _ in shares])
        batches = self.train.batches(own, shares[0][1], device)
        for step, ((images, labels), (which, counted, size)) in enumerate(
            zip(batches, shares, strict=True), start=(number - 1) * self.steps
        ):
            images = augment(images, which)
            self._set_rates(step, accuracies)
            with _autocast(device, self.precision):
                logits = model(self.preparation(images))
                loss = F.cross_entropy(
                    _wide(logits), labels, label_smoothing=recipe.label_smoothing
                )
            loss = loss * (team.size * counted / size)  # 1 for a process alone
            for optimiser in self.optimisers:
                optimiser.zero_grad()
            self.scaler.scale(loss).backward()
            for optimiser in self.optimisers:
                self.scaler.step(optimiser)
            self.scaler.update()
            right = (logits.detach().argmax(1) == labels)[:counted].sum()
            yield loss.detach(), right, size

    def _share(self, start: int) -> tuple[slice, int, int]:
        """Of the batch that begins at ``start``: which places are this process's, how many of them
        count, and how many there are in all.

        Where a last batch has no image for it, it takes the first of them, which then counts 0.
        """
        stop = min(start + self.recipe.batch_size, len(self.train))
        which = self.team.share(start, stop)
        counted = which.stop - which.start
        return which if counted else slice(start, start + 1), counted, stop - start

    def _set_rates(self, step: int, accuracies: Sequence[float]) -> None:
        schedule, steps = self.recipe.schedule, self.recipe.epochs * self.steps
        highest = self.recipe.optimiser.learning_rate
        self.learning_rate = schedule.rate(highest, step, steps, accuracies)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = schedule.rate(group["initial_lr"], step, steps, accuracies)


def _require_work_for_all(team: Team, train: Labelled, recipe: Recipe) -> None:
    batch = min(recipe.batch_size, len(train))
    if batch < team.size:
        raise ValueError(
            f"recipe {recipe.name!r} takes {batch} images at a time, too few for {team.size} "
            f"workers; start at most {batch}, or give the recipe a larger batch_size"
        )


def fit(
    network: nn.Module,
    data: ImageData,
    recipe: Recipe,
    *,
    seed: int = 0,
    device: torch.device | str | None = None,
    precision: str = "auto",
    checkpoint: Path | str | None = None,
    until: int | None = None,
    progress: bool = True,
    team: Team = ALONE,
    each_epoch: Callable[[dict[str, float]], None] | None = None,
) -> History:
    """Train ``network`` in place on ``data.train`` by ``recipe``; measure it on ``data.held_out``.

    ``seed`` decides the order of the images, their augmentation and dropout; the first weights
    are the network's own (``build(architecture, seed=…)``). On one machine's CPU, with one number
    of threads, the same call gives the same history, digit for digit. ``precision`` is one of
    :data:`PRECISIONS` or ``"auto"`` (:func:`best_precision`).

    ``checkpoint`` names a file that is written before the first epoch and after every one, all or
    nothing. If it holds finished epochs when ``fit`` is called, the run goes on after the last of
    them, in the precision that it began in unless another is named. The network may have its first
    weights, or those in the file. When a run with a checkpoint is stopped, by Ctrl-C or an error,
    the network is put back to the end of its last finished epoch, so that the same cell, run
    again, goes on. ``until`` stops after that epoch; the schedule stays the one of the whole run.
    ``each_epoch`` is called with each row of the history when it is there.

    With a ``team``, each of its processes makes this same call, and has the same network and the
    same history when it ends (but for ``seconds``). Each takes its share of every batch, so that
    ``recipe.batch_size`` is that of all together: the batches, their augmentation and the mean of
    their gradients are those of one process, whatever the number, to rounding. Two things do
    depend on the number: dropout's masks, which every process draws for its own images, and batch
    norm, whose statistics are those of a process's own images, and after each epoch the leader's
    running ones. Only the leader reads and writes the checkpoint, and shows progress; a run goes
    on with the number of processes that it began with.

    Raises :class:`TrainingDiverged` when a loss is not finite; before the first epoch,
    :class:`~alexnet_course.checkpoints.CheckpointError` for a file that can't be written, is
    damaged, or belongs to another run (it says in what they differ), and :class:`ValueError` where
    the images don't fit the network, or it has too few outputs for the classes.
    """
    path = None if checkpoint is None else Path(checkpoint)
    stored = team.from_leader(
        lambda: _stored_run(path) if path and os.access(path, os.F_OK) else None
    )
    if stored and precision == "auto":
        precision = stored["run"]["precision"]
    device, precision = device_and_precision(device, precision)
    if len(data.train) == 0 or len(data.held_out) == 0:
        raise ValueError(f"{data!r}: there must be images to train on and to measure with")
    if len(data.held_out) < team.size:
        raise ValueError(f"{data!r}: there must be an image to measure with for each worker")
    by_validation = recipe.schedule.by_validation
    if by_validation and data.held_out_name != "validation":
        raise ValueError(
            f"{recipe.schedule!r} looks at the held-out images to choose the rate, and these are "
            f"{data.held_out_name} images: pass data.for_choosing(), or another schedule"
        )

    this_run = {
        "recipe": plain(recipe),
        "architecture": structure(network),
        "first weights": weights_digest(network.state_dict()),
        "seed": seed,
        "data": data.digest,
        "measured on": data.held_out_name,
        "precision": precision,
    } | ({"workers": team.size} if team.size > 1 else {})
    trainer = Trainer(network, data.train, recipe, seed, device, precision, team)
    require_match(network, data, trainer.preparation)
    held_out = data.held_out[team.share(0, len(data.held_out))].to(device)
    history = History(data.held_out_name)
    kept = None if path is None else _Checkpoint(path, this_run, network, trainer, history)
    if kept and stored:
        kept.resume(stored)

    last = recipe.epochs if until is None else min(until, recipe.epochs)
    left = (last - len(history.rows)) * trainer.steps
    shown = progress and team.leads
    quiet = {} if shown else {"disable": True}  # else the variable TQDM_DISABLE decides
    with (
        torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
        tqdm(total=left, unit="step", mininterval=1, leave=False, **quiet) as bar,
        kept or nullcontext(),
    ):
        if kept and left > 0:
            kept.save()  # so that a full disk is noticed now, and not after an epoch
        for epoch in range(len(history.rows) + 1, last + 1):
            start = time.perf_counter()
            bar.set_description(f"epoch {epoch} of {recipe.epochs}")
            steps = []
            accuracies = [row["validation_accuracy"] for row in history.rows if by_validation]
            for step in trainer.epoch(epoch, accuracies):
                steps.append(step)
                bar.update()
            losses, rights, sizes = zip(*steps, strict=True)
            means = team.total(torch.stack(losses)) / team.size
            batch_losses = means.tolist()  # the device is waited for here, once
            team.share_buffers(network)
            scaled = trainer.preparation
            measured = evaluate(trainer.network, held_out, scaled, precision, recipe.mirrored)
            loss, accuracy = team.means(measured, len(held_out), device)
            _require_finite(batch_losses, loss, history, recipe.optimiser.learning_rate)
            count = len(data.train)
            history.rows.append(
                {
                    "epoch": epoch,
                    "learning_rate": trainer.learning_rate,
                    "train_loss": sum(map(operator.mul, batch_losses, sizes)) / count,
                    "train_accuracy": 100 * team.total(torch.stack(rights).sum()).item() / count,
                    f"{data.held_out_name}_loss": loss,
                    f"{data.held_out_name}_accuracy": accuracy,
                    "seconds": round(time.perf_counter() - start, 3),
                }
            )
            history.batches.extend(
                {"epoch": epoch, "step": step, "loss": batch_losses[step - 1]}
                for step in range(PRINTED_STEP, len(losses) + 1, PRINTED_STEP)
            )
            if kept:
                kept.save()
            if each_epoch:
                each_epoch(history.rows[-1])
    network.eval()
    return history


def _require_finite(
    losses: list[float], held_out_loss: float, history: History, rate: float
) -> None:
    """The held-out loss is measured after the last step, and counts as that step's."""
    epoch = len(history.rows) + 1
    for step, loss in enumerate([*losses, held_out_loss], start=1):
        if not math.isfinite(loss):
            raise TrainingDiverged(
                f"the loss became {loss} in epoch {epoch}, step {min(step, len(losses))} of "
                f"{len(losses)}. Try a smaller learning rate (it was {rate:g}), a warm-up, "
                "smaller first weights, or precision='float32'",
                history,
            )


def _stored_run(path: Path) -> dict[str, Any] | None:
    """What the checkpoint at ``path`` holds, if an epoch of its run is finished."""
    stored = checkpoints.load(path)
    parts = {"run", "history", "batches", "network", "scaler"}
    if not isinstance(stored, dict) or not parts <= stored.keys():
        raise checkpoints.CheckpointError(f"{path} was not written by fit(); name another file")
    return stored if stored["history"] else None


@dataclass
class _Checkpoint:
    """A run and its file. When an error leaves this context, the network is put back to where it
    was last saved, and a file without a finished epoch goes.
    """

    path: Path
    run: dict[str, Any]
    network: nn.Module
    trainer: Trainer
    history: History
    saved: Mapping[str, Tensor] | None = None

    def save(self) -> None:
        weights = copy.deepcopy(self.network.state_dict())
        content = {
            "run": self.run,
            "history": self.history.rows,
            "batches": self.history.batches,
            "network": weights,
            "optimisers": [o.state_dict() for o in self.trainer.optimisers],
            "scaler": self.trainer.scaler.state_dict(),
        }
        self.trainer.team.from_leader(lambda: checkpoints.save(self.path, content))
        self.saved = weights

    def resume(self, stored: dict[str, Any]) -> None:
        began, weights = stored["run"], stored["network"]
        differing = [key for key in self.run | began if began.get(key) != self.run.get(key)]
        if "first weights" in differing and weights_digest(weights) == self.run["first weights"]:
            differing.remove("first weights")  # this run's network, as it was left
        if differing:
            cure = "Name another file"
            if "first weights" in differing:
                cure += (
                    ", or build the network as for that run, such as by build(…, seed=…); "
                    f"checkpoints.load({str(self.path)!r})['network'] holds its weights"
                )
            raise checkpoints.CheckpointError(
                f"{self.path} belongs to another run: it differs in {', '.join(differing)}. {cure}"
            )
        self.run = began
        self.network.load_state_dict(weights)
        for optimiser, state in zip(self.trainer.optimisers, stored["optimisers"], strict=True):
            optimiser.load_state_dict(state)
        self.trainer.scaler.load_state_dict(stored["scaler"])
        self.history.rows.extend(stored["history"])
        self.history.batches.extend(stored["batches"])

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        if kind is None or self.saved is None:
            return
        self.network.load_state_dict(self.saved)
        if not self.history.rows and self.trainer.team.leads:
            self.path.unlink(missing_ok=True)
