"""The asynchronous client, in a program with an event loop."""

import asyncio

import numpy as np
from models import doubling

import pilothouse as ph


def test_push_deploy_infer_follow() -> None:
    async def tour() -> None:
        async with ph.AsyncClient() as client:
            cursor = await client.event_cursor()
            version = await client.push("concurrent", doubling())
            change = await client.deploy("concurrent", version, wait=False)
            following = asyncio.create_task(until_ready(client, cursor))
            assert (await change.wait(timeout=60)).phase is ph.DeploymentPhase.READY
            assert (await asyncio.wait_for(following, 60))[-1] is ph.DeploymentPhase.READY
            inputs = [np.full((1, 2), each, np.float32) for each in range(20)]
            answers = await asyncio.gather(*(client.infer("concurrent", each, outputs="y") for each in inputs))
            np.testing.assert_array_equal(np.concatenate(answers), np.concatenate(inputs) * 2)

    async def until_ready(client: ph.AsyncClient, cursor: str) -> list[ph.DeploymentPhase]:
        phases: list[ph.DeploymentPhase] = []
        async for event in client.follow("concurrent", after=cursor):
            phases.append(event.phase)
            if event.phase is ph.DeploymentPhase.READY:
                break
        return phases

    asyncio.run(tour())


def test_the_synchronous_client_works_inside_an_event_loop() -> None:
    async def notebook() -> None:
        with ph.connect() as client:
            assert isinstance(client.deployments(), list)

    asyncio.run(notebook())
