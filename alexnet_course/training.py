"""The training loop: :func:`fit` trains a network by a recipe and gives its history.

The images stand on the device once, as uint8; each batch is augmented and scaled whole. Every
random draw of an epoch follows from the seed and the epoch's number alone, so a run that was
stopped goes on, from its last finished epoch, exactly as if it had never been.
"""

import hashlib
import math
import time
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
from alexnet_course.config import plain
from alexnet_course.data.augmentation import Preparation, flip, shift
from alexnet_course.data.images import ImageData, Split
from alexnet_course.recipes import Recipe

EVALUATION_BATCH = 500


class TrainingDiverged(ArithmeticError):
    """The loss is no longer a finite number."""


@dataclass
class History:
    """What happened, epoch by epoch.

    ``rows`` hold ``epoch`` (from 1); ``learning_rate`` (of the epoch's last step); ``train_loss``
    and ``train_accuracy`` (over the epoch, while the weights moved); ``<held-out>_loss`` and
    ``<held-out>_accuracy`` (after it, every image counted once); ``seconds`` (training, then
    measuring). Losses are mean cross-entropies in nats, accuracies per cent.
    """

    held_out_name: str = "test"
    rows: list[dict[str, float]] = field(default_factory=list)

    @property
    def frame(self) -> pd.DataFrame:
        """The rows as a DataFrame."""
        return pd.DataFrame(self.rows)

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


def best_precision(device: torch.device) -> str:
    """``"bfloat16"`` where the hardware multiplies it natively, else ``"float32"``.

    Emulated bfloat16 is much slower than float32 on a CPU without AVX512-bf16 or AMX.
    """
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device.type == "cpu":
        checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        native = any(getattr(torch.cpu, check, lambda: False)() for check in checks)
    else:
        native = False
    return "bfloat16" if native else "float32"


def _autocast(device: torch.device, precision: str) -> AbstractContextManager:
    return torch.autocast(device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()


def weights_digest(network: nn.Module) -> str:
    """SHA-256 of all weights and buffers, by name."""
    total = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        total.update(name.encode())
        total.update(tensor.detach().float().cpu().contiguous().numpy())
    return total.hexdigest()


@torch.no_grad()
def evaluate(
    network: nn.Module,
    split: Split,
    preparation: Preparation,
    precision: str = "float32",
    batch_size: int = EVALUATION_BATCH,
) -> tuple[float, float]:
    """``(mean loss in nats, accuracy in per cent)`` over ``split``, every image counted once.

    The network is measured in eval mode (no dropout) and put back into the mode it was in.
    """
    was_training = network.training
    network.eval()
    device = split.images.device
    loss = torch.zeros((), device=device, dtype=torch.float64 if device.type != "mps" else None)
    right = torch.zeros((), device=device, dtype=torch.int64)
    for images, labels in zip(
        split.images.split(batch_size), split.labels.split(batch_size), strict=True
    ):
        with _autocast(device, precision):
            logits = network(preparation(images)).float()
        loss += F.cross_entropy(logits, labels, reduction="sum")
        right += (logits.argmax(1) == labels).sum()
    network.train(was_training)
    return loss.item() / len(split), 100 * right.item() / len(split)


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


def _optimiser(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    if recipe.optimiser == "adam":
        return torch.optim.Adam(
            network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
    return torch.optim.SGD(
        network.parameters(),
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        weight_decay=recipe.weight_decay,
    )


def _to(split: Split, device: torch.device) -> Split:
    return Split(split.images.to(device), split.labels.to(device))


def _train_epoch(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    train: Split,
    recipe: Recipe,
    preparation: Preparation,
    precision: str,
    epoch: int,
    seed: int,
    progress: bool,
) -> tuple[Tensor, Tensor]:
    """One pass in a fresh random order; gives the losses of all steps and the number right."""
    device = train.images.device
    count = len(train)
    steps = -(-count // recipe.batch_size)
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    torch.manual_seed(seed * 1_000_003 + epoch)  # dropout draws from the global generator
    order = torch.randperm(count, generator=generator).to(device)
    losses = torch.zeros(steps, device=device)
    right = torch.zeros((), dtype=torch.int64, device=device)
    network.train()
    batches = order.split(recipe.batch_size)
    if progress:
        batches = tqdm(batches, desc=f"epoch {epoch}/{recipe.epochs}", leave=False)
    for step, chosen in enumerate(batches):
        images, labels = train.images[chosen], train.labels[chosen]
        if recipe.flip:
            images = flip(images, generator)
        if recipe.shift:
            images = shift(images, recipe.shift, generator)
        rate = recipe.rate((epoch - 1) * steps + step, recipe.epochs * steps)
        for group in optimiser.param_groups:
            group["lr"] = rate
        with _autocast(device, precision):
            logits = network(preparation(images))
            loss = F.cross_entropy(logits.float(), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses[step] = loss.detach()
        right += (logits.detach().argmax(1) == labels).sum()
    return losses, right


def fit(
    network: nn.Module,
    data: ImageData,
    recipe: Recipe,
    *,
    seed: int = 0,
    device: torch.device | str | None = None,
    precision: str = "auto",
    checkpoint: Path | str | None = None,
    progress: bool = True,
) -> History:
    """Train ``network`` in place on ``data.train`` by ``recipe``; measure it on ``data.held_out``.

    ``seed`` decides the order of the images, their augmentation and dropout; the first weights
    are the network's own (``build(architecture, seed=…)``). On one machine's CPU, with one number
    of threads, the same call gives the same history, digit for digit. ``precision`` is
    ``"float32"``, ``"bfloat16"`` or ``"auto"`` (:func:`best_precision`).

    ``checkpoint`` names a file that is written after every epoch, all or nothing. If it is there
    when ``fit`` is called, the run goes on after its last finished epoch; if it belongs to
    another run, :class:`~alexnet_course.checkpoints.CheckpointError` says in what they differ.

    Raises :class:`TrainingDiverged` when a loss is not finite.
    """
    device = torch.device(device) if device is not None else best_device()
    if precision == "auto":
        precision = best_precision(device)
    if precision not in ("float32", "bfloat16"):
        raise ValueError(f"precision {precision!r}: choose 'auto', 'float32' or 'bfloat16'")
    if len(data.train) == 0 or len(data.held_out) == 0:
        raise ValueError(f"{data!r}: there must be images to train on and to measure with")

    this_run = {
        "recipe": plain(recipe),
        "first weights": weights_digest(network),
        "seed": seed,
        "data": data.digest,
        "measured on": data.held_out_name,
        "precision": precision,
    }
    network.to(device, memory_format=torch.channels_last)
    quick = pool_before_relu(network)
    optimiser = _optimiser(network, recipe)
    history = History(data.held_out_name)
    if checkpoint is not None and Path(checkpoint).exists():
        _resume(Path(checkpoint), this_run, network, optimiser, history)

    train, held_out = _to(data.train, device), _to(data.held_out, device)
    preparation = Preparation.of(recipe.scaling, data.train.images).to(device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        for epoch in range(len(history.rows) + 1, recipe.epochs + 1):
            start = time.perf_counter()
            losses, right = _train_epoch(
                quick, optimiser, train, recipe, preparation, precision, epoch, seed, progress
            )
            loss, accuracy = evaluate(quick, held_out, preparation, precision)
            _require_finite(losses.tolist(), loss, epoch, recipe.learning_rate)
            sizes = torch.full_like(losses, recipe.batch_size)
            sizes[-1] = len(train) - recipe.batch_size * (len(losses) - 1)
            history.rows.append(
                {
                    "epoch": epoch,
                    "learning_rate": optimiser.param_groups[0]["lr"],
                    "train_loss": float((losses * sizes).sum() / len(train)),
                    "train_accuracy": 100 * right.item() / len(train),
                    f"{data.held_out_name}_loss": loss,
                    f"{data.held_out_name}_accuracy": accuracy,
                    "seconds": round(time.perf_counter() - start, 3),
                }
            )
            if checkpoint is not None:
                checkpoints.save(
                    Path(checkpoint),
                    {
                        "run": this_run,
                        "history": history.rows,
                        "network": network.state_dict(),
                        "optimiser": optimiser.state_dict(),
                    },
                )
    network.eval()
    return history


def _require_finite(losses: list[float], held_out_loss: float, epoch: int, rate: float) -> None:
    """The held-out loss is measured after the last step, and counts as that step's."""
    for step, loss in enumerate([*losses, held_out_loss], start=1):
        if not math.isfinite(loss):
            raise TrainingDiverged(
                f"the loss became {loss} in epoch {epoch}, step {min(step, len(losses))} of "
                f"{len(losses)}. Try a smaller learning rate (it was {rate:g}), a warm-up, "
                "smaller first weights, or precision='float32'"
            )


def _resume(
    path: Path,
    this_run: dict[str, Any],
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    history: History,
) -> None:
    stored = checkpoints.load(path)
    parts = {"run", "history", "network", "optimiser"}
    if not isinstance(stored, dict) or not parts <= stored.keys():
        raise checkpoints.CheckpointError(
            f"{path} was not written by fit(); delete it to start anew, or name another file"
        )
    differing = [key for key, value in this_run.items() if stored["run"].get(key) != value]
    if differing:
        raise checkpoints.CheckpointError(
            f"{path} belongs to another run: it differs in {', '.join(differing)}. Delete it to "
            "start anew, or name another file"
        )
    network.load_state_dict(stored["network"])
    optimiser.load_state_dict(stored["optimiser"])
    history.rows.extend(stored["history"])
