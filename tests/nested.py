"""Random networks of layers made of layers, and what PyTorch's functions make of them."""

import random

import torch
import torch.nn.functional as F

from alexnet_course.architectures import Architecture
from alexnet_course.layers import (
    BatchNorm,
    Conv,
    Flatten,
    Linear,
    Parallel,
    Pool,
    ReLU,
    Residual,
)

DEPTH = 3


class Nested:
    """A random network: :attr:`architecture`, the same for the same seed.

    One to three layers, with composites in composites, up to three deep, on tiny images. In one of
    four, a convolution may lack its padding, so that parts may not fit each other. With
    ``only_windows`` all layers inside are convolutions and average poolings.
    """

    def __init__(self, seed, only_windows=False):
        self.random = random.Random(seed)
        self.fillers = [Conv, Pool] if only_windows else [Conv, Conv, Pool, ReLU, BatchNorm]
        self.sloppy = self.random.random() < 0.25
        shape = self.random.choice([1, 2, 4]), *self.random.choices(range(3, 13), k=2)
        run, _ = self.run("layer", shape[0], DEPTH, self.random.randint(1, 3))
        if not only_windows:
            run = (*run, Flatten("flatten"), Parallel("heads", ((Linear("fc", 3),), ())))
        self.architecture = Architecture(f"nested {seed}", shape, run)

    def run(self, mark, channels, depth, count):
        """``count`` layers that receive ``channels`` maps, and how many maps they make."""
        layers = []
        for place in range(count):
            kind = self.random.choice([None, self.parallel, self.residual] if depth else [None])
            layer, channels = (kind or self.filler)(f"{mark}{place}", channels, depth)
            layers.append(layer)
        return tuple(layers), channels

    def filler(self, name, channels, depth):
        kind = self.random.choice(self.fillers)
        if kind is Conv:
            maps = self.random.randint(1, 3)
            return self.conv(name, maps), maps
        return self.pool(name) if kind is Pool else kind(name), channels

    def conv(self, name, maps, stride=1):
        kernel, bias = self.random.choice([1, 3, 3, 5]), self.random.random() < 0.5
        lacking = self.sloppy and self.random.random() < 0.5
        return Conv(name, maps, kernel, stride, 0 if lacking else kernel // 2, bias=bias)

    def pool(self, name, stride=1):
        return Pool(name, 3, stride, padding=1, mode="average")

    def stride(self, depth):
        """Of the last layer of each part; only outermost, since the other parts need it too."""
        return self.random.choice([1, 1, 2]) if depth == DEPTH else 1

    def parallel(self, name, channels, depth):
        stride, branches, sum_of_maps = self.stride(depth), [], 0
        for mark in "abc"[: self.random.randint(2, 3)]:
            run, maps = self.run(mark, channels, depth - 1, self.random.randint(0, 2))
            branches.append((*run, self.pool(f"{mark}end", 2)) if stride == 2 else run)
            sum_of_maps += maps
        return Parallel(name, tuple(branches)), sum_of_maps

    def residual(self, name, channels, depth):
        stride, parts = self.stride(depth), []
        straight = stride == 1 and self.random.random() < 0.5
        maps = channels if straight else self.random.randint(1, 3)
        for mark in "a" if straight else "ab":
            run, _ = self.run(mark, channels, depth - 1, self.random.randint(0, 2))
            parts.append((*run, self.conv(f"{mark}end", maps, stride)))
        return Residual(name, *parts), maps


class DoNotFit(Exception):
    """PyTorch stopped, or would have added unlike shapes, at the layer of this dotted name."""


def by_functions(layers, x, weights, met, inside=""):
    """What ``layers`` make of ``x``, with nothing but PyTorch's functions.

    ``weights(name, shape)`` gives each parameter. ``met`` gets, for each layer by dotted name, the
    shape it makes, its parameters and its multiply-adds, a list.
    """
    for layer in layers:
        name = f"{inside}{layer.name}"
        outer, parameters, work = x, 0, 0
        parts = [by_functions(part, outer, weights, met, f"{name}.") for part in layer.parts]
        try:
            if isinstance(layer, Residual):
                branch, shortcut = parts
                if branch.shape != shortcut.shape:
                    raise RuntimeError("ours: no stretching of one map or one pixel")
                x = branch + shortcut
            elif isinstance(layer, Parallel):
                x = torch.cat(parts, 1)
            elif isinstance(layer, Conv):
                shape = layer.out_channels, x.shape[1], layer.kernel, layer.kernel
                weight = weights(f"{name}.weight", shape)
                bias = weights(f"{name}.bias", shape[:1]) if layer.bias else None
                x = F.conv2d(x, weight, bias, layer.stride, layer.padding)
                parameters = weight.numel() + layer.bias * layer.out_channels
                work = weight[0].numel() * x[0].numel()
            elif isinstance(layer, Pool):
                x = F.avg_pool2d(x, layer.kernel, layer.stride, layer.padding)
            elif isinstance(layer, ReLU):
                x = x.relu()
            elif isinstance(layer, BatchNorm):
                shape = x.shape[1:2]
                scale = weights(f"{name}.weight", shape), weights(f"{name}.bias", shape)
                mean, variance = torch.zeros(shape).to(x), torch.ones(shape).to(x)
                x = F.batch_norm(x, mean, variance, *scale, training=False, eps=layer.epsilon)
                parameters = 2 * shape[0]
            elif isinstance(layer, Flatten):
                x = x.flatten(1)
            else:
                shape = layer.out_features, x.shape[1]
                weight = weights(f"{name}.weight", shape)
                x = F.linear(x, weight, weights(f"{name}.bias", shape[:1]))
                parameters, work = weight.numel() + len(weight), weight.numel()
        except RuntimeError as error:
            raise DoNotFit(name) from error
        met[name] = [tuple(x.shape[1:]), parameters, work]
    return x
