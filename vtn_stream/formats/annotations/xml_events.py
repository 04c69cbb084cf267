"""Reads untrusted XML as events, however long it is. Knows no format.

XML with a DTD, entities or external references is refused.
"""

from xml.sax import SAXException, SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import Locator

from defusedxml import DefusedXmlException
from defusedxml import sax as defused_sax

from vtn_stream.errors import TimelineError
from vtn_stream.formats.annotations.findings import Unreadable
from vtn_stream.formats.annotations.words import At
from vtn_stream.formats.reading import encoding_of, xml_in_utf8

__all__ = ["Events", "begins_with", "parse"]


class Events(ContentHandler):
    """What a reader of XML derives from: it knows the line that is being read."""

    def __init__(self) -> None:
        super().__init__()
        self._place: Locator | None = None

    @property
    def line(self) -> int | None:
        return None if self._place is None else self._place.getLineNumber()

    def setDocumentLocator(self, locator: Locator) -> None:
        self._place = locator


def begins_with(head: bytes, root: str) -> str:
    """The beginning of a file as text if it is XML with this root, such as "<annotations"; else ""."""
    text = head.decode(encoding_of(head), "replace").lstrip("\ufeff \t\r\n")
    return text if text.startswith("<") and root in text else ""


def parse(document: Events, data: bytes, name: str, file: str = "") -> None:
    """Tells the document what is in the data. name: the file's; `file`: how messages call it, if there are several.

    Raises Unreadable.
    """
    try:
        defused_sax.parseString(xml_in_utf8(data, name), document, forbid_dtd=True)
    except TimelineError as error:
        raise Unreadable(At(file=file), error.fact) from error
    except SAXParseException as error:
        raise Unreadable(At(line=error.getLineNumber(), file=file), f"damaged XML: {error.getMessage()}") from error
    except DefusedXmlException as error:
        raise Unreadable(At(line=document.line, file=file), "XML with a DTD or entities is not read") from error
    except (SAXException, ValueError, LookupError, RecursionError) as error:
        raise Unreadable(At(line=document.line, file=file), f"damaged XML: {error}") from error
