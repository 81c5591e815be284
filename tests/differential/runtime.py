"""What the Python programs of the differential run on: `runtime.rs` has the same for Rust.

The differences by design between the two languages, which `differential.py` lists, are dealt with here and nowhere else.
"""

import asyncio
import sys
from contextlib import AsyncExitStack

FAULT_PERCENT = 30
MOST_CUTS = 12
VARIANTS = 3


class Fault(Exception):
    def __init__(self, number):
        super().__init__(number)
        self.number = number
        self.reported = False


class Counter:
    def __init__(self, count):
        self.count = count


# --- Who wins, and what is lost: difference 1 ---


def chain(error):
    """The errors on which this one followed, the first one first."""
    links = []
    while error is not None:
        links.append(error)
        error = None if error.__suppress_context__ else error.__context__
    return links[::-1]


def winner(error):
    """The error with which the body ended, or the cut, after which nothing else counts."""
    links = chain(error)
    for link in links:
        if isinstance(link, asyncio.CancelledError):
            return link
    return links[0]


def lost(error):
    """The numbers of the errors that came after the first one, each reported once."""
    numbers = []
    for index, link in enumerate(chain(error)):
        if isinstance(link, asyncio.CancelledError):
            numbers += getattr(link, "lost", [])
            link.lost = []
        elif index > 0 and not link.reported:
            numbers.append(link.number)
            link.reported = True
    return f"lost {numbers}"


def told(error):
    if error is None:
        return "nothing"
    return "error" if isinstance(winner(error), Fault) else "cancelled"


class Run:
    def __init__(self, seed, cut_at):
        self.seed = seed
        self.events = []
        self.pauses = 0
        self.cut_at = cut_at
        self.cuts = [cut_at]
        self.visits = {}
        self.turns = {}
        self.limits = []
        self.task = None
        # How many exits are running that are not to be cut, and how many cuts wait for their end.
        self.shields = 0
        self.owed = 0

    def log(self, event):
        self.events.append(event)

    def chance(self, site, percent):
        visit = self.visits[site] = self.visits.get(site, 0) + 1
        mask = (1 << 64) - 1
        mixed = ((self.seed << 40 ^ site << 16 ^ visit) * 0x9E3779B97F4A7C15) & mask
        mixed = ((mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9) & mask
        mixed = ((mixed ^ mixed >> 27) * 0x94D049BB133111EB) & mask
        return (mixed ^ mixed >> 31) % 100 < percent

    def turn(self, site, most):
        turns = self.turns.get(site, 0)
        self.turns[site] = 0 if turns == most else turns + 1
        return self.turns[site] > 0

    async def pause(self, times):
        for _ in range(times):
            self.pauses += 1
            self.log(f"pause {self.pauses}")
            self.cut(self.pauses)
            await asyncio.sleep(0)

    def cut(self, pause):
        if pause == self.cut_at:
            self.limits.clear()
        else:
            over = [index for index, limit in enumerate(self.limits) if limit.at == pause]
            if not over:
                return
            self.limits[over[0]].over = True
            # It interrupts those inside as well, which then have no body to interrupt any more.
            del self.limits[over[0] :]
        if self.shields:
            self.owed += 1
        else:
            self.task.cancel()

    def reserve(self, after):
        number = self.pauses + after
        while number in self.cuts:
            number += 1
        self.cuts.append(number)
        return number

    async def to_its_end(self, error, leaving):
        """Awaits an exit, which no cut stops: difference 3."""
        self.shields += 1
        failure = result = None
        try:
            result = await handling(error, leaving)
        except Fault as fault:
            if self.shields > 1 or not self.owed:
                raise
            failure = fault
        finally:
            self.shields -= 1
        if self.shields or not self.owed:
            return result
        for _ in range(self.owed):
            self.task.cancel()
        self.owed = 0
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError as cut:
            before = chain(error)
            after = [link for link in chain(failure) if link not in before]
            cut.lost = [link.number for link in after if not link.reported]
            raise

    def added(self, total, amount):
        self.log(f"total {total + amount}")
        return total + amount

    def used(self, name, count, amount):
        self.log(f"{name} is {count + amount}")
        return count + amount

    def value(self, name, value):
        self.log(f"{name} has {'none' if value is None else value}")

    def caught(self, error, numbers=None):
        """Takes an error, called where it is handled; one with another number goes on, and so does a cut."""
        first = winner(error)
        if not isinstance(first, Fault) or (numbers is not None and first.number not in numbers):
            raise
        self.log(f"caught {first.number}, {lost(error)}")

    def attempt(self, what, number, alone=False):
        """Fails with this number, or does not; alone, it follows on nothing."""
        if number and self.chance(number, FAULT_PERCENT):
            self.log(f"{what} fails with {number}")
            if alone:
                raise Fault(number) from None
            raise Fault(number)

    def attempted(self, number, manager):
        self.attempt("expression", number)
        return manager

    async def called(self, name, pauses):
        self.log(f"call {name}")
        await self.pause(pauses)
        self.log(f"called {name}")


async def handling(error, leaving):
    """Awaits an exit while `error` is being handled, as `async with` does and `AsyncExitStack` does not: difference 5."""
    if error is None or error is sys.exc_info()[1]:
        return await leaving
    context = error.__context__
    try:
        raise error
    except BaseException:
        # Raising it has replaced this.
        error.__context__ = context
        return await leaving


# --- Managers ---


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


# --- Running ---


async def run_once(run, program):
    run.task = asyncio.current_task()
    try:
        value = await program(run)
    except asyncio.CancelledError as error:
        end = f"cut, {lost(error)}"
    except Fault as error:
        first = winner(error)
        end = f"raised {first.number}" if isinstance(first, Fault) else "cut"
        end += f", {lost(error)}"
    else:
        end = f"returned {value}, lost []"
    run.log(end)
    print("\n".join(run.events))


def run_program(number, cuts, program):
    for variant in range(1, VARIANTS + 1):
        whole = Run(variant, 0)
        print(f"# program {number}, variant {variant}, whole")
        asyncio.run(run_once(whole, program))
        pauses = min(whole.pauses, MOST_CUTS)
        for pause in range(1, pauses + 1 if cuts else 1):
            cut = Run(variant, pause)
            print(f"# program {number}, variant {variant}, cut at pause {pause}")
            asyncio.run(run_once(cut, program))
