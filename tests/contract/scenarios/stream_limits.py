import asyncio


async def read(name, reading):
    try:
        print(name, await reading)
    except asyncio.IncompleteReadError as error:
        print(name, "IncompleteReadError:", error, error.partial)
    except asyncio.LimitOverrunError as error:
        print(name, "LimitOverrunError:", error, error.consumed)
    except ValueError as error:
        print(name, "ValueError:", error)


async def main():
    reader = asyncio.StreamReader(limit=8)
    reader.feed_data(b"0123456789\nab\n")
    await read("found beyond the limit", reader.readuntil(b"\n"))
    await read("line beyond the limit", reader.readline())
    await read("the next line", reader.readline())
    reader.feed_data(b"0123456789")
    await read("not found", reader.readuntil(b"\n"))
    await read("line without end", reader.readline())
    reader.feed_data(b"xy")
    reader.feed_eof()
    await read("rest of a line", reader.readline())
    await read("nothing more", reader.readuntil(b"\n"))


asyncio.run(main())
