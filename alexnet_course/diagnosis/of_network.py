"""Detectors that look at a network: its outputs, its graph, its weights and its modes."""

import math
import re
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet_course.diagnosis.program import NotSeen
from alexnet_course.diagnosis.seen import Seen, hooks, some

# Between what sound networks of the course show and what breaks them.
SMALLEST = 1e-5  # of the inputs' deviation, at the last layer: 8e-4 learns, 3e-6 does not
LARGEST = 8  # times ln C before any training: He's weights make up to 5.6 in networks that learn
DEAD = 0.6  # of a ReLU's channels
DIFFER = 1e-3  # of the outputs' size: rounding makes two equal passes differ by less
SCALED_ONCE = 0.75, 1.33  # never, at a rate of 0.3, makes 0.7; twice makes 1.4
LAST = {"Relu": "ReLU", "Sigmoid": "sigmoid", "Tanh": "tanh", "Clamp": "clamp", "Elu": "ELU"}
LINEAR = (
    *("Add", "Sub", "View", "Reshape", "Unsafe", "T", "Permute", "Transpose", "Clone", "Squeeze"),
    *("Unsqueeze", "Expand", "Mean", "AvgPool", "AdaptiveAvgPool", "Pad", "ConstantPad", "Slice"),
    *("NativeBatchNorm", "CudnnBatchNorm", "NativeDropout", "Alias", "Neg", "Cat", "ToCopy"),
    *("UnsafeView", "Split", "Contiguous", "Select"),
)
WEIGHING = ("Convolution", "Addmm", "Mm", "Bmm", "Linear", "MkldnnConvolution")  # short ones whole

# Outputs


def softmax_before_loss(seen: Seen) -> str | None:
    sums = seen.logits.sum(1)
    if seen.logits.min() < 0 or (sums - 1).abs().max() > 1e-3 or not seen.scored_by_cross_entropy:
        return None
    floor = math.log(1 + (seen.classes - 1) / math.e)
    return (
        f"the outputs for each image are at least 0 and add up to {sums.mean():.3f}, so a "
        f"cross-entropy that takes the softmax again can't fall below {floor:.2f}"
    )


def activation_at_the_end(seen: Seen) -> str | None:
    node = seen.outputs.grad_fn
    if node is not None and node.name().startswith("LogSoftmax"):
        node = node.next_functions[0][0]  # the loss's own, so to speak
    last = node.name() if node else ""
    kind = next((words for key, words in LAST.items() if last.startswith(key)), None)
    if kind is None or not seen.scored_by_cross_entropy:
        return None
    low, high = seen.logits.min(), seen.logits.max()
    return f"the last operation is a {kind}; all outputs lie between {low:.3g} and {high:.3g}"


def size_slip(seen: Seen) -> str | None:
    images = seen.batch[0]
    error = seen.broken
    if error:
        found = re.search(r"(\d+)x(\d+) and (\d+)x(\d+)", error)
        if found:
            _, given, wanted, _ = map(int, found.groups())
            return (
                f"images of {tuple(images.shape[1:])} reach a linear layer as {given:,} numbers "
                f"each; it expects {wanted:,} ({error})"
            )
        if re.search(r"size|shape|channels|dimension", error, re.IGNORECASE):
            return f"images of {tuple(images.shape[1:])} stop the network: {error}"
        return None
    if seen.outputs.ndim and len(seen.outputs) != len(images):
        return f"{len(images)} images give {len(seen.outputs)} rows of outputs"
    return None


def no_non_linearity(seen: Seen) -> str | None:
    weighing = [n for n in seen.graph if _is(n, WEIGHING)]
    for node in weighing:
        before = _linear_input(node.next_functions[_input(node)][0])
        if before is not None and not _bottleneck(node, before):
            return (
                f"between {_sizes(before)} and {_sizes(node)} stands nothing but linear "
                "operations, so that together they are one linear layer"
            )
    return None


def _is(node: Any, names: tuple[str, ...]) -> bool:
    plain = re.sub(r"Backward\d*$", "", node.name())
    return plain in names or any(plain.startswith(name) for name in names if len(name) > 3)


def _input(node: Any) -> int:
    return 1 if node.name().startswith("Addmm") else 0


def _linear_input(node: Any) -> Any:
    """The operation with weights that reaches this place through linear operations alone."""
    waiting, done = [node], set()
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in done or hasattr(node, "variable"):
            continue
        done.add(id(node))
        if _is(node, WEIGHING):
            return node
        parents = [n for n, _ in node.next_functions if n is not None]
        if _is(node, LINEAR) or (node.name().startswith(("Mul", "Div")) and len(parents) == 1):
            waiting += parents
    return None


def _weight(node: Any) -> Tensor | None:
    """The matrix or kernels of an operation with weights."""
    for following, _ in node.next_functions[::-1]:
        while following is not None and following.name().startswith(("T", "Transpose")):
            following = following.next_functions[0][0]
        if hasattr(following, "variable") and following.variable.ndim >= 2:
            return following.variable
    return None


def _bottleneck(node: Any, before: Any) -> bool:
    """Whether two linear layers in a row are a product of small matrices that is meant as such, or
    a depthwise convolution with its pointwise one.
    """
    first, second = _weight(before), _weight(node)
    if first is None or second is None:
        return True
    if first.ndim == 4 and (first.shape[1] == 1 or second.shape[1] == 1):
        return True
    inner = first.shape[0]
    return inner < first[0].numel() and inner < second.shape[0]


def _sizes(node: Any) -> str:
    weight = _weight(node)
    kind = "a convolution" if node.name().startswith("Conv") else "a linear layer"
    return kind if weight is None else f"{kind} of {tuple(weight.shape)}"


# Modes


def test_in_training_mode(seen: Seen) -> str | None:
    passes = seen.watch.tested
    wrong = [p for p in passes if p.training]
    if not wrong or not _minds_mode(seen):
        return None
    return (
        f"{len(wrong)} of {len(passes)} passes that test ran in training mode, with dropout or "
        "batch statistics on"
    )


def training_in_test_mode(seen: Seen) -> str | None:
    if not _minds_mode(seen):
        return None
    steps = [(n, s) for n, s in enumerate(seen.steps, 1) if s.training is not None]
    wrong = [n for n, step in steps if not step.training]
    if not wrong:
        return None
    return (
        f"{len(wrong)} of {len(steps)} training steps, from step {wrong[0]} on, ran in evaluation "
        "mode, with dropout and batch statistics off"
    )


def _minds_mode(seen: Seen) -> bool:
    kinds = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._BatchNorm)
    return any(isinstance(m, kinds) for m in seen.network.modules()) or seen.dropout is not None


def dropout_wrong(seen: Seen) -> str | None:
    one, other = _still(seen)
    scale = one.abs().mean().clamp_min(1e-12)
    differ = float((one - other).abs().mean() / scale)
    if differ > DIFFER:
        return (
            f"two passes of the same images in evaluation mode differ by {100 * differ:.0f} % of "
            "the outputs' size"
        )
    if seen.dropout is None:
        return None
    place, factor = seen.dropout
    if SCALED_ONCE[0] < factor < SCALED_ONCE[1]:
        return None
    return (
        f"{place} is on average {factor:.2f} times as large in training as in evaluation mode; "
        "dropout that scales once gives 1"
    )


@torch.no_grad()
def _still(seen: Seen) -> list[Tensor]:
    """The outputs of two passes of the same batch in evaluation mode."""
    seen.ready()
    seen.network.eval()
    return [seen.run(seen.batch[0]) for _ in range(2)]


# First weights


def _signals(seen: Seen) -> dict[str, float]:
    """For each layer with weights, in the order of its work: the deviation of what it makes
    between images. Under ``""`` that of the images.
    """
    seen.ready()
    made = {"": _between(seen.batch[0])}

    def note(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, _: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                made[name] = _between(output)

        return hook

    with hooks(seen.network, note, (nn.Linear, nn.modules.conv._ConvNd)), torch.no_grad():
        seen.network.train()  # as batch norm sees the batch
        for module in seen.network.modules():
            if isinstance(module, nn.modules.dropout._DropoutNd):
                module.eval()
        seen.run(seen.batch[0])
    seen.restore()
    return made


def _between(values: Tensor) -> float:
    """The deviation of each value between images, on average."""
    return float(values.detach().float().std(0).mean()) if len(values) > 1 else math.nan


def first_weights_too_small(seen: Seen) -> str | None:
    signals = _signals(seen)
    if len(signals) < 2:
        raise NotSeen("no layer of torch.nn was seen at work")
    first, (name, last) = signals[""], [*signals.items()][-1]
    if not math.isfinite(last) or last >= SMALLEST * min(first, 1.0):
        return None
    return (
        f"between images, inputs differ by {first:.2g} and what {name} makes by {last:.2g}: "
        f"{len(signals) - 1} layers shrink the signal {first / max(last, 1e-38):.1g}-fold"
    )


def first_weights_too_large(seen: Seen) -> str | None:
    labels, classes = seen.batch[1], seen.classes
    if labels.dtype != torch.int64 or labels.ndim != 1:
        raise NotSeen("labels are no classes")
    if int(labels.min()) < 0 or int(labels.max()) >= classes:
        raise NotSeen("labels are out of range")
    loss, chance = float(F.cross_entropy(seen.logits, labels)), math.log(classes)
    if loss < LARGEST * chance and math.isfinite(loss):
        return None
    return (
        f"before any training the loss is {loss:.3g}; guessing among {classes} classes costs "
        f"ln {classes} = {chance:.2f}"
    )


def first_weights_equal(seen: Seen) -> str | None:
    alike = []
    for name, value in seen.state.items():
        if name.endswith("weight") and value.ndim >= 2 and len(value) > 1:
            rows = value.flatten(1)
            if bool((rows == rows[:1]).all()) and (rows.shape[1] > 1 or len(rows) > 2):
                alike.append(name)
    if not alike:
        return None
    return f"all units of {some(alike)} have the same weights, so that all learn the same"


def dead_relus(seen: Seen) -> str | None:
    dead = _dead(seen)
    worst = max(dead, key=lambda name: dead[name], default=None)
    if worst is None or dead[worst] < DEAD:
        return None
    return (
        f"{100 * dead[worst]:.0f} % of the channels of {worst} are 0 for every image, before any "
        "training"
    )


@torch.no_grad()
def _dead(seen: Seen) -> dict[str, float]:
    """For each ReLU the share of its channels that no image makes positive."""
    seen.ready()
    seen.network.eval()
    with _Relus() as found:
        for images, _ in seen.batches[:4]:
            found.turn = 0
            seen.run(images[: len(seen.batch[0])])
    return {name: float((most <= 0).float().mean()) for name, most in found.largest.items()}


class _Relus(torch.overrides.TorchFunctionMode):
    """The largest value of each channel after each ReLU, in the order of their work."""

    def __init__(self) -> None:
        super().__init__()
        self.turn = 0
        self.largest: dict[str, Tensor] = {}

    def __torch_function__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        if getattr(function, "__name__", "") in ("relu", "relu_") and made.ndim > 1:
            self.turn += 1
            most = made.detach().transpose(0, 1).flatten(1).amax(1)
            name = f"ReLU {self.turn}"
            self.largest[name] = torch.maximum(self.largest.get(name, most), most)
        return made
