"""Every plot of the course, in one style: large type, colours that all can tell apart.

Each function gives a matplotlib figure and closes it, so that a notebook shows it once: as the
value of the cell's last line. It shows itself as SVG: lines are sharp at any size, its words are
words, and the same data give the same text. Charts carry their data along, as a table.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import wraps
from io import StringIO
from itertools import chain, count
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, NullFormatter

from alexnet_course.architectures import Architecture
from alexnet_course.arithmetic import layer_table, receptive_rows, shape_text, trace
from alexnet_course.layers import (
    LEARNED,
    Conv,
    Linear,
    LocallyConnected,
    Part,
    Pool,
    Shape,
    window_positions,
)
from alexnet_course.tables import Table, show

# Okabe and Ito's palette, distinguishable with any kind of colour vision.
BLUE, ORANGE, GREEN, PINK, SKY, RED, GREY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#767676",
)
PALETTE = (BLUE, RED, GREEN, ORANGE, PINK, SKY)
# What a label begins with, where that has the same colour in every figure.
MEANINGS = {"ReLU": BLUE, "tanh": RED, "sigmoid": ORANGE, "GELU": GREEN, "leaky ReLU": PINK}
GROUND = "#fefefe"  # what a drawing stands on; the book lets its page shine through
KIND_COLOURS = {"conv": BLUE, "local": SKY, "pool": ORANGE, "linear": GREEN}
STYLE: Any = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.prop_cycle": plt.cycler(color=PALETTE),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.constrained_layout.use": True,
    "figure.dpi": 130,
    "axes.facecolor": GROUND,
    "figure.facecolor": GROUND,
    "font.size": 11,
    "grid.color": "#dddddd",
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "the same names in every run",
}
WIDTH = 6.4  # inches; narrow enough that its type can still be read on a phone


class Drawing(Figure):
    """A figure that a notebook shows as SVG; a chart has its data as ``table``, for readers."""

    table: Table | None = None

    def svg(self) -> str:
        """The drawing as one SVG element: with the same data, the same text on every machine."""
        file = StringIO()
        with plt.rc_context(STYLE):
            self.savefig(file, format="svg", metadata={"Date": None})
        return _tidy(file.getvalue(), self.table)

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display({"image/svg+xml": self.svg(), "text/plain": repr(self)}, raw=True)


FONTS = "'DejaVu Sans',Verdana,sans-serif"
REFERENCE = re.compile(r'(?<=url\(#)[\w-]+(?=\))|(?<=href="#)[\w-]+(?=")')

LONG = re.compile(r"-?\d+\.\d{3,}")


def _shorter(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}"


def _tidy(svg: str, table: Table | None) -> str:
    """No prologue, two decimals, the fonts named once, and names only for what is referred to,
    numbered in their order; the data of ``table`` as JSON in ``<metadata>``.
    """
    svg = svg[svg.index("<svg") :].strip() + "\n"
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<[^>]*>", lambda tag: LONG.sub(_shorter, tag[0]), svg)  # no words
    svg = re.sub(r"\s*\n(?=[LCQMz])", " ", svg)
    svg = re.sub(r" font-family: [^;\"]*;?| transform=\"rotate\(-0 [^)]*\)\"", "", svg)
    svg = svg.replace('<style type="text/css">', f"<style>text{{font-family:{FONTS}}}", 1)
    mark = hashlib.sha256(svg.encode()).hexdigest()[:6]  # no two drawings of a page share a name
    names = dict(zip(dict.fromkeys(REFERENCE.findall(svg)), map(f"d{mark}-{{}}".format, count())))
    svg = REFERENCE.sub(lambda name: names[name[0]], svg)
    ids = re.compile(r' id="([^"]*)"')
    svg = ids.sub(lambda found: f' id="{names[found[1]]}"' if found[1] in names else "", svg)
    if table:
        data = json.dumps({"headings": table.headings, "rows": table.rows}, ensure_ascii=False)
        held = data.replace("&", "&amp;").replace("<", "&lt;")
        svg = svg.replace("<defs>", f"<metadata>{held}</metadata>\n <defs>", 1)
    return svg


def _subplots(*args: Any, **kwargs: Any) -> Any:
    return plt.subplots(*args, FigureClass=Drawing, **kwargs)


def _styled(draw):
    @wraps(draw)
    def drawn(*args, **kwargs) -> Drawing:
        with plt.rc_context(STYLE):
            figure = draw(*args, **kwargs)
            plt.close(figure)
            return figure

    return drawn


def _whole_numbers(axis: Axes) -> None:
    """Ticks of the x axis at whole numbers alone."""
    locator: Any = axis.xaxis.get_major_locator()
    locator.set_params(integer=True)


def _looks(labels: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Colour and line of each label: the colour of :data:`MEANINGS`, else the next of the palette
    that means nothing else here; the line solid, then dashed, and so on, to tell them apart without
    colours too.
    """
    labels = list(map(str, labels))
    meant = {
        label: colour
        for label in labels
        for name, colour in MEANINGS.items()
        if label.split(",")[0] == name
    }
    free = (colour for colour in PALETTE * len(labels) if colour not in meant.values())
    lines = ("-", "--", "-.", ":")
    return {
        label: {"color": meant.get(label) or next(free), "linestyle": lines[place % 4]}
        for place, label in enumerate(labels)
    }


def _four_digits(value: Any) -> Any:
    return f"{value:,.4g}" if isinstance(value, float) and pd.notna(value) else value


def _data(frame: pd.DataFrame, most: int = 60) -> Table:
    """What a chart shows, to four digits; of a long one, rows at equal distances and the last."""
    last = len(frame) - 1
    frame = frame.iloc[[*range(0, last, -(-len(frame) // most)), last]]
    return show(frame.map(_four_digits).rename(index=_four_digits))


def _name_axes(axis: Axes, xlabel: str, ylabel: str) -> None:
    """Both names horizontal: the upright axis has its own above it."""
    axis.set_xlabel(xlabel)
    axis.set_title(ylabel, loc="left", size=plt.rcParams["axes.labelsize"])


def _explain(figure: Figure, handles: Sequence[Any] | None = None, columns: int = 2) -> None:
    """A legend over the axes, where no line runs through it."""
    first = figure.axes[0]
    handles = handles or first.get_legend_handles_labels()[0]
    figure.legend(handles=handles, loc="outside upper left", ncols=columns)


@_styled
def plot_history(history) -> Drawing:
    """Loss and accuracy against epochs, training and held out, of one run."""
    frame, held = history.frame, history.held_out_name
    figure, axes = _subplots(1, 2, figsize=(WIDTH, 2.8))
    for axis, what, unit in zip(axes, ("loss", "accuracy"), ("nats", "%"), strict=True):
        axis.plot(frame["epoch"], frame[f"train_{what}"], "--", label="training")
        axis.plot(frame["epoch"], frame[f"{held}_{what}"], label=held)
        _name_axes(axis, "epoch", f"{what} ({unit})")
        _whole_numbers(axis)
    _explain(figure)
    shown = [f"{part}_{what}" for what in ("loss", "accuracy") for part in ("train", held)]
    figure.table = _data(frame.set_index("epoch")[shown])
    return figure


@_styled
def plot_runs(
    runs: pd.DataFrame, column: str, labels: dict[str, str], published: pd.DataFrame | None = None
) -> Drawing:
    """One thin line a seed and one thick line a mean, for each arm in ``labels``.

    ``runs`` is what :func:`alexnet_course.results.recorded` gives; ``published`` (columns
    ``at``, ``value``) is drawn beside them in grey. What one starts from comes first, in blue;
    the functions of :data:`MEANINGS` keep their colours.
    """
    figure, axis = _subplots(figsize=(WIDTH, 3.8))
    looks, means = _looks(labels.values()), {}
    for arm, label in labels.items():
        chosen = runs[runs["arm"] == arm]
        colour, seeds = looks[label]["color"], chosen["seed"].nunique()
        for _, one in chosen.groupby("seed"):
            axis.plot(one["epoch"], one[column], linewidth=0.7, alpha=0.6, color=colour)
        means[label] = mean = chosen.groupby("epoch")[column].mean()
        text = f"{label} ({seeds} seed{'s' * (seeds > 1)})"
        axis.plot(mean.index, mean, linewidth=2.2, label=text, **looks[label])
    if published is not None:
        label = "as printed in the tutorial"
        axis.plot(published["at"], published["value"], "o--", color=GREY, ms=4, label=label)
    what = column.replace("train_", "training_").replace("_", " ")
    _name_axes(axis, "epoch", f"{what} ({'nats' if 'loss' in what else '%'})")
    _whole_numbers(axis)
    _explain(figure)
    figure.table = _data(pd.DataFrame(means))
    return figure


@_styled
def plot_lines(
    table: pd.DataFrame, xlabel: str, ylabel: str, log: bool = False, logx: bool = False
) -> Drawing:
    """A line for each column of ``table`` over its index; ``log`` for a logarithmic y axis,
    ``logx`` for a logarithmic x axis with a tick at each row.
    """
    figure, axis = _subplots(figsize=(WIDTH, 3.4))
    looks = _looks(table.columns)
    for (label, values), marker in zip(table.items(), "osD^vX*P", strict=False):
        few = len(values) <= 20
        look = looks[str(label)] | {"marker": marker if few else None, "ms": 5}
        axis.plot(values.index, values, label=label, **look)
    _name_axes(axis, xlabel, ylabel)
    axis.set_yscale("log" if log else "linear")
    if logx:
        axis.set_xscale("log")
        axis.set_xticks(table.index, map("{:,}".format, table.index))
        axis.xaxis.set_minor_formatter(NullFormatter())
    elif pd.api.types.is_integer_dtype(table.index):
        _whole_numbers(axis)
    _explain(figure)
    figure.table = _data(table)
    return figure


@_styled
def plot_race(table: pd.DataFrame) -> Drawing:
    """Test accuracy against training time: for each tutorial an arrow from its way to ours.

    ``table`` has columns ``tutorial``, ``way``, ``seconds`` (training) and ``accuracy`` (per
    cent). Each tutorial has a colour and each way a marker. Arrows begin at an open circle, the
    way ``"published"``; where that was not run, our ways stand alone.
    """
    figure, axis = _subplots(figsize=(WIDTH, 4.2))
    ours = [way for way in dict.fromkeys(table["way"]) if way != "published"]
    markers = {"published": "o"} | dict(zip(ours, "osD^v", strict=False))
    legend = []
    for colour, (name, rows) in zip(
        (BLUE, RED, GREEN, PINK, ORANGE), table.groupby("tutorial", sort=False), strict=False
    ):
        published = None
        for row in rows.itertuples():
            point, face = (row.seconds, row.accuracy), colour
            if row.way == "published":
                published, face = point, "white"
            elif published:
                arrow = {"arrowstyle": "->", "color": colour, "shrinkA": 6, "shrinkB": 6}
                axis.annotate("", point, xytext=published, arrowprops=arrow)
            axis.plot(*point, markers[row.way], color=colour, mfc=face, ms=8, mew=2)
        legend.append(Line2D([], [], color=colour, linewidth=5, label=name))
    for way, marker in markers.items():
        face = "white" if way == "published" else GREY
        look: dict[str, Any] = {"marker": marker, "color": GREY, "mfc": face, "ms": 8, "mew": 2}
        legend.append(Line2D([], [], linestyle="", label=way, **look))
    _explain(figure, legend, columns=3)
    _name_axes(axis, "training time (seconds)", "test accuracy (%)")
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axis.xaxis.set_major_formatter("{x:,.0f}")
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.margins(x=0.1, y=0.12)
    figure.table = _data(table.set_index(["tutorial", "way"])[["seconds", "accuracy"]])
    return figure


@_styled
def plot_shares(architecture: Architecture, columns: dict[str, str]) -> Drawing:
    """Each learned layer's share of some counts; ``columns`` maps a column to its label."""
    table = layer_table(architecture)
    table = table[table["kind"].isin(LEARNED)]
    height = max(3.2, 0.9 + 0.22 * len(table))
    figure, axes = _subplots(1, len(columns), figsize=(WIDTH, height), sharey=True, squeeze=False)
    shares = pd.DataFrame(index=table["name"])
    for axis, (column, label) in zip(axes[0], columns.items(), strict=True):
        share = 100 * table[column].astype(float) / table[column].sum()
        bars = axis.barh(table["name"], share, color=[KIND_COLOURS[k] for k in table["kind"]])
        axis.bar_label(bars, fmt="%.1f", padding=3, fontsize=9)
        axis.set(xlabel=f"share of {label} (%)", xlim=(0, max(share) * 1.22))
        axis.grid(axis="y", visible=False)
        shares[f"share of {label} (%)"] = share.to_numpy()
    axes[0, 0].invert_yaxis()
    figure.table = _data(shares)
    return figure


@_styled
def plot_bars(values: pd.DataFrame, label: str) -> Drawing:
    """Horizontal bars: a group for each row of ``values``, a colour for each column."""
    figure, axis = _subplots(figsize=(WIDTH, 0.8 + 0.25 * values.size))
    values.plot.barh(ax=axis, width=0.75, legend=values.shape[1] > 1)
    bars: Any
    for bars in axis.containers:
        axis.bar_label(bars, fmt="%.1f", padding=3, fontsize=9)
    axis.set(xlabel=label, ylabel="", xlim=(0, values.max().max() * 1.12))
    axis.grid(axis="y", visible=False)
    axis.invert_yaxis()
    figure.table = _data(values)
    return figure


@_styled
def plot_intervals(table: pd.DataFrame, label: str) -> Drawing:
    """A point with its interval for each row of ``table``, and a line at zero.

    Columns ``mean`` and ``half_width``. A column ``pooled`` gives a second half-width, drawn as a
    broad bar over the first; where there is a column ``paper``, the paper's figure stands beside
    ours as an open diamond (NaN for none).
    """
    figure, axis = _subplots(figsize=(WIDTH, 1.2 + 0.36 * len(table)))
    rows = range(len(table))
    axis.axvline(0, color="black", linewidth=1)
    axis.errorbar(
        table["mean"], rows, xerr=table["half_width"], fmt="o", ms=6, capsize=4, label="measured"
    )
    if "pooled" in table:
        low, high = (table["mean"] + sign * table["pooled"] for sign in (-1, 1))
        axis.hlines(rows, low, high, color=SKY, linewidth=8, zorder=1.5, label="pooled")
    if "paper" in table:
        axis.plot(table["paper"], rows, "D", color=GREY, mfc="white", ms=7, mew=2, label="paper")
    if {"paper", "pooled"} & {*table}:
        _explain(figure, columns=3)
    axis.set(yticks=rows, yticklabels=table.index, xlabel=label, ylim=(len(table) - 0.5, -0.5))
    axis.grid(axis="y", visible=False)
    figure.table = _data(table)
    return figure


@_styled
def plot_points(table: pd.DataFrame, label: str, log: bool = True) -> Drawing:
    """A line for each row of ``table`` with a marker for each column; the first column filled, the
    others open. The axis is logarithmic, or with ``log=False`` linear and begins at 0.
    """
    figure, axis = _subplots(figsize=(WIDTH, 1.2 + 0.36 * len(table)))
    rows = range(len(table))
    for place, ((name, values), marker) in enumerate(zip(table.items(), "oDs^", strict=False)):
        face = {"mfc": "none", "mew": 2, "ms": 9} if place else {"ms": 6}
        axis.plot(values, rows, marker, color=PALETTE[place], label=name, **face)
    axis.set(yticks=rows, yticklabels=table.index, xlabel=label)
    axis.set_ylim(len(table) - 0.5, -0.5)
    if log:
        axis.set_xscale("log")
    else:
        axis.set_xlim(left=0)
    axis.xaxis.set_major_formatter("{x:,.0f}")
    axis.grid(axis="y", visible=False)
    _explain(figure)
    figure.table = _data(table)
    return figure


@_styled
def plot_panels(table: pd.DataFrame, panels: dict[str, list[str]]) -> Drawing:
    """Panels one under the other, each under its name, over the rows of ``table``: a marker for
    each of the columns that a panel names, the first filled. One alone has its value beside it.
    """
    height = len(panels) * (0.7 + 0.27 * len(table))
    figure, axes = _subplots(len(panels), 1, figsize=(WIDTH, height), squeeze=False)
    for axis, (name, columns) in zip(axes.flat, panels.items(), strict=True):
        lines = _panel(axis, table[columns])
        axis.set_title(name, loc="left", size=plt.rcParams["axes.labelsize"])
        if len(lines) > 1:
            figure.legend(handles=lines, loc="outside lower left")
    figure.table = _data(table)
    return figure


def _panel(axis: Axes, table: pd.DataFrame) -> list[Line2D]:
    """The markers of one panel; on a logarithmic axis where they span a factor of 20."""
    rows, lines = range(len(table)), []
    for place, ((column, values), marker) in enumerate(zip(table.items(), "oDs^", strict=False)):
        face = {"mfc": "none", "mew": 2, "ms": 8} if place else {"ms": 7}
        lines += axis.plot(values, rows, marker, color=PALETTE[place], label=column, **face)
    if len(lines) == 1:
        for row, value in enumerate(table.iloc[:, 0]):
            beside: Any = {"xytext": (8, 0), "textcoords": "offset points", "fontsize": 9}
            axis.annotate(f"{value:,.3g}", (value, row), va="center", **beside)
    axis.set(yticks=rows, yticklabels=table.index, ylim=(len(table) - 0.5, -0.5))
    axis.grid(axis="y", visible=False)
    axis.margins(x=0.15)
    if table.max(axis=None) > 20 * table.min(axis=None):
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter("{x:,.4g}")
        axis.xaxis.set_minor_formatter(NullFormatter())
    return lines


class _Row(NamedTuple):
    """A layer of :func:`draw_network`; ``joins`` if it reads every tower before it."""

    name: str
    kind: str
    shape: Shape
    towers: int
    joins: bool
    parts: "tuple[list[_Row], ...]" = ()


def _network_rows(architecture: Architecture) -> list[_Row]:
    """Where convolutions are grouped, all stand in towers but the input, composites with what is
    inside them, and the last linear one.
    """
    shapes = {step.name: step.output_shape for step in trace(architecture)}
    towers = max((x.groups for x in architecture.layers if isinstance(x, Conv)), default=1)
    classes = [x for x in architecture.layers if isinstance(x, Linear)][-1:]

    def rows(layers: Part, towers: int, inside: str = "") -> list[_Row]:
        found = []
        for layer in layers:
            name = f"{inside}{layer.name}"
            parts = tuple(rows(part, 1, f"{name}.") for part in layer.parts)
            if parts or isinstance(layer, (Conv, LocallyConnected, Pool, Linear)):
                joins = not isinstance(layer, Pool) and getattr(layer, "groups", 1) == 1
                across = 1 if parts or layer in classes else towers
                found.append(_Row(layer.name, layer.kind, shapes[name], across, joins, parts))
        return found

    given = _Row("input", "input", architecture.input_shape, 1, False)
    return [given, *rows(architecture.layers, towers)]


def _flat(rows: Iterable[_Row]) -> Iterator[_Row]:
    for row in rows:
        yield from _flat(chain(*row.parts))
        yield row


Size = Callable[[_Row], tuple[float, float]]
Point = tuple[float, float]


def _block_size(rows: list[_Row]) -> Size:
    """What gives width and height of one tower's block of a row, in inches."""
    rows = list(_flat(rows))
    maps = [row for row in rows if len(row.shape) == 3]
    widest = max(row.shape[2] for row in maps)
    deepest = max(row.shape[0] / row.towers for row in maps)
    longest = max((row.shape[0] for row in rows if len(row.shape) == 1), default=1)

    def size(row: _Row) -> tuple[float, float]:
        if len(row.shape) == 1:
            return 2.2 * row.shape[0] / row.towers / longest, 0.2
        return (
            2.7 * (row.shape[2] / widest) ** 0.5,
            0.12 + 0.32 * row.shape[0] / row.towers / deepest,
        )

    return size


CENTRED: dict[str, Any] = {
    "ha": "center",
    "va": "center_baseline",
    "weight": "bold",
    "color": "white",
}
JOINTS = {"residual": "+", "parallel": "concat"}
GAP, FAN, BETWEEN, CAPTION = 0.28, 0.42, 0.14, 0.18  # inches: over a block, beside it, under it
LETTER = 0.075  # inches that a letter of a caption is wide; a bold one is wider by a fifth


def _breadth(row: _Row, size: Size) -> float:
    """How wide a layer is, in inches, with its caption and all that is inside."""
    columns = [_column(part, size) for part in row.parts]
    inside = sum(columns) + BETWEEN * (len(columns) - 1)
    return max(size(row)[0], LETTER * len(row.name), inside)


def _column(part: list[_Row], size: Size) -> float:
    return max((_breadth(row, size) for row in part), default=0.3)


def _arrow(axis: Axes, start: Point, end: Point, colour: str = GREY) -> None:
    look = {"arrowstyle": "-|>", "color": colour, "lw": 1.5}
    axis.annotate("", end, xytext=start, arrowprops=look)


def _block(axis: Axes, row: _Row, size: Size, x: float, top: float) -> None:
    width, height = size(row)
    colour = KIND_COLOURS.get(row.kind, GREY)
    axis.add_patch(Rectangle((x - width / 2, top - height), width, height, facecolor=colour))


def _write(axis: Axes, row: _Row, size: Size, x: float, top: float) -> None:
    """How many maps a block has, or how a composite joins its parts, where the block has room."""
    width, height = size(row)
    text = JOINTS.get(row.kind, row.kind) if row.parts else str(row.shape[0])
    if row.kind != "pool" and width > 1.2 * LETTER * len(text):
        axis.text(x, top - height / 2, text, size=9, **CENTRED)


def _inside(axis: Axes, row: _Row, size: Size, x: float, starts: list[Point]) -> float:
    """Draw the parts of a composite around ``x``, side by side, from ``starts`` to the joint; give
    the joint's top.
    """
    columns = [_column(part, size) for part in row.parts]
    left = x - (sum(columns) + BETWEEN * (len(columns) - 1)) / 2
    ends = []
    for part, width in zip(row.parts, columns, strict=True):
        ends.append(_run(axis, part, size, left + width / 2, starts))
        left += width + BETWEEN
    lowest = min(bottom for _, bottom in ends)
    reach = 0.4 * size(row)[0]
    for middle, bottom in ends:
        axis.plot([middle, middle], [bottom, lowest], color=GREY, lw=1.5)
        at = min(max(middle, x - reach), x + reach)
        _arrow(axis, (middle, lowest), (at, lowest - FAN))
    return lowest - FAN


def _run(axis: Axes, part: list[_Row], size: Size, x: float, starts: list[Point]) -> Point:
    """Draw one part of a composite down from ``starts``, each layer over its name; give its end."""
    if not part:
        ((_, bottom), *_) = starts
        for start in starts:
            axis.plot([start[0], x], [start[1], bottom - FAN], color=GREY, lw=1.5)
        return x, bottom - FAN
    for row in part:
        if row.parts:
            top = _inside(axis, row, size, x, starts)
        else:
            top = starts[0][1] - (GAP if starts == [(x, starts[0][1])] else FAN)
            for start in starts:
                _arrow(axis, start, (x, top))
        _block(axis, row, size, x, top)
        _write(axis, row, size, x, top)
        below = top - size(row)[1] - CAPTION
        axis.text(x, below + 0.04, row.name, ha="center", va="baseline", size=8.5)
        starts = [(x, below)]
    return starts[0]


def _apart(rows: list[_Row], size: Size) -> float:
    """How far it is from the middle of one tower to that of the next; 0 where there is one."""
    return max((0.12 + size(row)[0] for row in rows if row.towers > 1), default=0)


def _middles(row: _Row, apart: float) -> list[float]:
    """Where the towers of a row have their middles, around 0."""
    return [apart * (i - (row.towers - 1) / 2) for i in range(row.towers)]


def _reads(row: _Row, sources: list[float], middle: float) -> list[tuple[float, str]]:
    """From which towers an arrow leads into the one at ``middle``, and of which colour."""
    if row.kind not in LEARNED:
        return []
    reads = sources if row.joins and len(sources) > 1 else [middle]
    return [(source, GREY if source == middle else RED) for source in reads]


@_styled
def draw_network(architecture: Architecture) -> Drawing:
    """The layers that change the shape, from the input down, in towers where they are grouped.

    A block is as wide as its maps are (on a root scale) and as high as they are many; that of a
    linear layer is as wide as its outputs are many. Where there are towers, a number says how many
    maps or outputs are in each. Arrows lead into a learned layer from what it reads; they have
    another colour where they cross from tower to tower. The parts of a composite stand side by
    side over its own block, in which they are joined.
    """
    rows = _network_rows(architecture)
    size = _block_size(rows)
    apart = _apart(rows, size)
    wider = max(0, *(_breadth(row, size) / 2 - 2.3 for row in rows))
    left, right = -2.3 - wider, 2.5 + wider
    figure, axis = _subplots()
    gaps = {"input": 0.0, "pool": 0.06}
    sources, bottom = [0.0], 0.0
    for row in rows:
        height = size(row)[1]
        top = bottom - gaps.get(row.kind, GAP)
        if row.parts:
            top = _inside(axis, row, size, 0, [(source, bottom) for source in sources])
        middle = top - height / 2
        middles = _middles(row, apart)
        for x in middles:
            _block(axis, row, size, x, top)
            for source, colour in _reads(row, sources, x):
                _arrow(axis, (source, bottom), (x, top), colour)
            if row.kind in LEARNED and row.towers > 1:
                axis.text(x, middle, str(row.shape[0] // row.towers), size=10, **CENTRED)
            if row.parts:
                _write(axis, row, size, x, top)
        axis.text(left, middle, row.name, va="center_baseline", size=12)
        axis.text(right, middle, shape_text(row.shape), ha="right", va="center_baseline")
        sources, bottom = middles, top - height
    if apart > 0:
        lines = [Line2D([], [], color=colour, lw=1.5) for colour in (GREY, RED)]
        labels = ("stays in its tower", "crosses over")
        axis.legend(lines, labels, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=2)
    axis.set(xlim=(left, right), ylim=(bottom, 0.05))
    axis.axis("off")
    figure.set_size_inches(4.9 + 2 * wider, (0.5 if apart > 0 else 0.1) - bottom)
    return figure


@_styled
def draw_network_across(architecture: Architecture) -> Drawing:
    """:func:`draw_network` from left to right, one tower above the other, in few and large words.

    Below stand the names of the layers that learn. A composite is one block.
    """
    rows = _network_rows(architecture)
    size = _block_size(rows)
    apart = _apart(rows, size)
    low = -max(_middles(row, apart)[-1] + size(row)[0] / 2 for row in rows)
    figure, axis = _subplots()
    sources, right = [0.0], 0.0
    for row in rows:
        height, width = size(row)
        width = 0.6 * width if row.kind == "pool" else 0.7 * width + 0.3
        left = right + (0.05 if row.kind == "pool" else 0.27)
        kind = KIND_COLOURS.get(row.kind, GREY)
        for y in _middles(row, apart):
            axis.add_patch(Rectangle((left, y - height / 2), width, height, facecolor=kind))
            for source, colour in _reads(row, sources, y):
                _arrow(axis, (right, source), (left, y), colour)
            if row.kind in LEARNED:
                text = str(row.shape[0] // row.towers)
                axis.text(left + width / 2, y, text, size=11, **CENTRED)
        if row.kind != "pool":
            axis.text(left + width / 2, low - 0.08, row.name, ha="center", va="top", size=15)
        sources, right = _middles(row, apart), left + width
    axis.set(xlim=(0.1, right + 0.1), ylim=(low - 0.4, -low + 0.02))
    axis.axis("off")
    figure.set_size_inches(right, 0.42 - 2 * low)
    return figure


@_styled
def draw_windows(cases: Sequence[tuple[str, int, int, int, int, str]]) -> Drawing:
    """Where a sliding window's last positions fall, one row a case.

    A case is ``(label, size, kernel, stride, padding, rounding)``, all in pixels. Only the right
    end of the row is drawn; grey is image, hatched is padding, and
    a window that reaches beyond the image has a colour of its own.
    """
    figure, axes = _subplots(len(cases), 1, figsize=(WIDTH, 1.35 * len(cases)), sharex=True)
    for axis, (label, size, kernel, stride, padding, rounding) in zip(axes, cases, strict=True):
        positions = window_positions(size, kernel, stride, padding, rounding)
        axis.axvspan(size - 30, size, ymax=0.3, color="#c8c8c8")
        if padding:
            axis.axvspan(
                size, size + padding, ymax=0.3, facecolor="white", edgecolor=GREY, hatch="////"
            )
        for back in range(3):
            start = (positions - 1 - back) * stride - padding
            over = start + kernel > size
            axis.add_patch(
                Rectangle(
                    (start, 0.36 + 0.2 * back),
                    kernel,
                    0.15,
                    facecolor=RED if over else BLUE,
                    edgecolor="white",
                )
            )
            axis.text(
                start - 0.4,
                0.43 + 0.2 * back,
                f"{positions - back}",
                ha="right",
                va="center",
                fontsize=9,
            )
        unused = size + padding - ((positions - 1) * stride - padding + kernel)
        note = f"{unused} px unused" if unused > 0 else f"{-unused} px over" if unused < 0 else ""
        axis.set_title(f"{label}: {positions} positions  {note}", loc="left", fontsize=11)
        axis.axvline(size, color="black", linewidth=1)
        axis.set(ylim=(0, 1), yticks=[])
        axis.grid(visible=False)
        axis.spines["left"].set_visible(False)
    right = max(size + padding for _, size, _, _, padding, _ in cases)
    axes[-1].set(xlim=(right - 32, right + 5), xlabel="pixel column (counted from 0)")
    return figure


@_styled
def draw_receptive_fields(architecture: Architecture, names: Sequence[str]) -> Drawing:
    """The square of a square image that one value of each layer can see.

    The value is the middle one, or of two in the middle the upper left one.
    """
    side = architecture.input_shape[1]
    figure, axis = _subplots(figsize=(WIDTH * 0.75, WIDTH * 0.75))
    axis.add_patch(Rectangle((0, 0), side, side, facecolor="#ececec", edgecolor=GREY))
    colours = (BLUE, ORANGE, GREEN, PINK, SKY, RED)
    for place, name in enumerate(names):
        rows = receptive_rows(architecture, name)
        corner, field = rows.loc[(len(rows) - 1) // 2, ["first_seen", "seen"]]
        colour = colours[place % len(colours)]
        last = place == len(names) - 1  # drawn wide, and below: a side that two share shows both
        look: dict[str, Any] = {"ec": colour, "lw": 4.5 if last else 2, "zorder": 2 if last else 3}
        axis.add_patch(Rectangle((corner, corner), field, field, fill=False, **look))
        text = f"{name}: {field}"
        axis.text(corner, corner - 1, text, color=colour, va="bottom", size=9, weight="bold")
    axis.set(xlim=(-5, side + 5), ylim=(side + 5, -12), aspect="equal", xlabel="pixels")
    axis.grid(visible=False)
    return figure


@_styled
def draw_colours(pixels, directions) -> Drawing:
    """Pixels as dots of their own colour, and their principal directions as arrows.

    ``pixels``: float ``[N, 3]``, red, green and blue, 0 to 1. ``directions``: the columns of
    :func:`~alexnet_course.data.augmentation.colour_directions`, widest last; an arrow is twice as
    long as its column, in both senses from the mean.
    """
    figure, axes = _subplots(1, 2, figsize=(WIDTH, 3.8), sharex=True, sharey=True)
    mean = pixels.mean(0)
    for axis, (across, up) in zip(axes, ((0, 1), (0, 2)), strict=True):
        axis.scatter(pixels[:, across], pixels[:, up], s=4, c=pixels, linewidth=0, rasterized=True)
        for number, arrow in enumerate(reversed(directions.T.unbind())):
            for sense, head in ((2, "->"), (-2, "-")):
                end = mean + sense * arrow
                axis.annotate(
                    "",
                    (end[across], end[up]),
                    xytext=(mean[across], mean[up]),
                    arrowprops={"arrowstyle": head, "lw": 2.5, "color": (RED, ORANGE, SKY)[number]},
                )
        names = ("red", "green", "blue")
        axis.set(xlabel=names[across], ylabel=names[up], aspect="equal", facecolor="#dddddd")
        axis.grid(color="white")
    names = ("widest", "second", "third")
    lines = [Line2D([], [], color=c, lw=2.5) for c in (RED, ORANGE, SKY)]
    figure.legend(lines, names, loc="outside upper center", ncols=3)
    return figure


@_styled
def show_images(images, labels: Sequence[str], columns: int = 5) -> Drawing:
    """uint8 images ``[N, 3, height, width]`` in rows, each under its label."""
    rows = -(-len(images) // columns)
    size = (WIDTH, 1.2 * rows * WIDTH / columns)
    figure, axes = _subplots(rows, columns, figsize=size, squeeze=False)
    for axis in axes.ravel():
        axis.axis("off")
    for axis, image, label in zip(axes.ravel(), images, labels):
        axis.imshow(image.permute(1, 2, 0).numpy(), interpolation="none")
        axis.set_title(label, pad=2)
    return figure


def _tiles(kernels: Any, columns: int) -> Any:
    """Kernels ``[N, 3, height, width]`` side by side as one picture with gaps, its grey where a
    weight is 0, each as bright as its own largest weight allows.
    """
    count, _, height, width = kernels.shape
    scale = kernels.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-12)
    shown = (0.5 + 0.5 * kernels / scale).permute(0, 2, 3, 1).numpy()
    rows = -(-count // columns)
    picture = np.zeros((rows * (height + 1) - 1, columns * (width + 1) - 1, 4))
    for place, kernel in enumerate(shown):
        top, left = place // columns * (height + 1), place % columns * (width + 1)
        picture[top : top + height, left : left + width, :3] = kernel
        picture[top : top + height, left : left + width, 3] = 1
    return picture


@_styled
def show_kernels(groups: Mapping[str, Any], columns: int = 12) -> Drawing:
    """Kernels ``[N, 3, height, width]`` as colours, a block for each of ``groups`` under its label.

    Grey is a weight of 0, in every kernel; each has colours as strong as its largest weight allows.
    """
    pictures = {label: _tiles(kernels, columns) for label, kernels in groups.items()}
    heights = [picture.shape[0] / picture.shape[1] * WIDTH + 0.3 for picture in pictures.values()]
    figure, axes = _subplots(
        len(pictures),
        1,
        figsize=(WIDTH, sum(heights)),
        squeeze=False,
        gridspec_kw={"height_ratios": heights},
    )
    for axis, (label, picture) in zip(axes[:, 0], pictures.items(), strict=True):
        axis.imshow(picture, interpolation="none")
        axis.set_title(label, loc="left", pad=3)
        axis.axis("off")
    return figure


@_styled
def show_maps(image: Any, maps: Mapping[str, Any], columns: int = 6) -> Drawing:
    """An image (uint8 ``[3, height, width]``) and, for each layer, its first maps: bright is much.

    ``maps``: ``[channels, height, width]`` by label; ``columns`` channels of each are drawn.
    """
    figure, axes = _subplots(
        len(maps) + 1, columns, figsize=(WIDTH, 1.15 * (len(maps) + 1)), squeeze=False
    )
    for axis in axes.ravel():
        axis.axis("off")
    axes[0, 0].imshow(image.permute(1, 2, 0).numpy(), interpolation="none")
    axes[0, 0].set_title("image", loc="left", pad=3)
    for row, (label, channels) in zip(axes[1:], maps.items(), strict=True):
        for axis, channel in zip(row, channels):
            axis.imshow(channel.numpy(), interpolation="none", cmap="gray")
        row[0].set_title(label, loc="left", pad=3)
    return figure


@_styled
def show_channel(
    title: str, patches: Any, labels: Sequence[str], tuning: Mapping[str, pd.Series], kernel=None
) -> Drawing:
    """A channel's page: its ``kernel`` ``[3, height, width]``, if it reads the image, else its
    strongest patch; the nine patches ``[9, 3, side, side]`` that it answers to most, the strongest
    first, each under its class; and a curve for each of ``tuning``, one to three series indexed by
    what was shown.
    """
    rows: list[Any] = [
        ["large"] * 3 + [f"patch {3 * row + place}" for place in range(3)] for row in range(3)
    ]
    share = 6 // len(tuning)
    figure: Any
    figure, axes = plt.subplot_mosaic(
        [*rows, [label for label in tuning for _ in range(share)]],
        figsize=(WIDTH, 6.2),
        FigureClass=Drawing,
        height_ratios=(1, 1, 1, 1.7),
    )
    figure.suptitle(title)
    large = patches[0] if kernel is None else _tiles(kernel[None], 1)
    _picture(axes["large"], large, "strongest patch" if kernel is None else "kernel")
    for place, (patch, label) in enumerate(zip(patches, labels)):
        _picture(axes[f"patch {place}"], patch, label)
    for label, curve in tuning.items():
        axes[label].plot(curve.index, curve)
        axes[label].set_xticks(curve.index[:: len(curve) // 4])
        _name_axes(axes[label], str(curve.index.name), label)
    return figure


def _picture(axis: Axes, image: Any, label: str) -> None:
    """An image, its colours last (NumPy) or first (PyTorch), under its label."""
    shown = image if isinstance(image, np.ndarray) else image.permute(1, 2, 0).numpy()
    axis.imshow(shown, interpolation="none")
    axis.set_title(label, pad=2, size=9)
    axis.axis("off")


@_styled
def show_occlusion(images: Any, maps: Any, labels: Sequence[str]) -> Drawing:
    """Images (uint8 ``[N, 3, height, width]``) over maps of a class's log-odds with each place
    hidden, all in one scale: dark where least is left.
    """
    figure, axes = _subplots(2, len(images), figsize=(WIDTH, 3.9), squeeze=False)
    low, high = (
        min(float(left.min()) for left in maps),
        max(float(left.max()) for left in maps),
    )
    for (above, below), image, left, label in zip(axes.T, images, maps, labels):
        _picture(above, image, label)
        shown = below.imshow(
            left.numpy(), vmin=low, vmax=high, cmap="viridis", interpolation="none"
        )
        below.axis("off")
    bar = figure.colorbar(shown, ax=axes[1], location="bottom", aspect=40)
    bar.set_label("log-odds with the place hidden")
    return figure


@_styled
def plot_confusion(counts: pd.DataFrame) -> Drawing:
    """How many images of each class (rows) are taken for each (columns); right ones are left out of
    the colours, so that mistakes show.
    """
    figure, axis = _subplots(figsize=(WIDTH, WIDTH * 0.86))
    wrong = counts.to_numpy(dtype=float).copy()
    np.fill_diagonal(wrong, np.nan)
    axis.imshow(wrong, cmap="Blues", vmin=0)
    for (row, column), number in np.ndenumerate(counts.to_numpy()):
        dark = wrong[row, column] > 0.6 * np.nanmax(wrong)
        look = {"color": "white" if dark else "black", "size": 9}
        axis.text(column, row, f"{number}", ha="center", va="center", **look)
    axis.set_xticks(range(len(counts)), counts.columns, rotation=45, ha="right")
    axis.set_yticks(range(len(counts)), counts.index)
    _name_axes(axis, "taken for", "is")
    axis.grid(visible=False)
    figure.table = _data(counts)
    return figure


@_styled
def plot_reliability(table: pd.DataFrame) -> Drawing:
    """Share of right answers against how sure the network was (columns ``sure``, ``right``, in per
    cent, and ``images``, which the points' areas show); on the dashed line it would be calibrated.
    """
    figure, axis = _subplots(figsize=(WIDTH, 4.2))
    axis.plot([0, 100], [0, 100], "--", color=GREY, label="as sure as right")
    axis.plot(table["sure"], table["right"], color=BLUE, label="this network")
    sizes = 600 * table["images"] / table["images"].sum() + 15
    axis.scatter(table["sure"], table["right"], s=sizes, color=BLUE)
    axis.set(xlim=(0, 102), ylim=(0, 102))
    _name_axes(axis, "probability of the likeliest class (%)", "right answers (%)")
    _explain(figure)
    figure.table = _data(table.set_index("sure")[["right", "images"]])
    return figure


__all__ = [
    "draw_colours",
    "draw_network",
    "draw_network_across",
    "draw_receptive_fields",
    "draw_windows",
    "plot_bars",
    "plot_confusion",
    "plot_history",
    "plot_intervals",
    "plot_lines",
    "plot_panels",
    "plot_points",
    "plot_race",
    "plot_reliability",
    "plot_runs",
    "plot_shares",
    "show_channel",
    "show_images",
    "show_kernels",
    "show_maps",
    "show_occlusion",
]
