"""The trained network that a page of the book runs: its weights in 8 bits, as plain data.

The book is built without PyTorch and numpy, so nothing here imports them.
"""

import json
import struct
from ast import literal_eval
from base64 import b64encode
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from alexnet_course import layers as specs
from alexnet_course.architectures import Architecture
from alexnet_course.provenance import RECORDED

EXPERIMENT, ARM, SEED = "features", "everything", 0  # the run that has trained it
FOLDER = "features-in-page"
LARGEST = 127  # of the whole numbers that stand for weights


def weights_path(folder: Path = RECORDED) -> Path:
    """The weights as the run keeps them, in 16 bits."""
    return folder / EXPERIMENT / f"{ARM}-seed{SEED}.weights.npz"


def measured_path(folder: Path = RECORDED) -> Path:
    """What is recorded of the weights in 8 bits: :func:`alexnet_course.features.run_in_page`."""
    return folder / FOLDER / f"{ARM}-seed{SEED}.json"


def architecture(folder: Path = RECORDED) -> Architecture:
    """The network that the run has trained, as its manifest has it."""
    manifest = weights_path(folder).with_name(f"{ARM}-seed{SEED}.json")
    stored = json.loads(manifest.read_text(encoding="utf-8"))["config"]["architecture"]
    made = tuple(_layer(**layer) for layer in stored["layers"])
    return Architecture(stored["name"], tuple(stored["input_shape"]), made)


def _layer(type: str, **settings: Any) -> specs.Layer:
    return getattr(specs, type)(**settings)


def stored_arrays(path: Path) -> dict[str, tuple[tuple[int, ...], list[float]]]:
    """The float16 arrays in a file of numpy's, by name: the shape of each, and its values."""
    with ZipFile(path) as file:
        return {name.removesuffix(".npy"): _array(file.read(name)) for name in file.namelist()}


def _array(stored: bytes) -> tuple[tuple[int, ...], list[float]]:
    start = 10 + int.from_bytes(stored[8:10], "little")
    about = literal_eval(stored[10:start].decode("latin-1"))
    if about["descr"] != "<f2" or about["fortran_order"]:
        raise ValueError(f"an array is of {about}; weights are kept as '<f2' in the order of C")
    return about["shape"], [value for (value,) in struct.iter_unpack("<e", stored[start:])]


def in_eight_bits(outputs: int, values: list[float]) -> tuple[list[int], list[float]]:
    """Whole numbers from −127 to 127, and for each of ``outputs`` kernels the step (a float32) by
    which its own are multiplied to come near ``values``.
    """
    codes: list[int] = []
    steps: list[float] = []
    size = len(values) // outputs
    for start in range(0, len(values), size):
        kernel = values[start : start + size]
        step = _as_float32(max(map(abs, kernel)) / LARGEST) or 1.0
        steps.append(step)
        codes += [max(-LARGEST, min(LARGEST, round(value / step))) for value in kernel]
    return codes, steps


def _as_float32(value: float) -> float:
    return struct.unpack("<f", struct.pack("<f", value))[0]


def _text(kind: str, values: list) -> str:
    return b64encode(struct.pack(f"<{len(values)}{kind}", *values)).decode()


def layers(folder: Path = RECORDED) -> list[dict[str, Any]]:
    """Every layer with all its settings; one that has learned, with ``weight`` (int8), ``step`` and
    ``bias`` (float32), as bytes in base64.
    """
    arrays = stored_arrays(weights_path(folder))
    made = []
    for layer in architecture(folder).layers:
        known = {"type": type(layer).__name__, **asdict(layer)}
        if weight := arrays.get(f"{layer.name}.weight"):
            shape, values = weight
            codes, steps = in_eight_bits(shape[0], values)
            bias = arrays[f"{layer.name}.bias"][1]
            texts = {"weight": _text("b", codes), "step": _text("f", steps)}
            known |= texts | {"bias": _text("f", bias)}
        made.append(known)
    return made


def network() -> dict[str, Any]:
    """All that a page needs to run it: its layers, its classes, and how pixels are scaled."""
    record = json.loads(measured_path().read_text(encoding="utf-8"))
    return {
        "input_shape": architecture().input_shape,
        "layers": layers(),
        **{key: record[key] for key in ("classes", "mean", "divisor")},
    }
