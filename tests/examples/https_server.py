import asyncio
import ssl
import sys


async def respond(reader, writer):
    request = await reader.readuntil(b"\r\n\r\n")
    body = f"You asked for {request.split()[1].decode()}\n"
    writer.write(f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    await writer.drain()
    writer.close()


async def ask(trusted, server):
    url = f"https://localhost:{server.sockets[0].getsockname()[1]}/news"
    curl = await asyncio.create_subprocess_exec(
        "curl", "--silent", "--ipv4", "--cacert", trusted, url, stdout=asyncio.subprocess.PIPE)
    output, _ = await curl.communicate()
    print(output.decode(), end="")
    print("curl ended with", curl.returncode)


async def serve(certificate):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    async with await asyncio.start_server(respond, "127.0.0.1", 0, ssl=context) as server:
        await ask(certificate, server)


asyncio.run(serve(sys.argv[1]))
