"""Configuration of the documentation: python -m sphinx -W docs docs/_build/html"""

import inspect
import os
import re
import sys
import tomllib
from importlib.metadata import version as version_of
from importlib.util import find_spec
from pathlib import Path
from pydoc import locate

from sklearn_linloss import __version__

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "sklearn_linloss"
author = "The sklearn_linloss developers"
copyright = author
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx-mathjax-offline",  # formulas without a network
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "measured",  # tables of benchmarks/README.md
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "auto_examples/*.ipynb", "sg_execution_times.rst"]
# Prompts and output of examples are not copied.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
default_role = "code"
suppress_warnings = ["myst.header"]  # parts of Markdown files inside a page

# -- the reference -----------------------------------------------------------------

autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
if find_spec("sklearn_linloss.inspection") is None:
    exclude_patterns.append("api/inspection.rst")

# Inherited from scikit-learn, whose text refers to its own pages.
_NOT_OURS = (
    "get_params",
    "set_params",
    "set_fit_request",
    "set_partial_fit_request",
    "set_score_request",
    "set_callbacks",
)


def skip_inherited(app, what, name, obj, skip, options):
    """Leave out what scikit-learn documents."""
    module = getattr(obj, "__module__", None) or ""
    return True if name in _NOT_OURS or module.startswith("sklearn.") else skip


def escape_shapes(app, what, name, obj, options, lines):
    """Keep "n_iter_" in the shape of an attribute from being read as a link."""
    for i, line in enumerate(lines):
        if re.match(r"\w+ : .*of shape \(", line):
            declared, shape = line.split(" : ", 1)
            shape = re.sub(r"(\w)_(?=\W)", r"\1\\_", shape)
            lines[i] = f"{declared} : {shape}"


# -- the gallery -------------------------------------------------------------------

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"[\\/]plot_",  # these are run, the others shown
    "write_computation_times": False,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "remove_config_comments": True,
    "subsection_order": [
        f"../examples/{name}"
        for name in ("losses", "penalties", "fits", "tuning", "models")
    ],
}


def describe_thumbnails(app, docname, source):
    """Give the pictures of the gallery's lists the titles of their examples as text."""
    if docname.startswith("auto_examples/") and docname.endswith("index"):
        source[0] = re.sub(
            r":alt:$(.*?sphx-glr-thumbnail-title\">)(.*?)(</div>)",
            r":alt: \2\1\2\3",
            source[0],
            flags=re.MULTILINE | re.DOTALL,
        )


# -- the pages ---------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = f"sklearn_linloss {release}"
html_theme_options = {
    "show_toc_level": 2,
    "show_prev_next": True,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": ["page-toc", "edit-this-page"],
    "navbar_align": "left",
    "navbar_persistent": ["search-button"],
    "navbar_end": ["theme-switcher", "navbar-icon-links"],
}
# Pages without pages below them have nothing to list at their side.
html_sidebars = {
    name: []
    for name in (
        "index",
        "getting_started",
        "compared",
        "benchmarks",
        "mathematics",
        "developer",
        "changelog",
        "citing",
        "search",
        "genindex",
        "py-modindex",
    )
}
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_search_scorer = str(Path(__file__).parent / "_static" / "scorer.js")

# -- the repository ----------------------------------------------------------------

_project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
REPOSITORY = _project.get("urls", {}).get("Source", "").rstrip("/")
BRANCH = "main"

if REPOSITORY:
    extensions.append("sphinx.ext.linkcode")
    html_theme_options["use_edit_page_button"] = True
    html_theme_options["icon_links"] = [
        {"name": "Repository", "url": REPOSITORY, "icon": "fa-brands fa-git-alt"}
    ]
    html_context = {
        "edit_page_url_template": f"{REPOSITORY}/edit/{BRANCH}/"
        + "{{ doc_path }}{{ file_name | replace('auto_examples/', '') }}",
        "edit_page_provider_name": "the repository",
    }


def lead_to_source(app, pagename, templatename, context, doctree):
    """Let the button of a page edit the file that the page is made of."""
    folder, _, rest = pagename.partition("/")
    made = folder == "api" and rest.startswith("generated/")
    if made or (folder == "auto_examples" and rest.endswith("index")):
        context["theme_use_edit_page_button"] = False
    elif folder == "auto_examples":
        context.update(doc_path="examples", page_source_suffix=".py")
    else:
        context["doc_path"] = "docs"


def linkcode_resolve(domain, info):
    """Where the source of a name of the reference stands."""
    found = locate(f"{info['module']}.{info['fullname']}")
    try:
        found = inspect.unwrap(getattr(found, "fget", found))
        file = Path(inspect.getsourcefile(found)).resolve()
        lines, first = inspect.getsourcelines(found)
    except (TypeError, OSError):  # a value, or not written in Python
        return None
    if not file.is_relative_to(ROOT):
        return None
    place = f"#L{first}-L{first + len(lines) - 1}"
    return f"{REPOSITORY}/blob/{BRANCH}/{file.relative_to(ROOT)}{place}"


# -- the network -------------------------------------------------------------------

# Without the network nothing is asked for.
if os.environ.get("LINLOSS_DOCS_ONLINE"):
    extensions.append("sphinx.ext.intersphinx")
    _minor = ".".join(version_of("scikit-learn").split(".")[:2])
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "scipy": ("https://docs.scipy.org/doc/scipy", None),
        "sklearn": (f"https://scikit-learn.org/{_minor}", None),
    }


def setup(app):
    """Connect what stands above."""
    app.connect("autodoc-skip-member", skip_inherited)
    app.connect("source-read", describe_thumbnails)
    # Before the theme, which makes the button.
    app.connect("html-page-context", lead_to_source, priority=400)
    # Before numpydoc, whose priority is the default of 500.
    app.connect("autodoc-process-docstring", escape_shapes, priority=400)
