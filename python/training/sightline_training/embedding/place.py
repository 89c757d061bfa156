"""Where a process trains: alone on a CPU or GPU, or one of many under `torchrun`."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


# The others wait while process 0 makes the teacher's features of millions of pictures, and while it validates.
PATIENCE = timedelta(hours=24)


@dataclass(frozen=True)
class Place:
    """This process among `count`; number 0 writes the files."""

    number: int
    count: int
    device: torch.device

    def wrapped(self, student: nn.Module) -> nn.Module:
        """The student with gradients averaged over all processes."""
        if self.count == 1:
            return student
        return DistributedDataParallel(student, device_ids=[self.device.index] if self.device.index is not None else None)

    @contextmanager
    def first_alone(self) -> Iterator[None]:
        """Process 0 goes through the block before the others enter it: it writes the files that they then find."""
        if self.count > 1 and self.number:
            torch.distributed.barrier()
        yield
        if self.count > 1 and not self.number:
            torch.distributed.barrier()

    def mean_of_all(self, values: Sequence[float]) -> list[float]:
        """The mean over the processes of each value; every process asks at the same step."""
        if self.count == 1:
            return list(values)
        said = torch.tensor(values, dtype=torch.float64, device=self.device)
        torch.distributed.all_reduce(said)
        return (said / self.count).tolist()

    def union_of_all(self, values: set[int]) -> set[int]:
        """What any of the processes has; every process asks at the same step."""
        if self.count == 1:
            return values
        said: list[set[int]] = [set()] * self.count
        torch.distributed.all_gather_object(said, values)
        return set().union(*said)

    def of_first(self, value: float) -> float:
        """Process 0's value, in every process: what steers them all, such as a clock, must not differ."""
        if self.count == 1:
            return value
        said = torch.tensor([value], dtype=torch.float64, device=self.device)
        torch.distributed.broadcast(said, src=0)
        return said.item()


def place_of_process() -> Place:
    """Reads the variables that torchrun sets and joins the others; without them, this process is alone."""
    count, local = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("LOCAL_RANK", "0"))
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(local)
    if count > 1 and not torch.distributed.is_initialized():
        torch.distributed.init_process_group("nccl" if cuda else "gloo", timeout=PATIENCE)
    return Place(int(os.environ.get("RANK", "0")), count, torch.device("cuda", local) if cuda else torch.device("cpu"))


class Student(nn.Module):
    """The embedder and its training-only classifier in one forward pass, as gradient averaging needs them."""

    def __init__(self, model: nn.Module, classifier: nn.Module) -> None:
        super().__init__()
        self.model, self.classifier = model, classifier

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.model(x)
        return features, self.classifier(features)
