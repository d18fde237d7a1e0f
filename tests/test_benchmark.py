"""What is counted and divided, by hand; clocks are replaced, since no test may time anything."""

import json
import multiprocessing
import re
import signal
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import DeviceType
from torch.utils.flop_counter import FlopCounterMode

from alexnet_course import benchmark as module
from alexnet_course import race as race_module
from alexnet_course.__main__ import main
from alexnet_course.architectures import ARCHITECTURES
from alexnet_course.arithmetic import training_operations
from alexnet_course.benchmark import images_per_second, profile, summary, text
from alexnet_course.experiments import Arm, Experiment
from alexnet_course.network import build
from alexnet_course.optimisers import SGD
from alexnet_course.recipes import EVERYTHING, Recipe
from alexnet_course.results import RecordError
from alexnet_course.tutorials import Tutorial, published_steps

CPU = torch.device("cpu")


class Clock:
    """Each step takes ``seconds`` on it."""

    def __init__(self, seconds):
        self.now, self.seconds = 0.0, seconds

    def steps(self, sizes):
        for size in sizes:
            self.now += self.seconds
            yield size


@pytest.fixture
def clock(monkeypatch):
    def start(seconds):
        clock = Clock(seconds)
        monkeypatch.setattr(module.time, "perf_counter", lambda: clock.now)
        return clock

    return start


@pytest.mark.parametrize("name", ["two-conv", "adam-augmented", "torchvision"])
def test_training_operations_are_what_pytorch_counts(name):
    architecture = ARCHITECTURES[name]
    network = build(architecture, seed=0)
    images = torch.randn(2, *architecture.input_shape)
    with FlopCounterMode(display=False) as counter:
        F.cross_entropy(network(images), torch.tensor([0, 1])).backward()
    assert counter.get_total_flops() == 2 * training_operations(architecture)


def test_training_operations_of_two_conv_by_hand():
    conv1, conv2 = 64 * 75 * 28 * 28, 64 * 64 * 25 * 9 * 9
    linear = 1024 * 384 + 384 * 192 + 192 * 10
    assert training_operations(ARCHITECTURES["two-conv"]) == (4 * conv1 + 6 * conv2 + 6 * linear)


def test_step_times_are_of_an_image_and_the_fastest_round_counts(monkeypatch):
    speeds = iter([10.0, 100.0, 20.0, 50.0])
    monkeypatch.setattr(module, "images_per_second", lambda *_: next(speeds))
    networks = dict.fromkeys(("one", "other"), ARCHITECTURES["four-conv"])
    times = module.step_times(networks, EVERYTHING, images=4, rounds=2)
    assert times == {"one": 1 / 20, "other": 1 / 100}


def test_images_per_second_counts_until_the_time_is_over(clock):
    # 0.5 s a step: the sixth ends at 3 s. Six steps of 10 images in 3 s.
    assert images_per_second(clock(0.5).steps([10] * 100), 3, CPU) == 20


def test_at_least_two_steps_are_taken(clock):
    assert images_per_second(clock(10).steps([30, 50, 70]), 1, CPU) == 80 / 20


def test_a_loop_that_ends_is_timed_to_its_end(clock):
    assert images_per_second(clock(2).steps([30, 50, 70]), 100, CPU) == 150 / 6


def test_summary_by_hand():
    record = {
        "operations_per_image": 1e9,
        "published": [10, 20],
        "ours": [30, 40],
        "ceiling": [100, 100],
    }
    s = summary(record)
    assert (s["published"], s["ours"], s["ceiling"]) == (15, 35, 100)
    assert s["ratio"] == 2.5 and s["share"] == pytest.approx(35)
    assert s["ratio_half_width"] == pytest.approx(12.706 * 0.5, rel=1e-4)  # t with one degree
    assert "kept" not in s and summary(record | {"freeing": [25, 32]})["kept"] == 1.225
    assert "larger" not in s and summary(record | {"huge": [33, 48]})["larger"] == 1.15


def test_profile_shares_add_up_and_name_the_work():
    weights = torch.randn(300, 300)  # made beforehand: on a busy machine it may take longest

    def steps():
        while True:
            weights @ weights
            yield 1

    shares = profile(steps(), CPU)
    assert sum(shares.values()) == pytest.approx(100, abs=0.5)
    assert max(shares, key=shares.get) == "aten::mm"


@pytest.mark.parametrize(("microseconds", "share"), [(30, 75.0), (0, 0.0)])
def test_a_profile_on_a_gpu_counts_each_kernel_once(monkeypatch, microseconds, share):
    """PyTorch lists a kernel's time twice: as the kernel's own, and of what began it."""

    def event(key, kind, time):
        return SimpleNamespace(key=key, device_type=kind, self_device_time_total=time)

    events = [
        event("aten::mm", DeviceType.CPU, microseconds),
        event("aten::relu", DeviceType.CPU, microseconds / 3),
        event("sm90_gemm", DeviceType.CUDA, microseconds),
        event("elementwise", DeviceType.CUDA, microseconds / 3),
    ]
    seen = SimpleNamespace(key_averages=lambda: events)
    monkeypatch.setattr("torch.profiler.profile", lambda activities: nullcontext(seen))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    shares = profile(iter([1] * 3), torch.device("cuda"))
    assert shares["aten::mm"] == share and "sm90_gemm" not in shares
    assert sum(shares.values()) == 100  # where no times can be had, all is everything else


@pytest.fixture
def small(tiny, tiny_data, monkeypatch):
    """A tutorial of the tiny network, its data, and a race of two seeds that it can be run in."""
    recipe = Recipe("published", epochs=2, batch_size=8, optimiser=SGD(0.02))
    small = Tutorial(tiny, recipe, module.tutorial("two-conv").prepare, best=50.0, epoch=2)
    monkeypatch.setitem(module.tutorial.__globals__["TUTORIALS"], "small", small)
    trial = Experiment("small-race", "How soon?", {"ours": Arm(tiny, recipe)}, seeds=(0, 1))
    monkeypatch.setitem(race_module.EXPERIMENTS, "small-race", trial)
    data = replace(tiny_data, name="CIFAR-10")
    monkeypatch.setattr("alexnet_course.data.cifar10", lambda **options: data)
    monkeypatch.setattr(module, "peak_memory", lambda *arguments: 2**20)

    @contextmanager
    def in_this_process(loop, name, device, precision):
        if loop == "published":
            steps = published_steps(small, data.train, device)
        else:
            steps = module.our_steps(module.our_trainer(name, data, device, precision))
        yield lambda seconds: images_per_second(steps, seconds, device)

    for where in (module, race_module):
        monkeypatch.setattr(where, "loop_apart", in_this_process)
    return small


@pytest.mark.parametrize("huge", [True, False])
def test_benchmark_stores_and_prints_a_record(small, tmp_path, capsys, monkeypatch, huge):
    monkeypatch.setattr(module, "has_huge_pages", lambda: huge)
    options = ["--rounds", "2", "--seconds", "0.01", "--out", str(tmp_path)]
    assert main(["benchmark", "small", *options]) == 0
    record = json.loads((tmp_path / "benchmark" / "small-cpu.json").read_text())
    assert record["tutorial"] == "small" and record["images"] == "CIFAR-10"
    loops = {"published", "ours", "freeing"} | ({"huge"} if huge else set())
    assert all(len(record[key]) == 2 and min(record[key]) > 0 for key in {"ceiling", *loops})
    assert record["memory"].keys() == loops and ("huge" in record) == huge
    assert {"command", "commit", "hardware", "precision", "versions", "finished"} <= record.keys()
    out = capsys.readouterr().out
    assert text(record) in out and "1 MiB" in out and "giving back freed memory" in out
    assert ("in huge pages" in out) == huge


def test_memory_is_measured_in_a_process_of_its_own(monkeypatch):
    monkeypatch.setenv("ALEXNET_COURSE_CIFAR10", "stand-in")
    held = torch.ones(300_000_000 // 4)  # 300 MB in this process, which must not count there
    size = module.peak_memory("ours", "two-conv", CPU, "float32")
    assert size is None or 100e6 < size < 100e6 + 1.5e9
    del held


@pytest.mark.parametrize("loop", module.LOOPS)
def test_each_loop_runs_in_a_process_of_its_own(monkeypatch, loop):
    """It takes steps when it is asked to, and none of them in this process."""
    monkeypatch.setenv("ALEXNET_COURSE_CIFAR10", "stand-in")
    monkeypatch.setattr(module, "_steps", None)
    with module.loop_apart(loop, "two-conv", CPU, "float32") as measure:
        (process,) = multiprocessing.active_children()
        assert all(0 < measure(0.01) < 1e6 for _ in range(2))
    assert not process.is_alive() and process not in multiprocessing.active_children()


def test_huge_pages_are_asked_for_that_loop_alone(monkeypatch):
    asked = []

    @contextmanager
    def noted():
        asked.append(loop)
        yield

    monkeypatch.setattr(module, "huge_pages_for_children", noted)
    monkeypatch.setattr(module, "_time_loop", print)  # it ends at once
    for loop in module.LOOPS:
        with pytest.raises(RuntimeError), module.loop_apart(loop, "two-conv", CPU, "float32"):
            pass
    assert asked == ["huge"]


def test_only_our_loop_keeps_what_it_frees_unless_it_is_told_not_to(small, tiny_data, monkeypatch):
    kept = []
    monkeypatch.setattr(module, "keep_freed_memory", lambda: kept.append(loop))
    for loop in module.LOOPS:
        assert next(module._steps(loop, "small", tiny_data, CPU, "float32")) == 8
    assert kept == ["ours", "huge"]


def test_a_loop_that_ends_too_soon_is_an_error(monkeypatch):
    monkeypatch.setattr(module, "_time_loop", print)
    words = "that runs the published loop of two-conv ended before it was done"
    alone = module.loop_apart("published", "two-conv", CPU, "float32")
    with pytest.raises(RuntimeError, match=words), alone:
        pass


def test_race_compares_whole_runs_with_the_published_epochs(small, tmp_path, capsys):
    assert main(["race", "small", "--seconds", "0.01", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    record = json.loads((tmp_path / "race" / "small-cpu.json").read_text())
    assert record["our_seeds"] == [0, 1] and record["our_epochs"] == 2
    speeds = record["published_images_per_second"]
    assert len(speeds) == 2
    published = 2 * 30 / (sum(speeds) / 2)
    assert record["published_seconds"] == pytest.approx(published, abs=0.001)
    ours = sum(record["our_seconds"]) / 2
    assert record["times_sooner"] == pytest.approx(published / ours, rel=0.01, abs=0.01)
    mean = sum(record["our_accuracies"]) / 2
    assert record["reached"] == (mean >= 50)
    assert race_module.recorded_race("small", folder=tmp_path) == record
    assert "extrapolated" in out and ("does NOT reach" in out) == (mean < 50)


def test_runs_of_other_hardware_are_not_counted_as_this_ones(small, tmp_path, capsys):
    assert main(["race", "small", "--seconds", "0.01", "--out", str(tmp_path)]) == 0
    for path in (tmp_path / "small-race").glob("*.json"):
        manifest = json.loads(path.read_text()) | {"hardware": "another machine", "seconds": 1e9}
        path.write_text(json.dumps(manifest))
    for path in (tmp_path / "small-race").glob("*seed?.csv"):
        path.write_text(path.read_text().replace("seconds\n", "was\n"))
    assert main(["race", "small", "--seconds", "0.01", "--out", str(tmp_path)]) == 0
    record = json.loads((tmp_path / "race" / "small-cpu.json").read_text())
    assert max(record["our_seconds"]) < 1000


def test_standings_put_accuracies_and_measured_speeds_together(small, monkeypatch, tmp_path):
    arm = Arm(small.architecture, small.recipe)
    ways = Experiment("small", "How well?", {"published": arm, "trained-well": arm}, seeds=(0,))
    monkeypatch.setitem(race_module.EXPERIMENTS, "small", ways)
    place = ["--out", str(tmp_path)]
    assert main(["race", "small", "--seconds", "0.01", *place]) == 0
    assert main(["experiment", "small", *place]) == 0
    before = race_module.standings(tmp_path).set_index("way")
    assert set(before.index) == {"shortest", "published", "trained well"}
    assert before.drop(index="shortest")["seconds"].isna().all()
    elsewhere = race_module.standings(tmp_path, device="cuda")  # nothing was timed there
    assert len(elsewhere) == 3
    assert elsewhere["seconds"].isna().all() and elsewhere["images_per_second"].isna().all()
    assert main(["benchmark", "small", "--rounds", "2", "--seconds", "0.01", *place]) == 0
    rows = race_module.standings(tmp_path).set_index("way")
    row = rows.loc["shortest"]
    assert (row["tutorial"], row["seeds"], row["epochs"], row["of"]) == ("small", 2, 2, 2)
    race = json.loads((tmp_path / "race" / "small-cpu.json").read_text())
    assert row["seconds"] == pytest.approx(sum(race["our_seconds"]) / 2)
    assert row["images_per_second"] == pytest.approx(2 * 30 / row["seconds"])
    assert row["accuracy"] == pytest.approx(sum(race["our_accuracies"]) / 2, abs=0.005)
    record = json.loads((tmp_path / "benchmark" / "small-cpu.json").read_text())
    for way, row in rows.drop(index="shortest").iterrows():
        speed = sum(record["published" if way == "published" else "ours"]) / 2
        assert row["images_per_second"] == pytest.approx(speed)
        assert row["seconds"] == pytest.approx(row["epochs"] * 30 / speed)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[:100],
        lambda text: text.replace('"tutorial": "small"', '"tutorial": "large"'),
        lambda text: text.replace('"device": "cpu"', '"device": 0'),
        lambda text: text.replace('"ours": [', '"ours": [7, '),
        lambda text: text.replace('"ours": [', '"ours": ["fast", '),
        lambda text: text.replace('"ceiling"', '"floor"'),
        lambda text: re.sub(r'"published": \[[^]]*]', '"published": [0, 0]', text, count=1),
    ],
)
def test_a_damaged_benchmark_is_named(small, tmp_path, damage):
    speeds = {"ours": [30, 40], "published": [10, 20], "ceiling": [100, 100]}
    record = {"tutorial": "small", "device": "cpu", "operations_per_image": 1e9, **speeds}
    path = tmp_path / "benchmark" / "small-cpu.json"
    module.store(path, record)
    assert module.recorded_benchmarks(tmp_path)[0]["summary"]["ratio"] == 2.5
    whole = re.sub(r"\n\s*", " ", path.read_text())
    path.write_text(damage(whole))
    assert path.read_text() != whole
    with pytest.raises(RecordError, match=f"{path} is damaged"):
        race_module.standings(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-20],
        lambda text: text.replace('"tutorial": "small"', '"tutorial": "large"'),
        lambda text: text.replace('"our_seeds": [0, 1]', '"our_seeds": [0]'),
        lambda text: text.replace('"times_sooner": 2', '"times_sooner": -2'),
        lambda text: text.replace('"our_seconds"', '"their_seconds"'),
    ],
)
def test_a_damaged_race_is_named(small, tmp_path, damage):
    record = {"tutorial": "small", "device": "cpu", "published_seconds": 9.0, "times_sooner": 2.0}
    record |= {"our_seeds": [0, 1], "our_accuracies": [50.0, 52.0], "our_seconds": [4.0, 5.0]}
    path = tmp_path / "race" / "small-cpu.json"
    module.store(path, record)
    assert race_module.recorded_race("small", folder=tmp_path)["our_seconds"] == [4.0, 5.0]
    whole = re.sub(r"\n\s*", " ", path.read_text()).replace("[ ", "[").replace(" ]", "]")
    path.write_text(damage(whole))
    assert path.read_text() != whole
    with pytest.raises(RecordError, match=f"{path} is damaged"):
        race_module.recorded_race("small", folder=tmp_path)
    with pytest.raises(FileNotFoundError):
        race_module.recorded_race("small", "cuda", tmp_path)


def test_a_folder_that_is_not_there_holds_no_benchmarks(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere"):
        module.recorded_benchmarks(tmp_path / "nowhere")


def test_names_alone_and_numbers_out_of_range(small, tmp_path):
    module.run_benchmark("small", 1, 0.01, "float32", tmp_path)
    assert [path.name for path in (tmp_path / "benchmark").iterdir()] == ["small-cpu.json"]
    for options in ({"rounds": True}, {"rounds": 1.0}, {"seconds": "3"}, {"seconds": None}):
        with pytest.raises(ValueError, match=r"is .*; it must be a"):
            module.run_benchmark("small", folder=tmp_path, **options)
    with pytest.raises(ValueError, match="seconds is '3'; it must be a number above 0"):
        race_module.run_race("small", "3", folder=tmp_path)


def test_a_process_that_ends_without_a_word_is_told_in_one(monkeypatch, capfd):
    monkeypatch.setattr(module, "_measure_memory", print)
    with pytest.raises(RuntimeError, match="the memory of two-conv ended before it was done"):
        module.peak_memory("ours", "two-conv", CPU, "float32")


def test_ctrl_c_is_not_for_the_process_that_measures_memory(monkeypatch):
    """It would print a traceback of its own; it inherits what is set as it starts."""
    seen = []
    context = module.multiprocessing.get_context("spawn")
    monkeypatch.setattr(
        context.Process, "start", lambda self: seen.append(signal.getsignal(signal.SIGINT))
    )
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises((RuntimeError, AssertionError, AttributeError)):
        module.peak_memory("ours", "two-conv", CPU, "float32")
    assert seen == [signal.SIG_IGN] and signal.getsignal(signal.SIGINT) == before


def test_a_network_without_a_race_is_answered_with_those_that_have_one(capsys):
    assert main(["race", "image-folder"]) == 2
    assert "no race 'image-folder'; choose one of" in capsys.readouterr().err
