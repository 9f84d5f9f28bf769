"""Redraws a picture in a process of its own: WebP's decoder keeps all threads of the one that it is in waiting."""

import os
import subprocess
import sys
from typing import Final

from graph.pictures.errors import PictureUnusable
from graph.pictures.raster import NormalPicture, redraw
from graph.pictures.scanned import Scanned, broken

# Seconds. The largest take two; a request ends sooner than this.
_LONGEST: Final = 30.0
_MODULE: Final = "graph.pictures.apart"


def redraw_apart(scanned: Scanned) -> NormalPicture:
    """As `redraw`, of a WebP. Raises `PictureUnusable`, also when the process fails or takes too long."""
    # Without the current directory among the paths that modules come from.
    command = [sys.executable, "-P", "-m", _MODULE, str(scanned.depth), str(scanned.orientation)]
    try:
        done = subprocess.run(  # noqa: S603 - its own module, and numbers
            command, input=scanned.data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=_LONGEST, check=True
        )
    except subprocess.SubprocessError:
        jpeg = b""
    else:
        jpeg = done.stdout
    side, _, jpeg = jpeg.partition(b"\n")
    if not jpeg:
        raise broken()
    return NormalPicture(jpeg, int(side), int(side))


def _main() -> None:
    """From standard input to standard output: the side, a line, then the JPEG; nothing where the picture is broken."""
    if sys.platform == "linux":
        os.nice(10)
    depth, orientation = map(int, sys.argv[1:])
    data = sys.stdin.buffer.read()
    try:
        picture = redraw(Scanned("WEBP", data, 0, 0, depth, orientation, 0))
    except PictureUnusable:
        return
    sys.stdout.buffer.write(b"%d\n%b" % (picture.width, picture.jpeg))


if __name__ == "__main__":
    _main()
