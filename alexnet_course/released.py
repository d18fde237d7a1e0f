"""Layer files of the 2012 code, as released in 2025, read into the course's table of layers.

A layer file names a network's layers in sections, and a params file beside it has their rates,
momentum, weight decay and the norms' constants. None of them comes with the course: point to your
own clone of the release. The code's two GPUs are columns of alike sections, such as ``[conv2a]``
and ``[conv2b]``; here they are one layer, in groups where each column reads only itself.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from configparser import ConfigParser, Error
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import pandas as pd

from alexnet_course.architectures import Architecture
from alexnet_course.layers import (
    LRN,
    Activation,
    Conv,
    Dropout,
    Flatten,
    Layer,
    Linear,
    LocallyConnected,
    Pool,
    ReLU,
    Rounding,
    Shape,
    SpecError,
    window_positions,
)

Source = str | Path
Number = TypeVar("Number", int, float)

DECISIVE = (  # fields that say which network it is
    "type inputs dataIdx channels filters outputs filterSize sizeX size padding stride start "
    "outputsX groups randSparse sharedBiases pool keep neuron"
)
PASSED_OVER = "initW initB initWFunc initBFunc initCFunc gpu partialSum sumWidth"  # not which one
NEURONS: dict[str, Callable[[str], tuple[Layer, ...]]] = {
    "": lambda name: (),
    "ident": lambda name: (),
    "relu": lambda name: (ReLU(f"{name}_relu"),),
    "logistic": lambda name: (Activation(f"{name}_sigmoid", "sigmoid"),),
}


@dataclass(frozen=True)
class Section:
    """One section of a layer file, and the section of the same name in the params file."""

    name: str
    fields: Mapping[str, str]
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def type(self) -> str:
        return self.fields.get("type", "")

    @property
    def inputs(self) -> list[str]:
        return [name.strip() for name in self.fields.get("inputs", "").split(",")]

    def number(self, key: str, kind: Callable[[str], Number], default: Number | None = None) -> Any:
        """The number that ``key`` has, for all inputs the same."""
        if key not in self.fields and default is None:
            self.fail(f"it has no {key!r}, which this type needs")
        try:
            numbers = {kind(text) for text in self.fields.get(key, str(default)).split(",")}
        except ValueError:
            self.fail(f"{key}={self.fields[key]} is not a number")
        if len(numbers) > 1:
            self.fail(
                f"{key}={self.fields[key]} differs from input to input; one layer that reads "
                "several inputs alike is supported"
            )
        return numbers.pop()

    def require(self, key: str, *allowed: str) -> None:
        """Refuse ``key`` where it says anything but ``allowed``; left out, it is right."""
        said = self.fields.get(key, allowed[0])
        if not {part.strip().lower() for part in said.split(",")} <= set(allowed):
            self.fail(f"{key}={said} is not supported; {key}={allowed[0]} is")

    def fail(self, problem: str) -> NoReturn:
        raise SpecError(f"section [{self.name}] (type={self.type or '?'}): {problem}")


def _conv(s: Section, shape: Shape) -> Conv:
    s.require("randSparse", "0", "false")
    s.require("sharedBiases", "1", "true")
    kernel, stride = s.number("filterSize", int), s.number("stride", int, 1)
    padding = s.number("padding", int, 0)
    rounding = _rounding(s, shape, kernel, stride, padding)
    groups = s.number("groups", int, 1)
    return Conv("x", s.number("filters", int), kernel, stride, padding, groups, rounding=rounding)


def _local(s: Section, shape: Shape) -> LocallyConnected:
    s.require("randSparse", "0", "false")
    s.require("groups", "1")
    window = s.number("filterSize", int), s.number("stride", int, 1), s.number("padding", int, 0)
    if _rounding(s, shape, *window) == "ceil":
        s.fail("its last window hangs over the edge, which is supported for conv and pool alone")
    return LocallyConnected("x", s.number("filters", int), *window)


def _pool(s: Section, shape: Shape) -> Pool:
    s.require("pool", "max", "avg")
    s.require("start", "0")
    s.require("outputsX", "0")
    kernel, stride = s.number("sizeX", int), s.number("stride", int)
    pool = Pool("x", kernel, stride, rounding=_rounding(s, shape, kernel, stride))
    return replace(pool, mode="average") if s.fields.get("pool") == "avg" else pool


def _norm(s: Section, shape: Shape) -> LRN:
    """The code divides the scale by the number of squares in a window before it uses it."""
    size = s.number("size", int)
    if not {"scale", "pow"} <= s.params.keys():
        s.fail("its scale and pow stand in the params file, which was not found; give params=…")
    said = replace(s, fields=s.params)
    across_maps = s.type == "cmrnorm"
    return LRN(
        "x",
        size,
        alpha=said.number("scale", float) / (size if across_maps else size**2),
        beta=said.number("pow", float),
        k=said.number("minDiv", float, 1.0),
        across="channels" if across_maps else "space",
    )


def _fc(s: Section, shape: Shape) -> Linear:
    return Linear("x", s.number("outputs", int))


def _dropout(s: Section, shape: Shape) -> Dropout:
    replace(s, fields=s.params).require("enable", "true", "1")
    return Dropout("x", round(1 - s.number("keep", float, 0.5), 9), scaled="test")


MAKERS: dict[str, Callable[[Section, Shape], Layer]] = {
    "conv": _conv,
    "local": _local,
    "pool": _pool,
    "cmrnorm": _norm,
    "rnorm": _norm,
    "fc": _fc,
    "hs": _dropout,
    "dropout2": _dropout,
}
SUPPORTED = ("data", *MAKERS, "concat", "softmax", "cost.…")


def _rounding(s: Section, shape: Shape, kernel: int, stride: int, padding: int = 0) -> Rounding:
    """``"ceil"``, the code's rule, where it gives other sizes than ``"floor"``."""
    if len(shape) != 3:
        s.fail("it works on maps, and receives the outputs of an fc layer")
    found: Rounding = "floor"
    for size in shape[1:]:
        by_code = 1 + math.ceil((size + 2 * padding - kernel) / stride)
        if by_code != window_positions(size, kernel, stride, padding):
            found = "ceil"
        if by_code != window_positions(size, kernel, stride, padding, "ceil"):
            s.fail(f"its last window starts beyond its input of {size} pixels: not supported")
    return found


def read_layers(
    source: Source, input_shape: Shape | None = None, params: Source | None = None
) -> Architecture:
    """The network of a layer file, ``source``: its path, or its text.

    The file doesn't say how large images are. Without ``input_shape``, ``(channels, height,
    width)``, they have 224 pixels a side where the first convolution has a stride, as for ImageNet,
    and else 32, CIFAR-10's. ``params`` is the params file; without it, ``layer-params-….cfg``
    beside ``layers-….cfg`` is read if it is there. Windows round up, as in the code; a layer has
    ``rounding="ceil"`` where that matters for images of this size.

    Raises :class:`SpecError`, with section and type, where the course has no such layer.
    """
    sections = _sections(source, params)
    reader = _Reader(sections, input_shape or _usual_input(sections))
    reader.walk()
    name = "layer file" if _is_text(source) else Path(source).stem
    said = "a layer file" if _is_text(source) else f"the layer file {source}"
    return Architecture(name, reader.input_shape, tuple(reader.layers), source=said)


def read_params(source: Source) -> pd.DataFrame:
    """The fields of a params file (or of a layer file), path or text: a row for each section.

    A column is missing (NaN) where a section doesn't have the field. Numbers are numbers; a list of
    equal numbers, one for each input of a layer, is one.
    """
    rows = {
        name: {key: _value(text) for key, text in fields.items()}
        for name, fields in _parsed(source).items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("section")


def _value(text: str) -> float | str:
    parts = {part.strip() for part in text.split(",")}
    try:
        numbers = {float(part) for part in parts}
    except ValueError:
        return text
    return numbers.pop() if len(numbers) == 1 else text


def _is_text(source: Source) -> bool:
    return isinstance(source, str) and "\n" in source


def _parsed(source: Source) -> dict[str, dict[str, str]]:
    named = "this text" if _is_text(source) else str(source)
    text = source if _is_text(source) else Path(source).read_text(encoding="utf-8")
    parser = ConfigParser(interpolation=None, inline_comment_prefixes=(";",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string(str(text), source=named)
    except Error as error:
        problem = " ".join(str(error).split())
        raise SpecError(f"{named} is not a layer or params file: {problem}") from None
    return {name: dict(parser[name]) for name in parser.sections()}


def _sections(source: Source, params: Source | None) -> dict[str, Section]:
    if params is None and not _is_text(source):
        beside = Path(source).with_name(Path(source).name.replace("layers", "layer-params", 1))
        params = beside if beside != Path(source) and beside.exists() else None
    constants = {} if params is None else _parsed(params)
    return {
        name: Section(name, fields, constants.get(name, {}))
        for name, fields in _parsed(source).items()
    }


def _usual_input(sections: Mapping[str, Section]) -> Shape:
    for s in sections.values():
        if s.type == "conv":
            side = 224 if s.number("stride", int, 1) > 1 else 32
            return s.number("channels", int), side, side
    raise SpecError(
        f"a network needs a conv section; this file has the types "
        f"{', '.join(sorted({s.type for s in sections.values()})) or 'none'}"
    )


class _Reader:
    """Walks from the data to the outputs; at each step, ``column`` has what the last layer's
    sections make, by name.
    """

    def __init__(self, sections: Mapping[str, Section], input_shape: Shape) -> None:
        _check_types(sections.values())
        self.left = [s for s in sections.values() if s.type.split(".")[0] not in ("data", "cost")]
        read = {name for s in self.left for name in s.inputs}
        data = [s.name for s in sections.values() if s.type == "data" and s.name in read]
        if len(data) != 1:
            raise SpecError(
                f"layers read {len(data)} sections of type=data; a network of one is supported"
            )
        self.input_shape = self.shape = input_shape
        self.column = {data[0]: input_shape[0]}
        self.layers: list[Layer] = []

    def walk(self) -> None:
        while self.left and (group := [s for s in self.left if {*s.inputs} <= {*self.column}]):
            self.left = [s for s in self.left if s not in group]
            self._take(group)
        if self.left:
            s = self.left[0]
            s.fail(
                f"it reads {', '.join(s.inputs)}, and the layer before it is "
                f"{', '.join(self.column)}; a chain of layers is supported, of columns alike"
            )

    def _take(self, group: list[Section]) -> None:
        group.sort(key=lambda s: [*self.column].index(s.inputs[0]))
        first, own = group[0], self._reads_own(group)
        for s in group:
            if (s.type, s.fields.get("neuron")) != (first.type, first.fields.get("neuron")):
                s.fail(
                    f"it stands beside [{first.name}] (type={first.type}) and is of another kind; "
                    "columns that are alike are supported"
                )
            self._check_channels(s)
        if first.type == "concat":
            self.column = {first.name: sum(self.column.values())}
        elif first.type != "softmax":
            self._add(group, own)

    def _reads_own(self, group: list[Section]) -> bool:
        """Whether each section reads its own column; otherwise each reads all of them."""
        if all(sorted(s.inputs) == sorted(self.column) for s in group):
            return False
        if [[name] for name in self.column] == [s.inputs for s in group]:
            return True
        reads = " and ".join(f"[{s.name}] reads {', '.join(s.inputs)}" for s in group)
        group[0].fail(
            f"{reads}; supported are sections that read one column each, or all of "
            f"{', '.join(self.column)}"
        )

    def _check_channels(self, s: Section) -> None:
        if "channels" not in s.fields:
            return
        made = [self.column[name] for name in s.inputs]
        said = s.fields["channels"].replace(" ", "").split(",")
        if said != list(map(str, made)):
            s.fail(f"channels={s.fields['channels']}, but {', '.join(s.inputs)} makes {made}")

    def _add(self, group: list[Section], own: bool) -> None:
        first = group[0]
        if first.type == "fc" and len(self.shape) == 3:
            self._append(Flatten("flatten"))
        name = self._name([s.name for s in group])
        layer = replace(self._joined(group, own), name=name)
        self._append(layer)
        self.column = {s.name: self.shape[0] // len(group) for s in group}
        if isinstance(layer, Linear):
            self.column = {s.name: s.number("outputs", int) for s in group}
        neuron = first.fields.get("neuron", "")
        if neuron not in NEURONS:
            first.fail(f"neuron={neuron} is not supported; {', '.join(filter(None, NEURONS))} are")
        for activation in NEURONS[neuron](name):
            self._append(activation)

    def _append(self, layer: Layer) -> None:
        self.layers.append(layer)
        self.shape = layer.output_shape(self.shape)

    def _joined(self, group: list[Section], own: bool) -> Layer:
        """One layer for the sections of ``group``."""
        made = [MAKERS[s.type](s, self.shape) for s in group]
        layer, count = made[0], len(group)
        if isinstance(layer, Linear) and not own:
            return replace(layer, out_features=sum(s.number("outputs", int) for s in group))
        for s, other in zip(group, made, strict=True):
            if other != layer:
                s.fail(f"it makes {_differences(layer, other)} of [{group[0].name}] beside it")
        alone = count == len(self.column) == 1
        if alone or (own and isinstance(layer, (Pool, Dropout))):
            return layer
        if isinstance(layer, LRN) and own:
            return replace(layer, groups=count) if layer.across == "channels" else layer
        if isinstance(layer, Conv) and (own or layer.groups == 1):
            groups = count * layer.groups if own else 1
            return replace(layer, out_channels=count * layer.out_channels, groups=groups)
        return group[0].fail(
            f"it is one of {count} columns that read {'one each' if own else 'all'} of "
            f"{', '.join(self.column)}, which is not supported for this type in columns"
        )

    def _name(self, names: Sequence[str]) -> str:
        taken = {layer.name for layer in self.layers}
        alike = takewhile(lambda letters: len({*letters}) == 1, zip(*names, strict=False))
        short = "".join(letters[0] for letters in alike)
        return re.sub(r"\W", "_", short if short and short not in taken else "_".join(names))


def _differences(one: Layer, other: Layer) -> str:
    pairs = zip(vars(one).items(), vars(other).values(), strict=True)
    return ", ".join(f"{key} {new} where it is {old}" for (key, old), new in pairs if old != new)


def _check_types(sections: Iterable[Section]) -> None:
    for s in sections:
        if s.type not in SUPPORTED and not s.type.startswith("cost."):
            s.fail(f"this type is not supported; {', '.join(SUPPORTED)} are")
        if s.type.startswith(("cost.", "softmax")):
            continue
        for key in s.fields:
            if key not in f"{DECISIVE} {PASSED_OVER}".split():
                s.fail(f"the field {key}={s.fields[key]} is not supported")
