import asyncio


class Side(asyncio.Protocol):
    def __init__(self, name, ended, keeps_open):
        self.name, self.ended, self.keeps_open = name, ended, keeps_open

    def connection_made(self, transport):
        self.transport = transport
        print(self.name, "connection_made")

    def data_received(self, data):
        print(self.name, "data_received", data)

    def eof_received(self):
        print(self.name, "eof_received")
        if self.keeps_open:
            self.transport.write(b"after the end")
            self.transport.close()
        return self.keeps_open

    def connection_lost(self, error):
        print(self.name, "connection_lost", error)
        self.ended.set_result(None)


async def main():
    loop = asyncio.get_running_loop()
    for keeps_open in (True, False):
        server_ended, client_ended = loop.create_future(), loop.create_future()
        server = await loop.create_server(lambda: Side("server", server_ended, keeps_open), "127.0.0.1", 0)
        transport, _ = await loop.create_connection(
            lambda: Side("client", client_ended, False), *server.sockets[0].getsockname())
        await asyncio.sleep(0.01)
        print("can_write_eof", transport.can_write_eof())
        transport.write(b"last words")
        transport.write_eof()
        try:
            transport.write(b"more")
        except RuntimeError as error:
            print("RuntimeError:", error)
        await asyncio.gather(server_ended, client_ended)
        server.close()


asyncio.run(main())
