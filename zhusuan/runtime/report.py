"""The record of what the runtime did to make Jittor importable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from zhusuan.runtime.kernels import KernelReport


class Change(NamedTuple):
    """One environment variable that the runtime set before Jittor was imported.

    :param variable: its name.
    :param value: what it was set to.
    :param reason: why, for people.
    """

    variable: str
    value: str
    reason: str


@dataclass(frozen=True)
class Report:
    """What :func:`zhusuan.runtime.start` found and did.

    :param changes: environment variables that were set, in order.
    :param cuda: whether Jittor can use a GPU.
    :param cuda_reason: why it can or cannot.
    :param notes: other things done or found, one sentence each.
    :param build_seconds: seconds that Jittor's core took to build, None if it was there already.
    :param kernels: how kernels are compiled in this process.
    """

    changes: tuple[Change, ...]
    cuda: bool
    cuda_reason: str
    notes: tuple[str, ...] = ()
    build_seconds: float | None = None
    kernels: KernelReport = KernelReport()
