"""What the book's run explorer shows: all recorded runs, and the curves that tutorials printed, as
plain data for a script in the page.

The book is built without PyTorch and pandas, so what needs them stands in a file beside this
module. ``python -m alexnet_course.run_explorer`` writes it anew.
"""

import csv
import json
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alexnet_course.provenance import RECORDED, making

if TYPE_CHECKING:
    from alexnet_course.experiments import Arm

PREPARED = Path(__file__).with_suffix(".json")
DEGREES = 100  # of freedom, up to which quantiles are kept; beyond, a series is as good
CIFAR_10 = 50_000  # training images
NAMED = 6  # layers of a list that are named, the rest is counted

# Columns of a history as the page holds them, in this order.
COLUMNS = ("learning_rate", "train_loss", "train_accuracy", "{}_loss", "{}_accuracy")
# What a tutorial printed, by what it is called in reported.csv.
PRINTED = {
    "test_accuracy_percent": "test_accuracy",
    "test_loss": "test_loss",
    "train_accuracy_percent": "train_accuracy",
    "train_loss": "train_loss",
    "train_loss_200_batches": "train_loss",
    "batch_loss": "train_loss",
}


def page_data(folder: Path = RECORDED) -> dict[str, Any]:
    """All that the run explorer holds.

    ``quantiles`` are Student's, of 97.5 %, for 1, 2, … degrees of freedom; ``makings`` what
    :func:`~alexnet_course.provenance.making` says, and a run names its place there. A run is
    ``[seed, making, *columns]``, each column a text of numbers as the CSV has them, or nothing
    where it is that of the arm's first run.
    """
    prepared = json.loads(PREPARED.read_text(encoding="utf-8"))
    makings: dict[str, int] = {}
    printed = _printed(folder)
    experiments = {}
    for name, about in prepared["experiments"].items():
        recorded = _manifests(folder / name)
        arms = {
            arm: _arm(folder, recorded[arm], makings) | {"differs": differs}
            for arm, differs in about["arms"].items()
            if arm in recorded
        }
        if arms:
            again = recorded.get("published")
            curves = _by_epoch(printed.get(name, {}), again[0]) if again else {}
            experiments[name] = about | {"arms": arms, "printed": curves}
    return {
        "quantiles": prepared["quantiles"],
        "makings": list(makings),
        "experiments": experiments,
    }


def _manifests(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Those of an experiment, by arm, in the order of their seeds."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in folder.glob("*.json"):
        manifest = json.loads(path.read_text(encoding="utf-8"))
        found.setdefault(manifest["arm"], []).append(manifest)
    return {arm: sorted(runs, key=lambda run: run["seed"]) for arm, runs in found.items()}


def _arm(folder: Path, manifests: list[dict[str, Any]], makings: dict[str, int]) -> dict[str, Any]:
    measured_on = manifests[0]["measured_on"]
    runs: list[list[Any]] = []
    for manifest in manifests:
        place = makings.setdefault(making(manifest), len(makings))
        name = f"{manifest['arm']}-seed{manifest['seed']}.csv"
        columns = _columns(folder / manifest["experiment"] / name, measured_on)
        first = runs[0][2:] if runs else []
        again = [None if columns[i] == text else columns[i] for i, text in enumerate(first)]
        runs.append([manifest["seed"], place, *(again or columns)])
    epochs = manifests[0]["config"]["recipe"]["epochs"]
    return {"measured_on": measured_on, "epochs": epochs, "runs": runs}


def _columns(path: Path, measured_on: str) -> list[str]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [_text(row[name.format(measured_on)] for row in rows) for name in COLUMNS]


def _text(values: Iterable[str]) -> str:
    """Numbers in a row, without zeros before the point: there are thousands of them."""
    return " ".join(value.removeprefix("0") or "0" for value in values)


def ended(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for each arm of :func:`page_data`: how many seeds it has, and the mean with which they
    ended.
    """
    rows = []
    for name, experiment in data["experiments"].items():
        for arm, about in experiment["arms"].items():
            first = about["runs"][0][-1]
            texts = [first if run[-1] is None else run[-1] for run in about["runs"]]
            last = [float(text.split()[-1]) for text in texts if text]
            rows.append(
                {
                    "experiment": name,
                    "arm": arm,
                    "seeds": len(last),
                    "measured on": f"{about['measured_on']} images",
                    "accuracy (%)": f"{sum(last) / len(last):.2f}" if last else "diverged",
                }
            )
    return rows


def _printed(folder: Path) -> dict[str, dict[str, list[tuple[str, str, str]]]]:
    """Of each tutorial, by the quantity's column: unit, place and value, as reported.csv says."""
    found: dict[str, dict[str, list[tuple[str, str, str]]]] = {}
    with (folder / "reported.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if column := PRINTED.get(row["quantity"]):
                curves = found.setdefault(row["source"], {})
                curves.setdefault(column, []).append((row["unit"], row["at"], row["value"]))
    return found


def _by_epoch(
    curves: Mapping[str, Iterable[tuple[str, str, str]]], run: Mapping[str, Any]
) -> dict[str, list[str]]:
    """The epochs and the values of each curve; steps become parts of an epoch, as long as that of
    ``run``, which is the same recipe run again.
    """
    images = run.get("train_images", CIFAR_10)  # the oldest records don't say it
    steps = math.ceil(images / run["config"]["recipe"]["batch_size"])

    def epoch(unit: str, at: str) -> str:
        return at if unit == "epoch" else f"{int(at) / steps:.4g}"

    return {
        column: [
            _text(epoch(unit, at) for unit, at, _ in points),
            _text(f"{float(value):.6g}" for _, _, value in points),
        ]
        for column, points in curves.items()
    }


# What is prepared with PyTorch and SciPy at hand.


def prepared() -> dict[str, Any]:
    """Each experiment's question and how its arms differ from the first; Student's quantiles."""
    from scipy import stats

    from alexnet_course.experiments import EXPERIMENTS

    experiments = {}
    for name, experiment in EXPERIMENTS.items():
        first = next(iter(experiment.arms.values()))
        experiments[name] = {
            "question": experiment.question,
            "source": experiment.source,
            "arms": {arm: in_words(made, first) for arm, made in experiment.arms.items()},
        }
    quantiles = [float(stats.t.ppf(0.975, degrees)) for degrees in range(1, DEGREES + 1)]
    return {"quantiles": quantiles, "experiments": experiments}


def in_words(arm: "Arm", first: "Arm") -> str:
    """How ``arm`` differs from ``first``: ``"lrn1, lrn2 left out; epochs=24"``."""
    from alexnet_course.experiments import differences

    lists: dict[str, list[str]] = {}
    rest = []
    for text in differences(arm, first):
        if found := re.fullmatch("(.*) (left out|put in)", text):
            lists.setdefault(found[2], []).append(found[1])
        else:
            rest.append(text)
    in_lists = [f"{_named(names)} {what}" for what, names in lists.items()]
    return "; ".join([*in_lists, *rest, *_of_images(arm, first)])


def _named(names: list[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names) if more < 2 else f"{', '.join(names[:NAMED])} and {more} more"


def _of_images(arm: "Arm", first: "Arm") -> list[str]:
    """What differs beside network and recipe: the images, and what is learned of them."""
    said = []
    if arm.data != first.data:
        said.append(f"images: {arm.data}")
    if arm.per_class != first.per_class:
        said.append(f"{arm.per_class or 'all'} images a class")
    if arm.start != first.start:
        said.append(f"begins with {arm.start.data}" if arm.start else "begins anew")
    if arm.frozen != first.frozen:
        said.append(_learning(arm.frozen))
    return said


def _learning(frozen: bool | tuple[str, ...]) -> str:
    if isinstance(frozen, tuple) and frozen:
        return f"all but {', '.join(frozen)} learn"
    return "only the last layer learns" if frozen else "all layers learn"


if __name__ == "__main__":
    text = json.dumps(prepared(), indent=1, ensure_ascii=False)
    PREPARED.write_text(f"{text}\n", encoding="utf-8")
