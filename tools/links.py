"""Find dead links in the built documentation, without a network.

    python tools/links.py docs/_build/html

reads every page and lists links, pictures, styles and scripts whose file, or whose
place in a page, is not there. Addresses of other sites are not asked for. It exits
with 1 if there are any.
"""

import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Where a tag names another file.
NAMES = {"a": "href", "link": "href", "img": "src", "script": "src", "source": "src"}
# Whatever the theme calls by these has no place in the page.
NO_PLACE = {"", "top"}


class Reader(HTMLParser):
    """Collects the links of a page and the places in it."""

    def __init__(self):
        super().__init__()
        self.links, self.places = [], set()

    def handle_starttag(self, tag, attrs):
        """Take what a tag points to, and its name."""
        attrs = dict(attrs)
        self.places.update(filter(None, (attrs.get("id"), attrs.get("name"))))
        target = attrs.get(NAMES.get(tag))
        if target:
            self.links.append(target)


@cache
def read(page):
    """Links and places of a page."""
    reader = Reader()
    reader.feed(page.read_text("utf-8"))
    return reader


def dead_links(folder):
    """Each page with a link of it that leads nowhere."""
    for page in sorted(folder.rglob("*.html")):
        if "_static" in page.parts:
            continue
        for link in dict.fromkeys(read(page).links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            path = unquote(parts.path)
            target = (page.parent / path).resolve() if path else page
            if target.is_dir():
                target /= "index.html"
            place = unquote(parts.fragment)
            if not target.is_file():
                yield page, link
            elif (
                target.suffix == ".html"
                and place not in NO_PLACE
                and place not in read(target).places
            ):
                yield page, link


def main():
    """List the dead links below the folder that the command names."""
    folder = Path(sys.argv[1]).resolve()
    dead = list(dead_links(folder))
    for page, link in dead:
        print(f"{page.relative_to(folder)}: {link}")
    print(f"{len(dead)} dead links")
    return 1 if dead else 0


if __name__ == "__main__":
    sys.exit(main())
