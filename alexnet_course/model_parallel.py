"""One network trained by several processes: towers of their own, or one weird trick.

The collectives are ``torch.distributed``'s, over Gloo on CPUs and NCCL on GPUs; the process group
must have begun (:func:`~alexnet_course.processes.run_in_processes` does that, and so does
``torchrun``). Every process builds the same whole network from the same seed, keeps its part of it,
and sees the same batches.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet_course.architectures import Architecture
from alexnet_course.arithmetic import Step, trace
from alexnet_course.config import look_up
from alexnet_course.layers import BatchNorm, Dropout
from alexnet_course.network import Network, build, make_module
from alexnet_course.optimisers import SGD, Optimiser
from alexnet_course.processes import own_device
from alexnet_course.wiring import LOGITS, past_flatten, reads, share

PAPERS = SGD(0.01, momentum=0.9, weight_decay=0.0005)  # paper §5
Batch = tuple[Tensor, Tensor]


class Wire:
    """The way to the other processes, and a count of what this one has sent on it.

    ``sent`` counts bytes by purpose: ``"activations"``, ``"their gradients"``, and ``"gradients"``
    of weights. What a process keeps for itself is not sent.
    """

    def __init__(self) -> None:
        self.rank, self.workers = dist.get_rank(), dist.get_world_size()
        self.sent: Counter[str] = Counter()

    def share(self, whole: Tensor, dim: int = 0) -> Tensor:
        """This process's part of ``whole``; :class:`ValueError` where parts can't be equal."""
        if whole.shape[dim] % self.workers:
            raise ValueError(
                f"{whole.shape[dim]} can't be shared equally by {self.workers} processes; choose a "
                "batch, and numbers of maps and units, that can"
            )
        return whole.chunk(self.workers, dim)[self.rank]

    def gathered(self, own: Tensor, dim: int) -> Tensor:
        """All processes' ``own``, of equal shapes, put together along ``dim``."""
        own = own.contiguous()
        parts = [torch.empty_like(own) for _ in range(self.workers)]
        dist.all_gather(parts, own)
        self.sent["activations"] += own.nbytes * (self.workers - 1)  # to each of the others
        return torch.cat(parts, dim)

    def returned(self, gradient: Tensor, dim: int) -> Tensor:
        """Each part of ``gradient`` to the process whose part it is; the sum of what comes here."""
        parts = torch.stack(gradient.chunk(self.workers, dim))
        received = torch.empty_like(parts)
        dist.all_to_all_single(received, parts)
        self.sent["their gradients"] += parts.nbytes - parts[0].nbytes
        return received.sum(0)

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Let the gradients of ``parameters`` be the sums over all processes.

        Counted as what a ring sends, which is the least: each process passes on all but a share
        twice, once to add up and once to tell (Patarasuk & Yuan 2009).
        """
        gradients = [p.grad for p in parameters if p.grad is not None]
        if not gradients:
            return
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        self.sent["gradients"] += 2 * flat.nbytes * (self.workers - 1) // self.workers
        for gradient, summed in zip(gradients, flat.split([g.numel() for g in gradients])):
            gradient.copy_(summed.view_as(gradient))


class Exchange(torch.autograd.Function):
    """Forwards, every process's share becomes the whole; backwards, each share's gradients meet.

    Each process has found how its own units depend on the whole. What belongs to a share is sent to
    its owner and added there. ``torch.distributed.nn`` has an ``all_gather`` with a backward pass
    too; this one shows both ways, and has its bytes counted.
    """

    @staticmethod
    def forward(ctx: Any, own: Tensor, wire: Wire, dim: int) -> Tensor:
        ctx.wire, ctx.dim = wire, dim
        return wire.gathered(own, dim)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        return ctx.wire.returned(gradient, ctx.dim), None, None


class Collection(Exchange):
    """The same for the logits: every process finds the whole loss, so nothing needs to return."""

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        return ctx.wire.share(gradient, ctx.dim), None, None


class Meeting(nn.Module):
    """:class:`Exchange` or :class:`Collection` among a network's layers."""

    def __init__(self, how: type[Exchange], wire: Wire, dim: int = 1) -> None:
        super().__init__()
        self.how, self.wire, self.dim = how, wire, dim

    def forward(self, x: Tensor) -> Tensor:
        return self.how.apply(x, self.wire, self.dim)

    def extra_repr(self) -> str:
        return f"{self.how.__name__}, dim={self.dim}"


class SharedDropout(nn.Module):
    """Dropout on a share of the units: every process draws the whole mask and takes its part.

    Their generators stand alike, and so do they after it. A process alone, whose dropout draws over
    all units, drops the same ones.
    """

    def __init__(self, dropout: nn.Module, wire: Wire) -> None:
        super().__init__()
        self.dropout, self.wire = dropout, wire

    def forward(self, x: Tensor) -> Tensor:
        whole = x.new_ones(x.shape[0], x.shape[1] * self.wire.workers, *x.shape[2:])
        return x * self.wire.share(self.dropout(whole), 1)


@dataclass
class Part:
    """What one process holds of a network, and how it learns.

    ``in_common`` are the parameters that all processes hold, whose gradients they add up. With
    ``own_images`` the process reads its share of each batch, and with ``own_labels`` its loss is
    over that share alone.
    """

    network: nn.Module
    wire: Wire
    in_common: list[nn.Parameter] = field(default_factory=list)
    own_images: bool = False
    own_labels: bool = False


def model_parallel(whole: Network, wire: Wire) -> Part:
    """A tower: this process's share of every layer, and what it reads of the others' shares.

    A grouped conv layer reads its own tower. Any other reads all that all towers have made, and
    makes its share of the maps or units; the last layer, its share of the classes.
    """
    return Part(_tower(whole, wire, trace(whole.architecture)), wire)


def one_weird_trick(whole: Network, wire: Wire) -> Part:
    """Conv layers by images, fully connected layers by units (Krizhevsky 2014).

    Conv layers hold few of the parameters and do most of the arithmetic, so every process has them
    all and reads its share of the batch. At the flatten the shares of the batch are put together,
    and from there on each process has its share of the units, for the whole batch: the simplest of
    that report's three schemes.

    Raises :class:`~alexnet_course.layers.SpecError` for batch norm, and :class:`ValueError` for a
    network without layers after a flatten.
    """
    _refuse_batch_norm(whole)
    steps = [step for step in trace(whole.architecture) if "." not in step.name]
    after = past_flatten(whole.architecture)
    convs = whole[:after]
    tower = _tower(whole, wire, steps[after:])
    network = nn.Sequential(
        OrderedDict(
            [
                *convs.named_children(),
                ("the_batch", Meeting(Exchange, wire, dim=0)),
                *tower.named_children(),
            ]
        )
    )
    return Part(network, wire, [*convs.parameters()], own_images=True)


def data_parallel(whole: Network, wire: Wire) -> Part:
    """The whole network in every process, for its share of the images.

    Its losses are shares too: over all processes they add up to the batch's. Each draws dropout's
    masks for its own images.

    Raises :class:`~alexnet_course.layers.SpecError` for batch norm.
    """
    _refuse_batch_norm(whole)
    return Part(whole, wire, [*whole.parameters()], own_images=True, own_labels=True)


def _refuse_batch_norm(whole: Network) -> None:
    for _, layer in whole.architecture.named_layers():
        if isinstance(layer, BatchNorm):
            layer.fail(
                "it would take mean and deviation of a share of the images, and not of the batch; "
                "leave it out, or train model parallel"
            )


SCHEMES: dict[str, Callable[[Network, Wire], Part]] = {
    "data parallel": data_parallel,
    "model parallel": model_parallel,
    "one weird trick": one_weird_trick,
}


def _tower(whole: Network, wire: Wire, steps: Iterable[Step]) -> nn.Sequential:
    """This process's share of ``steps``, and a meeting before each layer that reads all shares."""
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    for step, split, meets in reads(steps, wire.workers):
        if meets:
            modules[f"before_{step.name}"] = Meeting(Exchange, wire)
        modules[step.name] = _own(step, split and not meets, whole, wire)
    modules[LOGITS] = Meeting(Collection, wire)
    return nn.Sequential(modules)


def _own(step: Step, split: bool, whole: Network, wire: Wire) -> nn.Module:
    """A layer's share for this process, with its share of the weights."""
    layer, (channels, *sides) = step.layer, step.input_shape
    if layer.parts:
        return _branch(step, whole, wire.rank)
    if isinstance(layer, Dropout):
        dropout = whole.get_submodule(step.name)
        return SharedDropout(dropout, wire) if split else dropout
    received = (channels // wire.workers if split else channels, *sides)
    module = make_module(share(layer, wire.workers), received).to(next(whole.parameters()))
    state = whole.get_submodule(step.name).state_dict()
    module.load_state_dict({name: _own_values(value, wire) for name, value in state.items()})
    return module


def _branch(step: Step, whole: Network, rank: int) -> nn.Module:
    layers = step.layer.parts[rank]
    if any(isinstance(layer, Dropout) for layer in layers):
        step.layer.fail("dropout inside a branch would drop the same units in each; leave it out")
    named = [(layer.name, whole.get_submodule(f"{step.name}.{layer.name}")) for layer in layers]
    return nn.Sequential(OrderedDict(named))


def _own_values(values: Tensor, wire: Wire) -> Tensor:
    """A share of weights, biases or running averages by outputs, which stand first.

    Those of a locally connected layer stand behind row and column; a count has no share.
    """
    return wire.share(values, 2 if values.ndim == 6 else 0) if values.ndim else values


def train(part: Part, batches: Iterable[Batch], optimiser: Optimiser = PAPERS) -> list[float]:
    """A step for each of ``batches``, images and labels; gives the mean loss of each, in nats.

    All processes are given the same batches, and hold equal generators for dropout.
    """
    optimisers = optimiser.made_for([*part.network.named_parameters()])
    losses = []
    for images, labels in batches:
        count = len(labels)
        images = part.wire.share(images) if part.own_images else images
        labels = part.wire.share(labels) if part.own_labels else labels
        loss = F.cross_entropy(part.network(images), labels, reduction="sum") / count
        part.network.zero_grad()
        loss.backward()
        part.wire.sum_gradients(part.in_common)
        for each in optimisers:
            each.step()
        losses.append(loss.item())
    return losses


def train_as(
    scheme: str,
    architecture: Architecture,
    batches: list[Batch],
    seed: int = 0,
    optimiser: Optimiser = PAPERS,
) -> tuple[list[float], dict[str, int]]:
    """What each process of a group calls: its losses, and the bytes that it has sent, by purpose.

    ``scheme`` is one of :data:`SCHEMES`. The network is built with ``seed``, which sets dropout's
    generator too, and has the precision of the images. From a notebook::

        run_in_processes(train_as, 2, "model parallel", architecture, batches)
    """
    wire, device = Wire(), own_device()
    whole = build(architecture, seed).to(device, batches[0][0].dtype)
    part = look_up(SCHEMES, scheme, "scheme")(whole, wire)
    torch.manual_seed(seed)
    moved = ((images.to(device), labels.to(device)) for images, labels in batches)
    return train(part, moved, optimiser), dict(wire.sent)
