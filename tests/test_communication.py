"""Bytes of a step, operations, hours and records, by hand."""

import pytest

from alexnet_course.architectures import ARCHITECTURES
from alexnet_course.communication import (
    RECORDS,
    SENT_BY,
    bytes_a_step,
    communication,
    fraction_of_peak,
    hours_and_price,
    operations,
    parameters_before_and_after_flatten,
    records,
)
from alexnet_course.model_parallel import SCHEMES

PAPERS = ARCHITECTURES["alexnet-2012"]


def test_conv_layers_hold_a_twenty_sixth_of_the_parameters():
    assert parameters_before_and_after_flatten(PAPERS) == (2_334_080, 58_631_144)


@pytest.mark.parametrize(
    ("scheme", "activations", "gradients"),
    [
        ("data parallel", (0, 0), 60_965_224),
        ("model parallel", (61_672, 60_672), 0),
        ("one weird trick", (9216 + 2 * 4096 + 1000, 9216 + 2 * 4096), 2_334_080),
    ],
)
def test_two_workers_send_half_of_what_crosses_and_a_rings_share_of_gradients(
    scheme, activations, gradients
):
    """Of two, each sends half of the crossing values, and every gradient once: 2 · (2 − 1) / 2."""
    sent = bytes_a_step(PAPERS, scheme, 2, batch=128)
    assert [sent["activations"], sent["their gradients"]] == [n * 64 * 4 for n in activations]
    assert sent["gradients"] == 4 * gradients


def test_eight_workers_send_seven_shares():
    weird = bytes_a_step(PAPERS, "one weird trick", 8, batch=128)
    assert weird["activations"] == 7 * 18_408 * 16 * 4
    assert weird["gradients"] == 2 * 7 * 2_334_080 * 4 // 8


def test_every_scheme_that_trains_has_a_prediction():
    assert SENT_BY.keys() == SCHEMES.keys()


def test_the_table_at_batch_128():
    table = communication(PAPERS).set_index(["scheme", "workers"])
    assert (table.xs(1, level="workers")["all"] == 0).all()
    assert table.loc[("data parallel", 2), "each"] == 243_860_896
    assert table.loc[("model parallel", 2), "each"] == 122_344 * 64 * 4
    assert table.loc[("one weird trick", 8), "all"] == 259_073_024
    bigger = communication(PAPERS, batch=1024).set_index(["scheme", "workers"])
    same = table["each"].eq(bigger["each"]).unstack("workers").all(axis=1)
    assert same.to_dict() == {scheme: scheme == "data parallel" for scheme in SCHEMES}


def test_a_batch_or_scheme_that_cant_be_is_an_error():
    with pytest.raises(ValueError, match="a batch of 100 can't be shared equally by 8 workers"):
        bytes_a_step(PAPERS, "data parallel", 8, batch=100)
    with pytest.raises(KeyError, match="data parallel"):
        bytes_a_step(PAPERS, "data-parallel", 2, batch=128)


def test_six_days_of_two_gtx_580s_are_a_quarter_of_their_peak():
    """4,135,610,496 operations an image · 90 · 1.2 M, over 2 · 512 · 2 · 1.544 GHz · 518,400 s."""
    assert operations(PAPERS) == pytest.approx(4_135_610_496 * 90 * 1.2e6)
    assert fraction_of_peak(PAPERS, "GTX 580", 2, days=6) == pytest.approx(0.2725, abs=1e-4)
    assert fraction_of_peak(PAPERS, "GTX 580", 2, days=5) == pytest.approx(0.3270, abs=1e-4)


def test_hours_and_price_follow_from_what_is_assumed():
    """4.4665e17 operations at 0.3 of 312e12 a second: 4,772 seconds."""
    hours, price = hours_and_price(PAPERS, "A100", price_an_hour=2.0, fraction=0.3)
    assert (hours, price) == (pytest.approx(1.3255, abs=1e-4), pytest.approx(2.651, abs=1e-3))
    four = hours_and_price(PAPERS, "A100", 2.0, fraction=0.3, devices=4)
    assert four == (pytest.approx(hours / 4), pytest.approx(price))
    assert hours_and_price(PAPERS, "A100", 2.0, passes=45)[0] == pytest.approx(hours / 2)


def test_records_stand_beside_what_the_table_predicts():
    table = records()
    assert len(table) == len(RECORDS) == 8
    assert table["predicted"].equals(table["computing"] + table["sending"])
    one, two = (table["computing"][table["who"] == "Krizhevsky 2014"].iloc[i] for i in (0, 1))
    assert one == pytest.approx(2 * two)
    assert table.loc["2014: 1 K20", "sending"] == 0  # a single worker sends nothing
    assert table["ratio"].between(0.5, 2).all()
    assert records(fraction=0.6)["computing"].equals(table["computing"] / 2)
