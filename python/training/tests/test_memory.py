"""Memory that training frees stays in the process, so that the next step need not ask for it again."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys, torch
from sightline_training.memory import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
def use():
    torch.empty(16, 1024, 1024).fill_(1)
# The heap first grows to what is used of it.
for _ in range(20):
    use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(how: str) -> int:
    """What allocating the same 64 MiB four more times costs a new process."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another malloc")
def test_a_tensor_of_the_size_of_one_that_was_freed_costs_no_new_pages() -> None:
    assert page_faults("kept") < page_faults("given back") / 4
