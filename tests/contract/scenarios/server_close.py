import asyncio


class Served(asyncio.Protocol):
    count = 0

    def connection_made(self, transport):
        Served.count += 1
        self.number = Served.count
        print("made", self.number)

    def connection_lost(self, error):
        print("lost", self.number, error)


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Served, "127.0.0.1", 0, start_serving=False)
    print("serving", server.is_serving())
    await server.start_serving()
    print("serving", server.is_serving(), len(server.sockets))
    address = server.sockets[0].getsockname()
    clients = []
    for number in (1, 2):
        clients.append(await asyncio.open_connection(*address))
        while Served.count < number:
            await asyncio.sleep(0.001)

    async def closed():
        await server.wait_closed()
        print("wait_closed")

    waits = asyncio.create_task(closed())
    await asyncio.sleep(0)
    server.close()
    server.close()
    print("serving", server.is_serving(), len(server.sockets), waits.done())
    clients[0][1].close()
    await clients[0][1].wait_closed()
    await asyncio.sleep(0.01)
    print("one left", waits.done())
    server.close_clients()
    print("close_clients")
    await waits
    print("client reads", await clients[1][0].read())
    clients[1][1].close()
    await server.wait_closed()
    print("again")


asyncio.run(main())
