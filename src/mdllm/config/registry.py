"""How a config file's choices are found: by our registries, and by the entry points of installed packages."""

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from pathlib import Path
from typing import Annotated, Any, ClassVar, Union, get_args

from pydantic import Field

from mdllm.config.section import Section
from mdllm.core.errors import InputError

# What to ask for, by what it is called and what else tells it from others that are called so.
Requirements = dict[tuple[str, str], Callable[[], object]]


class Choice(Section):
    """Base of all choices.

    Attributes:
        implementation: "module:attribute" of what does the work; each kind says what that must be.
    """

    implementation: ClassVar[str]

    @classmethod
    def load(cls) -> Any:
        """What does the work."""
        return pkgutil.resolve_name(cls.implementation)

    def requirements(self, cache: Path) -> Requirements:
        """What must be on this machine before a run, each with a call that raises InputError if it is not there."""
        return {}


@dataclass(frozen=True)
class Registry:
    """One kind of choice.

    Attributes:
        group: of entry points.
        base: class that every choice derives from.
        tag: the field that names a choice in a config file.
        ours: "module:class" by name.
    """

    group: str
    base: type[Choice]
    tag: str
    ours: Mapping[str, str]

    @cached_property
    def classes(self) -> dict[str, type[Choice]]:
        """Settings classes by name, ours first.

        Raises:
            InputError: an installed package's entry point cannot be loaded, is no choice of this kind, has another name
                than its tag, or takes a name that is in use.
        """
        found = found_by_name(self.group, self.ours)
        for name, settings in found.items():
            if not (isinstance(settings, type) and issubclass(settings, self.base)):
                raise InputError(f"entry point {name} of {self.group}: {settings!r} is no {self.base.__name__}")
            if name not in get_args(settings.model_fields[self.tag].annotation):
                raise InputError(
                    f"entry point {name} of {self.group}: the field `{self.tag}` of {settings.__name__} must be "
                    f"Literal['{name}']"
                )
        return found

    def union(self, *others: "Registry") -> Any:
        """The type of a key that chooses one of them, or one of `others`, by its tag."""
        classes = dict.fromkeys(c for registry in (self, *others) for c in registry.classes.values())
        return Annotated[Union[tuple(classes)], Field(discriminator=self.tag)]  # noqa: UP007


def found_by_name(group: str, ours: Mapping[str, str]) -> dict[str, Any]:
    """Objects by name: ours ("module:attribute"), then those of entry points.

    Raises:
        InputError: an entry point cannot be loaded or takes a name that is in use.
    """
    found = {name: EntryPoint(name, place, group).load() for name, place in ours.items()}
    for point in _plugins(group):
        if point.name in found:
            raise InputError(f"entry point {point.name} of {group} ({_package(point)}): this name is taken")
        try:
            found[point.name] = point.load()
        except (ImportError, AttributeError) as error:
            raise InputError(
                f"entry point {point.name} of {group} ({_package(point)}) cannot be loaded: {error}; mend that package"
            ) from error
    return found


@lru_cache
def _installed() -> EntryPoints:
    return entry_points()


def _plugins(group: str) -> list[EntryPoint]:
    return sorted(_installed().select(group=group), key=lambda point: point.name)


def _package(point: EntryPoint) -> str:
    return f"package {point.dist.name}" if point.dist else point.value
