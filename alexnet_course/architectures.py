"""The table of networks: every one that the course speaks of, each with its source.

Tutorials are known by short names (``two-conv``, ``image-folder``, …); the book's page of
references says what each is.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from functools import partial
from itertools import chain
from typing import Annotated, Any

from alexnet_course.config import look_up
from alexnet_course.fields import Count, settle, shown
from alexnet_course.layers import (
    LRN,
    Activation,
    AdaptivePool,
    BatchNorm,
    Conv,
    Dropout,
    Flatten,
    Layer,
    Linear,
    LocallyConnected,
    Parallel,
    Part,
    Pool,
    ReLU,
    Residual,
    SpecError,
)

Change = Callable[[str, Layer], tuple[Layer, ...]]  # takes a layer's dotted name, and the layer


@dataclass(frozen=True)
class Architecture:
    """A network as data: its input's shape ``(channels, height, width)`` and its layers in order.

    The editing methods return new architectures and leave this one as it is. They reach the layers
    inside composites too, by dotted name (``"block1.conv1"``) and by kind.
    """

    name: str
    input_shape: Annotated[
        tuple[Count, ...],
        "three whole numbers, (channels, height, width), each at least 1",
        lambda sides: len(sides) == 3,
    ]
    layers: tuple[Layer, ...]
    source: str = field(default="", metadata={"describes": True})
    note: str = field(default="", metadata={"describes": True})

    def __post_init__(self) -> None:
        if wrong := settle(self):
            raise SpecError(f"architecture {shown(self.name)}: {'; '.join(wrong)}")

    def named_layers(self) -> Iterator[tuple[str, Layer]]:
        """Each layer with its dotted name; those inside a composite come before it."""
        return _named(self.layers)

    def layer(self, name: str) -> Layer:
        """The layer called ``name``, such as ``"conv1"``, or ``"block1.conv1"`` in ``block1``."""
        for found, layer in self.named_layers():
            if found == name:
                return layer
        names = ", ".join(found for found, _ in self.named_layers())
        raise SpecError(f"{self.name!r} has no layer {name!r}; its layers are {names}")

    def replace(self, name: str, **changes: Any) -> "Architecture":
        """Change fields of one layer: ``replace("conv1", padding=2)``."""
        old = self.layer(name)
        known = {f.name for f in fields(old)}
        if not changes.keys() <= known:
            raise SpecError(
                f"layer {name!r} ({type(old).__name__}) has no "
                f"{', '.join(sorted(changes.keys() - known))}; it has {', '.join(sorted(known))}"
            )
        return self.with_layer(name, replace(old, **changes))

    def without(self, *what: str) -> "Architecture":
        """Leave out layers, by name (``"conv4"``) or all of a kind (``"lrn"``, ``"dropout"``)."""
        known = {word for name, layer in self.named_layers() for word in (name, layer.kind)}
        for word in what:
            if word not in known:
                raise SpecError(
                    f"{self.name!r} has no layer or kind {word!r}; it has "
                    f"{', '.join(sorted(known))}"
                )
        return self._with(lambda name, x: () if name in what or x.kind in what else (x,))

    def with_pooling(self, kernel: int, stride: int) -> "Architecture":
        """Give every sliding pooling layer this window and stride."""
        return self._with(
            lambda _, x: (replace(x, kernel=kernel, stride=stride) if isinstance(x, Pool) else x,)
        )

    def with_activation(self, function: Any) -> "Architecture":
        """Give every ReLU's place to another nonlinearity: ``with_activation("tanh")``.

        A layer ``relu1`` becomes ``tanh1`` (of ``leaky-relu``, ``leaky_relu1``).
        """
        made = Activation("activation", function)
        word = made.function.replace("-", "_")
        return self._with(
            lambda _, x: (
                replace(made, name=x.name.replace("relu", word)) if isinstance(x, ReLU) else x,
            )
        )

    def with_layer(self, name: str, layer: Layer) -> "Architecture":
        """Put ``layer`` in the place of the one called ``name``."""
        self.layer(name)
        return self._with(lambda found, x: (layer if found == name else x,))

    def swapped(self, one: str, other: str) -> "Architecture":
        """Let two layers change places: ``swapped("relu1", "lrn1")``."""
        turned = {one: self.layer(other), other: self.layer(one)}
        for outer, inner in ((one, other), (other, one)):
            if inner.startswith(f"{outer}."):
                raise SpecError(f"{inner!r} is inside {outer!r}, so the two can't change places")
        return self._with(lambda name, x: (turned.get(name, x),))

    def with_input(self, *shape: int) -> "Architecture":
        """The same layers on another input: ``with_input(3, 224, 224)``."""
        return replace(self, input_shape=shape)

    def with_classes(self, classes: int) -> "Architecture":
        """The same network with another number of outputs in its last linear layer."""
        linear = [name for name, x in self.named_layers() if isinstance(x, Linear)]
        if not linear:
            raise SpecError(f"{self.name!r} has no linear layer whose outputs could be classes")
        return self.replace(linear[-1], out_features=classes)

    def renamed(self, name: str) -> "Architecture":
        """The same network under another name."""
        return replace(self, name=name)

    def _with(self, change: Change) -> "Architecture":
        return replace(self, layers=_changed(self.layers, change))


def _named(layers: Part, inside: str = "") -> Iterator[tuple[str, Layer]]:
    for layer in layers:
        for part in layer.parts:
            yield from _named(part, f"{inside}{layer.name}.")
        yield f"{inside}{layer.name}", layer


def _changed(layers: Part, change: Change, inside: str = "") -> Part:
    """``layers`` with what ``change`` gives in the place of each, also within composites."""
    return tuple(
        new.with_parts(
            tuple(_changed(part, change, f"{inside}{layer.name}.") for part in new.parts)
        )
        for layer in layers
        for new in change(f"{inside}{layer.name}", layer)
    )


def _paper_layers(
    maps: tuple[int, int, int, int, int], groups: int, classes: int = 1000
) -> tuple[Layer, ...]:
    """Paper §3.5 and §4.2, in the paper's order: conv, ReLU, LRN, pool; dropout after fc6, fc7."""
    one, two, three, four, five = maps
    return (
        Conv("conv1", one, kernel=11, stride=4),
        ReLU("relu1"),
        LRN("lrn1", groups=groups),
        Pool("pool1", kernel=3, stride=2),
        Conv("conv2", two, kernel=5, padding=2, groups=groups),
        ReLU("relu2"),
        LRN("lrn2", groups=groups),
        Pool("pool2", kernel=3, stride=2),
        Conv("conv3", three, kernel=3, padding=1),
        ReLU("relu3"),
        Conv("conv4", four, kernel=3, padding=1, groups=groups),
        ReLU("relu4"),
        Conv("conv5", five, kernel=3, padding=1, groups=groups),
        ReLU("relu5"),
        Pool("pool5", kernel=3, stride=2),
        *_paper_head(classes),
    )


def _paper_head(classes: int = 1000) -> tuple[Layer, ...]:
    return (
        Flatten("flatten"),
        Linear("fc6", 4096),
        ReLU("relu6"),
        Dropout("dropout6"),
        Linear("fc7", 4096),
        ReLU("relu7"),
        Dropout("dropout7"),
        Linear("fc8", classes),
    )


LENET_5 = Architecture(
    "lenet-5",
    (1, 32, 32),
    (
        Conv("c1", 6, kernel=5),
        Activation("tanh1", "tanh"),
        Pool("s2", kernel=2, stride=2, mode="average"),
        Conv("c3", 16, kernel=5),
        Activation("tanh3", "tanh"),
        Pool("s4", kernel=2, stride=2, mode="average"),
        Conv("c5", 120, kernel=5),
        Activation("tanh5", "tanh"),
        Flatten("flatten"),
        Linear("f6", 84),
        Activation("tanh6", "tanh"),
        Linear("output", 10),
    ),
    source="LeCun et al. 1998, §II.B",
    note=(
        "As most build it today, with 61,706 parameters where the paper has 60,000: each kernel of "
        "c3 sees all six maps, not the three to six of Table I (2,416 parameters for 1,516); s2 "
        "and s4 average, without a trained factor, a bias and a tanh for each map (none for 12 and "
        "32); output is linear, not distances to ten drawn codes (850 for none); and tanh is plain."
    ),
)


ALEXNET_2012 = Architecture(
    "alexnet-2012",
    (3, 227, 227),
    _paper_layers((96, 256, 384, 384, 256), groups=2),
    source="Krizhevsky et al. 2012, §3.1–3.5, §4.2, Fig. 2",
    note="The paper states 224×224; its windows fit 227×227 (chapter 3). The two GPUs are groups.",
)


def _code_2012() -> Architecture:
    """Config 145 of the released code: the paper's layers, in the order in which they ran."""
    of_2012 = ALEXNET_2012.replace("conv1", rounding="ceil")
    for name in ("lrn1", "lrn2"):
        of_2012 = of_2012.replace(name, alpha=0.0001 / 5)
    for name in ("dropout6", "dropout7"):
        of_2012 = of_2012.replace(name, scaled="test")
    made = {layer.name: layer for layer in of_2012.layers}
    made["norm2"] = LRN("norm2", size=5, alpha=0.001 / 25, k=1.0, across="space")
    order = (
        "conv1 lrn1 pool1 relu1 conv2 relu2 lrn2 norm2 pool2 conv3 relu3 conv4 relu4 "
        "conv5 pool5 relu5 flatten fc6 relu6 dropout6 fc7 relu7 dropout7 fc8"
    )
    return Architecture(
        "alexnet-2012-code",
        (3, 224, 224),
        tuple(made[name] for name in order.split()),
        source="the 2012 code as released in 2025, config 145",
        note=(
            "224×224, conv1 rounds up. Norm before pooling and ReLU in block 1, a second norm "
            "within each map in block 2, ReLU after pool5. The code divides its LRN scale by the "
            "window. norm2's k stands in no file; 1 is the code's default. Dropout scales at test."
        ),
    )


def _single_tower(name: str, source: str, note: str = "") -> Architecture:
    whole = Architecture(name, (3, 227, 227), _paper_layers((96, 256, 384, 384, 256), groups=1))
    return replace(whole.without("lrn"), source=source, note=note)


def _plain_body(conv1: Conv, maps: tuple[int, int, int, int]) -> tuple[Layer, ...]:
    """The conv part as most write it today: one tower, no LRN, pooling after conv1, 2 and 5."""
    two, three, four, five = maps
    return (
        conv1,
        ReLU("relu1"),
        Pool("pool1", kernel=3, stride=2),
        Conv("conv2", two, kernel=5, padding=2),
        ReLU("relu2"),
        Pool("pool2", kernel=3, stride=2),
        Conv("conv3", three, kernel=3, padding=1),
        ReLU("relu3"),
        Conv("conv4", four, kernel=3, padding=1),
        ReLU("relu4"),
        Conv("conv5", five, kernel=3, padding=1),
        ReLU("relu5"),
        Pool("pool5", kernel=3, stride=2),
    )


def _dropout_first_head(classes: int) -> tuple[Layer, ...]:
    """The fully connected part with dropout in front of fc6 and fc7, as torchvision has it."""
    return (
        Flatten("flatten"),
        Dropout("dropout6"),
        Linear("fc6", 4096),
        ReLU("relu6"),
        Dropout("dropout7"),
        Linear("fc7", 4096),
        ReLU("relu7"),
        Linear("fc8", classes),
    )


TORCHVISION = Architecture(
    "torchvision",
    (3, 224, 224),
    (
        *_plain_body(Conv("conv1", 64, kernel=11, stride=4, padding=2), (192, 384, 256, 256)),
        AdaptivePool("avgpool", 6),
        *_dropout_first_head(1000),
    ),
    source="torchvision.models.alexnet, after Krizhevsky 2014",
    note="Narrower conv layers, no groups, no LRN; adaptive pooling accepts other sizes.",
)


def _image_folder() -> Architecture:
    base = _single_tower("", "").without("dropout", "relu6", "relu7")
    layers: list[Layer] = []
    for layer in base.with_input(3, 224, 224).replace("conv1", padding=2).with_classes(7).layers:
        if isinstance(layer, Linear):
            layers.append(Dropout(layer.name.replace("fc", "dropout"), at_test=True))
        layers.append(layer)
    return Architecture(
        "image-folder",
        (3, 224, 224),
        tuple(layers),
        source="tutorial image-folder",
        note=(
            "As published: no ReLU between the fully connected layers, dropout before each, and "
            "never switched off."
        ),
    )


TWO_CONV = Architecture(
    "two-conv",
    (3, 32, 32),
    (
        Conv("conv1", 64, kernel=5),
        ReLU("relu1"),
        Pool("pool1", kernel=3, stride=2),
        Conv("conv2", 64, kernel=5),
        ReLU("relu2"),
        Pool("pool2", kernel=3, stride=2),
        Flatten("flatten"),
        Linear("fc3", 384),
        ReLU("relu3"),
        Linear("fc4", 192),
        ReLU("relu4"),
        Linear("fc5", 10),
    ),
    source="tutorial two-conv",
    note="Called AlexNet there; two conv layers, no padding, no dropout.",
)


THREE_CONV = Architecture(
    "three-conv",
    (3, 32, 32),
    (
        Conv("conv1", 32, kernel=5, padding=2),
        ReLU("relu1"),
        Pool("pool1", kernel=3, stride=2, rounding="ceil"),
        LRN("lrn1"),
        Conv("conv2", 32, kernel=5, padding=2),
        ReLU("relu2"),
        Pool("pool2", kernel=3, stride=2, mode="average", rounding="ceil"),
        LRN("lrn2"),
        Conv("conv3", 64, kernel=5, padding=2),
        ReLU("relu3"),
        Pool("pool3", kernel=3, stride=2, mode="average", rounding="ceil"),
        Flatten("flatten"),
        Linear("fc4", 10),
    ),
    source="the 2012 code as released in 2025, its '18 %' network for CIFAR-10",
    note=(
        "Maps, windows, padding, pooling and the places of the norms are the code's, and there too "
        "a ReLU goes with each conv layer. Its norms are of another kind, over patches of 3×3 of "
        "the same map; those here are the paper's, over five neighbouring maps."
    ),
)


FOUR_CONV = Architecture(
    "four-conv",
    (3, 28, 28),
    (
        Conv("conv1", 24, kernel=5, padding=2),
        ReLU("relu1"),
        LRN("lrn1", alpha=0.4),
        Pool("pool1", kernel=3, stride=2, rounding="ceil"),
        Conv("conv2", 48, kernel=3, padding=1),
        ReLU("relu2"),
        LRN("lrn2", alpha=0.4),
        Pool("pool2", kernel=3, stride=2, rounding="ceil"),
        Conv("conv3", 96, kernel=3, padding=1),
        ReLU("relu3"),
        Conv("conv4", 96, kernel=3, padding=1),
        ReLU("relu4"),
        Pool("pool4", kernel=3, stride=2),
        Flatten("flatten"),
        Linear("fc5", 1024),
        ReLU("relu5"),
        Dropout("dropout5"),
        Linear("fc6", 10),
    ),
    source="the course: the paper's ingredients, small enough for many runs",
    note=(
        "For pieces of 28 pixels. With windows of 2, pool1 and pool2 give maps of the same size. "
        "The norms' alpha is the paper's 0.0001 for inputs scaled to a deviation of 1, not 64."
    ),
)


def _four_conv_towers() -> Architecture:
    network = FOUR_CONV.replace("fc5", out_features=128)
    for name in ("lrn1", "conv2", "lrn2", "conv4"):
        network = network.replace(name, groups=2)
    return replace(
        network,
        name="four-conv-towers",
        source="the course: four-conv in two towers that meet in conv3, as the paper's do",
        note="With 128 units in fc5, its weights are few enough to be kept with the book.",
    )


def _conv_local(name: str, maps: int, norm: LRN | None, note: str) -> Architecture:
    """The nets of the paper's 13 % and 11 % on CIFAR-10 (§3.3), whose layers 3 and 4 share nothing.

    ``norm`` follows pool1 and relu2; ``maps`` are those of local3.
    """
    norms = [(replace(norm, name=f"lrn{i}"),) if norm else () for i in (1, 2)]
    return Architecture(
        name,
        (3, 24, 24),
        (
            Conv("conv1", 64, kernel=5, padding=2),
            ReLU("relu1"),
            Pool("pool1", kernel=3, stride=2, rounding="ceil"),
            *norms[0],
            Conv("conv2", 64, kernel=5, padding=2),
            ReLU("relu2"),
            *norms[1],
            Pool("pool2", kernel=3, stride=2, rounding="ceil"),
            LocallyConnected("local3", maps, kernel=3, padding=1),
            ReLU("relu3"),
            LocallyConnected("local4", 32, kernel=3, padding=1),
            ReLU("relu4"),
            Flatten("flatten"),
            Linear("fc5", 10),
        ),
        source=f"cuda-convnet's layer file of 2011 for {name[-2:]} % on CIFAR-10; paper §3.3",
        note=note,
    )


def _two_towers() -> Architecture:
    """The paper's network with a layer for each tower where it has groups."""
    halves = _paper_layers((48, 128, 192, 192, 128), groups=1)
    names = [layer.name for layer in halves]
    meeting, end = names.index("conv3"), names.index("flatten")

    def tower(side: str, layers: Part) -> Part:
        return tuple(replace(layer, name=f"{layer.name}_{side}") for layer in layers)

    def towers(name: str, layers: Part) -> Parallel:
        return Parallel(name, (tower("left", layers), tower("right", layers)))

    return Architecture(
        "two-towers",
        ALEXNET_2012.input_shape,
        (
            towers("towers2", halves[:meeting]),
            towers("towers5", halves[meeting:end]),
            *halves[end:],
        ),
        source=ALEXNET_2012.source,
        note="alexnet-2012 with layers of its own for each tower, as Fig. 2 draws them; no groups.",
    )


def _normed_conv(number: str, maps: int, kernel: int, stride: int = 1, **norm: Any) -> Part:
    """A convolution without biases, of padding ``kernel // 2``, and its batch norm."""
    conv = Conv(f"conv{number}", maps, kernel, stride, padding=kernel // 2, bias=False)
    return conv, BatchNorm(f"norm{number}", **norm)


def _unit(number: str, maps: int, kernel: int, stride: int = 1, **norm: Any) -> Part:
    """A convolution, its batch norm and its ReLU."""
    return *_normed_conv(number, maps, kernel, stride, **norm), ReLU(f"relu{number}")


def _residual_block(name: str, maps: int, stride: int = 1, wider: bool = False) -> Part:
    """Two convolutions of 3×3; with a stride, or ``wider``, the shortcut is one of 1×1."""
    branch = (*_unit("1", maps, 3, stride), *_normed_conv("2", maps, 3))
    shortcut = _normed_conv("0", maps, 1, stride) if stride > 1 or wider else ()
    return Residual(name, branch, shortcut), ReLU(f"relu_{name}")


def _resnet18() -> Architecture:
    blocks = [(64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1)]
    return Architecture(
        "resnet18",
        (3, 224, 224),
        (
            *_normed_conv("1", 64, 7, stride=2),
            ReLU("relu1"),
            Pool("pool1", kernel=3, stride=2, padding=1),
            *chain.from_iterable(
                _residual_block(f"block{number}", *block) for number, block in enumerate(blocks, 1)
            ),
            AdaptivePool("avgpool", 1),
            Flatten("flatten"),
            Linear("fc", 1000),
        ),
        source="torchvision.models.resnet18, after He et al. 2016, Table 1",
        note="Eight blocks of two conv layers, each block's output added to what it received.",
    )


_google_unit = partial(_unit, epsilon=0.001)


def _inception(
    name: str, one: int, three: tuple[int, int], five: tuple[int, int], pooled: int
) -> Parallel:
    """Windows of 1×1; 3×3; 5×5, made 3×3; and a pooling: the last three with a 1×1 to be narrow."""
    return Parallel(
        name,
        (
            _google_unit("1", one, 1),
            (*_google_unit("2a", three[0], 1), *_google_unit("2b", three[1], 3)),
            (*_google_unit("3a", five[0], 1), *_google_unit("3b", five[1], 3)),
            (Pool("pool4", 3, stride=1, padding=1, rounding="ceil"), *_google_unit("4", pooled, 1)),
        ),
    )


def _googlenet() -> Architecture:
    def pool(number: int, kernel: int) -> Pool:
        return Pool(f"pool{number}", kernel, stride=2, rounding="ceil")

    return Architecture(
        "googlenet",
        (3, 224, 224),
        (
            *_google_unit("1", 64, 7, stride=2),
            pool(1, 3),
            *_google_unit("2a", 64, 1),
            *_google_unit("2b", 192, 3),
            pool(2, 3),
            _inception("inception3a", 64, (96, 128), (16, 32), 32),
            _inception("inception3b", 128, (128, 192), (32, 96), 64),
            pool(3, 3),
            _inception("inception4a", 192, (96, 208), (16, 48), 64),
            _inception("inception4b", 160, (112, 224), (24, 64), 64),
            _inception("inception4c", 128, (128, 256), (24, 64), 64),
            _inception("inception4d", 112, (144, 288), (32, 64), 64),
            _inception("inception4e", 256, (160, 320), (32, 128), 128),
            pool(4, 2),
            _inception("inception5a", 256, (160, 320), (32, 128), 128),
            _inception("inception5b", 384, (192, 384), (48, 128), 128),
            AdaptivePool("avgpool", 1),
            Flatten("flatten"),
            Dropout("dropout", 0.2),
            Linear("fc", 1000),
        ),
        source="torchvision.models.googlenet without auxiliary heads, after Szegedy et al. 2015",
        note=(
            "As torchvision has it: batch norm, which the paper does without, and windows of 3×3 "
            "where the paper has 5×5."
        ),
    )


def _zfnet() -> Architecture:
    def pool(number: int) -> Pool:
        return Pool(f"pool{number}", kernel=3, stride=2, rounding="ceil")

    return Architecture(
        "zfnet",
        (3, 224, 224),
        (
            Conv("conv1", 96, kernel=7, stride=2, rounding="ceil"),
            ReLU("relu1"),
            pool(1),
            LRN("lrn1"),
            Conv("conv2", 256, kernel=5, stride=2, rounding="ceil"),
            ReLU("relu2"),
            pool(2),
            LRN("lrn2"),
            *_paper_layers((96, 256, 384, 384, 256), groups=1)[8:],
        ),
        source="Zeiler & Fergus 2014, Fig. 3",
        note=(
            "Sizes are the figure's, 110, 55, 26, 13 and 6, for windows that round up. The figure "
            "normalises across maps after pooling and leaves the constants open: here the 2012 "
            "paper's."
        ),
    )


def _nin() -> Architecture:
    """Each convolution followed by two of 1×1: a small network at every position."""

    def block(number: int, maps: int, last: int, **window: Any) -> Part:
        convs = (
            Conv(f"conv{number}a", maps, **window),
            Conv(f"conv{number}b", maps, kernel=1),
            Conv(f"conv{number}c", last, kernel=1),
        )
        pairs = ((conv, ReLU(conv.name.replace("conv", "relu"))) for conv in convs)
        return tuple(chain.from_iterable(pairs))

    def pool(number: int) -> Pool:
        return Pool(f"pool{number}", kernel=3, stride=2, rounding="ceil")

    return Architecture(
        "nin",
        (3, 224, 224),
        (
            *block(1, 96, 96, kernel=11, stride=4),
            pool(1),
            *block(2, 256, 256, kernel=5, padding=2),
            pool(2),
            *block(3, 384, 384, kernel=3, padding=1),
            pool(3),
            Dropout("dropout"),
            *block(4, 1024, 1000, kernel=3, padding=1),
            AdaptivePool("avgpool", 1),
            Flatten("flatten"),
        ),
        source="the author's network for ImageNet, as released for Caffe; Lin et al. 2014, §3",
        note=(
            "The paper's own networks are for images of 28 and 32 pixels. AlexNet's windows and "
            "first widths; no fully connected layer: the last 1,000 maps are averaged to logits."
        ),
    )


def _vgg16() -> Architecture:
    layers: list[Layer] = []
    for number, (maps, count) in enumerate([(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)], 1):
        for letter in "abc"[:count]:
            name = f"{number}{letter}"
            layers += [Conv(f"conv{name}", maps, kernel=3, padding=1), ReLU(f"relu{name}")]
        layers.append(Pool(f"pool{number}", kernel=2, stride=2))
    return Architecture(
        "vgg16",
        (3, 224, 224),
        (*layers, *_paper_head()),
        source="Simonyan & Zisserman 2015, Table 1, configuration D",
        note="Windows of 3×3 only, and pooling that does not overlap; AlexNet's last three layers.",
    )


ALEXNETS = (
    ALEXNET_2012,
    _code_2012(),
    Architecture(
        "alexnet-2012-half",
        (3, 227, 227),
        _paper_layers((48, 128, 192, 192, 256), groups=1),
        source="Krizhevsky et al. 2012, §3.2, footnote; the released code's config 145-half",
        note="Half the kernels on one GPU, but conv5 keeps all 256, so fc6 stays as large.",
    ),
    _single_tower(
        "single-tower",
        source="tutorials upscaled-227 and image-folder",
        note="Both towers joined: every conv layer sees all maps; no LRN.",
    ),
    TORCHVISION,
    _image_folder(),
    TWO_CONV,
    THREE_CONV,
    _conv_local(
        "conv-local-13",
        32,
        None,
        "For pieces of 24 pixels. Layers 3 and 4 are locally connected: like conv layers, but "
        "every position has kernels and biases of its own. The file calls fc5 fc10.",
    ),
    _conv_local(
        "conv-local-11",
        64,
        LRN("norm", size=9, alpha=0.001 / 9, k=1),  # the code divides the file's scale by size
        "The same with LRN after pool1 and before pool2, and 64 for 32 maps in local3. Its "
        "norms are over nine maps, with constants of their own.",
    ),
    FOUR_CONV,
    Architecture(
        "five-conv-32",
        (3, 32, 32),
        (
            *_plain_body(Conv("conv1", 64, kernel=5, padding=2), (192, 384, 256, 256)),
            *_dropout_first_head(10),
        ),
        source="tutorial five-conv-32",
        note="The torchvision variant's widths on CIFAR-10's 32×32 images.",
    ),
    Architecture(
        "adam-augmented",
        (3, 32, 32),
        (
            *_plain_body(Conv("conv1", 48, kernel=5, padding=2), (128, 192, 192, 128)),
            Flatten("flatten"),
            Linear("fc6", 1024),
            ReLU("relu6"),
            Dropout("dropout6"),
            Linear("fc7", 1024),
            ReLU("relu7"),
            Dropout("dropout7"),
            Linear("fc8", 10),
        ),
        source="tutorial adam-augmented",
        note=(
            "The source says that it narrowed the net for 32×32 and leaves the widths open. "
            "Chosen here: the maps of one of the paper's towers, and 1,024 in fc6 and fc7."
        ),
    ),
)


def _towards_today() -> dict[str, Architecture]:
    """four-conv, one change after another, each kept, as later networks made them."""

    def normed(_: str, layer: Layer) -> Part:
        if not isinstance(layer, Conv):
            return (layer,)
        return replace(layer, bias=False), BatchNorm(layer.name.replace("conv", "norm"))

    def stacked(name: str, layer: Layer) -> Part:
        stack = (*_unit("1a", 16, 3), *_unit("1b", 24, 3))
        return stack if name == "conv1" else () if name in ("norm1", "relu1") else (layer,)

    batch_norm = FOUR_CONV.without("lrn")._with(normed)
    no_dropout = batch_norm.without("dropout")
    pooled = no_dropout.without("fc5", "relu5").with_layer("pool4", AdaptivePool("avgpool", 1))
    small_windows = pooled._with(stacked)
    pool1, pool2 = FOUR_CONV.layer("pool1"), FOUR_CONV.layer("pool2")
    stem, end = (*_unit("1a", 16, 3), *_unit("1b", 16, 3), pool1), pooled.layers[-3:]

    def plain(number: int, maps: int) -> Part:
        return *_unit(f"{number}a", maps, 3), *_unit(f"{number}b", maps, 3)

    deeper = (*stem, *plain(2, 32), pool2, *plain(3, 64), *plain(4, 64), *end)
    residual = (
        *stem,
        *_residual_block("block2", 32, wider=True),
        pool2,
        *_residual_block("block3", 64, wider=True),
        *_residual_block("block4", 64),
        *end,
    )
    steps = {
        "everything": FOUR_CONV,
        "batch-norm": batch_norm,
        "no-dropout": no_dropout,
        "global-pooling": pooled,
        "small-windows": small_windows,
        "deeper": replace(small_windows, layers=deeper),
        "residual": replace(small_windows, layers=residual),
    }
    source = "the course: four-conv, changed as in later networks, one step after another"
    return {
        step: replace(network, name=f"four-conv, {step}", source=source, note="")
        for step, network in steps.items()
    } | {"everything": FOUR_CONV}


TOWARDS_TODAY = _towards_today()
LATER = (_zfnet(), _nin(), _vgg16(), _googlenet(), _resnet18())

FOUR_CONV_TOWERS = _four_conv_towers()  # whose weights chapter 14 looks at

ARCHITECTURES: dict[str, Architecture] = {
    a.name: a for a in (*ALEXNETS, LENET_5, FOUR_CONV_TOWERS, _two_towers(), *LATER)
}


def architecture(name: str) -> Architecture:
    """The network called ``name`` in :data:`ARCHITECTURES`; a helpful error otherwise."""
    return look_up(ARCHITECTURES, name, "network")
