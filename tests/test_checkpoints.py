"""Checkpoints: all or nothing, no code, and a killed run that ends as if it had never been."""

import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from alexnet_course import checkpoints, training
from alexnet_course.checkpoints import CheckpointError, write_atomically
from alexnet_course.network import build
from alexnet_course.training import fit


class Opens:
    """Unpickled by a loader that trusts its file, this makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs" / "run.pt"


@pytest.fixture
def train(tiny, tiny_data, short, path):
    """Fits the tiny network with a checkpoint; keyword arguments change one thing."""

    def train(weights=0, data=tiny_data, recipe=short, checkpoint=path, **options):
        settings = {"seed": 0, "device": "cpu", "precision": "float32", "progress": False}
        network = build(tiny, seed=weights)
        return fit(network, data, recipe, checkpoint=checkpoint, **(settings | options))

    return train


def same(history, other):
    return history.frame.drop(columns="seconds").equals(other.frame.drop(columns="seconds"))


def test_what_is_saved_is_loaded(path):
    content = {"weights": torch.arange(3.0), "rows": [{"epoch": 1, "loss": 0.5}], "name": "x"}
    checkpoints.save(path, content)
    loaded = checkpoints.load(path)
    assert torch.equal(loaded.pop("weights"), content.pop("weights")) and loaded == content


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, lambda file: file.write(b"old"))

    def fail_halfway(file):
        file.write(b"ne")
        file.flush()
        assert path.read_bytes() == b"old"  # whoever reads meanwhile finds the whole old file
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, fail_halfway)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
    write_atomically(path, lambda file: file.write(b"new"))
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("dump", "trusting_load"),
    [
        (partial(pickle.dump, protocol=2), pickle.load),
        (torch.save, partial(torch.load, weights_only=False)),
    ],
)
def test_code_in_a_file_is_refused_and_not_run(path, tmp_path, dump, trusting_load, train):
    made = tmp_path / "made"
    path.parent.mkdir()
    with path.open("wb") as file:
        dump({"run": {}, "history": [], "network": Opens(made), "optimiser": {}}, file)
    for load in (lambda: checkpoints.load(path), train):
        with pytest.raises(CheckpointError, match=r"only tensors and plain data.*Delete it"):
            load()
        assert not made.exists()
    with path.open("rb") as file:
        trusting_load(file)
    assert made.exists()  # so the trap is real


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_refused(path, share):
    checkpoints.save(path, {"weights": torch.arange(1000.0), "rows": [1, 2, 3]})
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(CheckpointError, match="is damaged"):
        checkpoints.load(path)


@pytest.mark.parametrize("content", [b"\x80", b"not a checkpoint", b"\n", b"PK\x03\x04"])
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    path = tmp_path / "other.pt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"other\.pt is no checkpoint"):
        checkpoints.load(path)


@pytest.mark.parametrize("content", [{"weights": torch.zeros(2)}, [1, 2], torch.zeros(2)])
def test_a_file_that_fit_did_not_write_is_refused(path, train, content):
    checkpoints.save(path, content)
    with pytest.raises(CheckpointError, match="not written by fit"):
        train()


def test_a_finished_run_is_not_trained_again(train, path, monkeypatch):
    first, written = train(), path.read_bytes()
    monkeypatch.setattr(torch.optim.SGD, "step", None)
    again = train()
    assert again.rows == first.rows  # the seconds too
    assert path.read_bytes() == written


def test_a_resumed_network_has_the_weights_of_the_unbroken_one(
    train, path, tiny, tiny_data, short, monkeypatch
):
    options = {"seed": 4, "device": "cpu", "precision": "float32", "progress": False}
    unbroken, resumed = build(tiny, seed=1), build(tiny, seed=1)
    history = fit(unbroken, tiny_data, short, **options)
    evaluate, calls = training.evaluate, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt  # after epoch 2's training, before its checkpoint
        return evaluate(*arguments)

    monkeypatch.setattr(training, "evaluate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(build(tiny, seed=1), tiny_data, short, checkpoint=path, **options)
    assert len(checkpoints.load(path)["history"]) == 1
    assert same(fit(resumed, tiny_data, short, checkpoint=path, **options), history)
    assert len(calls) == 4  # epochs 1 and 2, then 2 again and 3
    for name, weights in unbroken.state_dict().items():
        assert torch.equal(weights, resumed.state_dict()[name]), name


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda data, recipe: {"seed": 1}, "seed"),
        (lambda data, recipe: {"recipe": replace(recipe, learning_rate=0.03)}, "recipe"),
        (lambda data, recipe: {"recipe": replace(recipe, epochs=4)}, "recipe"),
        (lambda data, recipe: {"data": data.sample(9, 5)}, "data"),
        (lambda data, recipe: {"data": replace(data, held_out_name="spare")}, "measured on"),
        (lambda data, recipe: {"weights": 1}, "first weights"),
        (lambda data, recipe: {"precision": "bfloat16"}, "precision"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_and_kept(
    train, path, tiny_data, short, change, named
):
    train()
    written = path.read_bytes()
    with pytest.raises(CheckpointError, match=rf"another run: it differs in {named}\. Delete it"):
        train(**change(tiny_data, short))
    assert path.read_bytes() == written


def test_all_differences_are_named(train):
    train()
    with pytest.raises(CheckpointError, match="differs in first weights, seed"):
        train(weights=1, seed=1)


# Runs in a fresh interpreter, which forks one process for each attempt.
KILL_AND_RESUME = """
import json, os, random, signal, sys, time, traceback
import torch
from conftest import TINY, make_data
from alexnet_course.checkpoints import load
from alexnet_course.network import build
from alexnet_course.recipes import Recipe
from alexnet_course.training import fit

torch.set_num_threads(1)
path, data = sys.argv[1], make_data()
recipe = Recipe("killed", epochs=15, batch_size=2, learning_rate=0.005, momentum=0.9,
                nesterov=True, weight_decay=1e-3, schedule="one-cycle", flip=True, shift=2)

def train(checkpoint):
    network = build(TINY, seed=1)
    return fit(network, data, recipe, seed=5, device="cpu", precision="float32",
               checkpoint=checkpoint, progress=False).rows

weight = torch.zeros(1, requires_grad=True)
weight.grad = torch.zeros(1)
torch.optim.SGD([weight]).step()  # imports much, which else each attempt would do anew

def attempt(longest):
    # runs in a child, killed after at most so many seconds; gives its exit status
    child = os.fork()
    if child == 0:
        try:
            train(path)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    if longest is not None:
        time.sleep(random.uniform(0, longest))
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

start = time.perf_counter()
if attempt(None):
    sys.exit("the unbroken run failed")
longest, unbroken = (time.perf_counter() - start) / 3, train(path)
finished_at_kills, ends = [], []
while len(finished_at_kills) < 20:
    os.remove(path)
    patience = 1.0  # a slow start must not keep a run from ever finishing an epoch
    while status := attempt(longest * patience):
        if status != -signal.SIGKILL:
            sys.exit("a resumed run failed")
        finished_at_kills.append(len(load(path)["history"]) if os.path.exists(path) else 0)
        patience *= 1.1
    ends.append(train(path))
print(json.dumps([finished_at_kills, ends, unbroken]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_a_run_killed_at_random_moments_has_the_history_of_an_unbroken_one(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", KILL_AND_RESUME, str(tmp_path / "run.pt")],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    finished_at_kills, ends, unbroken = json.loads(done.stdout)
    assert len(finished_at_kills) >= 20 and any(0 < n < 15 for n in finished_at_kills)
    for row in [*unbroken, *(row for end in ends for row in end)]:
        assert row.pop("seconds") > 0
    assert len(unbroken) == 15 and ends and all(end == unbroken for end in ends)
