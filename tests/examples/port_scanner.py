import asyncio

PATIENCE = 2


async def probe(address, few):
    async with few:
        try:
            reader, writer = await asyncio.wait_for(asyncio.open_connection(*address), PATIENCE)
            writer.close()
            return "open"
        except TimeoutError:
            return "silent"
        except OSError:
            return "closed"


async def scan(addresses):
    few = asyncio.Semaphore(3)
    for state in await asyncio.gather(*(probe(address, few) for address in addresses)):
        print(state)


async def serve_and_scan():
    loop = asyncio.get_running_loop()
    servers, addresses = [], []
    for i in range(6):
        servers.append(await loop.create_server(asyncio.Protocol, "127.0.0.1", 0))
        addresses.append(servers[-1].sockets[0].getsockname())
        if i % 3 == 1:
            servers[-1].close()
    await scan(addresses)


asyncio.run(serve_and_scan())
