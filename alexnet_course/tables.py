"""Tables for readers: human names, one row of headings, readable numbers, the best marked."""

import html
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from alexnet_course.arithmetic import shape_text
from alexnet_course.provenance import RECORDED
from alexnet_course.results import (
    Interval,
    final_results,
    gains_of_pairs,
    mean_interval,
    recorded_seeds,
)

ENDS = ("test accuracy", "training accuracy")
HYPHENATED = ("multiply_adds",)  # columns whose underscore is a hyphen


def human(name: Any) -> str:
    """``"receptive_field"`` as ``"receptive field"``; parts of a tuple one after another."""
    if isinstance(name, tuple):
        return ", ".join(filter(None, map(human, name)))
    text = str(name)
    return text.replace("_", "-" if text in HYPHENATED else " ")


def number(value: Any, digits: int = 2) -> str:
    """``60965224`` as ``"60,965,224"``, fractions to ``digits`` places, shapes as ``"96×55×55"``,
    ``True`` as ``"yes"``, and nothing for what is missing or false; texts as they are.
    """
    if isinstance(value, Interval):
        return value.text(digits)
    if isinstance(value, tuple):
        return shape_text(value)
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return ""
    return f"{value:,.{digits}f}" if isinstance(value, float) else f"{value:,}"


@dataclass(frozen=True)
class Table:
    """Texts in rows and columns, with names for both; ``marked`` are the places of the best.

    A notebook shows it as HTML, whose marked cells are bold; in plain text they carry a ``*``.
    """

    headings: list[str]
    rows: list[list[str]]
    marked: frozenset[tuple[int, int]]

    def _repr_html_(self) -> str:
        body = "\n".join(
            self._row_html(label, cells, i) for i, (label, *cells) in enumerate(self.rows)
        )
        head = "".join(map(_heading, self.headings))
        return (
            f'<table class="dataframe">\n<thead>\n<tr>{head}</tr>\n</thead>\n'
            f"<tbody>\n{body}\n</tbody>\n</table>"
        )

    def _row_html(self, label: str, cells: list[str], i: int) -> str:
        row = [f'<tr><th scope="row">{html.escape(label)}</th>']
        for j, text in enumerate(map(html.escape, cells)):
            row.append(f"<td>{f'<strong>{text}</strong>' if (i, j) in self.marked else text}</td>")
        return f"{''.join(row)}</tr>"

    def __repr__(self) -> str:
        lines = [self.headings] + [
            [label, *(text + "*" * ((i, j) in self.marked) for j, text in enumerate(cells))]
            for i, (label, *cells) in enumerate(self.rows)
        ]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(
                text.rjust(width) if place else text.ljust(width)
                for place, (text, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        )


def _heading(name: str) -> str:
    return f'<th scope="col">{html.escape(name)}</th>' if name else "<td></td>"


def show(
    frame: pd.DataFrame,
    best: Mapping[str, Callable[[Iterable], Any]] | None = None,
    digits: int | Mapping[str, int] = 2,
) -> Table:
    """``frame`` for readers, its cells numbers, texts, shapes or :class:`Interval`.

    ``best`` marks in a column what ``max`` or ``min`` finds there, such as ``{"test accuracy":
    max}``; ``digits`` is for fractions, of all columns or by column (else 2).
    """
    places = digits if isinstance(digits, Mapping) else dict.fromkeys(frame.columns, digits)
    columns = [[number(x, places.get(name, 2)) for x in frame[name]] for name in frame.columns]
    marked = {
        (i, j)
        for j, name in enumerate(frame.columns)
        if best and name in best
        for i, value in enumerate(frame[name])
        if value == best[name](frame[name].dropna())
    }
    corner = ", ".join(human(name) for name in frame.index.names if name)
    labels = [human(label) for label in frame.index]
    rows = [[label, *cells] for label, *cells in zip(labels, *columns, strict=True)]
    return Table([corner, *map(human, frame.columns)], rows, frozenset(marked))


def of_arms(
    runs: pd.DataFrame,
    labels: Mapping[str, str],
    best: Mapping[str, Callable[[Iterable], Any]] | None = None,
    digits: int | Mapping[str, int] = 2,
) -> Table:
    """A row for each arm in ``labels``, under its label: the interval of each column of ``runs``,
    which is indexed by arm and seed, as :func:`~alexnet_course.results.final_results` gives it.
    """
    rows = {
        label: {column: mean_interval(runs.loc[arm, column]) for column in runs}
        for arm, label in labels.items()
    }
    return show(pd.DataFrame(rows, dtype=object).T, best, digits)


def of_steps(
    name: str,
    steps: Iterable[str],
    costs: pd.DataFrame | None = None,
    folder: Path = RECORDED,
) -> Table:
    """A row for each of ``steps``, arms of the experiment ``name`` in the order in which one thing
    after another is changed: ``costs``, indexed by step; how the runs ended, of how many seeds; and
    what a step gains in test accuracy over the one before, paired by seed. Empty where nothing is
    recorded to the end.
    """
    steps = [*steps]
    seeds = recorded_seeds(name, folder)
    ends = final_results(name, folder=folder) if seeds else pd.DataFrame()
    rows = {
        step: _step(ends.loc[step], ends.loc[before] if before in seeds else None)
        for before, step in zip([None, *steps[:-1]], steps, strict=True)
        if step in seeds
    }
    frame = pd.DataFrame.from_dict(rows, orient="index", dtype=object)
    frame = frame.reindex(index=steps, columns=["seeds", *ENDS, "points gained"])
    return show(frame if costs is None else costs.join(frame))


def _step(own: pd.DataFrame, before: pd.DataFrame | None) -> dict[str, Any]:
    row: dict[str, Any] = {"seeds": len(own), **{x: mean_interval(own[x]) for x in ENDS}}
    if before is not None:
        row["points gained"] = mean_interval((own - before)["test accuracy"].dropna())
    return row


def of_gains(
    runs: pd.DataFrame,
    pairs: Mapping[Any, tuple[str, str]],
    columns: Iterable[str] = ("test accuracy", "training accuracy", "gap", "test loss"),
    pooled: Iterable[str] = ("test accuracy",),
    digits: int | Mapping[str, int] = 2,
    **more: Mapping[Any, Any],
) -> Table:
    """A row for each label in ``pairs``: by how much its first arm ends above its second in each
    of ``columns``, paired by seed; beside those in ``pooled``, the half-width by the spread of all
    arms (:func:`~alexnet_course.results.pooled_interval`). ``more`` are further columns, by label,
    such as ``paper={"LRN": 1.4}``.
    """
    frame = pd.DataFrame(index=pd.Index(list(pairs), tupleize_cols=False), dtype=object)
    for column in columns:
        found = gains_of_pairs(runs, pairs, column, pooled=column in pooled)
        frame[column] = list(map(Interval, found["mean"], found["half_width"]))
        if column in pooled:
            frame["pooled"] = [f"± {width:.2f}" for width in found["pooled"]]
    for name, values in more.items():
        frame[name] = [values.get(label) for label in pairs]
    return show(frame, digits=digits)
