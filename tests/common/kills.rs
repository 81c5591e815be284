//! Kills at random moments: how many, what chance decides, and the processes that are killed.

use std::env;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::iter;
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::files::again;

/// How often to kill: as the environment says in `KILLS`, or this often.
pub fn kills(short: usize) -> usize {
    env::var("KILLS").map_or(short, |kills| kills.parse().expect("KILLS is a number"))
}

/// What chance decides, from the seed in `SEED` or another each time; a test that fails says which it was. It repeats the
/// choices, not what the machine made of them.
pub struct Random {
    seed: u64,
    state: u64,
}

impl Random {
    pub fn new() -> Self {
        let clock = || u64::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos());
        let seed = env::var("SEED").map_or_else(|_| clock(), |seed| seed.parse().expect("SEED is a number"));
        Self::from_seed(seed)
    }

    pub fn from_seed(seed: u64) -> Self {
        Self { seed, state: seed }
    }

    /// The next number of `SplitMix64`.
    pub fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `end`, without `end`.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.number() % end as u64).unwrap()
    }

    /// How long to wait until a moment that nobody has chosen.
    pub fn moment(&mut self, at_most: Duration) -> Duration {
        at_most / 1000 * u32::try_from(self.below(1000)).unwrap()
    }
}

impl Drop for Random {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("SEED={} makes the same choices again", self.seed);
        }
    }
}

/// Says so to the test whose [`Worker`] this process is. Panics when that is gone, and nobody kills this process any more.
pub fn say_done(number: u64) {
    // The end of the line, so that one that was cut by a kill is no number.
    println!("done {number};");
}

/// Another process of this test program, which runs one of its tests and says what it has done. It is killed when it is
/// dropped.
pub struct Worker {
    child: Child,
    done: mpsc::Receiver<u64>,
}

impl Worker {
    /// Starts one that runs `test`, which finds `value` in the environment under `name`.
    pub fn start(test: &str, name: &str, value: impl AsRef<OsStr>) -> Self {
        let program = env::current_exe().unwrap();
        let mut command = again(&program, test);
        command.arg("--include-ignored").env(name, value);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (say, done) = mpsc::channel();
        // Also when nobody asks: what is not read makes it wait.
        thread::spawn(move || {
            stdout
                .lines()
                .map_while(Result::ok)
                .filter_map(|line| number(&line))
                .try_for_each(|n| say.send(n))
        });
        Self { child, done }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for the next thing that it says that it has done; `None` if it says nothing any more.
    pub fn done(&self) -> Option<u64> {
        match self.done.recv_timeout(Duration::from_secs(60)) {
            Ok(done) => Some(done),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("it does nothing"),
        }
    }

    /// Kills it, in the midst of what it does; gives the last thing that it said that it had done, of what was not asked for.
    pub fn kill(mut self) -> Option<u64> {
        assert!(self.is_running(), "it has ended by itself");
        self.child.kill().unwrap();
        iter::from_fn(|| self.done()).last()
    }
}

/// What the test harness says comes before it, and is passed over.
fn number(line: &str) -> Option<u64> {
    line.split_once("done ").and_then(|(_, rest)| rest.strip_suffix(';')?.parse().ok())
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
