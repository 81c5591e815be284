//! What a transaction's block says, and what is in the database, when the server or one of its processes is killed with
//! `kill -9`, at each step of the block.

use std::collections::BTreeSet;
use std::mem::take;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_with::managers::PoolExt;
use async_with::{AsyncContextManager, AsyncContextManagerExt, Outcome, async_with, settle};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{Connection, Executor, PgConnection, PgPool};

use crate::common::kills::{Random, kills};
use crate::common::log::{Lost, LostErrors};
use crate::proxy::{Proxy, Side};
use crate::transactions::{Tx, add, expect_entries, with_tables};
use crate::{Database, eventually, soon};

/// Where an error came from. Those of the manager have the number of their run, to be told from others by the lost-error hook.
#[derive(Debug)]
enum Failed {
    Body,
    Statement(#[expect(dead_code, reason = "for the message of a test that fails")] sqlx::Error),
    Transaction(
        #[expect(dead_code, reason = "as above")] u32,
        #[expect(dead_code, reason = "as above")] sqlx::Error,
    ),
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Self::Statement(error)
    }
}

/// A manager whose exits are written down.
struct Watched<M> {
    manager: M,
    exits: Arc<Mutex<Vec<Outcome>>>,
}

impl<M: AsyncContextManager> AsyncContextManager for Watched<M> {
    type Value = M::Value;
    type Error = M::Error;

    async fn enter(&mut self) -> Result<M::Value, M::Error> {
        self.manager.enter().await
    }

    async fn exit(self, value: M::Value, outcome: Outcome) -> Result<(), M::Error> {
        self.exits.lock().unwrap().push(outcome);
        self.manager.exit(value, outcome).await
    }
}

#[derive(Clone, Copy, Debug)]
enum Victim {
    /// All processes of the server, which is then started again.
    Server,
    /// The process of the session. The server ends all other sessions, and recovers by itself.
    Session,
}

/// A server of its own, whose processes are going to be killed.
struct Doomed {
    database: Database,
    proxy: Proxy,
    pool: PgPool,
    exits: Arc<Mutex<Vec<Outcome>>>,
    lost: LostErrors,
    run: u32,
}

impl Doomed {
    async fn new() -> Self {
        let database = Database::alone().await;
        let proxy = Proxy::to(&database).await;
        let pool = proxy.pool(&database, 1).await;
        with_tables(&pool).await;
        Self { database, proxy, pool, exits: Arc::default(), lost: LostErrors::with(""), run: 0 }
    }

    /// A transaction for the next run.
    fn transaction(&mut self) -> impl AsyncContextManager<Value = Tx<'static>, Error = Failed> + use<> {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        self.run = run;
        let manager = self.pool.transaction().map_err(move |error| Failed::Transaction(run, error));
        Watched { manager, exits: Arc::clone(&self.exits) }
    }

    /// Kills at the moment `there`.
    async fn kill(&self, there: impl Future, victim: Victim) {
        there.await;
        match victim {
            Victim::Server => self.database.kill().await,
            Victim::Session => {
                let mut observer = PgConnection::connect(&self.database.url()).await.unwrap();
                let other = "SELECT pid FROM pg_stat_activity
                    WHERE datname = current_database() AND backend_type = 'client backend' AND query NOT LIKE '%pg_%'
                    AND pid <> pg_backend_pid()";
                let other = sqlx::query_scalar(other).fetch_one(&mut observer).await.unwrap();
                kill_process(Pid::from_raw(other).unwrap(), Signal::KILL).unwrap();
                eventually("the other sessions are ended", async || {
                    observer.execute("SELECT 1").await.is_err()
                })
                .await;
            }
        }
    }

    async fn revive(&self, victim: Victim) {
        if let Victim::Server = victim {
            self.database.revive().await;
        }
        eventually("the server is up", async || PgConnection::connect(&self.database.url()).await.is_ok())
            .await;
    }

    /// How the exits were told that the block ended, and what the hook was told, in this run.
    fn seen(&self) -> (Vec<Outcome>, Vec<Lost>) {
        let mark = format!("Transaction({}, ", self.run);
        let lost = self.lost.all().into_iter().filter(|lost| lost.error.starts_with(&mark)).collect();
        (take(&mut *self.exits.lock().unwrap()), lost)
    }

    /// Runs the block and kills at the moment `there`.
    async fn run(&mut self, fails: bool, there: impl Future, victim: Victim) -> Result<(), Failed> {
        let block = Box::pin(add_two(self.transaction(), fails));
        let kill = Box::pin(self.kill(there, victim));
        let ended = soon(async { tokio::join!(block, kill).0 }).await;
        self.revive(victim).await;
        ended
    }
}

/// Adds two entries, and may fail after that.
async fn add_two(
    transaction: impl AsyncContextManager<Value = Tx<'static>, Error = Failed>,
    fails: bool,
) -> Result<(), Failed> {
    async_with!(transaction as tx => {
        add(tx, 1).await?;
        add(tx, 2).await?;
        if fails {
            return Err(Failed::Body);
        }
    })
}

const SIDES: [Side; 2] = [Side::Request, Side::Answer];
const VICTIMS: [Victim; 2] = [Victim::Server, Victim::Session];

mod killed {
    use super::*;

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn during_begin_the_block_is_not_entered() {
        let mut doomed = Doomed::new().await;
        for (side, victim) in SIDES.into_iter().flat_map(|side| VICTIMS.map(|victim| (side, victim))) {
            let there = doomed.proxy.hold(side, "BEGIN");
            let ended = doomed.run(false, there, victim).await;
            assert!(matches!(ended, Err(Failed::Transaction(..))), "{side:?}, {victim:?}: {ended:?}");
            let (exits, lost) = doomed.seen();
            assert!(exits.is_empty() && lost.is_empty(), "{side:?}, {victim:?}: {exits:?}, {lost:?}");
            expect_entries(&doomed.pool, &[]).await;
        }
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn during_a_statement_of_the_body_nothing_is_kept_and_the_rollback_that_failed_is_reported() {
        let mut doomed = Doomed::new().await;
        for (side, victim) in SIDES.into_iter().flat_map(|side| VICTIMS.map(|victim| (side, victim))) {
            let there = doomed.proxy.hold(side, "VALUES (2)");
            let ended = doomed.run(false, there, victim).await;
            assert!(matches!(ended, Err(Failed::Statement(_))), "{side:?}, {victim:?}: {ended:?}");
            let (exits, lost) = doomed.seen();
            assert_eq!(exits, [Outcome::Failed], "{side:?}, {victim:?}");
            assert_eq!(lost.len(), 1, "{side:?}, {victim:?}: {lost:?}");
            expect_entries(&doomed.pool, &[]).await;
        }
    }

    /// The question before the commit, the commit on its way, and its answer on the way: only then all is there.
    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn during_the_commit_the_block_gives_an_error_and_all_or_nothing_is_kept() {
        let mut doomed = Doomed::new().await;
        for (text, side, kept) in [
            ("SELECT 1", Side::Request, &[][..]),
            ("SELECT 1", Side::Answer, &[]),
            ("COMMIT", Side::Request, &[]),
            ("COMMIT", Side::Answer, &[1, 2]),
        ] {
            for victim in VICTIMS {
                let there = doomed.proxy.hold(side, text);
                let ended = doomed.run(false, there, victim).await;
                assert!(
                    matches!(ended, Err(Failed::Transaction(..))),
                    "{text}, {side:?}, {victim:?}: {ended:?}"
                );
                let (exits, lost) = doomed.seen();
                assert_eq!(exits, [Outcome::Completed], "{text}, {side:?}, {victim:?}");
                assert!(lost.is_empty(), "{text}, {side:?}, {victim:?}: {lost:?}");
                expect_entries(&doomed.pool, kept).await;
            }
        }
    }

    /// Held where the server is in the midst of it: a deferred trigger waits for a lock.
    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn while_the_server_commits_the_block_gives_an_error_and_nothing_is_kept() {
        let mut doomed = Doomed::new().await;
        let trigger = "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END';
            CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON entry DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION wait()";
        sqlx::raw_sql(trigger).execute(&doomed.pool).await.unwrap();
        for victim in VICTIMS {
            let mut holder = PgConnection::connect(&doomed.database.url()).await.unwrap();
            holder.execute("SELECT pg_advisory_lock(1)").await.unwrap();
            let commits =
                "SELECT count(*) FROM pg_stat_activity WHERE query = 'COMMIT' AND wait_event_type = 'Lock'";
            let there = eventually("the commit waits", async || {
                sqlx::query_scalar::<_, i64>(commits).fetch_one(&mut holder).await.unwrap() == 1
            });
            let ended = doomed.run(false, there, victim).await;
            assert!(matches!(ended, Err(Failed::Transaction(..))), "{victim:?}: {ended:?}");
            let (exits, lost) = doomed.seen();
            assert_eq!(exits, [Outcome::Completed], "{victim:?}");
            assert!(lost.is_empty(), "{victim:?}: {lost:?}");
            expect_entries(&doomed.pool, &[]).await;
        }
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn during_the_rollback_the_bodys_error_leaves_and_the_other_is_reported() {
        let mut doomed = Doomed::new().await;
        for (side, victim) in SIDES.into_iter().flat_map(|side| VICTIMS.map(|victim| (side, victim))) {
            let there = doomed.proxy.hold(side, "ROLLBACK");
            let ended = doomed.run(true, there, victim).await;
            assert!(matches!(ended, Err(Failed::Body)), "{side:?}, {victim:?}: {ended:?}");
            let (exits, lost) = doomed.seen();
            assert_eq!(exits, [Outcome::Failed], "{side:?}, {victim:?}");
            assert_eq!(lost.len(), 1, "{side:?}, {victim:?}: {lost:?}");
            expect_entries(&doomed.pool, &[]).await;
        }
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn during_a_detached_exit_it_is_reported_and_nothing_waits_for_ever() {
        let mut doomed = Doomed::new().await;
        for (text, side, told, kept) in [
            // Cut in the body, where it waits for an answer.
            ("VALUES (2)", Side::Request, Outcome::Cancelled, &[][..]),
            // Cut in the exit. Nobody was told that it was done, and it is.
            ("COMMIT", Side::Request, Outcome::Completed, &[]),
            ("COMMIT", Side::Answer, Outcome::Completed, &[1, 2]),
        ] {
            for victim in VICTIMS {
                let there = doomed.proxy.hold(side, text);
                let block = tokio::spawn(add_two(doomed.transaction(), false));
                let cut = async {
                    there.await;
                    block.abort();
                    assert!(block.await.unwrap_err().is_cancelled());
                };
                soon(doomed.kill(cut, victim)).await;
                soon(settle()).await;
                doomed.revive(victim).await;
                let (exits, lost) = doomed.seen();
                assert_eq!(exits, [told], "{text}, {side:?}, {victim:?}");
                assert_eq!(lost.len(), 1, "{text}, {side:?}, {victim:?}: {lost:?}");
                assert_eq!(lost[0].outcome, told, "{text}, {side:?}, {victim:?}");
                expect_entries(&doomed.pool, kept).await;
            }
        }
    }
}

/// What is known of the pairs that were added.
#[derive(Default)]
struct Pairs {
    next: AtomicI32,
    server_is_gone: AtomicBool,
    exits: Arc<Mutex<Vec<Outcome>>>,
    ended: Mutex<Ended>,
}

#[derive(Default)]
struct Ended {
    entered: usize,
    reported: BTreeSet<i32>,
    taken_back: BTreeSet<i32>,
}

impl Pairs {
    fn reported(&self) -> usize {
        self.ended.lock().unwrap().reported.len()
    }

    /// Adds pairs, each in a transaction, until the server is gone. Each third is taken back.
    async fn add(self: Arc<Self>, pool: PgPool) {
        while !self.server_is_gone.load(Ordering::SeqCst) {
            let n = self.next.fetch_add(1, Ordering::SeqCst) + 1;
            let transaction = Watched { manager: pool.transaction(), exits: Arc::clone(&self.exits) };
            let mut entered = false;
            let block: Result<Result<(), sqlx::Error>, _> = async_with!(transaction as tx => {
                entered = true;
                let added = async {
                    add(tx, n).await?;
                    add(tx, -n).await
                };
                match added.await {
                    Ok(()) if n % 3 == 0 => Err(sqlx::Error::RowNotFound),
                    added => added,
                }
            });
            let mut ended = self.ended.lock().unwrap();
            ended.entered += usize::from(entered);
            match block {
                Ok(Ok(())) => drop(ended.reported.insert(n)),
                Ok(Err(sqlx::Error::RowNotFound)) => drop(ended.taken_back.insert(n)),
                Ok(Err(_)) | Err(_) => break,
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
async fn whatever_was_reported_before_a_kill_at_a_random_moment_is_there_after_it() {
    const TASKS: u32 = 4;
    let (mut random, kills) = (Random::new(), kills(10));
    let doomed = Doomed::new().await;
    let pool = doomed.database.pool_of(TASKS).await;
    let pairs = Arc::new(Pairs::default());
    let mut in_doubt = 0;
    for _ in 0..kills {
        pairs.server_is_gone.store(false, Ordering::SeqCst);
        let some = pairs.reported() + random.below(100);
        let tasks: Vec<_> = (0..TASKS).map(|_| tokio::spawn(Arc::clone(&pairs).add(pool.clone()))).collect();
        let there = async {
            eventually("there are some more", async || pairs.reported() > some).await;
            tokio::time::sleep(random.moment(Duration::from_millis(5))).await;
        };
        soon(doomed.kill(there, Victim::Server)).await;
        pairs.server_is_gone.store(true, Ordering::SeqCst);
        doomed.revive(Victim::Server).await;
        for task in tasks {
            soon(task).await.unwrap();
        }
        let kept: Vec<i32> = sqlx::query_scalar("SELECT n FROM entry").fetch_all(&pool).await.unwrap();
        let kept: BTreeSet<i32> = kept.into_iter().collect();
        assert!(kept.iter().all(|n| kept.contains(&-n)), "a half is there");
        let ended = pairs.ended.lock().unwrap();
        let lost: Vec<_> = ended.reported.difference(&kept).collect();
        assert!(lost.is_empty(), "reported as committed, and not there: {lost:?}");
        let wrong: Vec<_> = ended.taken_back.intersection(&kept).collect();
        assert!(wrong.is_empty(), "rolled back, and there: {wrong:?}");
        assert_eq!(pairs.exits.lock().unwrap().len(), ended.entered);
        in_doubt = kept.len() / 2 - ended.reported.len();
    }
    let Ended { reported, taken_back, .. } = &*pairs.ended.lock().unwrap();
    println!(
        "{kills} kills: {} transactions reported as committed, {in_doubt} committed and not reported, {} rolled back",
        reported.len(),
        taken_back.len()
    );
}
