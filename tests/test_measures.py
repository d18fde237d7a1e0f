"""Measures of trained networks, against networks whose answers are known beforehand."""

from collections import OrderedDict

import pytest
import torch
from torch import nn

from alexnet_course.data import Preparation, Split
from alexnet_course.data.preparation import CentreCrop, MinusOneToOne, PerChannel
from alexnet_course.measures import (
    dead_units,
    flat_outputs,
    masked_passes,
    measure_all,
    mirrored,
    response_norms,
    ten_crops,
    top_errors,
    tower_colours,
)
from alexnet_course.network import LocalResponseNorm, build


@pytest.fixture
def scale(tiny_data):
    return Preparation((MinusOneToOne(),), tiny_data.train.images)


@torch.no_grad()
def test_a_map_is_dead_that_no_image_makes_positive_anywhere(tiny, tiny_data, scale):
    network = build(tiny, seed=0)
    network.conv1.weight.zero_()
    network.conv1.bias.copy_(torch.tensor([-1.0, 1.0, 0.0, -1.0]))
    assert dead_units(network, tiny_data.held_out, scale) == {"relu1": 75.0}
    # One pixel of one image, in a later batch or not, brings the first map to life.
    network.conv1.weight[0, 0, 0, 0] = 1e6
    images = torch.zeros(700, 3, 32, 32, dtype=torch.uint8)
    images[650, 0, 2, 2] = 255
    split = Split(images, torch.zeros(700, dtype=torch.int64))
    network.conv1.bias[0] = 0.5e6
    assert dead_units(network, split, scale) == {"relu1": 50.0}
    network.conv1.bias[0] = -1e6
    assert dead_units(network, split, scale) == {"relu1": 75.0}
    assert not network.relu1._forward_hooks


def test_units_after_the_flatten_count_as_maps_do(tiny_data, scale):
    network = nn.Sequential(
        OrderedDict(flatten=nn.Flatten(), fc=nn.Linear(3 * 32 * 32, 8), relu=nn.ReLU())
    )
    with torch.no_grad():
        network.fc.weight.zero_()
        network.fc.bias.copy_(torch.tensor([-1.0] * 2 + [1.0] * 6))
    assert dead_units(network, tiny_data.held_out, scale) == {"relu": 25.0}


@pytest.mark.parametrize(
    ("activation", "flat"),
    [
        (nn.ReLU, [True, True, False, False, False]),
        (nn.Tanh, [True, False, False, False, True]),  # 1 − tanh² is 0.1 at 1.82
        (nn.Sigmoid, [False, False, False, False, False]),  # a tenth of a quarter at 3.64
    ],
)
def test_outputs_are_flat_where_the_slope_is_below_a_tenth_of_its_largest(activation, flat, scale):
    """Units with inputs −2, −1, 1, 1.5 and 2 for every image, in two batches."""
    inputs = torch.tensor([-2.0, -1.0, 1.0, 1.5, 2.0])
    slopes = torch.autograd.functional.jacobian(activation(), inputs).diagonal()
    most = {nn.ReLU: 1, nn.Tanh: 1, nn.Sigmoid: 0.25}[activation]
    assert (slopes < most / 10).tolist() == flat
    fc = nn.Linear(3, 5)
    with torch.no_grad():
        fc.weight.zero_()
        fc.bias.copy_(inputs)
    network = nn.Sequential(OrderedDict(flatten=nn.Flatten(), fc=fc, act=activation()))
    split = Split(torch.zeros(600, 3, 1, 1, dtype=torch.uint8), torch.zeros(600).long())
    assert flat_outputs(network, split, scale) == pytest.approx({"act": 20 * sum(flat)})


def test_what_a_normalisation_adds_is_averaged_over_channels_places_and_images(scale):
    """A quarter of the images is black, −1 everywhere; the others are grey, as good as 0."""
    images = torch.full((1000, 3, 2, 2), 127, dtype=torch.uint8)
    images[:250] = 0
    split = Split(images, torch.zeros(1000, dtype=torch.int64))

    def norms():
        return OrderedDict(
            lrn1=LocalResponseNorm(3, size=3, alpha=0.5, beta=0.75, k=12.0),
            lrn2=LocalResponseNorm(3, size=3, alpha=0.5, beta=0.75, k=0.1),
        )

    found = response_norms(nn.Sequential(norms()), split, scale)
    # Windows of two, three and two squares of 1, times 0.5: 1, 1.5 and 1. Above 1.2 is one of them.
    assert found["lrn1-mean"] == pytest.approx((1 + 1.5 + 1) / 3 / 4, rel=1e-3)
    assert found["lrn1-share"] == pytest.approx(25 / 3)
    # The second sees what the first has divided, and has more than its k / 10 in all black images.
    edge, middle = 1 / 13**1.5, 1 / 13.5**1.5  # squares of 1 / 13 ** 0.75 and so on
    sums = (edge + middle) + (2 * edge + middle) + (edge + middle)
    assert found["lrn2-mean"] == pytest.approx(0.5 * sums / 3 / 4, rel=1e-3)
    assert found["lrn2-share"] == pytest.approx(25)


@torch.no_grad()
def test_towers_share_out_colour_if_random_halves_seldom_lie_as_far_apart(tiny_data, scale):
    conv = nn.Conv2d(3, 4, 1)
    network = nn.Sequential(conv, nn.ReLU())
    grey, colour, red = [1.0, 1, 1], [1.0, -1, 0], [3.0, 0, 0]  # all, nothing, a third is grey

    def found(*kernels):
        conv.weight.copy_(torch.tensor(kernels).reshape(4, 3, 1, 1))
        return tower_colours(network, tiny_data.held_out, scale)

    apart = found(grey, [2.0, 2, 2], colour, colour)
    assert (apart["first"], apart["second"]) == pytest.approx((0, 100), abs=1e-4)
    # Of the three ways to halve four kernels one parts grey from colour; two leave no difference.
    assert (apart["chance"], apart["as-far"]) == pytest.approx((100 / 3, 100 / 3), abs=2)
    mixed = found(grey, colour, red, red)
    assert (mixed["first"], mixed["second"]) == pytest.approx((50, 200 / 3), abs=1e-4)
    assert found(red, red, red, red)["as-far"] == 100


def test_ten_crops_average_the_softmax_of_corners_centre_and_their_mirror_images(tiny, tiny_data):
    network = build(tiny.with_input(3, 26, 26), seed=0).eval()
    split = tiny_data.held_out
    scale = Preparation((CentreCrop(26), PerChannel()), tiny_data.train.images)
    sums = torch.zeros(len(split), 3)
    with torch.no_grad():
        for top, left in ((0, 0), (0, 6), (6, 0), (6, 6), (3, 3)):
            part = split.images[:, :, top : top + 26, left : left + 26]
            for seen in (part, part.flip(3)):
                sums += network(scale(seen)).softmax(1)
    expected = 100 * (sums.argmax(1) == split.labels).float().mean().item()
    alone = 100 * (network(scale(split.images)).argmax(1) == split.labels).float().mean().item()
    measured = ten_crops(network, split, scale)
    assert measured == pytest.approx({"centre": alone, "ten": expected})


class LeftSide(nn.Module):
    """The first pixel's value as the logit of class 0; class 1 has 0."""

    def forward(self, x):
        return torch.stack([x[:, 0, 0, 0], torch.zeros(len(x))], 1)


def test_an_image_and_its_mirror_image_are_asked_together():
    """Logits are first pixels: of an image's left side, then its right. Alone, the first three
    guess 0, 1, 1; together with their right sides, 1, 0 and 1.
    """
    sides = torch.tensor([[140, 0], [120, 255], [0, 0]], dtype=torch.uint8)
    images = sides[:, None, None, :].expand(3, 3, 2, 2).contiguous()
    preparation = Preparation((MinusOneToOne(),), images)
    for labels, expected in {
        (0, 1, 1): {"one": 100, "both": 100 / 3},
        (1, 0, 1): {"one": 100 / 3, "both": 100},
    }.items():
        measured = mirrored(LeftSide(), Split(images, torch.tensor(labels)), preparation)
        assert measured == pytest.approx(expected)


class AsPixels(nn.Module):
    """The first six pixels, as they are, for logits."""

    def forward(self, x):
        return x.flatten(1)[:, :6]


def test_top_errors_count_the_images_whose_class_is_not_among_the_likeliest():
    """Six grey levels in a row; the labels are the first, the second and the last in brightness."""
    rows = torch.tensor([[9, 1, 2, 3, 4, 5], [9, 8, 1, 2, 3, 4], [0, 1, 2, 3, 4, 9]])
    images = (20 * rows).to(torch.uint8)[:, None, None, :].expand(3, 3, 6, 6).contiguous()
    split = Split(images, torch.tensor([0, 1, 0]))
    found = top_errors(AsPixels(), split, Preparation((CentreCrop(6),), images))
    assert found["top-1, centre"] == pytest.approx(200 / 3)
    assert found["top-5, centre"] == pytest.approx(100 / 3)


def test_top_1_errors_are_what_ten_crops_miss(tiny, tiny_data):
    network = build(tiny.with_input(3, 28, 28), seed=0)
    parts = (CentreCrop(28), MinusOneToOne())
    preparation = Preparation(parts, tiny_data.train.images)
    found = top_errors(network, tiny_data.held_out, preparation)
    right = ten_crops(network, tiny_data.held_out, preparation)
    assert 0 < right["ten"] < 100
    for name, accuracy in right.items():
        assert found[f"top-1, {name}"] == pytest.approx(100 - accuracy)
        assert found[f"top-5, {name}"] == 0  # of three classes


def test_ten_crops_without_a_crop_are_refused(tiny, tiny_data, scale):
    with pytest.raises(ValueError, match="need a preparation that crops"):
        ten_crops(build(tiny, seed=0), tiny_data.held_out, scale)


class OneOrZero(nn.Module):
    """1 for every image, in one feature."""

    def forward(self, x):
        return torch.ones(len(x), 1)


def test_many_masked_passes_agree_with_the_scaled_one_where_one_pass_is_a_lottery(scale):
    """Class 0 wins by far if the one feature is kept, class 1 by a little if it is dropped."""
    last = nn.Linear(1, 2)
    with torch.no_grad():
        last.weight.copy_(torch.tensor([[5.0], [0.0]]))
        last.bias.copy_(torch.tensor([0.0, 0.1]))
    network = nn.Sequential(OneOrZero(), nn.Dropout(0.3), last)
    images = torch.zeros(2000, 3, 4, 4, dtype=torch.uint8)
    split = Split(images, torch.zeros(2000, dtype=torch.int64))
    measured = masked_passes(network, split, scale)
    assert measured["scaled"] == 100
    assert measured["masked-1"] == pytest.approx(70, abs=4)  # four standard deviations
    assert measured["masked-2"] == pytest.approx(100 - 9, abs=3)  # wrong if both drop it
    assert measured["masked-64"] == 100
    assert masked_passes(network, split, scale) == measured  # the masks are always the same
    assert not network[1].training


def test_masked_passes_need_dropout(tiny, tiny_data, scale):
    with pytest.raises(ValueError, match="need a network with dropout"):
        masked_passes(build(tiny.without("dropout"), seed=0), tiny_data.held_out, scale)


def test_all_are_measured_as_the_recipe_prepares_the_images(tiny, tiny_data, short):
    network, device = build(tiny, seed=0), torch.device("cpu")
    both = measure_all(["dead-units", "masked-passes"], network, tiny_data, short, device)
    scale = Preparation(short.preparation, tiny_data.train.images)
    expected = masked_passes(network, tiny_data.held_out, scale)
    assert both["masked-passes"] == pytest.approx(expected, abs=1e-4)
    assert both.keys() == {"dead-units", "masked-passes"}


def test_training_images_are_those_that_were_learned_from(tiny, tiny_data, short):
    network = build(tiny, seed=0)
    found = measure_all(["training-images"], network, tiny_data, short, torch.device("cpu"))
    network.eval()
    with torch.no_grad():
        images = Preparation(short.preparation, tiny_data.train.images)(tiny_data.train.images)
        logits = network(images)
    loss = nn.functional.cross_entropy(logits, tiny_data.train.labels).item()
    right = (logits.argmax(1) == tiny_data.train.labels).float().mean().item()
    expected = {"loss": loss, "accuracy": 100 * right}
    assert found["training-images"] == pytest.approx(expected, abs=1e-3)
