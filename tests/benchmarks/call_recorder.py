"""A server process that records on request which functions of `graph` and `models` its event loop's thread calls.

    python -m tests.benchmarks.call_recorder DESCRIPTOR serve --port 8000

DESCRIPTOR is a socket of who started it. A byte `1` there starts a recording and is answered with one byte; a `0` ends
it and is answered with a line of JSON: `[[file, function, first], ...]` in the order of the calls, where `first` is
false when a coroutine or generator is resumed. The rest is wxgate's own command line.
"""

import dis
import functools
import json
import socket
import sys
import threading
from pathlib import Path
from types import CodeType, FrameType
from typing import Final

import graph
import models
from graph.cli import main

_ROOT: Final = Path(graph.__file__).parent.parent
_PACKAGES: Final = tuple(f"{Path(str(package.__file__)).parent}/" for package in (graph, models))
_RESUME: Final = dis.opmap["RESUME"]


class CallRecorder:
    """The profile function of one thread."""

    def __init__(self) -> None:
        self._recording = False
        self._entries: list[tuple[str, str, bool]] = []

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        if self._recording and event == "call" and _is_counted(frame.f_code):
            code = frame.f_code
            file = str(Path(code.co_filename).relative_to(_ROOT))
            self._entries.append((file, code.co_qualname, _is_first(code, frame.f_lasti)))

    def start(self) -> None:
        self._entries, self._recording = [], True

    def stop(self) -> list[tuple[str, str, bool]]:
        self._recording = False
        return self._entries


@functools.cache
def _is_counted(code: CodeType) -> bool:
    # Newer Pythons have no frames for comprehensions.
    return code.co_filename.startswith(_PACKAGES) and (code.co_name == "<lambda>" or code.co_name[0] != "<")


@functools.cache
def _is_first(code: CodeType, instruction: int) -> bool:
    # A frame that is entered for the first time stands at a RESUME of operand 0; after a yield or await it is another.
    return code.co_code[instruction] == _RESUME and code.co_code[instruction + 1] & 3 == 0


def _obey(control: socket.socket, recorder: CallRecorder) -> None:
    while command := control.recv(1):
        if command == b"1":
            recorder.start()
            control.sendall(b"1")
        else:
            control.sendall(json.dumps(recorder.stop()).encode() + b"\n")


if __name__ == "__main__":
    _recorder = CallRecorder()
    _control = socket.socket(fileno=int(sys.argv[1]))
    threading.Thread(target=_obey, args=(_control, _recorder), daemon=True).start()
    sys.setprofile(_recorder)
    main(sys.argv[2:])
