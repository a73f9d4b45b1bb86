"""Speaks TLS in front of PostgreSQL, as RDS does: the server of this checkout was built without it."""

import asyncio
import ssl
import threading
from pathlib import Path

# What a client sends before anything else: a length of 8 and the number of its wish.
REQUEST_LENGTH = 8
SSL_REQUEST = bytes.fromhex("0000000804d2162f")
GSS_REQUEST = bytes.fromhex("0000000804d21630")


class TlsProxy:
    """Passes on encrypted connections to 127.0.0.1 until the process ends, and refuses all others."""

    def __init__(self, certificates: Path, port: int, server_port: int):
        self.server_port = server_port
        self.passed_on = 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
        listening = threading.Event()
        threading.Thread(target=asyncio.run, args=[self.serve(port, listening)], daemon=True).start()
        listening.wait()

    async def serve(self, port, listening):
        server = await asyncio.start_server(self.connected, "127.0.0.1", port)
        listening.set()
        await server.serve_forever()

    async def connected(self, reader, writer):
        try:
            request = await reader.readexactly(REQUEST_LENGTH)
            if request == GSS_REQUEST:
                writer.write(b"N")
                request = await reader.readexactly(REQUEST_LENGTH)
            if request != SSL_REQUEST:
                return
            writer.write(b"S")
            await writer.start_tls(self.context)
            self.passed_on += 1
            to_client, from_client = writer, reader
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self.server_port)
            await asyncio.gather(pass_on(from_client, to_server), pass_on(from_server, to_client))
        except (OSError, asyncio.IncompleteReadError):
            # The client sees the same; it says why it gave up.
            pass
        finally:
            writer.close()


async def pass_on(reader, writer):
    try:
        while content := await reader.read(65536):
            writer.write(content)
            await writer.drain()
    finally:
        writer.close()
