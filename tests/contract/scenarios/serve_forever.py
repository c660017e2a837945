import asyncio


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0, start_serving=False)
    forever = asyncio.create_task(server.serve_forever())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    print("serving", server.is_serving())
    try:
        await server.serve_forever()
    except RuntimeError as error:
        print("RuntimeError:", str(error).endswith("is already being awaited on serve_forever()"))
    forever.cancel()
    try:
        await forever
    except asyncio.CancelledError:
        print("cancelled")
    print("serving", server.is_serving(), len(server.sockets))
    try:
        await server.serve_forever()
    except RuntimeError as error:
        print("RuntimeError:", str(error).endswith("is closed"))


asyncio.run(main())
