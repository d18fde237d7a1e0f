"""How well :func:`~alexnet_course.diagnosis.diagnose` does: the faults that were planted, recorded.

``make faults`` plants each kind of fault in sound programs; ``tests/faults.py`` says how.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from scipy.stats import binomtest

from alexnet_course.diagnosis.kinds import KINDS
from alexnet_course.provenance import RECORDED
from alexnet_course.results import reading

Rows = Iterable[Mapping[str, Any]]


def table_path(folder: Path = RECORDED) -> Path:
    """Where the record stands."""
    return folder / "faults" / "planted.json"


def recorded_faults(folder: Path = RECORDED) -> list[dict[str, Any]]:
    """A row for each program: ``network``, ``seed``, and the names of the kinds that were
    ``planted`` and ``found``, and ``seconds``.

    Raises :class:`~alexnet_course.results.RecordError` where the record is damaged or missing.
    """
    path = table_path(folder)
    with reading(path):
        return list(json.loads(path.read_text(encoding="utf-8"))["rows"])


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
    lines = [
        f"{row['what']}: {row['count']} of {row['of']}, {row['share']:.1f} % "
        f"({row['low']:.1f} to {row['high']:.1f})"
        for row in shares(rows).to_dict("records")
        if row["of"]
    ]
    return "\n".join([kinds, *lines])
