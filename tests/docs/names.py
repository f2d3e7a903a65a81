"""The public names of the library, and where the pages of the reference describe them."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Collection, Iterator
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import zhusuan
from tests.docs.test_code_blocks import DIRECTIVE, DOCS


class Name(NamedTuple):
    """A public name.

    :param path: where it is defined, such as ``zhusuan.mcmc.hmc.HMC.step``.
    :param value: the module, class, function, property or constant.
    :param owner: the public class that it is a member of.
    :param definer: the class that defines it: ``owner``, or a base that is not public.
    """

    path: str
    value: Any
    owner: type | None = None
    definer: type | None = None


def public_modules() -> list[ModuleType]:
    """Import all modules of the library that have ``__all__``."""
    names = [info.name for info in pkgutil.walk_packages(zhusuan.__path__, "zhusuan.")]
    public = [name for name in names if not re.search(r"\._", name)]
    modules = [zhusuan, *(importlib.import_module(name) for name in public)]
    return [module for module in modules if hasattr(module, "__all__")]


class Entry(NamedTuple):
    """What a page of the reference describes.

    :param value: the module, class, function or constant.
    :param members: names of its members, if it is a class; None for all that are its own.
    """

    value: Any
    members: Collection[str] | None = ()

    def is_of(self, name: Name) -> bool:
        """Whether it describes a name, a member also at a base or a derived class."""
        if name.definer is None or not isinstance(self.value, type):
            return self.value is name.value
        attribute = name.path.rpartition(".")[2]
        known = vars(self.value) if self.members is None else self.members
        related = issubclass(self.value, name.definer) or issubclass(name.definer, self.value)
        return related and attribute in known


def in_reference() -> list[Entry]:
    """Return what the pages of the reference describe."""
    found: list[Entry] = []
    for page in sorted((DOCS / "api").rglob("*.rst")):
        text = page.read_text("utf-8")
        current, lines = "", text.splitlines()
        for i, line in enumerate(lines):
            directive = DIRECTIVE.match(line.strip())
            if directive is None:
                continue
            kind, name = directive["name"], directive["argument"].strip().split("(")[0]
            options = described_members(lines[i + 1 :])
            if kind in ("module", "currentmodule", "automodule"):
                current = name
                found.append(Entry(sys.modules[name]))
                if kind == "automodule" and options is None:
                    found += in_module(sys.modules[name], text)
            elif kind in ("automethod", "autoproperty"):
                cls, _, attribute = name.rpartition(".")
                found.append(Entry(resolved(cls), {attribute}))
            elif kind in ("autoclass", "autodata", "autoexception", "autofunction", "data"):
                path = f"{current}.{name}" if kind == "data" else name
                found.append(Entry(resolved(path), options))
    return found


def resolved(path: str) -> Any:
    module, _, attribute = path.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def described_members(lines: list[str]) -> set[str] | None:
    """Return the members that the options of a directive name; None for all of its own.

    Those that a page leaves out by name, such as Jittor's hooks, it has thought of.
    """
    found: set[str] = set()
    is_all = False
    for line in lines:
        option = re.match(r"   :([\w-]+):(.*)", line)
        if option is None:
            break
        if option[1].endswith("members"):
            names = option[2].replace(",", " ").split()
            is_all |= option[1] == "members" and not names
            found |= set(names)
    return None if is_all else found


def in_module(module: ModuleType, page: str) -> Iterator[Entry]:
    """Find what ``automodule`` describes; constants are named in the text of the page."""
    for name, value in vars(module).items():
        if is_defined_in(module, value) and not name.startswith("_"):
            if callable(value) or f"``{name}``" in page:
                yield Entry(value, None)


def ours(value: Any) -> bool:
    return (getattr(value, "__module__", None) or "").split(".")[0] == "zhusuan"


def exported(module: ModuleType) -> list[str]:
    """Return ``__all__`` of a module, or the names of what it defines itself."""
    found = [name for name, value in vars(module).items() if is_defined_in(module, value)]
    return getattr(module, "__all__", [name for name in found if not name.startswith("_")])


def is_defined_in(module: ModuleType, value: Any) -> bool:
    return getattr(value, "__module__", "") == module.__name__


def public_names(modules: list[ModuleType], reference: list[Entry]) -> list[Name]:
    """Return all public names, each once, members after their classes."""
    modules = modules + [
        value
        for module in modules
        for name in module.__all__
        if isinstance(value := getattr(module, name), ModuleType) and value not in modules
    ]
    values: dict[int, tuple[str, Any]] = {}
    for module in modules:
        for name in exported(module):
            value = getattr(module, name)
            values.setdefault(id(value), (f"{module.__name__}.{name}", value))
    for value, _ in reference:
        if ours(value) and callable(value):
            values.setdefault(id(value), (value.__qualname__, value))
    classes = {id(value) for _, value in values.values() if isinstance(value, type)}
    names: list[Name] = []
    seen: set[int] = set()
    for path, value in values.values():
        if isinstance(value, ModuleType):
            path = value.__name__
        elif ours(value) and isinstance(value, (type, FunctionType)):
            path = f"{value.__module__}.{value.__qualname__}"
        names.append(Name(path, value))
        if isinstance(value, type):
            for base in value.__mro__:
                if ours(base) and (base is value or id(base) not in classes):
                    for member in members(base, value):
                        if id(member.value) not in seen:
                            seen.add(id(member.value))
                            names.append(member)
    return names


def members(base: type, owner: type) -> Iterator[Name]:
    """Find the public methods and properties that ``base`` defines."""
    for name, value in vars(base).items():
        if isinstance(value, (classmethod, staticmethod)):
            value = value.__func__
        is_member = isinstance(value, (FunctionType, property, functools.cached_property))
        fields = getattr(base, "_fields", ())
        if is_member and name not in fields and (name == "__call__" or not name.startswith("_")):
            yield Name(f"{base.__module__}.{base.__qualname__}.{name}", value, owner, base)


def function_of(value: Any) -> Callable[..., Any]:
    """Return the function behind a method, property or decorated function."""
    if isinstance(value, property):
        return value.fget
    if isinstance(value, functools.cached_property):
        return value.func
    return inspect.unwrap(value)


def is_property(name: Name) -> bool:
    return isinstance(name.value, (property, functools.cached_property))
