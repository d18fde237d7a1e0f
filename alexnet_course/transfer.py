"""A network that begins with what another has learned: all its weights but the last layer's."""

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor, nn

from alexnet_course.layers import LEARNED, layer_of, require_layers


def last_layer(network: Any) -> str:
    """The name of the layer that makes the logits."""
    layers = network.architecture.named_layers()
    return [name for name, layer in layers if layer.kind in LEARNED][-1]


def take_over(network: nn.Module, weights: Mapping[str, Tensor], whose: str) -> None:
    """Give ``network`` all ``weights`` but the last layer's: by name, or, where no name is its
    own, by place.

    Raises :class:`ValueError` where the two differ before the last layer; it says ``whose`` the
    weights are.
    """
    own = network.state_dict()
    if not weights.keys() & own.keys() and len(weights) == len(own):
        weights = dict(zip(own, weights.values(), strict=True))
    last = last_layer(network)
    wanted = {name: value for name, value in own.items() if not name.startswith(f"{last}.")}
    for name, value in wanted.items():
        there = tuple(weights[name].shape) if name in weights else None
        if there != tuple(value.shape):
            has = f"has the shape {there}" if there else "is missing"
            raise ValueError(
                f"{whose} does not go with this network: {name} {has} there, and has "
                f"{tuple(value.shape)} here. Choose the network and the size it was trained with"
            )
    network.load_state_dict({name: weights[name] for name in wanted}, strict=False)


def freeze(network: nn.Module, layers: Iterable[str] | None = None) -> None:
    """Let all but ``layers`` learn; without names, the last layer alone.

    Dropout and batch norm go on as in any training. Raises :class:`ValueError` for a name in
    ``layers`` that no layer with weights has.
    """
    named = dict(network.named_parameters())
    if layers is None:
        frozen = {layer_of(name) for name in named} - {last_layer(network)}
    else:
        frozen = {*layers}
        require_layers("to be frozen are", frozen, named)
    for name, weight in named.items():
        weight.requires_grad_(layer_of(name) not in frozen)
