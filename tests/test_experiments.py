"""Recording runs, reading them back, and the records that come with the course."""

import io
import json
import math
from collections import defaultdict
from dataclasses import replace
from itertools import chain, count, pairwise
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

import alexnet_course.data
from alexnet_course import experiments, training
from alexnet_course.__main__ import main
from alexnet_course.arithmetic import layer_table, training_operations
from alexnet_course.config import digest
from alexnet_course.data import DataError
from alexnet_course.data.folders import cache_folder
from alexnet_course.experiments import (
    EXPERIMENTS,
    RECORDED,
    Arm,
    Experiment,
    experiment,
    gains,
    interval_text,
    manifests,
    mean_interval,
    measured,
    record_path,
    recorded,
    recorded_table,
    rehearse,
    reported,
    run,
)
from alexnet_course.network import build
from alexnet_course.recipes import SHORTEST, Recipe
from alexnet_course.tutorials import tutorial


def recipe(rate):
    return Recipe("two epochs", epochs=2, batch_size=8, learning_rate=rate)


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


# Recording and reading back


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
    assert experiments._duration(seconds) == text


def test_a_rehearsal_runs_in_small_on_any_images_and_records_nothing(
    monkeypatch, tiny_data, small, tmp_path
):
    monkeypatch.setattr(alexnet_course.data, "cifar10", lambda **options: tiny_data)
    monkeypatch.setattr(experiments, "RECORDED", tmp_path)
    long = replace(small.arms["rate-0.05"], recipe=replace(recipe(0.05), epochs=9))
    chosen = replace(small, arms=small.arms | {"rate-0.05": long}, seeds=(3, 4))
    table = rehearse(chosen, precision="float32")
    assert list(table["arm"]) == ["rate-0.05", "rate-0.01"]
    assert set(table["seed"]) == {3} and set(table["epochs"]) == {2}
    assert table["test_accuracy"].notna().tolist() == [True, False]
    assert table["validation_accuracy"].notna().tolist() == [False, True]
    assert not list(tmp_path.rglob("*.*")) and not list(cache_folder().rglob("*.pt"))
    whole = rehearse(replace(chosen, arms={"long": long}), precision="float32", scale="full")
    assert set(whole["epochs"]) == {9} and not list(tmp_path.rglob("*.*"))
    with pytest.raises(KeyError, match=r"small has no arm 'x'; it has rate-0.05, rate-0.01"):
        rehearse(chosen, arms=["x"])


def test_the_command_rehearses_at_quick_scale(data, monkeypatch, small, capsys):
    monkeypatch.setitem(EXPERIMENTS, "small", small)
    assert main(["experiment", "small", "--scale", "quick", "--arms", "rate-0.01"]) == 0
    header, row = capsys.readouterr().out.splitlines()[-2:]
    assert header.split()[:3] == ["arm", "seed", "epochs"] and row.split()[:2] == ["rate-0.01", "0"]
    assert main(["experiment", "small", "--scale", "quick", "--until", "1"]) == 2
    assert "leave it out with --scale quick" in capsys.readouterr().err


def test_an_arm_may_train_on_fewer_images(data, record, small, tmp_path):
    arms = {"few": replace(small.arms["rate-0.01"], per_class=3)}
    run(replace(small, arms=arms), seeds=[0], folder=tmp_path, precision="float32")
    (manifest,) = manifests("small", tmp_path)
    assert manifest["train_images"] == 3 * len(data.classes)
    assert manifest["data_digest"] == data.for_choosing().sample(3).digest
    assert "3 + all a class" in manifest["data"]


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


def test_an_unknown_measure_is_refused_before_anything_runs(data, small, tmp_path, evaluations):
    arms = {"measured": replace(small.arms["rate-0.01"], measures=("weight",))}
    with pytest.raises(KeyError, match="no measure 'weight'; choose one of dead-units"):
        run(replace(small, arms=arms), folder=tmp_path)
    assert evaluations[1] == []


def test_the_ladder_climbs_from_the_published_recipe_to_the_shortest():
    def settings(recipe):
        return {k: v for k, v in vars(recipe).items() if k not in ("name", "source")}

    rungs = [settings(arm.recipe) for arm in EXPERIMENTS["two-conv-ladder"].arms.values()]
    bottom = settings(tutorial("two-conv").recipe) | {"epochs": 3}
    top = settings(SHORTEST["two-conv"])
    changed = [[k for k in top if a[k] != b[k]] for a, b in pairwise([bottom, *rungs, top])]
    assert changed[0] == ["schedule", "warmup"] and changed[-1] == ["scaling"]
    assert all(changed)
    # What differs between the ends changes once on the way, and nothing else does.
    assert sorted(chain.from_iterable(changed)) == sorted(k for k in top if bottom[k] != top[k])


def _differences(one, other):
    """The settings of the recipe, and the kinds of layers, in which two arms differ."""
    settings = {k for k in vars(one.recipe) if getattr(one.recipe, k) != getattr(other.recipe, k)}
    layers = set(one.architecture.layers) ^ set(other.architecture.layers)
    return settings | {layer.kind for layer in layers}


STUDY = {
    "without-lrn": {"lrn"},
    "pooling-2": {"pool"},
    "without-dropout": {"dropout"},
    "without-crops-and-flips": {"flip", "random_crop"},
    "bare-dropout": {"dropout"},
    "bare-crops-and-flips": {"flip", "random_crop"},
    "bare-lrn": {"lrn"},
    "bare-pooling-3": {"pool"},
    "bare-dropout-twice-as-long": {"dropout", "epochs"},
    "tanh": {"relu", "activation", "first_weights"},
    "without-conv3": {"conv", "relu"},
    "conv4-5x5": {"conv", "relu"},
    "without-colour": {"colour"},
    "without-weight-decay": {"weight_decay"},
    "biases-0": {"first_weights"},
}


def test_the_study_changes_one_ingredient_at_a_time():
    arms = EXPERIMENTS["study"].arms
    assert arms.keys() == {"everything", "bare", *STUDY}
    for name, expected in STUDY.items():
        base = arms["bare" if name.startswith("bare") else "everything"]
        assert _differences(base, arms[name]) == expected, name
    # Bare lacks all that can be taken away but ReLU, and conv3, without which it is another net.
    taken = {"lrn", "pool", "dropout", "flip", "random_crop", "colour", "weight_decay"}
    assert _differences(arms["everything"], arms["bare"]) == taken | {"first_weights"}
    for name in ("bare", "biases-0", "tanh"):
        assert arms[name].recipe.first_weights.biases == {}
    # Twice as long means twice the epochs that bare has.
    assert arms["bare-dropout-twice-as-long"].recipe.epochs == 2 * arms["bare"].recipe.epochs


def test_pooling_is_compared_at_equal_sizes_and_nothing_is_left_out():
    arms = EXPERIMENTS["study"].arms
    for name in ("everything", "pooling-2", "bare", "bare-pooling-3"):
        table = layer_table(arms[name].architecture).set_index("name")
        pooled = [table["output_shape"][pool] for pool in ("pool1", "pool2", "pool4")]
        assert pooled == [(24, 14, 14), (48, 7, 7), (96, 3, 3)]
        windows = [
            arms[name].architecture.layer(pool).kernel for pool in ("pool1", "pool2", "pool4")
        ]
        small = name in ("pooling-2", "bare")
        assert windows == ([2, 2, 3] if small else [3, 3, 3])
        # The last window ends at the last pixel or beyond it: 28, 14 and 7 pixels, stride 2.
        assert all((n - 1) * 2 + z >= 2 * n for n, z in zip((14, 7), windows, strict=False))
        assert (3 - 1) * 2 + windows[2] == 7


def test_a_wider_window_sees_what_two_conv_layers_saw_with_about_as_many_weights():
    arms = EXPERIMENTS["study"].arms
    weights = {
        name: layer_table(arms[name].architecture).query("kind == 'conv'")["weights"].iloc[2:].sum()
        for name in ("everything", "conv4-5x5", "without-conv3")
    }
    # 96·48·9 + 96·96·9, one layer of 96·48·25, and one of 96·48·9.
    assert weights == {"everything": 124_416, "conv4-5x5": 115_200, "without-conv3": 41_472}


def test_the_variants_change_one_thing_of_everything():
    base = EXPERIMENTS["study"].arms["everything"]
    variants = EXPERIMENTS["lrn-variants"].arms | EXPERIMENTS["augmentation-variants"].arms
    changed = {name: _differences(base, arm) for name, arm in variants.items()}
    assert changed == {
        "alpha-as-printed": {"lrn"},
        "before-relu": set(),  # the same layers, in another order
        "batch-norm": {"lrn", "batchnorm"},
        "crops-only": {"flip"},
        "shared-32": {"shared_draws"},
    }
    for name in ("before-relu", "batch-norm"):
        order = [layer.kind for layer in variants[name].architecture.layers]
        norm = "lrn" if name == "before-relu" else "batchnorm"
        assert order[:8] == ["conv", norm, "relu", "pool"] * 2


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
    assert manifest["config"]["recipe"]["learning_rate"] == 0.05
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
    with pytest.raises(FileNotFoundError, match=r"recorded under 'gone'.*experiment gone"):
        recorded("gone", tmp_path)
    with pytest.raises(KeyError, match=r"nothing is reported for 'two-conv', 'beauty'.*two-conv: "):
        reported("two-conv", "beauty")
    assert experiment("two-conv").name == "two-conv"


# Figures


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


def test_the_command_recorded_prints_the_shipped_runs(capsys):
    assert main(["recorded", "two-conv", "--format", "csv"]) == 0
    table = pd.read_csv(io.StringIO(capsys.readouterr().out)).set_index("arm")
    assert table.loc["published", "accuracy"] == 72.18 and table.loc["published", "epochs"] == 20
    assert main(["recorded"]) == 0
    text = capsys.readouterr().out
    assert "trained-well" in text and "two-conv-rate" in text
    assert main(["recorded", "nothing"]) == 2
    assert "nothing is recorded under 'nothing'" in capsys.readouterr().err


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


@pytest.mark.parametrize(
    ("values", "digits", "text"),
    [
        ([1, 2, 3], 2, "2.00 ± 2.48"),  # 4.303 · 1/√3, from a table of t
        ([1001, 1002, 1003], 0, "1,002 ± 2"),
        ([7.125], 1, "7.1"),
    ],
)
def test_an_interval_is_printed_with_as_many_digits_as_asked_for(values, digits, text):
    assert interval_text(values, digits) == text


def test_gains_are_paired_by_seed():
    """Differences of 0.5, 0.6 and 0.4 between runs that lie a point apart; t is 4.302653."""
    rows = [
        *(("with", seed, 80.0 + seed) for seed in (0, 1, 2, 3)),  # seed 3 has no partner
        *(("without", seed, end) for seed, end in enumerate((79.5, 80.4, 81.6))),
        ("once", 1, 70.0),
    ]
    ends = pd.DataFrame(rows, columns=["arm", "seed", "test_accuracy"]).assign(epoch=2)
    starts = ends.assign(epoch=1, test_accuracy=10.0)
    table = gains(pd.concat([starts, ends]), over="without", arms=["with", "once"])
    assert list(table.index) == ["with", "once"] and list(table["seeds"]) == [3, 1]
    assert list(table["mean"]) == pytest.approx([0.5, 70 - 80.4])
    assert table["half_width"]["with"] == pytest.approx(4.302653 * 0.1 / math.sqrt(3))
    assert math.isnan(table["half_width"]["once"])
    with pytest.raises(KeyError, match="'other'; choose one of once, with, without"):
        gains(ends, over="other", arms=["with"])


def test_mean_interval_is_the_t_interval():
    mean, width = mean_interval([1, 2, 3])
    assert mean == pytest.approx(2)
    assert width == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)  # t of 2 degrees, 97.5 %
    assert mean_interval([1, 2, 3], level=0.9)[1] == pytest.approx(2.919986 / math.sqrt(3))
    assert mean_interval(iter([5, 5, 5, 5])) == (5, 0)


def test_one_value_has_no_interval():
    mean, width = mean_interval([7.5])
    assert mean == 7.5 and math.isnan(width)


def test_reported_gives_the_tutorials_test_accuracies():
    table = reported("two-conv", "test_accuracy_percent")
    assert list(table.columns) == ["unit", "at", "value"]
    assert table["at"].tolist() == list(range(1, 21)) and set(table["unit"]) == {"epoch"}
    best = table.loc[table["value"].idxmax()]
    assert (best["at"], best["value"]) == (19, 73.2595)
    assert table["value"].iloc[-1] == 65.3283


# The records that come with the course

SPEEDS = sorted(path for kind in ("benchmark", "race") for path in RECORDED.glob(f"{kind}/*.json"))
SHIPPED = sorted(set(RECORDED.glob("*/*.json")) - set(SPEEDS))
NEEDED = [
    *(("two-conv", arm, seed) for arm in ("published", "trained-well") for seed in (0, 1, 2)),
    *(("two-conv-race", "ours", seed) for seed in range(5)),
    *(("two-conv-rate", arm, 0) for arm in EXPERIMENTS["two-conv-rate"].arms),
    *(("two-conv-short", arm, 0) for arm in EXPERIMENTS["two-conv-short"].arms),
    *(("two-conv-weight-decay", "without", seed) for seed in (0, 1, 2)),
    *(
        ("two-conv-schedule", arm, seed)
        for arm in EXPERIMENTS["two-conv-schedule"].arms
        for seed in (0, 1, 2)
    ),
    *(("image-folder", arm, seed) for arm in ("published", "mended") for seed in (0, 1, 2)),
    ("image-folder", "trained-well", 0),
    *(("image-folder-short", arm, 0) for arm in EXPERIMENTS["image-folder-short"].arms),
    ("adam-augmented", "published", 0),
    ("five-conv-32", "trained-well", 0),
    *(
        ("two-conv-ladder", arm, seed)
        for arm in EXPERIMENTS["two-conv-ladder"].arms
        for seed in (0, 1, 2)
    ),
]


@pytest.mark.parametrize(("name", "arm", "seed"), NEEDED)
def test_a_run_that_the_book_speaks_of_is_recorded(name, arm, seed):
    for kind in ("csv", "json"):
        assert record_path(name, arm, seed, kind).is_file()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_shipped_record_belongs_to_the_code(path):
    manifest = json.loads(path.read_text())
    chosen = experiment(manifest["experiment"])
    arm = chosen.arms[manifest["arm"]]
    assert manifest["config_digest"] == digest(arm), "the settings changed since; run it again"
    assert path == record_path(chosen.name, manifest["arm"], manifest["seed"], "json")
    assert manifest["data"].startswith(arm.data) and manifest["measured_on"] == arm.measured_on
    history = pd.read_csv(path.with_name(f"{path.stem}.csv"))
    epochs = manifest.get("epochs", arm.recipe.epochs)  # a run may be recorded part-way
    assert 1 <= epochs <= arm.recipe.epochs
    assert history["epoch"].tolist() == list(range(1, epochs + 1))
    assert 8 < history[f"{arm.measured_on}_accuracy"].iloc[-1] < 95  # 10 % is chance
    assert not history.isna().any(axis=None)


def test_every_shipped_history_has_a_manifest():
    tables = {path.name for path in RECORDED.glob("*/*.csv")}
    histories = {name.removesuffix(".csv") for name in tables if ".batches." not in name}
    assert histories == {path.name[:-5] for path in SHIPPED}


@pytest.mark.parametrize("path", SPEEDS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_shipped_speed_belongs_to_the_code(path):
    record = json.loads(path.read_text())
    chosen = tutorial(record["tutorial"])
    assert path.stem == f"{record['tutorial']}-{record['device']}"
    assert record["commit"] and "with changes" not in record["commit"]
    if path.parent.name == "benchmark":
        assert record["operations_per_image"] == training_operations(chosen.architecture)
        return
    runs = recorded(f"{record['tutorial']}-race")
    last = runs.groupby("seed").last()
    assert record["our_seeds"] == last.index.tolist()
    assert record["our_accuracies"] == last["test_accuracy"].tolist()
    seconds = runs.groupby("seed")["seconds"].sum()
    assert record["our_seconds"] == pytest.approx(seconds.tolist())
    assert (record["best_published_accuracy"], record["published_epochs"]) == (
        chosen.best,
        chosen.epoch,
    )


def test_the_runs_of_an_experiment_share_their_data():
    digests = defaultdict(set)
    for path in SHIPPED:
        manifest = json.loads(path.read_text())
        digests[manifest["experiment"], manifest["measured_on"]].add(manifest["data_digest"])
    assert {name: found for name, found in digests.items() if len(found) > 1} == {}
