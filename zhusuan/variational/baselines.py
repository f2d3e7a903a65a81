"""Control variates of the score function estimator: what is taken off the learning signal."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import jittor as jt
from jittor import nn

from zhusuan._tensor import Var, as_var, broadcast_shapes, mean_all, scalar, shape_of
from zhusuan.checkpoint.states import keep, kept
from zhusuan.distributed import all_reduce, world_size
from zhusuan.variational.nets import is_learning


class MovingMean:
    r"""The mean of the learning signals of past steps, weighted by how recent they are.

    After t steps with means :math:`s_1, \dots, s_t`, without the bias to 0 of the start
    (Kingma and Ba 2015, sec. 3):

    .. math:: m_t = \frac{1 - d}{1 - d^t} \sum_{i=1}^{t} d^{t-i} s_i

    The state is no parameter, whatever module holds it, and takes no memory as steps go by.

    :param decay: :math:`d` in [0, 1).
    :raises ValueError: if ``decay`` is outside [0, 1).
    """

    def __init__(self, decay: float = 0.8) -> None:
        if not 0.0 <= decay < 1.0:
            raise ValueError(f"decay must be in [0, 1), got {decay!r}")
        self.decay = float(decay)
        self._steps = 0
        self._sum: Var | None = None
        self._is_of_rank = False

    @property
    def value(self) -> Var:
        """The mean so far, shape [1]; 0 before the first step.

        Under ``mpirun`` it is that of all ranks, who ask for it together.
        """
        if self._sum is None:
            return scalar(0.0)
        if self._is_of_rank:
            # Not when the step is taken in: that would run its forward pass by itself.
            self._sum = as_var(all_reduce(self._sum, "mean"), str(self._sum.dtype))
            self._is_of_rank = False
        # Computed by now, with the step it belongs to: without this the graph would grow.
        self._sum.sync()
        return self._sum * scalar(1.0 / (1.0 - self.decay**self._steps), str(self._sum.dtype))

    def update(self, signal: Var) -> None:
        """Take the signals of one step in.

        :param signal: Var of any shape; its mean counts.
        """
        mean = mean_all(signal.detach())
        new = mean * scalar(1.0 - self.decay, str(mean.dtype))
        if self._sum is not None:
            self._sum.sync()
            new = new + self._sum * scalar(self.decay, str(mean.dtype))
        self._sum = new.detach()
        self._steps += 1
        self._is_of_rank = world_size() > 1

    def state(self) -> dict[str, Any]:
        """Return the state as numbers, for a checkpoint.

        :return: the steps so far and the sum, an array of shape [1]; None before the first.
        """
        total = None if self._sum is None else self._sum.numpy()
        return {
            "steps": self._steps,
            "sum": total,
            **({"of_rank": True} if self._is_of_rank else {}),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from a state.

        :param state: what :meth:`state` returned.
        :raises TypeError: if the sum is not numeric.
        """
        self._steps = int(state["steps"])
        self._sum = None if state["sum"] is None else as_var(state["sum"])
        self._is_of_rank = bool(state.get("of_rank")) and world_size() > 1


# Models that are no module, and so in no checkpoint.
_kept: weakref.WeakKeyDictionary[Any, dict[str, MovingMean]] = weakref.WeakKeyDictionary()


def moving_mean_of(model: Any, names: Sequence[str], decay: float) -> MovingMean:
    """Return the moving mean that belongs to a model, as long as the model lives.

    The function ``elbo`` makes a new objective in every step, so that can't keep it.

    :param model: the model as it was given.
    :param names: of the latents that are scored; what tells several of one model apart.
    :param decay: see :class:`MovingMean`.
    """
    key = f"moving mean of {', '.join(sorted(names))}, decay {decay}"
    if isinstance(model, nn.Module):
        return kept(model, key) or keep(model, key, MovingMean(decay))
    of_model = _kept.setdefault(model, {})
    if key not in of_model:
        of_model[key] = MovingMean(decay)
    return of_model[key]


def leave_one_out_mean(signal: Var, axes: tuple[int, ...]) -> Var:
    """Return for each particle the mean of the others (Mnih and Rezende 2016).

    :param signal: Var with particles on ``axes``.
    :param axes: the particle dims.
    :raises ValueError: if there is no second particle.
    """
    count = 1
    for axis in axes:
        count *= shape_of(signal)[axis]
    if count < 2:
        raise ValueError(
            "variance_reduction='rloo' compares particles and needs at least 2 on axis, got "
            f"{count if axes else 'axis=None'}; give the latents n_samples and the objective axis"
        )
    total = signal.sum(list(axes), keepdims=True)
    return (total - signal) / (count - 1)


def centred(
    signal: Var,
    axes: tuple[int, ...],
    variance_reduction: bool | str,
    baseline: Var | None,
    moving_mean: MovingMean | None,
) -> tuple[Var, Var | None]:
    r"""Take off the learning signal what does not depend on the draw that it judges.

    :param signal: detached Var.
    :param axes: the particle dims.
    :param variance_reduction: True for the mean of earlier steps, ``'rloo'`` for that of the
        other particles, False for nothing.
    :param baseline: a prediction of the signal, which broadcasts to it, or None.
    :param moving_mean: the state for ``variance_reduction=True``.
    :return: the centred signal, and the cost
        :math:`\frac12 (\text{signal} - \text{baseline})^2` of each prediction or None.
    :raises ValueError: if ``baseline`` does not broadcast to the signal, or for ``'rloo'``
        without a second particle.
    """
    cost = None
    if baseline is not None:
        shape = shape_of(signal)
        if broadcast_shapes(shape_of(baseline), shape) != shape:
            raise ValueError(
                f"baseline has shape {list(baseline.shape)}, which does not broadcast to that of "
                f"the learning signal, {list(shape)}: one value per datum (and particle)"
            )
        residual = signal - baseline
        cost = 0.5 * residual * residual
        signal = residual.detach()
    if variance_reduction == "rloo":
        signal = signal - leave_one_out_mean(signal, axes)
    elif variance_reduction and moving_mean is not None:
        # The mean of earlier steps: one that includes this step's signals would depend on the
        # very draws it is compared with, and bias the gradient.
        before = moving_mean.value
        if is_learning():
            moving_mean.update(signal)
        signal = signal - before.cast(signal.dtype)
    return signal.detach(), cost


def check_variance_reduction(value: Any) -> bool | str:
    """Return ``value`` if it is True, False or ``'rloo'``.

    :param value: the option of an objective.
    :raises ValueError: if it is something else.
    """
    if value in (True, False) or value == "rloo":
        return value
    raise ValueError(f"variance_reduction must be True, False or 'rloo', got {value!r}")


def check_baseline(baseline: Any) -> Var | None:
    """Return ``baseline`` if it is a Var or None.

    :param baseline: what a user gave.
    :raises TypeError: if it is something else.
    """
    if baseline is not None and not isinstance(baseline, jt.Var):
        raise TypeError(f"baseline must be a Var, got {type(baseline).__name__}")
    return baseline
