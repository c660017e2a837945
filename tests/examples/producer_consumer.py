import asyncio


async def produce(jobs, first, last):
    for job in range(first, last + 1):
        await jobs.put(job)


async def consume(jobs, results):
    try:
        while True:
            job = await jobs.get()
            await asyncio.sleep(0.001)
            results.append(job)
            jobs.task_done()
    except asyncio.CancelledError:
        print("a consumer goes home")
        raise


async def work():
    jobs = asyncio.Queue(2)
    results = []
    async with asyncio.TaskGroup() as group:
        consumers = [group.create_task(consume(jobs, results)) for _ in range(3)]
        async with asyncio.TaskGroup() as producers:
            producers.create_task(produce(jobs, 1, 50))
            producers.create_task(produce(jobs, 51, 100))
        await jobs.join()
        for consumer in consumers:
            consumer.cancel()
    print("sum", sum(results))


asyncio.run(work())
