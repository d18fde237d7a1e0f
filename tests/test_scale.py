"""Which of the two scales a notebook runs at."""

import pytest
import torch

from alexnet_course.scale import chosen_scale


@pytest.mark.parametrize("name", ["quick", "full"])
@pytest.mark.parametrize("cuda", [True, False])
def test_the_variable_decides(monkeypatch, name, cuda):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setenv("ALEXNET_COURSE_SCALE", name)
    assert chosen_scale() == name


@pytest.mark.parametrize(("cuda", "scale"), [(True, "full"), (False, "quick")])
def test_without_the_variable_cuda_decides(monkeypatch, cuda, scale):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    assert chosen_scale() == scale


def test_any_other_value_is_an_error_that_names_both_scales(monkeypatch):
    monkeypatch.setenv("ALEXNET_COURSE_SCALE", "fast")
    with pytest.raises(ValueError, match=r"'fast'.*'quick' or 'full'"):
        chosen_scale()
