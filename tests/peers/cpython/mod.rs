//! CPython: `async with`, `contextlib`, `asyncio.timeout` and `asyncio.TaskGroup`.
