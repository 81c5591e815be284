//! Eight processes contend for one `AdvisoryLock` while processes and sessions are killed: never two holders, and always soon
//! the next one.
//!
//! The holders write into a table, with their fencing token, through a function that puts all attempts in one order and refuses
//! tokens that are less than the greatest that it has seen. What is checked of that table in the end:
//!
//! - Whoever left its block without an error was never refused, and of others nothing was accepted between its first attempt
//!   and its last.
//! - Whoever lost the lock goes on to write, for ever if need be, until the manager stops its body: what it writes after another
//!   is refused, and ends soon. (There is some: the server frees the lock a moment before it closes the connection.)
//! - The accepted writes of no two holders overlap.
//! - From the last write of one holder to the first of the next it never takes as long as [`BOUND`].
//!
//! `KILLS=1000 cargo test --all-features --test postgres -- --ignored --nocapture contention`

use std::env;
use std::process;
use std::time::{Duration, Instant};

use async_with::async_with;
use async_with::managers::{AdvisoryLock, AdvisoryLockError};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, Row};
use tokio::time::sleep;

use crate::common::kills::{Random, Worker, kills, say_done};
use crate::{Database, eventually};

const PROCESSES: usize = 8;
const KEY: i64 = 7;

/// The latest that the loss of a session is noticed according to the documentation: two heartbeats.
const BOUND: Duration = Duration::from_secs(10);

pub const TABLES: &str = "
    CREATE TABLE fence (attempts bigint NOT NULL, greatest bigint NOT NULL);
    INSERT INTO fence VALUES (0, 0);
    CREATE TABLE attempt (
        n bigint NOT NULL, token bigint NOT NULL, holder integer NOT NULL, accepted boolean NOT NULL,
        at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    CREATE TABLE ended (token bigint NOT NULL, how text NOT NULL);
    CREATE FUNCTION write(token_ bigint, holder_ integer) RETURNS boolean LANGUAGE plpgsql AS $$
    DECLARE
        n bigint;
        accepted boolean;
    BEGIN
        -- Locks the one row until the attempt is committed, and so makes the order.
        UPDATE fence SET attempts = attempts + 1, greatest = greatest(greatest, token_)
            RETURNING attempts, greatest = token_ INTO n, accepted;
        INSERT INTO attempt VALUES (n, token_, holder_, accepted);
        RETURN accepted;
    END $$";

/// In a process that the test starts: competes until it is killed. How long it leads is up to chance.
async fn compete(url: &str) {
    let holder = i32::try_from(process::id()).unwrap();
    let options: PgConnectOptions = url.parse().unwrap();
    // So the sessions of its locks are known to be its own.
    let options = options.application_name(&holder.to_string());
    let pool = PgPoolOptions::new().max_connections(1).test_before_acquire(false);
    let pool = pool.connect_with(options).await.unwrap();
    let mut random = Random::from_seed(u64::from(process::id()));
    loop {
        let (mut token, mut turns) = (0, 1 + random.below(50));
        let block = async_with!(AdvisoryLock::new(&pool, KEY) as lock => {
            token = lock.token();
            while turns > 0 {
                let write = sqlx::query_scalar("SELECT write($1, $2)").bind(token).bind(holder);
                let accepted: bool = write.fetch_one(&pool).await.unwrap();
                // Once it is refused, only the manager stops it.
                turns -= usize::from(accepted);
                sleep(random.moment(Duration::from_millis(2))).await;
            }
        });
        let how = match block {
            Ok(()) => "left",
            Err(AdvisoryLockError::SessionLost { .. }) => "lost",
            // Its session was ended while it waited.
            Err(AdvisoryLockError::Unavailable { .. }) => "not entered",
            Err(other) => panic!("{other}"),
        };
        sqlx::query("INSERT INTO ended VALUES ($1, $2)").bind(token).bind(how).execute(&pool).await.unwrap();
        say_done(token.unsigned_abs());
    }
}

const COMPETITOR: &str = "ASYNC_WITH_TEST_COMPETITOR";

struct Contest {
    pool: PgPool,
    url: String,
    random: Random,
    processes: Vec<Worker>,
}

impl Contest {
    fn start_process(&mut self) {
        let test = "contention::there_are_never_two_holders_and_always_soon_another_while_processes_and_sessions_are_killed";
        self.processes.push(Worker::start(test, COMPETITOR, &self.url));
    }

    /// The pid of the server's process and that of the client, of a session that has the lock, or waits for it.
    async fn session(&mut self, holds: bool) -> Option<(i32, u32)> {
        let sessions = "SELECT pid, application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
            WHERE locktype = 'advisory' AND granted = $1 ORDER BY pid";
        let sessions = sqlx::query(sessions).bind(holds).fetch_all(&self.pool).await.unwrap();
        // One that dies is no client any more.
        let clients: Vec<_> = sessions
            .iter()
            .filter_map(|session| Some((session.get(0), session.get::<&str, _>(1).parse().ok()?)))
            .collect();
        (!clients.is_empty()).then(|| clients[self.random.below(clients.len())])
    }

    /// One that has the lock two times out of three, else one that waits.
    async fn victim(&mut self) -> (i32, u32) {
        loop {
            let holds = self.random.below(3) > 0;
            if let Some(session) = self.session(holds).await {
                return session;
            }
        }
    }

    async fn terminate(&self, session: i32) -> bool {
        let terminate = "SELECT pg_terminate_backend($1)";
        sqlx::query_scalar(terminate).bind(session).fetch_one(&self.pool).await.unwrap()
    }

    async fn kill_process(&mut self) {
        loop {
            let (_, process) = self.victim().await;
            // A session may outlive its process a little.
            if let Some(at) = self.processes.iter().position(|known| known.id() == process) {
                self.processes.swap_remove(at).kill();
                self.start_process();
                return;
            }
        }
    }

    async fn end_session(&mut self) {
        loop {
            let (session, _) = self.victim().await;
            if self.terminate(session).await {
                return;
            }
        }
    }

    /// Stops a holder, ends its session, and lets it go on only when another holds the lock: it does not know better than to
    /// write.
    async fn stop_holder_meanwhile(&mut self) {
        loop {
            let Some((session, process)) = self.session(true).await else { continue };
            if !self.processes.iter().any(|known| known.id() == process) {
                continue;
            }
            let pid = Pid::from_raw(process.try_into().unwrap()).unwrap();
            kill_process(pid, Signal::STOP).unwrap();
            let still = self.session(true).await == Some((session, process));
            if still {
                let before = self.greatest().await;
                self.terminate(session).await;
                self.another(before).await;
            }
            kill_process(pid, Signal::CONT).unwrap();
            if still {
                return;
            }
        }
    }

    async fn greatest(&self) -> i64 {
        sqlx::query_scalar("SELECT greatest FROM fence").fetch_one(&self.pool).await.unwrap()
    }

    /// Waits until one with a greater token has written.
    async fn another(&self, token: i64) {
        eventually("another takes over", async || self.greatest().await > token).await;
    }

    async fn number<T>(&self, query: &'static str) -> T
    where
        T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        sqlx::query_scalar(query).fetch_one(&self.pool).await.unwrap()
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
async fn there_are_never_two_holders_and_always_soon_another_while_processes_and_sessions_are_killed() {
    if let Ok(url) = env::var(COMPETITOR) {
        return compete(&url).await;
    }
    let start = Instant::now();
    let database = Database::alone().await;
    let pool = database.pool().await;
    sqlx::raw_sql(TABLES).execute(&pool).await.unwrap();
    let mut contest = Contest { pool, url: database.url(), random: Random::new(), processes: Vec::new() };
    for _ in 0..PROCESSES {
        contest.start_process();
    }
    let (mut processes, mut sessions, mut stopped) = (0, 0, 0);
    let mut longest = Duration::ZERO;
    for kill in 0..kills(30) {
        contest.another(contest.greatest().await).await;
        sleep(contest.random.moment(Duration::from_millis(20))).await;
        let before = contest.greatest().await;
        let killed = Instant::now();
        match kill % 10 {
            0 => {
                contest.stop_holder_meanwhile().await;
                stopped += 1;
            }
            1..6 => {
                contest.kill_process().await;
                processes += 1;
            }
            _ => {
                contest.end_session().await;
                sessions += 1;
            }
        }
        contest.another(before).await;
        longest = longest.max(killed.elapsed());
        assert!(contest.processes.iter_mut().all(Worker::is_running), "a process has given up");
    }
    eventually("those who have lost the lock stop", async || {
        contest.number::<i64>(LATELY_REFUSED).await == 0
    })
    .await;
    while let Some(process) = contest.processes.pop() {
        process.kill();
    }
    eventually("the lock is free", async || contest.number::<i64>(LOCKS).await == 0).await;
    check(&contest).await;
    println!(
        "{processes} processes and {sessions} sessions killed, {stopped} holders stopped while they lost the lock; {} holders \
         in {:.0?}; longest from a kill to the next holder's write {longest:.3?}, between the writes of two holders {:.3} s; \
         {} writes refused, for {:.3} s at the longest",
        contest.number::<i64>(HOLDERS).await,
        start.elapsed(),
        contest.number::<f64>(LONGEST_GAP).await,
        contest.number::<i64>(REFUSED).await,
        contest.number::<Option<f64>>(LONGEST_REFUSED).await.unwrap_or(0.0),
    );
}

const LOCKS: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";
const HOLDERS: &str = "SELECT count(DISTINCT token) FROM attempt";
const REFUSED: &str = "SELECT count(*) FROM attempt WHERE NOT accepted";

const LATELY_REFUSED: &str =
    "SELECT count(*) FROM attempt WHERE NOT accepted AND n > (SELECT attempts FROM fence) - 500";
const LONGEST_REFUSED: &str = "SELECT max(extract(epoch FROM last - first))::float8 FROM
    (SELECT min(at) AS first, max(at) AS last FROM attempt WHERE NOT accepted GROUP BY token) AS loser";

const LONGEST_GAP: &str = "SELECT max(extract(epoch FROM first - last_before))::float8 FROM
    (SELECT min(at) AS first, lag(max(at)) OVER (ORDER BY token) AS last_before
        FROM attempt WHERE accepted GROUP BY token) AS holder";

async fn check(contest: &Contest) {
    let overlapping: i64 = contest
        .number(
            "SELECT count(*) FROM
                (SELECT min(n) AS first, lag(max(n)) OVER (ORDER BY token) AS last_before
                    FROM attempt WHERE accepted GROUP BY token) AS holder
                WHERE first < last_before",
        )
        .await;
    assert_eq!(overlapping, 0, "two holders wrote at a time");
    let disturbed: i64 = contest
        .number(
            "SELECT count(*) FROM ended JOIN
                (SELECT token, min(n) AS first, max(n) AS last FROM attempt GROUP BY token) AS holder USING (token)
                JOIN attempt ON n BETWEEN first AND last
                WHERE how = 'left' AND accepted <> (attempt.token = holder.token)",
        )
        .await;
    assert_eq!(disturbed, 0, "one that kept the lock to its end had company");
    let late: Option<f64> = contest.number(LONGEST_REFUSED).await;
    assert!(late.unwrap_or(0.0) < BOUND.as_secs_f64(), "one wrote for {late:?} s after it had lost the lock");
    let shared: i64 = contest
        .number("SELECT count(*) FROM (SELECT FROM attempt GROUP BY token HAVING count(DISTINCT holder) > 1) AS token")
        .await;
    assert_eq!(shared, 0, "two holders had one token");
    let longest: f64 = contest.number(LONGEST_GAP).await;
    assert!(longest < BOUND.as_secs_f64(), "nobody held the lock for {longest} s");
}
