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


class Counts(Listener):
    """In front of a real server without TLS: counts the messages that wait for an answer, after login."""

    # Query, Sync, Flush, FunctionCall: each is answered before the client goes on.
    ROUND_TRIPS = b"QSHF"

    def __init__(self, port):
        self.upstream = port
        self.messages = []
        super().__init__()

    def answer(self, client):
        server = socket.create_connection(("127.0.0.1", self.upstream))
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ready = threading.Event()
        back = threading.Thread(target=self._back, args=(server, client, ready), daemon=True)
        back.start()
        buffer, started = b"", False
        while data := self._read(client):
            buffer += data
            while not started and len(buffer) >= 4 and len(buffer) >= (size := struct.unpack("!i", buffer[:4])[0]):
                buffer, started = buffer[size:], True
            while started and len(buffer) >= 5:
                size = 1 + struct.unpack("!i", buffer[1:5])[0]
                if len(buffer) < size:
                    break
                if ready.is_set():
                    self.messages.append(buffer[:1])
                buffer = buffer[size:]
            server.sendall(data)
        server.close()
        client.close()

    def _back(self, server, client, ready):
        buffer = b""
        while data := self._read(server):
            buffer += data
            while len(buffer) >= 5 and len(buffer) >= (size := 1 + struct.unpack("!i", buffer[1:5])[0]):
                if buffer[:1] == b"Z":
                    ready.set()
                buffer = buffer[size:]
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

    def round_trips(self):
        return sum(1 for kind in self.messages if kind in self.ROUND_TRIPS)


class CountsMysql(Listener):
    """In front of a MariaDB or MySQL without TLS: notes the messages after login, each of which waits for an answer."""

    QUIT = 1

    def __init__(self, port):
        self.upstream = port
        self.messages = []
        super().__init__()

    def answer(self, client):
        server = socket.create_connection(("127.0.0.1", self.upstream))
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=self._back, args=(server, client), daemon=True).start()
        buffer = b""
        while data := Counts._read(client):
            buffer += data
            while len(buffer) >= 4 and len(buffer) >= (size := 4 + int.from_bytes(buffer[:3], "little")):
                # A command begins anew at packet 0; the client's packets of the login have higher numbers.
                if buffer[3] == 0 and buffer[4] != self.QUIT:
                    self.messages.append(buffer[5:size].decode(errors="replace"))
                buffer = buffer[size:]
            server.sendall(data)
        server.close()
        client.close()

    @staticmethod
    def _back(server, client):
        while data := Counts._read(server):
            try:
                client.sendall(data)
            except OSError:
                return

    def round_trips(self):
        return len(self.messages)
