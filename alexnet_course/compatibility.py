"""Whether a network and images go together: asked before training, answered in a sentence."""

import torch
from torch import Tensor, nn

from alexnet_course.arithmetic import shape_text
from alexnet_course.data.images import ImageData
from alexnet_course.data.preparation import Preparation


def require_match(network: nn.Module, data: ImageData, preparation: Preparation) -> None:
    """Raise :class:`ValueError` unless ``network`` takes the images of ``data``, once prepared,
    and has an output for each of their labels.

    Two images of each part are tried in evaluation mode, which changes neither weights, statistics
    nor the random numbers to come.
    """
    made = getattr(network, "architecture", None)
    wanted = f". {made.name} is made for images of {shape_text(made.input_shape)}" if made else ""
    two = torch.zeros(2, dtype=torch.int64)
    for split in (data.train, data.held_out):
        images, _ = next(split.batches(two, 2, preparation.device))
        shape = _output_shape(network, images, preparation(images), wanted)
        if len(shape) != 2 or shape[0] != 2:
            raise ValueError(
                f"the network makes {shape_text(shape)} values of two images; expected two rows, "
                f"with a number for each class. Does it lack a Flatten or a Linear?{wanted}"
            )
        least, most = int(split.labels.min()), int(split.labels.max())
        if least < 0 or most >= shape[1]:
            raise ValueError(
                f"{data.name!r} has {len(data.classes)} classes, with labels from {least} to "
                f"{most}, and the network has {shape[1]} outputs, for labels from 0 to "
                f"{shape[1] - 1}; give its last layer an output for each class"
            )


def _output_shape(
    network: nn.Module, images: Tensor, prepared: Tensor, wanted: str
) -> tuple[int, ...]:
    device, was_training = prepared.device, network.training
    reached: list[nn.Module] = []
    network.eval()
    try:
        with (
            torch.no_grad(),
            torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
            nn.modules.module.register_module_forward_pre_hook(
                lambda module, _: reached.append(module)
            ),
        ):
            return tuple(getattr(network(prepared), "shape", ()))
    except (RuntimeError, ValueError) as error:
        sizes = shape_text(images.shape[1:])
        if prepared.shape != images.shape:
            sizes += f", brought to {shape_text(prepared.shape[1:])} by the recipe,"
        names = {module: name for name, module in network.named_modules()}
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"images of {sizes} do not fit the network, which stops at "
            f"{names.get(reached[-1]) or 'the module'}, {reached[-1]} ({reason}){wanted}. Their "
            "size is set by image_folder(size=…) and by the recipe's preparation"
        ) from error
    finally:
        network.train(was_training)
