"""The speedrun: how many times sooner than its published loop a tutorial's network gets there.

An entry is the folder that ``python -m alexnet_course race TUTORIAL --out FOLDER`` wrote.
"""

import math
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from alexnet_course.config import digest
from alexnet_course.data.cifar10 import DIGEST
from alexnet_course.provenance import RECORDED, is_commit, is_sealed
from alexnet_course.race import races, recorded_race
from alexnet_course.results import Interval, manifests, mean_interval, recorded
from alexnet_course.tutorials import Tutorial, tutorial

LEAST_SEEDS = 5
TRAINED_ON = 50_000


def broken_rules(folder: Path, name: str, device: str = "cpu") -> list[str]:
    """Which rules the entry in ``folder`` breaks, a sentence each; a valid one breaks none.

    The network is the tutorial's and the images are CIFAR-10's 50,000; at least five whole runs
    were made by the code of a commit, on one machine, in one precision, and timed, measuring
    included; the 95 % interval of their mean test accuracy lies above the tutorial's best; and the
    published loop was timed beside them. All numbers must follow from the runs' own tables.

    Raises :class:`FileNotFoundError` where there is no race of that name, and
    :class:`~alexnet_course.results.RecordError` for one that can't be read.
    """
    race = recorded_race(name, device, folder)
    trial = races()[name].name
    runs = manifests(trial, folder, needed=("config", "device", "hardware", "precision", "commit"))
    entry = _Entry(folder / trial, tutorial(name), race, runs, recorded(trial, folder))
    rules = (_as_written, _network_and_images, _one_machine, _whole_runs, _numbers, _goal)
    return [wrong for rule in rules for wrong in rule(entry)]


class _Entry(NamedTuple):
    """``race`` and ``runs`` are manifests, ``table`` the histories of ``runs`` in ``folder``."""

    folder: Path
    tutorial: Tutorial
    race: dict[str, Any]
    runs: list[dict[str, Any]]
    table: pd.DataFrame


def _as_written(entry: _Entry) -> Iterator[str]:
    for record in (entry.race, *entry.runs):
        if not is_sealed(record):
            yield f"{_called(record)} isn't as it was written: its digest is another"
    for run in entry.runs:
        for kind, expected in run.get("csv_digests", {"csv": ""}).items():
            path = entry.folder / f"{run['arm']}-seed{run['seed']}.{kind}"
            if not path.is_file() or sha256(path.read_bytes()).hexdigest() != expected:
                yield f"{path.name} of {_called(run)} is missing, or isn't as it was written"


def _network_and_images(entry: _Entry) -> Iterator[str]:
    for run in entry.runs:
        if digest(run["config"].get("architecture")) != digest(entry.tutorial.architecture):
            yield f"{_called(run)} trained another network than the tutorial's"
        images = run.get("data_digest"), run.get("train_images"), run.get("measured_on")
        if images != (DIGEST, TRAINED_ON, "test"):
            yield f"{_called(run)} was not made with CIFAR-10's 50,000 training and its test images"


def _one_machine(entry: _Entry) -> Iterator[str]:
    records = (entry.race, *entry.runs)
    made = {f"{record.get('hardware')}, {record.get('precision')}" for record in records}
    if len(made) > 1:
        yield f"it was made on several machines, or in several precisions: {'; '.join(made)}"
    for run in entry.runs:
        if not is_commit(run["commit"]):
            yield f"{_called(run)} was made by code that no commit holds: {run['commit']!r}"


def _whole_runs(entry: _Entry) -> Iterator[str]:
    seeds = sorted(run["seed"] for run in entry.runs)
    if seeds != sorted(entry.race["our_seeds"]):
        yield f"the race names the seeds {entry.race['our_seeds']}, and there are runs of {seeds}"
    if len(seeds) < LEAST_SEEDS:
        yield f"it has {len(seeds)} runs; a mean needs at least {LEAST_SEEDS}"
    last = entry.table.groupby("seed")["epoch"].max()
    for run in entry.runs:
        epochs = run["config"]["recipe"]["epochs"]
        if last[run["seed"]] != epochs:
            yield f"{_called(run)} ended before its {epochs} epochs were over"


def _numbers(entry: _Entry) -> Iterator[str]:
    by_seed = entry.table.groupby("seed")
    seconds = by_seed["seconds"].sum()
    speeds = entry.race["published_images_per_second"]
    epochs = entry.tutorial.epoch or math.nan
    published = epochs * TRAINED_ON * len(speeds) / sum(speeds)
    expected = {
        "our_accuracies": list(by_seed["test_accuracy"].last()),
        "our_seconds": list(seconds),
        "published_epochs": epochs,
        "published_seconds": published,
        "best_published_accuracy": entry.tutorial.best,
        "times_sooner": published / seconds.mean(),
    }
    for key, value in expected.items():
        if not _close(entry.race[key], value):
            yield f"{key} is {entry.race[key]}, and by its runs and the tutorial it is {value}"


def _goal(entry: _Entry) -> Iterator[str]:
    accuracy = mean_interval(entry.table.groupby("seed")["test_accuracy"].last())
    best = entry.tutorial.best or math.inf
    if not accuracy.mean - accuracy.half_width > best:
        yield f"its test accuracy, {accuracy.text()} %, does not lie above {best} % as a whole"


def _close(found: Any, expected: Any) -> bool:
    """Equal but for rounding (of numbers, or of each in a list)."""
    pairs = [(found, expected)] if not isinstance(expected, list) else [*zip(found, expected)]
    same_length = not isinstance(expected, list) or len(found) == len(expected)
    return same_length and all(math.isclose(a, b, rel_tol=1e-4, abs_tol=0.0051) for a, b in pairs)


def _called(record: dict[str, Any]) -> str:
    return f"the run of seed {record['seed']}" if "seed" in record else "the race"


def entry_folders(folder: Path = RECORDED) -> list[Path]:
    """The course's own records, and every folder that was sent in, below ``speedrun``."""
    sent = (folder / "speedrun").glob("*/")
    return [folder, *sorted(path for path in sent if path.is_dir())]


def leaderboard(
    name: str, folders: Iterable[Path] | None = None, device: str = "cpu"
) -> pd.DataFrame:
    """The valid entries for a tutorial's network on a kind of device, the highest ratio first.

    Indexed by processor. ``times_sooner``: how much longer the published loop takes on the same
    machine to its best accuracy; ``seconds`` of a run of the entry, measuring included;
    ``accuracy`` with its interval; ``runs``; ``epochs``; ``precision``; ``optimiser``; and
    ``published``, the images a second of the published loop.
    """
    rows, made_on = [], []
    for folder in entry_folders() if folders is None else folders:
        if not (folder / "race" / f"{name}-{device}.json").is_file():
            continue
        if broken_rules(folder, name, device):
            continue
        race = recorded_race(name, device, folder)
        first = manifests(races()[name].name, folder)[0]
        made_on.append(race["hardware"])
        row = {
            "times_sooner": race["times_sooner"],
            "seconds": sum(race["our_seconds"]) / len(race["our_seconds"]),
            "accuracy": Interval(*mean_interval(race["our_accuracies"])),
            "runs": len(race["our_seeds"]),
            "epochs": race["our_epochs"],
            "precision": race["precision"],
            "optimiser": first["config"]["recipe"]["optimiser"]["type"],
            "published": pd.Series(race["published_images_per_second"]).mean(),
        }
        rows.append(row)
    table = pd.DataFrame(rows, index=made_on)
    return table.sort_values("times_sooner", ascending=False) if rows else table
