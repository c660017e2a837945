import asyncio


async def echo(reader, writer):
    async for line in reader:
        writer.write(line)
        await writer.drain()
    writer.close()


async def talk(server):
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    for word in ("one", "two", "three"):
        writer.write(f"{word}\n".encode())
        await writer.drain()
        print("echo:", (await reader.readline()).decode(), end="")
    writer.close()
    await writer.wait_closed()


async def serve_and_talk():
    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        await talk(server)


asyncio.run(serve_and_talk())
