"""A team: processes that train one network together, each on its share of every batch.

They talk through ``torch.distributed``, whose process group must be there before the team is used;
:func:`alexnet_course.distributed.connected` makes both. A process alone is a team too, and talks
to nobody.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch.distributed
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

Made = TypeVar("Made")
FROM_LEADER = "on the leader"  # a note on an error that all workers have in common


@dataclass(frozen=True)
class Team:
    """``size`` processes, of which this one has the number ``rank``, from 0.

    All of them must call the methods below alike, in the same order, or they wait for each other
    in vain.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the one that writes files and shows progress."""
        return self.rank == 0

    def share(self, start: int, stop: int) -> slice:
        """Which of the places from ``start`` up to ``stop`` are this process's.

        The shares lie one after another and differ by one place at most, the larger ones first.
        """
        each, more = divmod(stop - start, self.size)
        first = start + self.rank * each + min(self.rank, more)
        return slice(first, first + each + (self.rank < more))

    def total(self, tensor: Tensor) -> Tensor:
        """The sum of every process's ``tensor``, element by element, on all of them."""
        if self.size > 1:
            tensor = tensor.clone()
            torch.distributed.all_reduce(tensor)
        return tensor

    def means(
        self, values: tuple[float, ...], weight: float, device: torch.device
    ) -> tuple[float, ...]:
        """The mean of every process's ``values``, in each of which it weighs ``weight``."""
        if self.size == 1:
            return values
        sums = torch.tensor([*values, 1.0], dtype=torch.float64, device=device) * weight
        *totals, weights = self.total(sums).tolist()
        return tuple(total / weights for total in totals)

    def from_leader(self, make: Callable[[], Made], hours: float | None = None) -> Made:
        """What ``make()`` gives on the leader, on all; an error there is raised on all.

        The others wait for so many ``hours``, else as long as they were told when they met.
        """
        if self.size == 1:
            return make()
        wait = None if hours is None else timedelta(hours=hours)
        group: Any = torch.distributed.new_group(timeout=wait) if wait else None
        box: list = [None, None]
        if self.leads:
            try:
                box[0] = make()
            except Exception as error:
                box[1] = error
        torch.distributed.broadcast_object_list(box, group=group)
        if group:
            torch.distributed.destroy_process_group(group)
        if box[1] is not None:
            box[1].add_note(FROM_LEADER)
            raise box[1]
        return box[0]

    def replica(self, network: nn.Module) -> nn.Module:
        """``network``, whose gradients become the mean over the team in each ``backward()``.

        At the first, all weights become the leader's. PyTorch sums gradients in an order that it
        learns from the passes before; a replica made anew sums them as the first one did.
        """
        if self.size == 1:
            return network
        return DistributedDataParallel(network)

    def share_buffers(self, network: nn.Module) -> None:
        """Give all networks the leader's buffers, such as the statistics of a batch norm."""
        if self.size > 1:
            for buffer in network.buffers():
                torch.distributed.broadcast(buffer, 0)


ALONE = Team()
