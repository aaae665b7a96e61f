"""The files of the page: small, from this server alone, and without inline scripts and styles."""

import re
from html.parser import HTMLParser

import pytest

from digitnn.serving.app import STATIC_TYPES, page_files

FILES = page_files()
NAMESPACES = ("http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink")
MAX_BYTES = 300_000


class Elements(HTMLParser):
    """Collects the elements of a page, and the text inside scripts and styles."""

    def __init__(self, text):
        super().__init__()
        self.found, self.inline, self._inside = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        self._inside = tag

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, text):
        if self._inside in ("script", "style") and text.strip():
            self.inline.append(text)


PAGES = {name: Elements(data.decode()) for name, data in FILES.items() if name.endswith(".html")}


def test_all_files_together_are_small():
    assert sum(map(len, FILES.values())) <= MAX_BYTES


@pytest.mark.parametrize("name", FILES)
def test_no_file_refers_to_another_host(name):
    text = FILES[name].decode()
    addresses = [a for a in re.findall(r"https?://[^\s\"'`<>)]+", text) if a not in NAMESPACES]
    assert addresses == []
    assert not re.search(r"""(?:src|href|url\(|from|import)\s*[=(]?\s*["']?//""", text)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_inline_script_style_or_handler(name):
    assert PAGES[name].inline == []
    for tag, attributes in PAGES[name].found:
        assert tag != "style"
        assert "style" not in attributes, (tag, attributes)
        assert not any(attribute.startswith("on") for attribute in attributes), (tag, attributes)
        assert not any((value or "").startswith("javascript:") for value in attributes.values())


@pytest.mark.parametrize("name", PAGES)
def test_what_a_page_refers_to_is_served(server, name):
    addresses = [
        attributes[key]
        for tag, attributes in PAGES[name].found
        for key in ("src", "href")
        if attributes.get(key) and not attributes[key].startswith(("#", "data:"))
    ]
    assert any(address.endswith(".js") for address in addresses)
    for address in addresses:
        assert server.get(re.sub(r"#.*", "", f"/{address.lstrip('/.')}")).status == 200, address


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_served_as_what_it_is(server, name):
    answer = server.get(f"/static/{name}")
    assert answer.status == 200
    assert answer.body == FILES[name]
    assert answer.headers["content-type"] == STATIC_TYPES[name.rpartition(".")[2]]
    assert answer.headers["content-length"] == str(len(FILES[name]))


def test_modules_import_files_that_are_there():
    for name, data in FILES.items():
        if name.endswith(".js"):
            imports = re.findall(
                r"""(?:from|import)\s*\(?["'](\./|/static/)?([^"']+)""", data.decode()
            )
            for prefix, imported in imports:
                assert prefix, (name, imported)
                assert imported in FILES, (name, imported)


def test_the_page_and_its_icon_have_short_addresses(server):
    for path, name in (
        ("/", "index.html"),
        ("/docs", "docs.html"),
        ("/favicon.ico", "favicon.svg"),
    ):
        assert server.get(path).body == FILES[name]
