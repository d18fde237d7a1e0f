"""Slips: what goes wrong in programs that train a network, each planted in one sound program.

The program is a plain file, ``program.py`` beside this one; a :class:`Slip` is a change of a few of
its lines. ``python -m alexnet_course slips`` trains all of them on CIFAR-10 and records what each
costs.
"""

import contextlib
import difflib
import gc
import io
import math
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from alexnet_course.benchmark import store
from alexnet_course.checkpoints import require_writable
from alexnet_course.config import digest, look_up
from alexnet_course.data import image_data
from alexnet_course.diagnosis import examine
from alexnet_course.diagnosis.program import of_file
from alexnet_course.provenance import RECORDED, environment
from alexnet_course.recording import require_real
from alexnet_course.results import held_in

PROGRAM = Path(__file__).with_name("program.py")
SEEDS = (0, 1, 2)
SOUND = "sound"
Changes = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Slip:
    """A fault, as ``changes`` of the sound program: what stands there once, and what in its place.

    ``what`` says what is wrong, in a few words; ``shows`` names the way of looking that shows it
    first; ``kind`` is the kind of fault in :data:`~alexnet_course.diagnosis.KINDS`, empty where
    there is none; ``source`` says who has made it.
    """

    what: str
    changes: Changes
    shows: str
    kind: str = ""
    source: str = "asked often"


FIRST_LOSS, ONE_BATCH, LOOK = "first loss", "one batch", "a batch, looked at"
TWO_PASSES, MOVES, RECOUNT = "two passes", "what moves", "recount"
RUN = "the run's own record"

_LAYERS = """network = Network()
for layer in network.modules():
    if isinstance(layer, (nn.Conv2d, nn.Linear)):
        nn.init.{}
"""

_TRAIN = "        loss = train(network, train_loader, optimiser)\n"

SLIPS: dict[str, Slip] = {
    "softmax-before-loss": Slip(
        "a softmax before the cross-entropy",
        (("return self.fc6(x)", "return F.softmax(self.fc6(x), dim=1)"),),
        ONE_BATCH,
        "softmax-before-loss",
    ),
    "relu-at-the-end": Slip(
        "a ReLU after the last layer",
        (("return self.fc6(x)", "return F.relu(self.fc6(x))"),),
        FIRST_LOSS,
        "activation-at-the-end",
    ),
    "no-relu-between": Slip(
        "no ReLU between the fully connected layers",
        (
            ("x = F.relu(self.fc4(x.flatten(1)))", "x = self.fc4(x.flatten(1))"),
            ("x = F.relu(self.fc5(x))", "x = self.fc5(x)"),
        ),
        LOOK,
        "no-non-linearity",
        "image-folder",
    ),
    "layer-in-a-list": Slip(
        "a layer in a Python list",
        (
            ("self.fc5 = nn.Linear(128, 128)", "self.hidden = [nn.Linear(128, 128)]"),
            ("self.fc5(x)", "self.hidden[0](x)"),
        ),
        MOVES,
        "layers-left-out",
    ),
    "dropout-always-on": Slip(
        "F.dropout, without the network's mode",
        (("x = self.dropout(x)", "x = F.dropout(x)"),),
        TWO_PASSES,
        "dropout",
        "image-folder",
    ),
    "train-mode-forgotten": Slip(
        "no network.train() after a test",
        (("    network.train()\n", ""),),
        TWO_PASSES,
        "training-in-test-mode",
        "image-folder",
    ),
    "eval-mode-forgotten": Slip(
        "no network.eval() before the test",
        (("    network.eval()\n", ""),),
        TWO_PASSES,
        "test-in-training-mode",
    ),
    "gradients-not-zeroed": Slip(
        "no optimiser.zero_grad()",
        (("        optimiser.zero_grad()\n", ""),),
        MOVES,
        "gradients-not-zeroed",
    ),
    "loss-summed": Slip(
        "the loss summed over a batch",
        (("network(images), labels)", 'network(images), labels, reduction="sum")'),),
        FIRST_LOSS,
        "rate-too-high",
    ),
    "rate-ten-times": Slip(
        "a rate ten times as high",
        (("lr=0.02", "lr=0.2"),),
        ONE_BATCH,
        "rate-too-high",
    ),
    "other-parameters": Slip(
        "an optimiser of another network",
        (("SGD(network.parameters()", "SGD(Network().parameters()"),),
        MOVES,
        "nothing-moves",
    ),
    "first-weights-0": Slip(
        "first weights of 0",
        (("network = Network()\n", _LAYERS.format("zeros_(layer.weight)")),),
        FIRST_LOSS,
        "first-weights-equal",
    ),
    "first-weights-mean-1": Slip(
        "first weights of mean 1",
        (("network = Network()\n", _LAYERS.format("normal_(layer.weight, 1, 0.01)")),),
        FIRST_LOSS,
        "first-weights-large",
        "image-folder",
    ),
    "pixels-to-255": Slip(
        "pixels from 0 to 255",
        ((".float() / 255", ".float()"), ("    images = (images - 0.47) / 0.25\n", "")),
        FIRST_LOSS,
        "inputs",
    ),
    "view-for-permute": Slip(
        "view in place of permute",
        (("permute(0, 3, 1, 2)", "view(-1, 3, 32, 32)"),),
        LOOK,
    ),
    "labels-shuffled": Slip(
        "images shuffled, labels not",
        (
            (
                "    images = (images - 0.47) / 0.25\n",
                "    images = (images - 0.47) / 0.25\n"
                "    images = images[torch.randperm(len(images))]\n",
            ),
        ),
        LOOK,
        "labels-shuffled",
    ),
    "not-shuffled": Slip(
        "classes in turn, not shuffled",
        (
            ("train_set, test_set = cifar10()", "train_set, test_set = cifar10(by_class=True)"),
            ("batch_size=64, shuffle=True", "batch_size=64"),
        ),
        LOOK,
        "sorted-or-unbalanced",
    ),
    "vertical-flips": Slip(
        "images upside down, not mirrored",
        (("images.flip(3)", "images.flip(2)"),),
        LOOK,
        source="image-folder",
    ),
    "test-prepared-otherwise": Slip(
        "test images prepared otherwise",
        (
            (
                "DataLoader(prepared(test_set), batch_size=128)",
                "DataLoader(scaled(test_set), batch_size=128)",
            ),
            (
                "def train(",
                "def scaled(dataset):\n"
                "    pixels = torch.as_tensor(dataset.data)\n"
                "    images = pixels.permute(0, 3, 1, 2).float() / 255\n"
                "    return TensorDataset(images, torch.as_tensor(dataset.targets))\n\n\n"
                "def train(",
            ),
        ),
        LOOK,
        "test-prepared-otherwise",
    ),
    "mean-of-batches": Slip(
        "the mean of unequal batches' accuracies",
        (
            ("(guesses == labels).sum().item()", "(guesses == labels).float().mean().item()"),
            ("right / len(test_loader.dataset)", "right / len(test_loader)"),
        ),
        RECOUNT,
        "accuracy-wrong",
        "image-folder, two-conv",
    ),
    "broadcast": Slip(
        "guesses of N × 1, labels of N",
        (("argmax(1)", "argmax(1, keepdim=True)"),),
        RECOUNT,
        "accuracy-wrong",
    ),
    "schedule-per-batch": Slip(
        "a schedule of epochs, stepped per batch",
        (
            ("        optimiser.step()\n", "        optimiser.step()\n        scheduler.step()\n"),
            ("optimiser)\n        scheduler.step()\n", "optimiser)\n"),
        ),
        RUN,
        "rate-too-low",
    ),
    "schedule-first": Slip(
        "scheduler.step() before the epoch",
        (
            (
                f"{_TRAIN}        scheduler.step()\n",
                f"        scheduler.step()\n{_TRAIN}",
            ),
        ),
        RUN,
        source="image-folder",
    ),
    "epoch-twice": Slip(
        "an epoch twice, after a stop",
        (
            (
                "    for epoch in range(1, epochs + 1):\n",
                "    for epoch in (1, 2, 2, 3):\n"
                "        if len(history) == 2:  # what the new process makes\n"
                "            optimiser = torch.optim.SGD(\n"
                "                network.parameters(), lr=0.02, momentum=0.9\n"
                "            )\n"
                "            scheduler.optimizer = optimiser\n",
            ),
        ),
        RUN,
        "resuming",
        "PyTorch's multigpu_torchrun.py",
    ),
}


class Images(NamedTuple):
    """A set as torchvision's ``CIFAR10`` has it: ``data``, uint8 ``[N, 32, 32, 3]``, and
    ``targets``, N whole numbers.
    """

    data: np.ndarray
    targets: list[int]


@cache
def cifar10(per_class: int | None = None, by_class: bool = False) -> tuple[Images, Images]:
    """CIFAR-10's training and test images.

    ``per_class`` keeps the first so many of each class; ``by_class`` gives them class by class,
    as a folder for each class would.
    """
    data = image_data("CIFAR-10")
    if per_class is not None:
        data = data.sample(per_class, per_class)
    found = []
    for split in (data.train, data.held_out):
        order = split.labels.argsort(stable=True) if by_class else torch.arange(len(split))
        images = split[order].sample_images().permute(0, 2, 3, 1).contiguous().numpy()
        found.append(Images(images, split.labels[order].tolist()))
    return found[0], found[1]


def program(
    *names: str, seed: int = 0, epochs: int | None = None, per_class: int | None = None
) -> str:
    """The source of the sound program, with the slips ``names`` in it, if any.

    ``epochs`` are 3 unless given; ``per_class`` keeps the first so many images of each class.
    """
    source = PROGRAM.read_text(encoding="utf-8")
    changes = (change for name in names for change in look_up(SLIPS, name, "slip").changes)
    for old, new in changes:
        source = replaced(source, old, new)
    if seed:
        source = replaced(source, "seed, epochs = 0", f"seed, epochs = {seed}")
    if epochs is not None:
        source = replaced(source, f"epochs = {seed}, 3\n", f"epochs = {seed}, {epochs}\n")
    if per_class is not None:
        for old, new in (("()", f"({per_class})"), ("(by", f"({per_class}, by")):
            source = source.replace(f"cifar10{old}", f"cifar10{new}")
    return source


def replaced(source: str, old: str, new: str) -> str:
    """``source`` with ``new`` where ``old`` stands; :class:`ValueError` unless it stands once."""
    if source.count(old) != 1:
        raise ValueError(f"{old!r} stands {source.count(old)} times in the program; expected once")
    return source.replace(old, new)


def change(name: str) -> str:
    """What a slip changes in the program, line by line, marked with − and +."""
    before, after = program().splitlines(), program(name).splitlines()
    lines = list(difflib.unified_diff(before, after, n=0, lineterm=""))[2:]
    return "\n".join(line for line in lines if not line.startswith("@@"))


def executed(source: str, trains: bool = True) -> SimpleNamespace:
    """Run a program, without a word; gives what it has defined.

    ``trains=False`` leaves out what a file does only as a script: here the training.
    """
    found: dict[str, Any] = {"__name__": "__main__" if trains else "program"}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(source, PROGRAM.name, "exec"), found)
    return SimpleNamespace(**found)


def right_accuracy(network: nn.Module, images: Dataset[tuple[Tensor, Tensor]]) -> float:
    """The share of right answers in per cent: in evaluation mode, each image counted once."""
    network.eval()
    right = count = 0
    with torch.no_grad():
        for batch, labels in DataLoader(images, batch_size=500):
            right += int((network(batch).argmax(1) == labels).sum())
            count += len(labels)
    return 100 * right / count


def trained(name: str, seed: int) -> dict[str, Any]:
    """Run the program with a slip to its end: what it said after each epoch, and the accuracy of
    its network by a right test, on test images prepared as its training images were.
    """
    found = executed(program(*_planted(name), seed=seed))
    right = right_accuracy(found.network, found.prepared(found.test_set))
    history = [[_finite(value) for value in row] for row in found.history]
    del found
    gc.collect()  # its functions and names hold each other, and all images
    return {"slip": name, "seed": seed, "history": history, "right": right}


def _planted(name: str) -> tuple[str, ...]:
    return () if name == SOUND else (name,)


def _finite(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


def run_slips(
    names: Iterable[str] | None = None,
    seeds: Iterable[int] | None = None,
    folder: Path = RECORDED,
) -> None:
    """Train and record the sound program and each with a slip, those that are not recorded yet.

    The record is written anew after each run; stopped, the same command goes on. It refuses the
    stand-in.
    """
    data = image_data("CIFAR-10")
    require_real("slips", "CIFAR-10", data)
    chosen = [SOUND, *SLIPS] if names is None else list(names)
    sources = {name: digest(program(*_planted(name))) for name in chosen}
    require_writable(folder / "slips")
    rows = recorded_rows(folder) if slips_path(folder).exists() else []
    for seed in SEEDS if seeds is None else seeds:
        for name in chosen:
            old = next((r for r in rows if (r["slip"], r["seed"]) == (name, seed)), None)
            if old is not None and old["program"] == sources[name]:
                print(f"{name}, seed {seed}: recorded already")
                continue
            start = datetime.now(UTC)
            made = trained(name, seed) | {"program": sources[name]}
            now = datetime.now(UTC)
            made["seconds"] = round((now - start).total_seconds(), 1)
            rows = [row for row in rows if row is not old] + [made]
            print(f"{name}, seed {seed}: {made['right']:.2f} % right", flush=True)
            record = environment("cpu", "float32") | {
                "finished": now.isoformat(timespec="seconds"),
                "data": data.name,
                "data_digest": data.digest,
                "rows": rows,
            }
            store(slips_path(folder), record)


def run_diagnoses(folder: Path = RECORDED, per_class: int = 60) -> None:
    """Record what :func:`~alexnet_course.diagnosis.diagnose` names in the sound program and in each
    with a slip, on the first ``per_class`` images of each class of CIFAR-10.
    """
    data = image_data("CIFAR-10")
    require_real("slips", "CIFAR-10", data)
    require_writable(folder / "slips")
    found = {name: named(name, per_class) for name in (SOUND, *SLIPS)}
    record = environment("cpu", "float32") | {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": data.name,
        "per_class": per_class,
        "found": found,
    }
    store(diagnosed_path(folder), record)


def diagnosed_path(folder: Path = RECORDED) -> Path:
    """Where the record of :func:`run_diagnoses` stands."""
    return folder / "slips" / "diagnosed.json"


def named(name: str, per_class: int) -> list[str]:
    """The kinds of fault that are named in the program with a slip."""
    with tempfile.TemporaryDirectory() as made:
        file = Path(made) / f"{name}.py"
        source = program(*_planted(name), per_class=per_class)
        file.write_text(source, encoding="utf-8")
        with contextlib.redirect_stdout(io.StringIO()):
            whole, watched = of_file(file, "", {})
    return examine(whole, 600, watched).names  # no clock decides


def recorded_diagnoses(folder: Path = RECORDED) -> dict[str, list[str]]:
    """For the sound program and each slip, the kinds of fault that were named.

    Raises :class:`~alexnet_course.results.RecordError` where the record is damaged or missing.
    """
    return dict(held_in(diagnosed_path(folder), "found"))


def slips_path(folder: Path = RECORDED) -> Path:
    """Where the record stands."""
    return folder / "slips" / "slips.json"


def recorded_rows(folder: Path = RECORDED) -> list[dict[str, Any]]:
    """The record's rows, one for each run.

    Raises :class:`~alexnet_course.results.RecordError` where it is damaged or missing.
    """
    return list(held_in(slips_path(folder), "rows"))


def recorded_slips(folder: Path = RECORDED) -> pd.DataFrame:
    """A row for each epoch of each run: ``arm`` (the slip), ``seed``, ``epoch``, ``train_loss``
    (NaN once it has diverged), ``said``, the test accuracy that the program prints, in per cent,
    and ``right``, that of its network by a right test, after the last epoch.
    """
    rows: list[Mapping[str, Any]] = [
        {
            "arm": run["slip"],
            "seed": run["seed"],
            "epoch": epoch,
            "train_loss": math.nan if loss is None else loss,
            "said": said,
            "right": run["right"],
        }
        for run in recorded_rows(folder)
        for epoch, loss, said in run["history"]
    ]
    return pd.DataFrame(rows)
