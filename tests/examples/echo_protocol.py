import asyncio


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


class Greeter(asyncio.Protocol):
    def __init__(self, greeting, answer):
        self.greeting, self.answer = greeting, answer
        self.received = b""

    def connection_made(self, transport):
        self.transport = transport
        transport.write(self.greeting)

    def data_received(self, data):
        self.received += data
        if len(self.received) == len(self.greeting):
            self.transport.close()

    def connection_lost(self, error):
        self.answer.set_result(self.received)


async def greet(server):
    loop = asyncio.get_running_loop()
    answer = loop.create_future()
    await loop.create_connection(lambda: Greeter(b"Hello!", answer), *server.sockets[0].getsockname())
    print("echo:", (await answer).decode())


async def serve_and_greet():
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    async with server:
        await greet(server)


asyncio.run(serve_and_greet())
