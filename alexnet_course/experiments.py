"""Experiments: named arms × seeds, run one by one, each recorded with its manifest.

``python -m alexnet_course experiment NAME`` runs what is not recorded yet. A record is two files
in ``alexnet_course/recorded/<experiment>/``: ``<arm>-seed<k>.csv``, the history, and ``.json``,
the manifest (command, commit, versions, device, seconds, digests of data and settings).
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from alexnet_course.architectures import ARCHITECTURES, Architecture
from alexnet_course.arithmetic import training_operations
from alexnet_course.config import digest, look_up, plain
from alexnet_course.layers import BatchNorm
from alexnet_course.provenance import RECORDED, environment
from alexnet_course.recipes import (
    CODE_2012_WEIGHTS,
    EVERYTHING,
    HE,
    PAPER_WEIGHTS,
    SHORTEST,
    TRAINED_WELL,
    FirstWeights,
    Recipe,
)
from alexnet_course.tutorials import TUTORIALS

if TYPE_CHECKING:
    from alexnet_course.data import ImageData


@dataclass(frozen=True)
class Arm:
    """One network trained one way; ``measured_on`` is ``"test"`` or ``"validation"``.

    With ``"validation"`` a tenth of the training images is held out to choose by, and the test
    images are not looked at. ``data`` is ``"CIFAR-10"`` or ``"drawn faces"``. ``per_class`` keeps
    the first so many training images of each class; ``None`` keeps all. ``measures`` names what
    is measured when the run has ended (:data:`alexnet_course.measures.MEASURES`).
    """

    architecture: Architecture
    recipe: Recipe
    measured_on: str = "test"
    data: str = "CIFAR-10"
    per_class: int | None = None
    measures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Experiment:
    """``arms`` by name, each run once for every seed."""

    name: str
    question: str
    arms: Mapping[str, Arm]
    seeds: tuple[int, ...] = (0, 1, 2)
    source: str = field(default="", metadata={"describes": True})


def _published(name: str) -> Arm:
    chosen = TUTORIALS[name]
    return Arm(chosen.architecture, chosen.recipe, data=chosen.data)


def _trained_well(name: str, **changes: Any) -> Arm:
    chosen = TUTORIALS[name]
    return Arm(chosen.architecture, replace(TRAINED_WELL[name], **changes), data=chosen.data)


def _choices(name: str, arms: Mapping[str, Mapping[str, Any]], **common: Any) -> dict[str, Arm]:
    """Our recipe with ``common`` and each arm's own changes, measured on validation images."""
    return {
        arm: replace(_trained_well(name, **common, **changes), measured_on="validation")
        for arm, changes in arms.items()
    }


def _first_weights(**arms: FirstWeights | None) -> dict[str, Arm]:
    """Eight narrow layers by the paper's optimiser at a constant rate, from several starts."""
    network = TUTORIALS["adam-augmented"].architecture.renamed("adam-augmented, half as wide")
    for name, width in {"conv1": 24, "conv2": 64, "conv3": 96, "conv4": 96, "conv5": 64}.items():
        network = network.replace(name, out_channels=width)
    for name in ("fc6", "fc7"):
        network = network.replace(name, out_features=512)
    recipe = Recipe(
        "paper's optimiser",
        epochs=3,
        batch_size=128,
        learning_rate=0.01,
        momentum=0.9,
        weight_decay=5e-4,
        scaling="per-channel",
        flip=True,
        shift=4,
        source="paper §4.1, §5",
    )
    return {
        arm.replace("_", "-"): Arm(network, replace(recipe, first_weights=weights))
        for arm, weights in arms.items()
    }


def _ladder() -> dict[str, Arm]:
    """From the published recipe of two-conv to our shortest one, one change after another.

    The two ends are not among the arms: they are recorded as two-conv and two-conv-race.
    """
    recipe = replace(TUTORIALS["two-conv"].recipe, name="ladder", epochs=3)
    shortest = SHORTEST["two-conv"]
    rungs = {
        "one-cycle": ("schedule", "warmup"),
        "momentum": ("momentum", "nesterov", "learning_rate"),
        "weight-decay": ("weight_decay",),
        "flips": ("flip",),
    }
    arms = {}
    for rung, settings in rungs.items():
        recipe = replace(recipe, **{setting: getattr(shortest, setting) for setting in settings})
        arms[rung] = Arm(TUTORIALS["two-conv"].architecture, recipe)
    return arms


def _four_layers(activation: str, rate: float, epochs: int) -> Arm:
    """The paper's Figure 1: four layers, nothing against overfitting, each with its own rate."""
    network = ARCHITECTURES["three-conv"].without("lrn")
    recipe = Recipe(
        "figure 1",
        epochs=epochs,
        batch_size=128,
        learning_rate=rate,
        momentum=0.9,
        scaling="per-channel",
        source="paper §3.1, Figure 1; batch and momentum from §5",
    )
    if activation != "relu":
        network = network.with_activation(activation)
    return Arm(network, recipe, measures=("flat-outputs", "dead-units"))


_EVERYTHING = Arm(ARCHITECTURES["four-conv"], EVERYTHING, measures=("training-images",))
_STILL = {"flip": False, "random_crop": False}


def _other(
    arm: Arm, network: Architecture | None = None, measures: tuple[str, ...] = (), **changes: Any
) -> Arm:
    """``arm`` with another network, further measures, or changes to its recipe."""
    return replace(
        arm,
        architecture=network or arm.architecture,
        recipe=replace(arm.recipe, **changes),
        measures=arm.measures + measures,
    )


def _study() -> dict[str, Arm]:
    """four-conv with everything, less one ingredient at a time; then bare, plus one at a time.

    Pooling differs in pool1 and pool2 only: on the 7 × 7 pixels before pool4, windows of 2 would
    leave out a row and a column.
    """
    all_of, network = _EVERYTHING, _EVERYTHING.architecture
    small_pools = network.replace("pool1", kernel=2).replace("pool2", kernel=2)
    bare = _other(
        all_of,
        small_pools.without("lrn", "dropout"),
        weight_decay=0.0,
        colour=0.0,
        first_weights=HE,
        **_STILL,
    )
    dropout = _other(bare, small_pools.without("lrn"), measures=("masked-passes",))
    without_conv3 = network.without("conv3", "relu3")
    return {
        "everything": _other(
            all_of, measures=("dead-units", "response-norms", "masked-passes", "ten-crops")
        ),
        "without-lrn": _other(all_of, network.without("lrn")),
        "pooling-2": _other(all_of, small_pools),
        "without-dropout": _other(all_of, network.without("dropout")),
        "without-crops-and-flips": _other(all_of, measures=("ten-crops",), **_STILL),
        "bare": bare,
        "bare-dropout": dropout,
        "bare-crops-and-flips": _other(bare, flip=True, random_crop=True),
        "bare-lrn": _other(bare, small_pools.without("dropout"), measures=("response-norms",)),
        "bare-pooling-3": _other(bare, network.without("lrn", "dropout")),
        "bare-dropout-twice-as-long": _other(dropout, epochs=2 * EVERYTHING.epochs),
        "tanh": _other(all_of, network.with_activation("tanh"), first_weights=HE),
        "without-conv3": _other(all_of, without_conv3),
        "conv4-5x5": _other(all_of, without_conv3.replace("conv4", kernel=5, padding=2)),
        "without-colour": _other(all_of, colour=0.0),
        "without-weight-decay": _other(all_of, weight_decay=0.0),
        "biases-0": _other(all_of, first_weights=HE, measures=("dead-units",)),
    }


def _lrn_variants() -> dict[str, Arm]:
    """Compared with the study's arm "everything", whose LRN stands after ReLU, alpha 0.4."""
    network = _EVERYTHING.architecture
    printed = network.replace("lrn1", alpha=1e-4).replace("lrn2", alpha=1e-4)
    before_relu = network.swapped("relu1", "lrn1").swapped("relu2", "lrn2")
    batch_norm = before_relu.with_layer("lrn1", BatchNorm("batchnorm1"))
    batch_norm = batch_norm.with_layer("lrn2", BatchNorm("batchnorm2"))
    return {
        "alpha-as-printed": _other(_EVERYTHING, printed, measures=("response-norms",)),
        "before-relu": _other(_EVERYTHING, before_relu, measures=("response-norms",)),
        "batch-norm": _other(_EVERYTHING, batch_norm),
    }


def _race(name: str, seeds: tuple[int, ...]) -> Experiment:
    return Experiment(
        f"{name}-race",
        f"How soon does {name} reach its tutorial's best accuracy?",
        {"ours": Arm(TUTORIALS[name].architecture, SHORTEST[name])},
        seeds,
    )


def _mended_faces(**changes: Any) -> Arm:
    """The tutorial image-folder without its slips, trained our way."""
    tower = ARCHITECTURES["single-tower"].with_input(3, 224, 224).with_classes(7)
    tower = tower.replace("conv1", padding=2).renamed("image-folder, mended")
    return replace(_trained_well("image-folder", **changes), architecture=tower)


def _faces() -> dict[str, Arm]:
    """The tutorial image-folder with its slips and with all of them mended, by two recipes."""
    slips = _published("image-folder")
    mended = replace(slips.recipe, name="mended", vertical_flip=False, flip=True)
    return {
        "published": slips,
        "mended": replace(_mended_faces(), recipe=mended),
        "trained-well": _mended_faces(),
        "trained-well-with-slips": _trained_well("image-folder", vertical_flip=True, flip=False),
    }


EXPERIMENTS: dict[str, Experiment] = {
    e.name: e
    for e in (
        Experiment(
            "two-conv",
            "What is the same small network worth, trained as published and trained well?",
            {
                "published": _published("two-conv"),
                "trained-well": _trained_well("two-conv"),
            },
            source="tutorial two-conv",
        ),
        Experiment(
            "two-conv-weight-decay",
            "Does weight decay lower the training error? The arm with it is two-conv's.",
            {"without": _trained_well("two-conv", weight_decay=0.0)},
            source="paper §5",
        ),
        Experiment(
            "two-conv-rate",
            "Which learning rate suits two-conv with momentum and a one-cycle schedule?",
            _choices(
                "two-conv",
                {f"rate-{rate:g}": {"learning_rate": rate} for rate in (0.025, 0.05, 0.1)},
                epochs=3,
            ),
            seeds=(0,),
        ),
        Experiment(
            "two-conv-short",
            "What suits a run of three epochs?",
            _choices(
                "two-conv",
                {
                    "he": {"first_weights": HE},
                    "he-batch-64": {"first_weights": HE, "batch_size": 64},
                    "he-shift-2": {"first_weights": HE, "shift": 2},
                    "he-no-shift": {"first_weights": HE, "shift": 0},
                    "he-rate-0.02": {"first_weights": HE, "learning_rate": 0.02},
                    "he-rate-0.01": {"first_weights": HE, "learning_rate": 0.01},
                    "no-shift": {"shift": 0},
                    "batch-64-rate-0.025": {"batch_size": 64, "learning_rate": 0.025},
                    "batch-64-rate-0.025-no-shift": {
                        "batch_size": 64,
                        "learning_rate": 0.025,
                        "shift": 0,
                    },
                    "batch-64-rate-0.03-no-shift-early-peak": {
                        "batch_size": 64,
                        "learning_rate": 0.03,
                        "shift": 0,
                        "warmup": 0.15,
                    },
                    **{
                        f"adam-{rate:g}-no-shift": {
                            "optimiser": "adam",
                            "learning_rate": rate,
                            "momentum": 0.0,
                            "nesterov": False,
                            "weight_decay": 0.0,
                            "shift": 0,
                        }
                        for rate in (0.001, 0.002)
                    },
                },
                epochs=3,
            ),
            seeds=(0,),
        ),
        _race("two-conv", seeds=(0, 1, 2, 3, 4)),
        Experiment(
            "two-conv-ladder",
            "Which parts of the shortest recipe make the difference?",
            _ladder(),
        ),
        Experiment(
            "two-conv-schedule",
            "Does dropping the rate on a plateau, as in 2012, keep up with one cycle?",
            {
                name: replace(arm, per_class=1000)
                for name, arm in _choices(
                    "two-conv",
                    {
                        "constant": {"schedule": "constant"},
                        "plateau": {"schedule": "plateau", "patience": 2},
                        "one-cycle": {},
                    },
                    batch_size=32,
                    learning_rate=0.01,
                    shift=0,
                ).items()
            },
            source="paper §5",
        ),
        Experiment(
            "first-weights",
            "From which first weights do eight layers begin to learn?",
            _first_weights(
                paper_without_biases=FirstWeights(0.01),
                paper=PAPER_WEIGHTS,
                code_2012=CODE_2012_WEIGHTS,
                pytorch=None,
                he=HE,
            ),
            source="paper §5; the released 2012 code, config 145",
        ),
        Experiment(
            "activation-rate",
            "Which learning rate makes four layers with each activation learn fastest?",
            {
                f"{activation}-{rate:g}": replace(
                    _four_layers(activation, rate, epochs=2), measured_on="validation"
                )
                for activation in ("relu", "tanh", "sigmoid")
                for rate in (0.003, 0.01, 0.03, 0.1)
            },
            seeds=(0,),
            source="paper §3.1",
        ),
        Experiment(
            "study-rate",
            "Which learning rate suits four-conv with all of the paper's ingredients?",
            {
                f"rate-{rate:g}": Arm(
                    ARCHITECTURES["four-conv"],
                    replace(EVERYTHING, learning_rate=rate),
                    measured_on="validation",
                )
                for rate in (0.01, 0.02, 0.05)
            },
            seeds=(0,),
        ),
        Experiment(
            "study",
            "What is each of the paper's ingredients worth, taken away from a network that has them"
            " all, and given to one that has none?",
            _study(),
            source="paper §3, §4, §5, §7",
        ),
        Experiment(
            "lrn-variants",
            "Does LRN's alpha matter, or its place, and does batch normalisation do better?",
            _lrn_variants(),
            source="paper §3.3; the released 2012 code, config 145; Ioffe & Szegedy 2015",
        ),
        Experiment(
            "augmentation-variants",
            "What are crops worth without flips, and draws shared by 32 images, as in 2012?",
            {
                "crops-only": _other(_EVERYTHING, flip=False, measures=("ten-crops",)),
                "shared-32": _other(_EVERYTHING, shared_draws=32),
            },
            source="paper §4.1; the released 2012 code",
        ),
        Experiment(
            "adam-augmented",
            "Does Adam with augmentation reach the losses that its tutorial prints?",
            {
                "published": _published("adam-augmented"),
                "trained-well": _trained_well("adam-augmented"),
            },
            seeds=(0,),
            source="tutorial adam-augmented",
        ),
        Experiment(
            "adam-augmented-short",
            "Which rate and first weights suit eight layers in a run of one epoch?",
            _choices(
                "adam-augmented",
                {
                    "he-rate-0.02": {},
                    "he-rate-0.05": {"learning_rate": 0.05},
                    "rate-0.05": {"learning_rate": 0.05, "first_weights": None},
                    "rate-0.1": {"learning_rate": 0.1, "first_weights": None},
                },
                epochs=1,
            ),
            seeds=(0,),
        ),
        Experiment(
            "five-conv-32",
            "What is AlexNet at 32 pixels worth, trained as published and trained well?",
            {
                "published": _published("five-conv-32"),
                "trained-well": _trained_well("five-conv-32"),
            },
            seeds=(0,),
            source="tutorial five-conv-32",
        ),
        Experiment(
            "five-conv-32-short",
            "Are five epochs enough for five-conv-32 to reach its tutorial's best accuracy?",
            {
                "five-epochs": Arm(
                    TUTORIALS["five-conv-32"].architecture,
                    replace(SHORTEST["five-conv-32"], epochs=5),
                    "validation",
                )
            },
            seeds=(0,),
        ),
        _race("five-conv-32", seeds=(0,)),
        Experiment(
            "image-folder",
            "What do the slips of a tutorial cost, on a set of drawn faces?",
            _faces(),
            source="tutorial image-folder",
        ),
        Experiment(
            "image-folder-short",
            "Which optimiser and rate suit eight layers on few, large images?",
            {
                name: replace(_mended_faces(epochs=2, **changes), measured_on="validation")
                for name, changes in {
                    "he-rate-0.0005": {
                        "optimiser": "sgd",
                        "learning_rate": 0.0005,
                        "momentum": 0.9,
                        "nesterov": True,
                        "weight_decay": 5e-4,
                    },
                    "he-adam-0.0001": {},
                    "adam-0.0001": {"first_weights": None},
                }.items()
            },
            seeds=(0,),
        ),
        Experiment(
            "upscaled-227",
            "How far does AlexNet's own size come on CIFAR-10, its images blown up to 227 pixels?",
            {"published": _published("upscaled-227")},
            seeds=(0,),
            source="tutorial upscaled-227",
        ),
    )
}


def experiment(name: str) -> Experiment:
    """The experiment called ``name``; a helpful error otherwise."""
    return look_up(EXPERIMENTS, name, "experiment")


def record_path(experiment: str, arm: str, seed: int, kind: str, folder: Path = RECORDED) -> Path:
    """The path of a record: ``kind`` is ``"csv"``, the history, or ``"json"``, the manifest;
    ``"batches.csv"`` holds the loss of every hundredth step.
    """
    return folder / experiment / f"{arm}-seed{seed}.{kind}"


def run(
    chosen: Experiment,
    arms: Iterable[str] | None = None,
    seeds: Iterable[int] | None = None,
    folder: Path = RECORDED,
    precision: str = "auto",
    until: int | None = None,
) -> None:
    """Run and record every arm × seed that has no record yet. Stopped, it goes on where it was.

    ``until`` ends each run after that epoch of its recipe; what there is by then is recorded, and
    a later call goes on from there. After each run the time left is estimated, from the operations
    of those to come. Refuses the stand-in: what is recorded is recorded on CIFAR-10.
    """
    from alexnet_course.checkpoints import write_atomically
    from alexnet_course.data import DataError
    from alexnet_course.data.folders import cache_folder
    from alexnet_course.measures import MEASURES, measure_all
    from alexnet_course.network import build
    from alexnet_course.training import device_and_precision, fit

    names, images = _names_and_images(chosen, arms)
    for measure in {measure for name in names for measure in chosen.arms[name].measures}:
        look_up(MEASURES, measure, "measure")  # now, not after hours
    for name, data in images.items():
        if data.name != name:
            raise DataError(
                f"{chosen.name} is recorded on {name}, but the data is {data.source}. Set "
                "ALEXNET_COURSE_CIFAR10 to a folder of its images, or connect to a network"
            )
    device, precision = device_and_precision(precision=precision)
    about = environment(device.type, precision)
    jobs = [(name, seed) for seed in (seeds or chosen.seeds) for name in names]
    waiting = []
    for number, (name, seed) in enumerate(jobs, start=1):
        epochs = chosen.arms[name].recipe.epochs
        wanted = min(until or epochs, epochs)
        label = f"[{number}/{len(jobs)}] {chosen.name}, {name}, seed {seed}"
        if _recorded_epochs(record_path(chosen.name, name, seed, "json", folder)) >= wanted:
            print(f"{label}: recorded already")
        else:
            held = _images_of(chosen.arms[name], images)
            work = training_operations(chosen.arms[name].architecture) * len(held.train) * wanted
            waiting.append((label, name, seed, wanted, work))
    work_done = seconds_done = 0.0
    for position, (label, name, seed, wanted, work) in enumerate(waiting):
        print(f"{label}: {wanted} epochs on {device}, {precision}", flush=True)
        arm = chosen.arms[name]
        held, settings = _images_of(arm, images), digest(arm)
        kept = cache_folder() / "runs" / f"{chosen.name}-{name}-seed{seed}-{settings[:12]}.pt"
        network = build(arm.architecture, seed, arm.recipe.first_weights)
        history = fit(
            network,
            held,
            arm.recipe,
            seed=seed,
            device=device,
            precision=precision,
            checkpoint=kept,
            until=until,
        )
        manifest = {
            "experiment": chosen.name,
            "arm": name,
            "seed": seed,
            "measured_on": arm.measured_on,
            "epochs": len(history.rows),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(sum(row["seconds"] for row in history.rows), 1),
            **about,
            "data": held.name,
            "train_images": len(held.train),
            "data_digest": held.digest,
            "config_digest": settings,
            "config": plain(arm),
        }
        finished = len(history.rows) == arm.recipe.epochs
        if finished and arm.measures:
            manifest["measures"] = measure_all(arm.measures, network, held, arm.recipe, device)
        contents = {"csv": history.frame}
        if history.batches:
            contents["batches.csv"] = pd.DataFrame(history.batches)
        contents = {
            k: table.to_csv(index=False, float_format="%.6g") for k, table in contents.items()
        }
        contents["json"] = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
        for kind, content in contents.items():
            path = record_path(chosen.name, name, seed, kind, folder)
            write_atomically(path, lambda file, content=content: file.write(content.encode()))
        if finished:
            kept.unlink()
        work_done, seconds_done = work_done + work, seconds_done + manifest["seconds"]
        work_left = sum(job[-1] for job in waiting[position + 1 :])
        ends = f"{history.accuracy:.2f} % on {arm.measured_on} images"
        if work_left:
            ends += f"; about {_duration(seconds_done / work_done * work_left)} left"
        print(f"{label}: {ends}", flush=True)


def rehearse(
    chosen: Experiment,
    arms: Iterable[str] | None = None,
    seeds: Iterable[int] | None = None,
    precision: str = "auto",
    scale: str = "quick",
) -> pd.DataFrame:
    """Run arms without recording them; gives a row for each seed (by default the first) and arm.

    ``scale="quick"``: at most 100 training and 50 held-out images a class, batches of 32 and two
    epochs, on any images, the stand-in's too. That takes seconds (minutes for images of 200 pixels
    and more) and shows that an experiment runs, its measures included; an accuracy after so little
    training is no answer to its question. ``"full"``: as :func:`run`.
    """
    from alexnet_course.measures import measure_all
    from alexnet_course.network import build
    from alexnet_course.training import device_and_precision, fit

    names, images = _names_and_images(chosen, arms)
    device, precision = device_and_precision(precision=precision)
    rows = []
    for seed in seeds or chosen.seeds[:1]:
        for name in names:
            arm = chosen.arms[name]
            recipe, held = arm.recipe, _images_of(arm, images)
            if scale == "quick":
                epochs, batch = min(2, recipe.epochs), min(32, recipe.batch_size)
                recipe = replace(recipe, epochs=epochs, batch_size=batch)
                most = [int(split.labels.bincount().min()) for split in (held.train, held.held_out)]
                held = held.sample(min(100, most[0]), min(50, most[1]))
            network = build(arm.architecture, seed, recipe.first_weights)
            history = fit(network, held, recipe, seed=seed, device=device, precision=precision)
            measure_all(arm.measures, network, held, recipe, device)
            rows.append(
                {
                    "arm": name,
                    "seed": seed,
                    "epochs": recipe.epochs,
                    "train_loss": history.rows[-1]["train_loss"],
                    f"{arm.measured_on}_accuracy": history.accuracy,
                    "seconds": sum(row["seconds"] for row in history.rows),
                }
            )
    return pd.DataFrame(rows)


def _names_and_images(
    chosen: Experiment, arms: Iterable[str] | None
) -> tuple[list[str], dict[str, "ImageData"]]:
    """The arms asked for, all unless named, and the data that they need."""
    from alexnet_course.data import image_data

    names = list(arms or chosen.arms)
    unknown = [name for name in names if name not in chosen.arms]
    if unknown:
        raise KeyError(f"{chosen.name} has no arm {unknown[0]!r}; it has {', '.join(chosen.arms)}")
    return names, {name: image_data(name) for name in {chosen.arms[name].data for name in names}}


def _images_of(arm: Arm, images: Mapping[str, "ImageData"]) -> "ImageData":
    """What an arm learns from and is measured on."""
    held = images[arm.data]
    if arm.measured_on == "validation":
        held = held.for_choosing()
    return held if arm.per_class is None else held.sample(arm.per_class)


def _duration(seconds: float) -> str:
    """``"45 s"``, ``"12 min"`` or ``"3 h 05 min"``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


def _recorded_epochs(manifest: Path) -> int:
    """How many epochs a record holds: 0 where there is none."""
    if not manifest.exists():
        return 0
    stored = json.loads(manifest.read_text())
    return stored.get("epochs", stored["config"]["recipe"]["epochs"])


def recorded(name: str, folder: Path = RECORDED) -> pd.DataFrame:
    """All recorded histories of an experiment in one table, with ``arm`` and ``seed`` in front.

    Raises :class:`FileNotFoundError` when nothing is recorded under that name.
    """
    tables = []
    for manifest in manifests(name, folder):
        path = record_path(name, manifest["arm"], manifest["seed"], "csv", folder)
        table = pd.read_csv(path)
        table.insert(0, "arm", manifest["arm"])
        table.insert(1, "seed", manifest["seed"])
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def manifests(name: str, folder: Path = RECORDED) -> list[dict[str, Any]]:
    """The manifests of an experiment's recorded runs, by arm, then seed."""
    found = [json.loads(path.read_text()) for path in sorted((folder / name).glob("*.json"))]
    if not found:
        raise FileNotFoundError(
            f"nothing is recorded under {name!r} in {folder}; run "
            f"'python -m alexnet_course experiment {name}'"
        )
    order = list(EXPERIMENTS[name].arms) if name in EXPERIMENTS else []
    return sorted(
        found, key=lambda m: (order.index(m["arm"]) if m["arm"] in order else -1, m["seed"])
    )


def measured(name: str, measure: str, folder: Path = RECORDED) -> pd.DataFrame:
    """What ``measure`` gave at the end of each run: columns ``arm``, ``seed`` and its numbers."""
    return pd.DataFrame(
        {"arm": manifest["arm"], "seed": manifest["seed"], **manifest["measures"][measure]}
        for manifest in manifests(name, folder)
        if measure in manifest.get("measures", {})
    )


def recorded_table(names: Iterable[str] | None = None, folder: Path = RECORDED) -> pd.DataFrame:
    """One row for each recorded arm: what was run on what, and how it ended.

    ``accuracy`` is the mean over the seeds after each run's last recorded epoch, in per cent on
    the images in ``measured_on``; ``half_width`` that of its 95 % t-interval (NaN for one seed);
    ``epochs`` those run and, in ``of``, those of the recipe; ``seconds`` the mean for a run.
    """
    rows = []
    for name in names or [n for n in EXPERIMENTS if (folder / n).is_dir()]:
        table = recorded(name, folder)
        runs = pd.DataFrame(manifests(name, folder))
        for arm, group in runs.groupby("arm", sort=False):
            measured_on = group["measured_on"].iloc[0]
            of_arm = table[table["arm"] == arm]
            last = of_arm.groupby("seed").last()
            accuracy, half_width = mean_interval(last[f"{measured_on}_accuracy"])
            rows.append(
                {
                    "experiment": name,
                    "arm": arm,
                    "seeds": " ".join(str(seed) for seed in group["seed"]),
                    "data": " + ".join(group["data"].unique()),
                    "hardware": " + ".join(group["hardware"].unique()),
                    "precision": " + ".join(group["precision"].unique()),
                    "epochs": int(last["epoch"].min()),
                    "of": group["config"].iloc[0]["recipe"]["epochs"],
                    "measured_on": measured_on,
                    "accuracy": round(accuracy, 2),
                    "half_width": round(half_width, 2),
                    "seconds": round(group["seconds"].mean(), 1),
                }
            )
    return pd.DataFrame(rows)


def reported(source: str, quantity: str) -> pd.DataFrame:
    """What a tutorial printed: columns ``unit``, ``at`` and ``value`` (package file reported.csv).

    ``source`` is a tutorial's short name, ``quantity`` such as ``"test_accuracy_percent"``.
    """
    table = pd.read_csv(RECORDED / "reported.csv")
    chosen = table[(table["source"] == source) & (table["quantity"] == quantity)]
    if chosen.empty:
        pairs = table[["source", "quantity"]].drop_duplicates().itertuples(index=False)
        known = "; ".join(f"{pair.source}: {pair.quantity}" for pair in pairs)
        raise KeyError(f"nothing is reported for {source!r}, {quantity!r}; there is {known}")
    return chosen[["unit", "at", "value"]].reset_index(drop=True)


def mean_interval(values: Iterable[float], level: float = 0.95) -> tuple[float, float]:
    """Mean and half-width of its t-interval; the half-width is NaN for a single value."""
    from scipy import stats

    numbers = pd.Series(list(values), dtype=float)
    if len(numbers) < 2:
        return float(numbers.mean()), float("nan")
    width = stats.t.ppf((1 + level) / 2, len(numbers) - 1) * stats.sem(numbers)
    return float(numbers.mean()), float(width)


def gains(
    runs: pd.DataFrame, over: str, arms: Iterable[str], column: str = "test_accuracy"
) -> pd.DataFrame:
    """By how much each of ``arms`` ends above the arm ``over`` in ``column``, paired by seed.

    ``runs`` is what :func:`recorded` gives. A row for each arm: ``mean`` of the differences,
    ``half_width`` of its 95 % t-interval (NaN for one seed) and ``seeds``, how many both have.
    """
    last = runs.groupby(["arm", "seed"])[column].last().unstack("arm")
    rows = {}
    for arm in arms:
        differences = (
            look_up(last, arm, "recorded arm") - look_up(last, over, "recorded arm")
        ).dropna()
        mean, half_width = mean_interval(differences)
        rows[arm] = {"mean": mean, "half_width": half_width, "seeds": len(differences)}
    return pd.DataFrame.from_dict(rows, orient="index").astype({"seeds": int})


def interval_text(values: Iterable[float], digits: int = 2) -> str:
    """:func:`mean_interval` to print: ``"82.96 ± 0.87"``; of a single value, that value alone."""
    mean, half_width = mean_interval(values)
    text = f"{mean:,.{digits}f}"
    return text if math.isnan(half_width) else f"{text} ± {half_width:,.{digits}f}"
