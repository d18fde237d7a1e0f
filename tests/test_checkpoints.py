"""Checkpoints: all or nothing, no code, and a killed run that ends as if it had never been."""

import io
import json
import os
import pickle
import random
import subprocess
import sys
import tomllib
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from alexnet_course import checkpoints, training
from alexnet_course.checkpoints import CheckpointError, require_writable, write_atomically
from alexnet_course.identity import structure
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


def sealed(payload):
    """A file as save() writes them, but around any payload: a digest is no signature."""
    return checkpoints._head(payload) + payload


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
    file = io.BytesIO()
    dump({"run": {}, "history": [], "network": Opens(made), "optimiser": {}}, file)
    for content, reason in (
        (file.getvalue(), "does not begin with the SHA-256"),
        (sealed(file.getvalue()), "only tensors and plain data"),
    ):
        path.write_bytes(content)
        for load in (lambda: checkpoints.load(path), train):
            with pytest.raises(CheckpointError, match=rf"{reason}.*Name another file"):
                load()
            assert not made.exists()
    file.seek(0)
    trusting_load(file)
    assert made.exists()  # so the trap is real


def test_every_bit_that_changes_is_noticed(path, train, tiny_data, short):
    """Tried on each byte of the first line and a hundred others. The error is always the same."""
    train()
    whole = path.read_bytes()
    places = [*range(100), *random.Random(0).sample(range(100, len(whole)), 100)]
    errors = set()
    for number, place in enumerate(places):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << number % 8
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError) as error:
            checkpoints.load(path)
        errors.add(str(error.value))
    with pytest.raises(CheckpointError) as error:
        train()
    assert errors == {str(error.value)} and str(path) in errors.pop()
    path.write_bytes(whole)
    assert len(checkpoints.load(path)["history"]) == 3


def test_no_pytorch_is_accepted_that_can_be_made_to_run_code():
    """weights_only=True could be got round before 2.6 (CVE-2025-32434) and again before 2.10
    (CVE-2026-24747).
    """
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())
    (floor,) = (d for d in project["project"]["dependencies"] if d.startswith("torch>="))
    assert tuple(map(int, floor.removeprefix("torch>=").split("."))) >= (2, 10)


def test_files_from_before_the_digest_are_refused_like_damaged_ones(path):
    """They can't be told from damaged ones: of 200 flipped bits, torch.load accepts 200."""
    path.parent.mkdir()
    torch.save({"run": {}, "history": [{"epoch": 1}]}, path)
    with pytest.raises(CheckpointError, match="does not begin with the SHA-256 of its content"):
        checkpoints.load(path)


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
        (lambda data, recipe: {"recipe": recipe.with_optimiser(learning_rate=0.03)}, "recipe"),
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
    with pytest.raises(
        CheckpointError, match=rf"another run: it differs in {named}\. Name another file"
    ):
        train(**change(tiny_data, short))
    assert path.read_bytes() == written


def test_all_differences_are_named(train):
    train()
    with pytest.raises(CheckpointError, match="differs in first weights, seed"):
        train(weights=1, seed=1)


# Which network


class Stranger(nn.Module):
    """A network as learners write them: what it does with its layers stands in forward."""

    def __init__(self, p=0.5, frozen=False):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 5, stride=4)
        self.fc = nn.Linear(4 * 7 * 7, 3)
        self.p, self.activation = p, F.relu
        self.conv.requires_grad_(not frozen)

    def forward(self, x):
        x = F.dropout(self.activation(self.conv(x)), self.p, self.training)
        return self.fc(x.flatten(1))


class Tanh(Stranger):
    def forward(self, x):
        x = F.dropout(torch.tanh(self.conv(x)), self.p, self.training)
        return self.fc(x.flatten(1))


def seeded(make):
    torch.manual_seed(0)
    return make()


def changed(network, **changes):
    for name, value in changes.items():
        setattr(network, name, value)
    return network


def others(tiny):
    """Networks with the same weights as the tiny one, and as the stranger."""
    yield (
        build(tiny, 0),
        [
            build(tiny.with_activation("tanh"), 0),
            build(tiny.replace("dropout1", p=0.3), 0),
            build(tiny.replace("dropout1", scaled="test"), 0),
            build(tiny.replace("pool1", mode="average"), 0),
            build(tiny.without("dropout"), 0),
            build(tiny.swapped("relu1", "pool1"), 0),
            changed(build(tiny, 0), relu1=nn.Tanh()),
        ],
    )
    yield (
        seeded(Stranger),
        [
            seeded(Tanh),
            seeded(partial(Stranger, p=0.3)),
            seeded(partial(Stranger, frozen=True)),
            changed(seeded(Stranger), activation=torch.tanh),
            changed(seeded(Stranger), activation=lambda x: x),
        ],
    )


def test_a_finished_run_of_another_network_does_not_give_its_history(
    tiny, tiny_data, short, tmp_path
):
    options = {"device": "cpu", "precision": "float32", "progress": False}
    for number, (first, others_) in enumerate(others(tiny)):
        file = tmp_path / f"{number}.pt"
        fit(first, tiny_data, short, checkpoint=file, **options)
        written = file.read_bytes()
        for other in others_:
            with pytest.raises(CheckpointError, match=r"differs in architecture\. Name another"):
                fit(other, tiny_data, short, checkpoint=file, **options)
        assert file.read_bytes() == written


def test_a_network_is_itself_however_it_was_made_and_called(tiny):
    first = seeded(Stranger)
    assert structure(first) == structure(seeded(Stranger).eval())
    assert structure(build(tiny, 0)) == structure(build(tiny.renamed("other"), 1))
    # The same cell run again makes a class anew, and so does another kernel.
    cell = "class Net(nn.Linear):\n    def forward(self, x):\n        return x in {'a', 'b', 'c'}"
    again = f"\n# {{now a comment}}\n\n{cell}"
    made = []
    for source in (cell, again):
        names = {"nn": nn, "__name__": "__main__"}
        exec(source, names)
        made.append(structure(names["Net"](2, 2)))
    script = f"from torch import nn\nfrom alexnet_course.identity import structure\n{cell}\n"
    script += "print(structure(Net(2, 2)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert {*made, done.stdout.strip()} == {made[0]}, done.stderr


# The same cell, run again


@pytest.fixture
def stopped(monkeypatch):
    """Makes the optimiser's n-th step from now the last: Ctrl-C in the middle of an epoch."""

    def stop_at(step, error=KeyboardInterrupt):
        real, taken = torch.optim.SGD.step, []

        def counted(self, *arguments):
            taken.append(1)
            if len(taken) == step:
                monkeypatch.setattr(torch.optim.SGD, "step", real)
                raise error
            return real(self, *arguments)

        monkeypatch.setattr(torch.optim.SGD, "step", counted)

    return stop_at


@pytest.mark.parametrize("step", [1, 3, 5, 7, 12])  # of four in an epoch
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError("out of memory")])
def test_a_cell_that_was_interrupted_goes_on_when_it_is_run_again(
    path, tiny, tiny_data, short, stopped, step, error
):
    """The network object is the same, as in a notebook where it was built in a cell before."""
    options = {"device": "cpu", "precision": "float32", "progress": False}
    unbroken, network = build(tiny, seed=1), build(tiny, seed=1)
    history = fit(unbroken, tiny_data, short, **options)
    stopped(step, error)
    with pytest.raises(type(error) if isinstance(error, Exception) else error):
        fit(network, tiny_data, short, checkpoint=path, **options)
    finished = (step - 1) // 4
    assert path.exists() == (finished > 0)
    assert same(fit(network, tiny_data, short, checkpoint=path, **options), history)
    for name, weights in unbroken.state_dict().items():
        assert torch.equal(weights, network.state_dict()[name]), name
    again = fit(network, tiny_data, short, checkpoint=path, **options)  # finished: history alone
    assert same(again, history)


def test_a_run_taken_further_with_the_same_network_goes_on(path, tiny, tiny_data, short):
    options = {"device": "cpu", "precision": "float32", "progress": False}
    network = build(tiny, seed=1)
    fit(network, tiny_data, short, checkpoint=path, until=1, **options)
    history = fit(network, tiny_data, short, checkpoint=path, **options)
    assert same(history, fit(build(tiny, seed=1), tiny_data, short, **options))


def test_a_network_of_other_first_weights_is_told_how_to_go_on(path, train, tiny, tiny_data, short):
    """A finished run of another seed never gives its history; nothing is deleted; and there is a
    way on for who built without a seed.
    """
    whole = train()
    train(checkpoint=path.with_name("part.pt"), until=1)
    path = path.with_name("part.pt")
    with pytest.raises(CheckpointError) as error:
        train(weights=7, checkpoint=path)
    assert "differs in first weights. Name another file, or build" in str(error.value)
    assert "build(…, seed=…)" in str(error.value) and "elete" not in str(error.value)
    network = build(tiny)
    network.load_state_dict(checkpoints.load(path)["network"])
    options = {"device": "cpu", "precision": "float32", "progress": False}
    assert same(fit(network, tiny_data, short, checkpoint=path, **options), whole)


def test_a_checkpoint_without_a_finished_epoch_is_in_nobodys_way(path, train, short, monkeypatch):
    """A kill in the first epoch leaves one: whatever is run next begins, and writes over it."""
    with monkeypatch.context() as killed:
        killed.setattr(training._Checkpoint, "__exit__", lambda *_: None)
        killed.setattr(training, "evaluate", None)
        with pytest.raises(TypeError):
            train()
    assert checkpoints.load(path)["history"] == []
    other = short.with_optimiser(learning_rate=0.03)
    assert same(train(recipe=other), train(recipe=other, checkpoint=None))


def test_automatic_precision_is_the_one_that_the_run_began_in(path, train, monkeypatch):
    """As after Colab gave another device, whose own choice would be another."""
    monkeypatch.setattr(training, "best_precision", lambda device: "bfloat16")
    whole = train(precision="bfloat16", checkpoint=None)
    train(precision="auto", until=1)
    monkeypatch.setattr(training, "best_precision", lambda device: "float32")
    assert same(train(precision="auto"), whole)


def test_a_run_of_another_number_of_workers_is_another_run(path, train):
    """Dropout's masks and the order of sums depend on the number."""
    train(until=1)
    stored = checkpoints.load(path)
    stored["run"]["workers"] = 2
    checkpoints.save(path, stored)
    with pytest.raises(CheckpointError, match="it differs in workers"):
        train()


# Disks and folders


def unwritable(kind, tmp_path, monkeypatch):
    if kind == "a file for a folder":
        (tmp_path / "file").touch()
        return tmp_path / "file" / "run.pt"
    if kind == "a folder for a file":
        (tmp_path / "run.pt").mkdir()
    else:
        monkeypatch.setattr(os, "fsync", fail_when_full)
    return tmp_path / "run.pt"


def fail_when_full(_):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("kind", ["a file for a folder", "a folder for a file", "a full disk"])
def test_a_checkpoint_that_cannot_be_written_is_refused_before_the_first_epoch(
    kind, tmp_path, train, monkeypatch
):
    path = unwritable(kind, tmp_path, monkeypatch)
    monkeypatch.setattr(training.Trainer, "epoch", None)
    with pytest.raises(
        CheckpointError, match=r"run\.pt (can't be written|is no checkpoint)"
    ) as error:
        train(checkpoint=path)
    assert "another" in str(error.value) and not list(tmp_path.rglob("*.part"))


def test_a_disk_that_fills_up_during_a_run_costs_one_epoch(path, train, tiny, tiny_data, short):
    options = {"device": "cpu", "precision": "float32", "progress": False}
    network = build(tiny, seed=0)
    evaluate, calls = training.evaluate, []

    with pytest.MonkeyPatch.context() as patch:

        def full_in_the_second_epoch(*arguments):
            calls.append(1)
            if len(calls) == 2:
                patch.setattr(os, "fsync", fail_when_full)
            return evaluate(*arguments)

        patch.setattr(training, "evaluate", full_in_the_second_epoch)
        with pytest.raises(CheckpointError, match=r"run\.pt can't be written \(No space left"):
            fit(network, tiny_data, short, checkpoint=path, **options)
    assert len(checkpoints.load(path)["history"]) == 1
    whole = train(checkpoint=None)
    assert same(fit(network, tiny_data, short, checkpoint=path, **options), whole)


def test_a_folder_is_tried_before_hours_are_spent(tmp_path):
    require_writable(tmp_path / "new" / "newer")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"file/new can't be written into.*name another folder"):
        require_writable(tmp_path / "file" / "new")


@pytest.mark.skipif(os.name == "nt", reason="Windows does not say which processes live")
def test_parts_that_no_living_process_owns_are_removed(tmp_path):
    path = tmp_path / "run [1].pt"
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    kept = [f"{path.name}.{os.getppid()}.part", f"other.pt.{dead.pid}.part", f"{path.name}.x.part"]
    for name in (*kept, f"{path.name}.{dead.pid}.part"):
        (tmp_path / name).touch()
    write_atomically(path, lambda file: file.write(b"new"))
    assert {entry.name for entry in tmp_path.iterdir()} == {path.name, *kept}


# Runs in a fresh interpreter, which forks one process for each attempt. An attempt is killed after
# a number of function calls, not of seconds: so it gets as far on a busy machine as on an idle one.
KILL_AND_RESUME = """
import itertools, json, os, random, signal, sys, traceback
import torch
from conftest import TINY, make_data
from alexnet_course.checkpoints import load
from alexnet_course.network import build
from alexnet_course.data.augmentation import Flip, Shift
from alexnet_course.optimisers import SGD
from alexnet_course.recipes import Recipe
from alexnet_course.schedules import OneCycle
from alexnet_course.training import fit

torch.set_num_threads(1)
path, data = sys.argv[1], make_data()
optimiser = SGD(0.005, momentum=0.9, nesterov=True, weight_decay=1e-3)
recipe = Recipe("killed", epochs=15, batch_size=2, optimiser=optimiser, schedule=OneCycle(),
                augmentation=(Flip(), Shift(2)))

def train(checkpoint):
    network = build(TINY, seed=1)
    return fit(network, data, recipe, seed=5, device="cpu", precision="float32",
               checkpoint=checkpoint, progress=False).rows

weight = torch.zeros(1, requires_grad=True)
weight.grad = torch.zeros(1)
torch.optim.SGD([weight]).step()  # imports much, which else each attempt would do anew

def attempt(last_call=None):
    # runs in a child, which kills itself at that call; gives its exit status
    child = os.fork()
    if child == 0:
        calls = itertools.count(1)

        def count(frame, event, argument):
            if next(calls) == last_call:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.setprofile(count)
            train(path)
            sys.setprofile(None)
            with open(path + ".calls", "w") as file:
                file.write(str(next(calls)))
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

if attempt():
    sys.exit("the unbroken run failed")
calls = int(open(path + ".calls").read())
unbroken, draws = train(path), random.Random(0)
finished_at_kills, ends = [], []
while len(finished_at_kills) < 20:
    os.remove(path)
    while status := attempt(draws.randint(1, calls // 3)):
        if status != -signal.SIGKILL:
            sys.exit("a resumed run failed")
        finished_at_kills.append(len(load(path)["history"]) if os.path.exists(path) else 0)
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
