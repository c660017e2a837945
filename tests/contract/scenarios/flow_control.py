import asyncio
import socket


class Writer(asyncio.Protocol):
    def pause_writing(self):
        print("pause_writing")

    def resume_writing(self):
        print("resume_writing")

    def connection_lost(self, error):
        print("connection_lost", error)


async def main():
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    transport, _ = await loop.create_connection(Writer, sock=ours)
    print("limits", transport.get_write_buffer_limits())
    transport.set_write_buffer_limits(high=100_000)
    print("limits", transport.get_write_buffer_limits())
    try:
        transport.set_write_buffer_limits(high=10, low=20)
    except ValueError as error:
        print("ValueError:", error)
    transport.write(bytes(2_000_000))
    print("written", transport.get_write_buffer_size() > 100_000)
    transport.write(bytes(100))
    print("written more")
    received = 0
    while received < 2_000_100:
        received += len(await loop.sock_recv(theirs, 65536))
    await asyncio.sleep(0)
    print("received", received, transport.get_write_buffer_size())
    transport.close()
    print("closing", transport.is_closing())
    transport.write(b"dropped")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    theirs.close()


asyncio.run(main())
