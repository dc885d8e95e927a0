"""Look at the built documentation in a browser without a window.

    python -m pip install playwright
    python tools/pages.py docs/_build/html --pictures pictures

opens every page at the widths of a desktop and of a phone and lists what does not fit:
pages wider than the window, code, formulas and other elements wider than their boxes,
sidebars without content, pictures that are missing or have no text. It then asks the
search for the words that users look for, and wants a guide among the first three
results. The pictures are of ten pages, at both widths, light and dark. A chromium or
chrome on the path is used, else the one that `playwright install chromium` fetched.

It exits with 1 if there are complaints.
"""

import argparse
import shutil
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import TimeoutError as Late
from playwright.sync_api import sync_playwright

WIDTHS = {"desktop": 1300, "phone": 390}
HEIGHT = 1000
PICTURED = (
    "index",
    "getting_started",
    "user_guide/choosing",
    "user_guide/norms",
    "user_guide/solvers",
    "user_guide/inspection",
    "compared",
    "benchmarks",
    "auto_examples/index",
    "api/generated/sklearn_linloss.SVMClassifier",
)
SOUGHT = (
    "ConvergenceWarning",
    "imbalanced",
    "overfitting",
    "polars",
    "set_output",
    "GPU",
    "one-vs-rest",
    "multinomial",
)
GUIDES = ("user_guide/", "coming_from/", "getting_started", "compared")

# What the page itself finds wrong, as a list of sentences.
COMPLAINTS = Path(__file__).with_suffix(".js").read_text("utf-8")
# Resolves once formulas are set and pictures are there.
SETTLED = """async () => {
  for (const image of document.images) image.loading = "eager";
  await window.MathJax?.startup?.promise;
  const decoded = (image) => image.decode().catch(() => null);
  await Promise.all([...document.images].map(decoded));
}"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a line for each."""

    def log_message(self, *args):
        """Say nothing."""


def serve(folder):
    """A server of the folder in the background, and its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}"


def check_layout(browser, address, pages):
    """Complaints about what does not fit, each with its page and width."""
    for name, width in WIDTHS.items():
        view = browser.new_page(viewport={"width": width, "height": HEIGHT})
        for page in pages:
            view.goto(f"{address}/{page}.html")
            view.evaluate(SETTLED)
            for complaint in view.evaluate(COMPLAINTS):
                yield f"{page}, {name}: {complaint}"
        view.close()


def first_results(view, address, word, count=3):
    """Pages that the search of the site shows first."""
    view.goto(f"{address}/search.html?q={word}")
    try:
        view.wait_for_selector("#search-results ul.search li a", timeout=10000)
        # Results are shown one by one.
        view.wait_for_function(
            "() => document.querySelector('.search-summary')"
            "?.textContent.includes('finished')",
            timeout=10000,
        )
    except Late:
        return []
    links = view.locator("#search-results ul.search li > a").evaluate_all(
        "links => links.map((link) => new URL(link.href).pathname)"
    )
    return [link.lstrip("/").removesuffix(".html") for link in links[:count]]


def check_search(browser, address):
    """Complaints about words that lead to no guide."""
    view = browser.new_page()
    for word in SOUGHT:
        found = first_results(view, address, word)
        print(f"search {word}: {', '.join(found) or 'nothing'}")
        if not any(page.startswith(GUIDES) for page in found):
            yield f"search: {word!r} leads to no guide, but to {found}"
    view.close()


def take_pictures(browser, address, folder):
    """Pictures of ten pages, at both widths, light and dark."""
    folder.mkdir(parents=True, exist_ok=True)
    for scheme in ("light", "dark"):
        for name, width in WIDTHS.items():
            view = browser.new_page(
                viewport={"width": width, "height": HEIGHT}, color_scheme=scheme
            )
            for page in PICTURED:
                view.goto(f"{address}/{page}.html")
                view.evaluate(SETTLED)
                file = f"{page.replace('/', '.')}-{name}-{scheme}.png"
                view.screenshot(path=folder / file)
            view.close()


def launch(playwright):
    """The browser of the system, or playwright's own."""
    found = map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
    return playwright.chromium.launch(
        executable_path=next(filter(None, found), None), args=["--no-sandbox"]
    )


def main():
    """Check the pages in the folder that the command names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("html", type=Path, help="folder that sphinx built")
    parser.add_argument("--pictures", type=Path, help="folder for pictures")
    parser.add_argument("--pages", nargs="*", help="these pages only, without .html")
    options = parser.parse_args()
    pages = options.pages or sorted(
        file.relative_to(options.html).with_suffix("").as_posix()
        for file in options.html.rglob("*.html")
        if "_static" not in file.parts and "_modules" not in file.parts
    )
    server, address = serve(options.html)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        complaints = list(check_layout(browser, address, pages))
        if not options.pages:
            complaints += check_search(browser, address)
        if options.pictures:
            take_pictures(browser, address, options.pictures)
        browser.close()
    server.shutdown()
    print(*complaints, sep="\n")
    print(f"{len(pages)} pages, {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
