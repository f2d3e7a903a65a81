"""Take the pictures of docs/notebooks.rst out of the notebooks, which are committed as they ran.

Run it after a notebook was run anew: ``python docs/pictures/notebooks.py``.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "_static" / "images" / "notebooks"

# Notebook -> name of the picture -> words in the cell that draws it.
WANTED = {
    "vae_mnist": {"latent_means": "cmap=\"tab10\"", "latent_map": "over the quantiles"},
    "eight_schools": {"funnel": "axes[1], trace, theta", "tau": "label=\"integrated\""},
    "flow_2d": {"learning": "len(pictures)", "layers": "cmap=\"hsv\""},
}


def main() -> None:
    """Write the pictures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for stem, wanted in WANTED.items():
        text = (ROOT / "notebooks" / f"{stem}.ipynb").read_text(encoding="utf-8")
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        for name, words in wanted.items():
            (cell,) = (cell for cell in cells if words in "".join(cell["source"]))
            (png,) = (
                output["data"]["image/png"]
                for output in cell["outputs"]
                if "image/png" in output.get("data", {})
            )
            data = png if isinstance(png, str) else "".join(png)
            (FOLDER / f"{stem}_{name}.png").write_bytes(base64.b64decode(data))


if __name__ == "__main__":
    main()
