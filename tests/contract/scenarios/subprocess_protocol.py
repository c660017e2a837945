import asyncio


class Child(asyncio.SubprocessProtocol):
    def __init__(self, ended):
        self.ended, self.calls, self.data = ended, [], {1: b"", 2: b""}

    def connection_made(self, transport):
        self.calls.append("connection_made")

    def pipe_data_received(self, fd, data):
        self.data[fd] += data

    def pipe_connection_lost(self, fd, error):
        self.calls.append(f"pipe_connection_lost {fd} {error}")

    def process_exited(self):
        self.calls.append("process_exited")

    def connection_lost(self, error):
        self.calls.append(f"connection_lost {error}")
        self.ended.set_result(None)


async def main():
    loop = asyncio.get_running_loop()
    for command, words in (("echo out; echo err >&2; cat; exit 3", b"input\n"), ("kill -9 $$", b"")):
        child = Child(loop.create_future())
        transport, _ = await loop.subprocess_exec(lambda: child, "/bin/sh", "-c", command)
        transport.get_pipe_transport(0).write(words)
        transport.get_pipe_transport(0).close()
        await child.ended
        print("first", child.calls[0])
        for call in sorted(child.calls[1:-1]):
            print("then", call)
        print("last", child.calls[-1])
        print(child.data, transport.get_returncode())


asyncio.run(main())
