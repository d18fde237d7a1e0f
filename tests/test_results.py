"""Means and intervals, and the records that come with the course."""

import io
import json
import math
import warnings
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from alexnet_course.__main__ import main
from alexnet_course.arithmetic import training_operations
from alexnet_course.config import digest
from alexnet_course.experiments import EXPERIMENTS, experiment
from alexnet_course.provenance import RECORDED
from alexnet_course.results import (
    RecordError,
    final_results,
    gains,
    gains_of_pairs,
    interval_text,
    manifests,
    mean_interval,
    measured,
    pooled_interval,
    prediction_interval,
    prediction_text,
    record_path,
    recorded,
    recorded_epochs,
    recorded_seeds,
    recorded_table,
    reported,
    seeds_for,
    two_way,
)
from alexnet_course.tutorials import tutorial


def test_a_run_without_epochs_leaves_the_others_numbers_what_they_are():
    """One diverged at once. No warning either, which would stand in a chapter."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = recorded("activation-rate")
    assert "relu-0.1" in {run["arm"] for run in manifests("activation-rate") if "diverged" in run}
    assert "relu-0.1" not in set(table["arm"])
    assert all(pd.api.types.is_numeric_dtype(table[column]) for column in table if column != "arm")
    assert pd.api.types.is_integer_dtype(table["epoch"])


def test_the_command_recorded_prints_the_shipped_runs(capsys):
    assert main(["recorded", "two-conv", "--format", "csv"]) == 0
    table = pd.read_csv(io.StringIO(capsys.readouterr().out)).set_index("arm")
    assert table.loc["published", "accuracy"] == 72.18 and table.loc["published", "epochs"] == 20
    assert main(["recorded"]) == 0
    text = capsys.readouterr().out
    assert "trained-well" in text and "two-conv-rate" in text
    assert main(["recorded", "nothing"]) == 2
    assert "nothing is recorded under 'nothing'" in capsys.readouterr().err


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
    pairs = {"the other way round": ("without", "with"), "at once": ("once", "without")}
    turned = gains_of_pairs(ends, pairs)
    assert list(turned.index) == list(pairs)
    assert list(turned["mean"]) == pytest.approx([-0.5, 70 - 80.4])


def test_final_results_are_those_of_the_last_epoch_and_of_the_measure(tmp_path):
    """Two runs of an experiment and one of another; a fourth, without the measure, is left out."""
    seen = {"training-images": {"loss": 0.25, "accuracy": 90.0}}
    runs = [
        ("first", "a", 0, 80.5, seen),
        ("first", "a", 1, 81.0, seen),
        ("second", "b", 0, 70.0, seen),
        ("second", "bare", 0, 60.0, {"ten-crops": {"ten": 61.0}}),
    ]
    for name, arm, seed, accuracy, measures in runs:
        manifest = record_path(name, arm, seed, "json", tmp_path)
        manifest.parent.mkdir(exist_ok=True)
        manifest.write_text(json.dumps({"arm": arm, "seed": seed, "measures": measures}))
        history = pd.DataFrame(
            {"epoch": [1, 2], "test_loss": [2.0, 0.5], "test_accuracy": [10.0, accuracy]}
        )
        history.to_csv(record_path(name, arm, seed, "csv", tmp_path), index=False)
    table = final_results("first", "second", folder=tmp_path)
    assert list(table.index) == [("a", 0), ("a", 1), ("b", 0)]
    assert list(table["gap"]) == [9.5, 9.0, 20.0]
    assert list(table.loc[("a", 1)]) == [0.25, 0.5, 90.0, 81.0, 9.0]
    assert gains(table, over="a", arms=["b"], column="gap").loc["b", "mean"] == 10.5


def test_recorded_seeds_are_those_of_runs_that_have_ended(tmp_path):
    assert recorded_seeds("study")["everything"] == [0, 1, 2]
    assert recorded_seeds("study", tmp_path) == {}
    (tmp_path / "study").mkdir()
    for seed, epochs in enumerate((12, 11)):
        manifest = json.loads(record_path("study", "bare", seed, "json").read_text())
        path = record_path("study", "bare", seed, "json", tmp_path)
        path.write_text(json.dumps(manifest | {"epochs": epochs}))
    assert recorded_seeds("study", tmp_path) == {"bare": [0]}


def test_seeds_for_a_half_width():
    """Of deviation 1, three values give ± 4.303/√3; by a table of t, 17 ± 0.514 and 18 ± 0.497."""
    assert seeds_for(0.5, 1) == 18
    assert seeds_for(4.302654 / math.sqrt(3), 1) == 3
    assert seeds_for(100, 1) == 2 == seeds_for(1, 0)
    assert seeds_for(0.001, 1) == pytest.approx(1.96**2 * 1e6, rel=1e-3)
    for aim, spread in ((0, 1), (-1, 1), (math.nan, 1), (1, math.nan), (1, -1), ("1", 1)):
        with pytest.raises(ValueError, match=r"(aim|spread) is .*; it must be a number"):
            seeds_for(aim, spread)


def as_runs(table):
    rows = [(arm, seed, x) for arm, xs in table.items() for seed, x in enumerate(xs)]
    return pd.DataFrame(rows, columns=["arm", "seed", "test_accuracy"])


def test_an_analysis_of_variance_by_hand():
    """Means by arm 2, 4, 6 and by seed 3, 4, 5 leave 1, −1, 0 / −1, 1, 0 / 0, 0, 0: a sum of
    squares of 4 on 4 degrees of freedom. Seeds: 3 · (1 + 0 + 1) / 2 = 3, so F(2, 4) = 3; the
    probability beyond it is (1 + 2 · 3 / 4)⁻² = 0.16.
    """
    runs = as_runs({"a": (2, 1, 3), "b": (2, 5, 5), "c": (5, 6, 7)})
    fit = two_way(runs)
    assert (fit.spread, fit.degrees) == (pytest.approx(1), 4)
    assert fit.seed_p == pytest.approx(0.16)
    mean, half_width = pooled_interval(runs, {"c": 1, "a": -1})
    assert mean == pytest.approx(4)
    assert half_width == pytest.approx(2.776445 * math.sqrt(2 / 3))  # t of 4 degrees, 97.5 %
    assert pooled_interval(runs, {"a": 1, "b": -2, "c": 1}, level=0.9) == (
        pytest.approx(0),
        pytest.approx(2.131847 * math.sqrt(6 / 3)),
    )
    table = gains_of_pairs(runs, {"c over a": ("c", "a")}, pooled=True)
    assert table.loc["c over a", "pooled"] == pytest.approx(half_width)


@given(st.integers(2, 6), st.integers(2, 5), st.integers(0, 10**6))
def test_an_analysis_of_variance_is_a_least_squares_fit(arms, seeds, draw):
    rng = np.random.default_rng(draw)
    values = rng.normal(80, 3, (arms, 1)) + rng.normal(0, 1, (1, seeds))
    values = values + rng.normal(0, 0.3, (arms, seeds))
    runs = as_runs({f"arm{i}": row for i, row in enumerate(values)})
    by_arm = np.kron(np.eye(arms), np.ones((seeds, 1)))
    by_seed = np.kron(np.ones((arms, 1)), np.eye(seeds))
    y = values.ravel()

    def left(design):
        return ((y - design @ np.linalg.lstsq(design, y, rcond=None)[0]) ** 2).sum()

    full, fit = left(np.hstack([by_arm, by_seed])), two_way(runs)
    assert fit.degrees == (arms - 1) * (seeds - 1)
    assert fit.spread**2 * fit.degrees == pytest.approx(full)
    f = (left(by_arm) - full) / (seeds - 1) / (full / fit.degrees)
    assert fit.seed_p == pytest.approx(stats.f.sf(f, seeds - 1, fit.degrees))
    if arms == 2:  # then it is the paired t-interval
        pair = mean_interval(values[0] - values[1])
        assert pooled_interval(runs, {"arm0": 1, "arm1": -1}) == pytest.approx(pair)


def test_variances_that_differ_show():
    rng = np.random.default_rng(0)
    alike = {f"a{i}": rng.normal(0, 1, 10) for i in range(6)}
    unlike = alike | {"wide": rng.normal(0, 30, 10)}
    assert two_way(as_runs(alike)).variances_p > 0.05
    assert two_way(as_runs(unlike)).variances_p < 1e-6


def test_an_arm_without_any_spread_is_unlike_the_rest():
    with warnings.catch_warnings(action="error"):
        fit = two_way(as_runs({"a": (2, 1, 3), "b": (2, 5, 5), "same": (6, 6, 6)}))
    assert fit.variances_p < 1e-6 and math.isfinite(fit.spread)


@pytest.mark.parametrize(
    "runs",
    [
        {"a": (72.1, 72.1, 72.1), "b": (72.1, 72.1, 72.1)},
        {"a": (72.1, 72.0, 72.5), "b": (72.3, 72.2, 72.7)},
        {"a": (0, 0), "b": (0, 0)},
    ],
    ids=["all equal", "each arm as far apart", "zeros"],
)
def test_runs_without_any_chance_are_no_measure_of_it(runs):
    with pytest.raises(ValueError, match="nothing is left to judge chance by"):
        two_way(as_runs(runs))


def test_an_arm_that_was_run_later_takes_over_the_spread_of_the_study():
    study = as_runs({"a": (2, 1, 3), "b": (2, 5, 5), "c": (5, 6, 7)})  # spread 1, by hand above
    both = pd.concat([study, as_runs({"later": (20, 10, 30)})])
    mean, half_width = pooled_interval(both, {"later": 1, "a": -1}, chance=two_way(study))
    assert mean == pytest.approx(18)
    assert half_width == pytest.approx(2.776445 * math.sqrt(2 / 3))
    assert pooled_interval(both, {"later": 1, "a": -1}).half_width > 2 * half_width


def test_an_arm_that_lacks_a_seed_is_left_out():
    whole = as_runs({"a": (2, 1, 3), "b": (2, 5, 5), "c": (5, 6, 7)})
    more = pd.concat([whole, as_runs({"once": (9,)})])
    assert two_way(more) == two_way(whole)
    with pytest.raises(KeyError, match="no arm with all seeds 'once'"):
        pooled_interval(more, {"once": 1, "a": -1})
    with pytest.raises(ValueError, match="must sum to 0"):
        pooled_interval(whole, {"a": 1})
    with pytest.raises(ValueError, match="1 arms with 3 seeds"):
        two_way(whole[whole["arm"] == "a"])


def test_mean_interval_is_the_t_interval():
    mean, width = mean_interval([1, 2, 3])
    assert mean == pytest.approx(2)
    assert width == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)  # t of 2 degrees, 97.5 %
    assert mean_interval([1, 2, 3], level=0.9)[1] == pytest.approx(2.919986 / math.sqrt(3))
    assert mean_interval(iter([5, 5, 5, 5])) == (5, 0)


def test_the_next_value_is_less_certain_than_the_mean():
    """One more of values of deviation 1 about their mean: 4.303 · √(1 + 1/3)."""
    mean, width = prediction_interval([1, 2, 3])
    assert mean == pytest.approx(2)
    assert width == pytest.approx(4.302653 * math.sqrt(4 / 3), rel=1e-6)
    assert prediction_text([1, 2, 3]) == "2.00 ± 4.97"
    assert prediction_text([7.125], digits=1) == "7.1"


def test_a_published_run_is_held_against_a_prediction():
    """The tutorial two-conv's 65.33 and 73.26 %, against three runs of its recipe."""
    runs = recorded("two-conv").query("arm == 'published'").groupby("seed")["test_accuracy"]
    assert prediction_text(runs.last()) == "72.18 ± 4.35"
    assert prediction_text(runs.max()) == "73.02 ± 5.66"


def test_one_value_has_no_interval():
    mean, width = mean_interval([7.5])
    assert mean == 7.5 and math.isnan(width)


def test_a_run_without_a_value_is_not_left_out_of_the_mean():
    assert all(math.isnan(number) for number in mean_interval([4.0, 5.0, math.nan]))


def test_reported_gives_the_tutorials_test_accuracies():
    table = reported("two-conv", "test_accuracy_percent")
    assert list(table.columns) == ["unit", "at", "value"]
    assert table["at"].tolist() == list(range(1, 21)) and set(table["unit"]) == {"epoch"}
    best = table.loc[table["value"].idxmax()]
    assert (best["at"], best["value"]) == (19, 73.2595)
    assert table["value"].iloc[-1] == 65.3283


# Records that are damaged, and names that there are not


@pytest.fixture
def record(tmp_path):
    """The folder of records with one run, and the paths of its manifest and history."""
    source = (
        record_path("two-conv", "published", 0, "json"),
        record_path("two-conv", "published", 0, "csv"),
    )
    (tmp_path / "two-conv").mkdir()
    copies = [tmp_path / "two-conv" / path.name for path in source]
    for path, copy in zip(source, copies, strict=True):
        copy.write_bytes(path.read_bytes())
    return tmp_path, *copies


def other(**entries):
    """A damage to a manifest: these entries in place of its own; ``None`` leaves one out."""

    def change(text):
        stored = json.loads(text) | entries
        return json.dumps({key: value for key, value in stored.items() if value is not None})

    return change


DAMAGES = {
    "empty": ("json", lambda text: ""),
    "half": ("json", lambda text: text[: len(text) // 2]),
    "a list": ("json", lambda text: "[]"),
    "a number": ("json", lambda text: "7"),
    "nested": ("json", lambda text: "[" * 10**5),
    "latin": ("json", lambda text: text.encode().replace(b'"two-conv"', b'"\xff"')),
    "no arm": ("json", other(arm=None)),
    "another arm": ("json", other(arm="trained-well")),
    "arm of a number": ("json", other(arm=7)),
    "seed of a text": ("json", other(seed="0")),
    "another seed": ("json", other(seed=1)),
    "negative seed": ("json", other(seed=-1)),
    "more epochs": ("json", other(epochs=21)),
    "epochs of a text": ("json", other(epochs="20")),
    "no data": ("json", other(data=None)),
    "hardware of numbers": ("json", other(hardware=[1, 2])),
    "no precision": ("json", other(precision=None)),
    "seconds of a text": ("json", other(seconds="long")),
    "negative seconds": ("json", other(seconds=-1)),
    "measured on nothing": ("json", other(measured_on="train")),
    "no config": ("json", other(config=None)),
    "config without a recipe": ("json", other(config={})),
    "config of a text": ("json", other(config="two-conv")),
    "epochs of no recipe": ("json", other(config={"recipe": {"epochs": 0}})),
    "empty history": ("csv", lambda text: ""),
    "head alone": ("csv", lambda text: text.splitlines()[0]),
    "a row lost": ("csv", lambda text: "".join(text.splitlines(keepends=True)[:-1])),
    "a row cut": ("csv", lambda text: text[:-30]),
    "a row twice": ("csv", lambda text: text + text.splitlines(keepends=True)[-1]),
    "a column lost": ("csv", lambda text: text.replace("test_accuracy", "accuracy")),
    "no epochs": ("csv", lambda text: text.replace("epoch", "period")),
    "a word": ("csv", lambda text: text.replace(",", ",high", 9)),
    "a value lost": ("csv", lambda text: text.replace("0.1,", ",", 1)),
    "ragged": ("csv", lambda text: text + ",,,,,,,,,,,,\n"),
    "bytes": ("csv", lambda text: b"\xff\xfe\x00" + text.encode()),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_record_is_named_in_one_sentence(record, capsys, damage):
    folder, manifest, history = record
    assert len(recorded_table(["two-conv"], folder)) == 1
    kind, change = DAMAGES[damage]
    path = manifest if kind == "json" else history
    content = change(path.read_text(encoding="utf-8"))
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(RecordError) as error:
        recorded_table(["two-conv"], folder)
    said = str(error.value)
    # Too many epochs in the manifest are too few in the history, and it is that which is named.
    assert said.startswith(f"{manifest} is damaged") or said.startswith(f"{history} is damaged")
    assert kind == "json" or str(history) in said
    assert "\n" not in said and "move it away" in said
    assert main(["recorded", "two-conv", "--records", str(folder)]) == 2
    assert capsys.readouterr().err == f"error: {said}\n"


def test_a_manifest_cut_anywhere_is_never_a_raw_error(record):
    folder, manifest, _ = record
    whole = manifest.read_bytes().rstrip()
    for length in range(0, len(whole), 7):
        manifest.write_bytes(whole[:length])
        for read in (lambda: manifests("two-conv", folder), lambda: recorded_epochs(manifest)):
            with pytest.raises(RecordError, match="is damaged, or no record"):
                read()


def test_a_history_that_is_missing_is_named(record, capsys):
    folder, _, history = record
    history.unlink()
    assert main(["recorded", "--records", str(folder)]) == 2
    assert capsys.readouterr().err == f"error: {history}: No such file or directory\n"


def test_what_was_never_measured_has_no_rows_and_what_cannot_be_measured_is_refused(record):
    folder, *_ = record
    nothing = measured("two-conv", "dead-units", folder)
    assert nothing.empty and list(nothing.columns) == ["arm", "seed"]
    with pytest.raises(KeyError, match="no measure 'dead-unit'; choose one of dead-units, "):
        measured("two-conv", "dead-unit", folder)
    with pytest.raises(KeyError, match=r"no run of 'two-conv' in .* was measured on its training"):
        final_results("two-conv", folder=folder)


def test_an_experiment_that_there_is_not_is_no_advice_to_run_it():
    for read in (final_results, recorded, manifests):
        with pytest.raises(
            FileNotFoundError, match=r"recorded under 'studdy'.*: .*, study, "
        ) as error:
            read("studdy")
        assert "run 'python" not in str(error.value)


def test_a_column_or_arm_that_there_is_not_lists_those_that_there_are():
    runs = as_runs({"a": (1, 2), "b": (3, 5)}).assign(test_loss=0.5)
    for compare in (
        lambda: gains(runs, over="a", arms=["b"], column="accuracy"),
        lambda: gains_of_pairs(runs, {"x": ("b", "a")}, "accuracy"),
        lambda: two_way(runs, "accuracy"),
        lambda: pooled_interval(runs, {"b": 1, "a": -1}, "accuracy"),
    ):
        with pytest.raises(
            KeyError, match="no column 'accuracy'; choose one of test_accuracy, test"
        ):
            compare()
    ends = runs.set_index(["arm", "seed"])  # as final_results gives them
    with pytest.raises(KeyError, match="no column 'gap'; choose one of test_accuracy, test_loss"):
        gains(ends, over="a", arms=["b"], column="gap")


def test_a_single_name_is_a_list_of_one(record):
    folder, *_ = record
    assert recorded_table("two-conv", folder).equals(recorded_table(["two-conv"], folder))
    runs = as_runs({"a": (1, 2), "bc": (3, 5)})
    for wrong in (["two-conv"], None, 3):
        with pytest.raises(ValueError, match=r"experiment is .*; it must be a text"):
            recorded(wrong, folder)
    assert gains(runs, over="a", arms="bc").equals(gains(runs, over="a", arms=["bc"]))


# The records that come with the course

SPEEDS = sorted(path for kind in ("benchmark", "race") for path in RECORDED.glob(f"{kind}/*.json"))
LOOKED_AT = RECORDED.glob("features-*/*.json")  # measured of kept weights: no runs
PLANTED = [*RECORDED.glob("faults/*.json"), *RECORDED.glob("slips/*.json")]
SHIPPED = sorted(set(RECORDED.glob("*/*.json")) - set(SPEEDS) - set(LOOKED_AT) - set(PLANTED))
NEEDED = [
    *(("two-conv", arm, seed) for arm in ("published", "trained-well") for seed in (0, 1, 2)),
    ("two-conv", "trained-longer", 0),
    *(("two-conv", "furthest", seed) for seed in (0, 1, 2)),
    *(("two-conv-long", arm, 0) for arm in EXPERIMENTS["two-conv-long"].arms),
    *(("two-conv-race", "ours", seed) for seed in range(5)),
    *(("two-conv-rate", arm, 0) for arm in EXPERIMENTS["two-conv-rate"].arms),
    *(("two-conv-short", arm, 0) for arm in EXPERIMENTS["two-conv-short"].arms),
    *(("two-conv-weight-decay", "without", seed) for seed in (0, 1, 2)),
    *(
        ("two-conv-schedule", arm, seed)
        for arm in EXPERIMENTS["two-conv-schedule"].arms
        for seed in (0, 1, 2)
    ),
    *(
        ("image-folder", arm, seed)
        for arm in EXPERIMENTS["image-folder"].arms
        for seed in (0, 1, 2)
    ),
    *(("image-folder-short", arm, 0) for arm in EXPERIMENTS["image-folder-short"].arms),
    *(("adam-augmented", arm, 0) for arm in ("published", "trained-well")),
    ("upscaled-227", "published", 0),  # its first epoch
    *(("five-conv-32", arm, seed) for arm in ("published", "furthest") for seed in (0, 1, 2)),
    ("five-conv-32", "trained-well", 0),
    *(("five-conv-32-short", arm, 0) for arm in EXPERIMENTS["five-conv-32-short"].arms),
    *(("five-conv-32-race", "ours", seed) for seed in range(5)),
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
    assert manifest["config_digest"] == digest(arm), "other settings: run it again, with --out"
    assert path == record_path(chosen.name, manifest["arm"], manifest["seed"], "json")
    assert manifest["data"].startswith(arm.data) and manifest["measured_on"] == arm.measured_on
    history = pd.read_csv(path.with_name(f"{path.stem}.csv"))
    epochs = manifest.get("epochs", arm.recipe.epochs)  # a run may be recorded part-way
    assert ("diverged" not in manifest) <= epochs <= arm.recipe.epochs
    assert history["epoch"].tolist() == list(range(1, epochs + 1))
    most = 95 if arm.data == "CIFAR-10" else 100
    assert not epochs or 8 < history[f"{arm.measured_on}_accuracy"].iloc[-1] <= most  # chance: 10 %
    assert not history.isna().any(axis=None)


def test_every_shipped_history_has_a_manifest():
    tables = {path.name for path in RECORDED.glob("*/*.csv")}
    histories = {name.removesuffix(".csv") for name in tables if ".batches." not in name}
    assert histories == {path.name[:-5] for path in SHIPPED}


def test_the_shipped_runs_of_an_arm_were_made_alike():
    with warnings.catch_warnings(record=True, action="always") as caught:
        recorded_table()
    assert [str(one.message) for one in caught] == []


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
        which = (manifest[key] for key in ("experiment", "data", "measured_on"))
        digests[*which].add(manifest["data_digest"])
    assert {name: found for name, found in digests.items() if len(found) > 1} == {}
