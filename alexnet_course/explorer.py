"""What the book's layer explorer needs of the course, as plain data for a script in the page.

The book is built without PyTorch and pandas, so nothing here imports them.
"""

from typing import Any

from alexnet_course import layers
from alexnet_course.architectures import ARCHITECTURES, Architecture
from alexnet_course.config import plain
from alexnet_course.fields import LONGEST, described


def kinds_of_layers() -> dict[str, type[layers.Layer]]:
    """Every kind of layer that a network can be made of, by its name, in the module's order."""
    bases = (layers.Layer, layers.Composite)
    found = {name: kind for name, kind in vars(layers).items() if isinstance(kind, type)}
    return {n: k for n, k in found.items() if issubclass(k, layers.Layer) and k not in bases}


def schema() -> dict[str, Any]:
    """What layers there are, which fields they have and what these may hold."""
    own = ("name", "branch", "shortcut", "branches")
    shape = next(f for f in described(Architecture) if f["name"] == "input_shape")
    return {
        "layers": {
            name: {
                "kind": kind.kind,
                "fields": [field for field in described(kind) if field["name"] not in own],
            }
            for name, kind in kinds_of_layers().items()
        },
        "input_shape": shape["words"],
        "learned": list(layers.LEARNED),
        "sums": layers.SUMS,
        "bytes": layers.FLOAT32_BYTES,
        "longest": LONGEST,
    }


def networks() -> dict[str, Any]:
    """Every network of the course as plain data, with its source."""
    return {name: plain(a) | {"source": a.source} for name, a in ARCHITECTURES.items()}
