"""Pictures that users upload: what is made of their bytes, and where they are kept.

`normalizer` redraws them by Pillow, an extra, and `store` keeps them; until `load_normalizer` and `open_store` neither
Pillow nor a client of S3 is imported.
"""

import importlib
from typing import TYPE_CHECKING, cast

from graph.pictures.errors import ExtraMissing

# For the checkers of types and floors: at run time the extra may be missing.
if TYPE_CHECKING:
    from graph.pictures.normalizer import Normalizer


def load_normalizer() -> "Normalizer":
    """What redraws pictures, not yet open.

    Raises `ExtraMissing` without the packages that read pictures, and the forms in which they come.
    """
    try:
        importlib.import_module("python_multipart")
        normalizer = importlib.import_module("graph.pictures.normalizer")
    except ImportError:
        extra = "avatars"
        raise ExtraMissing(extra) from None
    return cast("Normalizer", normalizer.Normalizer())
