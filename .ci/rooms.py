"""How the rooms of a checkout depend on each other: `python .ci/rooms.py [CHECKOUT]`.

A room is a folder of vtn_stream/ or a module at its top; pipelines/ and cli/ are one room each. An arrow is an import
of one room by another, at the top of a file or inside a function. Imports for type checkers only are counted apart.
Its exit code is 1 if there is a circle.
"""

import ast
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

PACKAGES = {"vtn_stream": "vtn_stream", "pipelines": "vtn_stream_pipelines", "cli": "vtn_stream_cli"}
MAX_LINES = 350

Graph = Mapping[str, set[str]]


def modules(root: Path) -> dict[str, Path]:
    """The files of the three packages, by the names they are imported by."""
    found = {}
    for folder, package in PACKAGES.items():
        for path in sorted((root / folder).rglob("*.py")):
            parts = path.relative_to(root / folder).with_suffix("").parts
            found[".".join((package, *parts)).removesuffix(".__init__")] = path
    return found


def imports(name: str, path: Path, known: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """(module, whether for type checkers only) of every import of a module of ours; a name twice if it is twice."""
    tree = ast.parse(path.read_text("utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            # of `from package import module` the module, of `from module import name` the module, once
            inner = [f"{base}.{alias.name}" for alias in node.names]
            targets = sorted({target if target in known else base for target in inner})
        else:
            continue
        yield from ((target, id(node) in for_types) for target in targets if target in known)


def room(name: str) -> str:
    package, _, below = name.partition(".")
    return below.partition(".")[0] or package if package == "vtn_stream" else package


def circles(graph: Graph) -> list[list[str]]:
    """Sets of nodes each of which leads to all others of its set."""
    reached: dict[str, set[str]] = {}
    for start in graph:
        reached[start], waiting = set(), [start]
        while waiting:
            new = graph.get(waiting.pop(), set()) - reached[start]
            reached[start] |= new
            waiting += new
    found = {frozenset(other for other in reached[node] if node in reached[other]) for node in graph}
    return sorted(sorted(circle) for circle in found if len(circle) > 1)


def main() -> None:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    known = modules(root)
    of_modules: dict[str, set[str]] = {name: set() for name in known}
    with_types: dict[str, set[str]] = {name: set() for name in known}
    arrows, typed = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for name, path in known.items():
        for target, for_types in imports(name, path, known):
            if target != name:
                with_types[name].add(target)
                if not for_types:
                    of_modules[name].add(target)
            if room(name) != room(target):
                (typed if for_types else arrows)[room(name), room(target)] += 1
    of_rooms: dict[str, set[str]] = {room(name): set() for name in known}
    for start, end in arrows:
        of_rooms[start].add(end)
    top = [path for path in known.values() if path.parent == root / "vtn_stream" and path.name != "__init__.py"]
    folders = {path.parent for path in known.values() if path.parent.parent == root / "vtn_stream"}
    long = [(len(path.read_text("utf-8").splitlines()), path) for path in known.values()]
    print(f"modules at the top of vtn_stream/: {len(top)}; folders: {len(folders)}; modules in all: {len(known)}")
    print(f"arrows between {len(of_rooms)} rooms: {len(arrows)} pairs, {arrows.total()} imports")
    print(f"for type checkers only: {len(typed)} pairs, {typed.total()} imports")
    graphs = {"rooms": of_rooms, "modules": of_modules, "modules, imports for type checkers too": with_types}
    for what, graph in graphs.items():
        found = circles(graph)
        print(f"circles of {what}: {len(found)}", *(f"  {', '.join(circle)}" for circle in found), sep="\n")
    longest = sorted(((num, path) for num, path in long if num > MAX_LINES), key=lambda each: -each[0])
    print(f"files past {MAX_LINES} lines: {len(longest)}")
    for num, path in longest:
        print(f"  {num} {path.relative_to(root)}")
    sys.exit(bool(circles(of_rooms) or circles(with_types)))


if __name__ == "__main__":
    main()
