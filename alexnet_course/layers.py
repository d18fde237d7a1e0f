"""Layer specs: what a layer makes, as data.

A spec says what a layer *makes* (outputs, window, stride, padding, rounding, groups). What it
*receives* is inferred by walking the network from its input. From a spec and the shape that it
receives follow the output shape, the parameters and the multiply-adds; no tensor is needed.

Shapes leave the batch out: ``(channels, height, width)`` before the flatten, ``(features,)``
after it.

A :class:`Composite` is a layer made of layers. Those inside are addressed by dotted names, such as
``"block1.conv1"``.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Annotated, ClassVar, Literal, NoReturn

from alexnet_course.fields import Count, CountOrZero, NotNegative, Positive, Share, settle, shown

Shape = tuple[int, ...]
Rounding = Literal["floor", "ceil"]
LEARNED = ("conv", "local", "linear")  # kinds of layers with neurons, as the paper counts them


def layer_of(parameter: str) -> str:
    """The layer of a parameter's name: ``"block1.conv1"`` of ``"block1.conv1.weight"``."""
    return parameter.rpartition(".")[0]


def require_layers(what: str, layers: Iterable[str], parameters: Iterable[str]) -> None:
    """Raise :class:`ValueError`, which begins with ``what``, where one of ``layers`` has none of
    the ``parameters``.
    """
    known = dict.fromkeys(map(layer_of, parameters))
    if unknown := set(layers) - known.keys():
        raise ValueError(
            f"{what} {', '.join(sorted(unknown))}, but the network has weights in "
            f"{', '.join(known)}"
        )


FLOAT32_BYTES = 4
SUMS = [  # what is counted of each layer, and added up for a network
    "output_values",
    "neurons",
    "weights",
    "biases",
    "parameters",
    "multiply_adds",
    "activation_bytes",
]


class SpecError(ValueError):
    """A layer that cannot be: the message names the layer, the numbers and the rule."""


def window_positions(
    size: int, kernel: int, stride: int, padding: int = 0, rounding: str = "floor"
) -> int:
    """How many positions a window takes along one side, in pixels.

    ``floor((size + 2·padding − kernel) / stride) + 1``, or the same with ``ceil``, in which case
    the last window may hang over the edge. With ``ceil``, a window that would start beyond the
    input and its left padding is dropped, as PyTorch's pooling does. The released 2012 code drops
    none: its convolutions give one position more where that happens, which takes a
    ``kernel < stride + padding``.
    """
    span = size + 2 * padding - kernel
    if rounding == "floor":
        return span // stride + 1
    positions = math.ceil(span / stride) + 1
    late = span % stride and (positions - 1) * stride >= size + padding
    return positions - 1 if late else positions


@dataclass(frozen=True)
class Layer:
    """A layer that keeps its input's shape and has no parameters, unless a subclass says so.

    Every field is checked against its annotation: :mod:`alexnet_course.fields`.
    """

    name: str
    kind: ClassVar[str] = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.isidentifier():
            raise SpecError(
                f"layer name {shown(self.name)}: a name is a word of letters, digits and _, such "
                "as 'conv1'"
            )
        if self.name == "total":
            raise SpecError("layer name 'total': the table's last row has it; choose another")
        if wrong := settle(self):
            self.fail("; ".join(wrong))

    def output_shape(self, shape: Shape) -> Shape:
        """The shape that comes out when ``shape`` goes in; :class:`SpecError` if it can't."""
        return shape

    def parameter_counts(self, shape: Shape) -> tuple[int, int]:
        """``(weights, biases)`` of a layer that receives ``shape``."""
        return 0, 0

    def multiply_adds(self, shape: Shape) -> int:
        """Multiplications (each with its addition) of one forward pass of one image."""
        return 0

    @property
    def window(self) -> tuple[int, int, int] | None:
        """``(kernel, stride, padding)`` for receptive fields; ``None`` where they end."""
        return 1, 1, 0

    @property
    def parts(self) -> "tuple[Part, ...]":
        """The runs of layers inside; none but in a :class:`Composite`."""
        return ()

    def with_parts(self, parts: "tuple[Part, ...]") -> "Layer":
        """The same layer with other layers inside."""
        return self

    def fail(self, message: str) -> NoReturn:
        raise SpecError(f"layer {self.name!r} ({type(self).__name__}): {message}")

    def require_maps(self, shape: Shape) -> None:
        if len(shape) != 3:
            self.fail(
                f"receives shape {shape}; it works on maps, (channels, height, width), so it must "
                "stand before the flatten"
            )

    def require_groups(self, channels: int, groups: int, label: str) -> None:
        if channels % groups:
            self.fail(f"groups={groups} does not divide its {channels} {label} channels")

    def slide(self, shape: Shape, kernel: int, stride: int, padding: int, rounding: str) -> Shape:
        """Height and width after sliding a window over ``shape``."""
        self.require_maps(shape)
        for side, size in zip(("height", "width"), shape[1:], strict=True):
            if kernel > size + 2 * padding:
                self.fail(
                    f"its window of {kernel} is larger than the padded input: {side} {size} + "
                    f"2·{padding} = {size + 2 * padding}"
                )
        return tuple(window_positions(n, kernel, stride, padding, rounding) for n in shape[1:])


Part = tuple[Layer, ...]


@dataclass(frozen=True)
class Conv(Layer):
    """A convolution with square kernels.

    ``groups=2`` is the paper's two towers: each half of the kernels sees half of the maps.
    ``rounding="ceil"`` lets the last window hang over the bottom and right edges, over zeros, as
    the released 2012 code does (:func:`window_positions` has the rule, and where it differs).
    """

    out_channels: Count
    kernel: Count
    stride: Count = 1
    padding: CountOrZero = 0
    groups: Count = 1
    bias: bool = True
    rounding: Rounding = "floor"
    kind: ClassVar[str] = "conv"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_groups(self.out_channels, self.groups, "output")

    def output_shape(self, shape: Shape) -> Shape:
        sides = self.slide(shape, self.kernel, self.stride, self.padding, self.rounding)
        self.require_groups(shape[0], self.groups, "input")
        return (self.out_channels, *sides)

    def parameter_counts(self, shape: Shape) -> tuple[int, int]:
        weights = self.out_channels * (shape[0] // self.groups) * self.kernel**2
        return weights, self.out_channels if self.bias else 0

    def multiply_adds(self, shape: Shape) -> int:
        _, height, width = self.output_shape(shape)
        return self.parameter_counts(shape)[0] * height * width

    @property
    def window(self) -> tuple[int, int, int]:
        return self.kernel, self.stride, self.padding


@dataclass(frozen=True)
class LocallyConnected(Layer):
    """A convolution that shares nothing: every position has kernels and biases of its own."""

    out_channels: Count
    kernel: Count
    stride: Count = 1
    padding: CountOrZero = 0
    kind: ClassVar[str] = "local"

    def output_shape(self, shape: Shape) -> Shape:
        return self.out_channels, *self.slide(shape, *self.window, "floor")

    def parameter_counts(self, shape: Shape) -> tuple[int, int]:
        outputs = math.prod(self.output_shape(shape))
        return outputs * shape[0] * self.kernel**2, outputs

    def multiply_adds(self, shape: Shape) -> int:
        return self.parameter_counts(shape)[0]

    @property
    def window(self) -> tuple[int, int, int]:
        return self.kernel, self.stride, self.padding


@dataclass(frozen=True)
class Pool(Layer):
    """Max or average pooling (``mode="max"`` or ``"average"``) with square windows."""

    kernel: Count
    stride: Count
    padding: CountOrZero = 0
    mode: Literal["max", "average"] = "max"
    rounding: Rounding = "floor"
    kind: ClassVar[str] = "pool"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.padding > self.kernel // 2:
            self.fail(
                f"padding {self.padding} is more than half of its window of {self.kernel}; some "
                "windows would hold nothing but padding"
            )

    def output_shape(self, shape: Shape) -> Shape:
        sides = self.slide(shape, self.kernel, self.stride, self.padding, self.rounding)
        return (shape[0], *sides)

    @property
    def window(self) -> tuple[int, int, int]:
        return self.kernel, self.stride, self.padding


@dataclass(frozen=True)
class AdaptivePool(Layer):
    """Average pooling to ``size`` × ``size`` outputs, whatever comes in."""

    size: Count
    kind: ClassVar[str] = "pool"

    def output_shape(self, shape: Shape) -> Shape:
        self.require_maps(shape)
        return shape[0], self.size, self.size

    @property
    def window(self) -> None:
        return None


@dataclass(frozen=True)
class LRN(Layer):
    """Local response normalisation, paper §3.3: ``a / (k + alpha · Σ a²) ** beta``.

    The sum runs over ``size`` neighbouring channels (``across="channels"``), or over a
    ``size`` × ``size`` patch of the same map (``across="space"``, the second norm of the released
    code). ``alpha`` multiplies the sum itself, as the paper prints it;
    ``torch.nn.LocalResponseNorm`` divides its ``alpha`` by ``size`` first. ``groups=2`` keeps the
    windows inside a tower.
    """

    size: Count = 5
    alpha: NotNegative = 1e-4
    beta: NotNegative = 0.75
    k: Positive = 2.0
    groups: Count = 1
    across: Literal["channels", "space"] = "channels"
    kind: ClassVar[str] = "lrn"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.across == "space" and self.size % 2 == 0:
            self.fail(f"size {self.size} is even; a patch of a map needs a middle pixel")

    def output_shape(self, shape: Shape) -> Shape:
        self.require_maps(shape)
        self.require_groups(shape[0], self.groups, "input")
        return shape

    @property
    def window(self) -> tuple[int, int, int]:
        return (self.size, 1, self.size // 2) if self.across == "space" else (1, 1, 0)


@dataclass(frozen=True)
class ReLU(Layer):
    """``max(x, 0)``, paper §3.1."""

    kind: ClassVar[str] = "relu"


@dataclass(frozen=True)
class BatchNorm(Layer):
    """Each channel to mean 0 and deviation 1, then scaled and moved as learned (Ioffe & Szegedy).

    While training, mean and deviation are the batch's; in eval mode, running averages of them.
    ``epsilon`` is added to the variance before its root is taken.
    """

    epsilon: Positive = 1e-5
    kind: ClassVar[str] = "batchnorm"

    def parameter_counts(self, shape: Shape) -> tuple[int, int]:
        return shape[0], shape[0]


@dataclass(frozen=True)
class Activation(Layer):
    """A nonlinearity in a ReLU's place; such as ``function="tanh"``.

    ``"tanh"`` is the one that the paper compares with (§3.1). ``"leaky-relu"`` multiplies negative
    values by 0.01; ``"gelu"`` multiplies each value by the normal distribution function of it.
    """

    function: Literal["tanh", "sigmoid", "leaky-relu", "gelu"]
    kind: ClassVar[str] = "activation"


@dataclass(frozen=True)
class Dropout(Layer):
    """Zero each value with probability ``p`` while training, paper §4.2.

    What is left is divided by 1 − ``p`` meanwhile, as today (``scaled="training"``), or every
    value is multiplied by 1 − ``p`` in eval mode, as in 2012 (``scaled="test"``). ``at_test`` goes
    on dropping in eval mode: the slip of ``F.dropout(x)`` without ``training=``.
    """

    p: Share = 0.5
    at_test: bool = False
    scaled: Literal["training", "test"] = "training"
    kind: ClassVar[str] = "dropout"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.at_test and self.scaled == "test":
            self.fail("at_test is today's slip; it goes with scaled='training' only")


@dataclass(frozen=True)
class Flatten(Layer):
    """Maps to one row of features, channel by channel."""

    kind: ClassVar[str] = "flatten"

    def output_shape(self, shape: Shape) -> Shape:
        return (math.prod(shape),)

    @property
    def window(self) -> None:
        return None


@dataclass(frozen=True)
class Linear(Layer):
    """A fully connected layer."""

    out_features: Count
    bias: bool = True
    kind: ClassVar[str] = "linear"

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            self.fail(f"receives shape {shape}; put a Flatten before it")
        return (self.out_features,)

    def parameter_counts(self, shape: Shape) -> tuple[int, int]:
        return shape[0] * self.out_features, self.out_features if self.bias else 0

    def multiply_adds(self, shape: Shape) -> int:
        return shape[0] * self.out_features

    @property
    def window(self) -> None:
        return None


def repeated(layers: Iterable[Layer]) -> str | None:
    """The first name that stands twice among ``layers``."""
    names = [layer.name for layer in layers]
    return next((name for place, name in enumerate(names) if name in names[:place]), None)


@dataclass(frozen=True)
class Composite(Layer, ABC):
    """A layer made of layers: every part reads what it receives, and what they make is joined.

    A part is a run of layers; an empty one hands on what it receives. No two layers inside have
    one name. A new composite says what its parts are, how to give it others, and how they join.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if name := repeated(chain(*self.parts)):
            self.fail(f"two layers inside are named {name!r}; every name may stand once")

    @property
    @abstractmethod
    def parts(self) -> tuple[Part, ...]:
        """The runs of layers inside."""

    @abstractmethod
    def with_parts(self, parts: tuple[Part, ...]) -> "Composite":
        """The same composite with other parts, as many as before."""

    @abstractmethod
    def joined(self, shapes: Sequence[Shape]) -> Shape:
        """What comes out when the parts make ``shapes``; :class:`SpecError` if they don't fit."""

    def output_shape(self, shape: Shape) -> Shape:
        return self.joined([_passed(part, shape) for part in self.parts])

    @property
    def window(self) -> None:
        return None  # it has one for each path through it


def _passed(part: Part, shape: Shape) -> Shape:
    for layer in part:
        shape = layer.output_shape(shape)
    return shape


@dataclass(frozen=True)
class Residual(Composite):
    """``branch(x) + shortcut(x)``, value by value (He et al. 2016).

    An empty ``shortcut`` is ``x`` itself. A ReLU after the sum is a layer of its own.
    """

    branch: Annotated[Part, "a tuple of layers, at least one", len]
    shortcut: Part = ()
    kind: ClassVar[str] = "residual"

    @property
    def parts(self) -> tuple[Part, ...]:
        return self.branch, self.shortcut

    def with_parts(self, parts: tuple[Part, ...]) -> "Residual":
        return replace(self, branch=parts[0], shortcut=parts[1])

    def joined(self, shapes: Sequence[Shape]) -> Shape:
        made, kept = shapes
        if made != kept:
            self.fail(
                f"its branch makes {made} and its shortcut {kept}, which can't be added; let both "
                "make the same shape, such as by a Conv of that many channels and that stride in "
                "the shortcut"
            )
        return made


@dataclass(frozen=True)
class Parallel(Composite):
    """Branches side by side, what they make put together in their order.

    Maps are joined along the channels, and features after a flatten to one longer row. An empty
    branch hands on what it receives. Two towers are this, and so is an inception block.
    """

    branches: Annotated[
        tuple[Part, ...], "a tuple of at least two tuples of layers", lambda parts: len(parts) > 1
    ]
    kind: ClassVar[str] = "parallel"

    @property
    def parts(self) -> tuple[Part, ...]:
        return self.branches

    def with_parts(self, parts: tuple[Part, ...]) -> "Parallel":
        return replace(self, branches=parts)

    def joined(self, shapes: Sequence[Shape]) -> Shape:
        if len({(len(shape), shape[1:]) for shape in shapes}) > 1:
            self.fail(
                f"its branches make {', '.join(map(str, shapes))}, which can't be put together; "
                "let all make maps of one height and width, or all a row of features"
            )
        return sum(shape[0] for shape in shapes), *shapes[0][1:]
