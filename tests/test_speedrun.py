"""What is an entry of the speedrun, and what is not."""

import json
import re
import shutil

import pandas as pd
import pytest

from alexnet_course.__main__ import main
from alexnet_course.provenance import RECORDED, sealed
from alexnet_course.race import races
from alexnet_course.speedrun import broken_rules, entry_folders, leaderboard


@pytest.fixture
def entry(tmp_path):
    """A copy of an entry of the course's own."""
    shutil.copytree(RECORDED / "speedrun" / "three-epochs", tmp_path, dirs_exist_ok=True)
    return tmp_path


def changed(path, **entries):
    """Forge a record: its digest fits again."""
    record = json.loads(path.read_text()) | entries
    del record["record_digest"]
    path.write_text(json.dumps(sealed(record)))


def race_of(entry):
    return entry / "race" / "two-conv-cpu.json"


def run_of(entry, seed=0):
    return entry / "two-conv-race" / f"ours-seed{seed}.json"


def config_of(path):
    return json.loads(path.read_text())["config"]


def another_network(entry):
    config = config_of(run_of(entry))
    config["architecture"]["layers"][0]["out_channels"] = 33
    changed(run_of(entry), config=config)


def fewer_runs(entry):
    for path in (entry / "two-conv-race").glob("ours-seed4.*"):
        path.unlink()
    race = json.loads(race_of(entry).read_text())
    lists = ("our_seeds", "our_accuracies", "our_seconds")
    changed(race_of(entry), **{key: race[key][:4] for key in lists})


def lower_accuracies(entry):
    for seed in range(5):
        path = run_of(entry, seed).with_suffix(".csv")
        table = pd.read_csv(path)
        table["test_accuracy"] -= 1.4
        table.to_csv(path, index=False)


def cut_short(entry):
    path = run_of(entry).with_suffix(".csv")
    pd.read_csv(path).iloc[:2].to_csv(path, index=False)
    changed(run_of(entry), epochs=2)


def edited(entry):
    path = race_of(entry)
    path.write_text(path.read_text().replace('"times_sooner": 7.91', '"times_sooner": 17.91'))


SPOILT = {
    "ours-seed3.csv of the run of seed 3 is missing, or isn't": lower_accuracies,
    "the race isn't as it was written": edited,
    "seed 0 trained another network": another_network,
    "seed 0 was not made with CIFAR-10's": lambda e: changed(run_of(e), data_digest="0" * 64),
    "several machines": lambda e: changed(run_of(e), hardware="a faster one"),
    "several .*precisions": lambda e: changed(run_of(e), precision="bfloat16"),
    "no commit holds": lambda e: changed(run_of(e), commit="0" * 40 + ", with changes"),
    "4 runs; a mean needs at least 5": fewer_runs,
    "seed 0 ended before its 3 epochs": cut_short,
    "times_sooner is 17.91, and by its runs": lambda e: changed(race_of(e), times_sooner=17.91),
    "our_accuracies is .* and by its runs": lower_accuracies,
    r"73\.37 ± 0\.44 %, does not lie above 73\.26 %": lower_accuracies,
    "published_epochs is 30, ": lambda e: changed(race_of(e), published_epochs=30),
}


def test_the_courses_own_race_is_an_entry(entry, capsys):
    assert broken_rules(entry, "two-conv") == []
    assert main(["race", "two-conv", "--check", str(entry)]) == 0
    assert "valid entry of the speedrun of two-conv" in capsys.readouterr().out


@pytest.mark.parametrize("words", SPOILT)
def test_a_broken_rule_is_named(entry, capsys, words):
    SPOILT[words](entry)
    assert any(re.search(words, wrong) for wrong in broken_rules(entry, "two-conv"))
    assert main(["race", "two-conv", "--check", str(entry)]) == 2
    assert capsys.readouterr().err.startswith("error: no valid entry: ")
    assert leaderboard("two-conv", [entry]).empty


def test_the_board_holds_what_was_sent_in_the_soonest_first(entry, tmp_path):
    sent = tmp_path / "speedrun" / "another"
    sent.mkdir(parents=True)
    for part in ("race", "two-conv-race"):
        shutil.copytree(entry / part, sent / part)
    for path in (race_of(sent), *(run_of(sent, seed) for seed in range(5))):
        changed(path, hardware="another processor, 8 threads")
    speeds = json.loads(race_of(sent).read_text())["published_images_per_second"]
    race = {"published_images_per_second": [speed / 2 for speed in speeds]}
    race |= {"published_seconds": 2 * 1077.883, "times_sooner": 15.83}
    changed(race_of(sent), **race)
    assert entry_folders(tmp_path) == [tmp_path, sent]
    board = leaderboard("two-conv", entry_folders(tmp_path))
    assert list(board["times_sooner"]) == [15.83, 7.91]
    assert list(board.index) == ["another processor, 8 threads", "AMD EPYC, 2 threads"]
    halved, whole = board["published"]
    assert halved == pytest.approx(whole / 2) == pytest.approx(sum(speeds) / len(speeds) / 2)
    assert len(leaderboard("two-conv", [entry, entry])) == 2  # of one processor


def test_every_race_is_a_valid_entry_of_the_courses_and_what_was_sent_in_too():
    assert all(broken_rules(RECORDED, name) == [] for name in races())
    for folder in entry_folders()[1:]:
        for path in (folder / "race").glob("*.json"):
            name, _, device = path.stem.rpartition("-")
            assert broken_rules(folder, name, device) == []
