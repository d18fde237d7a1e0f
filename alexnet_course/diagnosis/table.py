"""How well :func:`~alexnet_course.diagnosis.diagnose` does, recorded: the faults that were planted,
and the arms of the course's experiments.

``make faults`` plants each kind of fault in sound programs, and looks at every arm that has a
record; ``tests/faults.py`` says how.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from scipy.stats import binomtest

from alexnet_course.diagnosis.kinds import KINDS
from alexnet_course.experiments import EXPERIMENTS
from alexnet_course.provenance import RECORDED
from alexnet_course.results import held_in

Rows = Iterable[Mapping[str, Any]]


def table_path(folder: Path = RECORDED) -> Path:
    """Where the record stands."""
    return folder / "faults" / "planted.json"


def recorded_faults(folder: Path = RECORDED) -> list[dict[str, Any]]:
    """A row for each program: ``network``, ``seed``, and the names of the kinds that were
    ``planted`` and ``found``, and ``seconds``.

    Raises :class:`~alexnet_course.results.RecordError` where the record is damaged or missing.
    """
    return list(held_in(table_path(folder), "rows"))


LEARNED = 1.5  # times chance: the best accuracy of a record that counts as having learned
KNOWN = {  # faults that an arm has on purpose, and that are right to be named
    ("own-pictures", "copies-leaking"): {"overlap"},
    **{  # slower by 5 and 7 points after two epochs, in chapter 5
        ("activation-rate", f"small-{activation}-{rate}"): {"first-weights-small"}
        for activation in ("relu", "tanh")
        for rate in (0.003, 0.01, 0.03, 0.1)
    },
    **{
        ("activation-rate", name): {"layers-left-out"}
        for name, arm in EXPERIMENTS["activation-rate"].arms.items()
        if arm.frozen
    },
    # at least 10 points behind the best rate for them, there
    ("activation-rate", "raw-slow-tanh-0.1"): {"rate-too-high"},
    ("activation-rate", "released-tanh-0.1"): {"rate-too-high"},
    ("activation-rate", "raw-frozen-tanh-0.1"): {"rate-too-high", "layers-left-out"},
}


def arms_path(folder: Path = RECORDED) -> Path:
    """Where the record of the experiments' arms stands."""
    return folder / "faults" / "arms.json"


def recorded_arms(folder: Path = RECORDED) -> pd.DataFrame:
    """For each arm that differs from the others: ``experiment``, ``arm``, the accuracy that its
    record ``reached`` at best, that of ``chance``, in per cent, the kinds that were ``found``,
    ``seconds``, whether it ``learned``, and what of ``found`` is ``false``: the arm has it not.

    Raises as :func:`recorded_faults` does.
    """
    return judged(held_in(arms_path(folder), "rows"))


def judged(rows: Rows) -> pd.DataFrame:
    """Rows of :func:`recorded_arms`, with the last two columns."""
    table = pd.DataFrame(rows)
    table["learned"] = table["reached"] >= LEARNED * table["chance"]
    table["false"] = [
        [kind for kind in found if kind not in KNOWN.get((experiment, arm), ())] if learned else []
        for experiment, arm, found, learned in zip(
            table["experiment"], table["arm"], table["found"], table["learned"]
        )
    ]
    return table


def of_arms(arms: pd.DataFrame) -> pd.DataFrame:
    """Counts, shares and intervals as in :func:`shares`. ``false alarms``: of the arms that
    learned, those in which anything was named that they have not; ``named``: of the others, those
    in which anything was.
    """
    learned, others = arms[arms["learned"]], arms[~arms["learned"]]
    return _counted(
        {
            "false alarms": (int(learned["false"].map(bool).sum()), len(learned)),
            "named": (int(others["found"].map(bool).sum()), len(others)),
        }
    )


def by_kind(rows: Rows) -> pd.DataFrame:
    """For each kind of fault, planted alone: how often it was ``named``, ``of`` how many programs,
    and what ``else`` was named beside or in place of it.
    """
    table = []
    for name, kind in KINDS.items():
        alone = [row for row in rows if row["planted"] == [name]]
        others = sorted({x for row in alone for x in row["found"]} - {name})
        named = sum(name in row["found"] for row in alone)
        table.append(
            {
                "number": kind.number,
                "kind": name,
                "fault": kind.what,
                "named": named,
                "of": len(alone),
                "else": ", ".join(others),
                "chapter": kind.chapter,
            }
        )
    return pd.DataFrame(table)


def shares(rows: Rows) -> pd.DataFrame:
    """Counts, shares and their 95 % intervals (Wilson), in per cent.

    ``recall``: of the faults that were planted alone, those that were named; ``precision``: of what
    was named then, what had been planted; ``kinds``: of the kinds, those that were named in every
    program; ``false alarms``: of the sound programs, those in which anything was named; ``pairs``:
    of programs with two faults, those in which at least one was named, and ``both``.
    """
    rows = list(rows)
    alone = [row for row in rows if len(row["planted"]) == 1]
    sound = [row for row in rows if not row["planted"]]
    pairs = [row for row in rows if len(row["planted"]) == 2]
    named = [(row["planted"][0], x) for row in alone for x in row["found"]]
    kinds = by_kind(rows)
    kinds = kinds[kinds["of"] > 0]
    counts = {
        "recall": (sum(row["planted"][0] in row["found"] for row in alone), len(alone)),
        "precision": (sum(one == other for one, other in named), len(named)),
        "kinds": (int((kinds["named"] == kinds["of"]).sum()), len(kinds)),
        "false alarms": (sum(bool(row["found"]) for row in sound), len(sound)),
        "pairs": (sum(bool({*row["planted"]} & {*row["found"]}) for row in pairs), len(pairs)),
        "both": (sum({*row["planted"]} <= {*row["found"]} for row in pairs), len(pairs)),
    }
    return _counted(counts)


def _counted(counts: Mapping[str, tuple[int, int]]) -> pd.DataFrame:
    return pd.DataFrame(
        [{"what": what, "count": k, "of": n, **_interval(k, n)} for what, (k, n) in counts.items()]
    )


def _interval(count: int, of: int) -> dict[str, float]:
    if not of:
        return dict.fromkeys(("share", "low", "high"), float("nan"))
    low, high = binomtest(count, of).proportion_ci(method="wilson")
    return {"share": 100 * count / of, "low": 100 * low, "high": 100 * high}


def summary(rows: Rows) -> str:
    """:func:`by_kind` and :func:`shares` as text."""
    rows = list(rows)
    kinds = by_kind(rows).drop(columns=["fault", "chapter"]).to_string(index=False)
    return "\n".join([kinds, *_lines(shares(rows))])


def arms_summary(rows: Rows) -> str:
    """:func:`of_arms` as text, and the arms in which anything was named."""
    arms = judged(rows)
    named = arms[arms["found"].map(bool)].drop(columns="seconds")
    return "\n".join([named.to_string(index=False), *_lines(of_arms(arms))])


def _lines(counts: pd.DataFrame) -> list[str]:
    return [
        f"{row['what']}: {row['count']} of {row['of']}, {row['share']:.1f} % "
        f"({row['low']:.1f} to {row['high']:.1f})"
        for row in counts.to_dict("records")
        if row["of"]
    ]
