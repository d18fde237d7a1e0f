"""Sizes, parameters, multiply-adds, memory and receptive fields, by arithmetic alone."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from alexnet_course.architectures import Architecture
from alexnet_course.layers import LEARNED, Layer, Shape, SpecError

FLOAT32_BYTES = 4
Rows = tuple[int, int] | None  # the first and the last, or none
SUMS = [
    "output_values",
    "neurons",
    "weights",
    "biases",
    "parameters",
    "multiply_adds",
    "activation_bytes",
]
FIELDS = ["receptive_field", "receptive_stride", "largest_seen"]
COLUMNS = ["name", "kind", "output_shape", *SUMS, *FIELDS]


@dataclass(frozen=True)
class Step:
    """One layer met on the walk: what it receives, what it makes, how far it sees."""

    layer: Layer
    input_shape: Shape
    output_shape: Shape
    receptive_field: int | None
    receptive_stride: int | None
    receptive_start: int | None


def trace(architecture: Architecture) -> Iterator[Step]:
    """Walk ``architecture`` from its input, a :class:`Step` a layer.

    The receptive field is the side, in input pixels, of the square that one output value can see,
    not clipped at the image's border; the receptive stride is how far that square moves between
    neighbouring outputs; the receptive start is the pixel at which the first of them begins, below
    0 over padding. All are ``None`` from an adaptive pooling or the flatten on.

    Raises :class:`~alexnet_course.layers.SpecError` where a layer cannot take what it receives.
    """
    shape = architecture.input_shape
    field, stride, start = 1, 1, 0
    names = set()
    for layer in architecture.layers:
        if layer.name in names:
            raise SpecError(
                f"architecture {architecture.name!r}: two layers are named {layer.name!r}; every "
                "name may stand once"
            )
        names.add(layer.name)
        made = layer.output_shape(shape)
        if layer.window is None:
            field = stride = start = None
        elif field is not None:
            kernel, step, padding = layer.window
            start -= padding * stride
            field, stride = field + (kernel - 1) * stride, stride * step
        yield Step(layer, shape, made, field, stride, start)
        shape = made


def _with_rows(architecture: Architecture) -> Iterator[tuple[Step, list[Rows] | None]]:
    """Each step with what its outputs see: for each of their rows, the first and last input row.

    A row that looks at nothing but padding has ``None``. Exact where windows reach over the edge,
    leave pixels over or leave gaps: each output joins what the rows under its window see.
    """
    rows: list[Rows] | None = [(row, row) for row in range(architecture.input_shape[1])]
    for step in trace(architecture):
        if step.receptive_field is None:
            rows = None
        else:
            kernel, stride, padding = step.layer.window
            starts = (i * stride - padding for i in range(step.output_shape[1]))
            rows = [_joined(rows[max(0, at) : max(0, at + kernel)]) for at in starts]
        yield step, rows


def _joined(rows: list[Rows]) -> Rows:
    seen = [row for row in rows if row]
    return (min(first for first, _ in seen), max(last for _, last in seen)) if seen else None


def receptive_rows(architecture: Architecture, name: str) -> pd.DataFrame:
    """What each row of outputs of layer ``name`` sees, as rows of the image, counted from 0.

    ``first`` and ``last`` are the ends of the receptive field, also where they lie outside the
    image; ``first_seen`` and ``last_seen`` the ends of what there is to see, and ``seen`` how many
    rows that is: 0, and empty ends, for a field that lies in padding alone. The index is the
    output's ``position``. Columns of a square image are like rows.

    Raises :class:`~alexnet_course.layers.SpecError` for a layer that is not there, or that stands
    at an adaptive pooling or the flatten, or behind one.
    """
    architecture.layer(name)
    step, rows = next(both for both in _with_rows(architecture) if both[0].layer.name == name)
    if rows is None:
        step.layer.fail("receptive fields end at the first adaptive pooling or flatten")
    start, field, stride = step.receptive_start, step.receptive_field, step.receptive_stride
    table = [
        (start + i * stride, start + i * stride + field - 1, *(row or (None, None)), _height(row))
        for i, row in enumerate(rows)
    ]
    columns = ["first", "last", "first_seen", "last_seen", "seen"]
    return pd.DataFrame(table, columns=columns, dtype="Int64").rename_axis("position")


def _height(row: Rows) -> int:
    return row[1] - row[0] + 1 if row else 0


def layer_table(architecture: Architecture) -> pd.DataFrame:
    """One row a layer and a last row ``total``; all counts are for one image.

    ``output_values`` counts what a layer puts out; ``neurons`` the same for learned layers only
    (conv, local, linear: the paper's count, its Figure 2); ``multiply_adds`` those of learned
    layers, positions over padding included; ``activation_bytes`` the outputs as float32; the
    receptive columns are explained in :func:`trace`, where they are not clipped; ``largest_seen``
    is the most rows of the image that any output sees (:func:`receptive_rows`). These three are
    empty where they have no meaning.
    """
    rows = []
    for step, seen in _with_rows(architecture):
        layer, values = step.layer, math.prod(step.output_shape)
        weights, biases = layer.parameter_counts(step.input_shape)
        rows.append(
            {
                "name": layer.name,
                "kind": layer.kind,
                "output_shape": step.output_shape,
                "output_values": values,
                "neurons": values if layer.kind in LEARNED else 0,
                "weights": weights,
                "biases": biases,
                "parameters": weights + biases,
                "multiply_adds": layer.multiply_adds(step.input_shape),
                "activation_bytes": values * FLOAT32_BYTES,
                "receptive_field": step.receptive_field,
                "receptive_stride": step.receptive_stride,
                "largest_seen": None if seen is None else max(map(_height, seen)),
            }
        )
    total = {"name": "total", "kind": "", "output_shape": ()}
    total |= {column: sum(row[column] for row in rows) for column in SUMS}
    table = pd.DataFrame([*rows, total], columns=COLUMNS)
    return table.astype(dict.fromkeys([*SUMS, *FIELDS], "Int64"))


def training_operations(architecture: Architecture) -> int:
    """Floating-point operations of one training step for one image, learned layers only.

    A multiply-add is two; forward, gradient by weights and gradient by inputs each take as many,
    so six times the multiply-adds, less those of the first layer's input gradient, which nobody
    asks for.
    """
    counts = [step.layer.multiply_adds(step.input_shape) for step in trace(architecture)]
    first = next((count for count in counts if count), 0)
    return 6 * sum(counts) - 2 * first


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
