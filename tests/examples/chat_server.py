import asyncio


class Room:
    def __init__(self):
        self.guests = set()
        self.first_came = asyncio.Event()

    async def welcome(self, reader, writer):
        name = (await reader.readline()).decode().strip()
        self.guests.add(writer)
        self.tell(f"* {name} came\n", None)
        self.first_came.set()
        async for line in reader:
            self.tell(f"{name}: {line.decode()}", writer)
        self.guests.remove(writer)
        self.tell(f"* {name} left\n", None)
        writer.close()

    def tell(self, what, speaker):
        for guest in self.guests - {speaker}:
            guest.write(what.encode())


async def guest(address, name, answers):
    reader, writer = await asyncio.open_connection(*address)
    writer.write(f"{name}\n".encode())
    heard = ""
    async for line in reader:
        heard += f"{name} hears {line.decode()}"
        answer = answers.get(line.decode())
        if answer is None:
            continue
        writer.write(answer.encode()) if answer else writer.write_eof()
    writer.close()
    return heard


async def meet(room, server):
    address = server.sockets[0].getsockname()
    async with asyncio.TaskGroup() as group:
        ann = group.create_task(guest(address, "Ann", {"* Bob came\n": "Hello\n", "Bob: Hello, Ann\n": ""}))
        await room.first_came.wait()
        bob = group.create_task(guest(address, "Bob", {"Ann: Hello\n": "Hello, Ann\n", "* Ann left\n": ""}))
    print(ann.result() + bob.result(), end="")


async def party():
    room = Room()
    async with await asyncio.start_server(room.welcome, "127.0.0.1", 0) as server:
        await meet(room, server)


asyncio.run(party())
