"""How the documentation is built: every block of code is run, and any failure stops the build."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from layers import LAYERS

from plaingrad import __version__

project = "plaingrad"
author = "the plaingrad contributors"
release = version = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "exercise_pages",
    "kernels",
    "layers",
    "notebooks",
    "reference",
    "torch_names",
    "sphinx-mathjax-offline",  # the pages need no network
]
exclude_patterns = ["_build"]
default_role = "py:obj"

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 2
nb_execution_mode = "force"  # a cache would not notice that the source has changed
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_merge_streams = True

autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autosummary_generate = False  # the tables alone; the pages are those of the `reference` extension
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "pydata_sphinx_theme"
html_title = "plaingrad"
templates_path = ["_templates"]
html_static_path = ["_static"]
html_css_files = ["plaingrad.css"]
html_show_sourcelink = False
html_copy_source = False
html_context = {"default_mode": "light"}
html_sidebars = {
    page: []
    for page in (
        "index",
        "quickstart",
        "for_pytorch_users",
        "inside",
        "paper",
        "cli",
        "columns",
        "demo",
        "own_layer",
        "wrong_gradient",
        "playground",
        "playground_protocol",
        "exercises",
        "teaching",
        "native",
        "estimators",
        "model_file",
        "what_changed",
        "gallery",
        "glossary",
        "differences",
    )
} | {page: ["layers.html"] for page in LAYERS}
html_theme_options = {
    "logo": {"text": "plaingrad"},
    "navbar_end": [],
    "navbar_persistent": ["search-button"],
    "header_links_before_dropdown": 5,
    "article_footer_items": ["notebook.html"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "friendly",
    "pygments_dark_style": "friendly",
    "show_toc_level": 2,
    "secondary_sidebar_items": {"**": ["page-toc"], "index": [], **{page: [] for page in LAYERS}},
}
copyright = "the plaingrad contributors, MIT licence"
