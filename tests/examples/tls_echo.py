import asyncio
import socket
import ssl
import sys


async def echo(reader, writer):
    async for line in reader:
        writer.write(line)
        await writer.drain()
    writer.close()


async def talk(trusted, server):
    context = ssl.create_default_context(cafile=trusted)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("localhost", port, ssl=context)
    writer.write(b"a secret\n")
    print("echo:", (await reader.readline()).decode(), end="")
    writer.close()
    await writer.wait_closed()


async def serve_and_talk(certificate):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    server = await asyncio.start_server(echo, "localhost", 0, family=socket.AF_INET, ssl=context)
    async with server:
        await talk(certificate, server)


asyncio.run(serve_and_talk(sys.argv[1]))
