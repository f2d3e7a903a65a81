"""Networks made inside a function: once for each scope, and reused at every later call."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, TypeVar

import jittor as jt
from jittor import nn

from zhusuan._tensor import Var, as_var, shape_of
from zhusuan.framework.closures import add_closed_over

_M = TypeVar("_M")


class LoadsChecked(nn.Module):
    """A module whose ``load_state_dict`` raises where Jittor's only logs a warning."""

    def load_state_dict(self, params: Mapping[str, Any]) -> None:
        """Set the parameters.

        :param params: name -> array or Var, as ``state_dict()`` gives them, of the same shapes; all
            of them.
        :raises ValueError: for missing or unknown names and wrong shapes; nothing is set then.
        """
        own = self.state_dict()
        wrong = [f"{name} is missing" for name in own if name not in params]
        wrong += [f"{name} is unknown" for name in params if name not in own]
        for name, var in own.items():
            if name in params and shape_of(params[name]) != shape_of(var):
                wrong.append(
                    f"{name} has shape {list(var.shape)}, given is {list(params[name].shape)}"
                )
        if wrong:
            hint = "" if own else "; its networks are made by its first call"
            raise ValueError(f"load_state_dict of {self!r}: {'; '.join(wrong)}{hint}")
        super().load_state_dict(dict(params))


class Store(nn.Module):
    """The modules and parameters that a function has made, under the names it gave them.

    A module of Jittor's finds its parameters among its attributes, so that is what they are.

    :param scope: name of the scope, for messages.
    """

    def __init__(self, scope: str) -> None:
        super().__init__()
        self._scope = scope
        self._asked: set[str] = set()

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Serve :func:`get_module` and :func:`get_parameter` inside the block."""
        outer_asked, self._asked = self._asked, set()
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)
            self._asked = outer_asked

    def take(self, name: str, kind: str, make: Callable[[], _M]) -> _M:
        """Return what is kept under ``name``, made now if it is asked for the first time.

        :param name: name in the scope.
        :param kind: ``'module'`` or ``'parameter'``, for messages.
        :param make: makes it.
        :raises ValueError: if the name is no identifier, or is asked for twice in one call.
        """
        if not isinstance(name, str) or not name.isidentifier() or name.startswith("_"):
            raise ValueError(
                f"scope {self._scope!r}: the name of a {kind} must be an identifier without a "
                f"leading underscore, got {name!r}"
            )
        if name in self._asked:
            raise ValueError(
                f"scope {self._scope!r}: {name!r} is asked for twice in one call. Two layers need "
                "two names; to use one layer twice, keep it in a variable"
            )
        self._asked.add(name)
        if name not in self.__dict__:
            if hasattr(self, name):
                raise ValueError(
                    f"scope {self._scope!r}: {name!r} is an attribute of every module; "
                    f"choose another name for the {kind}"
                )
            setattr(self, name, make())
        return self.__dict__[name]


_current: ContextVar[Store | None] = ContextVar("store", default=None)


def get_module(name: str, module: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return the module of this name in the scope, made by the first call.

    ::

        @zs.meta_bayesian_net(scope="gen", reuse_variables=True)
        def build_gen(n):
            bn = zs.BayesianNet()
            z = bn.normal("z", jt.zeros([n, 40]), std=1.0, group_ndims=1)
            h = zs.get_module("fc", nn.Linear, 40, 500)(z)

    Outside a function that reuses its variables, every call makes a new module.

    :param name: name in the scope.
    :param module: class of the module, or any function that makes one.
    :param args: passed on to ``module`` when it is made.
    :param kwargs: likewise.
    :return: the module.
    :raises TypeError: if what was made is no ``jt.Module``.
    :raises ValueError: if the name is asked for twice in one call, or is no identifier.
    """
    store = _current.get()

    def make() -> nn.Module:
        made = module(*args, **kwargs)
        if not isinstance(made, nn.Module):
            raise TypeError(
                f"get_module({name!r}): {module!r} made {type(made).__name__}, not a jt.Module"
            )
        return made

    return make() if store is None else store.take(name, "module", make)


def get_parameter(name: str, init: Any) -> Var:
    """Return the trained Var of this name in the scope, made by the first call.

    :param name: name in the scope.
    :param init: first value: number, array or Var, or a function without arguments that gives
        one.
    :return: Var of the shape of ``init``.
    :raises ValueError: as :func:`get_module`; also if the shape of ``init`` has changed.
    :raises TypeError: if ``init`` is not numeric.
    """
    store = _current.get()

    def make() -> Var:
        value = as_var(init() if callable(init) else init, what=f"get_parameter({name!r}): init")
        # A Var of its own: what the user passed may be trained elsewhere.
        return value.detach().clone()

    if store is None:
        return make()
    var = store.take(name, "parameter", make)
    if not callable(init):
        shape = shape_of(init) if isinstance(init, jt.Var) else shape_of(as_var(init))
        if shape != shape_of(var):
            raise ValueError(
                f"get_parameter({name!r}): it has shape {list(var.shape)}, init now has shape "
                f"{list(shape)}"
            )
    return var


class ReusingFunction(LoadsChecked):
    """A function whose networks are made at its first call; see :func:`reuse_variables`.

    It is a ``jt.Module``: ``parameters()``, ``state_dict()`` and ``load_state_dict()`` hold what
    the function made by :func:`get_module` and :func:`get_parameter`, and the modules that it
    uses from outside.

    :param function: the function.
    :param scope: name of the scope.
    :raises TypeError: if ``scope`` is left out.
    :raises ValueError: if ``scope`` is no identifier.
    """

    def __init__(self, function: Callable[..., Any], scope: str) -> None:
        super().__init__()
        check_scope(scope)
        self._function = function
        self._scope = scope
        self._called = False
        setattr(self, scope, Store(scope))
        add_closed_over(self, function)
        functools.update_wrapper(self, function, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function inside its scope.

        :param args: passed on to the function.
        :param kwargs: likewise.
        :return: what the function returns.
        """
        if not self._called:
            # What was defined after the decoration, such as a global network.
            add_closed_over(self, self._function)
        with getattr(self, self._scope).active():
            result = self._function(*args, **kwargs)
        self._called = True
        name_net(result, self.__name__)
        return result

    def dfs(self, *args: Any, **kwargs: Any) -> Any:
        """Walk over the modules, as Jittor does for ``parameters()``.

        :param args: what Jittor passes on.
        :param kwargs: likewise, by name.
        :return: what Jittor's own walk returns.
        """
        if not self._called:
            # An optimizer that was given nothing would train nothing, without a word.
            warnings.warn(
                f"{self!r} has not been called yet: the networks that it makes are not there, "
                "and not among its parameters. Call it once before asking for them",
                stacklevel=3,
            )
        return super().dfs(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<reuse_variables function {self.__name__!r}, scope {self._scope!r}>"

    __str__ = __repr__


def reuse_variables(scope: str) -> Callable[[Callable[..., Any]], ReusingFunction]:
    """Make a function keep the networks that it makes; a decorator.

    The first call makes what the function asks for by :func:`get_module` and
    :func:`get_parameter`, later calls reuse it.

    :param scope: name of the scope; it begins the names in ``state_dict()``.
    :return: a decorator, which makes a :class:`~zhusuan.framework.reuse.ReusingFunction`.
    :raises TypeError: if it is put on something that is not a function.
    :raises ValueError: if ``scope`` is no identifier.
    """
    check_scope(scope)

    def decorate(function: Callable[..., Any]) -> ReusingFunction:
        if not callable(function):
            raise TypeError(f"reuse_variables decorates a function, got {function!r}")
        return ReusingFunction(function, scope)

    return decorate


def name_net(result: Any, name: str) -> None:
    """Let messages about a net call it by the function that built it.

    :param result: what the function returned.
    :param name: name of the function.
    """
    run = getattr(result, "_run", None)
    if run is not None:
        run.title = run.title or name


def check_scope(scope: Any) -> None:
    """Check the name of a scope.

    :param scope: the name.
    :raises ValueError: if it can't be the name of an attribute.
    """
    if callable(scope):
        raise TypeError(
            "the decorator needs a scope: write @zs.reuse_variables(scope='q_net') with "
            "parentheses"
        )
    usable = isinstance(scope, str) and scope.isidentifier() and not scope.startswith("_")
    if not usable or hasattr(nn.Module, scope):
        raise ValueError(
            f"scope must be an identifier that is no attribute of a jt.Module, got {scope!r}"
        )
