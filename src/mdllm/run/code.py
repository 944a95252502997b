"""The identity of code: a digest of the part of this library that a stage imports.

Code is what Python makes of it: comments, docstrings and layout do not count, and neither does where the library lies.
Imports are followed as they are written, those inside functions included. What a config file chooses by name is not
imported as written: who asks for a digest names it as well. Data files that a module names, if they lie beside it,
count too. What is neither part of mdllm nor named does not: its versions are in the provenance.
"""

import ast
import hashlib
import importlib.util
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

_SOURCE = Path(__file__).resolve().parents[2]
_FILE = re.compile(r"[\w-]+\.(?!py$)\w+")
_NAMING = (ast.Import, ast.ImportFrom, ast.Constant)
_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def imported_by(script: Path) -> list[str]:
    """The modules of mdllm that a file outside the library imports."""
    return sorted(name for name in _Code.of(Path(script)).modules if _is_ours(name) and _file(name) is not None)


@cache
def code_digest(*modules: str) -> str:
    """Twelve hex digits for `modules`, of mdllm or of packages that add to it, and all that they import of these.

    Raises:
        ModuleNotFoundError: one of `modules` does not exist.
    """
    for module in modules:
        if _file(module) is None:
            raise ModuleNotFoundError(f"there is no module {module}", name=module)
    return _combined(_closure(modules))


def script_digest(script: Path, *loads: str) -> str:
    """`code_digest` of what a script imports and of modules that it loads by name, and of the script itself."""
    return _combined([Path(script), *_closure([*imported_by(script), *loads])])


def _combined(files: Iterable[Path]) -> str:
    digests = "".join(_Code.of(file).digest for file in files)
    return hashlib.sha256(digests.encode()).hexdigest()[:12]


def _closure(modules: Iterable[str]) -> list[Path]:
    """The files of `modules` and of all that they import of their packages, in an order that is always the same."""
    found, new = {}, set(modules)
    packages = {"mdllm", *(module.split(".")[0] for module in new)}
    while new:
        files = {module: file for module in new if (file := _file(module))}
        found |= files
        named = {name for file in files.values() for name in _Code.of(file).modules}
        new = {name for name in named if name.split(".")[0] in packages and _file(name)} - found.keys()
    return [found[module] for module in sorted(found)]


@cache
def _file(module: str) -> Path | None:
    """The file of a module or package; None for a name that a module defines, which is none of either."""
    package, *parts = module.split(".")
    path = _place(package).joinpath(*parts)
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


@cache
def _place(package: str) -> Path:
    """The folder of a package, or, of one that is a single file, its path without the ending."""
    if package == "mdllm":
        return _SOURCE / package
    found = importlib.util.find_spec(package)
    if found is None:
        return Path(package)
    return (
        Path(next(iter(found.submodule_search_locations)))
        if found.submodule_search_locations
        else Path(found.origin).with_suffix("")
    )


def _is_ours(module: str) -> bool:
    return module.split(".")[0] == "mdllm"


class _Code:
    """What counts of one file.

    Attributes:
        modules: names that may be modules of mdllm, with the packages that they lie in.
        digest: of its code and of the data files that it names.
    """

    def __init__(self, path: Path):
        naming: list[ast.AST] = []
        code = hashlib.sha256(repr(_plain(ast.parse(path.read_bytes()), naming)).encode())
        named, data = set(), set()
        for node in naming:
            if isinstance(node, ast.Import):
                named |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                named |= {f"{node.module}.{alias.name}" for alias in node.names}
            elif isinstance(node.value, str) and _FILE.fullmatch(node.value):
                data.add(path.parent / node.value)
        parts = [name.split(".") for name in named]
        self.modules = {".".join(part[:length]) for part in parts for length in range(1, len(part) + 1)}
        for file in filter(Path.is_file, sorted(data)):
            code.update(file.read_bytes())
        self.digest = code.hexdigest()

    @staticmethod
    @cache
    def of(path: Path) -> "_Code":
        return _Code(path)


def _plain(node, naming: list[ast.AST]):
    """A syntax tree as nested lists without docstrings, the same in every version of Python that can parse it.

    Args:
        naming: is given the nodes of imports and constants.
    """
    if isinstance(node, list):
        return [_plain(item, naming) for item in node]
    if not isinstance(node, ast.AST):
        return node
    kind = type(node)
    if kind in _NAMING:
        naming.append(node)
    plain = [kind.__name__]
    for name in kind._fields:
        value = getattr(node, name, None)
        if value is None or name == "ctx":  # what versions of Python differ in, as in empty lists
            continue
        if name == "body" and kind in _WITH_DOCSTRING and value and _is_text(value[0]):
            value = value[1:]
        if value != []:
            plain.append((name, _plain(value, naming)))
    return plain


def _is_text(statement: ast.stmt) -> bool:
    value = getattr(statement, "value", None)
    return isinstance(statement, ast.Expr) and isinstance(value, ast.Constant) and isinstance(value.value, str)
