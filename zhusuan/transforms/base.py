"""The protocol of all transforms: forward, inverse, and the volume that they change."""

from __future__ import annotations

from typing import Any

from jittor import nn

from zhusuan._tensor import FLOAT_DTYPES, Shape, Var, as_var, shape_of
from zhusuan.distributions import constraints
from zhusuan.distributions.constraints import Constraint


class Transform(nn.Module):
    r"""An invertible map :math:`y = f(x)` with the logarithm of the volume that it changes.

    **Shapes.** The last ``event_ndims_in`` dims of x are one event, the last ``event_ndims_out``
    dims of y what becomes of it: 0 and 0 for :math:`e^x`, 1 and 1 for a permutation of a vector, 1
    and 2 for a vector that becomes a triangular matrix. The dims before are a batch.
    :math:`\log|\det \partial y / \partial x|` has the shape of the batch; [1] where there is none,
    since Jittor has no 0-d Var. It is what the density changes by (Rezende and Mohamed 2015, eq.
    5). Where y has more entries than degrees of freedom (a simplex, a symmetric matrix), the
    Jacobian is that of a set of free entries, as the class says.

    **Calling it.** ``y, log_det = transform(x)`` and ``x = transform(y, inverse=True)``, or by
    the methods. It is a Jittor module: weights that it trains are its parameters.

    **Values outside the domain** give NaN or infinity: Jittor computes later, so that no error
    can be raised here. Shapes that don't fit are an error at once.

    **Writing one.** Either ``_forward_and_log_det(x)`` or both ``_forward(x)`` and ``_log_det(x,
    y)``, and ``_inverse(y)`` where there is one; ``_inverse_and_log_det(y)`` if one pass gives
    both. They get Vars of checked shapes. The class says ``event_ndims_in``, ``event_ndims_out``,
    ``domain`` and ``codomain`` where these are not 0, 0 and all numbers, and the names of what it
    may be conditioned on (``context_names``), which the methods then take as keyword arguments. A
    transform whose events change their shape writes ``_event_shape_out`` and ``_event_shape_in``.
    Vars that are not to be trained are attributes that begin with ``_``.

    :cvar event_ndims_in: how many trailing dims of x are one event.
    :cvar event_ndims_out: how many trailing dims of y are one event.
    :cvar domain: where x may lie.
    :cvar codomain: a set that holds all y.
    :cvar keeps_support: whether y lies where x does, as after a permutation.
    :cvar context_names: names of the keyword arguments that the methods take.
    """

    event_ndims_in: int = 0
    event_ndims_out: int = 0
    domain: Constraint = constraints.real
    codomain: Constraint = constraints.real
    keeps_support: bool = False
    context_names: tuple[str, ...] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        both = cls._writes("_forward") and cls._writes("_log_det")
        is_base = cls.__name__.startswith("_")
        if not is_base and not both and not cls._writes("_forward_and_log_det"):
            raise TypeError(
                f"{cls.__name__} must write _forward_and_log_det(x), or _forward(x) and "
                "_log_det(x, y)"
            )

    # -- what a transform writes, with x, or y, or x and y, and context by name. A checker of types
    # lets methods with these signatures be overridden by any other.

    def _forward_and_log_det(self, *x: Any, **context: Any) -> tuple[Var, Var]:
        """Return y and log|det dy/dx|."""
        y = self._forward(*x, **context)
        return y, self._log_det(*x, y, **context)

    def _forward(self, *x: Any, **context: Any) -> Var:
        """Return y."""
        return self._forward_and_log_det(*x, **context)[0]

    def _log_det(self, *x_and_y: Any, **context: Any) -> Var:
        """Return log|det dy/dx| at a pair that belongs together."""
        return self._forward_and_log_det(x_and_y[0], **context)[1]

    def _inverse(self, *y: Any, **context: Any) -> Var:
        """Return x."""
        if self._writes("_inverse_and_log_det"):
            return self._inverse_and_log_det(*y, **context)[0]
        raise NotImplementedError(f"{self._name} has no inverse that can be computed")

    def _inverse_and_log_det(self, *y: Any, **context: Any) -> tuple[Var, Var]:
        """Return x and log|det dx/dy|, the negative of the forward one."""
        x = self._inverse(*y, **context)
        return x, -self._log_det(x, *y, **context)

    def _event_shape_out(self, event: Shape) -> Shape:
        """Return the shape of an event of y; raise ValueError for one of x that is impossible."""
        return event

    def _event_shape_in(self, event: Shape) -> Shape:
        """Return the shape of an event of x; raise ValueError for one of y that is impossible."""
        return event

    def _check_batch(self, shape: Shape) -> None:
        """Raise ValueError if parameters with a batch of their own do not fit x of this shape."""

    def _describe(self) -> str:
        """Return what stands between the brackets of ``repr``."""
        return ""

    # -- what users call

    def forward(self, x: Any, **context: Any) -> Var:
        """Return y for x.

        :param x: number, array or Var of shape ``batch + event``.
        :param context: what the map is conditioned on, by name (``context_names``).
        :return: y, a Var of shape ``forward_shape(x.shape)``.
        :raises ValueError: if the shape doesn't fit.
        :raises TypeError: for context that the transform does not know.
        """
        return self._forward(self._take_x(x), **self._checked(context))

    def inverse(self, y: Any, **context: Any) -> Var:
        """Return x for y; NaN or infinite where y is no value of the map.

        :param y: number, array or Var of shape ``batch + event``.
        :param context: as for :meth:`forward`.
        :return: x, a Var of shape ``inverse_shape(y.shape)``.
        :raises ValueError: if the shape doesn't fit.
        :raises NotImplementedError: if the inverse can't be computed.
        :raises TypeError: for context that the transform does not know.
        """
        return self._inverse(self._take_y(y), **self._checked(context))

    def log_det(self, x: Any, y: Any = None, **context: Any) -> Var:
        r"""Return :math:`\log|\det \partial y / \partial x|`, of the shape of the batch.

        :param x: as for :meth:`forward`.
        :param y: ``forward(x)`` where it is there already, to save time.
        :param context: as for :meth:`forward`.
        :return: Var of the shape of the batch; [1] if there is none.
        :raises ValueError: if the shape doesn't fit.
        :raises TypeError: for context that the transform does not know.
        """
        x, checked = self._take_x(x), self._checked(context)
        if y is None:
            return self._forward_and_log_det(x, **checked)[1]
        return self._log_det(x, self._take_y(y), **checked)

    def forward_and_log_det(self, x: Any, **context: Any) -> tuple[Var, Var]:
        """Return :meth:`forward` and :meth:`log_det` in one pass.

        :param x: as for :meth:`forward`.
        :param context: as for :meth:`forward`.
        :return: y and the log-determinant, of the shapes of those two.
        :raises ValueError: if the shape doesn't fit.
        :raises TypeError: for context that the transform does not know.
        """
        return self._forward_and_log_det(self._take_x(x), **self._checked(context))

    def inverse_and_log_det(self, y: Any, **context: Any) -> tuple[Var, Var]:
        r"""Return :meth:`inverse` and its own :math:`\log|\det \partial x / \partial y|`.

        :param y: as for :meth:`inverse`.
        :param context: as for :meth:`forward`.
        :return: x and the log-determinant, which has the shape of the batch.
        :raises ValueError: if the shape doesn't fit.
        :raises TypeError: for context that the transform does not know.
        :raises NotImplementedError: if the inverse can't be computed.
        """
        return self._inverse_and_log_det(self._take_y(y), **self._checked(context))

    def execute(self, x: Any, inverse: bool = False, **context: Any) -> Any:
        """Return ``(y, log_det)`` or, for ``inverse=True``, x alone: ZhuSuan-Jittor's call.

        :param x: what goes in: x, or y for the inverse.
        :param inverse: which way.
        :param context: as for :meth:`forward`.
        :return: as :meth:`forward_and_log_det` or :meth:`inverse`, whose shapes they have.
        """
        if inverse:
            return self.inverse(x, **context)
        return self.forward_and_log_det(x, **context)

    @property
    def inv(self) -> Transform:
        """The inverse, itself a transform with the same parameters."""
        return Inverse(self)

    def forward_shape(self, shape: Shape) -> Shape:
        """Return the shape of y for x of a shape.

        :param shape: ``batch + event``.
        :return: a tuple of ints.
        :raises ValueError: if no x has this shape.
        """
        batch, event = self._split(shape, self.event_ndims_in, "x")
        return batch + self._event_shape_out(event)

    def inverse_shape(self, shape: Shape) -> Shape:
        """Return the shape of x for y of a shape.

        :param shape: ``batch + event``.
        :return: a tuple of ints.
        :raises ValueError: if no y has this shape.
        """
        batch, event = self._split(shape, self.event_ndims_out, "y")
        return batch + self._event_shape_in(event)

    def __repr__(self) -> str:
        return f"{self._name}({self._describe()})"

    # Jittor's Module has a __str__ of its own, which guesses arguments from the code of __init__.
    __str__ = __repr__

    # -- checks

    @property
    def _name(self) -> str:
        return type(self).__name__

    @classmethod
    def _writes(cls, method: str) -> bool:
        return getattr(cls, method) is not getattr(Transform, method)

    def _take_x(self, x: Any) -> Var:
        var = _float_var(x, f"{self._name}: x")
        self.forward_shape(shape_of(var))
        self._check_batch(shape_of(var))
        return var

    def _take_y(self, y: Any) -> Var:
        var = _float_var(y, f"{self._name}: y")
        self._check_batch(self.inverse_shape(shape_of(var)))
        return var

    def _split(self, shape: Shape, ndims: int, what: str) -> tuple[Shape, Shape]:
        shape = tuple(shape)
        cut = len(shape) - ndims
        if cut < 0:
            raise ValueError(
                f"{self._name}: {what} must have at least {ndims} dims, got shape {list(shape)}"
            )
        return shape[:cut], shape[cut:]

    def _checked(self, context: dict[str, Any]) -> dict[str, Any]:
        for name in context:
            if name not in self.context_names:
                known = ", ".join(self.context_names) or "none"
                raise TypeError(
                    f"{self._name} has no context {name!r}; it knows: {known}"
                )
        return {
            name: value if value is None else _float_var(value, f"{self._name}: {name}")
            for name, value in context.items()
        }


class Inverse(Transform):
    """The inverse of a transform; ``transform.inv`` makes it.

    Its log-determinant is minus that of the transform (Rezende and Mohamed 2015, eq. 5).

    :param transform: the transform to turn around.
    """

    def __init__(self, transform: Transform) -> None:
        super().__init__()
        self.transform = transform
        self.event_ndims_in = transform.event_ndims_out
        self.event_ndims_out = transform.event_ndims_in
        self.keeps_support = transform.keeps_support
        self.context_names = transform.context_names

    @property
    def domain(self) -> Constraint:  # type: ignore[override]
        """Where x may lie: the codomain of the transform."""
        return self.transform.codomain

    @property
    def codomain(self) -> Constraint:  # type: ignore[override]
        """A set that holds all y: the domain of the transform."""
        return self.transform.domain

    @property
    def inv(self) -> Transform:
        """The transform that was turned around."""
        return self.transform

    def _forward(self, x: Var, **context: Any) -> Var:
        return self.transform._inverse(x, **context)

    def _forward_and_log_det(self, x: Var, **context: Any) -> tuple[Var, Var]:
        return self.transform._inverse_and_log_det(x, **context)

    def _log_det(self, x: Var, y: Var, **context: Any) -> Var:
        return -self.transform._log_det(y, x, **context)

    def _inverse(self, y: Var, **context: Any) -> Var:
        return self.transform._forward(y, **context)

    def _inverse_and_log_det(self, y: Var, **context: Any) -> tuple[Var, Var]:
        return self.transform._forward_and_log_det(y, **context)

    def _event_shape_out(self, event: Shape) -> Shape:
        return self.transform._event_shape_in(event)

    def _event_shape_in(self, event: Shape) -> Shape:
        return self.transform._event_shape_out(event)

    def _check_batch(self, shape: Shape) -> None:
        self.transform._check_batch(self.forward_shape(shape))

    def _describe(self) -> str:
        return repr(self.transform)


def _float_var(value: Any, what: str) -> Var:
    var = as_var(value, what=what)
    return var if str(var.dtype) in FLOAT_DTYPES else var.cast("float32")
