"""A network that begins with what another has learned: all its weights but the last layer's."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from alexnet_course.layers import LEARNED


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


def freeze(network: nn.Module) -> None:
    """Let the last layer alone learn. Dropout and batch norm go on as in any training."""
    last = last_layer(network)
    for name, weight in network.named_parameters():
        weight.requires_grad_(name.startswith(f"{last}."))
