"""Runs for a machine that is here for minutes: chosen, estimated, cut off, resumed, packed."""

import os
import signal
import subprocess
import sys
import tarfile
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import alexnet_course.data
import test_records
from alexnet_course import benchmark, checkpoints, marathon, training
from alexnet_course.__main__ import main
from alexnet_course.experiments import EXPERIMENTS, Arm, Experiment
from alexnet_course.marathon import PLAN, Job, Part, archive, missing, run_marathon
from alexnet_course.optimisers import SGD
from alexnet_course.recipes import Recipe
from alexnet_course.recording import checkpoint_path, run
from alexnet_course.results import manifests, recorded
from alexnet_course.tutorials import TUTORIALS, Tutorial

RECIPE = Recipe("short", epochs=4, batch_size=8, optimiser=SGD(0.05))


@pytest.fixture
def small(monkeypatch, tiny, tiny_data):
    """A tutorial and an experiment of two arms, on tiny data that passes for CIFAR-10."""
    data = replace(tiny_data, name="CIFAR-10")
    monkeypatch.setattr(alexnet_course.data, "cifar10", lambda **options: data)
    monkeypatch.setattr(training, "best_device", lambda: torch.device("cpu"))
    monkeypatch.setattr(benchmark, "peak_memory", lambda *arguments: 2**20)
    speed = nullcontext(lambda seconds: 10.0)
    monkeypatch.setattr(benchmark, "loop_apart", lambda *arguments: speed)
    monkeypatch.setattr(marathon, "BENCHMARK_OPTIONS", {"rounds": 2, "seconds": 0.01})
    monkeypatch.setattr(marathon, "PROBE_SECONDS", 0.01)
    marathon.seconds_per_epoch.cache_clear()
    prepare = TUTORIALS["two-conv"].prepare
    monkeypatch.setitem(TUTORIALS, "small", Tutorial(tiny, RECIPE, prepare))
    arms = {"test": Arm(tiny, RECIPE), "chosen": Arm(tiny, RECIPE, "validation")}
    chosen = Experiment("small", "Does it work?", arms, seeds=(0,))
    monkeypatch.setitem(EXPERIMENTS, "small", chosen)
    return chosen


@pytest.fixture
def clock(monkeypatch):
    """Time stands still, but each epoch is said to take 100 s; gives the epochs asked of each run.

    With a margin of 1.2 and 10 s to begin, four epochs need 490 s.
    """
    asked = []

    def record(chosen, arms, seeds, folder, precision, until, unfinished):
        asked.append((*arms, *seeds, until))

    monkeypatch.setattr(marathon, "time", type("Clock", (), {"monotonic": lambda: 0, "time": int}))
    monkeypatch.setattr(marathon, "seconds_per_epoch", lambda *_: 100.0)
    monkeypatch.setattr(marathon, "run", record)
    return asked


def go(folder, plan, minutes=10, **options):
    options = {"precision": "float32", "records": folder} | options
    run_marathon(minutes, folder, plan=plan, **options)
    return folder


def names(folder):
    with tarfile.open(folder / "records.tar.gz") as packed:
        return packed.getnames()


def test_the_plan_names_what_there_is():
    known = {name: chosen.arms for name, chosen in EXPERIMENTS.items()} | {"benchmark": TUTORIALS}
    for part in PLAN:
        assert set(part.arms) <= set(known[part.experiment])


def test_what_is_missing_comes_in_the_plans_order(small, tmp_path, capsys):
    plan = (Part("benchmark", ("small",)), Part("later"), Part("small", seeds=(2, 1)))
    assert [str(job) for job in missing(plan, [tmp_path], "cpu")] == [
        "benchmark, small",
        "small, test, seed 2",
        "small, chosen, seed 2",
        "small, test, seed 1",
        "small, chosen, seed 1",
    ]
    assert capsys.readouterr().out == "later: there is no such experiment yet; it is left out\n"
    assert [job.seed for job in missing([Part("small", ("test",))], [tmp_path], "cpu")] == [0]


def test_what_is_recorded_in_either_folder_is_skipped(small, tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    run(small, ["test"], [0], here, "float32")
    run(small, ["chosen"], [0], there, "float32")
    run(small, ["test"], [1], there, "float32", until=3)  # is not whole
    (there / "benchmark").mkdir()
    (there / "benchmark" / "small-cuda.json").touch()
    plan = (Part("benchmark", ("small",)), Part("small", seeds=(0, 1)))
    left = [Job("small", "test", 1, False), Job("small", "chosen", 1, False)]
    assert list(missing(plan, [here, there], "cuda")) == left
    assert len(list(missing(plan, [here], "cpu"))) == 1 + 3


def test_all_is_run_and_packed_and_the_records_are_good_ones(small, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(training, "PRINTED_STEP", 2)  # so that there are losses of batches, too
    folder = go(tmp_path / "out", [Part("benchmark", ("small",)), Part("small", seeds=(0, 1))])
    out = capsys.readouterr().out
    assert "\n5 recorded; on " in out and "in float32\n" in out
    assert f"{folder}/records.tar.gz is to be unpacked in alexnet_course/recorded\n" in out
    with tarfile.open(folder / "records.tar.gz") as packed:
        packed.extractall(tmp_path / "recorded", filter="data")
    found = sorted(p.relative_to(folder) for p in folder.glob("*/*.*") if p.suffix != ".pt")
    assert [Path(name) for name in names(folder)] != [] and len(found) == 1 + 4 * 3
    assert sorted(Path(name) for name in names(folder)) == found
    for on, counts in (("test", (30, 15)), ("validation", (27, 3))):
        monkeypatch.setitem(test_records.IMAGES, ("CIFAR-10", on), counts)
    monkeypatch.setattr(test_records, "check_batches", lambda *_: None)  # of every hundredth step
    for path in (tmp_path / "recorded" / "small").glob("*.json"):
        test_records.check(path)
    assert len(recorded("small", tmp_path / "recorded")) == 4 * 4
    assert not list((folder / "unfinished").iterdir())
    go(folder, [Part("small", seeds=(0, 1))])
    assert "nothing was missing" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("minutes", "epochs"), [(1 / 60, None), (489 / 60, None), (491 / 60, 4), (10, 4)]
)
def test_a_run_begins_only_if_it_can_end(small, tmp_path, clock, capsys, minutes, epochs):
    go(tmp_path, [Part("small", ("test",))], minutes)
    assert clock == ([] if epochs is None else [("test", 0, epochs)])
    out = capsys.readouterr().out
    assert ("small, test, seed 0: not begun; it may take" in out) == (epochs is None)
    assert ("1 not begun" in out) == (epochs is None)


def test_what_is_too_long_does_not_keep_back_what_is_short(small, tmp_path, clock):
    arm = small.arms["chosen"]
    small.arms["chosen"] = replace(arm, recipe=replace(RECIPE, epochs=1))
    go(tmp_path, [Part("small", ("test",)), Part("small", ("chosen",))], 200 / 60)
    assert clock == [("chosen", 0, 1)]


@pytest.mark.parametrize(("seconds", "asked"), [(100, []), (131, [1]), (371, [3]), (3600, [4])])
def test_what_may_be_cut_is_run_as_far_as_it_comes(small, tmp_path, clock, seconds, asked):
    """120 s an epoch, after 10 s."""
    go(tmp_path, [Part("small", ("test",), cut=True)], seconds / 60)
    assert [epochs for *_, epochs in clock] == asked


def test_epochs_that_are_kept_need_no_time(small, tmp_path, clock):
    kept = checkpoint_path(small, "test", 0, "float32", tmp_path / "unfinished")
    kept.parent.mkdir()
    checkpoints.save(kept, {"history": [{}, {}, {}]})
    go(tmp_path, [Part("small", ("test",))], 131 / 60)
    assert [epochs for *_, epochs in clock] == [4]


def test_an_epoch_is_estimated_from_images_a_second_and_a_checkpoint(small, tmp_path, monkeypatch):
    """27 + 3 images at 10 a second; the clock goes 0.5 s from before to after the checkpoint."""
    ticks = iter([7.0, 7.5])
    monkeypatch.setattr(marathon, "images_per_second", lambda *_: 10.0)
    monkeypatch.setattr(marathon.time, "monotonic", lambda: next(ticks))
    assert marathon.seconds_per_epoch("small", "chosen", "float32", tmp_path / "new") == 3.5
    assert not list((tmp_path / "new").iterdir())


def test_a_run_that_fails_does_not_keep_back_the_others(small, tmp_path, monkeypatch, capsys):
    def probe(name, arm, *_):
        if arm == "test":
            raise RuntimeError("CUDA error: something new")
        return 0.0

    monkeypatch.setattr(marathon, "seconds_per_epoch", probe)
    with pytest.raises(RuntimeError, match="1 of 2 failed"):
        go(tmp_path, [Part("small")])
    out, err = capsys.readouterr()
    assert "small, test, seed 0: failed\n" in out and "CUDA error: something new" in err
    assert [m["arm"] for m in manifests("small", tmp_path)] == ["chosen"]
    assert names(tmp_path) == ["small/chosen-seed0.json", "small/chosen-seed0.csv"]


def test_weights_are_packed_with_their_record(small, tmp_path):
    arms = {"test": replace(small.arms["test"], keeps=("conv1",))}
    run(replace(small, arms=arms), seeds=[0], folder=tmp_path, precision="float32")
    archive(tmp_path)
    files = ["test-seed0.json", "test-seed0.csv", "test-seed0.weights.npz"]
    assert names(tmp_path) == [f"small/{file}" for file in files]
    (tmp_path / "small" / files[-1]).write_bytes(b"")
    archive(tmp_path)
    assert names(tmp_path) == []


def test_a_record_that_is_half_written_is_not_packed(small, tmp_path):
    run(small, ["test"], [0, 1], tmp_path, "float32")
    with (tmp_path / "small" / "test-seed0.csv").open("a") as table:  # the next epochs, say
        table.write("5\n")
    archive(tmp_path)
    assert names(tmp_path) == ["small/test-seed1.json", "small/test-seed1.csv"]
    (tmp_path / "small" / "test-seed1.csv").unlink()
    archive(tmp_path)
    assert names(tmp_path) == []


def test_an_archive_that_is_too_large_leaves_the_old_one(small, tmp_path, monkeypatch):
    run(small, ["test"], [0], tmp_path, "float32")
    before = archive(tmp_path).read_bytes()
    run(small, ["chosen"], [0], tmp_path, "float32")
    monkeypatch.setattr(marathon, "MOST_BYTES", len(before))
    with pytest.raises(ValueError, match=r"take 0\.0 MiB when packed, .* stays as it was\. Put"):
        archive(tmp_path)
    assert (tmp_path / "records.tar.gz").read_bytes() == before


def test_records_that_were_made_otherwise_are_told_of(small, tmp_path):
    run(small, ["test"], [0], tmp_path / "course", "float32")
    with pytest.warns(UserWarning, match="small is recorded on cpu in float32; what is run now"):
        go(
            tmp_path / "out",
            [Part("small")],
            precision="bfloat16",
            records=tmp_path / "course",
        )
    assert [m["precision"] for m in manifests("small", tmp_path / "out")] == ["bfloat16"]


def test_code_without_a_commit_is_refused(small, tmp_path, monkeypatch):
    unknown = {"commit": "unknown (not run from a git checkout)"}
    monkeypatch.setattr(marathon, "environment", lambda *_: unknown)
    with pytest.raises(ValueError, match="could not name their code: the commit is unknown"):
        go(tmp_path / "out", [Part("small")])
    assert not (tmp_path / "out").exists()


def test_the_stand_in_is_refused_by_the_command(monkeypatch, tmp_path, standin_data, capsys):
    monkeypatch.setattr(alexnet_course.data, "cifar10", lambda **options: standin_data)
    assert main(["marathon", "--out", str(tmp_path / "out")]) == 2
    assert "is recorded on CIFAR-10, but the data is" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


SCRIPT = f"""
import os, signal, sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, {str(Path(__file__).parent)!r})
import alexnet_course.data
from alexnet_course import marathon, training
from alexnet_course.experiments import EXPERIMENTS, Arm, Experiment
from alexnet_course.data.preparation import MinusOneToOne
from alexnet_course.optimisers import SGD
from alexnet_course.recipes import Recipe
from alexnet_course.schedules import Constant
from conftest import TINY, make_data

data, evaluate, folder = replace(make_data(), name="CIFAR-10"), training.evaluate, Path(sys.argv[1])
alexnet_course.data.cifar10 = lambda **options: data
EXPERIMENTS["small"] = Experiment("small", "?", {{"test": Arm(TINY, {RECIPE!r})}})
marathon.PROBE_SECONDS = 0.01

def counted(*arguments):
    with (folder / "evaluations").open("a") as file:
        file.write(".")
    if (folder / "evaluations").stat().st_size == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    return evaluate(*arguments)

training.evaluate = counted

if __name__ == "__main__":
    workers, plan = int(sys.argv[2]), [marathon.Part("small", seeds=(0, 1, 2))]
    marathon.run_marathon(10, folder, workers, "float32", records=folder, plan=plan)
"""


def test_killed_in_the_middle_of_a_run_it_goes_on_there(small, tmp_path):
    """Killed in the second epoch of the second run; then two workers do the rest."""
    script, folder = tmp_path / "script.py", tmp_path / "out"
    script.write_text(SCRIPT)
    folder.mkdir()

    def start(workers, kill_at):
        command = [sys.executable, str(script), str(folder), str(workers), str(kill_at)]
        one = os.environ | {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
        return subprocess.run(command, env=one, timeout=300, capture_output=True, text=True)

    assert start(1, 6).returncode == -signal.SIGKILL
    assert names(folder) == ["small/test-seed0.json", "small/test-seed0.csv"]
    assert [path.name[:16] for path in (folder / "unfinished").iterdir()] == ["small-test-seed1"]
    done = start(2, 0)
    assert done.returncode == 0, done.stderr
    assert "2 recorded" in done.stdout and len(names(folder)) == 6
    assert not list((folder / "unfinished").iterdir())
    assert (folder / "evaluations").stat().st_size == 6 + 3 + 4  # the epoch cut off came twice
    run(small, ["test"], [0, 1, 2], tmp_path / "unbroken", "float32")
    ours, unbroken = (recorded("small", place) for place in (folder, tmp_path / "unbroken"))
    assert ours.drop(columns="seconds").equals(unbroken.drop(columns="seconds"))


def test_a_worker_that_is_killed_is_told_of_in_a_sentence(small, tmp_path, monkeypatch):
    broken = marathon.BrokenProcessPool
    monkeypatch.setattr(marathon, "as_completed", lambda waiting: (_ for _ in ()).throw(broken()))
    with pytest.raises(RuntimeError, match=r"a worker ended .* goes on .* with fewer workers"):
        go(tmp_path, [Part("small")], workers=2)
