"""Models written as functions: called anew for every set of observations."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from zhusuan import random
from zhusuan._tensor import Var
from zhusuan.distributions.validation import validated_together
from zhusuan.framework.bn import BayesianNet, observing
from zhusuan.framework.closures import add_closed_over
from zhusuan.framework.judging import raise_unread
from zhusuan.framework.predict import Predicts
from zhusuan.framework.reuse import LoadsChecked, Store, check_scope, name_net

LogJoint = Callable[[BayesianNet], Var]


class MetaBayesianNet(Predicts, LoadsChecked):
    """A model as a function that builds a :class:`~zhusuan.framework.bn.BayesianNet`.

    It is made by :func:`meta_bayesian_net`. Calling it with a dict of observations, or
    :meth:`observe` with keyword arguments, runs the function: the nodes of the net that it makes
    take their observed values. It is a ``jt.Module``, whose ``parameters()``, ``state_dict()``
    and ``load_state_dict()`` hold the networks that the function made by
    :func:`~zhusuan.framework.reuse.get_module` and those that it uses from outside.

    :param f: the function; it returns a BayesianNet.
    :param args: its arguments.
    :param kwargs: its arguments by name.
    :param scope: name of the scope of its networks.
    :param reuse_variables: keep the networks that the function makes; otherwise every run makes
        new ones.
    :raises TypeError: if ``f`` is not callable.
    :raises ValueError: if networks are to be reused and no scope is given.
    """

    def __init__(
        self,
        f: Callable[..., BayesianNet],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
        scope: str | None = None,
        reuse_variables: bool = False,
    ) -> None:
        super().__init__()
        if not callable(f):
            raise TypeError(f"a MetaBayesianNet is made of a function, got {f!r}")
        if reuse_variables and scope is None:
            raise ValueError("reuse_variables=True needs a scope, such as scope='gen'")
        if scope is not None:
            check_scope(scope)
        self._f, self._args, self._kwargs = f, tuple(args or ()), dict(kwargs or {})
        self._scope, self._reuse = scope, reuse_variables
        self._log_joint: LogJoint | None = None
        self._was_run = False
        if reuse_variables:
            setattr(self, str(scope), Store(str(scope)))
        self._find_networks()

    def _find_networks(self) -> None:
        add_closed_over(self, self._f, self._args, self._kwargs)

    @property
    def log_joint(self) -> LogJoint | None:
        """A function of the net that replaces the sum of log-probabilities, in nats; or None."""
        return self._log_joint

    @log_joint.setter
    def log_joint(self, function: LogJoint | None) -> None:
        if function is not None and not callable(function):
            raise TypeError(f"log_joint must be a function of a BayesianNet, got {function!r}")
        self._log_joint = function

    def observe(self, **observed: Any) -> BayesianNet:
        """Run the function on these observations.

        :param observed: name of a node -> its value.
        :return: the net that the function built.
        :raises TypeError: if the function returns no BayesianNet.
        :raises ValueError: if no node and no code reads one of the names.
        """
        return self(observed)

    def __call__(self, observed: Mapping[str, Any] | None = None) -> BayesianNet:
        """Run the function: :meth:`observe` for names in a dict.

        :param observed: name of a node -> its value.
        :return: the net that the function built.
        :raises TypeError: if the function returns no BayesianNet.
        :raises ValueError: if no node and no code reads one of the names.
        """
        if not self._was_run:
            # What was defined after the decoration, such as a global network.
            self._find_networks()
        with validated_together(), observing({} if observed is None else observed):
            if self._reuse:
                with getattr(self, str(self._scope)).active():
                    net = self._f(*self._args, **self._kwargs)
            else:
                net = self._f(*self._args, **self._kwargs)
        self._was_run = True
        if not isinstance(net, BayesianNet):
            raise TypeError(
                f"{self._name!r} must return its BayesianNet ('return bn' at the end), "
                f"got {type(net).__name__}"
            )
        name_net(net, self._name)
        net.replace_log_joint(self._log_joint)
        raise_unread([net])
        return net

    def dfs(self, *args: Any, **kwargs: Any) -> Any:
        """Walk over the modules, as Jittor does for ``parameters()``; made first if need be.

        :param args: what Jittor passes on.
        :param kwargs: likewise, by name.
        :return: what Jittor's own walk returns.
        """
        if self._reuse and not self._was_run:
            # Networks are made by the first run, but an optimizer wants them before it.
            # On a stream of its own, so that asking for parameters does not change what is drawn.
            with random.stream(0):
                self()
        return super().dfs(*args, **kwargs)

    @property
    def _name(self) -> str:
        return getattr(self._f, "__name__", type(self._f).__name__)

    def __repr__(self) -> str:
        scope = f", scope {self._scope!r}" if self._scope else ""
        return f"<zhusuan.framework.meta_bn.MetaBayesianNet of {self._name!r}{scope}>"

    __str__ = __repr__


def meta_bayesian_net(
    scope: str | None = None, reuse_variables: bool = False
) -> Callable[[Callable[..., BayesianNet]], Callable[..., MetaBayesianNet]]:
    """Turn a function that builds a net into one that gives a :class:`MetaBayesianNet`.

    ::

        @zs.meta_bayesian_net(scope="gen", reuse_variables=True)
        def build_gen(x_dim, z_dim, n):
            bn = zs.BayesianNet()
            ...
            return bn

        model = build_gen(784, 40, 64)
        bn = model.observe(x=x)

    :param scope: name of the scope of the networks.
    :param reuse_variables: keep the networks that the function makes by
        :func:`~zhusuan.framework.reuse.get_module`, for all runs of one MetaBayesianNet.
    :return: a decorator; what it decorates, called, gives a
        :class:`~zhusuan.framework.meta_bn.MetaBayesianNet`.
    :raises TypeError: if it is put on a function without parentheses.
    :raises ValueError: if networks are to be reused and no scope is given.
    """
    if callable(scope):
        raise TypeError("write @zs.meta_bayesian_net(scope='gen') with parentheses")
    if reuse_variables and scope is None:
        raise ValueError("reuse_variables=True needs a scope, such as scope='gen'")

    def decorate(f: Callable[..., BayesianNet]) -> Callable[..., MetaBayesianNet]:
        @functools.wraps(f)
        def make(*args: Any, **kwargs: Any) -> MetaBayesianNet:
            return MetaBayesianNet(f, args, kwargs, scope, reuse_variables)

        return make

    return decorate
