"""What a run of a program is in Python: `run.rs` has the same for Rust.

The differences by design between the two languages, which `differential.py` lists, are dealt with here and in `managers.py`.
"""

import asyncio
import sys

FAULT_PERCENT = 30
MOST_CUTS = 12
VARIANTS = 3


class Fault(Exception):
    def __init__(self, number):
        super().__init__(number)
        self.number = number
        self.reported = False
        # Whether it was told that a cut came after it.
        self.overtaken = False


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
    """The numbers of the errors that came after the first one, each once; and that of the first one, if a cut came after it."""
    numbers, overtaken, links = [], [], chain(error)
    for index, link in enumerate(links):
        if isinstance(link, asyncio.CancelledError):
            numbers += getattr(link, "lost", [])
            link.lost = []
            first = links[0]
            if index > 0 and isinstance(first, Fault) and not (first.overtaken or first.reported):
                first.overtaken = True
                overtaken.append(first.number)
        elif index > 0 and not link.reported:
            numbers.append(link.number)
            link.reported = True
    return f"lost {numbers}, overtaken {overtaken}" if overtaken else f"lost {numbers}"


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
