"""HTTP/1.1 over asyncio, as much as a simulated server needs: keep-alive, delays, and ports that really go down.

As Node does, an idle connection is closed after five seconds. All calls belong into the running loop.
"""

import asyncio
import socket
import struct
from collections.abc import Callable

from demo.simulator import wire
from demo.simulator.messages import NEVER, Answer, Request

IDLE_SECONDS = 5.0
BACKLOG = 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Port:
    """A port of this machine: refuses until `listen`, and again after `go_down`, always under the same number."""

    def __init__(self, host: str, number: int, answer: Callable[[Request], Answer]) -> None:
        self._claim = _bound(host, number)  # never listens: it keeps the number ours while the port is down
        self.host, self.number = self._claim.getsockname()[:2]
        self.answer = answer
        self.connections: set[_Connection] = set()
        self._listener: socket.socket | None = None
        self._joining: set[asyncio.Task] = set()  # asyncio keeps no strong reference to a task

    def listen(self) -> None:
        if self._listener is None:
            self._listener = _bound(self.host, self.number)
            self._listener.listen(BACKLOG)
            asyncio.get_running_loop().add_reader(self._listener, self._accept)

    def go_down(self) -> None:
        """Refuse from now on, and reset what is connected."""
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None
        for connection in list(self.connections):
            connection.reset()

    def close(self) -> None:
        self.go_down()
        self._claim.close()

    def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            for _ in range(BACKLOG):
                accepted, _peer = self._listener.accept()
                accepted.setblocking(False)
                task = loop.create_task(loop.connect_accepted_socket(lambda: _Connection(self), accepted))
                self._joining.add(task)
                task.add_done_callback(self._joining.discard)
        except BlockingIOError:
            return

    @property
    def is_down(self) -> bool:
        return self._listener is None


class _Connection(asyncio.Protocol):
    def __init__(self, port: Port) -> None:
        self.port = port
        self.received = bytearray()
        self.is_answering = False
        self.timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.port.connections.add(self)
        self._rest()
        if self.port.is_down:  # accepted in the moment in which it went down
            self.reset()

    def connection_lost(self, error: Exception | None) -> None:
        self.port.connections.discard(self)
        self._stop_timer()

    def data_received(self, data: bytes) -> None:
        self.received += data
        if not self.is_answering:
            self._answer_next()

    def reset(self) -> None:
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.transport.abort()

    def _answer_next(self) -> None:
        try:
            parsed = wire.parse(self.received)
        except ValueError:
            self._send(None, Answer(400))
            return
        if parsed is None:
            return
        request, size = parsed
        del self.received[:size]
        self._stop_timer()
        self.is_answering = True
        answer = self.port.answer(request)
        if not answer.after_seconds:
            self._send(request, answer)
        elif answer.after_seconds != NEVER:
            self.timer = asyncio.get_running_loop().call_later(answer.after_seconds, self._send, request, answer)

    def _send(self, request: Request | None, answer: Answer) -> None:
        stays = request is not None and request.keeps_alive
        self.transport.write(wire.written(answer, stays=stays))
        self.is_answering = False
        if not stays:
            self.transport.close()
            return
        self._rest()
        if self.received:
            self._answer_next()

    def _rest(self) -> None:
        self._stop_timer()
        self.timer = asyncio.get_running_loop().call_later(IDLE_SECONDS, self.transport.close)

    def _stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


def _bound(host: str, number: int) -> socket.socket:
    """Return a bound socket. SO_REUSEADDR lets a claim and its listener hold one number."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setblocking(False)
    try:
        bound.bind((host, number))
    except OSError:
        bound.close()
        raise
    return bound
