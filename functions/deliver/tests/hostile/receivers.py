"""Receivers at the level of bytes."""

import contextlib
import socket
import ssl
import threading

IPV6_FREEBIND = 78
OK = b"HTTP/1.1 204 No Content\r\n\r\n"


class Receiver:
    """Listens, keeps each request byte for byte, and lets `behavior(socket)` do the rest of each connection."""

    def __init__(self, behavior=None, address="127.0.0.1", port=0, certificate=None, reads=True, buffer=None):
        self.requests = []
        self.connections = 0
        self.behavior = behavior or answering(OK)
        self.reads = reads
        self.context = server_context(certificate) if certificate else None
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            # In the namespace every address is of this machine, but only IPv4 may be bound without saying so.
            self.listener.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
        if buffer:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.listener.bind((address, port))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        self.stopped = threading.Event()
        threading.Thread(target=self.serve, daemon=True).start()

    def url(self, scheme="http", host="127.0.0.1", path="/hook?token=token-of-the-url"):
        return f"{scheme}://{host}:{self.port}{path}"

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.handle, args=(connection,), daemon=True).start()

    def handle(self, connection):
        # The peer may end the connection at any time.
        with contextlib.suppress(OSError), connection:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            if self.reads:
                self.requests.append(read_request(connection))
            self.behavior(Connection(connection, self.stopped))

    def stop(self):
        self.stopped.set()
        # Wakes the thread that accepts.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Connection:
    """A connection whose request was read."""

    def __init__(self, socket, stopped):
        self.socket = socket
        self.stopped = stopped
        self.send = socket.sendall

    def wait(self, seconds=None):
        """Waits until the test ends, at most this long; the pace of a slow receiver. Returns true at the end."""
        return self.stopped.wait(seconds)

    def repeat(self, data, every=0.0):
        """Sends this until the peer has enough of it."""
        while not self.stopped.is_set():
            self.send(data)
            if every and self.wait(every):
                return

    def reset(self):
        """Breaks the connection with RST."""
        linger_of_no_time = b"\1\0\0\0\0\0\0\0"
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_of_no_time)
        self.socket.close()


def answering(answer):
    def behavior(connection):
        connection.send(answer)

    return behavior


def read_request(connection):
    """Returns the bytes of one request, whose end `content-length` tells."""
    data = b""
    while b"\r\n\r\n" not in data:
        read = connection.recv(65536)
        if not read:
            return data
        data += read
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    length = int(lengths[0].partition(b":")[2]) if lengths else 0
    while len(body) < length:
        read = connection.recv(65536)
        if not read:
            break
        data += read
        body += read
    return data


def head(request):
    """The lines of a request's head, the first and those of its headers in lower case names."""
    first, *lines = request.partition(b"\r\n\r\n")[0].split(b"\r\n")
    return first, [(name.lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines)]


def server_context(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context
