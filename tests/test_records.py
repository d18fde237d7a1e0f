"""Nothing in a record changes unnoticed: its digests, the code and the record itself tell."""

import hashlib
import json
import math
import re
import shutil
from collections import defaultdict
from datetime import datetime
from functools import reduce

import numpy as np
import pandas as pd
import pytest

from alexnet_course.config import digest
from alexnet_course.experiments import experiment
from alexnet_course.provenance import RECORDED, sealed
from alexnet_course.training import PRECISIONS

OTHERS = (  # no histories
    "benchmark",
    "race",
    "features-measured",
    "features-in-page",
    "faults",
    "slips",
)
SPEEDS = sorted(path for name in OTHERS for path in RECORDED.glob(f"{name}/*.json"))
SHIPPED = sorted(set(RECORDED.glob("*/*.json")) - set(SPEEDS))
IMAGES = {  # trained on and measured with
    ("CIFAR-10", "test"): (50_000, 10_000),
    ("CIFAR-10", "validation"): (45_000, 5_000),
    ("drawn faces", "test"): (1_400, 350),
    ("drawn faces", "validation"): (1_260, 140),
    ("three other expressions", "test"): (600, 150),
    ("digits 5 to 9", "test"): (546, 350),
    ("copied faces, parted by picture", "test"): (420, 210),
    ("copied faces, parted by picture, new faces", "test"): (420, 350),
    ("copied faces, parted by face", "test"): (420, 210),
}
CLASSES = {"CIFAR-10": 10, "drawn faces": 7, "three other expressions": 3, "digits 5 to 9": 5}
REPORTED = "702ef13a31e2b77a8a5552a8c51c4e6589c7df34f91351cd8db132a06c7c34ea"


def check(path):
    """Fails where the record whose manifest is ``path`` is not as it was made."""
    manifest = json.loads(path.read_text())
    check_digests(path, manifest)
    name, arm, seed = (manifest[key] for key in ("experiment", "arm", "seed"))
    assert path.parent.name == name and path.name == f"{arm}-seed{seed}.json"
    check_manifest(manifest, experiment(name).arms[arm])
    check_history(path, manifest, experiment(name).arms[arm])


def check_digests(path, manifest):
    assert sealed({k: v for k, v in manifest.items() if k != "record_digest"}) == manifest
    if "csv_digests" in manifest:  # else it has no table
        assert digests_beside(path, "csv") == manifest["csv_digests"]
        assert digests_beside(path, "npz") == manifest.get("weights_digests", {})


def digests_beside(path, kind):
    return {
        file.name.removeprefix(f"{path.stem}."): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in beside(path, kind)
    }


def beside(path, kind="csv"):
    return path.parent.glob(f"{path.stem}.*{kind}")


def check_manifest(manifest, arm):
    assert manifest["config_digest"] == digest(manifest["config"]) == digest(arm)
    assert manifest["measured_on"] == arm.measured_on
    assert manifest["data"].startswith(arm.data)
    assert manifest.get("train_images", images(arm)[0]) == images(arm)[0]
    assert manifest["device"] in ("cpu", "cuda", "mps") and manifest["precision"] in PRECISIONS
    assert re.fullmatch("[0-9a-f]{40}(, with changes)?", manifest["commit"])
    assert re.fullmatch("[0-9a-f]{64}", manifest["data_digest"])
    assert datetime.fromisoformat(manifest["finished"]).tzinfo
    finished = manifest.get("epochs", arm.recipe.epochs) == arm.recipe.epochs
    assert list(manifest.get("measures", ())) == (list(arm.measures) if finished else [])
    assert ("weights_digests" in manifest) == bool(arm.keeps and finished)


def images(arm):
    """How many images an arm is trained on and measured with."""
    train, held_out = IMAGES[arm.data, arm.measured_on]
    return (arm.per_class * CLASSES[arm.data] if arm.per_class else train), held_out


def check_history(path, manifest, arm):
    history = pd.read_csv(path.with_suffix(".csv"), dtype=float)
    recipe, on = arm.recipe, arm.measured_on
    names = ["epoch", "learning_rate", "train_loss", "train_accuracy"]
    assert list(history) == [*names, f"{on}_loss", f"{on}_accuracy", "seconds"]
    epochs = manifest.get("epochs", recipe.epochs)
    assert history["epoch"].tolist() == list(range(1, epochs + 1))
    assert ("diverged" not in manifest) <= epochs <= recipe.epochs
    assert manifest["seconds"] == pytest.approx(history["seconds"].sum(), abs=0.051)
    accuracies = history[f"{on}_accuracy"]
    assert history["learning_rate"].tolist() == pytest.approx(rates(arm, accuracies), rel=1e-5)
    assert np.isfinite(history).all(axis=None) and (history.drop(columns="epoch") > 0).all(
        axis=None
    )
    for column, count in zip(("train_accuracy", f"{on}_accuracy"), images(arm)):
        right = history[column] * count / 100  # printed with six digits: half of the last is 5e-5
        assert ((right - right.round()).abs() <= 5e-5 * count / 100 + 1e-9).all()
        assert (right <= count).all()
    if (batches := path.with_suffix(".batches.csv")).exists():
        check_batches(pd.read_csv(batches), epochs, steps(arm))


def check_batches(table, epochs, steps):
    places = [(e, s) for e in range(1, epochs + 1) for s in range(100, steps + 1, 100)]
    assert list(table[["epoch", "step"]].itertuples(index=False, name=None)) == places
    assert np.isfinite(table["loss"]).all() and (table["loss"] > 0).all()


def steps(arm):
    return math.ceil(images(arm)[0] / arm.recipe.batch_size)


def rates(arm, accuracies):
    """The rate of each epoch's last step."""
    recipe, of_epoch = arm.recipe, steps(arm)
    highest, whole = recipe.optimiser.learning_rate, recipe.epochs * of_epoch
    return [
        recipe.schedule.rate(highest, (done + 1) * of_epoch - 1, whole, accuracies[:done])
        for done in range(len(accuracies))
    ]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_shipped_record_is_as_it_was_made(path):
    check(path)


@pytest.mark.parametrize("path", SPEEDS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_shipped_record_without_a_history_is_as_it_was_made(path):
    check_digests(path, json.loads(path.read_text()))


def test_what_was_measured_of_a_network_is_of_the_weights_that_are_kept():
    for path in RECORDED.glob("features-measured/*.json"):
        measured = json.loads(path.read_text())
        run = json.loads((RECORDED / measured["experiment"] / path.name).read_text())
        for key in ("arm", "seed", "data_digest"):
            assert measured[key] == run[key]
        assert measured["weights_digest"] == run["weights_digests"]["weights.npz"]
        assert set(measured["neighbours"]) == {"pixels-1", "pixels-5", "relu5-1", "relu5-5"}
        right = sum(row[place] for place, row in enumerate(measured["confusion"]))
        assert measured["accuracy"] == pytest.approx(right / 100)


def test_what_tutorials_reported_is_as_it_was_copied():
    """Change the digest here only with a number that was compared with its tutorial."""
    content = (RECORDED / "reported.csv").read_bytes()
    assert hashlib.sha256(content).hexdigest() == REPORTED


def test_equal_images_have_equal_digests():
    digests = defaultdict(set)
    for path in SHIPPED:
        manifest = json.loads(path.read_text())
        arm = experiment(manifest["experiment"]).arms[manifest["arm"]]
        digests[arm.data, arm.measured_on, arm.per_class].add(manifest["data_digest"])
    assert all(len(found) == 1 for found in digests.values())
    assert len(set.union(*digests.values())) == len(digests)


# Would a change be noticed?

CHOSEN = (
    "study/bare-dropout-seed1",  # with measures and batches
    "activation-rate/relu-0.1-seed0",  # diverged
    "two-conv-schedule/plateau-seed2",
    "image-folder/published-seed0",
)


@pytest.fixture(params=CHOSEN)
def copied(request, tmp_path):
    return copy_of(request.param, tmp_path)


def copy_of(name, tmp_path):
    """A record's files in a folder of their own; gives the path of the manifest."""
    path = RECORDED / f"{name}.json"
    folder = tmp_path / path.parent.name
    folder.mkdir()
    for file in (path, *beside(path), *beside(path, "npz")):
        shutil.copy(file, folder)
    check(folder / path.name)
    return folder / path.name


def unnoticed(path):
    try:
        check(path)
    except (AssertionError, KeyError, ValueError, TypeError):
        return False
    return True


def leaves(value, place=()):
    """The places of all texts, numbers and lists without items in plain data."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        if isinstance(item, (dict, list)) and item:
            yield from leaves(item, (*place, key))
        else:
            yield (*place, key)


def changed(value):
    """Something else, as near as can be."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, float):
        return math.nextafter(value, math.inf)
    if isinstance(value, str):
        return value[:-1] + chr(ord(value[-1]) + 1) if value else "x"
    return value + 1 if isinstance(value, int) else [*value, 0]


def test_no_change_of_a_manifest_goes_unnoticed(copied):
    original = copied.read_text()
    places = list(leaves(json.loads(original)))
    silent = []
    for place in places:
        manifest = json.loads(original)
        *before, last = place
        parent = reduce(lambda part, key: part[key], before, manifest)
        parent[last] = changed(parent[last])
        copied.write_text(json.dumps(manifest))
        silent += [place] if unnoticed(copied) else []
    for key in json.loads(original):
        copied.write_text(json.dumps({k: v for k, v in json.loads(original).items() if k != key}))
        silent += [f"without {key}"] if unnoticed(copied) else []
    assert len(places) > 40 and silent == []


def test_no_change_of_a_table_goes_unnoticed(copied):
    silent, cells = [], 0
    for file in beside(copied):
        original = file.read_bytes()
        for cell in re.finditer(rb"[^,\n]+", original):
            for new in (changed(cell[0].decode()).encode(), b""):
                file.write_bytes(original[: cell.start()] + new + original[cell.end() :])
                silent += [(file.name, cell)] if unnoticed(copied) else []
            cells += 1
        file.unlink()
        silent += [f"no {file.name}"] if unnoticed(copied) else []
        file.write_bytes(original)
    (copied.parent / f"{copied.stem}.other.csv").touch()
    assert cells >= 7 and silent == [] and not unnoticed(copied)


def renewed(path, manifest):
    """Write the manifest with digests of what is there now, as who means a change would."""
    manifest = {k: v for k, v in manifest.items() if k != "record_digest"}
    digests = {"csv_digests": digests_beside(path, "csv")}
    manifest |= digests | {"config_digest": digest(manifest["config"])}
    path.write_text(json.dumps(sealed(manifest)))


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("epoch", lambda values: values + 1),
        ("learning_rate", lambda values: values * 1.0001),
        ("learning_rate", lambda values: values[::-1].to_numpy()),
        ("train_loss", lambda values: values * math.inf),
        ("test_loss", lambda values: -values),
        ("train_accuracy", lambda values: values + 0.001),
        ("test_accuracy", lambda values: values + 0.001),
        ("test_accuracy", lambda values: values * 0 + 100.01),
        ("seconds", lambda values: values + 0.1),
    ],
)
def test_an_impossible_history_is_noticed_by_itself(tmp_path, column, change):
    """Even where all digests were renewed."""
    path = copy_of("study/bare-seed0", tmp_path)
    manifest = json.loads(path.read_text())
    renewed(path, manifest)
    check(path)
    history = pd.read_csv(path.with_suffix(".csv"))
    history[column] = change(history[column])
    history.to_csv(path.with_suffix(".csv"), index=False)
    renewed(path, manifest)
    assert not unnoticed(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"experiment": "two-conv"},
        {"arm": "bare-dropout"},
        {"seed": 1},
        {"measured_on": "validation"},
        {"epochs": 11},
        {"train_images": 45_000},
        {"precision": "float64"},
        {"device": "tpu"},
        {"commit": "unknown"},
        {"seconds": 1.0},
        {"finished": "yesterday"},
        {"measures": {}},
        {"data": "drawn faces"},
    ],
)
def test_an_impossible_manifest_is_noticed_by_itself(tmp_path, changes):
    path = copy_of("study/bare-seed0", tmp_path)
    manifest = json.loads(path.read_text())
    renewed(path, manifest | changes)
    assert not unnoticed(path)
    manifest["config"]["recipe"]["optimiser"]["learning_rate"] = 0.06
    renewed(path, manifest)
    assert not unnoticed(path)
