"""The run explorer: its arithmetic against the package's and SciPy's, and the page in a browser."""

import json
import math
import re
import warnings
from html import unescape
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from alexnet_course import results, run_explorer
from alexnet_course.experiments import EXPERIMENTS, Start
from built import ROOT

STATIC = ROOT / "book" / "_static"
MIXED = "not made alike"


@pytest.fixture(scope="module")
def data():
    return run_explorer.page_data()


@pytest.fixture(scope="module")
def arithmetic(browser, data):
    """Evaluates JavaScript in which ``runs`` is what the page computes with, of given data."""
    page = browser.new_page()
    page.add_script_tag(path=STATIC / "explorer" / "runs-arithmetic.js")

    def evaluate(script, given=None, held=data):
        # Neither NaN nor a map goes through as it is.
        whole = f"""([held, given]) => {{
          const runs = runsArithmetic(held);
          const plain = (key, value) => value instanceof Map ? [...value]
            : Number.isNaN(value) ? "NaN" : value;
          return JSON.stringify(({script})(given), plain);
        }}"""
        return json.loads(page.evaluate(whole, [held, given]))

    yield evaluate
    page.close()


def close(ours, theirs):
    if ours is None or theirs is None or isinstance(ours, str) or math.isnan(theirs):
        return (ours == "NaN" or ours is None) and (theirs is None or math.isnan(theirs))
    return math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12)


# What the page holds


def test_what_is_prepared_is_what_the_experiments_say():
    stored = json.loads(run_explorer.PREPARED.read_text(encoding="utf-8"))
    made = run_explorer.prepared()
    assert stored["experiments"] == made["experiments"], "run python -m alexnet_course.run_explorer"
    assert np.allclose(stored["quantiles"], made["quantiles"], rtol=1e-12)


def test_arms_are_told_apart_in_words():
    study, own = EXPERIMENTS["study"].arms, EXPERIMENTS["own-pictures"].arms
    words = run_explorer.in_words
    assert words(study["everything"], study["everything"]) == ""
    assert words(study["without-lrn"], study["everything"]) == "lrn1, lrn2 left out"
    first = own["faces-plain"]
    assert isinstance(own["digits-features-10"].start, Start)
    assert words(own["digits-features-10"], first) == (
        "fc5 out_features=5; images: digits 5 to 9; 10 images a class; begins with digits 0 to 4; "
        "only the last layer learns"
    )
    many = EXPERIMENTS["to-today"].arms
    assert " more left out" in words(many["residual"], many["everything"])


def test_the_page_holds_every_recorded_run(arithmetic, data):
    held = arithmetic("""() => Object.fromEntries(Object.keys(held.experiments).map(name =>
      [name, runs.armsOf(name).flatMap(arm => arm.runs.map(run => [arm.name, run.seed,
        run.making, run.values]))]))""")
    folders = {p.parent.name for p in results.RECORDED.glob("*/*-seed*.csv")}
    assert set(held) == set(data["experiments"]) == folders
    for name, runs in held.items():
        table = results.recorded(name)
        manifests = results.manifests(name)
        assert [run[:2] for run in runs] == [[m["arm"], m["seed"]] for m in manifests]
        assert [run[2] for run in runs] == [results.making(m) for m in manifests]
        for arm, seed, _, values in runs:
            own = table[(table["arm"] == arm) & (table["seed"] == seed)]
            for column, numbers in values.items():
                assert numbers == own[column].tolist(), (name, arm, seed, column)


def test_the_page_holds_what_tutorials_printed(arithmetic):
    curves = arithmetic("() => runs.printed('upscaled-227')")
    found = {curve["column"]: curve["run"] for curve in curves}
    accuracy = results.reported("upscaled-227", "test_accuracy_percent")
    assert found["test_accuracy"]["epochs"] == accuracy["at"].tolist()
    assert found["test_accuracy"]["values"]["test_accuracy"] == accuracy["value"].tolist()
    losses = arithmetic("() => runs.printed('adam-augmented')[0].run")
    steps = results.reported("adam-augmented", "batch_loss")["at"]
    assert np.allclose(losses["epochs"], steps / 782, rtol=1e-3)  # chapter 12: 782 an epoch


# Arithmetic


COMPARE = """cases => cases.map(choice => {
  const asked = runs.settled(choice);
  const {problem, gained, pooled, mixed} = runs.compared(asked);
  return {problem, pooled, mixed, mean: gained?.mean, half: gained?.half,
    count: gained?.differences.length};
})"""


def quietly(function, *args, **more):
    """What a function gives, or None for its error; and whether it warned of mixed runs."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value = function(*args, **more)
        except (ValueError, KeyError):
            value = None
    return value, any(MIXED in str(warning.message) for warning in caught)


def agree(found, runs, arm, over, column):
    gains, mixed = quietly(results.gains_of_pairs, runs, {"pair": (arm, over)}, column)
    if not gains.loc["pair", "seeds"]:
        assert found["problem"]
        return
    expected = gains.loc["pair"]
    assert close(found["mean"], expected["mean"]), (arm, over)
    assert close(found["half"], expected["half_width"])
    assert found["count"] == expected["seeds"]
    weights = {arm: 1, over: -1}
    pooled, more_mixed = quietly(results.pooled_interval, runs, weights, column)
    assert bool(found["mixed"]) == (mixed or (pooled is not None and more_mixed))
    assert (found["pooled"] is None) == (pooled is None)
    if pooled:
        fit, _ = quietly(results.two_way, runs, column)
        assert close(found["pooled"]["mean"], pooled.mean)
        assert close(found["pooled"]["half"], pooled.half_width)
        assert close(found["pooled"]["spread"], fit.spread)
        assert found["pooled"]["degrees"] == fit.degrees
        assert math.isclose(found["pooled"]["alike"], fit.variances_p, rel_tol=1e-6, abs_tol=1e-12)


def test_differences_in_every_experiment_are_as_in_python(arithmetic, data):
    compared = 0
    for name in data["experiments"]:
        runs = results.recorded(name)
        arms = [a for a in data["experiments"][name]["arms"] if a in set(runs["arm"])]
        pairs = [(arm, arms[0]) for arm in arms[1:]]
        measured = [c for c in runs if c.endswith(("_loss", "_accuracy"))]
        cases = [(pair, measured[-1]) for pair in pairs]
        cases += [(pair, column) for pair in pairs[-1:] for column in measured[:-1]]
        choices = [{"experiment": name, "pair": [*p], "quantity": column} for p, column in cases]
        for ((arm, over), column), found in zip(cases, arithmetic(COMPARE, choices), strict=True):
            agree(found, runs, arm, over, column)
            compared += 1
    assert compared > 150


def test_at_an_epoch_with_some_seeds_and_beside_another_experiment(arithmetic):
    study, variants = results.recorded("study"), results.recorded("lrn-variants")
    assert not set(study["arm"]) & set(variants["arm"])
    both = pd.concat([variants, study], ignore_index=True)
    both.attrs["making"] = study.attrs["making"] | variants.attrs["making"]
    pair = ["batch-norm", "study/everything"]
    for epoch, seeds in ((None, None), (5, None), (18, None), (3, [0, 2])):
        choice = {"experiment": "lrn-variants", "beside": "study", "pair": pair, "epoch": epoch}
        (found,) = arithmetic(COMPARE, [choice | {"quantity": "test_loss", "seeds": seeds}])
        runs = both[both["epoch"] <= (epoch or 99)]
        runs = runs[runs["seed"].isin(seeds or [0, 1, 2])]
        agree(found, runs, "batch-norm", "everything", "test_loss")


def made_up(rng, arms, seeds, on=("test",)):
    """An experiment of noise, as the page holds it; some seeds and some whole runs are missing."""

    def column(epochs):
        return " ".join(f"{x:.6g}" for x in rng.normal(50, 10 ** rng.uniform(-3, 1), epochs))

    def run(seed):
        epochs = int(rng.integers(1 if seed == 0 else 0, 5))  # 0: it diverged at once
        return [seed, int(rng.integers(0, 2)), *(column(epochs) for _ in range(5))]

    return {
        "question": "?",
        "source": "",
        "printed": {},
        "arms": {
            f"arm-{i}": {
                "measured_on": on[i % len(on)],
                "epochs": 4,
                "differs": "",
                "runs": [run(s) for s in range(seeds) if s == 0 or rng.random() > 0.1],
            }
            for i in range(arms)
        },
    }


def as_table(experiment, makings, column):
    rows, made = [], {}
    for arm, about in experiment["arms"].items():
        for seed, making, *_, last in about["runs"]:
            made[f"{arm}, seed {seed}"] = makings[making]
            rows += [{"arm": arm, "seed": seed, column: float(x)} for x in last.split()]
    table = pd.DataFrame(rows)
    table.attrs["making"] = made
    return table


def test_random_runs_are_compared_as_in_python(arithmetic, data):
    rng = np.random.default_rng(0)
    for _ in range(60):
        made = made_up(rng, arms=int(rng.integers(2, 9)), seeds=int(rng.integers(1, 9)))
        held = data | {"makings": ["one way", "another"], "experiments": {"made": made}}
        arm, over = rng.choice(list(made["arms"]), 2, replace=False)
        choice = {"experiment": "made", "pair": [arm, over], "quantity": "test_accuracy"}
        (found,) = arithmetic(COMPARE, [choice], held)
        agree(found, as_table(made, held["makings"], "test_accuracy"), arm, over, "test_accuracy")


@pytest.mark.parametrize("values", [("72.1", "72.1"), ("72.1", "74.3")])
def test_runs_without_any_chance_are_not_pooled(arithmetic, data, values):
    made = made_up(np.random.default_rng(0), 2, 1)
    first, other = (f"arm-{i}" for i in range(2))
    for arm, value in zip((first, other), values, strict=True):
        made["arms"][arm]["runs"] = [[seed, 0, *[value] * 5] for seed in range(3)]
    held = data | {"makings": ["one way"], "experiments": {"made": made}}
    choice = {"experiment": "made", "pair": [first, other], "quantity": "test_accuracy"}
    (found,) = arithmetic(COMPARE, [choice], held)
    assert found["pooled"] is None
    agree(found, as_table(made, held["makings"], "test_accuracy"), first, other, "test_accuracy")


def test_validation_and_test_are_never_in_one_difference(arithmetic, data):
    made = made_up(np.random.default_rng(1), 4, 3, on=("test", "validation"))
    held = data | {"makings": ["one way", "another"], "experiments": {"made": made}}
    for quantity in ("test_accuracy", "train_loss"):
        choice = {"experiment": "made", "pair": ["arm-0", "arm-1"], "quantity": quantity}
        (found,) = arithmetic(COMPARE, [choice], held)
        assert "not compared" in found["problem"]
        (found,) = arithmetic(COMPARE, [choice | {"pair": ["arm-0", "arm-2"]}], held)
        assert not {"arm-1", "arm-3"} & set((found["pooled"] or {"arms": []})["arms"])
    fitting = arithmetic("name => runs.fitting(name)", "study")
    assert "study-rate" not in fitting and "lrn-variants" in fitting


def test_quantiles_are_those_of_student(arithmetic):
    degrees = [*range(1, 300), 1_000, 50_000]
    found = arithmetic("degrees => degrees.map(runs.quantile)", degrees)
    assert np.allclose(found, stats.t.ppf(0.975, degrees), rtol=1e-9)


def test_as_many_seeds_as_python_says(arithmetic):
    rng = np.random.default_rng(2)
    cases = [
        [float(10 ** rng.uniform(-2.5, 1)), float(10 ** rng.uniform(-2, 0.5))] for _ in range(80)
    ]
    found = arithmetic("cases => cases.map(([aim, spread]) => runs.seedsFor(aim, spread))", cases)
    assert found == [results.seeds_for(aim, spread) for aim, spread in cases]
    assert arithmetic("() => runs.seedsFor(0.1, 0)") == 2
    assert arithmetic("() => runs.seedsFor(1e-12, 1)") > 1e24  # at once


# A choice in other words


def test_an_address_leads_back_to_the_choice(arithmetic, data):
    rng = np.random.default_rng(3)
    choices = []
    for name, experiment in data["experiments"].items():
        arms = list(experiment["arms"])
        choices.append({"experiment": name})
        choices.append(
            {
                "experiment": name,
                "arms": [str(arm) for arm in rng.permutation(arms)[:3]],
                "pair": [arms[-1], arms[0]],
                "quantity": "train_loss",
                "epoch": 2,
                "from": 2,
                "seeds": [0],
                "aim": 0.25,
                "thin": False,
            }
        )
    choices.append({"experiment": "lrn-variants", "beside": "study", "arms": ["study/bare"]})
    choices.append({"experiment": "two-conv", "arms": []})
    back = arithmetic(
        """choices => choices.map(choice => {
          const whole = runs.settled(choice);
          const address = runs.toAddress(whole);
          return [whole, runs.fromAddress(address), address];
        })""",
        choices,
    )
    for whole, found, _ in back:
        assert found == whole
    assert back[0][2] == "experiment=two-conv"
    address = "experiment=lrn-variants&beside=study&arms=study/bare"
    assert back[-2][2] == address


@pytest.mark.parametrize("address", ["", "experiment=nobody", "arms=everything", "experiment"])
def test_an_address_that_names_no_experiment_is_none(arithmetic, address):
    assert arithmetic("text => runs.fromAddress(text)", address) is None


def test_what_an_address_asks_in_vain_is_as_usual(arithmetic):
    address = "experiment=study&quantity=joy&arms=nobody&pair=bare&epoch=99&seeds=7&aim=-1&from=x"
    same = "text => JSON.stringify(runs.fromAddress(text)) === JSON.stringify(runs.usual('study'))"
    assert arithmetic(same, address)


def test_the_csv_is_the_records(arithmetic):
    choice = "{experiment: 'study', arms: ['bare', 'tanh'], quantity: 'test_loss'}"
    table = pd.read_csv(StringIO(arithmetic(f"() => runs.asCsv(runs.settled({choice}))")))
    runs = results.recorded("study")
    expected = runs[runs["arm"].isin(["bare", "tanh"])][["arm", "seed", "epoch", "test_loss"]]
    assert set(table["experiment"]) == {"study"}
    pd.testing.assert_frame_equal(
        table.drop(columns="experiment"), expected.reset_index(drop=True), check_dtype=False
    )


# The page


@pytest.fixture
def explorer(browser, site):
    """The page, opened from a folder as a reader without a network would, at an address."""
    contexts, errors = [], []

    def open_page(address="", scripts=True, **more):
        context = browser.new_context(
            viewport={"width": 1200, "height": 900}, java_script_enabled=scripts, **more
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto((site.folder / "book" / "runs.html").as_uri() + address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


def figures(page):
    return page.locator("#runs .explorer-sums dd").all_inner_texts()


def test_chapter_13_s_first_question_is_answered(explorer):
    page = explorer("?experiment=study&pair=everything,without-lrn&aim=0.2")
    assert figures(page)[:3] == ["1.46", "± 0.45", "± 0.47"]
    assert "outside both intervals" in page.locator(".runs-verdict").inner_text()
    assert "18 seeds of each arm by the pooled one" in page.locator(".runs-needed").inner_text()
    page.get_by_role("button", name="Swap").click()
    assert figures(page)[0] == "−1.46"
    assert "pair=without-lrn,everything" in page.url
    page.get_by_label("less the arm").select_option("without-lrn")
    assert page.locator(".runs-verdict").inner_text() == "Choose two arms."
    assert page.locator("#runs .explorer-sums").is_hidden()


def test_keys_move_through_the_epochs(explorer):
    page = explorer("?experiment=study&arms=bare,tanh")
    said, slider = page.locator(".runs-said"), page.get_by_role("slider")
    assert said.inner_text().startswith("At the end of each run, test accuracy (%): bare 75.72")
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    runs = results.recorded("study")
    epoch = runs["epoch"].max() - 3
    assert slider.get_attribute("aria-valuetext") == f"after epoch {epoch}"
    assert f"&epoch={epoch}" in page.url
    page.keyboard.press("Home")
    means = runs[runs["epoch"] == 1].groupby("arm")["test_accuracy"].mean()
    assert said.inner_text().startswith(
        f"After epoch 1, test accuracy (%): bare {means['bare']:.2f}"
    )
    assert f"tanh {means['tanh']:.2f}" in said.inner_text()
    assert said.get_attribute("role") == "status"
    page.keyboard.press("End")
    assert "epoch=" not in page.url


def test_the_pointer_reads_values_off_and_a_click_keeps_them(explorer):
    page = explorer("?experiment=study&arms=everything")
    box = page.locator(".runs-picture svg").bounding_box()
    place = (box["x"] + 60, box["y"] + box["height"] / 2)
    page.mouse.move(*place)
    assert page.locator(".runs-said").inner_text().startswith("After epoch 1,")
    assert page.locator(".runs-cursor circle").count() == 1
    page.mouse.move(0, 0)
    assert page.locator(".runs-said").inner_text().startswith("At the end")
    page.mouse.click(*place)
    assert page.url.endswith("&epoch=1")


def test_arms_are_chosen_by_their_boxes(explorer):
    page = explorer()
    arms = page.locator(".runs-arms")
    assert "lrn1, lrn2 left out" in arms.inner_text()
    page.get_by_role("button", name="None").click()
    assert "No arm is chosen" in page.locator(".runs-picture").inner_text()
    arms.get_by_role("checkbox", name="tanh").check()
    assert "arms=tanh" in page.url
    assert page.locator(".runs-picture svg text", has_text="1 tanh").count() == 1
    page.get_by_label("Experiment", exact=True).select_option("five-conv-32")
    assert "bfloat16 on cpu" in arms.inner_text()
    doubt = page.locator("#runs .explorer-wrong")
    assert "not made alike" in doubt.inner_text()
    assert "printed by the tutorial" in arms.inner_text()
    page.get_by_label("Beside it").select_option("study")
    assert arms.get_by_role("checkbox", name="study/everything").count() == 1
    again = explorer("#" + page.url.partition("#")[2])
    assert again.locator(".runs-arms").inner_text() == arms.inner_text()


HEIGHTS = """() => [...document.querySelectorAll('.runs-picture svg g > path')]
    .filter(path => path.getAttribute('d').split('L').length === 12)
    .map(path => path.getAttribute('d').slice(1).split('L').map(at => Number(at.split(',')[1])))"""


def test_the_lines_stand_where_the_table_says(explorer):
    page = explorer("?experiment=study&arms=everything,tanh")
    page.get_by_text("All values, epoch by epoch").click()
    table = page.locator("details table")
    table.wait_for()
    columns = table.locator("thead th").all_inner_texts()[1:]
    cells = table.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.querySelectorAll('td')].map(it => Number(it.innerText)))"
    )
    assert columns[:4] == [*(f"everything, seed {seed}" for seed in range(3)), "everything, mean"]
    heights = np.array(page.evaluate(HEIGHTS))  # a line each, in the table's order
    values = np.array(cells).T
    assert heights.shape == values.shape == (8, 12)
    slope, start = np.polyfit(values.ravel(), heights.ravel(), 1)
    assert slope < 0 and np.abs(start + slope * values - heights).max() < 0.05
    ends = page.locator(".table-scroll table").first
    assert ends.locator("tbody tr").first.inner_text().split("\t")[1] == f"{values[0, -1]:.2f}"


def test_the_table_is_taken_along(explorer):
    page = explorer("?experiment=two-conv-rate", accept_downloads=True)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    assert download.value.suggested_filename == "two-conv-rate-validation_accuracy.csv"
    text = download.value.path().read_text(encoding="utf-8")
    page.get_by_role("button", name="Copy CSV").click()
    page.locator("#runs pre").wait_for()
    assert page.locator("#runs pre").text_content() == text
    assert text.startswith(
        "experiment,arm,seed,epoch,validation_accuracy\ntwo-conv-rate,rate-0.025,0,1,"
    )


def test_without_scripts_it_stands_there_how_all_runs_ended(explorer, data):
    page = explorer(scripts=False)
    rows = page.locator("#runs tbody tr").all_inner_texts()
    assert len(rows) == sum(len(e["arms"]) for e in data["experiments"].values())
    mean = results.recorded("study").query("arm == 'bare'").groupby("seed").last()
    line = f"study\tbare\t3\ttest images\t{mean['test_accuracy'].mean():.2f}"
    assert line in rows


def test_every_link_to_the_page_says_a_choice(arithmetic, site):
    texts = (path.read_text(encoding="utf-8") for path in site.paths)
    links = {unescape(link) for text in texts for link in re.findall(r'runs\.html\?([^"]+)"', text)}
    assert len(links) > 10
    settled = "text => { const it = runs.fromAddress(text); return it && runs.toAddress(it); }"
    for text in links:
        found = arithmetic(settled, text)
        assert found, text
        said = dict(part.split("=") for part in text.split("&"))
        assert said.items() >= dict(part.split("=") for part in found.split("&")).items()
        assert not set(said["arms"].split(",")) - set(
            arithmetic("text => runs.fromAddress(text).arms", text)
        )


def test_the_library_that_draws_says_its_version_and_licence():
    folder = STATIC / "plot"
    first = (folder / "index.js").read_text(encoding="utf-8")[:600]
    assert "Observable Plot 0.6.17" in first and "esbuild" in first
    licences = (folder / "LICENSE").read_text(encoding="utf-8")
    assert "@observablehq/plot 0.6.17" in licences and "d3-scale 4.0.3" in licences
