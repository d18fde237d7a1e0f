"""What each process of a team sees and makes of it, to be compared with a process alone."""

from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from multiprocessing import get_all_start_methods, set_forkserver_preload
from pathlib import Path

import torch
import torch.distributed
import torch.nn.functional as F
from torch import nn
from torch.multiprocessing import start_processes

from alexnet_course.architectures import Architecture
from alexnet_course.checkpoints import CheckpointError
from alexnet_course.data.augmentation import Colour, Flip, Shift
from alexnet_course.data.preparation import MinusOneToOne, Preparing
from alexnet_course.layers import BatchNorm, Conv, Dropout, Flatten, Linear, Pool, ReLU
from alexnet_course.network import build
from alexnet_course.optimisers import SGD, Muon
from alexnet_course.recipes import Recipe
from alexnet_course.schedules import OneCycle
from alexnet_course.team import Team
from alexnet_course.training import Trainer, fit
from conftest import TINY, make_data

WITH_NORM = Architecture(
    "with norm",
    (3, 32, 32),
    (
        Conv("conv1", 4, kernel=5, stride=4),
        BatchNorm("norm1"),
        ReLU("relu1"),
        Pool("pool1", kernel=2, stride=2),
        Flatten("flatten"),
        Dropout("dropout1", 0.2),
        Linear("fc2", 3),
    ),
)


@dataclass(frozen=True)
class InDouble(Preparing):
    def made_for(self, images, device):
        return lambda batch: batch.double()


PRECISE = Recipe(
    "precise",
    epochs=10,
    batch_size=128,
    optimiser=SGD(0.05, momentum=0.9, weight_decay=1e-3),
    schedule=OneCycle(),
    preparation=(MinusOneToOne(), InDouble()),
    augmentation=(Flip(), Shift(2), Colour(0.1)),
    label_smoothing=0.1,
)


BY_MUON = replace(PRECISE, name="by Muon", optimiser=Muon(0.01, PRECISE.optimiser))


def trainer(network, data, batch_size, team, recipe=PRECISE):
    recipe = replace(recipe, batch_size=batch_size)
    return Trainer(network, data.train, recipe, 0, torch.device("cpu"), "float32", team)


def steps_in_double(team, images, batch_size, recipe=PRECISE):
    """The loss of every step, the gradients of the first and the weights after the last."""
    network = build(TINY.without("dropout"), seed=0).double()
    running = trainer(network, make_data(images), batch_size, team, recipe)
    losses, rights, first = [], 0, None
    for epoch in range(1, PRECISE.epochs + 1):
        for loss, right, _ in running.epoch(epoch):
            losses.append(loss)
            rights += right
            first = first or [p.grad.clone() for p in network.parameters()]
    weights = [p.detach() for p in network.parameters()]
    losses = team.total(torch.stack(losses)) / team.size
    return {"losses": losses, "rights": team.total(rights), "first": first, "weights": weights}


class Spy(nn.Module):
    """Notes its images' sums and what dropout keeps for each."""

    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(3))
        self.images, self.masks = [], []

    def forward(self, images):
        self.images.append(images.flatten(1).double().sum(1))
        self.masks.append(F.dropout(torch.ones(len(images), 50), 0.5, training=True))
        return self.bias.expand(len(images), 3)


def what_it_is_shown(team):
    """Batch by batch of two epochs, of 33 images in batches of 8; and dropout's masks."""
    spy = Spy()
    running = trainer(spy, make_data(11), 8, team)
    spy.images.clear()
    spy.masks.clear()
    for epoch in (1, 2):
        list(running.epoch(epoch))
    return {"images": spy.images, "masks": spy.masks}


def a_run(team, architecture, folder):
    """The history, weights and statistics of a short run with a checkpoint."""
    recipe = Recipe("short", epochs=2, batch_size=8, optimiser=SGD(0.02), augmentation=(Flip(),))
    network = build(architecture, seed=team.rank)  # the leader's is everybody's
    options = {"device": "cpu", "precision": "float32", "progress": False, "team": team}
    seen = []
    path = Path(folder) / str(team.rank) / "run.pt"  # only the leader's is written
    history = fit(network, make_data(), recipe, checkpoint=path, each_epoch=seen.append, **options)
    return {
        "history": history.frame.drop(columns="seconds").to_dict("list"),
        "seen": [row["epoch"] for row in seen],
        "state": dict(network.state_dict()),
        "written": path.exists(),
    }


def what_goes_wrong(team, folder):
    """The kinds of errors that each process gets where the leader alone had them."""
    (Path(folder) / "file").touch()
    kinds = []
    for attempt in (
        lambda: team.from_leader(lambda: 1 / 0),
        lambda: a_run(team, TINY, Path(folder) / "file"),
    ):
        try:
            attempt()
        except (ArithmeticError, CheckpointError) as error:
            kinds.append(type(error).__name__)
    return kinds


def observe(team, folder):
    return {
        "wrong": what_goes_wrong(team, folder),
        "even": steps_in_double(team, 213, 128),  # 639 images: 4 × 128 + 127
        "uneven": steps_in_double(team, 11, 8),  # 33 images: 4 × 8 + 1
        "by Muon": steps_in_double(team, 11, 8, BY_MUON),
        "shown": what_it_is_shown(team),
        "plain run": a_run(team, TINY.without("dropout"), Path(folder) / "plain"),
        "run with norm": a_run(team, WITH_NORM, Path(folder) / "norm"),
    }


@contextmanager
def joined(rank, size, folder):
    torch.distributed.init_process_group(
        "gloo",
        init_method=(Path(folder) / "store").as_uri(),
        rank=rank,
        world_size=size,
        timeout=timedelta(seconds=60),
    )
    try:
        yield Team(rank, size)
    finally:
        torch.distributed.destroy_process_group()


def work(rank, size, folder):
    torch.set_num_threads(1)
    with joined(rank, size, folder) as team:
        torch.save(observe(team, folder), Path(folder) / f"{rank}.pt")


def observed(size, folder):
    """What each of ``size`` processes observes."""
    quickest = "forkserver" if "forkserver" in get_all_start_methods() else "spawn"
    set_forkserver_preload(["teams"])  # they all begin with what it has imported once
    start_processes(work, (size, str(folder)), nprocs=size, start_method=quickest)
    return [torch.load(Path(folder) / f"{rank}.pt") for rank in range(size)]
