"""The clinic: slips planted in a sound program, what they do, and what is recorded of them."""

import json
import math
import warnings

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import TensorDataset

from alexnet_course import clinic
from alexnet_course.__main__ import main
from alexnet_course.config import digest
from alexnet_course.data import DataError
from alexnet_course.diagnosis import KINDS
from alexnet_course.provenance import is_sealed
from alexnet_course.results import RecordError


@pytest.fixture(autouse=True, scope="module")
def few_images():
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("ALEXNET_COURSE_CIFAR10", "stand-in")
        clinic.cifar10.cache_clear()
        yield
        clinic.cifar10.cache_clear()


def made(*names, trains=False, **options):
    return clinic.executed(clinic.program(*names, per_class=4, **options), trains=trains)


@pytest.mark.parametrize("name", clinic.SLIPS)
def test_a_slip_changes_few_lines_and_still_runs(name):
    lines = clinic.change(name).splitlines()
    assert lines and sum(line.startswith("+") for line in lines) <= 7
    found = made(name, trains=True, epochs=1)
    assert len(found.history) == (4 if name == "epoch-twice" else 1)


def test_what_slips_are_called_is_short_and_theirs_alone():
    words = [slip.what for slip in clinic.SLIPS.values()]
    assert len({*words}) == len(words) and max(map(len, words)) <= 45
    assert {slip.kind for slip in clinic.SLIPS.values()} - {""} <= KINDS.keys()


def test_a_seed_changes_the_weights_and_epochs_how_long_it_trains():
    one, other = made(), made(seed=5)
    assert not torch.equal(one.network.fc6.weight, other.network.fc6.weight)
    assert len(made(trains=True, epochs=2, seed=5).history) == 2


def test_slips_can_be_put_together():
    found = made("softmax-before-loss", "layer-in-a-list")
    out = found.network(torch.randn(3, 3, 32, 32))
    assert torch.allclose(out.sum(1), torch.ones(3))
    assert not hasattr(found.network, "fc5")


def test_a_change_that_fits_nowhere_is_refused():
    with pytest.raises(ValueError, match="stands 0 times in the program; expected once"):
        clinic.replaced("a b", "c", "d")
    with pytest.raises(ValueError, match="stands 2 times"):
        clinic.replaced("a a", "a", "d")
    with pytest.raises(KeyError, match="there is no slip 'softmx-before-loss'"):
        clinic.program("softmx-before-loss")


def test_images_are_as_torchvision_gives_them(standin_data):
    train, _ = clinic.cifar10(3)
    assert train.data.shape == (30, 32, 32, 3) and train.data.dtype == "uint8"
    first = standin_data.sample(3, 3).train
    assert (train.data.transpose(0, 3, 1, 2) == first.images.numpy()).all()
    assert train.targets == first.labels.tolist()
    in_turn, _ = clinic.cifar10(3, by_class=True)
    assert in_turn.targets == [c for c in range(10) for _ in range(3)]


# What slips do, by hand


def test_the_sound_program_learns_ten_images_by_heart():
    torch.manual_seed(0)
    program = made()
    x, y = torch.randn(10, 3, 32, 32), torch.arange(10)
    adam = torch.optim.Adam(program.network.eval().parameters(), 0.001)
    for _ in range(100):
        adam.zero_grad()
        loss = cross_entropy(program.network(x), y)
        loss.backward()
        adam.step()
    assert loss.item() < 0.01


def test_a_torn_picture_has_the_numbers_of_the_whole_one():
    sound, torn = made(), made("view-for-permute")
    (one, _), (other, _) = sound.prepared(sound.test_set)[0], torn.prepared(torn.test_set)[0]
    assert one.shape == other.shape and not torch.equal(one, other)
    assert torch.equal(one.flatten().sort().values, other.flatten().sort().values)


def test_a_mean_of_unequal_batches_and_a_broadcast_by_hand():
    """Of 128 + 16 images all of the first batch are right, none of the second."""

    class Says(nn.Module):
        def forward(self, x):
            return nn.functional.one_hot(x[:, 0, 0, 0].long(), 10).float()

    guesses = torch.zeros(144, 1, 1, 1)
    labels = torch.cat([torch.zeros(128), torch.ones(16)]).long()
    images = TensorDataset(guesses, labels)
    batches = torch.utils.data.DataLoader(images, 128)
    assert made().accuracy(Says(), batches) == pytest.approx(128 / 144)
    assert made("mean-of-batches").accuracy(Says(), batches) == pytest.approx(0.5)
    assert made("broadcast").accuracy(Says(), batches) == pytest.approx(128 * 128 / 144)
    assert clinic.right_accuracy(Says(), images) == pytest.approx(100 * 128 / 144)


@pytest.mark.parametrize(
    ("slips", "expected"),
    [
        ((), [0.02, 0.02, 0.002]),
        (("schedule-first",), [0.02, 0.002, 0.002]),
        (("epoch-twice",), [0.02, 0.02, 0.02, 0.02]),  # the schedule begins anew, too
    ],
)
def test_the_rate_of_each_epoch(slips, expected, monkeypatch):
    rates, step = [], torch.optim.SGD.step

    def noted(optimiser, *arguments):
        rates.append(optimiser.param_groups[0]["lr"])
        return step(optimiser, *arguments)

    monkeypatch.setattr(torch.optim.SGD, "step", noted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own, of a schedule that steps first
        made(*slips, trains=True)
    assert rates == pytest.approx(expected)  # one batch an epoch


# The record


def test_the_record_is_whole():
    for path in (clinic.slips_path(), clinic.diagnosed_path()):
        assert is_sealed(json.loads(path.read_text()))
    rows = clinic.recorded_rows()
    names = [clinic.SOUND, *clinic.SLIPS]
    assert sorted((r["slip"], r["seed"]) for r in rows) == sorted(
        (name, seed) for name in names for seed in clinic.SEEDS
    )
    for row in rows:
        planted = [] if row["slip"] == clinic.SOUND else [row["slip"]]
        assert row["program"] == digest(clinic.program(*planted)), row["slip"]
        assert len(row["history"]) == (4 if row["slip"] == "epoch-twice" else 3)
    runs = clinic.recorded_slips()
    last = runs.groupby(["arm", "seed"])[["said", "right"]].last()
    assert (last.loc["sound", "said"] - last.loc["sound", "right"]).abs().max() < 1e-3
    assert last["right"].between(0, 100).all()
    # a mean of 79 batches, the last of 16 images, can't be further off than this
    off = (last.loc["mean-of-batches", "said"] - last.loc["mean-of-batches", "right"]).abs()
    assert off.max() <= 100 * (1 / 79 - 16 / 10_000)
    assert [*clinic.recorded_diagnoses()] == names and not clinic.recorded_diagnoses()["sound"]


@pytest.mark.parametrize("name", ["sound", "dropout-always-on", "other-parameters", "broadcast"])
def test_what_is_named_can_be_made_again(name):
    if name == "sound":
        assert clinic.named(name, 24) == []
    else:
        assert clinic.SLIPS[name].kind in clinic.named(name, 24)


def test_the_stand_in_is_not_recorded(tmp_path, capsys):
    assert main(["slips", "--out", str(tmp_path)]) == 2
    assert "stand-in" in capsys.readouterr().err
    with pytest.raises((DataError, ValueError)):
        clinic.run_diagnoses(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("some", [["sound"], ["--seeds", "0"]])
def test_diagnoses_of_only_some_are_refused(tmp_path, capsys, some):
    assert main(["slips", *some, "--diagnose", "--out", str(tmp_path)]) == 2
    assert "leave out names and --seeds" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_stopped_record_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(clinic, "require_real", lambda *_: None)
    monkeypatch.setattr(clinic, "trained", lambda name, seed: made_row(name, seed))
    clinic.run_slips(["sound"], [0], tmp_path)
    clinic.run_slips(["sound", "broadcast"], [0], tmp_path)
    assert "sound, seed 0: recorded already" in capsys.readouterr().out
    runs = clinic.recorded_slips(tmp_path)
    assert [*runs["arm"]] == ["sound", "broadcast"] and math.isnan(runs["train_loss"][1])


def made_row(name, seed):
    loss = None if name == "broadcast" else 1.5
    return {"slip": name, "seed": seed, "history": [[1, loss, 40.0]], "right": 40.0}


def test_a_damaged_record_is_said_to_be_so(tmp_path):
    path = clinic.slips_path(tmp_path)
    path.parent.mkdir()
    path.write_text("{")
    with pytest.raises(RecordError, match=r"slips\.json"):
        clinic.recorded_slips(tmp_path)
