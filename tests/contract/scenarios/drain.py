import asyncio
import socket


async def main():
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    reader, writer = await asyncio.open_connection(sock=ours)

    async def drain(name):
        try:
            await writer.drain()
            print(name, "drained")
        except ConnectionResetError as error:
            print(name, "ConnectionResetError:", error)

    await drain("at once")
    writer.write(bytes(2_000_000))
    tasks = [asyncio.create_task(drain(name)) for name in ("first", "second")]
    await asyncio.sleep(0)
    print("waiting", [task.done() for task in tasks])
    received = 0
    while received < 2_000_000:
        received += len(await loop.sock_recv(theirs, 65536))
    await asyncio.gather(*tasks)
    writer.write(bytes(2_000_000))
    waits = asyncio.create_task(drain("cut off"))
    await asyncio.sleep(0)
    writer.transport.abort()
    await waits
    await drain("afterwards")
    await writer.wait_closed()
    print("closed", await reader.read())
    theirs.close()


asyncio.run(main())
