"""Health: alive is not ready."""

import httpx


async def test_a_process_that_answers_is_alive(anybody: httpx.AsyncClient) -> None:
    """Liveness asks nobody."""
    answer = await anybody.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"alive": True})


async def test_ready_needs_every_dependency(
    anybody: httpx.AsyncClient, states: dict[str, tuple[bool, str]]
) -> None:
    """All ready is 200; one that is not makes it 503, and each is listed with its state."""
    before = await anybody.get("/readyz")
    states["facilitator"] = (False, "no answer for 30 s")
    after = await anybody.get("/readyz")

    assert (before.status_code, before.json()["ready"]) == (200, True)
    assert after.status_code == 503
    assert after.json() == {
        "ready": False,
        "dependencies": [
            {"name": "facilitator", "ready": False, "detail": "no answer for 30 s"},
            {"name": "storage", "ready": True, "detail": ""},
        ],
    }
