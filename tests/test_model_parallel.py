"""Several processes train what one would: losses, weights, and bytes on the wire."""

from collections import Counter
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from alexnet_course.architectures import ARCHITECTURES
from alexnet_course.communication import bytes_a_step
from alexnet_course.layers import BatchNorm
from alexnet_course.model_parallel import SCHEMES, train_as
from alexnet_course.network import build
from alexnet_course.processes import run_in_processes
from alexnet_course.wiring import meeting_everywhere, meeting_nowhere, with_towers

STEPS, BATCH = 20, 8
WIDTHS = {"conv1": 8, "conv2": 16, "conv3": 24, "conv4": 24, "conv5": 16}


def small(towers=2, dropout=True):
    """The paper's network, narrow, on images of 67 pixels; LRN strong enough to matter."""
    spec = ARCHITECTURES["alexnet-2012"].with_input(3, 67, 67).with_classes(8)
    for name, width in WIDTHS.items():
        spec = spec.replace(name, out_channels=width)
    for name in ("fc6", "fc7"):
        spec = spec.replace(name, out_features=32)
    for name in ("lrn1", "lrn2"):
        spec = spec.replace(name, alpha=1.0)
    spec = with_towers(spec, towers)
    return spec if dropout else spec.without("dropout")


def towers():
    """The same with a layer for each tower."""
    spec = ARCHITECTURES["two-towers"].with_input(3, 67, 67).with_classes(8)
    for name, width in WIDTHS.items():
        block = "towers2" if name in ("conv1", "conv2") else "towers5"
        for side in ("left", "right"):
            spec = spec.replace(f"{block}.{name}_{side}", out_channels=width // 2)
    for name in ("fc6", "fc7"):
        spec = spec.replace(name, out_features=32)
    return spec


def local():
    """Ungrouped and locally connected layers, and a batch norm among them."""
    spec = ARCHITECTURES["conv-local-13"].with_input(3, 16, 16)
    for name in ("conv1", "conv2", "local3", "local4"):
        spec = spec.replace(name, out_channels=8)
    layers = [x for layer in spec.layers for x in (layer, *NORMS.get(layer.name, ()))]
    return replace(spec, layers=tuple(layers))


NORMS = {"conv1": (BatchNorm("norm1"),)}
SPECS = {
    "plain": small(dropout=False),
    "dropout": small(),
    "towers": towers(),
    "local": local(),
}


def batches(steps=STEPS, side=67):
    generator = torch.Generator().manual_seed(1)
    return [
        (
            torch.randn(BATCH, 3, side, side, generator=generator, dtype=torch.double),
            torch.randint(8, (BATCH,), generator=generator),
        )
        for _ in range(steps)
    ]


def alone(spec, given):
    """The losses of one process: PyTorch's own layers, optimiser and mean, nothing of ours."""
    network = build(spec, seed=0).double()
    optimiser = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9, weight_decay=0.0005)
    torch.manual_seed(0)
    losses = []
    for images, labels in given:
        loss = F.cross_entropy(network(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


def all_schemes(runs, wrong=()):
    """In one process of the group: what :func:`train_as` gives for ``runs``, and says to others."""
    told = []
    for run in wrong:
        with pytest.raises(ValueError) as error:
            train_as(*run)
        told.append(str(error.value))
    return [train_as(*run) for run in runs], told


@pytest.fixture(scope="module")
def trained():
    """By scheme and network: what each of two processes gives, and the losses of one alone."""
    asked = [
        ("model parallel", "plain"),
        ("model parallel", "dropout"),
        ("model parallel", "towers"),
        ("model parallel", "local"),
        ("one weird trick", "dropout"),
        ("data parallel", "plain"),
    ]
    given = {name: batches(side=spec.input_shape[1]) for name, spec in SPECS.items()}
    runs = [(scheme, SPECS[name], given[name]) for scheme, name in asked]
    whole = given["plain"][:1]
    wrong = [
        ("one weird trick", small(), [(images[:7], labels[:7]) for images, labels in whole]),
        ("model parallel", meeting_nowhere(small()), whole),
        ("one weird trick", local(), given["local"]),
    ]
    both = run_in_processes(all_schemes, 2, runs, wrong, timeout=120)
    results = zip(*(losses for losses, _ in both), strict=True)
    expected = {name: alone(spec, given[name]) for name, spec in SPECS.items()}
    return {"refused": [told for _, told in both]} | {
        (scheme, name): (result, expected[name])
        for (scheme, name), result in zip(asked, results, strict=True)
    }


@pytest.mark.parametrize(
    ("scheme", "name"),
    [
        *(("model parallel", name) for name in SPECS),
        ("one weird trick", "dropout"),
    ],
)
def test_two_processes_have_the_losses_of_one(trained, scheme, name):
    """For twenty steps; with dropout too, since the masks are those of one process."""
    results, expected = trained[scheme, name]
    assert len(expected) == STEPS and abs(expected[0] - expected[-1]) > 1e-3
    for losses, _ in results:
        assert losses == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_shares_of_the_loss_add_up_in_data_parallel(trained):
    results, expected = trained["data parallel", "plain"]
    losses = [sum(shares) for shares in zip(*(losses for losses, _ in results), strict=True)]
    assert losses == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert trained["model parallel", "dropout"][1] != expected  # dropout drops


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_two_processes_send_is_what_the_table_predicts(trained, scheme):
    """Counted from the tensors that are handed over, predicted from shapes alone."""
    for name in [name for name in SPECS if (scheme, name) in trained]:
        predicted = bytes_a_step(SPECS[name], scheme, 2, BATCH, value_bytes=8)
        assert any(predicted.values())
        for _, sent in trained[scheme, name][0]:
            assert Counter(sent) == Counter({k: STEPS * n for k, n in predicted.items()})


def test_four_processes_send_what_the_table_predicts_and_have_one_processs_losses():
    """Four towers need groups of four; with full connection, any number of towers is the same."""
    everywhere = meeting_everywhere(small(towers=4))
    cut = {"model parallel": small(towers=4), "one weird trick": small(), "data parallel": small()}
    runs = [*cut.items(), ("model parallel", everywhere)]
    given = batches(steps=2)
    asked = [(scheme, spec, given) for scheme, spec in runs]
    results = [losses for losses, _ in run_in_processes(all_schemes, 4, asked, timeout=120)]
    for (scheme, spec), each in zip(runs, zip(*results, strict=True), strict=True):
        predicted = bytes_a_step(spec, scheme, 4, BATCH, value_bytes=8)
        for losses, sent in each:
            assert Counter(sent) == Counter({k: 2 * n for k, n in predicted.items()})
            if scheme != "data parallel":
                assert losses == pytest.approx(alone(spec, given), rel=1e-12, abs=1e-12)


def test_what_cant_be_shared_is_said(trained):
    for told in trained["refused"]:
        assert "7 can't be shared equally by 2 processes" in told[0]
        assert "'towers' (Parallel): dropout inside a branch" in told[1]
        assert "'norm1' (BatchNorm): it would take mean and deviation of a share" in told[2]
