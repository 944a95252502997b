"""The identity of code: a digest of the part of this library that a stage imports.

Code is what Python makes of it: comments, docstrings and layout do not count, and neither does where the library lies.
Imports are followed as they are written, those inside functions included; so are modules that registries name in
strings. Data files that a module names, if they lie beside it, count as well. What is not part of mdllm does not: its
versions are in the provenance.
"""

import ast
import hashlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

_SOURCE = Path(__file__).resolve().parents[2]
_MODULE = re.compile(r"(mdllm(?:\.\w+)+)(?::\w+)?")
_FILE = re.compile(r"[\w-]+\.(?!py$)\w+")
_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def imported_by(script: Path) -> list[str]:
    """The modules of mdllm that a file outside the library imports."""
    return sorted(name for name in _Code.of(Path(script)).modules if _file(name) is not None)


@cache
def code_digest(*modules: str) -> str:
    """Twelve hex digits for `modules` of mdllm and all that they import of it.

    Raises:
        ModuleNotFoundError: one of `modules` does not exist.
    """
    for module in modules:
        if _file(module) is None:
            raise ModuleNotFoundError(f"mdllm has no module {module}", name=module)
    return _combined(_closure(modules))


def script_digest(script: Path) -> str:
    """`code_digest` of what a script imports, and of the script itself."""
    return _combined([Path(script), *_closure(imported_by(script))])


def _combined(files: Iterable[Path]) -> str:
    digests = "".join(_Code.of(file).digest for file in files)
    return hashlib.sha256(digests.encode()).hexdigest()[:12]


def _closure(modules: Iterable[str]) -> list[Path]:
    """The files of `modules` and of everything that they import of mdllm, in an order that is always the same."""
    found, new = {}, set(modules)
    while new:
        files = {module: file for module in new if (file := _file(module))}
        found |= files
        new = {name for file in files.values() for name in _Code.of(file).modules if _file(name)} - found.keys()
    return [found[module] for module in sorted(found)]


@cache
def _file(module: str) -> Path | None:
    """The file of a module or package; None for a name that a module defines, which is none of either."""
    path = _SOURCE.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


class _Code:
    """What counts of one file.

    Attributes:
        modules: names that may be modules of mdllm, with the packages that they lie in.
        digest: of its code and of the data files that it names.
    """

    def __init__(self, path: Path):
        tree = ast.parse(path.read_bytes())
        named, data = set(), set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                named |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                named |= {f"{node.module}.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                if module := _MODULE.fullmatch(node.value):
                    named.add(module[1])
                if _FILE.fullmatch(node.value) and (path.parent / node.value).is_file():
                    data.add(path.parent / node.value)
        named = {name for name in named if name.split(".")[0] == "mdllm"}
        parts = [name.split(".") for name in named]
        self.modules = {".".join(part[:length]) for part in parts for length in range(1, len(part) + 1)}
        code = hashlib.sha256(repr(_plain(tree)).encode())
        for file in sorted(data):
            code.update(file.read_bytes())
        self.digest = code.hexdigest()

    @staticmethod
    @cache
    def of(path: Path) -> "_Code":
        return _Code(path)


def _plain(node):
    """A syntax tree as nested lists without docstrings, the same in every version of Python that can parse it."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, ast.AST):
        return node
    plain = [type(node).__name__]
    for name in node._fields:
        value = getattr(node, name, None)
        if name == "body" and isinstance(node, _WITH_DOCSTRING) and value and _is_text(value[0]):
            value = value[1:]
        if value is not None and value != [] and name != "ctx":  # what versions of Python differ in
            plain.append((name, _plain(value)))
    return plain


def _is_text(statement: ast.stmt) -> bool:
    value = getattr(statement, "value", None)
    return isinstance(statement, ast.Expr) and isinstance(value, ast.Constant) and isinstance(value.value, str)
