"""Plug-ins: what other installed packages add, found by their entry points. Knows no format and no head.

A package names in its pyproject.toml what it adds; that is loaded when it is first needed:

    [project.entry-points."vtn_stream.formats"]
    tally = "vtn_stream_tally.format"

Only installed packages count: one that merely lies in the current folder, beside a stranger's films, is not loaded.
"""

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, distributions
from typing import Any, TypeVar

from vtn_stream.errors import PluginError, VtnStreamError, listed

__all__ = ["FORMATS_GROUP", "HEADS_GROUP", "Plugin", "WithPlugins", "failure", "plugins_in", "prints_apart"]

FORMATS_GROUP = "vtn_stream.formats"
HEADS_GROUP = "vtn_stream.heads"

MAX_REASON = 160  # characters of another program's error
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_PATH = re.compile(r"(?:[A-Za-z]:|\.{0,2})[\\/][^\s'\",;()]+")

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """Something that an installed package adds under a name."""

    name: str
    package: str
    version: str
    entry: EntryPoint = field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.package} {self.version}"


class WithPlugins(MutableMapping[str, T]):
    """Things by their names: ours, and behind them those of plug-ins, each loaded when it is first asked for.

    Names are listed without loading anything. Asking for one that is broken raises PluginError; `usable` leaves it out.

    thing     what they are, for people: "format"
    fitted    makes one of what a plug-in holds; raises TypeError or ValueError that says what is wrong with it
    reserved  names that mean something else
    """

    def __init__(
        self,
        ours: Mapping[str, T],
        *,
        group: str,
        thing: str,
        fitted: Callable[[Any, Plugin], T],
        reserved: Iterable[str] = (),
    ) -> None:
        self._ours = dict(ours)
        self._group, self._thing, self._fitted, self._reserved = group, thing, fitted, frozenset(reserved)
        self._plugins: dict[str, list[Plugin]] | None = None
        self._loaded: dict[str, T | PluginError] = {}

    def __getitem__(self, name: str) -> T:
        if name in self._ours:
            return self._ours[name]
        if name not in self._loaded:
            self._loaded[name] = self._load(name, self._added[name])
        found = self._loaded[name]
        if isinstance(found, PluginError):
            raise found
        return found

    def __setitem__(self, name: str, thing: T) -> None:
        self._ours[name] = thing

    def __delitem__(self, name: str) -> None:
        del self._ours[name]

    def __contains__(self, name: object) -> bool:
        return name in self._ours or name in self._added

    def __iter__(self) -> Iterator[str]:
        return iter((*self._ours, *self._added))

    def __len__(self) -> int:
        return len(self._ours) + len(self._added)

    @property
    def ours(self) -> Mapping[str, T]:
        """Those of this program."""
        return self._ours

    @property
    def added(self) -> tuple[str, ...]:
        """The names of those that plug-ins add, sorted. Loads nothing."""
        return tuple(self._added)

    def usable(self, faults: list[str] | None = None) -> dict[str, T]:
        """All that can be used; plug-ins are loaded for it. faults: gets a line for each that cannot."""
        found = dict(self._ours)
        for name in self._added:
            try:
                found[name] = self[name]
            except PluginError as error:
                if faults is not None:
                    faults.append(str(error))
        return found

    def versions(self, name: str) -> dict[str, str]:
        """{package: version} of the plug-in that adds it, for provenance; {} for ours."""
        if name in self._ours:
            return {}
        return {plugin.package: plugin.version for plugin in self._added.get(name, ())}

    def examined(self) -> Iterator[tuple[Plugin, PluginError | None]]:
        """Every plug-in that is installed, and what is wrong with it. Loads all of them."""
        for name, plugins in self._all.items():
            error: PluginError | None = None
            if name in self._added:
                try:
                    _ = self[name]
                except PluginError as caught:
                    error = caught
            else:
                error = self._refused(name, plugins)
            yield from ((plugin, error) for plugin in plugins)

    @contextmanager
    def blamed(self, name: str, consequence: str) -> Iterator[None]:
        """What goes wrong in here is told in one line if a plug-in added the name: it is most likely its fault. Raises
        PluginError.
        """
        try:
            yield
        except VtnStreamError:
            raise
        except Exception as error:
            if not (versions := self.versions(name)):
                raise
            of = " and ".join(f"{package} {version}" for package, version in versions.items())
            raise PluginError(
                f"the {self._thing} {name} of {of} failed ({failure(error)})",
                consequence,
                f"update or uninstall {listed(versions)}, or use another {self._thing}",
            ) from error

    @property
    def _all(self) -> dict[str, list[Plugin]]:
        if self._plugins is None:
            self._plugins = {}
            for plugin in plugins_in(self._group):
                self._plugins.setdefault(plugin.name, []).append(plugin)
        return self._plugins

    @property
    def _added(self) -> dict[str, list[Plugin]]:
        """By their names, those that do not hide one of ours."""
        hidden = self._ours.keys() | self._reserved
        return {name: of for name, of in self._all.items() if name not in hidden and _NAME.fullmatch(name)}

    def _load(self, name: str, plugins: list[Plugin]) -> T | PluginError:
        if len(plugins) > 1:
            return self._refused(name, plugins)
        (plugin,) = plugins
        try:
            with prints_apart():
                return self._fitted(plugin.entry.load(), plugin)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # it is a stranger's: whatever it raises breaks nothing else
            return PluginError(
                f"the {self._thing} {name} of {plugin} cannot be loaded ({failure(error)})",
                "it is not used",
                f"update or uninstall {plugin.package}",
            )

    def _refused(self, name: str, plugins: list[Plugin]) -> PluginError:
        packages = sorted({plugin.package for plugin in plugins})
        fact = f"{listed(packages)} add{'s' * (len(packages) == 1)} the {self._thing} {name[:40]}"
        if not _NAME.fullmatch(name):
            why = "and such a name cannot be typed: it is 1 to 32 of a-z, 0-9, - and _"
        elif len(packages) > 1:
            why = "and one name cannot stand for several"
        else:
            why = "a name that is taken"
        return PluginError(f"{fact}, {why}", "it is not used", f"uninstall {packages[0]}, or update it")


def plugins_in(group: str) -> list[Plugin]:
    """What installed packages add to a group of entry points, sorted by name. Loads none of it."""
    here = os.path.realpath(os.curdir)
    path = [folder for folder in sys.path if folder and os.path.realpath(folder) != here]
    found: dict[tuple[str, str], Plugin] = {}
    seen: set[str] = set()
    for distribution in distributions(path=path):
        try:
            if group not in (distribution.read_text("entry_points.txt") or ""):  # parsing all of them takes a while
                continue
            entries = [entry for entry in distribution.entry_points if entry.group == group]
            package = distribution.metadata["Name"]
            version = distribution.version or "of unknown version"
        except Exception:  # a folder of a package that was only half removed
            continue
        if not isinstance(package, str) or (key := re.sub(r"[-_.]+", "-", package).lower()) in seen:
            continue  # the first on the path is the one that is imported
        seen.add(key)
        for entry in entries:
            found[entry.name, key] = Plugin(name=entry.name, package=package, version=version, entry=entry)
    return [plugin for _, plugin in sorted(found.items())]


def prints_apart() -> AbstractContextManager[object]:
    """While another program's code runs: what it prints goes to stderr. Our stdout may be read by a program."""
    return redirect_stdout(sys.stderr)


def failure(error: BaseException) -> str:
    """What another program's error says, in one short line without paths."""
    text = _PATH.sub("...", " ".join(str(error).split()))
    text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text if len(text) <= MAX_REASON else f"{text[:MAX_REASON]}..."
