import asyncio


async def read(name, reading):
    try:
        print(name, await reading)
    except asyncio.IncompleteReadError as error:
        print(name, "IncompleteReadError:", error, error.partial)
    except asyncio.LimitOverrunError as error:
        print(name, "LimitOverrunError:", error, error.consumed)
    except (ValueError, RuntimeError) as error:
        print(name, f"{type(error).__name__}:", error)


async def main():
    reader = asyncio.StreamReader()
    reader.feed_data(b"one\ntwo;three")
    await read("readline", reader.readline())
    await read("readuntil", reader.readuntil(b";"))
    await read("read 2", reader.read(2))
    await read("read 0", reader.read(0))
    await read("readexactly 0", reader.readexactly(0))
    await read("readexactly -1", reader.readexactly(-1))
    await read("readuntil empty", reader.readuntil(b""))
    task = asyncio.create_task(read("readexactly 8", reader.readexactly(8)))
    await asyncio.sleep(0)
    await read("second reader", reader.readexactly(8))
    reader.feed_eof()
    await task
    await read("read at the end", reader.read())
    await read("readline at the end", reader.readline())
    await read("readexactly at the end", reader.readexactly(1))
    print("at_eof", reader.at_eof())


asyncio.run(main())
