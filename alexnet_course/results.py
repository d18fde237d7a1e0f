"""Reading recorded runs back: histories, manifests, measures; means with their intervals."""

import hashlib
import io
import json
import math
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from numbers import Real
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from alexnet_course.config import look_up, several
from alexnet_course.experiments import EXPERIMENTS, experiment
from alexnet_course.fields import Count, CountOrZero, NotNegative, Positive, Seed, fitting
from alexnet_course.measures import MEASURES
from alexnet_course.network import Network, build, load_weights
from alexnet_course.provenance import RECORDED, making
from alexnet_course.training import History

# What is read of a manifest. The first two are in every one.
_ENTRIES = {
    "arm": str,
    "seed": Seed,
    "epochs": CountOrZero,
    "measured_on": Literal["test", "validation"],
    "data": str,
    "commit": str,
    "device": str,
    "hardware": str,
    "precision": str,
    "versions": Mapping,
    "seconds": NotNegative,
    "measures": Mapping[str, Mapping[str, Real]],
    "config": Mapping,
    "weights_digests": Mapping[str, str],
}
_NOT_IN_ALL = {"epochs", "measures", "weights_digests"}

WEIGHTS = "weights.npz"  # the kind of the file with the weights that a run keeps


class RecordError(ValueError):
    """A record that can't be read; the message names the file."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Around what reads a record: damage of any kind becomes a :class:`RecordError`."""
    try:
        yield
    except (ValueError, LookupError, TypeError, ArithmeticError, RecursionError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else str(error).split("\n")[0]
        raise RecordError(
            f"{path} is damaged, or no record of this course: {reason}. Put back a whole copy of "
            "it, or move it away and run it again"
        ) from error


def held_in(path: Path, name: str) -> Any:
    """The entry ``name`` of a record that is one JSON file; of a damaged one a RecordError."""
    with reading(path):
        return json.loads(path.read_text(encoding="utf-8"))[name]


def record_path(experiment: str, arm: str, seed: int, kind: str, folder: Path = RECORDED) -> Path:
    """The path of a record: ``kind`` is ``"csv"``, the history, or ``"json"``, the manifest;
    ``"batches.csv"`` holds the loss of every hundredth step, :data:`WEIGHTS` the weights.
    """
    return folder / experiment / f"{arm}-seed{seed}.{kind}"


def recorded_epochs(manifest: Path) -> int:
    """How many epochs a record holds: 0 where there is none, all where the run diverged."""
    if not manifest.exists():
        return 0
    stored = _manifest(manifest, needed=("config",))
    of_recipe = stored["config"]["recipe"]["epochs"]
    return of_recipe if "diverged" in stored else stored.get("epochs", of_recipe)


def recorded(name: str, folder: Path = RECORDED) -> pd.DataFrame:
    """All recorded histories of an experiment in one table, with ``arm`` and ``seed`` in front.

    How each run was made goes with the table (``attrs``), and :func:`gains` looks at it.

    Raises :class:`FileNotFoundError` when nothing is recorded under that name, and
    :class:`RecordError` for a record that is damaged.
    """
    tables = []
    runs = manifests(name, folder)
    for manifest in runs:
        path = record_path(name, manifest["arm"], manifest["seed"], "csv", folder)
        table = _history(path, manifest)
        table.insert(0, "arm", manifest["arm"])
        table.insert(1, "seed", manifest["seed"])
        tables.append(table)
    whole = [table for table in tables if len(table)] or tables  # no rows, no types of columns
    return _with_making(pd.concat(whole, ignore_index=True), runs)


def recorded_seeds(name: str, folder: Path = RECORDED) -> dict[str, list[int]]:
    """The seeds of each arm of an experiment whose runs are recorded to the end; none where there
    is no record.
    """
    seeds: dict[str, list[int]] = {}
    for run in manifests(name, folder) if any((folder / name).glob("*.json")) else ():
        path = record_path(name, run["arm"], run["seed"], "json", folder)
        if recorded_epochs(path) == run["config"]["recipe"]["epochs"]:
            seeds.setdefault(run["arm"], []).append(run["seed"])
    return seeds


def manifests(
    name: str, folder: Path = RECORDED, needed: Iterable[str] = ()
) -> list[dict[str, Any]]:
    """The manifests of an experiment's recorded runs, by arm, then seed.

    Raises as :func:`recorded` does, also where one lacks an entry that is ``needed``.
    """
    fitting("experiment", name, str)
    paths = sorted((existing(folder) / name).glob("*.json"))
    if not paths:
        raise FileNotFoundError(
            f"nothing is recorded under {name!r} in {folder}; {_advice(name, folder)}"
        )
    found = [_manifest(path, needed) for path in paths]
    order = list(EXPERIMENTS[name].arms) if name in EXPERIMENTS else []
    return sorted(
        found, key=lambda m: (order.index(m["arm"]) if m["arm"] in order else -1, m["seed"])
    )


def existing(folder: Path) -> Path:
    """``folder``, if there is one."""
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder} to read records from")
    return folder


def _advice(name: str, folder: Path) -> str:
    if name in EXPERIMENTS:
        return f"run 'python -m alexnet_course experiment {name}'"
    there = sorted({path.parent.name for path in folder.glob("*/*-seed*.json")})
    return f"recorded there: {', '.join(there) or 'nothing'}"


def _manifest(path: Path, needed: Iterable[str]) -> dict[str, Any]:
    with reading(path):
        stored = fitting("its content", json.loads(path.read_text(encoding="utf-8")), dict)
        for key, hint in _ENTRIES.items():
            if key in stored or key in ("arm", "seed", *needed):
                fitting(key, stored[key], hint)
        if "config" in stored:
            fitting("recipe epochs", stored["config"]["recipe"]["epochs"], Count)
        if path.name != f"{stored['arm']}-seed{stored['seed']}.json":
            raise ValueError(f"it holds arm {stored['arm']}, seed {stored['seed']}")
    return stored


def _history(path: Path, manifest: Mapping[str, Any]) -> pd.DataFrame:
    with reading(path):
        table = pd.read_csv(path)
        of_recipe = manifest.get("config", {}).get("recipe", {}).get("epochs", len(table))
        epochs = manifest.get("epochs", of_recipe)
        if list(table["epoch"]) != list(range(1, epochs + 1)):
            raise ValueError(f"its epochs are not 1 to {epochs}")
        if table.apply(pd.to_numeric, errors="coerce").isna().any(axis=None):
            raise ValueError("it has values that are missing or are no numbers")
        columns = History(manifest["measured_on"]).frame if "measured_on" in manifest else []
        if missing := [column for column in columns if column not in table]:
            raise ValueError(f"it has no {', '.join(missing)}")
    return table


def kept_weights(name: str, arm: str, seed: int = 0, folder: Path = RECORDED) -> dict[str, Tensor]:
    """The weights that a recorded run keeps, in float32, by their names in the ``state_dict``.

    They were kept in float16: each is off by up to 0.05 %. Raises :class:`FileNotFoundError` where
    the run keeps none, and :class:`RecordError` where they are not as its manifest says.
    """
    manifest = record_path(name, arm, seed, "json", folder)
    path = record_path(name, arm, seed, WEIGHTS, folder)
    digests = _manifest(manifest, ()).get("weights_digests") if manifest.exists() else None
    if not digests or not path.exists():
        raise FileNotFoundError(
            f"no weights of {name}, {arm}, seed {seed} are kept in {folder}; an arm that names "
            "layers in 'keeps' has them when its run has ended"
        )
    with reading(path):
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != digests[WEIGHTS]:
            raise ValueError("its digest is not the one in the manifest")
        with np.load(io.BytesIO(content), allow_pickle=False) as kept:
            return {key: torch.from_numpy(kept[key]).float() for key in kept}


def trained(name: str, arm: str, seed: int = 0, folder: Path = RECORDED) -> Network:
    """The network that a recorded run ended with, from the weights that it keeps, to evaluate."""
    network = build(experiment(name).arms[arm].architecture)
    load_weights(network, kept_weights(name, arm, seed, folder))
    return network.eval()


def measured(name: str, measure: str, folder: Path = RECORDED) -> pd.DataFrame:
    """What ``measure`` gave at the end of each run: columns ``arm``, ``seed`` and its numbers.

    No rows where no run measured it; :class:`KeyError` for a measure that there is not.
    """
    runs = manifests(name, folder)
    known = dict.fromkeys(MEASURES) | {key: None for m in runs for key in m.get("measures", {})}
    look_up(known, measure, "measure")
    rows = [
        {"arm": manifest["arm"], "seed": manifest["seed"], **manifest["measures"][measure]}
        for manifest in runs
        if measure in manifest.get("measures", {})
    ]
    table = pd.DataFrame(rows, columns=None if rows else ["arm", "seed"])
    return _with_making(table, runs)


def _with_making(table: pd.DataFrame, runs: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """``table`` with what :func:`making` says of each run, by arm and seed."""
    table.attrs["making"] = {f"{m['arm']}, seed {m['seed']}": making(m) for m in runs}
    return table


def _warn_of_mixing(
    what: str, table: pd.DataFrame, arms: Iterable[str], seeds: Iterable[int]
) -> None:
    """Warn the caller of the function that compares these runs where they were not made alike."""
    making_of = table.attrs.get("making", {})
    alike = defaultdict(list)
    for run in (f"{arm}, seed {seed}" for arm, seed in product(arms, seeds)):
        if run in making_of:
            alike[making_of[run]].append(run)
    if len(alike) > 1:
        told = "; ".join(f"{_first_of(names)}: {made}" for made, names in alike.items())
        warnings.warn(f"{what} compares runs that were not made alike. {told}", stacklevel=3)


def _first_of(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def recorded_table(names: Iterable[str] | None = None, folder: Path = RECORDED) -> pd.DataFrame:
    """One row for each recorded arm: what was run on what, and how it ended.

    ``accuracy`` is the mean over the seeds after each run's last recorded epoch, in per cent on
    the images in ``measured_on``; ``half_width`` that of its 95 % t-interval (NaN for one seed);
    ``epochs`` those run, less the one in which a run diverged, and, in ``of``, those of the recipe;
    ``seconds`` the mean for a run. Warns where the runs of an arm were not made alike
    (:func:`making`).
    """
    if names is None:
        names = [n for n in EXPERIMENTS if (existing(folder) / n).is_dir()]
        if not names:
            raise FileNotFoundError(f"nothing is recorded in {folder}")
    rows = []
    for name in several(names):
        table = recorded(name, folder)
        runs = pd.DataFrame(manifests(name, folder, needed=set(_ENTRIES) - _NOT_IN_ALL))
        for arm, group in runs.groupby("arm", sort=False):
            measured_on = group["measured_on"].iloc[0]
            _warn_of_mixing(f"the mean of {name}, {arm}", table, [arm], group["seed"])
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
        if seen.empty:
            raise KeyError(f"no run of {name!r} in {folder} was measured on its training images")
        last = recorded(name, folder).groupby(["arm", "seed"]).last().loc[seen.index]
        columns = {
            "training loss": seen["loss"],
            "test loss": last["test_loss"],
            "training accuracy": seen["accuracy"],
            "test accuracy": last["test_accuracy"],
            "gap": seen["accuracy"] - last["test_accuracy"],
        }
        tables.append(pd.DataFrame(columns))
    return _with_making(pd.concat(tables), [m for name in names for m in manifests(name, folder)])


def gains(
    runs: pd.DataFrame, over: str, arms: Iterable[str], column: str = "test_accuracy"
) -> pd.DataFrame:
    """By how much each of ``arms`` ends above the arm ``over`` in ``column``, paired by seed.

    ``runs`` is what :func:`recorded` or :func:`final_results` gives. A row for each arm: ``mean``
    of the differences, ``half_width`` of its 95 % t-interval (NaN for one seed) and ``seeds``, how
    many both have. Warns of pairs that were not made alike (:func:`making`).
    """
    return gains_of_pairs(runs, {arm: (arm, over) for arm in several(arms)}, column)


def gains_of_pairs(
    runs: pd.DataFrame,
    pairs: Mapping[str, tuple[str, str]],
    column: str = "test_accuracy",
    pooled: bool = False,
) -> pd.DataFrame:
    """As :func:`gains`, a row for each label in ``pairs``: of its first arm over its second.

    With ``pooled``, a last column ``pooled`` has the half-width by :func:`pooled_interval`.
    """
    last = _ends(runs, column).unstack("arm")
    rows = {}
    for label, (arm, over) in pairs.items():
        differences = (
            look_up(last, arm, "recorded arm") - look_up(last, over, "recorded arm")
        ).dropna()
        _warn_of_mixing(f"the gain {label!r}", runs, (arm, over), differences.index)
        mean, half_width = mean_interval(differences)
        rows[label] = {"mean": mean, "half_width": half_width, "seeds": len(differences)}
        if pooled:
            _, rows[label]["pooled"] = pooled_interval(runs, {arm: 1, over: -1}, column)
    return pd.DataFrame.from_dict(rows, orient="index").astype({"seeds": int})


class Interval(NamedTuple):
    """A mean and the half-width of its interval, which is NaN where there is none."""

    mean: float
    half_width: float

    def text(self, digits: int = 2) -> str:
        """``"82.96 ± 0.87"``; the mean alone where that is all."""
        text = f"{self.mean:,.{digits}f}"
        width = self.half_width
        return text if math.isnan(width) else f"{text} ± {width:,.{digits}f}"


def mean_interval(values: Iterable[float], level: float = 0.95) -> Interval:
    """Mean and half-width of its t-interval; the half-width is NaN for a single value.

    Both are NaN where a value is: a mean of the others would leave out the runs that failed.
    """
    from scipy import stats

    numbers = pd.Series(list(values), dtype=float)
    mean = numbers.mean(skipna=False)
    if len(numbers) < 2:
        return Interval(float(mean), float("nan"))
    width = stats.t.ppf((1 + level) / 2, len(numbers) - 1) * stats.sem(numbers)
    return Interval(float(mean), float(width))


def intervals(
    table: pd.DataFrame, by: Callable[[Iterable[float]], Interval] | None = None
) -> pd.Series:
    """For each column of ``table`` its :func:`mean_interval`, or what ``by`` gives."""
    found = {column: (by or mean_interval)(table[column]) for column in table}
    return pd.Series(found.values(), index=table.columns, dtype=object)


class TwoWay(NamedTuple):
    """What :func:`two_way` finds.

    ``spread``: the standard deviation of a run about the sum of its arm's and its seed's effects,
    in units of the column, on ``degrees`` of freedom. ``seed_p``: how likely means of seeds this
    far apart would be if seeds had no effect in common (F test). ``variances_p``: the same for
    spreads of arms this unlike if all were one (Bartlett's test).
    """

    spread: float
    degrees: int
    seed_p: float
    variances_p: float


def two_way(runs: pd.DataFrame, column: str = "test_accuracy") -> TwoWay:
    """Analysis of variance of ``column`` by arm and seed, one run of each, without interaction.

    It takes a run for the sum of an arm's effect, a seed's effect that all arms share, and chance
    of one spread for all. ``runs`` as in :func:`gains`; arms that lack a seed are left out.
    Warns where the runs were not made alike (:func:`making`).

    Raises :class:`ValueError` where nothing is left to judge chance by.
    """
    from scipy import stats

    table = _arms_by_seeds(runs, column)
    _warn_of_mixing("this analysis of variance", runs, table.index, table.columns)
    arms, seeds = table.shape
    left_over = table.sub(table.mean(axis=1), axis=0)
    seed_means = left_over.mean()
    degrees = (arms - 1) * (seeds - 1)
    if degrees < 1:
        raise ValueError(
            f"{arms} arms with {seeds} seeds in common leave nothing to judge chance by; an "
            "analysis of variance needs two of each at least"
        )
    variance = float((left_over.sub(seed_means) ** 2).to_numpy().sum() / degrees)
    spread = variance**0.5
    if spread <= 1e-12 * table.abs().to_numpy().max():
        raise ValueError(
            f"{column}: every run is what its arm and its seed make it, to the last digit, so "
            "nothing is left to judge chance by; look at the runs themselves"
        )
    with np.errstate(divide="ignore"):  # of an arm whose runs are all equal: surely unlike the rest
        variances_p = float(stats.bartlett(*table.to_numpy()).pvalue)
    between_seeds = arms * float((seed_means**2).sum()) / (seeds - 1)
    return TwoWay(
        spread=spread,
        degrees=degrees,
        seed_p=float(stats.f.sf(between_seeds / variance, seeds - 1, degrees)),
        variances_p=variances_p,
    )


def pooled_interval(
    runs: pd.DataFrame,
    weights: Mapping[str, float],
    column: str = "test_accuracy",
    level: float = 0.95,
    chance: TwoWay | None = None,
) -> Interval:
    """Mean and half-width of a weighted sum of arms, its spread taken from all arms of ``runs``.

    ``{"a": 1, "b": -1}`` is the difference of two arms; weights must sum to 0, so that what a seed
    does to all arms cancels. The t-interval has the degrees of freedom of :func:`two_way`, and
    holds where its assumptions do: look at them first. With ``chance``, the spread is that of
    another analysis, such as a study's where ``runs`` holds arms that were run after it.
    """
    from scipy import stats

    if abs(sum(weights.values())) > 1e-9:
        raise ValueError(f"weights must sum to 0, so that seeds cancel; got {dict(weights)}")
    table, fit = _arms_by_seeds(runs, column), chance or two_way(runs, column)
    if chance:
        _warn_of_mixing("this sum of arms", runs, weights, table.columns)
    means = table.mean(axis=1).to_dict()
    mean = sum(
        weight * look_up(means, arm, "arm with all seeds") for arm, weight in weights.items()
    )
    squares = sum(weight**2 for weight in weights.values())
    width = stats.t.ppf((1 + level) / 2, fit.degrees) * fit.spread
    return Interval(float(mean), float(width * (squares / table.shape[1]) ** 0.5))


def _arms_by_seeds(runs: pd.DataFrame, column: str) -> pd.DataFrame:
    """``column`` at the end of each run: a row for each arm that has all seeds."""
    return _ends(runs, column).unstack("seed").dropna().astype(float)


def _ends(runs: pd.DataFrame, column: str) -> pd.Series:
    """``column`` at the end of each run, by arm and seed."""
    look_up(runs.drop(columns=["arm", "seed"], errors="ignore"), column, "column")
    return runs.groupby(["arm", "seed"])[column].last()


def seeds_for(aim: float, spread: float) -> int:
    """How many seeds bring a 95 % t-interval to a half-width of at most ``aim``.

    ``spread`` is the standard deviation of the value that each seed gives: for two arms paired by
    seed, that of a difference, which is √2 times the ``spread`` of :func:`two_way`.
    """
    from scipy import stats

    aim, spread = fitting("aim", aim, Positive), fitting("spread", spread, NotNegative)
    n = max(2, int((1.959 * spread / aim) ** 2))  # enough by the normal distribution
    while stats.t.ppf(0.975, n - 1) * spread / n**0.5 > aim:
        n += 1
    return n


def interval_text(values: Iterable[float], digits: int = 2) -> str:
    """:func:`mean_interval` to print: ``"82.96 ± 0.87"``; of a single value, that value alone."""
    return mean_interval(values).text(digits)


def prediction_interval(values: Iterable[float], level: float = 0.95) -> Interval:
    """Mean and half-width of the interval in which one more value is to be expected.

    The yardstick for a single run of somebody else's: it is as uncertain as one of ours, besides
    our mean. Wider than :func:`mean_interval` by √(n + 1) for n values; NaN as there.
    """
    numbers = list(values)
    mean, half_width = mean_interval(numbers, level)
    return Interval(mean, half_width * (len(numbers) + 1) ** 0.5)


def prediction_text(values: Iterable[float], digits: int = 2) -> str:
    """:func:`prediction_interval` to print, as :func:`interval_text` does."""
    return prediction_interval(values).text(digits)
