"""What a run was told: a mapping that remembers which of its names were read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from zhusuan._tensor import Var, as_var
from zhusuan.distributions.constraints import not_nan
from zhusuan.distributions.validation import check_values


class Observations(Mapping):
    """Observed values by name.

    Reading a value marks its name as used, so that a name that neither a node nor any code
    asks for, most often a misspelling, can be reported.

    :param values: name -> number, array or Var; None for no observations.
    :raises TypeError: if it is no mapping, a name is no string or a value is not numeric.
    :raises ValueError: if a value is NaN.
    """

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        values = {} if values is None else values
        if not isinstance(values, Mapping):
            raise TypeError(
                "observed must be a dict of names and values, such as {'x': x}, "
                f"got {type(values).__name__}"
            )
        self._values = {name: _observed_var(name, value) for name, value in values.items()}
        self._read: set[str] = set()

    def __getitem__(self, name: str) -> Var:
        try:
            value = self._values[name]
        except KeyError:
            names = ", ".join(map(repr, self._values)) or "nothing"
            raise KeyError(f"{name!r} is not observed; observed: {names}") from None
        self._read.add(name)
        return value

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        shapes = {name: list(value.shape) for name, value in self._values.items()}
        return f"Observations({shapes})"

    @property
    def unread(self) -> set[str]:
        """The names that nothing has read so far."""
        return set(self._values) - self._read


def _observed_var(name: Any, value: Any) -> Var:
    if not isinstance(name, str):
        raise TypeError(f"names of observations must be strings, got {name!r}")
    var = as_var(value, what=f"observed[{name!r}]")
    if str(var.dtype).startswith("float"):
        # To leave a node out is the way to say that its value is missing.
        check_values(f"observed[{name!r}]", var, not_nan)
    return var
