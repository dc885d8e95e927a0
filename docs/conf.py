"""Configuration of the documentation: python -m sphinx -W docs docs/_build/html"""

import os
import re
from importlib.metadata import version as version_of
from importlib.util import find_spec

from sklearn_linloss import __version__

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
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "auto_examples/*.ipynb", "sg_execution_times.rst"]
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
}

# -- the pages ---------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = f"sklearn_linloss {release}"
html_theme_options = {
    "show_toc_level": 2,
    "show_prev_next": True,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "navbar_end": ["theme-switcher"],
}
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["pages.css"]

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
    # Before numpydoc, whose priority is the default of 500.
    app.connect("autodoc-process-docstring", escape_shapes, priority=400)
