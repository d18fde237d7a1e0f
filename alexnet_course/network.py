"""From the table to PyTorch: :func:`build` makes the module that an architecture describes."""

import math
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import reduce, singledispatch
from itertools import chain
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet_course import layers as specs
from alexnet_course.architectures import Architecture
from alexnet_course.arithmetic import trace
from alexnet_course.fields import fitting
from alexnet_course.layers import LEARNED, Layer, Shape, window_positions
from alexnet_course.recipes import FirstWeights

BEGUN = ("batchnorm",)  # kinds of layers that begin as they should: their 1 and 0 change nothing


class CeilConv2d(nn.Conv2d):
    """A convolution whose last window may hang over the bottom and right edges, over zeros.

    The released 2012 code counts its windows so (config 145, conv1); PyTorch's own ``Conv2d``
    leaves such a window out. Where the window would lie in padding alone, it is left out here too:
    see :func:`~alexnet_course.layers.window_positions`. Input and output: ``[batch, channels,
    height, width]``.
    """

    def forward(self, x: Tensor) -> Tensor:
        overhang = []
        sides: Any = zip(x.shape[2:], self.kernel_size, self.stride, self.padding, strict=True)
        for size, kernel, stride, padding in sides:
            positions = window_positions(size, kernel, stride, padding, "ceil")
            overhang.append(max(0, (positions - 1) * stride + kernel - size - 2 * padding))
        bottom, right = overhang
        return super().forward(F.pad(x, (0, right, 0, bottom)))


class LocallyConnected2d(nn.Module):
    """A convolution that shares nothing: every position has kernels and biases of its own.

    ``weight[row, column]`` is what ``nn.Conv2d`` calls its weight, for one position: ``[outputs,
    channels, kernel, kernel]``; ``bias`` is ``[outputs, rows, columns]``. First weights are drawn
    as PyTorch draws those of ``nn.Conv2d``. Takes ``[batch, *shape]`` and gives ``[batch, outputs,
    rows, columns]``; :class:`ValueError` for maps of another size, whose positions are others.
    """

    def __init__(
        self, shape: Shape, made: Shape, kernel: int, stride: int = 1, padding: int = 0
    ) -> None:
        super().__init__()
        self.shape, self.kernel, self.stride, self.padding = tuple(shape), kernel, stride, padding
        bound = 1 / math.sqrt(shape[0] * kernel**2)
        weight = torch.empty(*made[1:], made[0], shape[0], kernel, kernel)
        self.weight = nn.Parameter(weight.uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(made).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1:] != self.shape:
            raise ValueError(f"it takes maps of {self.shape}, not {tuple(x.shape[1:])}")
        pixels = F.pad(x.permute(2, 3, 0, 1), (0, 0, 0, 0, *[self.padding] * 4))
        ends = [self.stride * positions for positions in self.bias.shape[1:]]
        windows = [
            pixels[i : i + ends[0] : self.stride, j : j + ends[1] : self.stride]
            for i in range(self.kernel)
            for j in range(self.kernel)
        ]
        # y, x: position; n: image; p: place in the window; z: channel; o: output. Sums run in the
        # order of the alphabet, so the channels of a pixel, side by side in memory, stay so.
        products = torch.einsum(
            "yxnpz,yxozp->noyx", torch.stack(windows, 3), self.weight.flatten(4)
        )
        return products + self.bias

    def extra_repr(self) -> str:
        outputs, *positions = self.bias.shape
        return (
            f"{self.shape[0]}, {outputs}, kernel={self.kernel}, stride={self.stride}, "
            f"padding={self.padding}, positions={tuple(positions)}"
        )


class _ResponseNorm(torch.autograd.Function):
    """``x · t ** −beta`` with ``t = k + alpha · Σ x²``, and its gradient written out.

    With ``g`` coming back, the gradient is ``g · t ** −beta − 2 · alpha · beta · x · Σ (g · x ·
    t ** −beta / t)``, where the sum runs over the windows in which ``x`` stands.
    """

    @staticmethod
    def forward(ctx, x: Tensor, band: Tensor, alpha: float, beta: float, k: float, groups: int):
        constant = band.new_full((x.shape[1],), k)
        t = F.conv2d((x * alpha**0.5).square_(), band, constant, groups=groups)
        power = t.rsqrt()  # square roots are much faster than any power
        power = power * power.sqrt() if beta == 0.75 else t**-beta
        ctx.save_for_backward(x, band, t, power)
        ctx.factor, ctx.groups = 2 * alpha * beta, groups
        return x * power

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient: Tensor):
        x, band, t, power = ctx.saved_tensors
        gradient = gradient * power
        sums = F.conv_transpose2d(gradient * x / t, band, groups=ctx.groups)
        return gradient - ctx.factor * x * sums, None, None, None, None, None


def _in_its_own_precision(x: Tensor) -> AbstractContextManager:
    """Without autocast, which on CUDA makes float32 of roots and powers, but not of sums: the two
    then don't fit each other on the way back.
    """
    kind = x.device.type
    available = torch.amp.is_autocast_available(kind)
    return torch.autocast(kind, enabled=False) if available else nullcontext()


def _able_to_square(x: Tensor) -> Tensor:
    """Float16 as float32: its squares end at 65,504."""
    return x.float() if x.dtype == torch.float16 else x


class LocalResponseNorm(nn.Module):
    """Paper §3.3 over neighbouring channels: ``x / (k + alpha · Σ x²) ** beta``.

    ``alpha`` multiplies the sum, as printed in the paper: ``alpha=1e-4, size=5`` here is
    ``torch.nn.LocalResponseNorm(5, alpha=5e-4)``. The sum is a 1×1 convolution with a band of
    ones, which is much faster on a CPU than PyTorch's own; with ``groups`` no window crosses from
    one group of channels to the next.
    """

    band: Tensor

    def __init__(
        self, channels: int, size: int, alpha: float, beta: float, k: float, groups: int = 1
    ) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k, self.groups = size, alpha, beta, k, groups
        place = torch.arange(channels // groups)
        offset = place[None, :] - place[:, None]
        band = (offset >= -(size // 2)) & (offset <= (size - 1) // 2)
        weight = band.float().repeat(groups, 1)[:, :, None, None]
        self.register_buffer("band", weight, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        wide = _able_to_square(x)
        band = self.band.to(wide.dtype)
        with _in_its_own_precision(x):
            y = _ResponseNorm.apply(wide, band, self.alpha, self.beta, self.k, self.groups)
        return y.to(x.dtype)

    def added(self, x: Tensor) -> Tensor:
        """``alpha · Σ x²``, of the shape of ``x``: what is added to ``k``. Next to nothing beside
        it, and the layer divides by a constant.
        """
        return self.alpha * F.conv2d(x.square(), self.band.to(x.dtype), groups=self.groups)

    def extra_repr(self) -> str:
        return (
            f"size={self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}, "
            f"groups={self.groups}"
        )


class SpatialResponseNorm(nn.Module):
    """The released code's second norm: the same formula over a ``size`` × ``size`` patch."""

    def __init__(self, size: int, alpha: float, beta: float, k: float) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: Tensor) -> Tensor:
        wide = _able_to_square(x)
        with _in_its_own_precision(x):
            means = F.avg_pool2d(wide.square(), self.size, stride=1, padding=self.size // 2)
            y = wide / (self.k + self.alpha * self.size**2 * means) ** self.beta
        return y.to(x.dtype)

    def extra_repr(self) -> str:
        return f"size={self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class LastingDropout(nn.Dropout):
    """Dropout that eval mode does not switch off: the slip of ``F.dropout(x)``."""

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.p)


class DropoutOf2012(nn.Dropout):
    """Paper §4.2: values are zeroed while training, and all are multiplied by 1 − p after it."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * (1 - self.p)


@singledispatch
def make_module(layer: Layer, shape: Shape) -> nn.Module:
    """The module for one layer that receives ``shape``; a new spec registers its own."""
    raise TypeError(f"layer {layer.name!r}: no module is known for {type(layer).__name__}")


@make_module.register
def _(layer: specs.Conv, shape: Shape) -> nn.Module:
    convolution = nn.Conv2d if layer.rounding == "floor" else CeilConv2d
    return convolution(
        shape[0],
        layer.out_channels,
        layer.kernel,
        stride=layer.stride,
        padding=layer.padding,
        groups=layer.groups,
        bias=layer.bias,
    )


@make_module.register
def _(layer: specs.LocallyConnected, shape: Shape) -> nn.Module:
    return LocallyConnected2d(shape, layer.output_shape(shape), *layer.window)


@make_module.register
def _(layer: specs.Pool, shape: Shape) -> nn.Module:
    pooling = nn.MaxPool2d if layer.mode == "max" else nn.AvgPool2d
    return pooling(
        layer.kernel, layer.stride, padding=layer.padding, ceil_mode=layer.rounding == "ceil"
    )


@make_module.register
def _(layer: specs.AdaptivePool, shape: Shape) -> nn.Module:
    return nn.AdaptiveAvgPool2d(layer.size)


@make_module.register
def _(layer: specs.LRN, shape: Shape) -> nn.Module:
    if layer.across == "space":
        return SpatialResponseNorm(layer.size, layer.alpha, layer.beta, layer.k)
    return LocalResponseNorm(
        shape[0], layer.size, layer.alpha, layer.beta, layer.k, groups=layer.groups
    )


@make_module.register
def _(layer: specs.ReLU, shape: Shape) -> nn.Module:
    return nn.ReLU()


@make_module.register
def _(layer: specs.BatchNorm, shape: Shape) -> nn.Module:
    norm = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
    return norm(shape[0], eps=layer.epsilon)


@make_module.register
def _(layer: specs.Activation, shape: Shape) -> nn.Module:
    modules = {
        "tanh": nn.Tanh,
        "sigmoid": nn.Sigmoid,
        "leaky-relu": nn.LeakyReLU,
        "gelu": nn.GELU,
    }
    return modules[layer.function]()


@make_module.register
def _(layer: specs.Dropout, shape: Shape) -> nn.Module:
    if layer.scaled == "test":
        return DropoutOf2012(layer.p)
    return LastingDropout(layer.p) if layer.at_test else nn.Dropout(layer.p)


@make_module.register
def _(layer: specs.Flatten, shape: Shape) -> nn.Module:
    return nn.Flatten()


@make_module.register
def _(layer: specs.Linear, shape: Shape) -> nn.Module:
    return nn.Linear(shape[0], layer.out_features, bias=layer.bias)


class Joined(nn.Module):
    """The parts of a composite, each run on the input; a subclass says how they are joined.

    The layers inside are its children, under their own names. ``parts`` has those names.
    """

    def __init__(self, layer: specs.Composite, shape: Shape) -> None:
        super().__init__()
        _require_free_names(chain(*layer.parts))
        self.parts = [[inner.name for inner in part] for part in layer.parts]
        for part in layer.parts:
            received = shape
            for inner in part:
                self.add_module(inner.name, make_module(inner, received))
                received = inner.output_shape(received)

    def _outputs(self, x: Tensor) -> list[Tensor]:
        """What each part makes of ``x``."""
        return [reduce(lambda y, name: getattr(self, name)(y), part, x) for part in self.parts]

    def extra_repr(self) -> str:
        return f"parts={self.parts}"


class Sum(Joined):
    def forward(self, x: Tensor) -> Tensor:
        branch, shortcut = self._outputs(x)
        return branch + shortcut


class Concatenation(Joined):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(self._outputs(x), dim=1)


@make_module.register
def _(layer: specs.Residual, shape: Shape) -> nn.Module:
    return Sum(layer, shape)


@make_module.register
def _(layer: specs.Parallel, shape: Shape) -> nn.Module:
    return Concatenation(layer, shape)


_TAKEN = {*dir(nn.Sequential()), "architecture", "parts"}


def _require_free_names(layers: Iterable[Layer]) -> None:
    for layer in layers:
        if layer.name in _TAKEN:
            layer.fail("PyTorch's modules use this name themselves; choose another")
        _require_free_names(chain(*layer.parts))


class Network(nn.Sequential):
    """The layers in order, each under its name in the table (``network.conv1``).

    Those inside a composite are its children: ``network.block1.conv1``. Takes ``[batch, channels,
    height, width]`` and gives what the last layer makes; for the course's networks that is one
    logit a class (the softmax belongs to the loss).
    """

    def __init__(self, architecture: Architecture) -> None:
        steps = list(trace(architecture))  # every check is made before the first tensor
        _require_free_names(architecture.layers)
        outer = (step for step in steps if "." not in step.name)
        modules = ((step.name, make_module(step.layer, step.input_shape)) for step in outer)
        super().__init__(OrderedDict(modules))
        self.architecture = architecture

    def __getitem__(self, which: int | slice) -> nn.Module:  # type: ignore[override]
        """A layer by its place, or, as a plain ``nn.Sequential``, a slice such as ``[:4]``."""
        if isinstance(which, slice):
            return nn.Sequential(OrderedDict(list(self.named_children())[which]))
        return super().__getitem__(which)


def build(
    architecture: Architecture, seed: int | None = None, first_weights: FirstWeights | None = None
) -> Network:
    """Make the network; with ``seed``, its first weights are the same every time.

    They are PyTorch's own, or drawn as ``first_weights`` says (``recipe.first_weights``), whose
    exceptions may name a layer inside a composite: ``"block1.conv1"``.

    Raises :class:`~alexnet_course.layers.SpecError` for a network that cannot be, before any
    tensor is made; :class:`ValueError` for anything else, such as a network's name, or parameters
    that ``first_weights`` does not know how to draw.
    """
    fitting("architecture", architecture, Architecture)
    if seed is None:
        return _made(architecture, first_weights)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _made(architecture, first_weights)


@torch.no_grad()
def _made(architecture: Architecture, first_weights: FirstWeights | None) -> Network:
    network = Network(architecture)
    if first_weights is None:
        return network
    steps = list(trace(architecture))
    drawn = {step.name: step for step in steps if step.layer.kind in LEARNED}
    unmatched = (first_weights.stds.keys() | first_weights.biases.keys()) - drawn.keys()
    if unmatched:
        raise ValueError(
            f"first weights are given for {', '.join(sorted(unmatched))}, but {architecture.name} "
            f"has weights in {', '.join(drawn)}"
        )
    _require_all_known(network, [*drawn, *(s.name for s in steps if s.layer.kind in BEGUN)])
    for name, step in drawn.items():
        module: Any = network.get_submodule(name)
        std = first_weights.stds.get(name, first_weights.std)
        if std == "he":
            inputs = step.layer.multiply_adds(step.input_shape) // math.prod(step.output_shape)
            std = math.sqrt(2 / inputs)
        module.weight.normal_(0, std)
        if module.bias is not None:
            module.bias.fill_(first_weights.biases.get(name, first_weights.bias))
    return network


@torch.no_grad()
def whiten(network: nn.Module, images: Tensor) -> None:
    """Let the first layer begin with kernels that make windows of ``images`` white.

    ``images`` are a batch as the network gets them, ``[N, C, H, W]``. Each such kernel is a
    principal component of the windows, divided by the standard deviation along it, so that kernels
    see uncorrelated things, about equally strong. It comes with its negative: ReLU keeps one
    side only (after Page 2018 and Jordan 2024, who freeze the layer). Components are taken
    from the largest on; where there are fewer pairs than kernels, the others stay as they are.

    Raises :class:`ValueError` for a network that does not begin with a convolution over all
    channels.
    """
    first = next(iter(network.children()), None)
    if not isinstance(first, nn.Conv2d) or first.groups != 1:
        raise ValueError(
            "whitening needs a network whose first layer is a convolution without groups; it is "
            f"{first}"
        )
    count, total, products = 0, torch.zeros(()).double(), torch.zeros(()).double()
    for image in images.cpu().double().split(1):  # all windows at once may not fit into memory
        (windows,) = F.unfold(image, first.kernel_size, first.dilation, stride=first.stride)
        count += windows.shape[1]
        total = total + windows.sum(1)
        products = products + windows @ windows.T
    mean = total / count
    variances, components = torch.linalg.eigh(products / count - mean.outer(mean))
    floor = variances.mean() / 100  # what lies far below is noise, and stays small
    kernels = (components / (variances + floor).sqrt()).T.flip(0)
    kernels *= kernels.gather(1, kernels.abs().argmax(1, keepdim=True)).sign()
    pairs = min(first.out_channels // 2, len(kernels))
    both = torch.cat([kernels[:pairs], -kernels[:pairs]])
    first.weight[: 2 * pairs] = both.to(first.weight).view_as(first.weight[: 2 * pairs])
    if first.bias is not None:
        first.bias[: 2 * pairs] = 0


def _require_all_known(network: Network, layers: Iterable[str]) -> None:
    """Refuse a network with parameters that are not the ``weight`` or ``bias`` of ``layers``."""
    known = {f"{layer}.{what}" for layer in layers for what in ("weight", "bias")}
    unknown = [name for name, _ in network.named_parameters() if name not in known]
    if unknown:
        raise ValueError(
            f"first weights can't be drawn for {', '.join(unknown)}: they are known for layers of "
            f"the kinds {', '.join((*LEARNED, *BEGUN))}; build {network.architecture.name!r} "
            "without first weights, or teach build() this kind of layer"
        )


def load_weights(network: nn.Module, weights: Mapping[str, Tensor] | str | Path) -> nn.Module:
    """Copy ``weights`` into ``network`` in their order, whatever their names, and return it.

    ``weights`` is a ``state_dict``, or a file into which ``torch.save`` has put one. So the weights
    of ``torchvision.models.alexnet`` fit the course's ``torchvision`` network. Their number and
    every shape must be the network's; tensors of equal shape in another order cannot be told apart.
    A file is read with ``weights_only=True``: it can run no code.

    Raises :class:`ValueError` for weights that don't fit or can't be read, before any is copied.
    """
    given, source = _state(weights)
    own = network.state_dict()
    if len(given) != len(own):
        raise ValueError(
            f"{source} holds {len(given)} tensors and this network {len(own)}; take weights that "
            "were saved from the same layers"
        )
    for (name, old), (key, new) in zip(own.items(), given.items()):
        if new.shape != old.shape:
            raise ValueError(
                f"{source}: {key!r} has shape {tuple(new.shape)}, and {name!r}, in the same place "
                f"here, has {tuple(old.shape)}; take weights that were saved from the same layers"
            )
    network.load_state_dict(dict(zip(own, given.values())))
    return network


def _state(weights: Mapping[str, Tensor] | str | Path) -> tuple[Mapping[str, Tensor], str]:
    """A ``state_dict`` and what to call it in an error."""
    state, source = weights, "the state_dict"
    if isinstance(weights, (str, Path)):
        state, source = _read(Path(weights)), str(weights)
    if not isinstance(state, Mapping):
        raise ValueError(f"{source} is of type {type(state).__name__}, not a state_dict")
    for key, value in state.items():
        if not isinstance(value, Tensor):
            raise ValueError(
                f"{source} is no state_dict: its entry {key!r} is of type {type(value).__name__}, "
                "not a tensor; where the state_dict is one of its entries, give that entry"
            )
    return state, source


def _read(path: Path) -> Any:
    with path.open("rb") as file:
        try:
            return torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:
            reason = str(error).partition("\n")[0]
            raise ValueError(
                f"{path} cannot be read: it is damaged, or holds more than tensors and plain data "
                f"({type(error).__name__}: {reason}); save weights with "
                "torch.save(network.state_dict(), path)"
            ) from error
