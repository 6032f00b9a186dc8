# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A TCP relay that can be cut: what dies, as far as the gateway can tell, is the model server behind it."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import Self

_RESET = struct.pack("ii", 1, 0)


class Relay:
    """Passes bytes between a fixed loopback address and a server; `cut` resets everything, `mend` listens."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        # Bound and never listening: it keeps the port while the relay is cut, so nobody else is given it.
        self._place = _bound(0)
        self._port = int(self._place.getsockname()[1])
        self._listener = _listen(self._port)
        self.address = f"127.0.0.1:{self._port}"
        self._serve()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._place.close()

    def cut(self) -> None:
        """Stop listening and reset every connection."""
        self._listener.close()
        with self._lock:
            gone, self._open = self._open, []
        for each in gone:
            with contextlib.suppress(OSError):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def mend(self) -> None:
        """Listen again, at the same address, if it does not."""
        if self._listener.fileno() != -1:
            return
        self._listener = _listen(self._port)
        self._serve()

    def _serve(self) -> None:
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        listener.settimeout(0.1)
        while True:
            try:
                near, _ = listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            far = socket.create_connection(self._target)
            with self._lock:
                self._open += [near, far]
            for source, sink in ((near, far), (far, near)):
                source.settimeout(None)
                threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


def _bound(port: int) -> socket.socket:
    place = socket.socket()
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    place.bind(("127.0.0.1", port))
    return place


def _listen(port: int) -> socket.socket:
    listener = _bound(port)
    listener.listen()
    return listener


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    for each in (source, sink):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
