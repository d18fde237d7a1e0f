"""``train`` and ``predict`` on folders that the course has never seen, from the first command to
the report in a browser.
"""

import csv
import io
import os
import re
import shutil
import subprocess
import sys

import html5lib
import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from PIL import Image

from alexnet_course import checkpoints
from alexnet_course.__main__ import main
from alexnet_course.architectures import ARCHITECTURES
from alexnet_course.data.gathering import find, read
from alexnet_course.data.preparation import MinusOneToOne, PerChannel, Preparation, stated
from alexnet_course.distributed import named_recipe
from alexnet_course.measures import confusion_counts
from alexnet_course.network import build
from alexnet_course.own import load_model, mean_recall, mismatch, parted, plan
from alexnet_course.transfer import freeze, take_over
from test_browser import AXE, JUDGE, RULES
from test_gathering import picture

COUNTS = {"blue": 12, "green": 10, "red": 24}
QUICK = ("--network", "two-conv", "--epochs", "3", "--no-mirror")


def colourful(folder, counts=COUNTS, seed=0):
    """Pictures whose class is their colour, of several sizes and formats."""
    for place, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            noise = np.asarray(picture(1000 * seed + 100 * place + number, (40 + number, 36)))
            pixels = noise // 3
            pixels[..., ("red", "green", "blue").index(name)] += 120
            ending = ("png", "jpg", "webp")[number % 3]
            Image.fromarray(pixels).save(folder / name / f"{number}.{ending}")
    return folder


@pytest.fixture(scope="module")
def colours(tmp_path_factory):
    return colourful(tmp_path_factory.mktemp("never") / "colours")


@pytest.fixture(scope="module")
def trained(colours, tmp_path_factory):
    """The folder that ``train`` wrote, and what it printed: the program itself."""
    out = tmp_path_factory.mktemp("run")
    command = [sys.executable, "-X", "utf8", "-m", "alexnet_course", "train", str(colours)]
    done = subprocess.run(
        [*command, "--out", str(out), *QUICK, "--epochs", "6"],
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        env=os.environ | {"TQDM_DISABLE": "1", "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return out, done.stdout


@pytest.fixture
def opened_report(browser, trained):
    """Opens the report from its file, in one form."""
    contexts = []

    def opening(**form):
        context = browser.new_context(**form)
        contexts.append(context)
        page = context.new_page()
        page.seen = []
        page.on("console", lambda said: page.seen.append(said.text))
        page.on("request", lambda request: page.seen.append(request.url))
        page.goto((trained[0] / "report.html").as_uri())
        return page

    yield opening
    for context in contexts:
        context.close()


def run(capsys, *arguments):
    """What a command prints, and what it says beside that; it must work."""
    code = main([str(word) for word in arguments])
    out, err = capsys.readouterr()
    assert code == 0, err
    return out, err


def refused(capsys, *arguments):
    """The sentence with which a command ends that can't work."""
    assert main([str(word) for word in arguments]) == 2
    err = capsys.readouterr().err
    assert err.count("error: ") == 1
    return err[err.index("error: ") :]


# From a folder to guesses


def test_training_says_what_there_is_and_how_it_ended(trained):
    out, printed = trained
    assert {path.name for path in out.iterdir()} == {"run.pt", "model.pt", "report.html"}
    for line in ("0 blue: 10 + 1 + 1", "1 green: 8 + 1 + 1", "2 red: 18 + 3 + 3"):
        assert f"  {line}\n" in printed
    assert "Balanced: in training each class comes 18 times an epoch" in printed
    assert "epoch 1 of 6: training" in printed and "the best so far" in printed
    right, of = re.search(r"(\d+) of (\d+) test pictures right", printed).groups()
    assert int(of) == 5 and int(right) >= 4  # colours are easy


def test_the_model_knows_new_pictures(trained, tmp_path, capsys):
    new = colourful(tmp_path / "new", {"blue": 5, "green": 5, "red": 5}, seed=7)
    out, err = run(capsys, "predict", trained[0] / "model.pt", new, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert err == "" and len(rows) == 15
    assert sum(row["guess"] == row["file"].split("/")[0] for row in rows) >= 13
    for row in rows:
        chances = {name: float(row[f"probability of {name}"]) for name in COUNTS}
        assert abs(sum(chances.values()) - 1) < 1e-3
        assert row["guess"] == max(chances, key=chances.get)
        assert float(row["probability"]) == max(chances.values())


def test_one_picture_is_asked_for_by_its_file(trained, colours, capsys):
    out, err = run(capsys, "predict", trained[0] / "model.pt", colours / "red" / "0.png")
    assert err == "" and re.fullmatch(r"0\.png: red \d+ %, \w+ \d+ %, \w+ \d+ %\n", out)


def test_what_is_guessed_is_what_the_report_counted(trained, colours):
    """The file alone gives the network of the best epoch, prepared as in training."""
    model = load_model(trained[0] / "model.pt")
    stored = checkpoints.load(trained[0] / "model.pt")
    assert model.classes == ("blue", "green", "red") and len(stored["scores"]) == 6
    page = BeautifulSoup((trained[0] / "report.html").read_text(), "html.parser")
    best = 1 + stored["scores"].index(max(stored["scores"]))
    assert f"epoch {best} of 6" in page.get_text()


def test_pictures_that_cannot_be_read_are_a_sentence_each(trained, tmp_path, capsys):
    picture(1).save(tmp_path / "good.png")
    (tmp_path / "bad.jpg").write_bytes(b"x")
    (tmp_path / "IMG_1.HEIC").write_bytes(b"x")
    out, err = run(capsys, "predict", trained[0] / "model.pt", tmp_path)
    assert out.startswith("good.png: ") and out.count("\n") == 1
    assert len(err.splitlines()) == 2 and "IMG_1.HEIC" in err and "bad.jpg can't be read" in err
    assert "there are no pictures in" in refused(
        capsys, "predict", trained[0] / "model.pt", _empty(tmp_path / "empty")
    )


def _empty(folder):
    folder.mkdir()
    return folder


def test_a_folder_with_a_new_class_is_a_sentence(trained, colours, tmp_path, capsys):
    """An old model keeps the names of its own classes, whatever stands before them now."""
    more = shutil.copytree(colours, tmp_path / "more")
    shutil.copytree(colours / "red", more / "amber")
    out, err = run(capsys, "predict", trained[0] / "model.pt", more)
    assert "does not know the classes amber: it was trained on blue, green, red" in err
    assert {line.split(": ")[1].split()[0] for line in out.splitlines()} <= {*COUNTS}


@pytest.mark.parametrize(
    ("folders", "complains"),
    [([], False), (["red", "blue"], False), (["x", "y"], False), (["red", "x"], True)],
)
def test_only_folders_that_are_classes_in_part_are_complained_of(folders, complains):
    assert bool(mismatch(("blue", "red"), folders)) == complains


# Folders that are parted already


def shown(root):
    """The parts of a folder's pictures, as ``train`` makes them."""
    found = find(root)
    return parted(found, read(found, 16), seed=0, balance=None, name="x")


def test_parts_of_folders_stay_but_what_leaks_is_left_out(tmp_path):
    """FER2013's layout: a lone held-out folder is the test."""
    for place, name in enumerate(("train", "test")):
        colourful(tmp_path / name, {"blue": 12, "red": 10}, seed=place)
    twin = Image.open(tmp_path / "test" / "red" / "3.png")
    twin.resize((86, 72)).save(tmp_path / "train" / "red" / "twin.jpg")
    ours = shown(tmp_path)
    assert ours.counts["test"] == [12, 10] and "train/red/twin.jpg" not in ours.names["train"]
    assert sum(ours.counts["train"]) + sum(ours.counts["validation"]) == 22
    assert min(ours.counts["validation"]) >= 1 and len(ours.names["test"]) == len(ours.test)
    said = " ".join(ours.notes)
    assert "1 of the pictures to learn from left out, being near copies of held-out ones" in said
    assert "For validation, about 15 % of the training pictures" in said


def test_from_a_lone_train_folder_both_others_are_taken(tmp_path):
    colourful(tmp_path / "train", {"blue": 10, "red": 10})
    ours = shown(tmp_path / "train")
    assert all(min(counts) >= 1 for counts in ours.counts.values())


def test_copies_in_two_classes_are_named(tmp_path):
    colourful(tmp_path, {"blue": 6, "red": 6})
    (tmp_path / "red" / "same.png").write_bytes((tmp_path / "blue" / "0.png").read_bytes())
    said = " ".join(shown(tmp_path).notes)
    assert "Near copies: 2 pictures in 1 group" in said
    pair = said.partition("in different classes, of which one is wrong: ")[2]
    assert "blue/0.png" in pair and "red/same.png" in pair


# Going on, changing, beginning with other weights


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".html"}


def test_a_run_that_was_stopped_goes_on_to_the_same_model(colours, tmp_path, capsys, monkeypatch):
    from alexnet_course import own

    command = ("train", colours, *QUICK)
    run(capsys, *command, "--out", tmp_path / "whole")
    noted, count = own.Best.note, [0]

    def stop(self):
        count[0] += 1
        if count[0] == 2:  # after the run is saved, before the model is
            raise KeyboardInterrupt
        return noted(self)

    monkeypatch.setattr(own.Best, "note", stop)
    assert main([str(word) for word in (*command, "--out", tmp_path / "stopped")]) == 130
    assert "run the same command again" in capsys.readouterr().err
    monkeypatch.undo()
    out, _ = run(capsys, *command, "--out", tmp_path / "stopped")
    assert "goes on after epoch 2" in out
    whole, stopped = (checkpoints.load(tmp_path / n / "model.pt") for n in ("whole", "stopped"))
    assert whole["scores"] == stopped["scores"]
    assert all(torch.equal(whole["network"][k], stopped["network"][k]) for k in whole["network"])


def test_another_folder_of_pictures_does_not_take_over_a_run(trained, colours, tmp_path, capsys):
    other = shutil.copytree(colours, tmp_path / "colours")
    (colourful(tmp_path / "new", {"red": 5}, seed=5) / "red").rename(other / "amber")
    out = shutil.copytree(trained[0], tmp_path / "run")
    before = files(out)
    said = refused(capsys, "train", other, "--out", out, *QUICK, "--epochs", "6")
    assert "run.pt belongs to another run: it differs in" in said and "data" in said
    assert files(out) == before


def test_features_of_another_run_are_taken_over_and_stay(trained, tmp_path, capsys):
    new = colourful(tmp_path / "new", {"blue": 6, "red": 6}, seed=3)
    start = trained[0] / "model.pt"
    arguments = ("train", new, "--out", tmp_path / "out", *QUICK, "--start", start, "--freeze")
    out, _ = run(capsys, *arguments)
    assert "but for the last layer, fc5" in out and "Only the last layer, fc5, learned" in out
    ours, theirs = (checkpoints.load(p)["network"] for p in (tmp_path / "out/model.pt", start))
    for name, value in theirs.items():
        if not name.startswith("fc5"):
            assert torch.equal(ours[name], value), name
    said = refused(capsys, *arguments, "--size", "48", "--out", tmp_path / "other")
    assert "model.pt does not go with this network: fc3.weight has the shape (384, 1024)" in said


def test_weights_of_another_program_are_taken_by_their_place():
    network = build(ARCHITECTURES["two-conv"].with_classes(3), seed=1)
    other = build(ARCHITECTURES["two-conv"].with_classes(3), seed=2).state_dict()
    take_over(network, {f"features.{name}": value for name, value in other.items()}, "theirs")
    assert torch.equal(network.conv1.weight, other["conv1.weight"])
    assert not torch.equal(network.fc5.weight, other["fc5.weight"])
    freeze(network)
    learning = [name for name, weight in network.named_parameters() if weight.requires_grad]
    assert learning == ["fc5.weight", "fc5.bias"]


@pytest.mark.parametrize("spoil", [b"x", None])
def test_what_is_no_model_is_refused(trained, tmp_path, capsys, spoil):
    path = trained[0] / "run.pt" if spoil is None else tmp_path / "model.pt"
    if spoil is not None:
        path.write_bytes(spoil)
    said = refused(capsys, "predict", path, tmp_path)
    expected = "holds weights, but not the names of classes" if spoil is None else "no checkpoint"
    assert expected in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--network", "two-con"), "no network 'two-con'.*The nearest is two-conv"),
        (("--recipe", "x"), "there is no recipe 'x'"),
        (("--epochs", "0"), "epochs is 0"),
        (("--freeze",), "the others are at first weights; give the file"),
        (("--start", "nowhere.pt"), "nowhere.pt is no checkpoint of this course"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(colours, tmp_path, capsys, arguments, words):
    assert re.search(words, refused(capsys, "train", colours, "--out", tmp_path, *arguments))


@pytest.mark.parametrize(
    ("source", "out", "words"),
    [("nowhere", "out", "there is no folder or file"), ("", "out", "lies within the pictures in")],
)
def test_where_nothing_can_be_read_or_written_is_one_sentence(tmp_path, capsys, source, out, words):
    assert words in refused(capsys, "train", tmp_path / source, "--out", tmp_path / out)


@pytest.mark.parametrize("words", [("--balance", "no"), ("--balance", "yes")])
def test_balance_is_as_asked_and_said(colours, tmp_path, capsys, words):
    out, _ = run(capsys, "train", colours, "--out", tmp_path, *QUICK, "--epochs", "1", *words)
    said = "Not balanced" if "no" in words else "Balanced: in training each class comes 18 times"
    assert said in out


@pytest.mark.parametrize(
    ("network", "recipe", "size", "sides"),
    [
        ("two-conv", "few-images", None, (32, 32)),
        ("two-conv", "few-images", 48, (48, 48)),
        ("four-conv", "everything", None, (28, 32)),
        ("alexnet-2012", "paper", None, (227, 255)),
        ("upscaled", "trained-well/upscaled-227", None, (227, 227)),
    ],
)
def test_sizes_go_together(network, recipe, size, sides):
    network = "single-tower" if network == "upscaled" else network
    chosen = plan(network, named_recipe(recipe, network), size)
    assert (chosen.side, chosen.size) == sides
    assert chosen.architecture(5).input_shape == (3, *sides[:1] * 2)


@pytest.mark.parametrize("part", [PerChannel(), MinusOneToOne()])
def test_a_step_that_is_stated_does_the_same_without_the_images(part):
    images = torch.randint(0, 256, (5, 3, 8, 8), dtype=torch.uint8)
    alone = Preparation([stated(part, images)], torch.zeros(1, 3, 8, 8).byte())
    assert torch.allclose(alone(images), Preparation([part], images)(images))


def test_accuracy_of_classes_counts_each_alike():
    counts = confusion_counts(torch.tensor([0, 0, 0, 1, 0]), torch.tensor([0, 0, 0, 1, 1]), 3)
    assert counts.tolist() == [[3, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert mean_recall(counts) == 75


# The report


def test_the_report_is_valid_html_with_nothing_from_outside(trained):
    text = (trained[0] / "report.html").read_text(encoding="utf-8")
    html5lib.HTMLParser(strict=True).parse(text)  # stops at the first error
    page = BeautifulSoup(text, "html.parser")
    assert not page.select("script, link, iframe, object, embed, base")
    for tag in page.select("[src], [href]"):
        assert tag.get("src", tag.get("href")).startswith(("data:image/png;base64,", "#")), tag
    assert "http:" not in text and "https:" not in text and "url(" not in page.style.string


def test_the_report_says_what_was_found(trained, colours):
    page = BeautifulSoup((trained[0] / "report.html").read_text(encoding="utf-8"), "html.parser")
    assert [h.get_text() for h in page.select("h2")] == [
        "Curves", "Confusion", "Worst mistakes", "Data", "Settings",
    ]  # fmt: skip
    text = page.get_text(" ")
    for words in ("of 5 test pictures right", "Balanced", "two-conv", "few-images", "blue"):
        assert words in text
    cells = page.select_one("[aria-label=Confusion] tbody").select("td")
    total = sum(int(cell.get_text() or 0) for i, cell in enumerate(cells) if (i + 1) % 4)
    assert total == 5
    assert len(page.select("svg[role=img][aria-label]")) == 2


def test_mistakes_have_their_pictures_and_names_are_escaped(tmp_path, capsys):
    """Labels that mean nothing: there must be mistakes."""
    rng = np.random.default_rng(0)
    for name in ("a & <b>", "x"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for number in range(20):
            picture(rng.integers(2**32)).save(tmp_path / "set" / name / f"{number}.png")
    run(capsys, "train", tmp_path / "set", "--out", tmp_path / "out", *QUICK, "--epochs", "1")
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    html5lib.HTMLParser(strict=True).parse(text)
    figures = BeautifulSoup(text, "html.parser").select("figure")
    assert figures
    for figure in figures:
        assert figure.img["src"].startswith("data:image/png;base64,")
        assert re.search(
            r"\.png: is (a & <b>|x), guessed (a & <b>|x) with \d+ %", figure.get_text()
        )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1000, 320])
def test_the_report_opens_in_a_browser_and_can_be_used_by_all(opened_report, scheme, width):
    page = opened_report(color_scheme=scheme, viewport={"width": width, "height": 800})
    assert [said for said in page.seen if not said.startswith(("file:", "data:"))] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.evaluate(AXE)
    page.evaluate(JUDGE, RULES)
    assert page.evaluate("window.judged") == []
