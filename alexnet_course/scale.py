"""Two scales for one notebook: *quick* (seconds on two CPU cores) and *full* (the real thing)."""

import os

VARIABLE = "ALEXNET_COURSE_SCALE"


def chosen_scale() -> str:
    """``"quick"`` or ``"full"``: what ``ALEXNET_COURSE_SCALE`` says, else full where CUDA is."""
    named = os.environ.get(VARIABLE)
    if named is None:
        import torch

        return "full" if torch.cuda.is_available() else "quick"
    if named not in ("quick", "full"):
        raise ValueError(f"{VARIABLE} is {named!r}; it must be 'quick' or 'full'")
    return named
