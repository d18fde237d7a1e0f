"""What a network computes from its weights, as a digest: :func:`structure`."""

import inspect
from types import CodeType
from typing import Any

from torch import nn

from alexnet_course.config import digest

NAMED = ("alexnet_course", "torch", "torchvision")  # packages whose classes their names describe


def structure(network: nn.Module) -> str:
    """SHA-256 of how ``network`` is made, apart from its weights; for any module of PyTorch's.

    It holds each module's name, class and settings (a dropout's ``p``), each parameter's shape and
    whether it learns, and, for a class that belongs to no package in :data:`NAMED`, the code of
    its methods: ``forward`` may call ``relu`` or ``tanh``. Comments change nothing. What methods
    call outside of their class is not looked into.
    """
    modules = [
        [name, type(module).__qualname__, _settings(module), _own_code(type(module))]
        for name, module in network.named_modules()
    ]
    weights = [
        [name, list(weight.shape), weight.requires_grad]
        for name, weight in network.named_parameters()
    ]
    return digest([modules, weights])


def _settings(module: nn.Module) -> dict[str, Any]:
    return {
        key: _setting(value)
        for key, value in vars(module).items()
        if not key.startswith("_") and key != "training"
    }


def _setting(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_setting(item) for item in value]
    name = getattr(value, "__qualname__", type(value).__qualname__)
    return [name, _code(value.__code__)] if hasattr(value, "__code__") else name


def _own_code(kind: type) -> dict[str, Any]:
    """The compiled methods of ``kind`` and of the classes that it extends, up to a package's."""
    found = {}
    for base in kind.__mro__:
        if base is object or base.__module__.partition(".")[0] in NAMED:
            break
        methods = {name: inspect.unwrap(m) for name, m in vars(base).items() if callable(m)}
        found[base.__qualname__] = {
            name: [_code(method.__code__), _setting(method.__defaults__)]
            for name, method in methods.items()
            if hasattr(method, "__code__")
        }
    return found


def _code(code: CodeType) -> list[Any]:
    """What code does, without where it stands: the same in another file, or a cell run again."""
    return [code.co_code.hex(), list(code.co_names), [_constant(c) for c in code.co_consts]]


def _constant(value: Any) -> Any:
    if isinstance(value, CodeType):
        return _code(value)
    return sorted(map(repr, value)) if isinstance(value, frozenset) else repr(value)
