"""Small servers on loopback: two that count what a client asks of PostgreSQL or MariaDB, and two that are never ready."""

import socket
import struct
import threading
import time


class Listener:
    """Answers each connection in a thread of its own; `accepted` holds the times."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.accepted = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            self.accepted.append(time.monotonic())
            threading.Thread(target=self.answer, args=(client,), daemon=True).start()

    def busiest_second(self):
        """The most connections within any one second."""
        times = self.accepted
        return max((sum(1 for t in times if begin <= t < begin + 1) for begin in times), default=0)


class Closes(Listener):
    """A proxy with nothing behind it."""

    def answer(self, client):
        client.close()


class StartsUp(Listener):
    """A server in recovery: 57P03 to everybody."""

    def answer(self, client):
        with client:
            client.recv(4096)
            fields = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"
            client.sendall(b"E" + struct.pack("!i", 4 + len(fields)) + fields)


class Proxy(Listener):
    """In front of a real server without TLS: keeps what `take` finds in the client's bytes."""

    def __init__(self, port):
        self.upstream = port
        self.messages = []
        super().__init__()

    def answer(self, client):
        server = socket.create_connection(("127.0.0.1", self.upstream))
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=self._back, args=(server, client), daemon=True).start()
        buffer, begun = b"", False
        while data := self._read(client):
            buffer += data
            while size := self.take(buffer, begun):
                buffer, begun = buffer[size:], True
            server.sendall(data)
        server.close()
        client.close()

    @classmethod
    def _back(cls, server, client):
        while data := cls._read(server):
            try:
                client.sendall(data)
            except OSError:
                return

    @staticmethod
    def _read(end):
        try:
            return end.recv(65536)
        except OSError:
            return b""


class Counts(Proxy):
    """Of PostgreSQL: notes type and body of the messages that are not the login's, wherever in the session they are sent."""

    # Query, Sync, Flush, FunctionCall: each is answered before the client goes on.
    ROUND_TRIPS = b"QSHF"
    PASSWORD = b"p"

    def take(self, buffer, begun):
        """The size of the first message, or 0 if it is not complete. The startup message alone has no type."""
        typed = 1 if begun else 0
        if len(buffer) < typed + 4 or len(buffer) < (size := typed + struct.unpack_from("!i", buffer, typed)[0]):
            return 0
        if begun and buffer[:1] != self.PASSWORD:
            self.messages.append((buffer[:1], buffer[5:size]))
        return size

    def round_trips(self):
        return sum(1 for kind, _ in self.messages if kind in self.ROUND_TRIPS)

    def queries(self):
        """The texts of the simple queries."""
        return [body.rstrip(b"\0").decode() for kind, body in self.messages if kind == b"Q"]

    def only_queries(self):
        """Whether another client can repeat all of it by sending the same texts."""
        return all(kind in b"QX" for kind, _ in self.messages)


class CountsMysql(Proxy):
    """Of MariaDB or MySQL: notes the messages after login, each of which waits for an answer."""

    QUIT = 1

    def take(self, buffer, _begun):
        """The size of the first packet, or 0 if it is not complete."""
        if len(buffer) < 4 or len(buffer) < (size := 4 + int.from_bytes(buffer[:3], "little")):
            return 0
        # A command begins anew at packet 0; the client's packets of the login have higher numbers.
        if buffer[3] == 0 and buffer[4] != self.QUIT:
            self.messages.append(buffer[5:size].decode(errors="replace"))
        return size

    def round_trips(self):
        return len(self.messages)
