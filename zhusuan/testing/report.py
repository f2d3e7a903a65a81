"""What a run of the checks says: a table if all went well, an error that tells all if not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Failure:
    """One check that failed.

    :param check: name of the check.
    :param found: what the distribution did.
    :param expected: what it should have done.
    """

    check: str
    found: str
    expected: str

    def __str__(self) -> str:
        return f"{self.check}: found {self.found}; expected {self.expected}"


class ConformanceError(AssertionError):
    """A distribution does not do what its base class promises.

    :param family: name of its class.
    :param failures: the checks that failed, in the order in which they were made.
    :ivar check: name of the first of them.
    """

    def __init__(self, family: str, failures: list[Failure]) -> None:
        self.family = family
        self.failures = failures
        self.check = failures[0].check
        lines = "".join(f"\n  {failure}" for failure in failures)
        count = "1 check" if len(failures) == 1 else f"{len(failures)} checks"
        super().__init__(f"{family} fails {count}:{lines}")


class Mismatch(Exception):
    """Raised inside a check; becomes a :class:`Failure`."""

    def __init__(self, found: Any, expected: Any) -> None:
        self.found, self.expected = str(found), str(expected)
        super().__init__(f"found {found}; expected {expected}")


class Skip(Exception):
    """Raised inside a check that has nothing to check; the message says why."""


@dataclass
class Report:
    """The checks that were made.

    :param subject: the distribution, as text.
    :ivar passed: name of each check that passed -> what it looked at.
    :ivar skipped: name of each check that did not apply -> why.
    """

    subject: str
    passed: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        rows = [(name, "passed", text) for name, text in self.passed.items()]
        rows += [(name, "skipped", text) for name, text in self.skipped.items()]
        width = max((len(name) for name, _, _ in rows), default=0)
        lines = [f"  {name:{width}}  {state:7}  {text}".rstrip() for name, state, text in rows]
        head = f"{self.subject}: {len(self.passed)} passed, {len(self.skipped)} skipped"
        return "\n".join([head, *lines])
