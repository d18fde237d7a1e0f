"""Networks as a page's reader makes them: sound ones, edited ones, and such as can't be."""

import random
from dataclasses import MISSING, fields

from alexnet_course.architectures import Architecture
from alexnet_course.explorer import kinds_of_layers, networks
from alexnet_course.layers import Composite

KINDS = kinds_of_layers()
SIMPLE = [name for name, kind in KINDS.items() if not issubclass(kind, Composite)]
FEW = (0, 1, 1, 1, 2, 2, 3, 3, 4, 5, 7, 11)
CHANNELS = (1, 2, 3, 4, 6, 8, 10, 16, 48, 96)
NUMBERS = {
    "kernel": (0, 1, 2, 3, 3, 3, 5, 7, 11, 40),
    "size": (0, 1, 2, 3, 5, 5, 6),
    "stride": (0, 1, 1, 1, 1, 2, 2, 2, 3, 4),
    "padding": (-1, 0, 0, 0, 1, 1, 2, 3),
    "groups": (0, 1, 1, 1, 1, 2, 2, 3),
    "out_channels": (0, *CHANNELS),
    "out_features": (-1, *CHANNELS),
    "p": (-0.1, 0, 0.2, 0.5, 0.5, 1, 1.5),
}
OTHERS = {
    "bias": (True, False, 1),
    "at_test": (True, False),
    "rounding": ("floor", "floor", "ceil", "ceil", "round"),
    "mode": ("max", "average", "mean"),
    "scaled": ("training", "test"),
    "across": ("channels", "channels", "space"),
    "function": ("tanh", "sigmoid", "swish"),
}
ANY = (0.5, 1.5, "two", True, None, 3)


def layer(draw, number, depth=0):
    """A layer as plain data, mostly sound, named by its ``number``."""
    if depth < 2 and draw.random() < 0.08:
        return composite(draw, number, depth)
    kind = draw.choice([*SIMPLE, *["Conv"] * 6, *["Pool"] * 3, *["ReLU"] * 2])
    made = {"type": kind, "name": name(draw, number)}
    for field in fields(KINDS[kind])[1:]:  # the first is the name
        if field.default is MISSING or draw.random() < 0.5:
            made[field.name] = value(draw, field.name)
    return made


def name(draw, number):
    odd = ("conv 1", "", "total", "2nd", "fünf", "layer1", "it's")
    return draw.choice(odd) if draw.random() < 0.01 else f"layer{number}"


def value(draw, field):
    if draw.random() < 0.01:
        return draw.choice(ANY)
    usual = NUMBERS.get(field) or OTHERS.get(field) or (0, 0.5, 1, 2, -1)
    sound = [x for x in usual if field in OTHERS or x > 0 or (field == "padding" and x == 0)]
    return draw.choice(sound if draw.random() < 0.97 else usual)


def composite(draw, number, depth):
    parts = [
        [layer(draw, 10 * number + i + 5 * place, depth + 1) for i in range(draw.randint(0, 2))]
        for place in range(2)
    ]
    made = {"name": name(draw, number)}
    if draw.random() < 0.5:
        return made | {"type": "Parallel", "branches": parts}
    first = parts[0] or [{"type": "ReLU", "name": "within"}]
    return made | {"type": "Residual", "branch": first, "shortcut": parts[1]}


def network(draw):
    """A stack at random, or one of the course's with a few edits."""
    if draw.random() < 0.5:
        shape = [draw.choice((1, 3, 3, 4)), *draw.choices((1, 8, 13, 28, 32, 33), k=2)]
        layers = [layer(draw, number) for number in range(draw.randint(1, 9))]
        if draw.random() < 0.3:
            layers += [
                {"type": "Flatten", "name": "flatten"},
                {"type": "Linear", "name": "fc", "out_features": 10},
            ]
        return {"name": "mine", "input_shape": shape, "layers": layers}
    found = draw.choice([*networks().values()])
    layers = [dict(each) for each in found["layers"]]
    for _ in range(draw.randint(0, 3)):
        edit(draw, layers)
    shape = [3, *draw.choices((24, 32, 64, 224, 227), k=2)] if draw.random() < 0.3 else None
    return {"name": found["name"], "input_shape": shape or found["input_shape"], "layers": layers}


def edit(draw, layers):
    place = draw.randrange(len(layers))
    how = draw.choice(("change", "change", "drop", "add", "swap"))
    if how == "drop" and len(layers) > 1:
        del layers[place]
    elif how == "add":
        layers.insert(place, layer(draw, draw.randint(0, 99)))
    elif how == "swap":
        other = draw.randrange(len(layers))
        layers[place], layers[other] = layers[other], layers[place]
    else:
        numbers = [field for field in layers[place] if field in NUMBERS or field in OTHERS]
        if numbers:
            field = draw.choice(numbers)
            layers[place][field] = value(draw, field)


def built(given):
    """The :class:`Architecture` that plain data describes; :class:`SpecError` for what can't be."""
    layers = tuple(map(_layer, given["layers"]))
    return Architecture(given["name"], tuple(given["input_shape"]), layers)


def _layer(given):
    settings = {key: item for key, item in given.items() if key not in ("type", "name")}
    for key in ("branch", "shortcut"):
        if key in settings:
            settings[key] = tuple(map(_layer, settings[key]))
    if "branches" in settings:
        settings["branches"] = tuple(tuple(map(_layer, part)) for part in settings["branches"])
    return KINDS[given["type"]](given["name"], **settings)


def many(count, seed=0):
    draw = random.Random(seed)
    return [network(draw) for _ in range(count)]
