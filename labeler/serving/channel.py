"""Messages between the service and its workers: JSON, and open files along with it.

A file goes to the other process as a descriptor (``SCM_RIGHTS``), so that what has no name on disk
never gets one, and large content is not copied.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

__all__ = ["Channel", "ClosedError"]

_COUNT: Final = struct.Struct(">I")
_LONGEST: Final = 16 << 20
_FILES: Final = 2


class ClosedError(Exception):
    """The other side is gone, or says what cannot be understood."""


def _checked(count: int) -> int:
    if count > _LONGEST:
        raise ClosedError("the message is too long")
    return count


def _parse(text: bytes) -> dict[str, Any]:
    members = json.loads(text)
    if not isinstance(members, dict):
        raise ClosedError("the message is no JSON object")
    return members


class Channel:
    """One end of a connection.

    Args:
        connection: A connected Unix socket.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._sending = threading.Lock()

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._socket.fileno()

    def send(self, members: Mapping[str, object], files: Sequence[int] = ()) -> None:
        """Send a message.

        Args:
            members: JSON values.
            files: Descriptors of open files, which stay open here.

        Raises:
            ClosedError: The other side is gone.
            TimeoutError: It does not listen.
        """
        text = json.dumps(members, allow_nan=False).encode()
        try:
            with self._sending:
                socket.send_fds(self._socket, [_COUNT.pack(len(text))], list(files))
                self._socket.sendall(text)
        except TimeoutError:
            raise
        except OSError as error:
            raise ClosedError(str(error)) from None

    def receive(self, *, seconds: float | None = None) -> tuple[Mapping[str, Any], list[int]]:
        """The next message and its files, which are the caller's to close.

        Args:
            seconds: How long to wait for it; None: for ever.

        Raises:
            ClosedError: There is none any more, or it cannot be understood.
            TimeoutError: There is none yet.
        """
        files: list[int] = []
        try:
            self._socket.settimeout(seconds)
            head, files, _, _ = socket.recv_fds(self._socket, _COUNT.size, _FILES)
            for each in files:
                os.set_inheritable(each, False)
            (count,) = _COUNT.unpack(head + self._whole(_COUNT.size - len(head), is_first=not head))
            members = _parse(self._whole(_checked(count)))
        except BaseException as error:
            for each in files:
                os.close(each)
            if isinstance(error, TimeoutError) or not isinstance(error, OSError | ValueError):
                raise
            raise ClosedError(str(error)) from None
        return members, files

    def close(self) -> None:
        """Close this end."""
        with suppress(OSError):
            self._socket.close()

    def _whole(self, count: int, *, is_first: bool = False) -> bytes:
        if is_first:
            raise ClosedError("the other side is gone")
        pieces = bytearray()
        while len(pieces) < count:
            piece = self._socket.recv(min(1 << 20, count - len(pieces)))
            if not piece:
                raise ClosedError("the other side is gone")
            pieces += piece
        return bytes(pieces)
