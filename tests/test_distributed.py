"""Several processes train as one would; what can go wrong with them ends, in a sentence."""

import pytest
import torch

import teams
from alexnet_course.team import ALONE, Team

CLOSE = {"rtol": 1e-12, "atol": 1e-12}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return teams.observe(ALONE, tmp_path_factory.mktemp("alone"))


@pytest.fixture(scope="module", params=[2, 3], ids=["two workers", "three workers"])
def team(request, tmp_path_factory):
    """What each worker of a team observed."""
    return teams.observed(request.param, tmp_path_factory.mktemp("team"))


@pytest.mark.parametrize(
    ("start", "stop", "size", "expected"),
    [
        (0, 128, 2, [(0, 64), (64, 128)]),
        (8, 15, 3, [(8, 11), (11, 13), (13, 15)]),
        (4, 6, 4, [(4, 5), (5, 6), (6, 6), (6, 6)]),
        (0, 5, 1, [(0, 5)]),
    ],
)
def test_shares_lie_one_after_another_the_larger_ones_first(start, stop, size, expected):
    shares = [Team(rank, size).share(start, stop) for rank in range(size)]
    assert [(share.start, share.stop) for share in shares] == expected


@pytest.mark.parametrize("batches", ["even", "uneven"])
def test_a_team_takes_the_steps_of_one_process(alone, team, batches):
    """50 steps, in double precision; among them batches that can't be shared out evenly, and such
    that leave workers without an image.
    """
    expected = alone[batches]
    assert len(expected["losses"]) == 50
    assert expected["losses"][-5:].mean() < 0.9 * expected["losses"][0]  # it learns
    for found in (worker[batches] for worker in team):
        torch.testing.assert_close(found["losses"], expected["losses"], **CLOSE)
        torch.testing.assert_close(found["weights"], expected["weights"], **CLOSE)
        assert found["rights"] == expected["rights"]


def test_gradients_do_not_grow_with_the_number_of_workers(alone, team):
    for worker in team:
        torch.testing.assert_close(worker["even"]["first"], alone["even"]["first"], **CLOSE)


def test_every_image_is_shown_to_one_worker_augmented_as_for_one_process(alone, team):
    """Only the stand-ins of a worker without an image are shown twice: in the batch of one."""
    steps = zip(alone["shown"]["images"], *(w["shown"]["images"] for w in team), strict=True)
    for number, (expected, *found) in enumerate(steps):
        if len(expected) == 1:
            assert number in (4, 9)
            assert all(torch.equal(images, expected) for images in found)
        else:
            assert torch.equal(torch.cat(found), expected)


def test_the_order_changes_from_epoch_to_epoch(team):
    for worker in team:
        images = worker["shown"]["images"]
        assert not torch.equal(torch.cat(images[:5]), torch.cat(images[5:]))


def test_every_worker_and_every_epoch_has_dropout_masks_of_its_own(team):
    first = [worker["shown"]["masks"][step][0] for worker in team for step in (0, 1, 5, 6)]
    assert len({tuple(mask.tolist()) for mask in first}) == len(first)


def test_a_team_has_the_history_of_one_process(alone, team):
    expected = alone["plain run"]["history"]
    for worker in team:
        history = worker["plain run"]["history"]
        for column, values in expected.items():
            assert history[column] == pytest.approx(values, rel=1e-5), column


@pytest.mark.parametrize("run", ["plain run", "run with norm"])
def test_all_workers_end_with_the_same_history_network_and_statistics(team, run):
    leader, *others = (worker[run] for worker in team)
    assert leader["seen"] == [1, 2]
    for other in others:
        assert other["history"] == leader["history"]
        assert other["seen"] == [1, 2]
        torch.testing.assert_close(other["state"], leader["state"], rtol=0, atol=0)


def test_only_the_leader_writes_the_checkpoint(team):
    assert [worker["plain run"]["written"] for worker in team] == [True] + [False] * (len(team) - 1)
