"""Several processes train as one would; what can go wrong with them ends, in a sentence."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import teams
from alexnet_course import distributed
from alexnet_course.architectures import ARCHITECTURES
from alexnet_course.data import DataError, export_folders, image_folder
from alexnet_course.distributed import (
    connected,
    launch,
    named_recipe,
    named_recipes,
    place,
    read_history,
    show,
)
from alexnet_course.network import build
from alexnet_course.recipes import TRAINED_WELL
from alexnet_course.team import ALONE, Team
from alexnet_course.training import Trainer
from built import ROOT
from conftest import make_data

CLOSE = {"rtol": 1e-12, "atol": 1e-12}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return teams.observe(ALONE, tmp_path_factory.mktemp("alone"))


@pytest.fixture(scope="module", params=[2, 3], ids=["two workers", "three workers"])
def team(request, tmp_path_factory):
    """What each worker of a team observed."""
    return teams.observed(request.param, tmp_path_factory.mktemp("team"))


@pytest.mark.parametrize(
    ("start", "stop", "size", "expected"),
    [
        (0, 128, 2, [(0, 64), (64, 128)]),
        (8, 15, 3, [(8, 11), (11, 13), (13, 15)]),
        (4, 6, 4, [(4, 5), (5, 6), (6, 6), (6, 6)]),
        (0, 5, 1, [(0, 5)]),
    ],
)
def test_shares_lie_one_after_another_the_larger_ones_first(start, stop, size, expected):
    shares = [Team(rank, size).share(start, stop) for rank in range(size)]
    assert [(share.start, share.stop) for share in shares] == expected


@pytest.mark.parametrize("batches", ["even", "uneven", "by Muon"])
def test_a_team_takes_the_steps_of_one_process(alone, team, batches):
    """50 steps, in double precision; among them batches that can't be shared out evenly, and such
    that leave workers without an image.
    """
    expected = alone[batches]
    assert len(expected["losses"]) == 50
    assert expected["losses"][-5:].mean() < 0.9 * expected["losses"][0]  # it learns
    for found in (worker[batches] for worker in team):
        torch.testing.assert_close(found["losses"], expected["losses"], **CLOSE)
        torch.testing.assert_close(found["weights"], expected["weights"], **CLOSE)
        assert found["rights"] == expected["rights"]


def test_gradients_do_not_grow_with_the_number_of_workers(alone, team):
    for worker in team:
        torch.testing.assert_close(worker["even"]["first"], alone["even"]["first"], **CLOSE)


def test_every_image_is_shown_to_one_worker_augmented_as_for_one_process(alone, team):
    """Only the stand-ins of a worker without an image are shown twice: in the batch of one."""
    steps = zip(alone["shown"]["images"], *(w["shown"]["images"] for w in team), strict=True)
    for number, (expected, *found) in enumerate(steps):
        if len(expected) == 1:
            assert number in (4, 9)
            assert all(torch.equal(images, expected) for images in found)
        else:
            assert torch.equal(torch.cat(found), expected)


def test_the_order_changes_from_epoch_to_epoch(team):
    for worker in team:
        images = worker["shown"]["images"]
        assert not torch.equal(torch.cat(images[:5]), torch.cat(images[5:]))


def test_every_worker_and_every_epoch_has_dropout_masks_of_its_own(team):
    first = [worker["shown"]["masks"][step][0] for worker in team for step in (0, 1, 5, 6)]
    assert len({tuple(mask.tolist()) for mask in first}) == len(first)


def test_a_team_has_the_history_of_one_process(alone, team):
    expected = alone["plain run"]["history"]
    for worker in team:
        history = worker["plain run"]["history"]
        for column, values in expected.items():
            assert history[column] == pytest.approx(values, rel=1e-5), column


@pytest.mark.parametrize("run", ["plain run", "run with norm"])
def test_all_workers_end_with_the_same_history_network_and_statistics(team, run):
    leader, *others = (worker[run] for worker in team)
    assert leader["seen"] == [1, 2]
    for other in others:
        assert other["history"] == leader["history"]
        assert other["seen"] == [1, 2]
        torch.testing.assert_close(other["state"], leader["state"], rtol=0, atol=0)


def test_only_the_leader_writes_the_checkpoint(team):
    assert [worker["plain run"]["written"] for worker in team] == [True] + [False] * (len(team) - 1)


def test_an_error_of_the_leader_is_an_error_of_all(team):
    for worker in team:
        assert worker["wrong"] == ["ZeroDivisionError", "CheckpointError"]


# What can't be trained together


def trainer(network, recipe, size):
    return Trainer(
        network, make_data().train, recipe, 0, torch.device("cpu"), "float32", Team(0, size)
    )


def test_more_workers_than_images_in_a_batch_are_refused(tiny, short):
    with pytest.raises(ValueError, match="takes 8 images at a time, too few for 9 workers"):
        trainer(build(tiny), short, 9)
    with pytest.raises(ValueError, match="takes 30 images at a time, too few for 31 workers"):
        trainer(build(tiny), replace(short, batch_size=64), 31)


# Names, places, connections


def test_recipes_have_names():
    assert named_recipe("trained-well", "two-conv") == TRAINED_WELL["two-conv"]
    assert named_recipe("trained-well/two-conv", "four-conv") == TRAINED_WELL["two-conv"]
    assert named_recipe("furthest", "two-conv").name == "furthest"
    assert all(named_recipe(name, "four-conv") == r for name, r in named_recipes().items())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("two-con everything", r"no network 'two-con'; .*\. The nearest is two-conv$"),
        ("two-conv everythin", r"no recipe 'everythin'; .*\. The nearest is everything$"),
        ("two-conv everything --epochs 0", "epochs"),
    ],
)
def test_what_is_unknown_is_told_by_the_leader_alone(capsys, monkeypatch, line, words):
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        assert distributed.main(line.split()) == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert re.match(f"error: .*{words}", told)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_a_missing_worker_is_an_error_that_names_what_was_read(monkeypatch):
    port = str(free_port())
    values = ("0", "2", "0", "127.0.0.1", port)
    for name, value in zip(distributed.VARIABLES, values, strict=True):
        monkeypatch.setenv(name, value)
    words = f"did not find all 2 workers within 1 s, with RANK=0, .*MASTER_PORT={port}; see that"
    with pytest.raises(ConnectionError, match=words), connected(1, "cpu"):
        pass
    monkeypatch.delenv("MASTER_ADDR")
    with pytest.raises(ValueError, match=r"RANK=0, .* is there and MASTER_ADDR is not"):
        connected(1).__enter__()


def test_a_process_alone_is_a_team_of_one(monkeypatch):
    for name in distributed.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with connected(1, "cpu") as (team, where):
        assert team == ALONE
        assert where.device.type == "cpu"


@pytest.mark.parametrize(
    ("device", "gpus", "workers", "expected"),
    [
        (None, 0, 2, ("cpu", "gloo")),
        (None, 2, 2, ("cuda:1", "nccl")),
        (None, 1, 2, ("cpu", "gloo")),
        ("cpu", 2, 2, ("cpu", "gloo")),
    ],
)
def test_each_worker_has_a_gpu_or_all_have_the_cpu(monkeypatch, device, gpus, workers, expected):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    where = place(device, 1, workers)
    assert (str(where.device), where.backend) == expected
    assert bool(where.remark) == (device is None and 0 < gpus < workers)


def test_too_few_gpus_are_told_where_they_are_asked_for(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ValueError, match="2 workers want a GPU each, and this machine has 1"):
        place("cuda", 0, 2)


# The command


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """What the command is given, to train on class folders; tests' modules can be run by it."""
    path = [str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    export_folders(make_data(), tmp_path / "images")
    options = {"data": tmp_path / "images", "epochs": 3, "batch-size": 8, "precision": "float32"}
    words = [f"--{name}={value}" for name, value in options.items()]
    return ["four-conv", "everything", "--device=cpu", *words]


def by_two_agents(settings, out):
    """The history of a run of two workers with an agent each, as on two machines."""
    command = [sys.executable, "-c", distributed.AGENT, "--nnodes=2", "--nproc-per-node=1"]
    command += ["--rdzv-backend=c10d", f"--rdzv-endpoint=localhost:{free_port()}"]
    command += ["-m", "alexnet_course.distributed", *settings, f"--out={out}"]
    agents = [subprocess.Popen(command) for _ in range(2)]
    try:
        assert [agent.wait(100) for agent in agents] == [0, 0]
    finally:
        for agent in agents:
            distributed._end(agent)
    return read_history(out)


def test_a_killed_worker_costs_no_history(settings, tmp_path, monkeypatch, capsys):
    """One agent starts its two workers again, after one was killed; without that, and with an
    agent for each, the history is the same, digit for digit.
    """
    monkeypatch.setenv("DIES_ONCE", str(tmp_path / "has died"))
    settings_kept = [*settings, f"--checkpoint={tmp_path / 'run.pt'}"]
    broken = launch(*settings_kept, module="dies_once", restarts=1, seconds=100)
    assert (tmp_path / "has died").exists()
    said = capsys.readouterr().out
    digests = re.findall(r"^worker ([01]): epoch (\d) of 3: .* weights (\w{8});", said, re.M)
    assert sorted((epoch, rank) for rank, epoch, _ in digests) == [
        (epoch, rank) for epoch in "123" for rank in "01"
    ]
    assert len({weights for _, _, weights in digests}) == 3  # an epoch, for both workers
    whole = by_two_agents(settings, tmp_path / "whole.csv")
    assert len(whole) == 3
    pd.testing.assert_frame_equal(
        broken.drop(columns="seconds"), whole.drop(columns="seconds"), check_exact=True
    )


# Folders like ImageNet's, by the paper's recipe


@pytest.fixture
def imagenet(tmp_path, monkeypatch):
    """A command on a folder with three of ImageNet's classes, for a very narrow AlexNet."""
    network = ARCHITECTURES["alexnet-2012"]
    for name in ("conv1", "conv2", "conv3", "conv4", "conv5"):
        network = network.replace(name, out_channels=4)
    for name in ("fc6", "fc7"):
        network = network.replace(name, out_features=8)
    monkeypatch.setitem(ARCHITECTURES, "narrow", network)
    rng = np.random.default_rng(0)
    for part, count in (("train", 4), ("val", 2)):
        for name in ("n01440764", "n01443537", "n02007558"):
            folder = tmp_path / "ilsvrc" / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 256, (30 + number, 40, 3), dtype=np.uint8)
                picture = Image.fromarray(pixels).resize((300, 240))
                picture.save(folder / f"{name}_{number}.JPEG")
    return [
        *("narrow", "paper", f"--data={tmp_path / 'ilsvrc'}", "--epochs=2", "--batch-size=5"),
        *("--device=cpu", "--precision=float32", f"--checkpoint={tmp_path / 'run.pt'}"),
        f"--out={tmp_path / 'history.csv'}",
    ]


def test_the_papers_recipe_on_class_folders(imagenet, tmp_path, capsys):
    assert distributed.main(imagenet) == 0
    first, said = read_history(tmp_path / "history.csv"), capsys.readouterr().out
    assert "validation_loss" in first and len(first) == 2
    assert re.search(r"cropped to 256 × 256 pixels", said)
    assert re.search(
        r"^errors: top-1, centre \d+\.\d\d %, top-5, centre 0\.00 %, top-1, ten", said, re.M
    )
    errors = pd.read_csv(tmp_path / "history.errors.csv").iloc[0]
    assert [f"{name} {error:.2f} %" for name, error in errors.items()] == re.findall(
        r"top-.*? %", said
    )
    assert distributed.main(imagenet) == 0  # everything is there already
    assert "epoch" not in capsys.readouterr().out
    pd.testing.assert_frame_equal(read_history(tmp_path / "history.csv"), first)


def lose_a_class(root):
    shutil.rmtree(root / "val" / "n01443537")


def empty_validation(root):
    shutil.rmtree(root / "val")
    (root / "val").mkdir()


def damage_three(root):
    for path in sorted((root / "train").glob("*/*_1.JPEG")):
        path.write_bytes(path.read_bytes()[:200])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lose_a_class, "val has other classes than .*train: missing class folders: n01443537"),
        (empty_validation, "val: there is no class folder"),
        (
            damage_three,
            r"3 images can't be used: .*n01440764_1\.JPEG can't .*n02007558_1\.JPEG can't",
        ),
    ],
)
def test_faults_of_class_folders_are_one_sentence_before_training(
    imagenet, tmp_path, capsys, spoil, words
):
    spoil(tmp_path / "ilsvrc")
    assert distributed.main(imagenet) == 2
    out, err = capsys.readouterr()
    assert re.match(f"error: .*{words}", err.splitlines()[-1].split("\r")[-1])
    assert err.count("error:") == 1
    assert out == "" and not (tmp_path / "run.pt").exists()


def test_damaged_images_of_a_set_too_big_for_memory_are_counted_too(imagenet, tmp_path):
    damage_three(tmp_path / "ilsvrc")
    with pytest.raises(DataError, match=r"^3 images can't be used: "):
        image_folder(tmp_path / "ilsvrc", memory=0)


# From a notebook


def test_when_it_is_interrupted_no_worker_runs_on(settings, monkeypatch):
    found = []

    def interrupt(line, **_):
        found.extend(map(int, re.findall(r"has pid (\d+)", line)))
        if len(found) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(distributed, "print", interrupt, raising=False)
    with pytest.raises(KeyboardInterrupt):
        launch(module="waits", seconds=100)
    for pid in found:
        with suppress(ProcessLookupError):
            for _ in range(100):
                os.kill(pid, 0)
                time.sleep(0.05)
            pytest.fail(f"{pid} runs on")


def test_what_takes_too_long_is_stopped(capsys):
    sleeping = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(99)"]
    with pytest.raises(TimeoutError, match="had not ended after 2 s and were stopped"):
        show(sleeping, 2)
    assert capsys.readouterr().out == "here\n"


def test_a_failure_is_an_error_here_too():
    with pytest.raises(RuntimeError, match="with exit status 3"):
        show([sys.executable, "-c", "raise SystemExit(3)"], 50)
