"""A server that answers like an Aurora that is waking up, and then accepts every connection."""

import socket
import struct
from contextlib import contextmanager
from threading import Thread

AUTHENTICATION_OK = 0
CLEARTEXT_PASSWORD = 3


def message(kind, body):
    """Returns one message of the protocol. Its length counts itself."""
    return kind + struct.pack("!i", len(body) + 4) + body


def refusal(code, text):
    """Returns an answer that ends the connection with FATAL."""
    fields = {b"S": "FATAL", b"V": "FATAL", b"C": code, b"M": text}
    return message(b"E", b"".join(key + value.encode() + b"\0" for key, value in fields.items()) + b"\0")


def refuse(code, text):
    """Reads the start of a connection and refuses it."""

    def answer(connection):
        receive_startup(connection)
        connection.sendall(refusal(code, text))

    return answer


def close(connection):
    """Ends the connection without an answer, after the first message of the client."""
    receive_startup(connection)


def reset(connection):
    """Resets the connection."""
    receive_startup(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def receive_startup(connection):
    """Reads the first message of the client, which has no type."""
    (length,) = struct.unpack("!i", receive(connection, 4))
    return receive(connection, length - 4)


def receive(connection, length):
    """Returns exactly this number of bytes, or none if the client has closed the connection."""
    data = b""
    while len(data) < length and (piece := connection.recv(length - len(data))):
        data += piece
    return data


class FakePostgresql:
    """Gives each connection the next of `answers`. After the last one it asks for the password and accepts the
    connection.
    """

    def __init__(self, *answers):
        self.answers = list(answers)
        self.connections = 0
        self.passwords = []
        self.open = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            if self.answers:
                with connection:
                    self.answers.pop(0)(connection)
            else:
                self.open.append(connection)
                self.let_in(connection)

    def let_in(self, connection):
        receive_startup(connection)
        # As for IAM: the token is a password that the server has to read.
        connection.sendall(message(b"R", struct.pack("!i", CLEARTEXT_PASSWORD)))
        (length,) = struct.unpack("!i", receive(connection, 5)[1:])
        self.passwords.append(receive(connection, length - 4).rstrip(b"\0").decode())
        # psycopg2 asks for a date style that it does not know.
        parameters = {"server_version": "18.3", "client_encoding": "UTF8", "TimeZone": "UTC", "DateStyle": "ISO, MDY"}
        connection.sendall(
            message(b"R", struct.pack("!i", AUTHENTICATION_OK))
            + b"".join(message(b"S", f"{name}\0{value}\0".encode()) for name, value in parameters.items())
            + message(b"Z", b"I")
        )


@contextmanager
def fake_postgresql(*answers):
    """Runs a server on a free port until the block ends."""
    server = FakePostgresql(*answers)
    thread = Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.listener.shutdown(socket.SHUT_RDWR)
        server.listener.close()
        thread.join(5)
        for connection in server.open:
            connection.close()
