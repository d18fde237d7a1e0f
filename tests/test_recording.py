"""Running experiments: recorded, stopped, taken further, rehearsed."""

import hashlib
import json
import warnings
from dataclasses import replace
from itertools import count
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

import alexnet_course.data
from alexnet_course import provenance, recording, training
from alexnet_course.__main__ import main
from alexnet_course.benchmark import run_benchmark
from alexnet_course.config import digest
from alexnet_course.data import DataError
from alexnet_course.data.folders import cache_folder
from alexnet_course.experiments import EXPERIMENTS, Arm, Experiment, experiment
from alexnet_course.network import build
from alexnet_course.optimisers import SGD, Muon
from alexnet_course.provenance import RECORDED
from alexnet_course.race import run_race
from alexnet_course.recipes import Recipe
from alexnet_course.recording import rehearse, run
from alexnet_course.results import (
    WEIGHTS,
    RecordError,
    final_results,
    gains,
    gains_of_pairs,
    kept_weights,
    manifests,
    mean_interval,
    measured,
    record_path,
    recorded,
    recorded_table,
    reported,
    trained,
    two_way,
)


def recipe(rate):
    return Recipe("two epochs", epochs=2, batch_size=8, optimiser=SGD(rate))


@pytest.fixture
def small(tiny):
    """Two arms whose names differ after a dot, one of them measured on validation images."""
    arms = {
        "rate-0.05": Arm(tiny, recipe(0.05)),
        "rate-0.01": Arm(tiny, recipe(0.01), "validation"),
    }
    return Experiment("small", "Does it work?", arms, seeds=(0, 1))


@pytest.fixture
def data(monkeypatch, tiny_data):
    """Tiny data that passes for CIFAR-10; the CPU does all."""
    named = replace(tiny_data, name="CIFAR-10")
    monkeypatch.setattr(alexnet_course.data, "cifar10", lambda **options: named)
    monkeypatch.setattr(training, "best_device", lambda: torch.device("cpu"))
    return named


@pytest.fixture
def record(small, tmp_path):
    """Runs the small experiment into a folder of its own and gives the folder."""

    def record(**options):
        run(small, folder=tmp_path / "recorded", precision="float32", **options)
        return tmp_path / "recorded"

    return record


@pytest.fixture
def evaluations(monkeypatch):
    """Grows by one with each epoch trained; at ``stop_at`` the run is interrupted."""
    evaluate, calls = training.evaluate, []

    def counted(*arguments):
        calls.append(1)
        if len(calls) == counted.stop_at:
            raise KeyboardInterrupt
        return evaluate(*arguments)

    counted.stop_at = None
    monkeypatch.setattr(training, "evaluate", counted)
    return counted, calls


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted((folder / "small").iterdir())}


def test_every_arm_and_seed_gets_a_history_and_a_manifest(data, record):
    folder = record()
    names = {
        f"rate-{rate}-seed{seed}.{kind}"
        for rate in ("0.05", "0.01")
        for seed in (0, 1)
        for kind in ("csv", "json")
    }
    assert contents(folder).keys() == names
    table = recorded("small", folder)
    assert list(table.columns[:3]) == ["arm", "seed", "epoch"]
    runs = table.groupby(["arm", "seed"])
    assert runs.size().to_dict() == {(f"rate-{r}", k): 2 for r in ("0.05", "0.01") for k in (0, 1)}
    # Each run is its own: rates are the arms', and the seeds differ.
    assert runs["learning_rate"].first().to_dict() == {
        ("rate-0.01", 0): 0.01,
        ("rate-0.01", 1): 0.01,
        ("rate-0.05", 0): 0.05,
        ("rate-0.05", 1): 0.05,
    }
    assert runs["train_loss"].first().nunique() == 4
    by_arm = table.set_index("arm")
    assert by_arm.loc["rate-0.05", "test_accuracy"].notna().all()
    assert by_arm.loc["rate-0.05", "validation_accuracy"].isna().all()
    assert by_arm.loc["rate-0.01", "validation_accuracy"].notna().all()
    assert by_arm.loc["rate-0.01", "test_accuracy"].isna().all()


def test_a_record_is_what_fit_gives(data, record, small, tiny):
    folder = record(arms=["rate-0.05"], seeds=[1])
    options = {"seed": 1, "device": "cpu", "precision": "float32", "progress": False}
    history = training.fit(build(tiny, seed=1), data, recipe(0.05), **options)
    table = recorded("small", folder).drop(columns=["arm", "seed", "seconds"])
    expected = history.frame.drop(columns="seconds")
    pd.testing.assert_frame_equal(table, expected, rtol=1e-5, check_dtype=False)


def test_the_time_left_goes_by_operations(data, record, monkeypatch, capsys):
    """Every epoch takes 100 s by this clock. Of two epochs, three runs are left, two of them on
    nine tenths of the images: (0.9 + 1 + 0.9) · 200 s.
    """
    ticks = count(step=100)
    monkeypatch.setattr(training, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    record()
    lines = [line for line in capsys.readouterr().out.splitlines() if "images" in line]
    share = len(data.for_choosing().train) / len(data.train)
    after_two = 400 / (1 + share)  # seconds for as many operations as the first arm has
    expected = [200 * (1 + 2 * share), after_two * (1 + share), 600 / (2 + share) * share]
    for line, seconds in zip(lines, expected, strict=False):
        assert line.endswith(f"; about {round(seconds / 60)} min left"), line
    assert len(lines) == 4 and lines[3].endswith("% on validation images")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (89, "89 s"),
        (91, "2 min"),
        (3540, "59 min"),
        (3599, "1 h 00 min"),
        (11_100, "3 h 05 min"),
    ],
)
def test_a_duration_in_words(seconds, text):
    assert recording.duration(seconds) == text


def test_a_rehearsal_runs_in_small_on_any_images_and_records_nothing(monkeypatch, tiny_data, small):
    monkeypatch.setattr(alexnet_course.data, "cifar10", lambda **options: tiny_data)
    before = sorted(RECORDED.rglob("*"))
    long = replace(small.arms["rate-0.05"], recipe=replace(recipe(0.05), epochs=9))
    chosen = replace(small, arms=small.arms | {"rate-0.05": long}, seeds=(3, 4))
    table = rehearse(chosen, precision="float32")
    assert list(table["arm"]) == ["rate-0.05", "rate-0.01"]
    assert set(table["seed"]) == {3} and set(table["epochs"]) == {2}
    assert table["test_accuracy"].notna().tolist() == [True, False]
    assert table["validation_accuracy"].notna().tolist() == [False, True]
    assert sorted(RECORDED.rglob("*")) == before and not list(cache_folder().rglob("*.pt"))
    longer = rehearse(chosen, precision="float32", epochs=3)
    assert list(longer["epochs"]) == [3, 2]  # no more than the recipe has
    whole = rehearse(replace(chosen, arms={"long": long}), precision="float32", scale="full")
    assert set(whole["epochs"]) == {9} and sorted(RECORDED.rglob("*")) == before
    with pytest.raises(KeyError, match=r"small has no arm 'x'; it has rate-0.05, rate-0.01"):
        rehearse(chosen, arms=["x"])


def test_a_chapter_runs_arms_under_names_for_readers(data, monkeypatch, small, capsys):
    monkeypatch.setitem(EXPERIMENTS, "small", small)
    labels = {"rate-0.01": "slow", "rate-0.05": "fast"}
    monkeypatch.setenv("ALEXNET_COURSE_SCALE", "quick")
    table = recording.run_here("small", labels)
    assert [row[0] for row in table.rows] == ["slow", "fast"]
    assert table.headings[1:3] == ["epochs", "train loss"]
    assert "quick scale" in capsys.readouterr().out
    monkeypatch.setenv("ALEXNET_COURSE_SCALE", "full")
    recording.run_here("small", {"rate-0.05": "fast"})
    assert "full scale" in capsys.readouterr().out
    with pytest.raises(KeyError, match="small has no arm 'x'"):
        recording.run_here("small", {"x": "?"})


def test_a_rehearsal_lowers_the_rate_as_much_as_the_batch(data, monkeypatch, small):
    seen = []
    real = recording.fit

    def fit(network, held, recipe, **options):
        seen.append(recipe)
        return real(network, held, recipe, **options)

    monkeypatch.setattr(recording, "fit", fit)
    arm = small.arms["rate-0.05"]
    large = replace(recipe(0.4), batch_size=128)
    two = replace(large, optimiser=Muon(0.8, SGD(0.4, learning_rates={"fc2": 0.2})))
    two = two.with_optimiser(learning_rates={"conv1": 1.2})
    arms = {
        "large": replace(arm, recipe=large),
        "small": arm,
        "two": replace(arm, recipe=two),
    }
    rehearse(replace(small, arms=arms), precision="float32")
    assert [r.batch_size for r in seen] == [32, 8, 32]
    assert [r.optimiser.learning_rate for r in seen] == [0.1, 0.05, 0.2]
    last = seen[-1].optimiser
    assert last.learning_rates == pytest.approx({"conv1": 0.3})
    assert last.others == SGD(0.1, learning_rates={"fc2": 0.05})


def test_the_command_rehearses_at_quick_scale(data, monkeypatch, small, capsys):
    monkeypatch.setitem(EXPERIMENTS, "small", small)
    assert main(["experiment", "small", "--scale", "quick", "--arms", "rate-0.01"]) == 0
    header, row = capsys.readouterr().out.splitlines()[-2:]
    assert header.split()[:3] == ["arm", "seed", "epochs"] and row.split()[:2] == ["rate-0.01", "0"]
    assert main(["experiment", "small", "--scale", "quick", "--until", "1"]) == 2
    assert "leave it out with --scale quick" in capsys.readouterr().err


def test_the_command_runs_again_what_is_recorded_elsewhere(
    data, monkeypatch, small, record, tmp_path, capsys
):
    monkeypatch.setitem(EXPERIMENTS, "small", small)
    record(seeds=[0])
    command = ["experiment", "small", "--seeds", "0", "--precision", "float32", "--out"]
    assert main([*command, str(tmp_path / "recorded")]) == 0
    assert capsys.readouterr().out.count("recorded already; --out DIR runs it again") == 2
    assert main([*command, str(tmp_path / "again")]) == 0
    first, again = (
        recorded("small", tmp_path / name).drop(columns="seconds") for name in ("recorded", "again")
    )
    assert len(again) == 4 and again.equals(first)
    capsys.readouterr()
    assert main(["recorded", "small", "--records", str(tmp_path / "again")]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:3] == ["small", "rate-0.05", "0"]


def test_an_arm_may_train_on_fewer_images(data, record, small, tmp_path):
    arms = {"few": replace(small.arms["rate-0.01"], per_class=3)}
    run(replace(small, arms=arms), seeds=[0], folder=tmp_path, precision="float32")
    (manifest,) = manifests("small", tmp_path)
    assert manifest["train_images"] == 3 * len(data.classes)
    assert manifest["data_digest"] == data.for_choosing().sample(3).digest
    assert "3 + all a class" in manifest["data"]


def test_a_run_that_diverges_is_recorded_and_the_others_are_run(data, small, tmp_path, capsys):
    wild = replace(small.arms["rate-0.05"], recipe=recipe(1e30))
    chosen = replace(small, arms={"wild": wild, **small.arms}, seeds=(0,))
    folder = tmp_path / "recorded"
    run(chosen, folder=folder, precision="float32")
    assert "the loss became" in capsys.readouterr().out
    assert {m["arm"] for m in manifests("small", folder)} == set(chosen.arms)
    (manifest,) = (m for m in manifests("small", folder) if m["arm"] == "wild")
    assert manifest["epochs"] == 0 and "in epoch 1, step" in manifest["diverged"]
    table = recorded("small", folder)
    assert set(table["arm"]) == {"rate-0.05", "rate-0.01"}
    assert not list(cache_folder().rglob("*.pt"))
    listed = recorded_table(["small"], folder).set_index("arm")
    assert listed.loc["wild", "epochs"] == 0 and pd.isna(listed.loc["wild", "accuracy"])
    run(chosen, folder=folder, precision="float32")
    assert "wild, seed 0: recorded already" in capsys.readouterr().out


def test_measures_are_taken_when_a_run_has_ended(data, small, tmp_path):
    arms = {"measured": replace(small.arms["rate-0.01"], measures=("dead-units",))}
    chosen = replace(small, arms=arms)
    options = {"seeds": [0, 1], "folder": tmp_path, "precision": "float32"}
    run(chosen, until=1, **options)
    assert measured("small", "dead-units", tmp_path).empty
    run(chosen, **options)
    table = measured("small", "dead-units", tmp_path)
    assert list(table.columns) == ["arm", "seed", "relu1"]
    assert list(table["seed"]) == [0, 1] and table["relu1"].between(0, 100).all()


@pytest.fixture
def keeping(data, monkeypatch, small, tmp_path):
    """Two epochs of an arm that keeps all weights, and of one that keeps conv1's."""
    arms = {
        "all": replace(small.arms["rate-0.05"], keeps=("all",)),
        "first": replace(small.arms["rate-0.05"], keeps=("conv1",)),
        "none": small.arms["rate-0.05"],
    }
    chosen = replace(small, arms=arms, seeds=(1,))
    monkeypatch.setitem(EXPERIMENTS, "small", chosen)
    run(chosen, folder=tmp_path, precision="float32")
    return tmp_path


def test_weights_are_kept_with_a_record(keeping, data, tiny):
    network = build(tiny, seed=1)
    options = {"seed": 1, "device": "cpu", "precision": "float32", "progress": False}
    training.fit(network, data, recipe(0.05), **options)
    kept = kept_weights("small", "all", 1, keeping)
    assert kept.keys() == network.state_dict().keys()
    for name, weights in network.state_dict().items():
        assert torch.equal(kept[name], weights.half().float())
        torch.testing.assert_close(kept[name], weights, rtol=2**-11, atol=2**-25)
    first = kept_weights("small", "first", 1, keeping)
    assert first.keys() == {"conv1.weight", "conv1.bias"}
    assert torch.equal(first["conv1.weight"], kept["conv1.weight"])
    images = torch.rand(2, 3, 32, 32)
    network.load_state_dict(kept)
    again = trained("small", "all", 1, keeping)
    assert not again.training
    for name, weights in again.state_dict().items():
        assert torch.equal(weights, kept[name])
    # Memory may lie in another order, and then some processors add up in another order.
    torch.testing.assert_close(again(images), network.eval()(images))


def test_weights_are_kept_only_where_they_are_asked_for_and_the_run_has_ended(
    keeping, data, small, tmp_path
):
    for arm, seed in (("none", 1), ("all", 2)):
        with pytest.raises(FileNotFoundError, match=f"no weights of small, {arm}, seed {seed}"):
            kept_weights("small", arm, seed, keeping)
    arms = {"first": replace(small.arms["rate-0.05"], keeps=("conv1",))}
    run(replace(small, arms=arms), seeds=[0], folder=tmp_path / "cut", until=1)
    assert {path.suffix for path in (tmp_path / "cut/small").iterdir()} == {".csv", ".json"}
    with pytest.raises(ValueError, match="holds 2 tensors and this network 4"):
        trained("small", "first", 1, keeping)


def test_weights_that_have_changed_since_are_refused(keeping):
    path = record_path("small", "all", 1, WEIGHTS, keeping)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(RecordError, match=r"all-seed1.weights.npz is damaged.*digest"):
        kept_weights("small", "all", 1, keeping)


def test_an_unknown_measure_is_refused_before_anything_runs(data, small, tmp_path, evaluations):
    arms = {"measured": replace(small.arms["rate-0.01"], measures=("weight",))}
    with pytest.raises(KeyError, match="no measure 'weight'; choose one of dead-units"):
        run(replace(small, arms=arms), folder=tmp_path)
    assert evaluations[1] == []


@pytest.mark.parametrize("start", [run, rehearse])
@pytest.mark.parametrize(
    ("measure", "error", "words"),
    [
        ("weight", KeyError, "no measure 'weight'; choose one of dead-units"),
        ("ten-crops", ValueError, "need a preparation that crops"),
        ("masked-passes", ValueError, "need a network with dropout"),
    ],
)
def test_a_measure_that_cannot_be_taken_is_refused_before_training(
    data, small, tmp_path, evaluations, monkeypatch, start, measure, error, words
):
    monkeypatch.setattr(recording, "RECORDED", tmp_path)
    arm = small.arms["rate-0.01"]
    arm = replace(arm, architecture=arm.architecture.without("dropout"), measures=(measure,))
    options = {"folder": tmp_path / "new"} if start is run else {}
    with pytest.raises(error, match=words):
        start(replace(small, arms={"measured": arm}), **options)
    assert evaluations[1] == [] and not (tmp_path / "new").exists()


def test_a_single_arm_or_seed_is_a_list_of_one(data, small, record):
    folder = record(arms="rate-0.05", seeds=0)
    assert [(m["arm"], m["seed"]) for m in manifests("small", folder)] == [("rate-0.05", 0)]
    table = rehearse(small, "rate-0.01", 1, "float32")
    assert list(zip(table["arm"], table["seed"])) == [("rate-0.01", 1)]
    twice = rehearse(small, ["rate-0.01"] * 2, [1, 1], "float32")
    assert len(twice) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"until": 0}, "until is 0; it must be a whole number, at least 1"),
        ({"until": 1.5}, "until is 1.5; it must"),
        ({"seeds": -1}, "seed is -1; it must be a whole number from 0 to"),
        ({"seeds": ["0"]}, "seed is '0'; it must"),
        ({"seeds": [True]}, "seed is True; it must"),
        ({"seeds": float("nan")}, "seed is nan; it must"),
        ({"arms": [1]}, "small has no arm 1; it has rate-0.05, rate-0.01"),
        ({"arms": [["rate-0.05"]]}, "small has no arm .'rate-0.05'.; it has"),
    ],
)
def test_an_argument_that_cannot_be_is_refused_before_anything_runs(
    data, record, tmp_path, options, words
):
    with pytest.raises((ValueError, KeyError), match=words):
        record(**options)
    assert not (tmp_path / "recorded").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"chosen": "study"}, "experiment is 'study'; it must be of type Experiment"),
        ({"scale": "fast"}, "scale is 'fast'; it must be 'quick' or 'full'"),
        ({"epochs": 0}, "epochs is 0; it must be a whole number, at least 1"),
        ({"seeds": [0, None]}, "seed is None; it must"),
    ],
)
def test_a_rehearsal_refuses_what_cannot_be(data, small, options, words):
    with pytest.raises(ValueError, match=words):
        rehearse(**{"chosen": small} | options)


def test_the_manifest_says_what_was_run_on_what(data, record, small, monkeypatch):
    monkeypatch.setattr("sys.argv", ["x", "experiment", "small", "--seeds", "0"])
    folder = record(seeds=[0])
    first, second = manifests("small", folder)
    by_arm = {first["arm"]: first, second["arm"]: second}
    manifest = by_arm["rate-0.05"]
    assert manifest["experiment"] == "small" and manifest["seed"] == 0
    assert manifest["command"] == "python -m alexnet_course experiment small --seeds 0"
    assert manifest["commit"]
    assert manifest["versions"]["torch"] == torch.__version__.split("+")[0]
    assert {"python", "numpy", "pandas"} < manifest["versions"].keys()
    assert manifest["device"] == "cpu" and manifest["precision"] == "float32"
    assert manifest["hardware"]
    seconds = pd.read_csv(record_path("small", "rate-0.05", 0, "csv", folder))["seconds"]
    assert manifest["seconds"] == pytest.approx(seconds.sum(), abs=0.06)
    assert manifest["config_digest"] == digest(small.arms["rate-0.05"])
    assert manifest["config"]["recipe"]["optimiser"]["learning_rate"] == 0.05
    assert manifest["data_digest"] == data.digest and manifest["measured_on"] == "test"
    other = by_arm["rate-0.01"]
    assert other["data_digest"] == data.for_choosing().digest != data.digest
    assert other["measured_on"] == "validation"
    assert other["config_digest"] != manifest["config_digest"]


def test_what_is_recorded_is_not_run_again(data, record, monkeypatch, capsys):
    before = contents(record())
    monkeypatch.setattr(training, "fit", None)
    assert contents(record()) == before
    assert capsys.readouterr().out.count("recorded already") == 4


def test_only_what_is_missing_is_run(data, record, evaluations):
    _, calls = evaluations
    folder = record(arms=["rate-0.05"])
    assert len(calls) == 4  # 2 seeds × 2 epochs
    (folder / "small" / "rate-0.05-seed1.json").unlink()
    record()
    assert len(calls) == 4 + 2 + 4  # the run with half a record, and the other arm


def test_an_interrupted_run_goes_on_where_it_was(data, record, evaluations):
    hook, calls = evaluations
    hook.stop_at = 4  # in the second run's second epoch
    with pytest.raises(KeyboardInterrupt):
        record(arms=["rate-0.05"])
    folder = record(arms=["rate-0.05"])
    assert len(calls) == 5  # the interrupted epoch alone was trained twice
    resumed = recorded("small", folder)
    for path in (folder / "small").iterdir():
        path.unlink()
    record(arms=["rate-0.05"])
    assert len(calls) == 9  # nothing is left of the finished runs' checkpoints
    unbroken = recorded("small", folder)
    assert resumed.drop(columns="seconds").equals(unbroken.drop(columns="seconds"))


def test_the_stand_in_is_refused_before_anything_is_run(
    record, tmp_path, standin_data, monkeypatch
):
    monkeypatch.setattr(alexnet_course.data, "cifar10", lambda **options: standin_data)
    with pytest.raises(DataError, match=r"recorded on CIFAR-10, but the data is .*stand-in"):
        record()
    assert not (tmp_path / "recorded").exists()


def test_names_that_are_unknown_list_those_that_exist(data, record, tmp_path):
    with pytest.raises(KeyError, match=r"no arm 'rate-0\.5'; it has rate-0\.05, rate-0\.01"):
        record(arms=["rate-0.5"])
    with pytest.raises(KeyError, match="no experiment 'three-conv'; choose one of two-conv, "):
        experiment("three-conv")
    with pytest.raises(FileNotFoundError, match=r"recorded under 'gone' in .*; recorded there: "):
        recorded("gone", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"recorded under 'study'.*experiment study"):
        recorded("study", tmp_path)
    with pytest.raises(KeyError, match=r"nothing is reported for 'two-conv', 'beauty'.*two-conv: "):
        reported("two-conv", "beauty")
    assert experiment("two-conv").name == "two-conv"


def test_the_table_of_records_has_a_row_for_each_arm(data, record):
    folder = record()
    table = recorded_table(["small"], folder).set_index("arm")
    assert table.index.tolist() == ["rate-0.01", "rate-0.05"]
    runs = recorded("small", folder)
    last = runs[runs["epoch"] == 2]
    for arm, measured_on in (("rate-0.05", "test"), ("rate-0.01", "validation")):
        accuracies = last.loc[last["arm"] == arm, f"{measured_on}_accuracy"]
        mean, half_width = mean_interval(accuracies)
        row = table.loc[arm]
        assert (row["accuracy"], row["half_width"]) == (round(mean, 2), round(half_width, 2))
        assert (row["seeds"], row["epochs"], row["of"]) == ("0 1", 2, 2)
        assert row["measured_on"] == measured_on and row["data"].startswith("CIFAR-10")


def test_a_run_may_be_recorded_part_way_and_taken_further(data, record, evaluations):
    options = {"arms": ["rate-0.05"], "seeds": [0]}
    folder = record(until=1, **options)
    assert recorded("small", folder)["epoch"].tolist() == [1]
    assert manifests("small", folder)[0]["epochs"] == 1
    assert recorded_table(["small"], folder).iloc[0][["epochs", "of"]].tolist() == [1, 2]
    record(until=1, **options)  # nothing left to do
    assert len(evaluations[1]) == 1
    record(**options)
    assert len(evaluations[1]) == 2  # the first epoch was not trained again
    assert recorded("small", folder)["epoch"].tolist() == [1, 2]
    assert manifests("small", folder)[0]["epochs"] == 2


def test_images_that_nobody_knows_are_refused():
    with pytest.raises(KeyError, match="no image set 'MNIST'; choose one of CIFAR-10, drawn faces"):
        alexnet_course.data.image_data("MNIST")


def test_a_manifest_holds_digests_of_its_tables_and_of_itself(data, record, monkeypatch):
    monkeypatch.setattr(training, "PRINTED_STEP", 2)  # so that there are losses of batches, too
    folder = record(arms=["rate-0.05"], seeds=[0]) / "small"
    manifest = json.loads((folder / "rate-0.05-seed0.json").read_text())
    assert manifest["csv_digests"] == {
        kind: hashlib.sha256((folder / f"rate-0.05-seed0.{kind}").read_bytes()).hexdigest()
        for kind in ("csv", "batches.csv")
    }
    assert list(manifest)[-1] == "record_digest"
    assert manifest.pop("record_digest") == digest(manifest)


def test_a_folder_that_cannot_be_written_into_is_refused_before_anything_runs(
    data, small, tmp_path, evaluations
):
    folder = tmp_path / "file"
    folder.touch()
    for name, begin in (
        ("small", lambda: run(small, folder=folder, precision="float32")),
        ("race", lambda: run_race("two-conv", folder=folder)),
        ("benchmark", lambda: run_benchmark(["two-conv"], folder=folder)),
    ):
        with pytest.raises(OSError, match=f"file/{name} can't be written into .*another folder"):
            begin()
    assert evaluations[1] == []


# Precision, device and code


def test_an_added_arm_is_run_in_the_precision_of_its_partners(data, small, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "best_precision", lambda device: "bfloat16")
    run(small, arms=["rate-0.01"], seeds=[0], folder=tmp_path / "auto")
    run(small, arms=["rate-0.05"], folder=tmp_path, precision="float32")
    with warnings.catch_warnings(action="error"):
        run(small, folder=tmp_path)
    assert {m["precision"] for m in manifests("small", tmp_path / "auto")} == {"bfloat16"}
    assert [m["precision"] for m in manifests("small", tmp_path)] == ["float32"] * 4


def test_an_added_arm_that_is_not_made_like_its_partners_is_told_of(data, small, tmp_path):
    options = {"folder": tmp_path, "seeds": [0]}
    run(small, arms=["rate-0.05"], precision="float32", **options)
    with pytest.warns(UserWarning, match="small is recorded on cpu in float32; what is run now.*b"):
        run(small, arms=["rate-0.01"], precision="bfloat16", **options)
    with pytest.raises(ValueError, match="in bfloat16 and float32: choose one with --precision"):
        run(small, folder=tmp_path)
    run(small, **options)  # nothing is left to run, so nothing is asked


def test_a_run_that_was_stopped_does_not_meddle_with_one_of_another_precision(
    data, record, small, evaluations, tmp_path
):
    evaluations[0].stop_at = 2
    with pytest.raises(KeyboardInterrupt):
        record(arms=["rate-0.05"], seeds=[0])
    run(small, arms=["rate-0.05"], seeds=[0], folder=tmp_path / "other", precision="bfloat16")
    record(arms=["rate-0.05"], seeds=[0])
    assert len(evaluations[1]) == 2 + 2 + 1


@pytest.fixture
def mixed(data, tiny, tmp_path):
    """Two arms and two seeds; gives a function that changes the manifest of one of the runs."""
    arms = {
        name: Arm(tiny, recipe(rate), measures=("training-images",))
        for name, rate in (("low", 0.01), ("high", 0.05))
    }
    run(Experiment("small", "?", arms, seeds=(0, 1)), folder=tmp_path, precision="float32")
    for path in (tmp_path / "small").glob("*.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"commit": "a" * 40}))

    def change(arm, seed, **changes):
        path = record_path("small", arm, seed, "json", tmp_path)
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
        return tmp_path

    return change


@pytest.mark.parametrize(
    ("changes", "made"),
    [
        ({"precision": "bfloat16"}, "bfloat16 on cpu by PyTorch"),
        ({"device": "cuda"}, "float32 on cuda by PyTorch"),
        ({"versions": {"torch": "1.13.1"}}, "float32 on cpu by PyTorch 1.13.1$"),
        ({"commit": "a" * 40 + ", with changes"}, "code a{40}, with changes$"),
        ({"commit": "unknown (not run from a git checkout)"}, "code unknown"),
    ],
)
def test_comparing_runs_that_were_not_made_alike_is_warned_of(mixed, changes, made):
    folder = mixed("high", 1, **changes)
    for runs, column in (
        (recorded("small", folder), "test_accuracy"),
        (recorded("small", folder).query("epoch == 2").set_index(["arm", "seed"]), "test_loss"),
        (final_results("small", folder=folder), "gap"),
        (measured("small", "training-images", folder), "loss"),
    ):
        with pytest.warns(UserWarning, match=f"not made alike.* high, seed 1: .*{made}") as caught:
            gains(runs, "low", ["high"], column)
        assert len(caught) == 1
        with pytest.warns(UserWarning, match=r"'x' compares .* low, seed 0 and 2 more: "):
            gains_of_pairs(runs, {"x": ("low", "high")}, column)
    with pytest.warns(UserWarning, match=r"variance compares .* seed 0 and 2 more: "):
        two_way(recorded("small", folder), "test_loss")
    with pytest.warns(UserWarning, match=f"mean of small, high compares .* high, seed 1: .*{made}"):
        recorded_table(["small"], folder)


def test_the_command_recorded_warns_of_runs_that_were_not_made_alike(mixed, capsys):
    folder = mixed("low", 0, commit="a" * 40 + ", with changes")
    assert main(["recorded", "small", "--records", str(folder)]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: the mean of small, low compares runs that were not made alike")


@pytest.mark.parametrize(
    ("commit", "said"), [("a" * 40, False), ("a" * 40 + ", with changes", True), ("unknown", True)]
)
def test_a_run_of_uncommitted_code_says_so_before_it_begins(
    data, record, monkeypatch, capsys, commit, said
):
    monkeypatch.setattr(provenance, "_commit", lambda: commit)
    record()
    before, *_ = capsys.readouterr().out.partition("[1/")
    assert (f"note: these runs' code is {commit}; " in before) == said


def test_nothing_is_said_where_runs_were_made_alike_or_are_not_compared(mixed):
    folder = mixed("high", 1, commit="b" * 40)  # a later commit, whose settings are the same
    with warnings.catch_warnings(action="error"):
        table = recorded("small", folder)
        gains(table, "low", ["high"])
        final_results("small", folder=folder)
        recorded_table(["small"], folder)
        folder = mixed("high", 1, precision="bfloat16")
        one = recorded("small", folder).query("arm == 'low'")
        gains(one, "low", ["low"])
