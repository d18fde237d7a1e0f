"""Sizes, parameters, multiply-adds, memory and receptive fields, by arithmetic alone."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from alexnet_course.architectures import Architecture
from alexnet_course.layers import Layer, Shape, SpecError

FLOAT32_BYTES = 4
SUMS = [
    "output_values",
    "neurons",
    "weights",
    "biases",
    "parameters",
    "multiply_adds",
    "activation_bytes",
]
COLUMNS = ["name", "kind", "output_shape", *SUMS, "receptive_field", "receptive_stride"]


@dataclass(frozen=True)
class Step:
    """One layer met on the walk: what it receives, what it makes, how far it sees."""

    layer: Layer
    input_shape: Shape
    output_shape: Shape
    receptive_field: int | None
    receptive_stride: int | None


def trace(architecture: Architecture) -> Iterator[Step]:
    """Walk ``architecture`` from its input, a :class:`Step` a layer.

    The receptive field is the side, in input pixels, of the square that one output value can see,
    not clipped at the image's border; the receptive stride is how far that square moves between
    neighbouring outputs. Both are ``None`` from an adaptive pooling or the flatten on.

    Raises :class:`~alexnet_course.layers.SpecError` where a layer cannot take what it receives.
    """
    shape = architecture.input_shape
    field, stride = 1, 1
    seen = set()
    for layer in architecture.layers:
        if layer.name in seen:
            raise SpecError(
                f"architecture {architecture.name!r}: two layers are named {layer.name!r}; every "
                "name may stand once"
            )
        seen.add(layer.name)
        made = layer.output_shape(shape)
        if layer.window is None:
            field = stride = None
        elif field is not None:
            kernel, step = layer.window
            field, stride = field + (kernel - 1) * stride, stride * step
        yield Step(layer, shape, made, field, stride)
        shape = made


def layer_table(architecture: Architecture) -> pd.DataFrame:
    """One row a layer and a last row ``total``; all counts are for one image.

    ``output_values`` counts what a layer puts out; ``neurons`` the same for conv and linear layers
    only (the paper's count, its Figure 2); ``multiply_adds`` those of conv and linear layers,
    positions over padding included; ``activation_bytes`` the outputs as float32; the receptive
    columns are explained in :func:`trace` and empty where they have no meaning.
    """
    rows = []
    for step in trace(architecture):
        layer, values = step.layer, math.prod(step.output_shape)
        weights, biases = layer.parameter_counts(step.input_shape)
        rows.append(
            {
                "name": layer.name,
                "kind": layer.kind,
                "output_shape": step.output_shape,
                "output_values": values,
                "neurons": values if layer.kind in ("conv", "linear") else 0,
                "weights": weights,
                "biases": biases,
                "parameters": weights + biases,
                "multiply_adds": layer.multiply_adds(step.input_shape),
                "activation_bytes": values * FLOAT32_BYTES,
                "receptive_field": step.receptive_field,
                "receptive_stride": step.receptive_stride,
            }
        )
    total = {"name": "total", "kind": "", "output_shape": ()}
    total |= {column: sum(row[column] for row in rows) for column in SUMS}
    table = pd.DataFrame([*rows, total], columns=COLUMNS)
    whole = [*SUMS, "receptive_field", "receptive_stride"]
    return table.astype(dict.fromkeys(whole, "Int64"))


def training_operations(architecture: Architecture) -> int:
    """Floating-point operations of one training step for one image, conv and linear layers.

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
