"""The page of the player and of the playground: its files, and one file of all of them."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

FILES = resources.files("plaingrad.inspect.player") / "page"


def page_file(name: str) -> str:
    """The text of "index.html", "playground.js" or "playground.css"."""
    return (FILES / name).read_text(encoding="utf-8")


def page(recorded: list[Any], title: str = "A recorded run of plaingrad") -> str:
    """The page of recorded messages and frames, with style and module inside."""
    style = page_file("playground.css")
    module = page_file("playground.js").replace("</script", "<\\/script")
    content = json.dumps(recorded, allow_nan=False).replace("<", "\\u003c")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>
{style}
</style>
</head>
<body>
<noscript>This page draws a recorded run, and needs JavaScript for it.</noscript>
<script type="application/json" id="recorded">{content}</script>
<script type="module">
{module}
start(document.body, recording(JSON.parse(document.getElementById("recorded").textContent)));
</script>
</body>
</html>
"""
