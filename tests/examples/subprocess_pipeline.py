import asyncio
from asyncio.subprocess import PIPE


async def number_lines(source, to):
    number = 0
    async for line in source:
        number += 1
        to.write(f"{number} ".encode() + line)
        await to.drain()
    to.close()


async def pipeline():
    words = await asyncio.create_subprocess_exec("printf", "one\\ntwo\\nthree\\n", stdout=PIPE)
    sort = await asyncio.create_subprocess_exec("sort", "-r", stdin=PIPE, stdout=PIPE)
    _, sorted_lines = await asyncio.gather(number_lines(words.stdout, sort.stdin), sort.stdout.read())
    print(sorted_lines.decode(), end="")
    print(f"exit {await words.wait()} and {await sort.wait()}")


asyncio.run(pipeline())
