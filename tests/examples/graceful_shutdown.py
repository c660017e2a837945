import asyncio
import signal


async def answer(reader, writer):
    request = await reader.readline()
    await asyncio.sleep(int(request) / 1000)
    writer.write(b"done\n")
    writer.close()


async def serve_until(stop, server):
    await stop.wait()
    server.close()
    print("no new clients")
    try:
        await asyncio.wait_for(server.wait_closed(), 0.5)
    except TimeoutError:
        print("cut off")
        server.abort_clients()


async def client(address, milliseconds):
    reader, writer = await asyncio.open_connection(*address)
    writer.write(f"{milliseconds}\n".encode())
    reply = await reader.readline()
    print(milliseconds, "ms:", reply.decode().strip() or "no answer")
    writer.close()


async def serve():
    stop = asyncio.Event()
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    async with asyncio.TaskGroup() as group:
        group.create_task(client(address, 150))
        group.create_task(client(address, 60_000))
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        loop.call_later(0.1, signal.raise_signal, signal.SIGTERM)
        await serve_until(stop, server)


asyncio.run(serve())
