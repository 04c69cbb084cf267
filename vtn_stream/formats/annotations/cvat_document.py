"""The content of CVAT's XML as it stands there: tasks, tracks of shapes, what is on single frames. Knows no seconds."""

from dataclasses import dataclass, field
from typing import NamedTuple
from xml.sax.xmlreader import AttributesImpl

from vtn_stream.formats.annotations.xml_events import Events

__all__ = ["Document", "Mark", "Shape", "Task", "Track"]

SHAPES = frozenset({"box", "polygon", "polyline", "points", "cuboid", "ellipse", "mask", "skeleton"})
_TASKS = frozenset({"task", "job", "project"})
_FACTS = frozenset({"id", "name", "mode", "size", "start_frame", "stop_frame", "frame_filter", "source", "fps"})

Attributes = dict[str, str]


class Shape(NamedTuple):
    """A shape of a track. frame: as it stands there; outside: it is not to be seen from here on."""

    frame: str
    outside: bool
    attributes: Attributes
    line: int | None


class Mark(NamedTuple):
    """A tag, or a shape without a track, on one frame."""

    task: str
    frame: str
    label: str
    attributes: Attributes
    line: int | None


@dataclass(slots=True)
class Track:
    """task: its id, in files of several"""

    name: str
    task: str
    label: str
    line: int | None
    shapes: list[Shape] = field(default_factory=list)


@dataclass(slots=True)
class Task:
    """facts: the texts of its own elements, by their names"""

    facts: dict[str, str] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)


class Document(Events):
    """The content of the file, unchanged.

    tasks   of a project one for each of its films, else one; a job is taken as its task
    source  of the film, where it stands outside of the task
    marks   in the order of the file
    """

    def __init__(self) -> None:
        super().__init__()
        self.tasks: list[Task] = []
        self.project = Task()
        self.source = ""
        self.tracks: list[Track] = []
        self.marks: list[Mark] = []
        self._path: list[str] = []
        self._task: Task | None = None
        self._track: Track | None = None
        self._image: tuple[str, str] | None = None  # the task and the frame
        self._open: tuple[AttributesImpl, int | None] | None = None  # the shape or tag that is being read
        self._parts: list[bool] = []  # of a skeleton, whether each is outside
        self._attributes: Attributes = {}
        self._attribute = ""
        self._text: list[str] | None = None

    def startElement(self, name: str, attrs: AttributesImpl) -> None:
        self._path.append(name)
        if self._path[1:2] == ["meta"]:
            self._start_meta(name)
        elif name == "track":
            keys = ("id", "task_id", "label")
            number, task, label = (attrs.get(key, "") for key in keys)
            self._track = Track(number or str(len(self.tracks)), task, label, self.line)
        elif name == "image":
            self._image = (attrs.get("task_id", ""), attrs.get("id", ""))
        elif name in SHAPES and self._open is not None:
            self._parts.append(attrs.get("outside") == "1")
        elif name in SHAPES or name == "tag":
            self._open, self._attributes, self._parts = (attrs, self.line), {}, []
        elif name == "attribute" and self._open is not None and self._path[-2] == self._opened:
            self._attribute, self._text = attrs.get("name", ""), []

    def _start_meta(self, name: str) -> None:
        if name in ("task", "job"):
            self._task = Task()
            self.tasks.append(self._task)
        elif name == "project":
            self._task = self.project
        self._text = []

    def characters(self, content: str) -> None:
        if self._text is not None:
            self._text.append(content)

    def endElement(self, name: str) -> None:
        above = self._path[-2] if len(self._path) > 1 else ""
        if self._path[1:2] == ["meta"]:
            self._end_meta(name, above)
        elif name == "track" and self._track is not None:
            self.tracks.append(self._track)
            self._track = None
        elif name == "image":
            self._image = None
        elif name == "attribute" and self._text is not None:
            self._attributes[self._attribute] = "".join(self._text).strip()
            self._text = None
        elif self._open is not None and above in ("track", "image", "annotations"):
            self._close(*self._open)
            self._open = None
        self._path.pop()

    @property
    def _opened(self) -> str:
        """The element that is open: the one below the track, the image or the root."""
        return next((name for name in reversed(self._path) if name == "tag" or name in SHAPES), "")

    def _end_meta(self, name: str, above: str) -> None:
        text, self._text = "".join(self._text or ()).strip(), None
        if above in _TASKS and name in _FACTS and self._task is not None:
            self._task.facts.setdefault(name, text)
        elif name == "source" and above == "meta":
            self.source = text
        elif name == "name" and above == "label":
            (self._task or self.project).labels.append(text)
        elif name == "task" and "project" in self._path:
            self._task = self.project

    def _close(self, attrs: AttributesImpl, line: int | None) -> None:
        outside = attrs.get("outside") == "1" or (bool(self._parts) and all(self._parts))
        if self._track is not None:
            self._track.shapes.append(Shape(attrs.get("frame", ""), outside, self._attributes, line))
        elif not outside:
            task, frame = self._image or (attrs.get("task_id", ""), attrs.get("frame", ""))
            self.marks.append(Mark(task, frame, attrs.get("label", ""), self._attributes, line))
