"""Sound programs in three styles, and a plant for each kind of fault: one way for each style.

``make faults`` plants all of them with three seeds, and writes what is found beside the recorded
runs; then it looks at every arm of the experiments that has a record. Stopped, it goes on where it
was.
"""

import argparse
import json
import random
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from itertools import combinations, cycle
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset
from torch.utils.data.distributed import DistributedSampler

from alexnet_course.architectures import Architecture
from alexnet_course.benchmark import store
from alexnet_course.data import ImageData, image_data
from alexnet_course.diagnosis import KINDS, Diagnosis, Program, diagnose, examine
from alexnet_course.diagnosis.table import arms_path, arms_summary, summary, table_path
from alexnet_course.experiments import EXPERIMENTS
from alexnet_course.layers import Conv, Dropout, Flatten, Linear, Pool, ReLU
from alexnet_course.network import build
from alexnet_course.provenance import RECORDED, environment
from alexnet_course.recording import first_network, images_by_arm, require_real
from alexnet_course.results import recorded

CLASSES, SIDE, TRAIN, TEST, BATCH = 6, 16, 480, 150, 32


# Three networks, as three people would write them


def plain() -> nn.Module:
    """From a table of layers, without a norm."""
    layers = (
        *(Conv("conv1", 12, kernel=5, padding=2), ReLU("relu1"), Pool("pool1", kernel=3, stride=2)),
        *(Conv("conv2", 16, kernel=3, padding=1), ReLU("relu2"), Pool("pool2", kernel=3, stride=2)),
        *(Flatten("flatten"), Dropout("dropout", 0.4), Linear("fc3", 32), ReLU("relu3")),
        Linear("fc4", CLASSES),
    )
    return build(Architecture("plain", (3, SIDE, SIDE), layers))


class Functional(nn.Module):
    """All that has no weights is a function in ``forward``."""

    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(3, 10, 3, padding=1)
        self.c2 = nn.Conv2d(10, 16, 3, stride=2, padding=1)
        self.c3 = nn.Conv2d(16, 24, 3, stride=2, padding=1)
        self.f1 = nn.Linear(24 * 4 * 4, 40)
        self.f2 = nn.Linear(40, CLASSES)

    def forward(self, x):
        x = F.relu(self.c1(x))
        x = F.relu(self.c2(x))
        x = F.relu(self.c3(x)).flatten(1)
        x = F.dropout(x, 0.3, training=self.training)
        return self.f2(F.relu(self.f1(x)))


class Block(nn.Module):
    def __init__(self, inside, outside, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.short = nn.Conv2d(inside, outside, 1, stride, bias=False)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x):
        y = self.bn2(self.conv2(self.act(self.bn1(self.conv1(x)))))
        return self.act(y + self.short(x))


class Residual(nn.Module):
    """With batch norm, shortcuts and average pooling."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 1, 1), nn.BatchNorm2d(8), nn.ReLU())
        self.blocks = nn.Sequential(Block(8, 16, 2), Block(16, 24, 2))
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(24, CLASSES)

    def forward(self, x):
        return self.head(self.drop(self.blocks(self.stem(x)).mean((2, 3))))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "plain": plain,
    "functional": Functional,
    "residual": Residual,
}


# Their images and loops


class Pictures(Dataset):
    """Images that are changed when they are read."""

    def __init__(self, images, labels, transform=None):
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        x = self.images[i]
        return (x if self.transform is None else self.transform(x)), self.labels[i]


class RandomFlip:
    def __call__(self, x):
        return x.flip(-1) if torch.rand(()) < 0.5 else x


def pixels(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """From 0 to 255: coarse patterns of each class under noise, of a brightness of their own."""
    generator = torch.Generator().manual_seed(seed)
    patterns = torch.randn(CLASSES, 3, 4, 4, generator=generator)
    patterns = F.interpolate(patterns, size=(SIDE, SIDE), mode="bilinear")
    labels = torch.randint(CLASSES, (TRAIN + TEST,), generator=generator)
    noise = torch.randn(len(labels), 3, SIDE, SIDE, generator=generator)
    light = torch.randn(len(labels), 1, 1, 1, generator=generator)
    colour = torch.tensor([125.0, 118.0, 105.0]).view(1, 3, 1, 1)
    images = colour + 25 * patterns[labels] + 35 * noise + 12 * light
    images = images.round().clamp(0, 255)
    return images[:TRAIN], labels[:TRAIN], images[TRAIN:], labels[TRAIN:]


def scaled(images: Tensor) -> Tensor:
    mean = torch.tensor([0.49, 0.46, 0.41]).view(3, 1, 1)
    return (images / 255 - mean) / 0.19


@dataclass
class Setup:
    """A program before it is put together; a plant changes it."""

    style: str
    seed: int
    network: nn.Module
    x: Tensor
    y: Tensor
    tx: Tensor
    ty: Tensor
    rate: float = 0.02
    momentum: float = 0.9
    decay: float = 5e-4
    optimiser: Callable[..., Any] | None = None
    loss: Callable[..., Tensor] = field(default_factory=nn.CrossEntropyLoss)
    loader: Any = None
    test: Any = None
    evaluate: Callable[..., Any] | None = None
    slips: set[str] = field(default_factory=set)
    scheduler: Callable[..., Any] | None = None

    def program(self) -> Program:
        make = self.optimiser or (
            lambda p: torch.optim.SGD(p, self.rate, self.momentum, weight_decay=self.decay)
        )
        optimiser = make(list(self.network.parameters()))
        loader = self.loader or DataLoader(TensorDataset(self.x, self.y), BATCH, shuffle=True)
        test = self.test or DataLoader(TensorDataset(self.tx, self.ty), 64)
        return Program(
            self.network,
            loader,
            loss=self.loss,
            optimiser=optimiser,
            test=test,
            scheduler=self.scheduler and self.scheduler(optimiser),
            train=loop(self.slips),
            evaluate=self.evaluate or share_right,
        )


def loop(slips: set[str]) -> Callable[..., None]:
    """Somebody's training function, with the slips that are named."""

    def train(model, loader, test_loader, criterion, optimizer, epochs, scheduler=None, ckpt=None):
        began = 0
        if ckpt is not None and Path(ckpt).exists():
            saved = torch.load(ckpt, weights_only=False)
            began = saved["epoch"] + (0 if "epoch twice" in slips else 1)
            model.load_state_dict(saved["model"])
            if "optimiser lost" not in slips:
                optimizer.load_state_dict(saved["optimizer"])
            if "generator lost" not in slips:
                torch.set_rng_state(saved["rng"])
        if "train mode once" in slips:
            model.train()
        for epoch in range(began, epochs):
            if "train mode once" not in slips:
                model.train()
            if hasattr(loader.sampler, "set_epoch") and "no set_epoch" not in slips:
                loader.sampler.set_epoch(epoch)
            for x, y in loader:
                if "no zero_grad" not in slips:
                    optimizer.zero_grad()
                inner = model.module if "raw module" in slips else model
                criterion(inner(x), y).backward()
                if "no step" not in slips:
                    optimizer.step()
                if scheduler is not None and "schedule by step" in slips:
                    scheduler.step()
            if scheduler is not None and "schedule by step" not in slips:
                scheduler.step()
            share_right(model, test_loader, mode="no eval" not in slips)
            if ckpt is not None:
                content = {"epoch": epoch, "model": model.state_dict()}
                content |= {"optimizer": optimizer.state_dict(), "rng": torch.get_rng_state()}
                torch.save(content, ckpt)

    return train


def share_right(model, test_loader, mode=True):
    if mode:
        model.eval()
    right = total = 0
    with torch.no_grad():
        for x, y in test_loader:
            right += (model(x).argmax(1) == y).sum().item()
            total += len(y)
    return right / total


def setup(style: str, seed: int) -> Setup:
    """A sound program: every plant begins with one."""
    torch.manual_seed(seed)
    network = NETWORKS[style]()
    x, y, tx, ty = pixels(seed)
    return Setup(style, seed, network, scaled(x), y, scaled(tx), ty)


# The plants, under the names of the table


def way(s: Setup) -> int:
    return list(NETWORKS).index(s.style)


class Followed(nn.Module):
    def __init__(self, network, last):
        super().__init__()
        self.network, self.last = network, last

    def forward(self, x):
        return self.last(self.network(x))


def softmax(s):
    last = (nn.Softmax(1), lambda x: F.softmax(x, dim=1), nn.Softmax(dim=-1))[way(s)]
    s.network = Followed(s.network, last)


def activation(s):
    last = (nn.ReLU(), torch.relu, torch.sigmoid)[way(s)]
    s.network = Followed(s.network, last)


class Linear2(Functional):
    def forward(self, x):
        x = F.relu(self.c1(x))
        x = F.relu(self.c2(x))
        x = F.relu(self.c3(x)).flatten(1)
        return self.f2(F.dropout(self.f1(x), 0.3, training=self.training))


def no_relu(s):
    torch.manual_seed(s.seed)
    if s.style == "plain":
        s.network.relu3 = nn.Identity()
    elif s.style == "functional":
        s.network = Linear2()
    else:
        s.network.blocks[0].act = s.network.blocks[1].act = nn.Identity()


def no_zero(s):
    s.slips.add("no zero_grad")


def no_step(s):
    if way(s) == 0:
        s.slips.add("no step")
    else:
        other = NETWORKS[s.style]()
        kind = (torch.optim.SGD, torch.optim.Adam)[way(s) - 1]
        s.optimiser = lambda _: kind(other.parameters(), 0.01)


class Listed(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = [nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 16, 3, 2, 1)]
        self.fc = nn.Linear(16 * 16, CLASSES)

    def forward(self, x):
        for conv in self.convs:
            x = F.relu(conv(x))
        return self.fc(x.flatten(1))


def left_out(s):
    if s.style == "plain":
        s.network.conv1.requires_grad_(False)
    elif s.style == "functional":
        torch.manual_seed(s.seed)
        s.network = Listed()
    else:
        head = s.network.head
        s.optimiser = lambda _: torch.optim.SGD(head.parameters(), 0.05, 0.9)


def no_eval(s):
    s.slips.add("no eval")
    s.evaluate = lambda model, test_loader: share_right(model, test_loader, mode=False)


def no_train(s):
    s.slips.add("train mode once")


class AlwaysDropped(Functional):
    def forward(self, x):
        x = F.relu(self.c1(x))
        x = F.relu(self.c2(x))
        x = F.dropout(F.relu(self.c3(x)).flatten(1), 0.3)
        return self.f2(F.relu(self.f1(x)))


class Masked(nn.Module):
    """Dropout by hand: scaled in both modes, or in none."""

    def __init__(self, rate, twice):
        super().__init__()
        self.rate, self.twice = rate, twice

    def forward(self, x):
        keep = 1 - self.rate
        if self.training:
            x = x * (torch.rand_like(x) < keep)
            return x / keep if self.twice else x
        return x * keep if self.twice else x


def dropout(s):
    torch.manual_seed(s.seed)
    if s.style == "plain":
        s.network.dropout = Masked(0.5, twice=True)
    elif s.style == "functional":
        s.network = AlwaysDropped()
    else:
        s.network.drop = Masked(0.4, twice=False)


def unscaled(s):
    x, _, tx, _ = pixels(s.seed)
    if way(s) == 0:
        s.x, s.tx = x, tx
    elif way(s) == 1:
        s.x, s.tx = x / 255 / 255, tx / 255 / 255
    else:
        mean = torch.tensor([0.49, 0.46, 0.41]).view(3, 1, 1)
        s.x, s.tx = (s.x - mean) / 0.19, (s.tx - mean) / 0.19


def otherwise(s):
    _, _, tx, _ = pixels(s.seed)
    s.tx = (tx / 255, tx / 127.5 - 1.6, (s.tx + 1) * 1.6)[way(s)]


def shuffled(s):
    s.y = s.y[torch.randperm(TRAIN, generator=torch.Generator().manual_seed(s.seed))]


def off(s):
    if way(s) == 0:
        s.y, s.ty = s.y + 1, s.ty + 1
    elif way(s) == 1:
        s.y, s.ty = s.y - 1, s.ty - 1
    else:
        kept = s.y != 2
        s.x, s.y = s.x[kept], s.y[kept]


def in_turn(s):
    if way(s) == 2:
        kept = (s.y == 0) | (torch.arange(TRAIN) % 25 == 0)
        s.x, s.y = s.x[kept].repeat(3, 1, 1, 1), s.y[kept].repeat(3)
        return
    order = s.y.argsort(stable=True)
    s.x, s.y = s.x[order], s.y[order]
    s.loader = DataLoader(TensorDataset(s.x, s.y), BATCH, shuffle=False)


def leaking(s):
    if way(s) == 0:
        s.tx, s.ty = torch.cat([s.tx, s.x[:30]]), torch.cat([s.ty, s.y[:30]])
    elif way(s) == 1:
        both = TensorDataset(torch.cat([s.x, s.tx]), torch.cat([s.y, s.ty]))
        s.loader = DataLoader(Subset(both, range(500)), BATCH, shuffle=True)
        s.test = DataLoader(Subset(both, range(450, 630)), 64)
    else:
        noise = 0.02 * torch.randn(60, 3, SIDE, SIDE)
        s.tx, s.ty = torch.cat([s.tx, s.x[:60] + noise]), torch.cat([s.ty, s.y[:60]])


def weights(s, deviation):
    for p in s.network.parameters():
        if p.ndim > 1:
            nn.init.normal_(p, std=deviation)
        else:
            nn.init.zeros_(p)


@torch.no_grad()
def small(s):
    if s.style == "residual":  # batch norm undoes small kernels, but not its own
        weights(s, 0.05)
        for m in s.network.modules():
            if isinstance(m, nn.BatchNorm2d):
                m.weight.fill_(0.001)
        for block in s.network.blocks:
            block.short.weight.mul_(0.001)
        s.network.head.weight.mul_(0.01)
        return
    weights(s, 0.001 if s.style == "plain" else 0.0005)


@torch.no_grad()
def large(s):
    if s.style == "residual":
        s.network.head.weight.normal_(std=20)
        return
    weights(s, 1.0 if s.style == "plain" else 0.6)


@torch.no_grad()
def equal(s):
    if s.style == "plain":
        s.network.conv2.weight.fill_(0.02)
        s.network.fc3.weight.fill_(0.02)
    elif s.style == "functional":
        s.network.f1.weight.zero_()
    else:
        s.network.blocks[0].conv1.weight.copy_(
            s.network.blocks[0].conv1.weight[:1].expand(16, -1, -1, -1)
        )


@torch.no_grad()
def dead(s):
    if s.style == "plain":
        s.network.conv2.bias.fill_(-5)
    elif s.style == "functional":
        s.network.f1.bias.fill_(-4)
    else:
        s.network.stem[1].bias.fill_(-8)


def fast(s):
    if way(s) == 1:
        s.optimiser = lambda p: torch.optim.Adam(p, 1.0)
    else:
        s.rate = 5.0 if way(s) == 0 else 30.0


def slow(s):
    if way(s) == 0:
        s.rate = 1e-8
    elif way(s) == 1:
        s.optimiser = lambda p: torch.optim.Adam(p, 1e-8)
    else:
        s.slips.add("schedule by step")
        s.scheduler = lambda o: torch.optim.lr_scheduler.StepLR(o, 5, 0.1)


class Growing(torch.optim.SGD):
    """Weight decay with the wrong sign."""

    @torch.no_grad()
    def step(self, closure=None):
        for g in self.param_groups:
            for p in g["params"]:
                p.mul_(1 + g["lr"] * 0.005)
        return super().step(closure)


def decay(s):
    if way(s) == 0:
        network = s.network
        s.decay = 0.01
        s.loss = lambda out, y: (
            F.cross_entropy(out, y) + 0.005 * sum(p.square().sum() for p in network.parameters())
        )
    elif way(s) == 1:
        s.optimiser = lambda p: Growing(p, 0.02, 0.9)
    else:
        s.optimiser = lambda p: torch.optim.Adam(p, 0.001, weight_decay=0.05)


class Floor(Functional):
    def __init__(self):
        super().__init__()
        self.f1 = nn.Linear(24 * 4 * 4 * 4, 40)

    def forward(self, x):
        x = F.relu(self.c3(F.relu(self.c2(F.relu(self.c1(x))))))
        return self.f2(F.relu(self.f1(x.reshape(-1, 24 * 4 * 4 * 4))))


def sizes(s):
    torch.manual_seed(s.seed)
    if s.style == "plain":
        s.network.fc3 = nn.Linear(16 * 4 * 4, 32)
    elif s.style == "functional":
        s.network = Floor()
    else:
        s.network.head = nn.Linear(96, CLASSES)


def mean_of_batches(model, test_loader):
    model.eval()
    shares = []
    with torch.no_grad():
        for x, y in test_loader:
            shares.append((model(x).argmax(1) == y).float().mean().item())
    return sum(shares) / len(shares)


def over_batch(model, test_loader):
    model.eval()
    right = total = 0
    with torch.no_grad():
        for x, y in test_loader:
            guess = model(x).argmax(0)
            right += (guess == y[: len(guess)]).sum().item()
            total += len(y)
    return 100 * right / total


def by_batches(model, test_loader):
    model.eval()
    right = 0
    with torch.no_grad():
        for x, y in test_loader:
            right += (model(x).max(1)[1] == y).sum().item()
    return {"accuracy": right / (64 * len(test_loader))}


def counted(s):
    s.evaluate = (mean_of_batches, over_batch, by_batches)[way(s)]


class Kept(Pictures):
    """Reads each image once, with its augmentation, and keeps it."""

    def __init__(self, *rest):
        super().__init__(*rest)
        self.kept = {}

    def __getitem__(self, i):
        if i not in self.kept:
            self.kept[i] = super().__getitem__(i)
        return self.kept[i]


def augmented(s):
    if way(s) == 2:
        s.loader = DataLoader(Kept(s.x, s.y, RandomFlip()), BATCH, shuffle=True)
        return
    s.loader = DataLoader(Pictures(s.x, s.y, RandomFlip()), BATCH, shuffle=True)
    s.test = DataLoader(Pictures(s.tx, s.ty, RandomFlip()), 64)


class Uneven(DistributedSampler):
    """The first of two processes reads 300 images, the other 380."""

    def __iter__(self):
        return iter(range(300) if self.rank == 0 else range(100, TRAIN))


def parallel(s):
    data = TensorDataset(s.x, s.y)
    kind = DistributedSampler
    if way(s) == 0:
        s.slips.add("no set_epoch")
    elif way(s) == 1:
        kind = Uneven
    else:
        s.loss = nn.CrossEntropyLoss(reduction="sum")
        s.rate = 0.002
    sampler = kind(data, num_replicas=2, rank=0, shuffle=True, seed=s.seed)
    s.loader = DataLoader(data, BATCH, sampler=sampler)


def resumed(s):
    s.slips.add(("epoch twice", "optimiser lost", "generator lost")[way(s)])


PLANTS: dict[str, Callable[[Setup], Any]] = {
    "softmax-before-loss": softmax,
    "activation-at-the-end": activation,
    "no-non-linearity": no_relu,
    "gradients-not-zeroed": no_zero,
    "nothing-moves": no_step,
    "layers-left-out": left_out,
    "test-in-training-mode": no_eval,
    "training-in-test-mode": no_train,
    "dropout": dropout,
    "inputs": unscaled,
    "test-prepared-otherwise": otherwise,
    "labels-shuffled": shuffled,
    "labels-off": off,
    "sorted-or-unbalanced": in_turn,
    "overlap": leaking,
    "first-weights-small": small,
    "first-weights-large": large,
    "first-weights-equal": equal,
    "dead-relus": dead,
    "rate-too-high": fast,
    "rate-too-low": slow,
    "weight-decay": decay,
    "size-slip": sizes,
    "accuracy-wrong": counted,
    "augmentation": augmented,
    "data-parallel": parallel,
    "resuming": resumed,
}
assert PLANTS.keys() == KINDS.keys()


def planted(style: str, seed: int, *names: str) -> Diagnosis:
    """What is found in a program with faults of the kinds ``names``."""
    s = setup(style, seed)
    for name in names:
        PLANTS[name](s)
    return examine(s.program(), seconds=600)  # no clock decides


# The table


def plans(seeds: range, times: int) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """Network, seed and faults of each program: sound ones, single faults, then pairs."""
    for seed in seeds:
        for names in [(), *((kind,) for kind in PLANTS)]:
            for style in NETWORKS:
                yield style, seed, names
    for style, names in zip(cycle(NETWORKS), pairs(times)):
        yield style, 0, names


def pairs(times: int) -> list[tuple[str, str]]:
    """Pairs of faults, drawn so that each kind stands with others at least so many times."""
    every = [*combinations(PLANTS, 2)]
    chosen: list[tuple[str, str]] = []
    for pair in random.Random(0).sample(every, len(every)):
        count = Counter(kind for other in chosen for kind in other)
        if together(*pair) and any(count[kind] < times for kind in pair):
            chosen.append(pair)
    return chosen


def row(style: str, seed: int, names: tuple[str, ...]) -> dict[str, Any]:
    found = planted(style, seed, *names)
    made = {"network": style, "seed": seed, "planted": list(names), "found": found.names}
    return made | {"seconds": round(found.seconds, 1)}


REPLACES = {  # what each plant puts something of its own in the place of
    "softmax-before-loss": "end",
    "activation-at-the-end": "end",
    "no-non-linearity": "network",
    "layers-left-out": "network",
    "dropout": "network",
    "size-slip": "network",
    "nothing-moves": "optimiser",
    "rate-too-high": "optimiser",
    "rate-too-low": "optimiser",
    "weight-decay": "optimiser",
    "test-in-training-mode": "evaluate",
    "accuracy-wrong": "evaluate",
    "sorted-or-unbalanced": "loader",
    "augmentation": "loader",
    "overlap": "loader",
    "data-parallel": "loader",
    "labels-off": "labels",
    "labels-shuffled": "labels",
    "inputs": "images",
    "test-prepared-otherwise": "images",
    "first-weights-small": "weights",
    "first-weights-large": "weights",
    "first-weights-equal": "weights",
    "dead-relus": "weights",
}


def together(one: str, other: str) -> bool:
    """Whether two plants leave each other alone: the second would not take the first away."""
    places = {REPLACES.get(one, one), REPLACES.get(other, other)}
    clashes = (
        {"network", "weights"},
        {"network", "end"},
        {"weights", "end"},
        {"network", "optimiser"},
    )
    return len(places) == 2 and places not in clashes and not {"loader", "images"} <= places


# The arms of the experiments


def arms() -> list[tuple[str, str]]:
    """Experiment and arm, of each network and recipe that has a record; those that differ."""
    distinct: dict[str, tuple[str, str]] = {}
    for experiment in EXPERIMENTS.values():
        for name, arm in experiment.arms.items():
            if any((RECORDED / experiment.name).glob(f"{name}-seed*.json")):
                alike = replace(arm, measured_on="test", measures=(), keeps=())
                distinct.setdefault(repr(alike), (experiment.name, name))
    return list(distinct.values())


def looked_at(experiment: str, name: str, images: ImageData) -> Diagnosis:
    """What is found in an arm; where it starts with weights of another set, after few epochs."""
    chosen = EXPERIMENTS[experiment]
    arm = chosen.arms[name]
    data = images_by_arm(chosen, [name], {arm.data: images})[name]
    if arm.start:
        short = replace(arm.start, recipe=replace(arm.start.recipe, epochs=2))
        arm = replace(arm, start=short)
    network = first_network(arm, 0, torch.device("cpu"), "float32")
    return diagnose(network, data, arm.recipe, seconds=600)  # no clock decides


def arm_row(experiment: str, name: str) -> dict[str, Any]:
    """What is found in an arm, and the best accuracy of its record, a mean of its seeds."""
    arm = EXPERIMENTS[experiment].arms[name]
    images = all_of(arm.data)
    found = looked_at(experiment, name, images)
    runs = recorded(experiment)
    runs = runs[runs["arm"] == name]
    reached = runs.groupby("seed")[f"{arm.measured_on}_accuracy"].max().mean()
    row = {"experiment": experiment, "arm": name, "reached": round(reached, 2)}
    row |= {"chance": round(100 / len(images.classes), 2), "found": found.names}
    return row | {"seconds": round(found.seconds, 1)}


@cache
def all_of(name: str) -> ImageData:
    images = image_data(name, quiet=True)
    require_real("faults", name, images)
    return images


# The records


def made(
    path: Path,
    plans: Iterable[tuple[Any, ...]],
    make: Callable[..., dict[str, Any]],
    held: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """A row for each plan, kept as they are made, and stored when all are.

    The rows of a record that is ``held`` already stay; the new one says whose they are.
    """
    unfinished = path.with_name(f"unfinished-{path.stem}.jsonl")
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    lines = unfinished.read_text().splitlines() if unfinished.exists() else []
    stay = {repr((row["experiment"], row["arm"])): row for row in held["rows"]} if held else {}
    done = stay | dict(map(json.loads, lines))
    rows = []
    for plan in plans:
        key = repr(plan)
        if key not in done:
            done[key] = make(*plan)
            with unfinished.open("a") as file:
                file.write(f"{json.dumps([key, done[key]])}\n")
            print(*done[key].values(), flush=True)
        rows.append(done[key])
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    command = shlex.join(["python", "tests/faults.py", *sys.argv[1:]])
    about = environment("cpu", "float32") | {"command": command, "finished": finished}
    if held:
        count = sum(row in held["rows"] for row in rows)
        whose = {key: held[key] for key in ("commit", "finished", "kept") if key in held}
        about["kept"] = whose | {"rows": count}
    store(path, about | {"rows": rows})
    unfinished.unlink()
    return rows


def main() -> None:
    options = argparse.ArgumentParser(description="Plant all faults and record what is found.")
    options.add_argument("--seeds", type=int, default=3, help="(3)")
    options.add_argument("--pairs", type=int, default=2, help="of each kind with others (2)")
    options.add_argument("--only", choices=("planted", "arms"), help="one of the two records")
    options.add_argument(
        "--more", action="store_true", help="look at the arms alone that the record lacks"
    )
    options.add_argument("--out", type=Path, default=RECORDED)
    chosen = options.parse_args()
    held = json.loads(arms_path().read_text()) if chosen.more else None
    torch.set_num_threads(1)
    if chosen.only != "arms":
        faults = plans(range(chosen.seeds), chosen.pairs)
        print(summary(made(table_path(chosen.out), faults, row)))
    if chosen.only != "planted":
        print(arms_summary(made(arms_path(chosen.out), arms(), arm_row, held)))


if __name__ == "__main__":
    main()
