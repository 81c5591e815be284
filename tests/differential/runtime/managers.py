"""The managers of the programs in Python: `managers.rs` has the same for Rust."""

from contextlib import AsyncExitStack

from run import Fault, lost, told, winner


class Counter:
    def __init__(self, count):
        self.count = count


class Manager:
    def __init__(self, run, name, pauses=(0, 0), faults=(0, 0), start=0):
        self.run = run
        self.name = name
        self.pauses = pauses
        self.faults = faults
        self.start = start
        self.swallows = False

    async def __aenter__(self):
        self.run.log(f"enter {self.name}")
        await self.run.pause(self.pauses[0])
        return self.begun()

    def begun(self):
        self.run.attempt(f"enter {self.name}", self.faults[0])
        self.run.log(f"entered {self.name}")
        self.value = Counter(self.start)
        return self.value

    async def __aexit__(self, kind, error, traceback):
        return await self.run.to_its_end(error, self.leave(error))

    async def leave(self, error):
        self.end(error)
        await self.run.pause(self.pauses[1])
        return self.ended()

    def end(self, error):
        self.run.log(f"exit {self.name} told {self.told(error)}, with {self.value.count}")

    def told(self, error):
        return told(error)

    def ended(self):
        # What comes in place of a swallowed error does not follow on it: difference 2.
        self.run.attempt(f"exit {self.name}", self.faults[1], alone=self.swallows)
        self.run.log(f"exited {self.name}")
        return self.swallows


class Deferred(Manager):
    """An exit only."""

    value = Counter(0)

    async def __aenter__(self):
        pass


class Local(Manager):
    """It is cut in its exit as well, and where it is cut in its body it is abandoned: difference 4."""

    async def __aexit__(self, kind, error, traceback):
        if told(error) == "cancelled":
            self.run.log(f"abandon {self.name}, with {self.value.count}")
        else:
            await self.leave(error)


class Sync(Manager):
    def __enter__(self):
        self.run.log(f"enter {self.name}")
        return self.begun()

    def __exit__(self, kind, error, traceback):
        self.end(error)
        return self.ended()


class Observer(Manager):
    async def leave(self, error):
        observe(self, error)
        return await super().leave(error)


def observe(manager, error):
    if told(error) == "error":
        manager.run.log(f"{manager.name} observes {winner(error).number}")


class Swallow(Manager):
    def __init__(self, run, name, site, **rest):
        super().__init__(run, name, **rest)
        self.site = site

    async def leave(self, error):
        if told(error) == "error" and self.willing(error) and self.run.chance(self.site, 70):
            self.run.log(f"{self.name} swallows, {lost(error)}")
            self.swallows = True
        return await super().leave(error)

    def willing(self, error):
        return True


class Picky(Swallow):
    async def leave(self, error):
        observe(self, error)
        return await super().leave(error)

    def willing(self, error):
        return winner(error).number % 2 == 0


class Limit(Manager):
    """As `asyncio.timeout`, which counts pauses instead of time."""

    def __init__(self, run, name, limit, **rest):
        super().__init__(run, name, **rest)
        self.after, self.number = limit
        self.over = False

    async def __aenter__(self):
        value = await super().__aenter__()
        self.cancelling = self.run.task.cancelling()
        self.at = self.run.reserve(self.after)
        self.run.limits.append(self)
        return value

    async def leave(self, error):
        if self in self.run.limits:
            self.run.limits.remove(self)
        if not self.over:
            return await super().leave(error)
        self.run.log(f"{self.name} is over, {lost(error)}")
        if self.run.task.uncancel() > self.cancelling:
            # Something around it is cut as well, and goes on with that.
            return await super().leave(error)
        interrupt = Fault(self.number)
        # The body ended with it, not the exit: it is never lost.
        interrupt.reported = True
        try:
            raise interrupt from None
        except Fault:
            await super().leave(error)
            raise

    def told(self, error):
        return "interrupted" if self.over else super().told(error)


class Stack(AsyncExitStack):
    """One exit as a whole."""

    run = None

    @classmethod
    def of(cls, run):
        # The stacks that `pop_all` makes are of this class too.
        cls.run = run
        return cls()

    async def __aexit__(self, kind, error, traceback):
        return await self.run.to_its_end(error, super().__aexit__(kind, error, traceback))


class Several:
    """Managers as one."""

    def __init__(self, run, *managers):
        self.run = run
        self.managers = managers

    async def __aenter__(self):
        async with Stack.of(self.run) as stack:
            values = [await stack.enter_async_context(manager) for manager in self.managers]
            self.stack = stack.pop_all()
        return values

    async def __aexit__(self, *details):
        return await self.stack.__aexit__(*details)
