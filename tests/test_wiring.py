"""What crosses between two towers, by hand, and one network's weights in another's towers."""

import pytest

from alexnet_course.architectures import ARCHITECTURES
from alexnet_course.layers import SpecError
from alexnet_course.wiring import (
    crossings,
    meeting_everywhere,
    meeting_nowhere,
    tower_values,
    with_towers,
)

PAPERS = ARCHITECTURES["alexnet-2012"]
POOL1, POOL2, MAPS = 96 * 27 * 27, 256 * 13 * 13, 384 * 13 * 13
HEAD = {"fc6": 256 * 6 * 6, "fc7": 4096, "fc8": 4096, "logits": 1000}
NEVER = dict.fromkeys(("conv1", "conv2", "conv3", "conv4", "conv5"), 0)


@pytest.mark.parametrize(
    ("spec", "sent"),
    [
        (PAPERS, {**NEVER, "conv3": POOL2, **HEAD}),
        (
            meeting_everywhere(PAPERS),
            {"conv1": 0, "conv2": POOL1, "conv3": POOL2, "conv4": MAPS, "conv5": MAPS, **HEAD},
        ),
        (meeting_nowhere(PAPERS), {"towers": 0, "fc8": 4096, "logits": 1000}),
        (ARCHITECTURES["two-towers"], {"towers2": 0, "towers5": POOL2, **HEAD}),
    ],
    ids=["paper", "everywhere", "nowhere", "two-towers"],
)
def test_what_crosses_between_two_towers_is_what_each_lacks_of_a_layers_input(spec, sent):
    """Each lacks half and has the other half: together, the layer's whole input is sent."""
    table = crossings(spec).set_index("layer")
    assert table["forwards"].drop("total").to_dict() == sent
    assert table["backwards"].drop("total").to_dict() == {**sent, "logits": 0}
    assert table.loc["total", "forward_bytes"] == 4 * sum(sent.values())
    assert table.loc["total", "backward_bytes"] == 4 * (sum(sent.values()) - 1000)


def test_the_papers_towers_exchange_a_fifth_of_a_megabyte_an_image():
    """43,264 values before conv3, 9,216 and twice 4,096 before fc6 to fc8, and 1,000 logits."""
    total = crossings(PAPERS).set_index("layer").loc["total"]
    assert (total["forwards"], total["backwards"]) == (61_672, 60_672)
    assert (total["forward_bytes"], total["backward_bytes"]) == (246_688, 242_688)
    assert crossings(meeting_everywhere(PAPERS))["forwards"].iloc[-1] == 61_672 + 199_776


def test_each_of_four_workers_is_sent_three_shares():
    four = crossings(with_towers(PAPERS, 4), 4)
    assert four["forwards"].tolist() == (3 * crossings(PAPERS)["forwards"]).tolist()
    assert crossings(with_towers(PAPERS, 1), 1)["forwards"].sum() == 0


def test_by_images_the_batch_meets_at_the_flatten():
    table = crossings(PAPERS, 2, by_images=True).set_index("layer")["forwards"]
    expected = {"flatten": 9216, "fc6": 0, "fc7": 4096, "fc8": 4096, "logits": 1000}
    assert table.drop("total").to_dict() == expected
    with pytest.raises(ValueError, match="no layers after a flatten"):
        crossings(PAPERS.without("linear", "dropout", "relu6", "relu7"), 2, by_images=True)


@pytest.mark.parametrize(
    ("spec", "workers", "message"),
    [
        (PAPERS, 4, r"'lrn1'.*groups=2.*give it groups=4"),
        (PAPERS.without("lrn"), 4, r"'conv2'.*groups=2 for 4 workers"),
        (PAPERS.with_classes(7), 2, r"'fc8'.*7 outputs can't be shared equally by 2"),
        (PAPERS.replace("lrn1", groups=1), 2, r"'lrn1'.*windows cross"),
        (ARCHITECTURES["resnet18"], 2, r"'block1'.*2 branches"),
        (ARCHITECTURES["two-towers"], 4, r"'towers2'.*4 branches"),
        (PAPERS.with_input(2, 227, 227).replace("conv1", groups=2), 2, "'conv1'.*image itself"),
    ],
)
def test_what_cant_be_cut_into_towers_is_said(spec, workers, message):
    with pytest.raises(SpecError, match=message):
        crossings(spec, workers)


def test_layers_that_meet_nowhere_are_half_as_wide():
    apart = meeting_nowhere(PAPERS)
    left, right = apart.layer("towers").branches
    assert [layer.out_channels for layer in left if layer.kind == "conv"] == [
        48,
        128,
        192,
        192,
        128,
    ]
    assert apart.layer("towers.fc7_right").out_features == 2048
    assert len(left) == len(right) == 22 and apart.layer("fc8").out_features == 1000


def test_a_layer_that_the_grouped_network_has_not_is_an_error():
    with pytest.raises(KeyError, match=r"conv9\.weight"):
        tower_values({}, ["towers2.conv9_left.weight"])
