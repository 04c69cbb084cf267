"""The content of an .eaf file as it stands there: media, slots, tiers, annotations. Knows no times and no labels."""

from dataclasses import dataclass, field
from xml.sax.xmlreader import AttributesImpl

from vtn_stream.formats.annotations.xml_events import Events

__all__ = ["Annotation", "Document", "Tier"]

ASSOCIATION = "Symbolic_Association"


@dataclass(slots=True)
class Annotation:
    """start, end: its time slots; ref: else the annotation whose time it has, or shares, after `previous`.

    entry: of a vocabulary, by its id
    """

    name: str
    start: str
    end: str
    line: int | None
    ref: str = ""
    previous: str = ""
    entry: str = ""
    text: str = ""


@dataclass(slots=True)
class Tier:
    """type: its linguistic type, which says how it is linked to its parent."""

    name: str
    parent: str = ""
    type: str = ""
    participant: str = ""
    annotations: list[Annotation] = field(default_factory=list)
    links: list[Annotation] = field(default_factory=list)


class Document(Events):
    """The content of the file, unchanged.

    twice    slots that stand there a second time
    """

    def __init__(self) -> None:
        super().__init__()
        self.units = "milliseconds"
        self.media_file = ""
        self.media: list[AttributesImpl] = []
        self.slots: dict[str, tuple[str | None, int | None]] = {}
        self.twice: list[tuple[str, int | None]] = []
        self.tiers: list[Tier] = []
        self._types: dict[str, AttributesImpl] = {}
        self._entries: dict[tuple[str, str], str] = {}  # of a vocabulary, the values; of several languages the first
        self._ids: set[str] = set()
        self._annotation: Annotation | None = None
        self._vocabulary = self._entry = ""
        self._text: list[str] | None = None

    def attribute(self, tier: Tier) -> str | None:
        """The attribute of the parent's annotations that a tier holds; None for one that holds annotations."""
        own = f"{tier.parent}@"
        is_one = tier.parent and tier.name.startswith(own) and self._of_type(tier, "CONSTRAINTS") == ASSOCIATION
        return tier.name.removeprefix(own) if is_one else None

    def value(self, tier: Tier, annotation: Annotation) -> str:
        """The value of an annotation, or of the entry of a vocabulary that it names, in single spaces."""
        vocabulary = self._of_type(tier, "CONTROLLED_VOCABULARY_REF")
        text = annotation.text.strip() or self._entries.get((vocabulary, annotation.entry), "")
        return " ".join(text.split())

    def _of_type(self, tier: Tier, attribute: str) -> str:
        attrs = self._types.get(tier.type)
        return "" if attrs is None else attrs.get(attribute, "")

    def startElement(self, name: str, attrs: AttributesImpl) -> None:
        if name == "HEADER":
            self.units = attrs.get("TIME_UNITS", "milliseconds")
            self.media_file = attrs.get("MEDIA_FILE", "")
        elif name == "MEDIA_DESCRIPTOR":
            self.media.append(attrs)
        elif name == "TIME_SLOT":
            slot = attrs.get("TIME_SLOT_ID", "")
            if slot in self.slots:
                self.twice.append((slot, self.line))
            else:
                self.slots[slot] = (attrs.get("TIME_VALUE"), self.line)
        elif name == "TIER":
            keys = ("TIER_ID", "PARENT_REF", "LINGUISTIC_TYPE_REF", "PARTICIPANT")
            tier, parent, type, participant = (attrs.get(key, "") for key in keys)
            self.tiers.append(Tier(tier, parent, type, participant))
        elif name == "REF_ANNOTATION" and self.tiers:
            self.tiers[-1].links.append(self._begun(attrs))
        elif name == "ALIGNABLE_ANNOTATION" and self.tiers:
            self.tiers[-1].annotations.append(self._begun(attrs))
        elif name == "ANNOTATION_VALUE" and self._annotation is not None:
            self._text = []
        elif name == "LINGUISTIC_TYPE":
            self._types[attrs.get("LINGUISTIC_TYPE_ID", "")] = attrs
        elif name == "CONTROLLED_VOCABULARY":
            self._vocabulary = attrs.get("CV_ID", "")
        elif name == "CV_ENTRY_ML":
            self._entry = attrs.get("CVE_ID", "")
        elif name == "CVE_VALUE":
            self._text = []

    def _begun(self, attrs: AttributesImpl) -> Annotation:
        keys = ("ANNOTATION_ID", "TIME_SLOT_REF1", "TIME_SLOT_REF2", "ANNOTATION_REF", "PREVIOUS_ANNOTATION", "CVE_REF")
        name, start, end, ref, previous, entry = (attrs.get(key, "") for key in keys)
        if not name or name in self._ids:  # others refer to the first of a name
            name = f"{name} {len(self._ids)}"
        self._ids.add(name)
        self._annotation = Annotation(name, start, end, self.line, ref=ref, previous=previous, entry=entry)
        return self._annotation

    def characters(self, content: str) -> None:
        if self._text is not None:
            self._text.append(content)

    def endElement(self, name: str) -> None:
        if name == "ANNOTATION_VALUE" and self._annotation is not None and self._text is not None:
            self._annotation.text = "".join(self._text)
            self._text = None
        elif name == "CVE_VALUE" and self._text is not None:
            self._entries.setdefault((self._vocabulary, self._entry), "".join(self._text))
            self._text = None
        elif name in ("ALIGNABLE_ANNOTATION", "REF_ANNOTATION"):
            self._annotation = None
