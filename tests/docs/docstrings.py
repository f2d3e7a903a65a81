"""What a docstring says and, against the code, what it leaves out: see ``test_docstrings.py``."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import functools
import inspect
import re
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import jittor as jt

from tests.docs.names import Name, function_of, is_property, ours, public_modules
from tests.docs.test_code_blocks import DOCS
from zhusuan import distributions, mcmc, transforms, variational


class Doc(NamedTuple):
    """A docstring, taken apart.

    :param body: what is before the first field.
    :param fields: (kind, name, text), such as ``("param", "x", "shape ``[n]``.")``.
    """

    body: str
    fields: list[tuple[str, str, str]]

    @property
    def text(self) -> str:
        return " ".join([self.body, *(text for _, _, text in self.fields)])

    def of(self, *kinds: str) -> dict[str, str]:
        """Return the texts by name; of several docstrings the first has the word."""
        return {name: text for kind, name, text in reversed(self.fields) if kind in kinds}

    def all(self, *kinds: str) -> list[str]:
        return [text for kind, _, text in self.fields if kind in kinds]


FIELD = re.compile(r"^:(param|return|raises|ivar|var|cvar)\b ?([^:`]*):", re.MULTILINE)


def parse(text: str | None) -> Doc:
    text = inspect.cleandoc(text or "")
    found = list(FIELD.finditer(text))
    body = text[: found[0].start()] if found else text
    fields = []
    for field, following in zip(found, [*found[1:], None]):
        end = following.start() if following else len(text)
        name = field[2].split()[-1] if field[2].split() else ""
        fields.append((field[1], name, " ".join(text[field.end() : end].split())))
    return Doc(body, fields)


@functools.cache
def docs_of(name: Name) -> list[Doc]:
    """Return the docstrings of a name and of what it overrides or derives from in this library."""
    value = name.value
    if isinstance(value, type):
        bases = [base for base in value.__mro__[1:] if not base.__name__.startswith("_")]
        return [parse(vars(base).get("__doc__")) for base in [value, *bases] if ours(base)]
    if name.owner is None:
        return [parse(value.__doc__)]
    attribute = name.path.rpartition(".")[2]
    found = [value.__doc__]
    mro = name.owner.__mro__
    start = [vars(base).get(attribute) is not None for base in mro].index(True)
    for base in mro[start:]:
        member = vars(base).get(attribute)
        if ours(base) and member is not None:
            if isinstance(member, (classmethod, staticmethod)):
                member = member.__func__
            found.append(member.__doc__)
    return [parse(text) for text in dict.fromkeys(found) if text]


def own_doc(name: Name) -> Doc:
    """Return the docstring of a name, or the one that it inherits."""
    docs = docs_of(name)
    return docs[0] if docs else parse(None)


def together(name: Name) -> Doc:
    """Return the docstrings of a name as one: its own, then what the contract adds."""
    docs = docs_of(name)
    return Doc("\n\n".join(doc.body for doc in docs), [f for doc in docs for f in doc.fields])


# -- the checks; each yields what is missing


def check_summary(name: Name) -> Iterator[str]:
    summary = own_doc(name).body.strip().split("\n\n")[0]
    if len(summary.split()) < 2 or not summary.endswith((".", ":", ";")):
        yield f"no summary sentence: {summary[:60]!r}"


def constructor(cls: type) -> Callable[..., Any] | None:
    """Return the ``__init__`` of a class; None for those that take nothing of their own."""
    for base in cls.__mro__:
        if "__init__" in vars(base):
            is_plain = base in (object, jt.Module) or issubclass(base, BaseException)
            return None if is_plain and not ours(base) else vars(base)["__init__"]
    return None


def parameters(value: Any) -> dict[str, str]:
    """Return the parameters with their annotations, ``self`` left out."""
    if isinstance(value, type):
        if hasattr(value, "_fields"):
            return {field: str(value.__annotations__.get(field, "")) for field in value._fields}
        if dataclasses.is_dataclass(value):
            return {field.name: str(field.type) for field in dataclasses.fields(value)
                    if not field.name.startswith("_")}
        function = constructor(value)
        if "__signature__" in vars(value):
            signature = value.__signature__
        elif function is None:
            return {}
        else:
            signature = inspect.signature(function)
    else:
        signature = inspect.signature(function_of(value))
    found = {}
    for parameter in signature.parameters.values():
        if parameter.name not in ("self", "cls"):
            annotation = parameter.annotation
            found[parameter.name] = "" if annotation is parameter.empty else str(annotation)
    return found


def check_parameters(name: Name) -> Iterator[str]:
    value = name.value
    if is_property(name):
        return
    needed = parameters(value)
    known = {key for key, text in together(name).of("param", "ivar", "var").items() if text}
    for parameter in needed:
        if parameter not in known:
            yield f":param {parameter}: is missing"
    # A family's signature shows the options that its __init__ passes on by this name.
    written = {*needed, "options"} if hasattr(value, "__signature__") else needed
    for parameter in own_doc(name).of("param"):
        if parameter not in written:
            yield f":param {parameter}: is no parameter"


def assigned(cls: type) -> dict[str, bool]:
    """Return the public attributes that ``__init__`` assigns, and whether a docstring follows."""
    init = vars(cls).get("__init__")
    node = source_of(init) if init else None
    found: dict[str, bool] = {}
    for part in ast.walk(node) if node else ():
        body = getattr(part, "body", [])
        for statement, after in zip(body, [*body[1:], None]) if isinstance(body, list) else ():
            has_doc = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            for target in ast.walk(statement):
                if (
                    isinstance(target, ast.Attribute)
                    and isinstance(target.ctx, ast.Store)
                    and isinstance(target.value, ast.Name)
                    and target.value.id == "self"
                    and not target.attr.startswith("_")
                ):
                    found[target.attr] = found.get(target.attr, False) or has_doc
    return found


def check_attributes(name: Name) -> Iterator[str]:
    if not isinstance(name.value, type):
        return
    known = together(name).of("param", "ivar", "var", "cvar")
    for base in name.value.__mro__:
        for attribute, has_doc in assigned(base).items() if ours(base) else ():
            if not (has_doc or attribute in known or hasattr(name.value, attribute)):
                yield f":ivar {attribute}: is missing"


def returns(name: Name) -> str:
    """Return the annotation of what a function gives back; empty for nothing."""
    if isinstance(name.value, type):
        return ""
    function = function_of(name.value)
    annotation = str(function.__annotations__.get("return", ""))
    is_context = hasattr(name.value, "__wrapped__") and annotation == "Iterator[None]"
    return "" if annotation in ("None", "NoReturn") or is_context else annotation or "unknown"


def check_return(name: Name) -> Iterator[str]:
    if returns(name) and not is_property(name) and not any(together(name).of("return").values()):
        yield ":return: is missing"


@functools.cache
def functions_in(path: str) -> dict[int, ast.FunctionDef]:
    """Return the functions of a file by the line of their ``def`` or first decorator."""
    tree = ast.parse(Path(path).read_text("utf-8"))
    return {
        min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]): node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    }


@functools.cache
def source_of(function: Callable[..., Any]) -> ast.FunctionDef | None:
    code = getattr(function, "__code__", None)
    if code is None or not ours(function) or not Path(code.co_filename).exists():
        return None
    return functions_in(code.co_filename).get(code.co_firstlineno)


@functools.cache
def raised(function: Callable[..., Any], owner: type | None, depth: int = 3) -> frozenset[type]:
    """Return the exceptions that a function raises by itself and through its helpers."""
    node = source_of(function)
    if node is None:
        return frozenset()
    scope = ChainMap(function.__globals__, vars(builtins))
    arguments = [part.arg for part in ast.walk(node.args) if isinstance(part, ast.arg)]
    given = {name for name in arguments if name not in ("self", "cls")}
    found: set[type] = set()

    def visit(part: ast.AST, caught: tuple[type, ...]) -> None:
        if isinstance(part, (ast.FunctionDef, ast.Lambda)) and part is not node:
            return
        errors: set[type] | frozenset[type] = set()
        if isinstance(part, ast.Raise) and part.exc is not None:
            errors = _classes(part.exc, scope, owner)
        elif isinstance(part, ast.Call) and depth:
            helper, of = _helper(part, scope, owner, given)
            errors = raised(helper, of, depth - 1) if helper is not None else errors
        found.update(error for error in errors if not issubclass(error, caught))
        tried = part.body if isinstance(part, ast.Try) else []
        inside = (*caught, *_caught(part, scope)) if isinstance(part, ast.Try) else caught
        for child in ast.iter_child_nodes(part):
            visit(child, inside if child in tried else caught)

    visit(node, ())
    return frozenset(found)


def _caught(statement: ast.Try, scope: Mapping[str, Any]) -> Iterator[type]:
    for handler in statement.handlers:
        kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        for kind in kinds:
            value = scope.get(kind.id) if isinstance(kind, ast.Name) else None
            if isinstance(value, type):
                yield value


def _classes(exc: ast.expr, scope: Mapping[str, Any], owner: type | None) -> set[type]:
    called = exc.func if isinstance(exc, ast.Call) else exc
    value: Any = None
    if isinstance(called, ast.Name):
        value = scope.get(called.id)
    elif isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
        holder = owner if called.value.id in ("self", "cls") else scope.get(called.value.id)
        value = getattr(holder, called.attr, None)
    if inspect.isfunction(value):  # one that makes the exception
        value = scope.get(str(value.__annotations__.get("return")))
    return {value} if isinstance(value, type) and issubclass(value, BaseException) else set()


def _helper(
    call: ast.Call, scope: Mapping[str, Any], owner: type | None, given: set[str]
) -> tuple[Any, type | None]:
    """Return the helper of this library that is called, and its class if it is a method."""
    called = call.func
    if isinstance(called, ast.Name):
        value = scope.get(called.id)
        names = {part.id for part in ast.walk(call) if isinstance(part, ast.Name)}
        is_helper = inspect.isfunction(value) and id(value) not in public_functions()
        return (value if is_helper and names & given else None), None
    if (
        isinstance(called, ast.Attribute)
        and isinstance(called.value, ast.Name)
        and called.value.id in ("self", "cls")
        and re.match("_(?!_)", called.attr)
    ):
        value = getattr(owner, called.attr, None)
        return (value if callable(value) else None), owner
    return None, None


@functools.cache
def public_functions() -> frozenset[int]:
    return frozenset(id(getattr(m, name)) for m in public_modules() for name in m.__all__)


def check_raises(name: Name) -> Iterator[str]:
    value = name.value
    if isinstance(value, type):
        made = [vars(value).get(key) for key in ("__init__", "__new__", "__post_init__")]
        errors = set().union(*(raised(inspect.unwrap(f), value) for f in made if f and ours(f)))
    else:
        errors = raised(function_of(value), name.owner)
    known = {key.rpartition(".")[2] for key in together(name).of("raises")}
    for error in sorted(errors, key=lambda error: error.__name__):
        accepted = {base.__name__ for base in error.__mro__[: error.__mro__.index(Exception)]}
        if not accepted & known:
            yield f":raises {error.__name__}: is missing"


# In these packages what may be Any is a number, an array or a Var.
NUMERIC = re.compile(r"zhusuan\.(special|linalg|random\.(continuous|discrete)|distributions)\b")
ARRAY = re.compile(r"\bVars?\b|ndarray|ArrayLike")
ARRAY_IN_WORDS = re.compile(r"\barrays?\b|\bVars?\b")
SHAPE = re.compile(
    r"\[[^\]]*([a-z_*]|\.\.\.)[^\]]*\]|\(\.\.\.|\bshapes?\b|\bscalars?\b|\bnumbers?\b|broadcast|\bdims?\b"
    r"|\blikewise\b|\b(as|like) (for|in|of|with|to)\b|\bsee\b|\bas :\w+:"
)


def check_shape(name: Name) -> Iterator[str]:
    doc = together(name)
    if is_property(name):
        if ARRAY.search(returns(name)) and not SHAPE.search(doc.text):
            yield "no shape"
        return
    for parameter, annotation in parameters(name.value).items():
        text = doc.of("param", "ivar", "var").get(parameter, "")
        if NUMERIC.match(name.path) and annotation == "Any":
            annotation = "Var"
        if text and is_array(annotation, text) and not SHAPE.search(text):
            yield f"no shape: :param {parameter}: {text[:60]}"
    text = " ".join(doc.all("return"))
    if text and is_array(returns(name), text) and not SHAPE.search(text):
        yield f"no shape: :return: {text[:60]}"


def is_array(annotation: str, text: str) -> bool:
    """Whether a value is an array or Var, or holds some, by its annotation or description."""
    if "Callable" in annotation:
        return False
    could_be = annotation == "" or "Any" in annotation
    return bool(ARRAY.search(annotation) or could_be and ARRAY_IN_WORDS.search(text))


# Whose name calls for which unit: a function, property, parameter or field.
UNITS = {
    r"\bnats?\b": (
        r"log_(prob|joint|density|lik|weight|evidence)|loglik|entropy|elbo|lower_bound|elpd"
        r"|^(kl_divergence|closed_form_kl|klpq|waic|loo|energy|\w*hamiltonian)$"
    ),
    r"\bseconds?\b": r"seconds|timeout|wall_time|elapsed|duration",
    r"\b[kMG]?i?bytes?\b|\b[kMG]i?B\b": r"bytes|memory",
    r"\bradians?\b": r"radian|angle",
}
# What the objectives compute is in nats whatever it is called.
IN_NATS = re.compile(
    r"zhusuan\.variational\.(?!auto\.).*\.(execute|sgvb|vimco|dreg\w*|reinforce|auto|importance|rws|wake_\w+"
    r"|sleep_\w+|renyi|importance_weighted_objective|(LowerBound|MultiSampleBound)\.tensor)$"
)
NUMBER = re.compile(r"float|int|Any|Var|ndarray")


def check_units(name: Name) -> Iterator[str]:
    doc, last = together(name), name.path.rpartition(".")[2]
    texts = {} if is_property(name) else doc.of("param", "ivar", "var")
    annotations = {} if is_property(name) else parameters(name.value)
    is_class = isinstance(name.value, type)
    for unit, pattern in UNITS.items():
        has_value = not is_class and returns(name) not in ("", "bool") and last != "Callable"
        if has_value and re.search(pattern, last) and not re.search(unit, doc.text):
            yield f"no unit, {unit}"
        for parameter, text in texts.items():
            counts = NUMBER.search(annotations.get(parameter, "")) and re.search(pattern, parameter)
            if counts and not re.search(unit, text):
                yield f":param {parameter}: has no unit, {unit}"
    is_objective = is_class and issubclass(name.value, variational.VariationalObjective)
    if (is_objective or IN_NATS.match(name.path)) and not re.search(r"\bnats\b", doc.text):
        yield "no unit, nats"


SOURCE = re.compile(r"DLMF \d|Source: \w|:cite:|Stan [Rr]eference [Mm]anual")
CITATION = re.compile(
    r"((?:[A-Z][\w'-]+(?:,? and |, | et al\.,? ?| )?)+)[ (]*((?:19|20)\d\d)\b"
)
# What always has a source; elsewhere, what shows a formula.
SOURCED_CLASSES = (
    distributions.Distribution, transforms.Transform, mcmc.Kernel, variational.VariationalObjective
)  # fmt: skip
SOURCED_MODULES = re.compile(
    r"zhusuan\.(special|linalg\.(low_rank|triangular)|diagnostics\.(convergence|effective|mcse)"
    r"|random\.(continuous|discrete)|evaluation\.(importance|criteria)|optim\.(adam|sgd)"
    r"|variational\.(multi_sample|renyi|schedules|inclusive_kl))\."
)
FORMULA = re.compile(r"\.\. math::|:math:`[^`]*=")


@functools.cache
def bibliography() -> set[tuple[str, str]]:
    """Return (last name, year) for all authors of all entries of refs.bib."""
    found = set()
    for entry in re.split(r"^@", (DOCS / "refs.bib").read_text("utf-8"), flags=re.MULTILINE):
        author = re.search(r"author\s*=\s*\{(.*?)\},?\n", entry, re.DOTALL)
        year = re.search(r"year\s*=\s*\{(\d+)\}", entry)
        if author and year:
            for one in re.split(r"\s+and\s+", author[1]):
                last = one.split(",")[0].split()[-1] if "," in one else one.split()[-1]
                found.add((re.sub(r"\W|_", "", plain(last)), year[1]))
    return found


def plain(name: str) -> str:
    """Return a name without accents, of TeX or of Unicode."""
    name = re.sub(r"\{?\\[\"'`^~ ]?\{?\\?([a-zA-Z])\}?\}?", r"\1", name)
    for accented, letter in zip("äöüéèóíáàçğłø", "aoueeoiaacglo"):
        name = name.replace(accented, letter)
    return name


def citations(text: str) -> list[tuple[str, str, bool]]:
    """Return (names, year, is in the bibliography) of all citations in a text."""
    found = []
    for match in CITATION.finditer(text):
        names = [re.sub(r"\W|_", "", plain(word)) for word in match[1].split()]
        found.append((match[1], match[2], any((n, match[2]) in bibliography() for n in names)))
    return found


def check_source(name: Name) -> Iterator[str]:
    value, text = name.value, " ".join(own_doc(name).text.split())
    cited = citations(text)
    for names, year, known in cited:
        if not known:
            yield f"not in refs.bib: {names.strip()} {year}"
    if name.owner is not None or isinstance(value, ModuleType):
        return
    is_class = isinstance(value, type)
    needs = (
        (is_class and issubclass(value, SOURCED_CLASSES) and value not in SOURCED_CLASSES)
        or SOURCED_MODULES.match(name.path)
        or FORMULA.search(text)
    )
    if needs and not SOURCE.search(text) and not any(known for *_, known in cited):
        yield "no source"


CHECKS = (
    check_summary, check_parameters, check_attributes, check_return, check_raises, check_shape,
    check_units, check_source,
)  # fmt: skip


def gaps(name: Name) -> list[str]:
    """Return all that is missing from a docstring; constants have none."""
    if isinstance(name.value, ModuleType):
        return [*check_summary(name)]
    if not is_property(name) and not (callable(name.value) and ours(name.value)):
        return []
    return [gap for check in CHECKS for gap in check(name)]
