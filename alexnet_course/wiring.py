"""Two towers: what crosses between them, and how one network is cut into them.

A network stands on several workers, each with a tower: an equal share of each layer's maps or
units. A worker that needs what another has made must be sent it, and sends back its gradient.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import pandas as pd
from torch import Tensor

from alexnet_course.architectures import Architecture
from alexnet_course.arithmetic import FLOAT32_BYTES, Step, shape_text, trace
from alexnet_course.layers import (
    LEARNED,
    LRN,
    Composite,
    Conv,
    Flatten,
    Layer,
    Linear,
    LocallyConnected,
    Parallel,
    Shape,
)

SIDES = ("left", "right")  # of the two towers' layers in ``two-towers``, as in ``conv1_left``
LOGITS = "logits"


class Read(NamedTuple):
    """A layer and how a worker comes by what it reads.

    ``split``: each worker holds a share of the layer's input, as it does after the first learned
    layer. ``meets``: each needs the other shares too.
    """

    step: Step
    split: bool
    meets: bool


def reads(steps: Iterable[Step], workers: int) -> Iterator[Read]:
    """The layers of ``steps`` in order, as :func:`~alexnet_course.arithmetic.trace` gives them, cut
    into a tower for each of ``workers``, all of whom have what the first layer receives.

    A conv layer with ``groups`` equal to ``workers``, or a multiple, reads its own tower; any other
    layer of :data:`~alexnet_course.layers.LEARNED` reads all, and so does a ``Parallel`` with a
    branch for each worker. LRN stays in its tower.

    Raises :class:`~alexnet_course.layers.SpecError` for layers that can't be cut so.
    """
    split = False
    for step in steps:
        if "." in step.name:
            continue  # inside a tower
        layer = step.layer
        share(layer, workers)
        learned = layer.kind in LEARNED or bool(layer.parts)
        own = isinstance(layer, Conv) and layer.groups % workers == 0
        if own and not split and workers > 1:
            layer.fail("it has groups on the image itself, which all workers have whole")
        yield Read(step, split, split and learned and not own)
        split = split or learned


def share(layer: Layer, workers: int) -> Layer:
    """What one of ``workers`` has of ``layer``: an equal share of its maps or units.

    Raises :class:`~alexnet_course.layers.SpecError` where they don't divide, where LRN's windows
    would cross from one share to the next, and for a composite that is not a tower for each.
    """
    if isinstance(layer, Composite):
        if not isinstance(layer, Parallel) or len(layer.parts) != workers:
            layer.fail(f"{workers} workers need a layer without parts, or {workers} branches")
    elif isinstance(layer, Linear):
        return replace(layer, out_features=_divided(layer, layer.out_features, workers))
    elif isinstance(layer, LocallyConnected):
        return replace(layer, out_channels=_divided(layer, layer.out_channels, workers))
    elif isinstance(layer, Conv):
        if layer.groups > 1 and layer.groups % workers:
            layer.fail(
                f"groups={layer.groups} for {workers} workers; let it have 1, or {workers} by "
                "wiring.with_towers"
            )
        outputs = _divided(layer, layer.out_channels, workers)
        return replace(layer, out_channels=outputs, groups=max(layer.groups // workers, 1))
    elif isinstance(layer, LRN) and layer.across == "channels":
        if layer.groups % workers:
            layer.fail(
                f"with groups={layer.groups} its windows cross from worker to worker; give it "
                f"groups={workers}"
            )
        return replace(layer, groups=layer.groups // workers)
    return layer


def _divided(layer: Layer, outputs: int, workers: int) -> int:
    if outputs % workers:
        layer.fail(f"its {outputs} outputs can't be shared equally by {workers} workers")
    return outputs // workers


def crossings(
    architecture: Architecture, workers: int = 2, by_images: bool = False
) -> pd.DataFrame:
    """What crosses between ``workers`` towers for one image, a row for each learned layer.

    ``reads`` is the shape that the layer receives. ``forwards`` counts the values that are sent,
    by all workers together: each lacks all shares of the layer's input but its own. ``backwards``
    counts what returns, as many: each worker has found gradients of values that are another's.
    ``forward_bytes`` and ``backward_bytes`` are these as float32. The last rows are ``logits``,
    which every worker needs whole for the softmax and whose gradients each then finds for itself,
    and ``total``.

    With ``by_images`` the workers share out images up to the flatten and units after it (one weird
    trick), so the first row is the flatten, where all need the other workers' images.

    The paper says where towers meet (§3.2, §3.5, Fig. 2), but not how its GPUs shared the softmax:
    the row of the logits is how this course does it. Errors are those of :func:`reads`.
    """
    steps = [step for step in trace(architecture) if "." not in step.name]
    rows = []
    if by_images:
        after = past_flatten(architecture)
        rows.append(_sent(steps[after - 1].name, steps[after].input_shape, workers - 1))
        steps = steps[after:]
    for step, _, meets in reads(steps, workers):
        if step.layer.kind in LEARNED or step.layer.parts:
            rows.append(_sent(step.name, step.input_shape, (workers - 1) * meets))
    rows.append((*_sent(LOGITS, steps[-1].output_shape, workers - 1)[:3], 0))
    rows.append(("total", "", sum(row[2] for row in rows), sum(row[3] for row in rows)))
    table = pd.DataFrame(rows, columns=["layer", "reads", "forwards", "backwards"])
    for way in ("forward", "backward"):
        table[f"{way}_bytes"] = table[f"{way}s"] * FLOAT32_BYTES
    return table


def _sent(name: str, shape: Shape, copies: int) -> tuple[str, str, int, int]:
    sent = math.prod(shape) * copies
    return name, shape_text(shape), sent, sent


def past_flatten(architecture: Architecture) -> int:
    """The place of the first layer after the flatten; :class:`ValueError` where there is none."""
    kinds = [type(layer) for layer in architecture.layers]
    if Flatten not in kinds[:-1]:
        raise ValueError(
            f"network {architecture.name!r} has no layers after a flatten; one weird trick needs "
            "conv layers, a flatten, and fully connected layers"
        )
    return kinds.index(Flatten) + 1


def with_towers(architecture: Architecture, towers: int) -> Architecture:
    """The same wiring with another number of towers: what has groups gets ``towers`` of them."""
    return architecture._with(
        lambda _, x: (
            replace(x, groups=towers) if isinstance(x, (Conv, LRN)) and x.groups > 1 else x,
        )
    )


def meeting_everywhere(architecture: Architecture) -> Architecture:
    """Full connection: every conv layer reads both towers. LRN stays in its tower."""
    everywhere = architecture._with(
        lambda _, x: (replace(x, groups=1) if isinstance(x, Conv) else x,)
    )
    return everywhere.renamed(f"{architecture.name}, meeting everywhere")


def meeting_nowhere(architecture: Architecture, towers: int = 2) -> Architecture:
    """No connection: towers of their own, fully connected layers too, up to the class layer.

    That reads all towers, since every class is judged by both.
    """
    layers = architecture.layers
    end = max(i for i, layer in enumerate(layers) if isinstance(layer, Linear))
    tower = [share(_as_grouped(layer, towers), towers) for layer in layers[:end]]
    names = SIDES if towers == 2 else [str(number) for number in range(towers)]
    branches = tuple(
        tuple(replace(layer, name=f"{layer.name}_{name}") for layer in tower) for name in names
    )
    apart = replace(architecture, layers=(Parallel("towers", branches), *layers[end:]))
    return apart.renamed(f"{architecture.name}, meeting nowhere")


def _as_grouped(layer: Layer, towers: int) -> Layer:
    return replace(layer, groups=towers) if isinstance(layer, LRN) else layer


def tower_values(whole: Mapping[str, Tensor], names: Iterable[str]) -> dict[str, Tensor]:
    """What a network with a layer for each tower has where a grouped one has ``whole``.

    ``whole`` is a ``state_dict``, or gradients by name, of a network like ``alexnet-2012``;
    ``names`` are those of ``two-towers``. ``towers2.conv1_left.weight`` is the first half of
    ``conv1.weight``, and a layer without a side is the same in both::

        towers.load_state_dict(tower_values(grouped.state_dict(), towers.state_dict()))

    Raises :class:`KeyError` for a name whose layer the grouped network has not.
    """
    return {name: _of_tower(whole, name) for name in names}


def _of_tower(whole: Mapping[str, Tensor], name: str) -> Tensor:
    *_, layer, what = name.split(".")
    found = re.fullmatch(rf"(.+)_({'|'.join(SIDES)})", layer)
    if found is None:
        return whole[f"{layer}.{what}"]
    return whole[f"{found[1]}.{what}"].chunk(2)[SIDES.index(found[2])]
