"""A page of HTML as a reader without eyes has it: headings, tables, pictures, what refers where."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br", "hr", "input"}


@dataclass
class Element:
    """A tag with its attributes, what is in it, and all of its text."""

    tag: str
    attributes: dict[str, str]
    children: list["Element"] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join("".join(self.parts).split())

    def all(self, *tags: str) -> list["Element"]:
        """Itself and all that is in it of these tags, in the page's order."""
        found = [self] if self.tag in tags or not tags else []
        return found + [one for child in self.children for one in child.all(*tags)]

    def one(self, key: str, value: str) -> "Element":
        """The only element in it with that attribute."""
        (found,) = [e for e in self.all() if value in e.attributes.get(key, "").split()]
        return found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, {name: v or "" for name, v in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.parts.append(data)


def read_page(text: str) -> Element:
    """The page as a tree. Fails where a tag is not closed, or closed by another."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == [reader.root], [element.tag for element in reader.open]
    return reader.root


def rows(table: Element) -> list[list[str]]:
    """The text of every cell of the body."""
    (body,) = table.all("tbody")
    return [[cell.text for cell in row.all("th", "td")] for row in body.all("tr")]


def table_of(page: Element, caption: str) -> Element:
    """The table with that caption."""
    (found,) = [t for t in page.all("table") if t.all("caption")[0].text == caption]
    return found
