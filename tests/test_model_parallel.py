"""Several processes train what one would: losses, weights, and bytes on the wire."""

from collections import Counter

import pytest
import torch
import torch.nn.functional as F

from alexnet_course.architectures import ARCHITECTURES
from alexnet_course.communication import bytes_a_step
from alexnet_course.model_parallel import SCHEMES, train_as
from alexnet_course.network import build
from alexnet_course.processes import ProcessesFailed, run_in_processes
from alexnet_course.wiring import meeting_everywhere, with_towers

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


def batches(steps=STEPS):
    generator = torch.Generator().manual_seed(1)
    return [
        (
            torch.randn(BATCH, 3, 67, 67, generator=generator, dtype=torch.double),
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


def all_schemes(runs):
    """In one process of the group: what :func:`train_as` gives for each of ``runs``."""
    return [train_as(*run) for run in runs]


@pytest.fixture(scope="module")
def trained():
    """By scheme and dropout: what the two processes give, and what one alone does."""
    given = batches()
    asked = [
        ("model parallel", False),
        ("model parallel", True),
        ("one weird trick", True),
        ("data parallel", False),
    ]
    runs = [(scheme, small(dropout=dropout), given) for scheme, dropout in asked]
    results = zip(*run_in_processes(all_schemes, 2, runs, timeout=120), strict=True)
    expected = {dropout: alone(small(dropout=dropout), given) for dropout in (False, True)}
    return {(s, d): (result, expected[d]) for (s, d), result in zip(asked, results, strict=True)}


@pytest.mark.parametrize("dropout", [False, True])
def test_two_towers_in_two_processes_have_the_grouped_networks_losses(trained, dropout):
    results, expected = trained["model parallel", dropout]
    assert len(expected) == STEPS and abs(expected[0] - expected[-1]) > 1e-3
    for losses, _ in results:
        assert losses == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_the_weird_trick_has_the_single_processs_losses_with_dropout(trained):
    results, expected = trained["one weird trick", True]
    for losses, _ in results:
        assert losses == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_shares_of_the_loss_add_up_in_data_parallel(trained):
    results, expected = trained["data parallel", False]
    losses = [sum(shares) for shares in zip(*(losses for losses, _ in results), strict=True)]
    assert losses == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert trained["model parallel", True][1] != expected  # dropout drops


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_two_processes_send_is_what_the_table_predicts(trained, scheme):
    """Counted from the tensors that are handed over, predicted from shapes alone."""
    predicted = bytes_a_step(small(), scheme, 2, BATCH, value_bytes=8)
    assert any(predicted.values())
    for (name, _), (results, _) in trained.items():
        if name == scheme:
            for _, sent in results:
                assert Counter(sent) == Counter({k: STEPS * n for k, n in predicted.items()})


def test_four_processes_send_what_the_table_predicts_and_have_one_processs_losses():
    """Four towers need groups of four; with full connection, any number of towers is the same."""
    everywhere = meeting_everywhere(small(towers=4))
    cut = {"model parallel": small(towers=4), "one weird trick": small(), "data parallel": small()}
    runs = [*cut.items(), ("model parallel", everywhere)]
    given = batches(steps=2)
    asked = [(scheme, spec, given) for scheme, spec in runs]
    results = run_in_processes(all_schemes, 4, asked, timeout=120)
    for (scheme, spec), each in zip(runs, zip(*results, strict=True), strict=True):
        predicted = bytes_a_step(spec, scheme, 4, BATCH, value_bytes=8)
        for losses, sent in each:
            assert Counter(sent) == Counter({k: 2 * n for k, n in predicted.items()})
            if scheme != "data parallel":
                assert losses == pytest.approx(alone(spec, given), rel=1e-12, abs=1e-12)


def test_a_batch_that_cant_be_shared_is_said():
    images, labels = batches(steps=1)[0]
    odd = [(images[:7], labels[:7])]
    with pytest.raises(ProcessesFailed, match=r"ValueError: 7 can't be shared equally by 2"):
        run_in_processes(train_as, 2, "one weird trick", small(), odd, show=False)
