"""Reading recorded runs back: histories, manifests, measures; means with their intervals."""

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from alexnet_course.config import look_up
from alexnet_course.experiments import EXPERIMENTS
from alexnet_course.provenance import RECORDED


def record_path(experiment: str, arm: str, seed: int, kind: str, folder: Path = RECORDED) -> Path:
    """The path of a record: ``kind`` is ``"csv"``, the history, or ``"json"``, the manifest;
    ``"batches.csv"`` holds the loss of every hundredth step.
    """
    return folder / experiment / f"{arm}-seed{seed}.{kind}"


def recorded_epochs(manifest: Path) -> int:
    """How many epochs a record holds: 0 where there is none, all where the run diverged."""
    if not manifest.exists():
        return 0
    stored = json.loads(manifest.read_text())
    if "diverged" in stored:
        return stored["config"]["recipe"]["epochs"]
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
    ``epochs`` those run, less the one in which a run diverged, and, in ``of``, those of the recipe;
    ``seconds`` the mean for a run.
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
                    "epochs": 0 if last.empty else int(last["epoch"].min()),
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


def final_results(*names: str, folder: Path = RECORDED) -> pd.DataFrame:
    """How each run of these experiments ended, of those whose training images were measured.

    Indexed by ``arm`` and ``seed``: ``"training loss"`` and ``"test loss"`` in nats, ``"training
    accuracy"``, ``"test accuracy"`` and their difference ``"gap"`` in per cent. All were measured
    after the last epoch, in evaluation mode and without augmentation. (The training loss and
    accuracy of a history are means over an epoch, with dropout and augmentation at work.)
    """
    tables = []
    for name in names:
        seen = measured(name, "training-images", folder).set_index(["arm", "seed"])
        last = recorded(name, folder).groupby(["arm", "seed"]).last().loc[seen.index]
        columns = {
            "training loss": seen["loss"],
            "test loss": last["test_loss"],
            "training accuracy": seen["accuracy"],
            "test accuracy": last["test_accuracy"],
            "gap": seen["accuracy"] - last["test_accuracy"],
        }
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables)


def gains(
    runs: pd.DataFrame, over: str, arms: Iterable[str], column: str = "test_accuracy"
) -> pd.DataFrame:
    """By how much each of ``arms`` ends above the arm ``over`` in ``column``, paired by seed.

    ``runs`` is what :func:`recorded` or :func:`final_results` gives. A row for each arm: ``mean``
    of the differences, ``half_width`` of its 95 % t-interval (NaN for one seed) and ``seeds``, how
    many both have.
    """
    return gains_of_pairs(runs, {arm: (arm, over) for arm in arms}, column)


def gains_of_pairs(
    runs: pd.DataFrame, pairs: Mapping[str, tuple[str, str]], column: str = "test_accuracy"
) -> pd.DataFrame:
    """As :func:`gains`, a row for each label in ``pairs``: of its first arm over its second."""
    last = runs.groupby(["arm", "seed"])[column].last().unstack("arm")
    rows = {}
    for label, (arm, over) in pairs.items():
        differences = (
            look_up(last, arm, "recorded arm") - look_up(last, over, "recorded arm")
        ).dropna()
        mean, half_width = mean_interval(differences)
        rows[label] = {"mean": mean, "half_width": half_width, "seeds": len(differences)}
    return pd.DataFrame.from_dict(rows, orient="index").astype({"seeds": int})


def mean_interval(values: Iterable[float], level: float = 0.95) -> tuple[float, float]:
    """Mean and half-width of its t-interval; the half-width is NaN for a single value.

    Both are NaN where a value is: a mean of the others would leave out the runs that failed.
    """
    from scipy import stats

    numbers = pd.Series(list(values), dtype=float)
    mean = numbers.mean(skipna=False)
    if len(numbers) < 2:
        return float(mean), float("nan")
    width = stats.t.ppf((1 + level) / 2, len(numbers) - 1) * stats.sem(numbers)
    return float(mean), float(width)


def seeds_for(aim: float, half_width: float, seeds: int) -> int:
    """How many seeds would bring a 95 % t-interval to a half-width of at most ``aim``.

    The spread is that of an interval with ``half_width`` from ``seeds`` (two or more) values.
    """
    from scipy import stats

    spread = half_width * seeds**0.5 / stats.t.ppf(0.975, seeds - 1)
    n = 2
    while stats.t.ppf(0.975, n - 1) * spread / n**0.5 > aim:
        n += 1
    return n


def interval_text(values: Iterable[float], digits: int = 2) -> str:
    """:func:`mean_interval` to print: ``"82.96 ± 0.87"``; of a single value, that value alone."""
    mean, half_width = mean_interval(values)
    text = f"{mean:,.{digits}f}"
    return text if math.isnan(half_width) else f"{text} ± {half_width:,.{digits}f}"
