"""Sizes, parameters, multiply-adds, memory and receptive fields, by arithmetic alone."""

import json
import math
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from alexnet_course.architectures import Architecture
from alexnet_course.layers import (
    FLOAT32_BYTES,
    LEARNED,
    SUMS,
    Layer,
    Part,
    Shape,
    SpecError,
    repeated,
)

Rows = tuple[int, int] | None  # the first and the last, or none
FIELDS = ["receptive_field", "receptive_stride", "largest_seen"]
COLUMNS = ["name", "kind", "output_shape", *SUMS, *FIELDS]


class Field(NamedTuple):
    """The receptive field of the values of a layer, in input pixels, not clipped at the border.

    ``side`` is that of the square that one value can see, ``stride`` how far the square moves
    between neighbouring values, and ``start`` the pixel at which the first of them begins, below 0
    over padding.
    """

    side: int
    stride: int
    start: int


class Signal(NamedTuple):
    """What one layer hands to the next: its shape, and what lies behind it.

    ``learned`` tells whether parameters stand between the image and here. ``rows`` has what there
    is to see: for each row of values the first and the last row of the image, ``None`` over padding
    alone. ``field`` and ``rows`` are ``None`` from an adaptive pooling or the flatten on, and
    ``field`` also where branches of several strides have met.
    """

    shape: Shape
    learned: bool
    field: Field | None
    rows: list[Rows] | None


@dataclass(frozen=True)
class Step:
    """One layer met on the walk, by its dotted name: what it receives and what it makes."""

    name: str
    layer: Layer
    received: Signal
    made: Signal

    @property
    def input_shape(self) -> Shape:
        return self.received.shape

    @property
    def output_shape(self) -> Shape:
        return self.made.shape


def trace(architecture: Architecture) -> Iterator[Step]:
    """Walk ``architecture`` from its input, a :class:`Step` a layer.

    The layers inside a composite come before it, under dotted names (``"block1.conv1"``); its own
    step is the sum or the concatenation of what they make.

    Raises :class:`~alexnet_course.layers.SpecError` where a layer cannot take what it receives.
    """
    if name := repeated(architecture.layers):
        raise SpecError(
            f"architecture {architecture.name!r}: two layers are named {name!r}; every name may "
            "stand once"
        )
    shape = architecture.input_shape
    rows: list[Rows] = [(row, row) for row in range(shape[1])]
    image = Signal(shape, learned=False, field=Field(1, 1, 0), rows=rows)
    yield from _walk(architecture.layers, image)


def _walk(layers: Part, signal: Signal, inside: str = "") -> Generator[Step, None, Signal]:
    """The steps of ``layers``, whose names begin with ``inside``; returns what the last makes."""
    for layer in layers:
        name = f"{inside}{layer.name}"
        ends = []
        for part in layer.parts:
            ends.append((yield from _walk(part, signal, f"{name}.")))
        try:
            shape = layer.output_shape(signal.shape)
        except SpecError as error:
            raise SpecError(f"inside {inside[:-1]!r}: {error}" if inside else str(error)) from None
        made = _joined(shape, ends) if ends else _through(layer, shape, signal)
        yield Step(name, layer, signal, made)
        signal = made
    return signal


def _through(layer: Layer, shape: Shape, signal: Signal) -> Signal:
    """What a layer makes of ``signal``.

    Rows are exact where windows reach over the edge, leave pixels over or leave gaps: each output
    joins what the rows under its window see.
    """
    learned = signal.learned or any(layer.parameter_counts(signal.shape))
    if layer.window is None or signal.rows is None:
        return Signal(shape, learned, None, None)
    kernel, step, padding = layer.window
    starts = (i * step - padding for i in range(shape[1]))
    rows = [_hull(signal.rows[max(0, at) : max(0, at + kernel)]) for at in starts]
    if signal.field is None:
        return Signal(shape, learned, None, rows)
    side, stride, start = signal.field
    field = Field(side + (kernel - 1) * stride, stride * step, start - padding * stride)
    return Signal(shape, learned, field, rows)


def _joined(shape: Shape, ends: list[Signal]) -> Signal:
    """What comes of the ``ends`` of a composite's parts: each output sees what any of them saw."""
    learned = any(end.learned for end in ends)
    rows = [end.rows for end in ends if end.rows is not None]
    if len(rows) < len(ends):
        return Signal(shape, learned, None, None)
    seen = [_hull(each) for each in zip(*rows, strict=True)]
    fields = [end.field for end in ends if end.field is not None]
    if len(fields) < len(ends) or len({field.stride for field in fields}) > 1:
        return Signal(shape, learned, None, seen)
    start = min(field.start for field in fields)
    end = max(field.start + field.side for field in fields)
    return Signal(shape, learned, Field(end - start, fields[0].stride, start), seen)


def _hull(rows: Iterable[Rows]) -> Rows:
    seen = [row for row in rows if row]
    return (min(first for first, _ in seen), max(last for _, last in seen)) if seen else None


def receptive_rows(architecture: Architecture, name: str) -> pd.DataFrame:
    """What each row of outputs of layer ``name`` sees, as rows of the image, counted from 0.

    ``first`` and ``last`` are the ends of the receptive field, also where they lie outside the
    image, and are empty behind branches of several strides; ``first_seen`` and ``last_seen`` are
    the ends of what there is to see, and ``seen`` how many rows that is: 0, and empty ends, for a
    field that lies in padding alone. The index is the output's ``position``. Columns of a square
    image are like rows.

    Raises :class:`~alexnet_course.layers.SpecError` for a layer that is not there, or that stands
    at an adaptive pooling or the flatten, or behind one.
    """
    architecture.layer(name)
    step = next(step for step in trace(architecture) if step.name == name)
    made = step.made
    if made.rows is None:
        step.layer.fail("receptive fields end at the first adaptive pooling or flatten")
    table = []
    for i, row in enumerate(made.rows):
        ends: tuple[int | None, int | None] = (None, None)
        if made.field:
            first = made.field.start + i * made.field.stride
            ends = first, first + made.field.side - 1
        table.append((*ends, *(row or (None, None)), _height(row)))
    columns = ["first", "last", "first_seen", "last_seen", "seen"]
    return pd.DataFrame(table, columns=columns, dtype="Int64").rename_axis("position")


def _height(row: Rows) -> int:
    return row[1] - row[0] + 1 if row else 0


def layer_rows(architecture: Architecture) -> list[dict[str, Any]]:
    """The rows of :func:`layer_table`, before they are a table."""
    rows: list[dict[str, Any]] = []
    for step in trace(architecture):
        layer, made, values = step.layer, step.made, math.prod(step.output_shape)
        weights, biases = layer.parameter_counts(step.input_shape)
        rows.append(
            {
                "name": step.name,
                "kind": layer.kind,
                "output_shape": step.output_shape,
                "output_values": values,
                "neurons": values if layer.kind in LEARNED else 0,
                "weights": weights,
                "biases": biases,
                "parameters": weights + biases,
                "multiply_adds": layer.multiply_adds(step.input_shape),
                "activation_bytes": values * FLOAT32_BYTES,
                "receptive_field": made.field and made.field.side,
                "receptive_stride": made.field and made.field.stride,
                "largest_seen": None if made.rows is None else max(map(_height, made.rows)),
            }
        )
    total: dict[str, Any] = {"name": "total", "kind": "", "output_shape": ()}
    return [*rows, total | {column: sum(row[column] for row in rows) for column in SUMS}]


def layer_table(architecture: Architecture) -> pd.DataFrame:
    """One row a layer and a last row ``total``; all counts are for one image.

    The layers inside a composite stand before it, under dotted names; its own row is the joint: the
    sum, or the copy in which branches stand together. ``output_values`` counts what a layer puts
    out; ``neurons`` the same for learned layers only (conv, local, linear: the paper's count, its
    Figure 2); ``multiply_adds`` those of learned layers, positions over padding included;
    ``activation_bytes`` the outputs as float32; the receptive columns are explained in
    :class:`Field`; ``largest_seen`` is the most rows of the image that
    any output sees (:func:`receptive_rows`). These three are empty where they have no meaning.
    """
    table = pd.DataFrame(layer_rows(architecture), columns=COLUMNS)
    return table.astype(dict.fromkeys([*SUMS, *FIELDS], "Int64"))


def training_operations(architecture: Architecture) -> int:
    """Floating-point operations of one training step for one image, learned layers only.

    A multiply-add is two; forward, gradient by weights and gradient by inputs each take as many,
    so six times the multiply-adds, less those of the input gradients that nobody asks for: of each
    layer that the image reaches with no parameters between.
    """
    counts = [
        (4 + 2 * step.received.learned) * step.layer.multiply_adds(step.input_shape)
        for step in trace(architecture)
    ]
    return sum(counts)


def shape_text(shape: Shape) -> str:
    """``(96, 55, 55)`` as ``96×55×55``."""
    return "×".join(str(side) for side in shape)


def format_table(architecture: Architecture, form: str = "text") -> str:
    """:func:`layer_table` as ``text``, ``markdown``, ``csv`` or ``json`` (a list of rows)."""
    table = layer_table(architecture)
    if form == "json":
        rows = json.loads(table.to_json(orient="records"))
        return json.dumps({"name": architecture.name, "rows": rows}, indent=1, ensure_ascii=False)
    table["output_shape"] = table["output_shape"].map(shape_text)
    if form == "csv":
        return table.to_csv(index=False).rstrip("\n")
    lines = [COLUMNS]
    for row in table.itertuples(index=False):
        lines.append(["" if pd.isna(x) else x if isinstance(x, str) else f"{x:,}" for x in row])
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    left = 3  # name, kind and shape stand left, numbers right
    padded = [
        [c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths))]
        for line in lines
    ]
    if form == "text":
        return "\n".join("  ".join(line).rstrip() for line in padded)
    if form == "markdown":
        rule = ["-" * w if i < left else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
        return "\n".join(f"| {' | '.join(line)} |" for line in [padded[0], rule, *padded[1:]])
    raise ValueError(f"format {form!r} is unknown; choose text, markdown, csv or json")
