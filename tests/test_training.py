"""The training loop against loops written by hand, and what makes two runs the same."""

import copy
from dataclasses import dataclass, replace
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from alexnet_course import training
from alexnet_course.architectures import ARCHITECTURES
from alexnet_course.config import digest
from alexnet_course.data import Preparation, Split
from alexnet_course.data.augmentation import (
    Augmentation,
    Colour,
    Crop,
    Cutout,
    Flip,
    Shift,
    VerticalFlip,
    brightness,
)
from alexnet_course.data.preparation import CentreCrop, MinusOneToOne, PerChannel, Resize, Scaling
from alexnet_course.network import build, whiten
from alexnet_course.optimisers import SGD, Adam, AdamW, Lookahead, Muon, Optimiser, orthogonal
from alexnet_course.recipes import Recipe
from alexnet_course.schedules import Cosine, OneCycle, Plateau, Schedule
from alexnet_course.training import (
    Trainer,
    TrainingDiverged,
    best_device,
    best_precision,
    evaluate,
    fit,
    pool_before_relu,
)

STILL = Recipe("still", epochs=1, batch_size=8, optimiser=SGD(1e-12))  # weights stay as they are
WHOLE = Recipe("whole", epochs=4, batch_size=30, optimiser=SGD(0.02))  # one batch an epoch


@pytest.fixture
def train(tiny, tiny_data, short):
    """Fits the tiny network on the CPU; keyword arguments change one thing."""

    def train(recipe=short, data=tiny_data, network=None, weights=0, **options):
        settings = {"seed": 0, "device": "cpu", "precision": "float32", "progress": False}
        network = build(tiny, seed=weights) if network is None else network
        return fit(network, data, recipe, **(settings | options))

    return train


@pytest.fixture
def steady(tiny):
    """The tiny network without dropout, so that a loop by hand can follow it."""
    return build(tiny.without("dropout"), seed=0)


def by_hand(network, split, scaled):
    """``(loss, accuracy)`` by the definition, one image at a time."""
    losses, right = [], 0
    with torch.no_grad():
        for image, label in zip(scaled(split.images), split.labels, strict=True):
            logits = network(image[None])[0]
            losses.append(-torch.log_softmax(logits.double(), 0)[label].item())
            right += int(logits.argmax() == label)
    return np.mean(losses), 100 * right / len(split)


def to_minus_one_to_one(images):
    return images / 127.5 - 1


def without_seconds(history):
    return history.frame.drop(columns="seconds")


# What is computed


@pytest.mark.parametrize(
    ("optimiser", "make_optimiser"),
    [
        (SGD(0.02), lambda weights: torch.optim.SGD(weights, lr=0.02)),
        (
            SGD(0.02, momentum=0.9, nesterov=True, weight_decay=0.1),
            lambda weights: torch.optim.SGD(
                weights, lr=0.02, momentum=0.9, nesterov=True, weight_decay=0.1
            ),
        ),
        (
            Adam(0.02, weight_decay=0.1),
            lambda weights: torch.optim.Adam(weights, lr=0.02, weight_decay=0.1),
        ),
        (
            AdamW(0.02, beta1=0.8, weight_decay=5.0),
            lambda weights: torch.optim.AdamW(
                weights, lr=0.02, betas=(0.8, 0.999), weight_decay=5.0
            ),
        ),
    ],
    ids=["sgd", "nesterov", "adam", "adamw"],
)
def test_whole_batches_give_the_losses_of_a_plain_loop(
    train, steady, tiny_data, optimiser, make_optimiser
):
    plain = copy.deepcopy(steady)
    history = train(replace(WHOLE, optimiser=optimiser), network=steady)
    images, labels = to_minus_one_to_one(tiny_data.train.images), tiny_data.train.labels
    optimiser, losses, held_out = make_optimiser(plain.parameters()), [], []
    for _ in range(4):
        loss = F.cross_entropy(plain(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
        held_out.append(by_hand(plain, tiny_data.held_out, to_minus_one_to_one))
    assert max(losses) - min(losses) > 0.01  # the weights did move
    np.testing.assert_allclose(history.frame["train_loss"], losses, rtol=1e-4)
    measured = history.frame[["test_loss", "test_accuracy"]]
    np.testing.assert_allclose(measured, held_out, rtol=1e-4)
    for weights, expected in zip(steady.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(weights, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("spec", "made"),
    [
        (SGD(0.02, momentum=0.9, weight_decay=0.1), partial(torch.optim.SGD, momentum=0.9)),
        (Adam(0.02, weight_decay=0.1), torch.optim.Adam),
    ],
)
def test_a_recipe_that_treats_all_parameters_alike_is_one_group_bit_for_bit(
    tiny, tiny_data, spec, made
):
    recipe = replace(WHOLE, optimiser=spec, schedule=Cosine(), batch_size=8)
    ours, plain = (
        Trainer(build(tiny, seed=0), tiny_data.train, recipe, 0, torch.device("cpu"), "float32")
        for _ in range(2)
    )
    group = {"params": [*plain.network.parameters()], "initial_lr": 0.02}
    plain.optimisers = [made([group], lr=0.02, weight_decay=0.1, fused=True)]
    for trainer in (ours, plain):
        for _ in trainer.epoch(1):
            pass
    found, expected = (t.optimisers[0].state_dict() for t in (ours, plain))
    assert found["param_groups"] == expected["param_groups"]
    exactly = {"rtol": 0, "atol": 0}
    torch.testing.assert_close(found["state"], expected["state"], **exactly)
    weights = (list(trainer.network.parameters()) for trainer in (ours, plain))
    torch.testing.assert_close(*weights, **exactly)


def test_muon_moves_kernels_as_one_matrix_and_the_rest_as_its_others_say(steady, tiny_data, train):
    """Against PyTorch's Muon on the kernels laid out as rows, and plain SGD; then against what it
    is made to approximate: the gradient with all its singular values set to one.
    """
    plain = copy.deepcopy(steady)
    recipe = replace(WHOLE, epochs=1, optimiser=Muon(0.02, SGD(0.03), weight_decay=0.1))
    before = plain.conv1.weight.detach().flatten(1).clone()
    train(recipe, network=steady)
    images, labels = to_minus_one_to_one(tiny_data.train.images), tiny_data.train.labels
    F.cross_entropy(plain(images), labels).backward()
    matrix = nn.Parameter(before.clone())
    matrix.grad = plain.conv1.weight.grad.flatten(1)
    torch.optim.Muon([matrix], lr=0.02, weight_decay=0.1).step()
    after = steady.conv1.weight.detach().flatten(1)
    torch.testing.assert_close(after, matrix.detach(), rtol=0, atol=2e-4)  # it uses bfloat16
    for name in ("conv1.bias", "fc2.weight", "fc2.bias"):
        weight = plain.get_parameter(name)
        expected = weight - 0.03 * weight.grad
        torch.testing.assert_close(steady.get_parameter(name), expected, rtol=1e-4, atol=1e-6)
    u, _, v = torch.linalg.svd(matrix.grad, full_matrices=False)
    step = (before * (1 - 0.02 * 0.1) - after) / 0.02
    values = (u.T @ step @ v.T).diagonal()
    assert 0.6 < values.min() < values.max() < 1.3
    assert (step - u @ values.diag() @ v).abs().max() < 0.05


@pytest.mark.parametrize("shape", [(7, 40), (40, 7), (5, 5)])
@pytest.mark.parametrize("spread", [0, 1, 3])
def test_singular_values_are_what_five_rounds_on_each_make_of_them(shape, spread):
    """Against the polynomial on every singular value by itself; they span ``spread`` decades."""
    draws = torch.Generator().manual_seed(0)
    random = torch.randn(shape, generator=draws, dtype=torch.float64)
    u, _, v = torch.linalg.svd(random, full_matrices=False)
    before = torch.logspace(0, -spread, min(shape), dtype=torch.float64)
    values = before / before.norm()
    for _ in range(5):
        values = 3.4445 * values - 4.775 * values**3 + 2.0315 * values**5
    expected = u @ values.diag() @ v
    for scale in (1e-3, 1.0, 1e12):
        matrix = (u @ before.diag() @ v * scale).to(torch.float32 if scale == 1 else torch.float64)
        result = orthogonal(matrix)
        assert result.dtype == matrix.dtype
        torch.testing.assert_close(result.double(), expected, rtol=0, atol=3e-4)
    assert orthogonal(torch.zeros(shape)).eq(0).all()
    assert orthogonal(torch.ones(shape).half()).dtype == torch.float32


def test_a_run_by_two_optimisers_goes_on_as_if_it_had_not_been_stopped(train, tmp_path):
    recipe = replace(WHOLE, optimiser=Muon(0.02, Adam(0.01)), schedule=OneCycle(), batch_size=8)
    whole, path = train(recipe), tmp_path / "run.pt"
    train(recipe, checkpoint=path, until=2)
    assert without_seconds(train(recipe, checkpoint=path)).equals(without_seconds(whole))
    assert whole.frame["learning_rate"].max() > 0.01  # it is that of the kernels


def test_muon_needs_kernels(tiny_data):
    network = nn.Sequential(nn.Flatten(), nn.Linear(3072, 3))
    with pytest.raises(ValueError, match="moves the kernels of convolutions, and the network has"):
        fit(network, tiny_data, replace(STILL, optimiser=Muon(0.1, SGD(0.1))), device="cpu")


def test_every_few_steps_the_average_takes_the_place_of_the_weights(steady, tiny_data, train):
    """Five whole batches, the average after every second, against plain steps by hand. It begins
    with the weights that the first step reached.
    """
    plain = copy.deepcopy(steady)
    recipe = replace(WHOLE, epochs=5, averaging=Lookahead(every=2, share=0.25))
    train(recipe, network=steady)
    images, labels = to_minus_one_to_one(tiny_data.train.images), tiny_data.train.labels
    average = None
    for step in range(1, 6):
        plain.zero_grad()
        F.cross_entropy(plain(images), labels).backward()
        with torch.no_grad():
            for weights in plain.parameters():
                weights -= 0.02 * weights.grad
            average = average or [weights.clone() for weights in plain.parameters()]
            if step % 2 == 0:
                average = [
                    0.75 * old + 0.25 * new
                    for old, new in zip(average, plain.parameters(), strict=True)
                ]
                for weights, old in zip(plain.parameters(), average, strict=True):
                    weights.copy_(old)
    for weights, expected in zip(steady.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(weights, expected, rtol=1e-4, atol=1e-6)


def test_an_averaged_run_goes_on_as_if_it_had_not_been_stopped(train, tmp_path):
    recipe = replace(WHOLE, averaging=Lookahead(every=3), schedule=OneCycle(), batch_size=8)
    whole, path = train(recipe), tmp_path / "run.pt"
    train(recipe, checkpoint=path, until=2)
    assert without_seconds(train(recipe, checkpoint=path)).equals(without_seconds(whole))
    assert not without_seconds(train(replace(recipe, averaging=None))).equals(
        without_seconds(whole)
    )


def test_kernels_that_whiten_give_uncorrelated_outputs_of_one_strength():
    """On pixels that hang together, so that windows have strong and weak components; the expected
    deviations are worked out from NumPy's covariance of windows cut by hand.
    """
    draws = torch.Generator().manual_seed(0)
    coarse = torch.rand(1000, 3, 10, 10, generator=draws)
    images = F.interpolate(coarse, 32, mode="bilinear") + 0.02 * torch.randn(
        1000, 3, 32, 32, generator=draws
    )
    network = build(ARCHITECTURES["two-conv"], seed=0)
    whiten(network, images)
    weights = network.conv1.weight.detach()
    torch.testing.assert_close(weights[:32], -weights[32:], rtol=0, atol=0)
    assert network.conv1.bias.eq(0).all()
    cut = [images[:, :, y : y + 5, x : x + 5].flatten(1) for y in range(28) for x in range(28)]
    windows = torch.cat(cut).double().numpy()
    values = np.linalg.eigvalsh(np.cov(windows.T))
    outputs = np.cov((windows @ weights[:32].flatten(1).double().numpy().T).T)
    expected = values / (values + values.mean() / 100)
    np.testing.assert_allclose(outputs.diagonal(), expected[::-1][:32], rtol=1e-3)
    assert expected[-1] > 0.99
    assert np.abs(outputs - np.diag(outputs.diagonal())).max() < 1e-3


def test_more_kernels_than_components_keep_their_weights(tiny_data):
    network = nn.Sequential(nn.Conv2d(3, 16, kernel_size=1))
    before = copy.deepcopy(network[0])
    whiten(network, tiny_data.train.images.float())
    for now, then in zip(network[0].parameters(), before.parameters(), strict=True):
        torch.testing.assert_close(now[6:], then[6:], rtol=0, atol=0)
        assert (now[:6] != then[:6]).all()


def test_a_recipe_begins_with_white_windows_and_a_resumed_run_does_not(train, tiny, tmp_path):
    recipe = replace(WHOLE, whitening=True, schedule=OneCycle())
    network = build(tiny, seed=0)
    train(replace(STILL, whitening=True), network=network)
    first, *_ = network.children()
    torch.testing.assert_close(first.weight[:2], -first.weight[2:], rtol=0, atol=1e-9)
    whole, path = train(recipe), tmp_path / "run.pt"
    train(recipe, checkpoint=path, until=2)
    assert without_seconds(train(recipe, checkpoint=path)).equals(without_seconds(whole))


@pytest.mark.parametrize(
    "first", [nn.Flatten(), nn.Conv2d(3, 6, 3, groups=3)], ids=["flatten", "groups"]
)
def test_whitening_wants_a_convolution_over_all_channels(first):
    with pytest.raises(ValueError, match="first layer is a convolution without groups; it is"):
        whiten(nn.Sequential(first), torch.zeros(2, 3, 8, 8))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"weight_decays": {"conv1": 0.3}, "bias_rate": 2.0, "bias_decay": False},
            [(1, 0.3), (2, 0), (1, 0.1), (2, 0)],
        ),
        ({"weight_decays": {"fc2": 0.0}}, [(1, 0.1), (1, 0.1), (1, 0), (1, 0)]),
        ({"bias_rate": 0.5}, [(1, 0.1), (0.5, 0.1), (1, 0.1), (0.5, 0.1)]),
        (
            {"learning_rates": {"conv1": 0.005}, "bias_rate": 2.0},
            [(0.25, 0.1), (0.5, 0.1), (1, 0.1), (2, 0.1)],
        ),
    ],
    ids=["as released", "decay by layer", "slow biases", "rate by layer"],
)
def test_each_parameter_has_the_rate_and_the_decay_of_its_layer_and_kind(
    train, steady, tiny_data, changes, expected
):
    """Whole batches by one cycle, against the rule of momentum written out. Expected are the
    factor of the rate and the decay of conv1's weights, conv1's biases, fc2's and fc2's.
    """
    plain = copy.deepcopy(steady)
    optimiser = SGD(0.02, momentum=0.9, **{"weight_decay": 0.1} | changes)
    recipe = replace(WHOLE, optimiser=optimiser, schedule=OneCycle(warmup=0.5))
    history = train(recipe, network=steady)
    rates = [0.02 / 25, 0.02 * 13 / 25, 0.02, 0.01]
    assert history.frame["learning_rate"].tolist() == pytest.approx(rates)  # of weights
    images, labels = to_minus_one_to_one(tiny_data.train.images), tiny_data.train.labels
    parameters = list(plain.parameters())
    velocities = [torch.zeros_like(w) for w in parameters]
    for rate in rates:
        gradients = torch.autograd.grad(F.cross_entropy(plain(images), labels), parameters)
        with torch.no_grad():
            for w, v, gradient, (factor, decay) in zip(
                parameters, velocities, gradients, expected, strict=True
            ):
                v.mul_(0.9).add_(gradient + decay * w)
                w -= factor * rate * v
    torch.testing.assert_close(list(steady.parameters()), parameters, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("field", ["weight_decays", "learning_rates"])
def test_an_exception_for_a_layer_that_is_not_there_is_refused(train, field):
    recipe = STILL.with_optimiser(**{field: {"fc2": 0.1, "fc9": 0.1, "relu1": 0.1}})
    with pytest.raises(ValueError, match=rf"^{field} .* fc9, relu1, .* in conv1, fc2"):
        train(recipe)


def test_per_channel_scaling_is_by_the_training_images(train, steady, tiny_data):
    stats = tiny_data.train.images.double().numpy().transpose(1, 0, 2, 3).reshape(3, -1)
    mean, deviation = (x[None, :, None, None] for x in (stats.mean(1), stats.std(1)))
    expected = by_hand(
        steady,
        tiny_data.held_out,
        lambda images: torch.from_numpy((images.numpy() - mean) / deviation).float(),
    )
    row = train(replace(STILL, preparation=(PerChannel(),)), network=steady).rows[0]
    assert (row["test_loss"], row["test_accuracy"]) == pytest.approx(expected, rel=1e-4)


def test_evaluate_counts_every_image_once(steady, tiny_data):
    scale = Preparation((MinusOneToOne(),), tiny_data.train.images)
    split = tiny_data.held_out[:14]
    expected = by_hand(steady, split, to_minus_one_to_one)
    assert 0 < expected[1] < 100
    for batch_size in (1, 4, 14, 500):  # 4 leaves a last batch of 2
        assert evaluate(steady, split, scale, batch_size=batch_size) == pytest.approx(expected)


def test_a_smaller_last_batch_weighs_less_in_the_training_loss(train, steady, tiny_data):
    expected = by_hand(steady, tiny_data.train, to_minus_one_to_one)  # 8 + 8 + 8 + 6 images
    row = train(STILL, network=steady).rows[0]
    assert row["train_loss"] == pytest.approx(expected[0], rel=1e-6)
    assert row["train_accuracy"] == pytest.approx(expected[1])


def test_every_image_is_used_once_an_epoch(train, tiny_data):
    seen = []

    class Spy(nn.Module):
        def __init__(self):
            super().__init__()
            self.bias = nn.Parameter(torch.zeros(3))

        def forward(self, images):
            if self.training:
                seen.append(images.flatten(1).sum(1))
            return self.bias.expand(len(images), 3)

    train(replace(STILL, epochs=2), network=Spy())
    assert [len(batch) for batch in seen] == [8, 8, 8, 6] * 2
    expected = to_minus_one_to_one(tiny_data.train.images).flatten(1).sum(1).sort().values
    first, second = torch.cat(seen[:4]), torch.cat(seen[4:])
    for epoch in (first, second):
        torch.testing.assert_close(epoch.sort().values, expected, rtol=1e-4, atol=1e-2)
    assert not torch.equal(first, second)  # in another order


@pytest.mark.parametrize("augmentation", [Flip(), VerticalFlip(), Shift(3), Colour(0.5), Cutout(9)])
def test_training_images_are_augmented_and_held_out_images_are_not(
    train, tiny, tiny_data, augmentation
):
    steady = tiny.without("dropout")
    plain = train(STILL, network=build(steady, seed=0)).rows[0]
    augmented = train(
        replace(STILL, augmentation=(augmentation,)), network=build(steady, seed=0)
    ).rows[0]
    assert abs(augmented["train_loss"] - plain["train_loss"]) > 1e-5
    assert augmented["test_loss"] == pytest.approx(plain["test_loss"], abs=1e-9)


def test_one_cycle_rates_reach_the_history(train):
    recipe = replace(WHOLE, schedule=OneCycle(warmup=0.25), batch_size=8)  # 16 steps
    rates = train(recipe).frame["learning_rate"]
    # After steps 4, 8, 12 and 16: the peak is at the 5th, of index 4.
    expected = [0.0008 + 0.0192 * 3 / 4, 0.02 * 9 / 12, 0.02 * 5 / 12, 0.02 * 1 / 12]
    assert rates.tolist() == pytest.approx(expected)


def test_the_schedule_is_what_trains(train, steady, tiny_data):
    plain = copy.deepcopy(steady)
    train(replace(WHOLE, epochs=2, schedule=OneCycle(warmup=0.5)), network=steady)
    images, labels = to_minus_one_to_one(tiny_data.train.images), tiny_data.train.labels
    for rate in (0.02 / 25, 0.02):
        gradients = torch.autograd.grad(
            F.cross_entropy(plain(images), labels), list(plain.parameters())
        )
        with torch.no_grad():
            for weights, gradient in zip(plain.parameters(), gradients, strict=True):
                weights -= rate * gradient
    for weights, expected in zip(steady.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(weights, expected, rtol=1e-4, atol=1e-6)


def test_a_mirrored_guess_is_the_mean_over_the_image_and_its_mirror_image(steady, tiny_data, train):
    images, labels = to_minus_one_to_one(tiny_data.held_out.images), tiny_data.held_out.labels
    with torch.no_grad():
        mean = (steady(images).softmax(1) + steady(images.flip(3)).softmax(1)) / 2
    loss = F.nll_loss(mean.log(), labels).item()
    accuracy = 100 * (mean.argmax(1) == labels).float().mean().item()
    row = train(replace(STILL, mirrored=True), network=steady).rows[0]
    assert row["test_loss"] == pytest.approx(loss, rel=1e-5)
    assert row["test_accuracy"] == pytest.approx(accuracy)
    assert row["test_loss"] != pytest.approx(train(STILL, network=steady).rows[0]["test_loss"])


def test_smoothed_labels_are_pytorchs(train, steady, tiny_data):
    images, labels = to_minus_one_to_one(tiny_data.train.images), tiny_data.train.labels
    with torch.no_grad():
        expected = F.cross_entropy(steady(images), labels, label_smoothing=0.2).item()
    smoothed = replace(STILL, label_smoothing=0.2)
    row = train(smoothed, network=steady).rows[0]
    plain = train(STILL, network=steady).rows[0]
    assert row["train_loss"] == pytest.approx(expected, rel=1e-5)
    assert row["test_loss"] == plain["test_loss"]  # what is measured is never smoothed


def test_images_are_resized_to_what_the_network_takes(train, tiny, tiny_data):
    wide = build(tiny.with_input(3, 40, 40), seed=0)
    assert (
        len(train(replace(STILL, preparation=(MinusOneToOne(), Resize(40))), network=wide).rows)
        == 1
    )
    with pytest.raises(ValueError, match="images of 3×32×32 do not fit the network"):
        train(STILL, network=wide)


def test_a_recipe_that_crops_trains_on_crops_and_is_measured_in_the_middle(train, tiny, tiny_data):
    small, cut = tiny.with_input(3, 28, 28), (CentreCrop(28), MinusOneToOne())
    middle = replace(
        tiny_data,
        train=Split(tiny_data.train.images[:, :, 2:30, 2:30], tiny_data.train.labels),
        held_out=Split(tiny_data.held_out.images[:, :, 2:30, 2:30], tiny_data.held_out.labels),
    )
    expected, still, moved = (
        train(recipe, data=data, network=build(small, seed=0)).rows[0]
        for recipe, data in (
            (STILL, middle),
            (replace(STILL, preparation=cut), tiny_data),
            (replace(STILL, preparation=cut, augmentation=(Crop(28),)), tiny_data),
        )
    )
    assert still["train_loss"] == expected["train_loss"] != moved["train_loss"]
    assert still["test_loss"] == expected["test_loss"] == moved["test_loss"]
    for change in ({"preparation": (CentreCrop(40),)}, {"augmentation": (Crop(40),)}):
        with pytest.raises(ValueError, match=r"cuts 40 pixels out of images of 32; its side"):
            train(replace(STILL, **change))


def test_images_of_two_sizes_in_training_and_after_it_are_refused(train):
    """Any step may change the size: that is asked of the images, not of the kind of step."""
    sizes = r"'still' trains on images of 3×24×24 and measures on 3×32×32; .* as CentreCrop"
    with pytest.raises(ValueError, match=sizes):
        train(replace(STILL, augmentation=(Flip(), Crop(24))))


def test_a_plateau_follows_the_validation_accuracies(train, tiny_data):
    """With a rate that moves nothing, accuracy never improves after the first epoch."""
    recipe = replace(STILL, epochs=7, schedule=Plateau(patience=2))
    choosing = replace(tiny_data, held_out_name="validation")
    rates = train(recipe, data=choosing).frame["learning_rate"] / STILL.optimiser.learning_rate
    assert rates.tolist() == pytest.approx([1, 1, 1, 0.1, 0.1, 0.01, 0.01])


def test_a_plateau_never_looks_at_test_images(train):
    with pytest.raises(ValueError, match=r"these are test images: pass data.for_choosing"):
        train(replace(STILL, schedule=Plateau()))


@dataclass(frozen=True)
class Darken(Augmentation):
    """Multiply all of an image by a draw from ``least`` to 1."""

    least: float

    def made_for(self, images):
        def draw(count, generator):
            return self.least + (1 - self.least) * torch.rand(count, generator=generator)

        return draw, lambda batch, factors: brightness(batch) * factors[:, None, None, None]


@dataclass(frozen=True)
class Inverted(Scaling):
    """From 1 for black to −1 for white."""

    def mean_and_divisor(self, images):
        return torch.full((3,), 0.5), torch.full((3,), -0.5)


@dataclass(frozen=True)
class Rprop(Optimiser):
    def made_for(self, named, fused=None):
        return [torch.optim.Rprop(self.groups(named))]


@dataclass(frozen=True)
class Halving(Schedule):
    def rate(self, highest, step, steps, accuracies=()):
        return highest / 2**step


def test_a_new_part_is_one_class(train, steady, tiny_data):
    """Parts that the course does not have, in one recipe, against a loop written out."""
    recipe = replace(
        WHOLE,
        optimiser=Rprop(0.002),
        schedule=Halving(),
        preparation=(Inverted(),),
        augmentation=(Darken(0.25),),
    )
    plain = copy.deepcopy(steady)
    history = train(recipe, network=steady)
    assert history.frame["learning_rate"].tolist() == [0.002, 0.001, 0.0005, 0.00025]
    images, labels = tiny_data.train.images / 255, tiny_data.train.labels
    optimiser = torch.optim.Rprop(plain.parameters(), lr=0.002)
    for row in history.rows:
        generator = torch.Generator().manual_seed(row["epoch"])  # that of seed 0
        order = torch.randperm(30, generator=generator)
        factors = 0.25 + 0.75 * torch.rand(30, generator=generator)
        dark = images[order] * factors[:, None, None, None]
        loss = F.cross_entropy(plain(1 - 2 * dark), labels[order])
        assert row["train_loss"] == pytest.approx(loss.item(), rel=1e-4)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    for name in ("Rprop", "Halving", "Inverted", "Darken(0.25)"):
        assert name in str(recipe.settings())
    assert digest(recipe) != digest(replace(recipe, augmentation=(Darken(0.5),)))


def test_the_tiny_network_learns(train):
    history = train(replace(WHOLE.with_optimiser(momentum=0.9), epochs=25))
    assert history.rows[0]["test_accuracy"] < 80 < history.accuracy


@pytest.mark.parametrize(("mode", "moved"), [("max", True), ("average", False)])
def test_pooling_first_changes_neither_outputs_nor_gradients(tiny, mode, moved):
    network = build(tiny.without("dropout").replace("pool1", mode=mode), seed=0)
    quick = pool_before_relu(network)
    assert isinstance(quick[2], nn.ReLU) == moved and isinstance(network[1], nn.ReLU)
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    results = []
    for module in (network, quick):
        logits = module(images)
        gradients = torch.autograd.grad(logits.square().sum(), list(network.parameters()))
        results.append([logits, *gradients])
    for expected, found in zip(*results, strict=True):
        torch.testing.assert_close(found, expected)


# The history


def test_the_history_is_a_table_with_a_row_an_epoch(train):
    frame = train().frame
    assert isinstance(frame, pd.DataFrame)
    assert frame["epoch"].tolist() == [1, 2, 3]
    assert list(frame.columns) == [
        "epoch",
        "learning_rate",
        "train_loss",
        "train_accuracy",
        "test_loss",
        "test_accuracy",
        "seconds",
    ]
    assert (frame["seconds"] > 0).all()


def test_every_hundredth_loss_of_an_epoch_is_kept(train, monkeypatch):
    monkeypatch.setattr(training, "PRINTED_STEP", 2)
    recipe = replace(WHOLE, epochs=2, batch_size=6)  # five steps an epoch
    history = train(recipe)
    kept = [(row["epoch"], row["step"]) for row in history.batches]
    assert kept == [(1, 2), (1, 4), (2, 2), (2, 4)]
    monkeypatch.setattr(training, "PRINTED_STEP", 1)
    losses = pd.DataFrame(train(recipe).batches)
    means = losses.groupby("epoch")["loss"].mean()
    np.testing.assert_allclose(means, history.frame["train_loss"], rtol=1e-6)
    assert losses["loss"].iloc[[1, 3]].tolist() == [row["loss"] for row in history.batches[:2]]


def test_until_stops_early_on_the_schedule_of_the_whole_run(train, short):
    whole, part = train(short), train(short, until=2)
    pd.testing.assert_frame_equal(without_seconds(part), without_seconds(whole)[:2])
    assert len(train(short, until=99).rows) == short.epochs


def test_a_history_plots_in_one_call(train):
    history = train()
    figure = history.plot()
    lines = {line.get_label(): line for line in figure.axes[1].get_lines()}
    assert lines["test"].get_ydata().tolist() == history.frame["test_accuracy"].tolist()
    plt.close(figure)


def test_validation_images_are_called_so(train, tiny_data):
    history = train(data=tiny_data.for_choosing())
    assert history.accuracy == history.rows[-1]["validation_accuracy"]
    assert not any(name.startswith("test") for name in history.frame.columns)


# The network and its surroundings


@pytest.mark.parametrize("training_mode", [True, False])
def test_evaluate_uses_no_dropout_and_keeps_the_mode(tiny, tiny_data, training_mode):
    network = build(tiny, seed=0).train(training_mode)
    scale = Preparation((MinusOneToOne(),), tiny_data.train.images)
    first = evaluate(network, tiny_data.held_out, scale)
    assert first == evaluate(network, tiny_data.held_out, scale)
    assert {module.training for module in network.modules()} == {training_mode}


def test_fit_trains_in_place_and_leaves_the_network_ready_to_use(train, tiny):
    network, fresh = build(tiny, seed=0), build(tiny, seed=0)
    train(network=network)
    assert not any(module.training for module in network.modules())
    assert not torch.equal(network.fc2.weight, fresh.fc2.weight)


def test_fit_leaves_the_global_random_state_alone(train):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    train()
    assert torch.equal(torch.get_rng_state(), before)


# Seeds


def test_the_same_seed_gives_the_same_history_whatever_was_drawn_before(train):
    first = train(seed=3)
    torch.rand(7)
    pd.testing.assert_frame_equal(
        without_seconds(train(seed=3)), without_seconds(first), check_exact=True
    )


def test_the_seed_and_the_first_weights_each_matter(train):
    losses = [train(**change).rows[0]["train_loss"] for change in ({}, {"seed": 1}, {"weights": 1})]
    assert len(set(losses)) == 3


def test_dropout_follows_the_seed_and_changes_from_epoch_to_epoch(train, tiny_data):
    alike = tiny_data.train[torch.zeros(30, dtype=torch.int64)]  # so that their order is no matter
    recipe = replace(STILL, batch_size=30, epochs=2)
    runs = [train(recipe, replace(tiny_data, train=alike), seed=seed) for seed in (0, 0, 1)]
    losses = [run.frame["train_loss"].tolist() for run in runs]
    assert losses[0] == losses[1]
    (first, second), (other, _) = losses[0], losses[2]
    assert abs(first - second) > 1e-4 and abs(first - other) > 1e-4


# Errors


@pytest.fixture
def fragile():
    """Two linear layers: whatever the input, huge weights overflow."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, 8), nn.Linear(8, 3))


def test_divergence_names_epoch_step_and_remedies(train, fragile, tmp_path):
    checkpoint = tmp_path / "run.pt"
    with pytest.raises(TrainingDiverged) as error:
        train(STILL.with_optimiser(learning_rate=1e30), network=fragile, checkpoint=checkpoint)
    message = str(error.value)
    assert "epoch 1, step 2 of 4" in message
    for remedy in ("smaller learning rate (it was 1e+30)", "warm-up", "precision='float32'"):
        assert remedy in message
    assert not checkpoint.exists()  # nothing to go on from


def test_divergence_in_a_later_epoch(train, fragile):
    network = fragile
    recipe = replace(STILL, epochs=3)
    evaluate, calls = training.evaluate, []

    def break_after_two_epochs(*arguments):
        calls.append(1)
        result = evaluate(*arguments)
        if len(calls) == 2:
            with torch.no_grad():
                network[1].weight[0, 0] = float("nan")
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "evaluate", break_after_two_epochs)
        with pytest.raises(TrainingDiverged, match="became nan in epoch 3, step 1 of 4"):
            train(recipe, network=network)


def test_divergence_in_the_very_last_step_is_seen_by_the_held_out_loss(train, fragile):
    with pytest.raises(TrainingDiverged, match="epoch 1, step 1 of 1"):
        train(replace(WHOLE, epochs=1, optimiser=SGD(1e30)), network=fragile)


def test_an_unknown_precision_is_refused(train):
    with pytest.raises(ValueError, match=r"'float64': choose 'auto' or one of .*'float32'"):
        train(precision="float64")


@pytest.mark.parametrize("part", ["train", "held_out"])
def test_empty_data_is_refused(train, tiny_data, part):
    empty = replace(tiny_data, **{part: tiny_data.train[:0]})
    with pytest.raises(ValueError, match="there must be images to train on and to measure with"):
        train(data=empty)


# Devices and precisions


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_best_device(monkeypatch, cuda, mps, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert best_device().type == expected


@pytest.mark.parametrize("native", [(False, False), (True, False), (False, True)])
def test_a_cpu_uses_bfloat16_only_where_it_is_native(monkeypatch, native):
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    for name, answer in zip(checks, native, strict=True):
        monkeypatch.setattr(torch.cpu, name, lambda answer=answer: answer, raising=False)
    expected = "bfloat16" if any(native) else "float32"
    assert best_precision(torch.device("cpu")) == expected


def test_a_torch_that_cannot_say_gets_float32(monkeypatch):
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert best_precision(torch.device("cpu")) == "float32"


@pytest.mark.parametrize(
    ("native", "capability", "expected"),
    [
        (True, (8, 0), "bfloat16"),
        (False, (7, 5), "float16"),  # T4: tensor cores, no bfloat16
        (False, (7, 0), "float16"),
        (False, (6, 0), "float32"),  # P100: no tensor cores
    ],
)
def test_cuda_uses_the_narrowest_number_it_multiplies_natively(
    monkeypatch, native, capability, expected
):
    def supported(including_emulation=True):
        return native or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert best_precision(torch.device("cuda")) == expected


def test_mps_uses_float32():
    assert best_precision(torch.device("mps")) == "float32"


def test_automatic_precision_is_the_best_one(train, monkeypatch):
    for native in ("bfloat16", "float32"):
        monkeypatch.setattr(training, "best_precision", lambda device, native=native: native)
        chosen = without_seconds(train(precision="auto"))
        assert chosen.equals(without_seconds(train(precision=native)))


def test_bfloat16_is_close_to_float32_and_not_the_same(train):
    losses = [train(precision=p).rows[-1]["test_loss"] for p in ("float32", "bfloat16")]
    assert losses[0] != losses[1] and losses[0] == pytest.approx(losses[1], rel=0.05)


def test_float16_is_close_to_float32_and_not_the_same(train):
    half, whole = (train(WHOLE, precision=p) for p in ("float16", "float32"))
    assert half.frame["train_loss"].tolist() != whole.frame["train_loss"].tolist()
    np.testing.assert_allclose(half.frame["train_loss"], whole.frame["train_loss"], rtol=0.02)


def test_float16_survives_gradients_that_are_too_small_for_it(tiny, tiny_data, train):
    """A loss scaled down so far that its gradients vanish in float16, did nothing scale them up."""

    class Faint(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = build(tiny.without("dropout"), seed=0)

        def forward(self, x):
            return self.network(x) * 1e-6

    moved = {}
    for precision in ("float16", "float32"):
        network = Faint()
        before = copy.deepcopy(network)
        train(WHOLE.with_optimiser(learning_rate=1e6), network=network, precision=precision)
        moved[precision] = [
            (new - old).detach().flatten()
            for new, old in zip(network.parameters(), before.parameters(), strict=True)
            if new.dim() > 1  # with balanced classes, the biases' gradients are nearly nothing
        ]
    for half, whole in zip(moved["float16"], moved["float32"], strict=True):
        assert F.cosine_similarity(half, whole, dim=0) > 0.98


def test_float16_resumes_with_the_scale_it_had(train, tmp_path):
    path = tmp_path / "run.pt"
    recipe = replace(WHOLE, epochs=3)
    unbroken = train(recipe, precision="float16")
    train(recipe, precision="float16", checkpoint=path, until=2)
    resumed = train(recipe, precision="float16", checkpoint=path)
    pd.testing.assert_frame_equal(without_seconds(resumed), without_seconds(unbroken))
