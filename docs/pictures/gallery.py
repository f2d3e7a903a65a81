"""Shrinks pictures that the examples have left, for :doc:`/gallery`.

Run ``python docs/pictures/gallery.py results docs/_static/images/gallery`` after some examples,
each with its defaults; those that have left nothing keep the picture they have.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image

# Of each script, which of its pictures is shown.
PICTURES = {
    "bernoulli_latent_vae": "sample.png",
    "bnn_sgmcmc": "rmse.png",
    "bnn_vi": "predictions.png",
    "eight_schools": "funnel.png",
    "gaussian": "density.png",
    "iwae": "sample.png",
    "lntm_mcem": "topics.png",
    "logistic_regression": "weights.png",
    "maf_mnist": "sample.png",
    "mixture_sgnht": "density.png",
    "nice_mnist": "sample.png",
    "pmf_hmc": "pmf.png",
    "realnvp_2d": "densities.png",
    "sbn_adaptive_is": "bound.png",
    "sbn_vimco": "sample.png",
    "svgp": "toy.png",
    "toy2d_intractable": "fit.png",
    "vae_analytic_kl": "lab.png",
    "vae_conv": "sample.png",
    "vae_evaluation": "evaluation.png",
    "vae_functional": "reconstruction.png",
    "vae_mnist": "sample.png",
    "vae_nf": "sample-planar.png",
    "vae_softplus": "reconstruction.png",
    "vae_ssl": "analogies.png",
    "vae_ssl_adaptive_is": "accuracy.png",
    "vae_tanh_binarized": "generated.png",
    "variational_dropout": "noise.png",
}

LARGEST = 60_000  # bytes
WIDTHS = (1100, 960, 840, 720, 600)  # in pixels; a page shows 740 at most


def shrink(picture: Image.Image) -> bytes:
    """Return a PNG file of few colours, as wide as :data:`LARGEST` allows.

    :param picture: any picture; its background is taken for white.
    :raises ValueError: if it stays too large.
    """
    flat = Image.new("RGBA", picture.size, "white")
    flat.alpha_composite(picture.convert("RGBA"))
    for width in WIDTHS:
        small = flat
        if picture.width > width:
            height = round(picture.height * width / picture.width)
            small = flat.resize((width, height), Image.LANCZOS)
        file = io.BytesIO()
        small.convert("RGB").quantize(48, dither=Image.Dither.NONE).save(file, "png", optimize=True)
        if file.tell() <= LARGEST:
            return file.getvalue()
    raise ValueError(f"a picture of {picture.size} pixels is larger than {LARGEST} bytes")


def main(results: Path, gallery: Path) -> None:
    """Write the pictures of those examples that have results.

    :param results: folder with a folder for each script.
    :param gallery: where the pictures go.
    """
    gallery.mkdir(parents=True, exist_ok=True)
    for name, picture in PICTURES.items():
        if (results / name / picture).exists():
            with Image.open(results / name / picture) as found:
                (gallery / f"{name}.png").write_bytes(shrink(found))
            print(f"{name}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
