"""What ``running.py`` puts into a student's kernel.

It keeps the names as they are behind each visible test, so that hidden tests can come after all
else, and tells that a test has run to its end.
"""

import copy
import random
import re
import sys
import types
from typing import Any

from IPython import get_ipython
from IPython.display import publish_display_data

SIGN = "application/x-has-run"  # as in running.py
_HISTORY = re.compile(r"_+\d*|_i+\d*|_ih|_oh|_dh")
_moments: dict[object, tuple[dict[str, Any], list[tuple[Any, Any]]]] = {}


def _own() -> dict[str, Any]:
    """The names that are not IPython's."""
    shell = get_ipython()
    return {
        name: value
        for name, value in shell.user_ns.items()
        if not (name in shell.user_ns_hidden or _HISTORY.fullmatch(name))
    }


def _copied(value: Any, known: dict[int, Any]) -> Any:
    try:
        return copy.deepcopy(value, known)
    except Exception:  # modules, files, and what students make: they stay what they are
        return value


def _settings() -> list[tuple[Any, Any]]:
    """Random numbers and PyTorch's settings, each as it is and what sets it."""
    found: list[tuple[Any, Any]] = [(random.setstate, random.getstate())]
    if numpy := sys.modules.get("numpy"):
        found.append((numpy.random.set_state, numpy.random.get_state()))
    if torch := sys.modules.get("torch"):
        found.append((torch.set_rng_state, torch.get_rng_state()))
        found.append((torch.set_default_dtype, torch.get_default_dtype()))
        found.append((torch.set_grad_enabled, torch.is_grad_enabled()))
    return found


def keep(key: object) -> None:
    """Remember all names and their values under ``key``."""
    known: dict[int, Any] = {}
    _moments[key] = {name: _copied(one, known) for name, one in _own().items()}, _settings()


def go_back(key: object) -> None:
    """Make names and values what they were; once for each ``key``, since tests may change them."""
    kept, settings = _moments.pop(key)
    names = get_ipython().user_ns
    for name in _own():
        del names[name]
    names.update(kept)
    for put, value in settings:
        put(value)


def sign(words: str) -> None:
    """Tell ``running.py`` that all before this line has run."""
    publish_display_data({SIGN: words})


sys.modules["in_kernel"] = types.ModuleType("in_kernel")
vars(sys.modules["in_kernel"]).update(keep=keep, go_back=go_back, sign=sign)
