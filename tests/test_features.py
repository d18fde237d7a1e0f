"""What is said of a trained network: against hand counts, SciPy and loops."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from torch import nn
from torch.nn import functional as F

import alexnet_course.data
from alexnet_course import features, training
from alexnet_course.__main__ import main
from alexnet_course.architectures import ARCHITECTURES, Architecture
from alexnet_course.data.images import Split
from alexnet_course.data.preparation import Preparation
from alexnet_course.experiments import EXPERIMENTS, Arm, Experiment
from alexnet_course.layers import Conv, Flatten, Linear, Pool, ReLU
from alexnet_course.network import build
from alexnet_course.optimisers import SGD
from alexnet_course.recipes import FirstWeights, Recipe
from alexnet_course.recording import run
from alexnet_course.results import RecordError, record_path

SMALL = Architecture(  # a five-fold tower such as the one whose weights are kept
    "small",
    (3, 32, 32),
    (
        Conv("conv1", 4, kernel=5, padding=2),
        ReLU("relu1"),
        Pool("pool1", kernel=3, stride=2),
        Conv("conv2", 4, kernel=3, padding=1),
        Pool("pool2", kernel=3, stride=2),
        Conv("conv3", 4, kernel=3, padding=1),
        ReLU("relu3"),
        Pool("pool4", kernel=3, stride=2),
        Flatten("flatten"),
        Linear("fc5", 8),
        ReLU("relu5"),
        Linear("fc6", 3),
    ),
)


# Kernels


def test_slow_waves_are_smooth_and_fast_ones_are_not():
    place = torch.arange(5.0)
    slow, fast = (torch.cos(2 * math.pi * n * place / 5) for n in (1, 2))
    kernels = torch.stack(
        [torch.ones(5, 5), slow.expand(5, 5), fast.expand(5, 5), slow + fast[:, None]]
    )
    shares = features.smooth_shares(kernels[:, None].expand(-1, 3, -1, -1))
    assert shares.tolist() == pytest.approx([1, 1, 0, 0.5], abs=1e-6)


def test_nine_parts_in_25_of_noise_are_smooth():
    noise = torch.randn(4000, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    assert features.smooth_shares(noise).mean().item() == pytest.approx(9 / 25, abs=0.01)


def test_a_grating_is_oriented_and_a_blob_or_a_cross_is_not():
    place = torch.arange(5.0)
    wave = torch.cos(2 * math.pi * place / 5)
    kernels = torch.stack([wave.expand(5, 5), 3 + wave[:, None].expand(5, 5), wave + wave[:, None]])
    shares = features.oriented_shares(kernels[:, None].expand(-1, 3, -1, -1))
    assert shares.tolist() == pytest.approx([1, 1, 0], abs=1e-6)


# Layers and patches


def test_outputs_of_layers_are_those_of_its_first_layers():
    network = build(SMALL, seed=0)
    images = torch.randn(2, 3, 32, 32)
    made = features.outputs(network, images, ["relu5", "pool1"])
    assert torch.equal(made["pool1"], network[:3](images))
    assert torch.equal(made["relu5"], network[:-1](images)) and not network.training
    with pytest.raises(KeyError, match="no layer conv9"):
        features.outputs(network, images, ["conv9"])


@pytest.mark.parametrize("layer", ["conv1", "relu1", "pool1", "conv2", "pool2", "relu3"])
def test_an_output_depends_on_its_patch_alone_and_on_all_of_it(layer):
    """Autograd says on which pixels an output depends; the patch holds these and grey."""
    ones = replace(SMALL, layers=tuple(x for x in SMALL.layers if x.kind != "relu"))
    layer = layer.replace("relu", "conv")
    network = build(ones)
    for module in network:
        if isinstance(module, nn.Conv2d):
            nn.init.ones_(module.weight)
    numbered = (
        torch.arange(1, 1 + 32 * 32, dtype=torch.float32).reshape(1, 32, 32).expand(3, -1, -1)
    )
    image = torch.zeros(1, 3, 32, 32, requires_grad=True)
    x = image
    for name, module in network.named_children():  # averages let every pixel of a window through
        is_pool = isinstance(module, nn.MaxPool2d)
        x = F.avg_pool2d(x, module.kernel_size, module.stride) if is_pool else module(x)
        if name == layer:
            break
    for row, column in ((0, 0), (3, 2), (x.shape[2] - 1, x.shape[3] // 2)):
        (gradient,) = torch.autograd.grad(x[0, 0, row, column], image, retain_graph=True)
        seen = set(numbered[0][gradient[0, 0] != 0].tolist())
        cut = features.patch(numbered.contiguous(), ones, layer, row, column)
        grey = cut[0] == features.GREY
        values = set(cut[0].flatten().tolist())
        assert values - {float(features.GREY)} == seen - {float(features.GREY)}
        outside = cut[0].numel() - len(seen)
        assert grey.sum().item() == outside + (float(features.GREY) in seen)


def test_the_strongest_answers_are_one_of_each_image():
    maps = torch.zeros(4, 2, 3, 5)
    maps[0, 1, 2, 3], maps[1, 1, 0, 4], maps[3, 1, 1, 1] = 2.0, 5.0, 3.0
    maps[1, 1, 2, 2], maps[2, 0] = 4.0, 9.0  # second in its image; another channel
    found = features.strongest(maps, 1, count=3)
    assert found.to_dict("list") == {
        "image": [1, 3, 0],
        "row": [0, 1, 2],
        "column": [4, 1, 3],
        "value": [5.0, 3.0, 2.0],
    }


def test_a_channel_answers_most_to_the_grating_that_it_is():
    network = build(SMALL)
    angles = range(0, 180, 15)
    shown = features.gratings(32, angles, period=4)
    assert shown.shape == (12, 8, 3, 32, 32) and shown.abs().max() <= 1
    with torch.no_grad():
        for channel, angle in ((0, 0), (1, 90), (2, 45)):
            network.conv1.weight[channel] = features.gratings(5, [angle], 4)[0, 0]
    for channel, angle in ((0, 0), (1, 90), (2, 45)):
        curve = features.answers(network, "conv1", channel, shown).amax(1)
        assert curve.shape == (12,) and angles[int(curve.argmax())] == angle
    upright = shown[0, 0, 0]
    assert torch.allclose(upright, upright[:1].expand_as(upright))  # the same in each row


def test_hues_go_round_from_red_and_are_no_brighter_than_the_mean():
    colours = features.hues(4, 6)
    assert torch.allclose(colours.sum(1), torch.zeros(6, 4, 4), atol=1e-6)
    assert colours[:, :, 0, 0].argmax(1).tolist()[::2] == [0, 1, 2]  # red, green, blue
    assert colours[1, :, 0, 0].tolist() == pytest.approx([0.5, 0.5, -1])  # yellow


def test_a_channels_page_shows_what_it_answers_to_most(tiny_data):
    network = build(SMALL, seed=0)
    preparation = Preparation((), tiny_data.train.images)
    split, classes = tiny_data.train, tiny_data.classes
    for layer, title in (("relu1", "kernel"), ("pool2", "strongest patch")):
        axes = features.channel_page(network, layer, 1, split, preparation, classes).axes
        found = {axis.get_title() or axis.get_title(loc="left"): axis for axis in axes}
        assert {title, "to stripes", "to colours"} <= found.keys()
        maps = features.outputs(network, preparation(split.images), [layer])[layer]
        image = int(maps[:, 1].flatten(1).amax(1).argmax())
        assert axes[1].get_title() == classes[split.labels[image]]
        assert len(found["to colours"].lines[0].get_xdata()) == 24


# Answers

LIKELY = torch.tensor(
    [[0.95, 0.03, 0.02], [0.3, 0.6, 0.1], [0.55, 0.25, 0.2], [0.1, 0.1, 0.8], [0.05, 0.91, 0.04]]
)
LABELS = torch.tensor([0, 0, 0, 2, 2])


def test_confusion_counts_by_class_and_guess():
    table = features.confusion(LIKELY, LABELS, "abc")
    assert table.to_numpy().tolist() == [[2, 1, 0], [0, 0, 0], [0, 1, 1]]
    assert list(table.index) == list(table.columns) == ["a", "b", "c"]


def test_reliability_and_its_error_by_hand():
    """In tenths: 0.6 and 0.55 in the sixth, one of two right; 0.8 right; 0.95 right, 0.91 wrong."""
    table = features.reliability(LIKELY, LABELS)
    assert table["images"].to_dict() == {6: 2, 8: 1, 10: 2}
    assert table["sure"].tolist() == pytest.approx([57.5, 80, 93])
    assert table["right"].tolist() == [50, 100, 50]
    expected = (2 * 7.5 + 20 + 2 * 43) / 5
    assert features.calibration_error(table) == pytest.approx(expected)


def test_the_hardest_mistakes_are_wrong_and_sure():
    assert features.hardest(LIKELY, LABELS).tolist() == [4, 1]
    assert features.hardest(LIKELY, LABELS, 1).tolist() == [4]
    assert features.hardest(LIKELY[:1], LABELS[:1]).tolist() == []


def test_occlusion_hides_each_place_once():
    """A network that sums the red of one pixel notices only squares over it."""

    class OnePixel(nn.Module):
        def forward(self, images):
            red = images[:, 0, 2, 5]
            return torch.stack([red, torch.zeros_like(red)], 1)

    image = torch.zeros(3, 6, 8)
    image[0, 2, 5] = 3.0
    left = features.occlusion(OnePixel(), image, 0, side=3)
    assert left.shape == (6, 8)
    expected = torch.full((6, 8), 3.0)  # p = 1 / (1 + exp(−3)); one half where it is hidden
    expected[1:4, 4:7] = 0
    torch.testing.assert_close(left, expected)
    coarse = features.occlusion(OnePixel(), image, 0, side=3, step=2)
    torch.testing.assert_close(coarse, expected[::2, ::2])


# Neighbours and probes


def test_nearest_as_scipy_finds_them():
    generator = torch.Generator().manual_seed(0)
    queries, stored = (torch.randn(n, 7, generator=generator) for n in (30, 50))
    expected = np.argsort(cdist(queries, stored), axis=1)[:, :4]
    assert (features.nearest(queries, stored, 4).numpy() == expected).all()
    labels, stored_labels = torch.arange(30) % 3, torch.arange(50) % 3
    by_loop = np.mean(
        [[stored_labels[j] == labels[i] for j in row] for i, row in enumerate(expected)]
    )
    share = features.shared_class(torch.tensor(expected), labels, stored_labels)
    assert share == pytest.approx(100 * by_loop)


def test_a_probe_reads_what_is_linear_and_nothing_else():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(600, 5, generator=generator)
    train, held = x[:400] * 10 + 3, x[400:] * 10 + 3  # of any scale and offset
    linear = (x[:, 0] + x[:, 1] > 0).long()
    accuracy = features.linear_probe(train, linear[:400], held, linear[400:], 1e-6)
    assert accuracy > 95
    product = (x[:, 0] * x[:, 1] > 0).long()
    assert features.linear_probe(train, product[:400], held, product[400:]) < 60


def test_a_probe_is_the_least_squares_of_numpy():
    generator = torch.Generator().manual_seed(1)
    x, held = (torch.randn(n, 4, generator=generator) for n in (40, 25))
    labels, held_labels = torch.arange(40) % 3, torch.arange(25) % 3
    mean, deviation = x.mean(0), x.std(0)

    def scaled(part):
        return np.c_[((part - mean) / deviation).double().numpy(), np.ones(len(part))]

    targets = np.eye(3)[labels]
    weights = np.linalg.lstsq(scaled(x), targets, rcond=None)[0]
    expected = 100 * ((scaled(held) @ weights).argmax(1) == held_labels.numpy()).mean()
    assert features.linear_probe(x, labels, held, held_labels, 0) == pytest.approx(expected)


def test_maps_are_pooled_to_sixteen_parts_and_vectors_kept():
    maps = torch.arange(2 * 64.0).reshape(1, 2, 8, 8)
    assert features.pooled(maps).shape == (1, 32)
    assert features.pooled(maps)[0, 0] == maps[0, 0, :2, :2].mean()
    assert torch.equal(features.pooled(maps.flatten(1)), maps.flatten(1))
    small = torch.randn(2, 5, 3, 3)
    assert torch.equal(features.pooled(small), small.flatten(1))


# Recorded


@pytest.fixture
def kept(monkeypatch, tmp_path, tiny_data):
    """A folder in which a small network was recorded with its weights, for two seeds."""
    data = replace(tiny_data, name="CIFAR-10")
    monkeypatch.setattr(alexnet_course.data, "cifar10", lambda **options: data)
    monkeypatch.setattr(training, "best_device", lambda: torch.device("cpu"))
    recipe = Recipe("short", epochs=1, batch_size=8, optimiser=SGD(0.05))
    arms = {features.ARM: Arm(SMALL, recipe, keeps=("all",))}
    chosen = Experiment(features.EXPERIMENT, "?", arms, seeds=(0, 1))
    monkeypatch.setitem(EXPERIMENTS, features.EXPERIMENT, chosen)
    run(chosen, folder=tmp_path, precision="float32")
    return tmp_path, data


def test_kept_networks_are_measured_and_recorded(kept, capsys):
    folder, data = kept
    assert main(["features", "--out", str(folder)]) == 0
    assert features.measured_seeds(folder) == [0, 1]
    record = features.measured_features(1, folder)
    network = features.trained(features.EXPERIMENT, features.ARM, 1, folder)
    recipe = EXPERIMENTS[features.EXPERIMENT].arms[features.ARM].recipe
    preparation = Preparation(recipe.preparation, data.train.images)
    guesses = network(preparation(data.held_out.images))
    right = (guesses.argmax(1) == data.held_out.labels).float().mean().item()
    assert record["accuracy"] == pytest.approx(100 * right, abs=0.01)
    counts = np.array(record["confusion"])
    assert counts.sum() == len(data.held_out) and record["classes"] == list(data.classes)
    assert counts.trace() / counts.sum() == pytest.approx(right)
    assert sum(record["reliability"]["images"]) == len(data.held_out)
    assert record["neighbours"].keys() == {"pixels-1", "pixels-5", "relu5-1", "relu5-5"}
    assert len(record["probes"]) == 1 + 2 * len(features.LAYERS)
    capsys.readouterr()
    assert main(["features", "--out", str(folder), "--seeds", "1"]) == 0
    assert capsys.readouterr().out.count("recorded already") == 1


def test_a_changed_record_and_a_missing_one_are_noticed(kept):
    folder, _ = kept
    with pytest.raises(FileNotFoundError):
        features.measured_features(0, folder)
    features.run_features(folder, [0])
    path = features.measured_path(0, folder)
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"accuracy": 99.0}))
    with pytest.raises(RecordError, match="its digest is not that of its content"):
        features.measured_features(0, folder)


def test_what_is_untrained_is_the_network_with_which_its_run_began(monkeypatch, kept):
    """A run that hardly moves ends with the weights that it began with."""
    folder, _ = kept
    (arm,) = EXPERIMENTS[features.EXPERIMENT].arms.values()
    recipe = replace(
        arm.recipe, optimiser=SGD(1e-30), first_weights=FirstWeights("he", stds={"conv1": 0.01})
    )
    still = replace(
        EXPERIMENTS[features.EXPERIMENT], arms={features.ARM: replace(arm, recipe=recipe)}
    )
    monkeypatch.setitem(EXPERIMENTS, features.EXPERIMENT, still)
    run(still, folder=folder / "still", precision="float32")
    features.run_features(folder / "still")
    for seed in (0, 1):
        began = features.before_training(seed).state_dict()
        ended = features.trained(features.EXPERIMENT, features.ARM, seed, folder / "still")
        for name, weight in ended.state_dict().items():
            assert torch.equal(weight, began[name].half().float()), name
        probes = features.measured_features(seed, folder / "still")["probes"]
        for layer in features.LAYERS:
            trained, untrained = (probes[f"{layer}, {one}"] for one in ("trained", "untrained"))
            assert trained == pytest.approx(untrained, abs=7)  # one of 15: kept in 16 bits


def test_what_is_measured_belongs_to_the_weights_that_are_there(kept):
    folder, _ = kept
    features.run_features(folder, [0])
    manifest = record_path(features.EXPERIMENT, features.ARM, 0, "json", folder)
    stored = json.loads(manifest.read_text())["weights_digests"]["weights.npz"]
    assert features.measured_features(0, folder)["weights_digest"] == stored


# ImageNet


def test_imagenet_weights_are_read_from_torchvisions_file(monkeypatch, tmp_path):
    """Random weights of the right shapes stand in for the file; they are loaded as torchvision
    loads its own, and none is fetched.
    """
    from torchvision.models import AlexNet_Weights, alexnet

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(features.NoWeights, match=r"needed: alexnet-\S+\.pth, 233 MB, from https"):
        features.imagenet_alexnet()
    weights = AlexNet_Weights.IMAGENET1K_V1
    file = tmp_path / "checkpoints" / weights.url.rpartition("/")[2]
    file.parent.mkdir()
    torch.manual_seed(0)
    theirs = alexnet().eval()
    torch.save(theirs.state_dict(), file)

    def from_file(url, *_, **__):
        assert url == weights.url
        return torch.load(file, weights_only=True)

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", from_file)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", from_file)
    ours = features.imagenet_alexnet()
    images = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images))
    assert ours.architecture == ARCHITECTURES["torchvision"] and not ours.training


def test_without_a_network_it_says_what_is_needed_and_where(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))

    def fails(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fails)
    with pytest.raises(features.NoWeights, match=r"torch.hub.get_dir\(\).*no route to host"):
        features.imagenet_alexnet(download=True)


def test_probabilities_are_the_softmax_without_dropout(tiny, tiny_data):
    network = build(tiny, seed=0).train()
    preparation = Preparation((), tiny_data.train.images)
    part = Split(tiny_data.train.images[:7], tiny_data.train.labels[:7])
    likely = features.probabilities(network, part, preparation)
    assert torch.allclose(likely.sum(1), torch.ones(7)) and not network.training
    assert torch.allclose(likely, network(preparation(part.images)).softmax(1))
