"""The loop's primitives on asyncio, and on uvloop where it is installed: one JSON object of nanoseconds of CPU."""

import asyncio
import json
import time

CALLS = 20_000


def measure(run, operations):
    best = float("inf")
    for _ in range(3):
        start = time.process_time_ns()
        run()
        best = min(best, time.process_time_ns() - start)
    return best / operations


def call_chain(loop):
    left = CALLS

    def step():
        nonlocal left
        left -= 1
        if left:
            loop.call_soon(step)
        else:
            loop.stop()

    loop.call_soon(step)
    loop.run_forever()


def call_batch(loop):
    for _ in range(CALLS // 1000):
        for _ in range(1000):
            loop.call_soon(int)
        loop.stop()
        loop.run_forever()


async def child():
    return 1


async def await_children():
    for _ in range(CALLS):
        await child()


async def spawn_and_join():
    for _ in range(CALLS // 1000):
        for task in [asyncio.ensure_future(child()) for _ in range(1000)]:
            await task


async def yields(count):
    for _ in range(count):
        await asyncio.sleep(0)


async def step_all():
    await asyncio.gather(*(yields(CALLS // 1000) for _ in range(1000)))


async def ping_pong_all():
    loop = asyncio.get_running_loop()

    async def pair(count):
        box = {"ping": loop.create_future()}

        async def ponger():
            for _ in range(count):
                await box["ping"]
                box["ping"] = loop.create_future()
                box["pong"].set_result(None)

        task = loop.create_task(ponger())
        for _ in range(count):
            box["pong"] = loop.create_future()
            box["ping"].set_result(None)
            await box["pong"]
        await task

    await asyncio.gather(*(pair(CALLS // 1000) for _ in range(1000)))


def timer_create_cancel(loop):
    for i in range(CALLS):
        loop.call_later(3600 + i * 1e-6, int).cancel()


def results(name, new_loop):
    loop = new_loop()
    run = loop.run_until_complete
    # What each needs to be set up is small beside it.
    measured = {
        "call_chain": measure(lambda: call_chain(loop), CALLS),
        "call_batch": measure(lambda: call_batch(loop), CALLS),
        "timer_create_cancel_1e6": measure(lambda: timer_create_cancel(loop), CALLS),
        "await_child": measure(lambda: run(await_children()), CALLS),
        "task_spawn_join": measure(lambda: run(spawn_and_join()), CALLS),
        "task_step": measure(lambda: run(step_all()), CALLS),
        "ping_pong": measure(lambda: run(ping_pong_all()), CALLS),
    }
    loop.close()
    return {f"{operation}/{name}": nanos for operation, nanos in measured.items()}


def main():
    measured = results("asyncio", asyncio.new_event_loop)
    try:
        import uvloop
    except ImportError:
        pass
    else:
        measured |= results("uvloop", uvloop.new_event_loop)
    print(json.dumps(measured))


main()
