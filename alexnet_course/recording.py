"""Running experiments and recording what comes out.

``python -m alexnet_course experiment NAME`` runs what is not recorded yet. A record is two files
in ``alexnet_course/recorded/<experiment>/``: ``<arm>-seed<k>.csv``, the history, and ``.json``,
the manifest (command, commit, versions, device, seconds, digests of data, settings and tables).
An arm that keeps weights has them in a third, ``.weights.npz``, in float16.
"""

import hashlib
import io
import json
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from alexnet_course import tables
from alexnet_course.architectures import Architecture
from alexnet_course.arithmetic import training_operations
from alexnet_course.checkpoints import require_writable, write_atomically
from alexnet_course.config import digest, plain, several
from alexnet_course.data import DataError, ImageData, image_data
from alexnet_course.data.folders import cache_folder
from alexnet_course.experiments import Arm, Experiment, Start, experiment
from alexnet_course.fields import Count, Seed, fitting
from alexnet_course.layers import layer_of
from alexnet_course.measures import measure_all
from alexnet_course.network import Network, build
from alexnet_course.provenance import RECORDED, environment, is_commit, sealed
from alexnet_course.results import WEIGHTS, manifests, record_path, recorded_epochs
from alexnet_course.scale import chosen_scale
from alexnet_course.training import TrainingDiverged, device_and_precision, fit
from alexnet_course.transfer import freeze, take_over


def run(
    chosen: Experiment,
    arms: Iterable[str] | None = None,
    seeds: Iterable[int] | None = None,
    folder: Path = RECORDED,
    precision: str = "auto",
    until: int | None = None,
    unfinished: Path | None = None,
) -> None:
    """Run and record every arm × seed that has no record yet. Stopped, it goes on where it was.

    ``precision="auto"`` is that of the experiment's records, the best of this device where there
    are none yet. ``until`` ends each run after that epoch of its recipe; what there is by then is
    recorded, and a later call goes on from there. After each run the time left is estimated, from
    the operations of those to come. ``unfinished`` is the folder that keeps a run, epoch by epoch,
    until it has ended: one in the course's cache unless it is named. A run that diverges is
    recorded with the epochs before that, and the reason as ``diverged`` in its manifest. Refuses
    the stand-in: what is recorded is recorded on CIFAR-10.

    Raises :class:`ValueError` where records of several precisions leave ``"auto"`` open, and
    :class:`OSError` for a folder that can't be written into, before anything runs.
    """
    fitting("experiment", chosen, Experiment)
    if until is not None:
        until = fitting("until", until, Count)
    seeds = _seeds(chosen.seeds if seeds is None else seeds)
    names, images = names_and_images(chosen, arms)
    for name, data in images.items():
        require_real(chosen.name, name, data)
    held_by_arm = images_by_arm(chosen, names, images)
    jobs = [(name, seed) for seed in seeds for name in names]
    waiting = []
    for number, (name, seed) in enumerate(jobs, start=1):
        epochs = chosen.arms[name].recipe.epochs
        wanted = min(until or epochs, epochs)
        label = f"[{number}/{len(jobs)}] {chosen.name}, {name}, seed {seed}"
        if recorded_epochs(record_path(chosen.name, name, seed, "json", folder)) >= wanted:
            print(f"{label}: recorded already; --out DIR runs it again and records it there")
        else:
            count = len(held_by_arm[name].train)
            work = training_operations(chosen.arms[name].architecture) * count * wanted
            waiting.append((label, name, seed, wanted, work))
    if not waiting:
        return
    require_writable(folder / chosen.name)
    device, precision = as_recorded(chosen.name, folder, precision)
    _try_measures(chosen, {name: held_by_arm[name] for _, name, *_ in waiting}, device)
    about = environment(device.type, precision)
    if not is_commit(about["commit"]):
        print(
            f"note: these runs' code is {about['commit']}; whatever compares them with a commit's "
            "runs will warn of that. Stop now (^C) and commit first, if they are to be kept."
        )
    work_done = seconds_done = 0.0
    for position, (label, name, seed, wanted, work) in enumerate(waiting):
        print(f"{label}: {wanted} epochs on {device}, {precision}", flush=True)
        arm, held = chosen.arms[name], held_by_arm[name]
        kept = checkpoint_path(chosen, name, seed, precision, unfinished)
        network = first_network(arm, seed, device, precision)
        diverged = None
        try:
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
        except TrainingDiverged as error:  # that is a result too, and the others are to be run
            history, diverged = error.history, str(error)
        contents = {"csv": history.frame}
        if history.batches:
            contents["batches.csv"] = pd.DataFrame(history.batches)
        contents = {kind: _csv(table) for kind, table in contents.items()}
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
            "config_digest": digest(arm),
            "csv_digests": {k: hashlib.sha256(v).hexdigest() for k, v in contents.items()},
            "config": plain(arm),
        }
        if diverged:
            manifest["diverged"] = diverged
        finished = len(history.rows) == arm.recipe.epochs
        if finished and arm.keeps:
            weights = _npz(network.state_dict(), arm.keeps)
            contents[WEIGHTS] = weights
            manifest["weights_digests"] = {WEIGHTS: hashlib.sha256(weights).hexdigest()}
        if finished and arm.measures:
            manifest["measures"] = measure_all(arm.measures, network, held, arm.recipe, device)
        text = json.dumps(sealed(manifest), indent=1, ensure_ascii=False) + "\n"
        contents["json"] = text.encode()
        for kind, content in contents.items():
            path = record_path(chosen.name, name, seed, kind, folder)
            write_atomically(path, lambda file, content=content: file.write(content))
        if finished or diverged:
            kept.unlink(missing_ok=True)
        work_done, seconds_done = work_done + work, seconds_done + manifest["seconds"]
        work_left = sum(job[-1] for job in waiting[position + 1 :])
        ends = diverged or f"{history.accuracy:.2f} % on {arm.measured_on} images"
        if work_left:
            ends += f"; about {duration(seconds_done / work_done * work_left)} left"
        print(f"{label}: {ends}", flush=True)


def first_network(arm: Arm, seed: int, device: torch.device, precision: str) -> Network:
    """The network as an arm's run begins: with first weights, or those that it starts with."""
    network = build(arm.architecture, seed, arm.recipe.first_weights)
    if arm.start:
        weights = _learned(arm.architecture, arm.start, seed, device, precision)
        take_over(network, weights, arm.start.data)
    if arm.frozen:
        freeze(network, arm.frozen if isinstance(arm.frozen, tuple) else None)
    return network


_LEARNED: dict[str, dict[str, Tensor]] = {}  # by what they follow from: arms share their starts


def _learned(
    table: Architecture, start: Start, seed: int, device: torch.device, precision: str
) -> dict[str, Tensor]:
    """The weights after training on the set that ``start`` names; trained once in a process."""
    key = digest([plain(table), plain(start), seed, str(device), precision])
    if key not in _LEARNED:
        data, recipe = image_data(start.data), start.recipe
        body = build(table.with_classes(len(data.classes)), seed, recipe.first_weights)
        fit(body, data, recipe, seed=seed, device=device, precision=precision)
        _LEARNED[key] = body.cpu().state_dict()
    return _LEARNED[key]


def rehearse(
    chosen: Experiment,
    arms: Iterable[str] | None = None,
    seeds: Iterable[int] | None = None,
    precision: str = "auto",
    scale: str = "quick",
    epochs: int = 2,
    per_class: int = 100,
) -> pd.DataFrame:
    """Run arms without recording them; gives a row for each seed (by default the first) and arm.

    ``scale="quick"``: at most ``per_class`` training images a class and half as many held out,
    batches of 32, with a rate that is lower as the batches are smaller, and ``epochs`` epochs, on
    any images, the stand-in's too. That takes seconds (minutes for images of 200 pixels and more)
    and shows that an experiment runs, its measures included; an accuracy after so little training
    is no answer to its question. ``"full"``: as :func:`run`, with the epochs of the recipe.
    """
    fitting("experiment", chosen, Experiment)
    fitting("scale", scale, Literal["quick", "full"])
    epochs = fitting("epochs", epochs, Count)
    per_class = fitting("per_class", per_class, Count)
    seeds = _seeds(chosen.seeds[:1] if seeds is None else seeds)
    names, images = names_and_images(chosen, arms)
    held_by_arm = images_by_arm(chosen, names, images)
    device, precision = device_and_precision(precision=precision)
    _try_measures(chosen, held_by_arm, device)
    rows = []
    for seed in seeds:
        for name in names:
            arm = chosen.arms[name]
            recipe, held = arm.recipe, held_by_arm[name]
            if scale == "quick":
                batch = min(32, recipe.batch_size)
                recipe = replace(
                    recipe,
                    optimiser=recipe.optimiser.at_times(batch / recipe.batch_size),
                    epochs=min(epochs, recipe.epochs),
                    batch_size=batch,
                )
                most = [int(split.labels.bincount().min()) for split in (held.train, held.held_out)]
                if arm.start:
                    brief = replace(arm.start.recipe, epochs=1)
                    arm = replace(arm, start=replace(arm.start, recipe=brief))
                held = held.sample(min(per_class, most[0]), min((per_class + 1) // 2, most[1]))
            network = first_network(arm, seed, device, precision)
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


def run_here(name: str, labels: Mapping[str, str]) -> tables.Table:
    """One run, on this machine, of each arm in ``labels`` of a recorded experiment; says at which
    scale (:func:`~alexnet_course.scale.chosen_scale`), and gives a row for each, under its label.

    At quick scale an arm sees up to 200 images of each class four times, in seconds. That is
    enough to see it learn, and far too little to compare the arms.
    """
    scale = chosen_scale()
    runs = rehearse(experiment(name), labels, scale=scale, epochs=4, per_class=200)
    ends = {
        "quick": "At quick scale, few images and epochs: enough to see them learn, not to compare.",
        "full": "At full scale: one run of each, as long as the recorded ones.",
    }
    print(ends[scale])
    runs["arm"] = runs["arm"].map(labels)
    return tables.show(runs.drop(columns=["seed", "seconds"]).set_index("arm"))


def checkpoint_path(
    chosen: Experiment, arm: str, seed: int, precision: str, folder: Path | None = None
) -> Path:
    """Where :func:`run` keeps a run that has not ended, in ``folder`` or in the course's cache."""
    settings = digest(chosen.arms[arm])
    name = f"{chosen.name}-{arm}-seed{seed}-{settings[:12]}-{precision}.pt"
    return (folder or cache_folder() / "runs") / name


def require_real(what: str, name: str, data: ImageData) -> None:
    """Raise :class:`~alexnet_course.data.DataError` where ``data`` stands in for the images called
    ``name``, on which ``what`` is recorded.
    """
    if data.name != name:
        raise DataError(
            f"{what} is recorded on {name}, but the data is {data.source}. Set "
            "ALEXNET_COURSE_CIFAR10 to a folder of its images, or connect to a network"
        )


def names_and_images(
    chosen: Experiment, arms: Iterable[str] | None
) -> tuple[list[str], dict[str, ImageData]]:
    """The arms asked for, all unless named, and the data that they need."""
    names = several(chosen.arms if arms is None else arms)
    unknown = [name for name in names if name not in list(chosen.arms)]
    if unknown:
        raise KeyError(f"{chosen.name} has no arm {unknown[0]!r}; it has {', '.join(chosen.arms)}")
    return names, {name: image_data(name) for name in {chosen.arms[name].data for name in names}}


def _seeds(seeds: Iterable[int] | int) -> list[int]:
    return [fitting("seed", seed, Seed) for seed in several(seeds)]


def _try_measures(
    chosen: Experiment, held_by_arm: Mapping[str, ImageData], device: torch.device
) -> None:
    """Measure each arm's network before it learns anything, on an image of each class: a measure
    that there is not, or that does not suit the network, fails now and not after hours.
    """
    for name, held in held_by_arm.items():
        arm = chosen.arms[name]
        if arm.measures:
            network = build(arm.architecture, seed=0).to(device)
            measure_all(arm.measures, network, held.sample(1, 1), arm.recipe, device)


def images_by_arm(
    chosen: Experiment, names: Iterable[str], images: Mapping[str, ImageData]
) -> dict[str, ImageData]:
    """What each arm learns from and is measured on; arms that use the same images share them."""

    @cache
    def part(data: str, measured_on: str, per_class: int | None) -> ImageData:
        held = images[data] if measured_on == "test" else images[data].for_choosing()
        return held if per_class is None else held.sample(per_class)

    arms = {name: chosen.arms[name] for name in names}
    return {name: part(arm.data, arm.measured_on, arm.per_class) for name, arm in arms.items()}


def _npz(state: Mapping[str, Tensor], layers: Iterable[str]) -> bytes:
    """Weights and buffers of ``layers``, or of all, as a file of NumPy's, in float16."""
    kept: dict[str, Any] = {
        name: tensor.detach().cpu().contiguous().numpy().astype(np.float16)
        for name, tensor in state.items()
        if "all" in layers or layer_of(name) in layers
    }
    file = io.BytesIO()
    np.savez_compressed(file, **kept)
    return file.getvalue()


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode()


def as_recorded(name: str, folder: Path, precision: str) -> tuple[torch.device, str]:
    """The device, and the precision asked for; of ``"auto"``, the one in which ``name``'s records
    in ``folder`` were made. What differs from theirs is said loudly.
    """
    try:
        runs = manifests(name, folder, needed=("device", "precision"))
    except FileNotFoundError:
        return device_and_precision(precision=precision)
    made = {(m["device"], m["precision"]) for m in runs}
    precisions = sorted({theirs for _, theirs in made})
    if precision == "auto" and len(precisions) > 1:
        raise ValueError(
            f"{name} is recorded in {' and '.join(precisions)}: choose one with --precision; runs "
            "that are to be compared should share it"
        )
    device, precision = device_and_precision(
        precision=precisions[0] if precision == "auto" else precision
    )
    if made != {(device.type, precision)}:
        theirs = ", ".join(f"on {kind} in {numbers}" for kind, numbers in sorted(made))
        warnings.warn(
            f"{name} is recorded {theirs}; what is run now, on {device.type} in {precision}, is "
            "not made alike",
            stacklevel=3,
        )
    return device, precision


def duration(seconds: float) -> str:
    """``"45 s"``, ``"12 min"`` or ``"3 h 05 min"``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"
