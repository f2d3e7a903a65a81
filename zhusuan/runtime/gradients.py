"""Gradients of float64 losses: Jittor may begin them with garbage in place of 1.

``jt.grad`` starts from a pending constant of the loss's dtype. In Jittor 1.3.11, when a float32
loss of like form was differentiated before in the same process, the kernel for a float64 one can
read that constant wrongly: all gradients come out scaled by 0, by 21.7 or by whatever was in
memory, without a word. The constant of a float32 loss is compiled in and always right.
"""

from __future__ import annotations

import functools
from typing import Any


def repair_gradients(jittor: Any) -> None:
    """Let ``jt.grad`` start from a float32 copy of a float64 loss.

    The loss's value plays no part in its gradients, and the step back through the copy is exact:
    gradients keep all digits of float64. The optimizers call ``jt.grad`` as well.

    :param jittor: the imported module.
    """
    original = jittor.grad

    @functools.wraps(original)
    def grad(loss: Any, targets: Any, retain_graph: bool = True) -> Any:
        if isinstance(loss, jittor.Var) and str(loss.dtype) == "float64":
            loss = loss.cast("float32")
        return original(loss, targets, retain_graph)

    jittor.grad = grad
