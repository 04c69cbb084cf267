"""Random names for films, kept in a table apart from all results: who has the results alone does not learn the films'.

The table is a CSV file of one row a film, which only its owner may read:

identity  a digest of the film's content, so that a film keeps its name when it is moved, copied or called otherwise;
          empty for a film that could not be read yet, and for a timeline that does not know its film's
film      where the film was when it got its name, or what a timeline called it
name      film-7K3QX9: random, never made of the film; in the table people may give a film another one by hand

It knows no timelines: `vtn_stream.anonymous` puts the names into them.
"""

import csv
import fcntl
import io
import os
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from vtn_stream.atomic import replacing
from vtn_stream.errors import InputError, printable
from vtn_stream.film import file_stamp

__all__ = ["Names", "default_table"]

MAX_TABLE_BYTES = 256 * 1024 * 1024  # 1,000,000 films
_PREFIX = "film-"
_LETTERS = "34679CDFGHJKMNPQRTVWXY"  # no two that look alike (0 O, 1 I, 2 Z, 5 S, 8 B), and no vowels: no words
_NUM_LETTERS = 6  # a hundred million names
_RANDOM = re.compile(rf"{_PREFIX}[{_LETTERS}]{{{_NUM_LETTERS}}}")
_OF_FILE = re.compile(r" part [1-9]\d{0,5}$", re.ASCII)  # of a recording in several
_NAME = re.compile(r"[^\W_][\w-]{0,63}", re.ASCII)  # as people may write one into the table: no suffix, no path
_ROUNDED = re.compile(r"\d([.,]\d+)?E\+\d+")  # digits, or digits with an e, as spreadsheets show them: 1.2E+31
_COLUMNS = ("identity", "film", "name")
_BOM = "\ufeff".encode()
_FORMULA = ("=", "+", "-", "@")


def default_table() -> Path:
    """VTN_STREAM_NAMES, else vtn-stream/names.csv among the user's data. It need not exist."""
    if file := os.environ.get("VTN_STREAM_NAMES"):
        return Path(file)
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "vtn-stream" / "names.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """more: cells of columns that people added."""

    identity: str
    film: str
    name: str
    more: Mapping[str, str] = field(default_factory=dict)

    def cells(self, columns: Iterable[str]) -> list[str]:
        own = {"identity": self.identity, "film": self.film, "name": self.name}
        return [own[column] if column in own else self.more.get(column, "") for column in columns]


class Names:
    """The table of names in a file, by default the user's own. Several runs may use it at once.

    Every method raises InputError where the file is something else, or cannot be read or written.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = default_table() if path is None else path
        self._stamp: tuple[int, ...] | None = None
        self._empty()

    def of(self, identity: str, film: str | os.PathLike[str], spare: str | None = None) -> str:
        """The name of a film. A new one is in the table before it is given, so that no result can be without.

        identity  of its content; "" where that is not known: it is known by its place then
        film      its place: an absolute path, or what a timeline calls it
        spare     the name that it gets if it has none and no other film has this one, as `fresh` gives it
        """
        place = _cell(film)
        self._load()
        row = self._found(identity, place)
        if row is not None and not self._is_stale(row, identity, place):
            return row.name
        with self._locked():
            self._load()
            row = self._found(identity, place)
            if row is None:
                free = spare is not None and spare not in self
                row = _Row(identity=identity, film=place, name=spare if free and spare else self.fresh())
                self._write(self._content + b"\n" * (not self._content.endswith(b"\n")) + self._lines([row]))
                self._know(row)
            elif self._is_stale(row, identity, place):
                new = replace(row, identity=identity or row.identity, film=place)
                rows = [new if one is row else one for one in self._rows]
                self._write(_BOM * self._content.startswith(_BOM) + self._lines(rows, with_head=True))
                self._keep(rows)
        return row.name

    def at(self, film: str | os.PathLike[str]) -> str | None:
        """The name of the film that was last seen at this place, whatever is there now; None if none was."""
        self._load()
        here = self._by_place.get(_cell(film))
        return here[-1].name if here else None

    def fresh(self) -> str:
        """A random name that no film has. Nobody has it until `of` gives it."""
        while True:
            name = _PREFIX + "".join(secrets.choice(_LETTERS) for _ in range(_NUM_LETTERS))
            if name not in self:
                return name

    def by_identity(self) -> dict[str, str]:
        """The names of all films that were read."""
        self._load()
        return {identity: row.name for identity, row in self._by_identity.items()}

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._names

    def is_name(self, name: str) -> bool:
        """Whether this is a name that a film got here, or a file of it, or one that another table gives: nobody calls a
        film so.
        """
        name = _OF_FILE.sub("", name)
        return _RANDOM.fullmatch(name) is not None or name in self

    def check_apart_from(self, results: Path) -> None:
        """Raises InputError where the table lies in the folder of the results: who gets them would have the names. A
        home folder has both, and nobody gives it away whole.
        """
        table, folder = (Path(os.path.realpath(path)) for path in (self.path, results))
        if table.parent == folder or (table.is_relative_to(folder) and not Path.home().is_relative_to(folder)):
            raise InputError(
                f"the table of names, {self.path.name}, lies in the folder of the results",
                "nothing was written: who gets that folder would learn the names",
                "name another file with --names, or another folder",
            )

    def _found(self, identity: str, place: str) -> _Row | None:
        if identity in self._by_identity:
            return self._by_identity[identity]
        here = self._by_place.get(place, [])
        unread = [row for row in here if not row.identity]
        if identity or not os.path.isabs(place):
            return unread[0] if unread else None
        known = unread or here
        return known[0] if known else None

    def _is_stale(self, row: _Row, identity: str, place: str) -> bool:
        """Whether the row can now say more: what the film is, or where, if it is not where it was."""
        is_gone = os.path.isabs(place) and row.film != place and not os.path.lexists(row.film)
        return (bool(identity) and row.identity != identity) or is_gone

    # The file

    def _load(self) -> None:
        try:
            stamp = file_stamp(self.path)
            if stamp == self._stamp:
                return
            with open(self.path, "rb") as file:
                content = file.read(MAX_TABLE_BYTES + 1)
        except FileNotFoundError:
            self._empty()
            return
        except OSError as error:
            raise self._unusable(f"cannot be read ({error.strerror})", "check its permissions") from error
        self._keep(self._parsed(content))
        self._stamp, self._content = stamp, content

    def _empty(self) -> None:
        self._stamp = None
        self._columns, self._delimiter = [*_COLUMNS], ","
        self._content = self._lines([], with_head=True)
        self._keep([])

    def _keep(self, rows: Iterable[_Row]) -> None:
        self._rows: list[_Row] = []
        self._names: set[str] = set()
        self._by_identity: dict[str, _Row] = {}
        self._by_place: dict[str, list[_Row]] = {}
        for row in rows:
            self._know(row)

    def _know(self, row: _Row) -> None:
        self._rows.append(row)
        self._names.add(row.name)
        self._by_place.setdefault(row.film, []).append(row)
        if row.identity:
            self._by_identity[row.identity] = row

    def _parsed(self, content: bytes) -> list[_Row]:
        try:
            if len(content) > MAX_TABLE_BYTES:
                raise ValueError
            text = content.decode("utf-8-sig")
            head = text.partition("\n")[0]
            delimiter = max(",;\t", key=head.count)  # spreadsheets of half the world write ; between cells
            columns, *lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
            if not {*_COLUMNS} <= {*columns} or len(columns) > len(set(columns)):
                raise ValueError
        except (ValueError, csv.Error) as error:
            raise self._unusable(
                f"is not a table with the columns {', '.join(_COLUMNS)}",
                "name another file with --names, or correct it by hand",
            ) from error
        self._columns, self._delimiter = columns, delimiter
        rows = []
        for cells in (cells for cells in lines if any(cells)):
            row = dict(zip(columns, cells, strict=False))
            own = {name: row.pop(name, "") for name in _COLUMNS}
            if len(cells) > len(columns) or not _NAME.fullmatch(own["name"]):
                raise self._unusable(
                    f"gives a film the name {printable(own['name'][:80])!r}, or the row has too many cells",
                    "a name is of letters, digits, - and _: correct it by hand",
                )
            if _ROUNDED.fullmatch(own["identity"]):
                raise self._unusable(
                    f"has the identity {own['identity']}, which a spreadsheet made of another one",
                    "take the table from before that, and read its columns as text",
                )
            rows.append(_Row(**own, more=row))
        for what, values in (("name", [r.name for r in rows]), ("identity", [r.identity for r in rows if r.identity])):
            if twice := [value for value, times in Counter(map(str.casefold, values)).items() if times > 1]:
                raise self._unusable(
                    f"has two rows of the {what} {printable(twice[0][:80])}", "leave one of them in it"
                )
        return rows

    def _lines(self, rows: Iterable[_Row], *, with_head: bool = False) -> bytes:
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter=self._delimiter, lineterminator="\n")
        writer.writerows([self._columns] if with_head else [])
        writer.writerows(row.cells(self._columns) for row in rows)
        return text.getvalue().encode()

    def _write(self, content: bytes) -> None:
        try:
            mode = self.path.stat().st_mode & 0o777 if self.path.exists() else 0o600  # a lab may share its table
            with replacing(self.path) as temporary:
                with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    file.write(content)
                temporary.chmod(mode)
            self._stamp, self._content = file_stamp(self.path), content  # nobody else writes while it is locked
        except OSError as error:
            raise self._unwritable(error) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Beside the file, which is replaced when it is written."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.path.with_name(f".{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _unusable(self, fact: str, cure: str) -> InputError:
        return InputError(f"the table of names, {self.path.name}, {fact}", "no film got a name", cure)

    def _unwritable(self, error: OSError) -> InputError:
        return self._unusable(
            f"cannot be written ({error.strerror})", "name another file with --names, or make room there"
        )


def _cell(film: str | os.PathLike[str]) -> str:
    """A film's place as the table has it: one line, and no formula in a spreadsheet."""
    text = printable(os.fspath(film))
    return f"./{text}" if text.startswith(_FORMULA) else text
