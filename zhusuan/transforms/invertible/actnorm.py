"""Activation normalisation."""

from __future__ import annotations

import jittor as jt
import numpy as np

from zhusuan._tensor import Shape, Var, host_view, shape_of
from zhusuan.checkpoint.states import keep
from zhusuan.transforms.base import Transform
from zhusuan.transforms.invertible._rows import (
    as_rows,
    check_channels,
    check_event,
    one_for_all,
    places,
)

DIRECTIONS = ("forward", "inverse", None)
# Of the deviation of a channel that is constant in the first batch.
SMALLEST = 1e-6


class ActNorm(Transform):
    r"""Each channel scaled and shifted, at first so that a batch of data has mean 0 and variance 1.

    .. math:: y_c = e^{s_c} x_c + b_c, \qquad \log|\det| = h w \sum_c s_c

    (Glow; Kingma and Dhariwal 2018, sec. 3.1 and table 1). The first batch that comes through in
    the direction of data sets s and b; from then on they are parameters like others. Until then
    it is the identity, and so are draws that come the other way. That it has been set is kept in
    checkpoints (:func:`zhusuan.save`), not in Jittor's own files: after ``Module.load`` call
    ``skip_data_init()``.

    :param n_channels: number of channels, the first dim of an event.
    :param event_ndims: 1 for vectors, each entry a channel; 3 for images, (channels, height,
        width).
    :param data_init: which direction data come: ``'forward'``; ``'inverse'`` in a flow from the
        latent to the data, whose density takes the inverse; None to start as the identity.
    :raises ValueError: for sizes below 1 or another direction.
    :ivar loc: b, shape [n_channels].
    :ivar log_scale: s, shape [n_channels].
    """

    def __init__(
        self, n_channels: int, event_ndims: int = 1, data_init: str | None = "forward"
    ) -> None:
        super().__init__()
        check_channels("ActNorm", n_channels, event_ndims)
        if data_init not in DIRECTIONS:
            raise ValueError(f"ActNorm: data_init must be one of {DIRECTIONS}, got {data_init!r}")
        self.event_ndims_in = self.event_ndims_out = event_ndims
        self.n_channels = n_channels
        self.data_init = data_init
        self.loc = jt.zeros([n_channels])
        self.log_scale = jt.zeros([n_channels])
        self._done = keep(self, "data-dependent start", _Done(data_init is None))

    def skip_data_init(self) -> None:
        """Take the parameters as they are: no batch will set them."""
        self._done.value = True

    @property
    def is_initialised(self) -> bool:
        """Whether a batch has set the parameters, or none is to."""
        return self._done.value

    def _forward_and_log_det(self, x: Var) -> tuple[Var, Var]:
        self._start("forward", x)
        rows, loc, log_scale = self._side_by_side(x)
        y = rows * jt.exp(log_scale) + loc
        return y.reshape(list(x.shape)), self._volume(x)

    def _inverse_and_log_det(self, y: Var) -> tuple[Var, Var]:
        self._start("inverse", y)
        rows, loc, log_scale = self._side_by_side(y)
        x = (rows - loc) * jt.exp(-log_scale)
        return x.reshape(list(y.shape)), -self._volume(y)

    def _log_det(self, x: Var, y: Var) -> Var:
        return self._volume(x)

    def _start(self, direction: str, data: Var) -> None:
        """Set the parameters by a batch, if this is the first one in the direction of data."""
        if self._done.value or direction != self.data_init:
            return
        batch = shape_of(data)[: len(data.shape) - self.event_ndims_in]
        axis = len(batch)
        values = np.moveaxis(host_view(data).astype(np.float64), axis, 0)
        values = values.reshape(self.n_channels, -1)
        if values.shape[1] < 2:
            raise ValueError(
                "ActNorm: the first batch sets means and deviations, it must have at least 2 "
                f"values for each channel; got shape {list(data.shape)}"
            )
        mean, std = values.mean(1), np.maximum(values.std(1), SMALLEST)
        # What comes out is (v - mean) / std.
        forward = direction == "forward"
        self._set(self.loc, -mean / std if forward else mean)
        self._set(self.log_scale, -np.log(std) if forward else np.log(std))
        self._done.value = True

    @staticmethod
    def _set(var: Var, value: np.ndarray) -> None:
        is_trained = not var.is_stop_grad()
        new = jt.array(value.astype("float32"))
        new.sync()  # a pending value would become a constant of the kernels that read it
        var.update(new)
        if is_trained:
            var.start_grad()  # under no_grad the new value would take the gradient away for good

    def _side_by_side(self, x: Var) -> tuple[Var, Var, Var]:
        """Return x and the parameters in shapes that broadcast."""
        count = places(x, self.event_ndims_in)
        if count == 1:
            return as_rows(x, self.event_ndims_in), self.loc, self.log_scale
        rows = as_rows(x, self.event_ndims_in, self.n_channels, count)
        column = [self.n_channels, 1]
        return rows, self.loc.reshape(column), self.log_scale.reshape(column)

    def _volume(self, x: Var) -> Var:
        total = self.log_scale.sum() * float(places(x, self.event_ndims_in))
        return one_for_all(total, x, self.event_ndims_in)

    def _event_shape_out(self, event: Shape) -> Shape:
        return check_event("ActNorm", self.n_channels, event)

    _event_shape_in = _event_shape_out

    def _describe(self) -> str:
        return f"{self.n_channels} channels"


class _Done:
    """Whether the parameters have been set; checkpoints keep it."""

    def __init__(self, value: bool) -> None:
        self.value = value

    def state(self) -> bool:
        return self.value

    def set_state(self, state: bool) -> None:
        self.value = bool(state)
