"""Time to a tutorial's best test accuracy: its own loop and recipe against ours."""

import json
import math
import re
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean
from typing import Any

import pandas as pd

from alexnet_course.benchmark import loop_apart, recorded_benchmarks, store
from alexnet_course.checkpoints import require_writable
from alexnet_course.config import look_up
from alexnet_course.data import image_data
from alexnet_course.data.folders import cache_folder
from alexnet_course.experiments import EXPERIMENTS, Experiment
from alexnet_course.fields import Positive, fitting
from alexnet_course.provenance import RECORDED, environment, hardware
from alexnet_course.recording import run
from alexnet_course.results import (
    existing,
    manifests,
    mean_interval,
    reading,
    recorded,
    recorded_table,
)
from alexnet_course.training import device_and_precision
from alexnet_course.tutorials import TUTORIALS, tutorial


def races() -> dict[str, Experiment]:
    """Our side for each tutorial that has a best accuracy and a short recipe of ours."""
    suffix = "-race"
    return {n.removesuffix(suffix): e for n, e in EXPERIMENTS.items() if n.endswith(suffix)}


def run_race(
    name: str, seconds: float = 20.0, precision: str = "auto", folder: Path = RECORDED
) -> dict[str, Any]:
    """Run both sides on this machine, print and store the outcome; gives the record.

    Ours: the whole runs of the experiment ``<name>-race``, measuring included, every seed; runs
    that were recorded on the same hardware are taken as they are. Published: the document's own
    loop, in a process of its own, timed for ``seconds`` after each of our runs, times the epochs
    after which the document reports its best accuracy; its test passes are not counted.

    Raises :class:`KeyError` for a network without a race.
    """
    seconds = fitting("seconds", seconds, Positive)
    trial = look_up(races(), name, "race")
    require_writable(folder / "race")
    chosen = tutorial(name)
    if chosen.best is None or chosen.epoch is None:
        raise ValueError(f"tutorial {name!r} reports no accuracy that could be reached")
    device, precision = device_and_precision(precision=precision)
    place = _runs_folder(trial, folder, hardware(device.type), precision)
    train = image_data(chosen.data, quiet=True).train
    speeds = []
    with loop_apart("published", name, device, precision) as published:
        for seed in trial.seeds:  # in turns, so that a machine that slows down slows both
            run(trial, seeds=[seed], folder=place, precision=precision)
            speeds.append(published(seconds))
    by_seed = recorded(trial.name, place).groupby("seed")
    last, our_seconds = by_seed.last(), by_seed["seconds"].sum()
    accuracy, half_width = mean_interval(last["test_accuracy"])
    ours = float(our_seconds.mean())
    speed = sum(speeds) / len(speeds)
    published_seconds = chosen.epoch * len(train) / speed
    record = environment(device.type, precision) | {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "tutorial": name,
        "best_published_accuracy": chosen.best,
        "published_epochs": chosen.epoch,
        "published_images_per_second": [round(one, 2) for one in speeds],
        "published_seconds_timed": seconds,
        "published_seconds": round(published_seconds, 3),
        "published_is_extrapolated": True,
        "our_epochs": int(last["epoch"].max()),
        "our_seeds": [int(seed) for seed in last.index],
        "our_accuracies": [float(value) for value in last["test_accuracy"]],
        "our_seconds": [float(value) for value in our_seconds],
        "reached": bool(accuracy >= chosen.best),
        "times_sooner": round(published_seconds / ours, 2),
    }
    interval = f" ± {half_width:.2f}" if len(last) > 1 else " (one seed)"
    ran = f"{record['our_epochs']} epoch{'s' * (record['our_epochs'] > 1)}"
    verdict = "reaches" if record["reached"] else "does NOT reach"
    print(
        f"{name} on {record['hardware']}, {precision}\n"
        f"  published: {chosen.best} % after {chosen.epoch} epochs, {published_seconds:,.0f} s "
        f"(extrapolated from {len(speeds)} times {seconds:g} s: {speed:,.0f} images/s)\n"
        f"  ours: {accuracy:.2f}{interval} % after {ran}, {ours:,.0f} s; "
        f"{verdict} {chosen.best} %\n"
        f"  {record['times_sooner']:.1f} times sooner"
    )
    store(folder / "race" / f"{name}-{device.type}.json", record)
    return record


def recorded_race(name: str, device: str = "cpu", folder: Path = RECORDED) -> dict[str, Any]:
    """The record that :func:`run_race` stored on a kind of device.

    Raises :class:`FileNotFoundError` where there is none, and
    :class:`~alexnet_course.results.RecordError` for one that is damaged.
    """
    path = existing(folder) / "race" / f"{name}-{device}.json"
    with reading(path):
        record = fitting("its content", json.loads(path.read_text(encoding="utf-8")), dict)
        if (record["tutorial"], record["device"]) != (name, device):
            raise ValueError(f"it holds {record['tutorial']} on {record['device']}")
        for key in ("published_seconds", "times_sooner"):
            fitting(key, record[key], Positive)
        runs = {len(record[key]) for key in ("our_seeds", "our_accuracies", "our_seconds")}
        if len(runs) != 1 or runs == {0}:
            raise ValueError("its seeds, accuracies and seconds are not as many")
    return record


def standings(folder: Path = RECORDED, device: str = "cpu") -> pd.DataFrame:
    """Every recorded way of training each tutorial's network, its own way first.

    ``accuracy`` and ``half_width`` as in :func:`~alexnet_course.results.recorded_table`;
    ``epochs`` those that were run and ``of`` those of the recipe. The ``seconds`` of the shortest
    way are those of its race on ``device``, measuring included. For the others
    ``images_per_second`` is as benchmarked there (of the published loop for the published recipe,
    else of ours) and ``seconds`` what that makes for the training of those epochs, measuring not
    counted. Both are missing where nothing was timed.
    """
    speeds_of = {
        record["tutorial"]: record["summary"]
        for record in recorded_benchmarks(folder)
        if record["device"] == device
    }
    rows = []
    for name in TUTORIALS:
        speeds = speeds_of.get(name, {})
        for trial in (name, f"{name}-race"):
            if not (folder / trial).is_dir():
                continue
            shown = {m["arm"]: m.get("train_images", 50_000) for m in manifests(trial, folder)}
            for row in recorded_table([trial], folder).to_dict("records"):
                images = row["epochs"] * shown[row["arm"]]
                if trial == name:
                    way = row["arm"].replace("-", " ")
                    speed = speeds.get("published" if way == "published" else "ours", math.nan)
                    seconds = images / speed
                else:
                    way = "shortest"
                    try:
                        seconds = mean(recorded_race(name, device, folder)["our_seconds"])
                    except FileNotFoundError:
                        seconds = math.nan
                    speed = images / seconds
                rows.append(
                    {
                        "tutorial": name,
                        "way": way,
                        "accuracy": row["accuracy"],
                        "half_width": row["half_width"],
                        "seeds": len(row["seeds"].split()),
                        "epochs": row["epochs"],
                        "of": row["of"],
                        "images_per_second": speed,
                        "seconds": seconds,
                    }
                )
    return pd.DataFrame(rows)


def _runs_folder(trial: Experiment, folder: Path, machine: str, precision: str) -> Path:
    """``folder`` if its runs of ``trial`` were made on this hardware, or none were; else a
    folder of this hardware's own in the cache: seconds of another machine say nothing here.
    """
    try:
        runs = manifests(trial.name, folder, needed=("hardware", "precision"))
        made_on = {(m["hardware"], m["precision"]) for m in runs}
    except FileNotFoundError:
        return folder
    if made_on == {(machine, precision)}:
        return folder
    return cache_folder() / "race" / re.sub(r"\W+", "-", f"{machine} {precision}")
