"""What training on several workers sends and what it costs, predicted from the table of layers.

Every assumption is an argument or stands in a table with its source: peaks, bandwidths, prices.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from alexnet_course.architectures import ARCHITECTURES, Architecture
from alexnet_course.arithmetic import FLOAT32_BYTES, layer_table, trace, training_operations
from alexnet_course.config import look_up
from alexnet_course.fields import Count, fitting
from alexnet_course.wiring import crossings, past_flatten, with_towers

IMAGENET_IMAGES = 1_200_000  # paper §2 and §5; 1,281,167 in the data set of ILSVRC-2012
PASSES = 90  # paper §5: "roughly 90 cycles"
PURPOSES = ("activations", "their gradients", "gradients")


def _parameters(architecture: Architecture) -> int:
    return int(layer_table(architecture)["parameters"].iloc[-1])


def parameters_before_and_after_flatten(architecture: Architecture) -> tuple[int, int]:
    """Parameters of the conv part, which images share out, and of the fully connected part.

    Raises :class:`ValueError` for a network without layers after a flatten.
    """
    outer = [step for step in trace(architecture) if "." not in step.name]
    first = outer[past_flatten(architecture) - 1].name
    table = layer_table(architecture).set_index("name")["parameters"]
    before = int(table.loc[:first].sum())
    return before, _parameters(architecture) - before


def bytes_a_step(
    architecture: Architecture,
    scheme: str,
    workers: int,
    batch: int,
    value_bytes: int = FLOAT32_BYTES,
) -> dict[str, int]:
    """What one of ``workers`` sends in one step, in bytes, by purpose, as ``Wire.sent`` counts it.

    ``scheme`` is one of :data:`SENT_BY`; ``batch`` counts the images of the step, on all workers
    together. Activations and their gradients grow with the batch, gradients of weights don't: those
    are added up in a ring, so each worker passes on all but a share of them twice (Patarasuk & Yuan
    2009), twice the parameters at most, however many workers there are.

    Raises :class:`ValueError` where the batch can't be shared out equally, and
    :class:`~alexnet_course.layers.SpecError` for a network that can't be cut so.
    """
    fitting("workers", workers, Count)
    fitting("batch", batch, Count)
    if batch % workers:
        raise ValueError(f"a batch of {batch} can't be shared equally by {workers} workers")
    forwards, backwards, in_common = look_up(SENT_BY, scheme, "scheme")(architecture, workers)
    sent = (
        forwards * batch * value_bytes // workers,
        backwards * batch * value_bytes // workers,
        2 * in_common * value_bytes * (workers - 1) // workers,
    )
    return dict(zip(PURPOSES, sent, strict=True))


def _by_images(architecture: Architecture, workers: int) -> tuple[int, int, int]:
    """Values that cross for an image, forwards and backwards, and parameters held in common."""
    return 0, 0, _parameters(architecture)


def _by_units(architecture: Architecture, workers: int) -> tuple[int, int, int]:
    return *_crossing(architecture, workers, by_images=False), 0


def _by_both(architecture: Architecture, workers: int) -> tuple[int, int, int]:
    in_common, _ = parameters_before_and_after_flatten(architecture)
    return *_crossing(architecture, workers, by_images=True), in_common


def _crossing(architecture: Architecture, workers: int, by_images: bool) -> tuple[int, int]:
    total = crossings(architecture, workers, by_images).iloc[-1]
    return int(total["forwards"]), int(total["backwards"])


SENT_BY = {
    "data parallel": _by_images,
    "model parallel": _by_units,
    "one weird trick": _by_both,
}


def communication(
    architecture: Architecture, batch: int = 128, workers: Iterable[int] = (1, 2, 4, 8)
) -> pd.DataFrame:
    """Bytes of one step for each scheme and number of workers.

    Columns: ``scheme``, ``workers``; what one worker sends as ``activations``, ``their gradients``
    and ``gradients`` of weights, and their sum ``each``; and ``all``, the sum over workers. Model
    parallel has as many towers as workers, so what had groups has that many: the paper's wiring,
    but another network. Draw it with ``.pivot(index="workers", columns="scheme", values="each")``.
    """
    rows = []
    for scheme in SENT_BY:
        for count in workers:
            cut = with_towers(architecture, count) if scheme == "model parallel" else architecture
            sent = bytes_a_step(cut, scheme, count, batch)
            each = sum(sent.values())
            rows.append({"scheme": scheme, "workers": count, **sent, "each": each})
    table = pd.DataFrame(rows)
    return table.assign(all=table["each"] * table["workers"])


# What it costs


@dataclass(frozen=True)
class Device:
    """What computes: its ``peak`` in operations a second, where a multiply-add is two."""

    name: str
    peak: float
    source: str


DEVICES = {
    device.name: device
    for device in (
        Device(
            "GTX 580",
            512 * 1.544e9 * 2,
            "512 processors at 1.544 GHz, a multiply-add a cycle (bit-tech's test, 2010)",
        ),
        Device("K20", 2496 * 0.706e9 * 2, "2,496 processors at 706 MHz"),
        Device("P40", 3840 * 1.531e9 * 2, "3,840 processors at up to 1,531 MHz, float32"),
        Device("V100", 125e12, "tensor cores, float16 with float32 sums (NVIDIA's data sheet)"),
        Device(
            "Xeon 8160",
            24 * 2.1e9 * 64,
            "24 cores at 2.1 GHz, two multiply-adds of 16 values a cycle; less under full load",
        ),
        Device("A100", 312e12, "tensor cores, bfloat16, dense (NVIDIA's data sheet)"),
        Device("H100", 989e12, "tensor cores, bfloat16, dense, SXM (NVIDIA's data sheet)"),
    )
}


def operations(
    architecture: Architecture, passes: float = PASSES, images: float = IMAGENET_IMAGES
) -> float:
    """Floating-point operations of ``passes`` over ``images``.

    :func:`~alexnet_course.arithmetic.training_operations` counts those of an image: six for a
    multiply-add, but four in the first layer.
    """
    return training_operations(architecture) * passes * images


def fraction_of_peak(
    architecture: Architecture, device: str, devices: int, days: float, **counted: float
) -> float:
    """The share of ``devices``' peak that training in ``days`` has used, from 0 to 1.

    ``counted`` goes to :func:`operations`. The paper's: ``fraction_of_peak(ALEXNET_2012, "GTX 580",
    2, 6)``; it gives five to six days (§1).
    """
    return hours_at_peak(architecture, device, devices, **counted) / (24 * days)


def hours_at_peak(
    architecture: Architecture, device: str, devices: int = 1, **counted: float
) -> float:
    """The least hours that training can take: all ``devices`` always at their peak."""
    peak = look_up(DEVICES, device, "device").peak * devices
    return operations(architecture, **counted) / peak / 3600


def hours_and_price(
    architecture: Architecture,
    device: str,
    price_an_hour: float,
    fraction: float = 0.3,
    devices: int = 1,
    **counted: float,
) -> tuple[float, float]:
    """Hours of training, and what they cost in the currency of ``price_an_hour`` of one device.

    ``fraction`` of the peak is what the network reaches, which is yours to measure: small layers
    reach less, and so does a machine that can't read images fast enough. Nothing is counted for
    what devices send each other, or for measuring.
    """
    hours = hours_at_peak(architecture, device, devices, **counted) / fraction
    return hours, hours * devices * price_an_hour


@dataclass(frozen=True)
class Link:
    """What workers send through: nominal ``bandwidth`` in bytes a second, each worker's alone."""

    name: str
    bandwidth: float


PCI = Link("PCI Express 2.0, 16 lanes", 8e9)
GBIT_100 = Link("Ethernet, InfiniBand or Omni-Path, 100 Gbit/s", 100e9 / 8)
GBIT_56 = Link("InfiniBand, 56 Gbit/s", 56e9 / 8)


@dataclass(frozen=True)
class Record:
    """A published time of training on ImageNet, in ``minutes``, and what it was reached with.

    ``network`` and ``link`` are this course's nearest, where the source has another or names none.
    """

    who: str
    device: str
    workers: int
    batch: int
    passes: int
    minutes: float
    top1: float
    scheme: str
    network: str
    link: Link
    source: str
    value_bytes: int = FLOAT32_BYTES


def _with_k20s(workers: int, batch: int, hours: float, top1: float) -> Record:
    return Record(
        who="Krizhevsky 2014",
        device="K20",
        workers=workers,
        batch=batch,
        passes=90,
        minutes=60 * hours,
        top1=top1,
        scheme="one weird trick",
        network="torchvision",
        link=PCI,
        source="arXiv:1404.5997",
    )


RECORDS = (
    Record(
        who="Krizhevsky et al. 2012",
        device="GTX 580",
        workers=2,
        batch=128,
        passes=90,
        minutes=6 * 24 * 60,
        top1=59.3,
        scheme="model parallel",
        network="alexnet-2012",
        link=PCI,
        source="the paper, §1 (five to six days) and Table 2",
    ),
    _with_k20s(1, 128, 98.05, 57.67),
    _with_k20s(2, 256, 50.90, 57.73),
    _with_k20s(4, 512, 26.78, 57.56),
    _with_k20s(8, 1024, 15.91, 57.14),
    Record(
        who="You et al. 2018",
        device="Xeon 8160",
        workers=1024,
        batch=32_768,
        passes=100,
        minutes=11,
        top1=58.6,
        scheme="data parallel",
        network="single-tower",
        link=GBIT_100,
        source="arXiv:1709.05011; the abstract as printed (ICPP 2018) has 2,048 processors for it",
    ),
    Record(
        who="Jia et al. 2018",
        device="P40",
        workers=1024,
        batch=65_536,
        passes=95,
        minutes=4,
        top1=58.7,
        scheme="data parallel",
        network="single-tower",
        link=GBIT_100,
        value_bytes=2,
        source="arXiv:1807.11205",
    ),
    Record(
        who="Sun et al. 2019",
        device="V100",
        workers=512,
        batch=65_536,
        passes=95,
        minutes=1.5,
        top1=58.2,
        scheme="data parallel",
        network="single-tower",
        link=GBIT_56,
        value_bytes=2,
        source="arXiv:1902.06855",
    ),
)


def predicted_minutes(
    record: Record, fraction: float = 0.3, images: float = IMAGENET_IMAGES
) -> tuple[float, float]:
    """Minutes of computing and minutes of sending that the table of layers lets one expect.

    Computing: the operations, at ``fraction`` of all workers' peaks. Sending: what each worker
    sends in a step by :func:`bytes_a_step`, at the nominal bandwidth, one after the other with
    computing and with nothing lost on the way. Those who set records send while they compute, and
    Sun et al. send only part of the gradients.
    """
    network = ARCHITECTURES[record.network]
    steps = record.passes * images / record.batch
    at_peak = hours_at_peak(
        network, record.device, record.workers, passes=record.passes, images=images
    )
    sent = bytes_a_step(network, record.scheme, record.workers, record.batch, record.value_bytes)
    return 60 * at_peak / fraction, steps * sum(sent.values()) / record.link.bandwidth / 60


def records(fraction: float = 0.3, images: float = IMAGENET_IMAGES) -> pd.DataFrame:
    """Published times of AlexNet on ImageNet beside :func:`predicted_minutes`, a row for each.

    Indexed by year, workers and device. ``minutes`` is what was reported, ``computing`` and
    ``sending`` what is predicted, ``predicted`` their sum, and ``ratio`` what was reported over it.
    Networks stand for those that were trained: ``torchvision`` for that of 2014, and
    ``single-tower`` for the later ones, which were not quite it.
    """
    rows = {}
    for record in RECORDS:
        computing, sending = predicted_minutes(record, fraction, images)
        rows[f"{record.who[-4:]}: {record.workers:,} {record.device}"] = {
            "who": record.who,
            "workers": record.workers,
            "device": record.device,
            "batch": record.batch,
            "top1": record.top1,
            "minutes": record.minutes,
            "computing": computing,
            "sending": sending,
            "predicted": computing + sending,
            "ratio": record.minutes / (computing + sending),
        }
    return pd.DataFrame.from_dict(rows, orient="index")
