"""Choosing between CPU and GPU."""

from __future__ import annotations

import importlib

from zhusuan.runtime.startup import start


def use_cuda(on: bool = True) -> None:
    """Compute on the GPU, or on the CPU, from now on.

    :param on: True for the GPU.
    :raises RuntimeError: if the GPU is asked for and Jittor has none.
    """
    report = start()
    jittor = importlib.import_module("jittor")
    if on and not jittor.has_cuda:
        raise RuntimeError(
            f"CUDA was asked for, but Jittor sees none: {report.cuda_reason}. Install the NVIDIA "
            "driver and a CUDA toolkit with cuDNN (or, with a driver: python -m "
            "jittor_utils.install_cuda), see what is found with: python -m zhusuan.runtime, or "
            "leave use_cuda off."
        )
    jittor.flags.use_cuda = int(on)
