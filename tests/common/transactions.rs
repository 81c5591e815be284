//! What transactions and savepoints do, in the same words on each database.
//!
//! Where the macro is used there are `open(connections) -> (guard, pool)`, which makes a database with the tables
//! `entry (n)` and `child (n)`, the second with a deferred reference to the first, and `assert_no_transaction(&mut connection)`.

/// Polls the future `polls` times at most, and drops it. Whether it had ended by then.
pub async fn cut<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let (mut future, mut polled) = (std::pin::pin!(future), 0);
    std::future::poll_fn(|cx| {
        if polled == polls {
            return std::task::Poll::Ready(None);
        }
        polled += 1;
        future.as_mut().poll(cx).map(Some)
    })
    .await
}

macro_rules! transaction_tests {
    ($database:ident, #[$attribute:meta]) => {
        type Pool = sqlx::Pool<sqlx::$database>;
        pub(crate) type Tx<'c> = sqlx::Transaction<'c, sqlx::$database>;

        pub(crate) async fn add(tx: &mut Tx<'_>, n: i32) -> Result<(), sqlx::Error> {
            tx.execute(AssertSqlSafe(format!("INSERT INTO entry VALUES ({n})"))).await.map(drop)
        }

        async fn entries(pool: &Pool) -> Vec<i32> {
            sqlx::query_scalar("SELECT n FROM entry ORDER BY n").fetch_all(pool).await.unwrap()
        }

        /// The one connection of the pool has no open transaction, and sqlx counts none.
        async fn is_clean(pool: &Pool) {
            let mut connection = soon(pool.acquire()).await.unwrap();
            assert!(!connection.is_in_transaction());
            assert_no_transaction(&mut connection).await;
            drop(connection);
            soon(pool.begin_with("BEGIN")).await.unwrap().rollback().await.unwrap();
        }

        pub(crate) async fn expect_entries(pool: &Pool, expected: &[i32]) {
            is_clean(pool).await;
            assert_eq!(entries(pool).await, expected);
            sqlx::query("DELETE FROM entry").execute(pool).await.unwrap();
        }

        #[tokio::test]
        #[$attribute]
        async fn each_way_out_commits_or_rolls_back_before_the_code_after_it_goes_on() {
            async fn leave(pool: &Pool, way: &str) -> Result<&'static str, sqlx::Error> {
                for turn in 1..=2 {
                    let _ = async_with!(pool.transaction() as tx => {
                        add(tx, turn).await?;
                        match way {
                            "return" => return Ok("returned"),
                            "error" => return Err(sqlx::Error::RowNotFound),
                            "question mark" => add(tx, turn).await?,
                            "break" => break,
                            "continue" => continue,
                            "panic" => std::panic::panic_any("on purpose"),
                            _ => {}
                        }
                        if way == "value" { Err("a value") } else { Ok(()) }
                    })?;
                }
                Ok("ended")
            }
            let (_database, pool) = open(1).await;
            for (way, result, kept) in [
                ("end", Some("ended"), &[1, 2][..]),
                ("value", Some("ended"), &[]),
                ("return", Some("returned"), &[1]),
                ("error", None, &[]),
                ("question mark", None, &[]),
                ("break", Some("ended"), &[1]),
                ("continue", Some("ended"), &[1, 2]),
            ] {
                assert_eq!(soon(leave(&pool, way)).await.ok(), result, "{way}");
                expect_entries(&pool, kept).await;
            }
            let panicked = std::panic::AssertUnwindSafe(leave(&pool, "panic")).catch_unwind().await;
            assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"on purpose"));
            expect_entries(&pool, &[]).await;
        }

        /// sqlx#4385, #4393.
        #[tokio::test]
        #[$attribute]
        async fn a_future_dropped_at_any_poll_leaves_a_pool_that_works_and_all_or_nothing() {
            let (_database, pool) = open(1).await;
            let (mut cuts, mut before_the_end) = (0, 0);
            for polls in 0.. {
                let block = async {
                    async_with!(pool.transaction() as tx => {
                        add(tx, 1).await.unwrap();
                        add(tx, 2).await.unwrap();
                    })
                };
                let ended = soon(cut(block, polls)).await;
                soon(settle()).await;
                is_clean(&pool).await;
                assert_eq!(pool.size(), 1, "after {polls} polls");
                let rows = entries(&pool).await;
                match ended {
                    Some(result) => {
                        result.unwrap();
                        assert_eq!(rows, [1, 2]);
                        break;
                    }
                    // Dropped in the exit after a success: the commit goes on.
                    None => assert!(rows.is_empty() || rows == [1, 2], "after {polls} polls: {rows:?}"),
                }
                cuts += 1;
                before_the_end += usize::from(rows.is_empty());
                expect_entries(&pool, &rows).await;
            }
            assert!(cuts > 2 && before_the_end > 1, "{cuts}, {before_the_end}");
        }

        #[tokio::test]
        #[$attribute]
        async fn the_next_user_of_the_connection_waits_for_the_detached_rollback() {
            let (_database, pool) = open(1).await;
            let (added, is_added) = tokio::sync::oneshot::channel();
            let block = async {
                async_with!(pool.transaction() as tx => {
                    add(tx, 1).await.unwrap();
                    added.send(()).unwrap();
                    std::future::pending::<()>().await;
                })
            };
            let next = async {
                let mut connection = pool.acquire().await.unwrap();
                assert!(!connection.is_in_transaction());
                assert_no_transaction(&mut connection).await;
            };
            let mut next = std::pin::pin!(next);
            tokio::select! {
                biased;
                _ = block => unreachable!("it does not end"),
                () = &mut next => unreachable!("there is one connection"),
                added = is_added => added.unwrap(),
            }
            soon(next).await;
            expect_entries(&pool, &[]).await;
        }

        #[tokio::test]
        #[$attribute]
        async fn a_future_dropped_while_it_waits_for_a_connection_has_done_nothing() {
            let (_database, pool) = open(1).await;
            let held = pool.acquire().await.unwrap();
            let block = async { async_with!(pool.transaction() => { unreachable!("there is no connection") }) };
            assert!(block.now_or_never().is_none());
            drop(held);
            expect_entries(&pool, &[]).await;
        }

        #[tokio::test]
        #[$attribute]
        async fn a_commit_that_fails_is_the_value_of_the_block_whatever_way_it_was_left() {
            async fn orphan(pool: &Pool, returns: bool) -> Result<&'static str, sqlx::Error> {
                async_with!(pool.transaction() as tx => {
                    add(tx, 1).await?;
                    tx.execute("INSERT INTO child VALUES (99)").await?;
                    if returns {
                        return Ok("looks like success");
                    }
                })?;
                Ok("looks like success")
            }
            let (_database, pool) = open(1).await;
            for returns in [false, true] {
                let error = soon(orphan(&pool, returns)).await.unwrap_err();
                assert!(error.as_database_error().unwrap().is_foreign_key_violation(), "{error}");
                expect_entries(&pool, &[]).await;
            }
        }

        #[tokio::test]
        #[$attribute]
        async fn a_begin_that_fails_leaves_a_pool_that_works() {
            let (_database, pool) = open(1).await;
            for begin in ["BEGIN NONSENSE", "SELECT 1"] {
                let block = async { async_with!(pool.transaction().begin_with(begin) => { unreachable!() }) };
                let failed: Result<(), _> = soon(block).await;
                match failed {
                    Err(sqlx::Error::Database(_)) if begin == "BEGIN NONSENSE" => {}
                    Err(sqlx::Error::BeginFailed) if begin == "SELECT 1" => {}
                    other => panic!("{other:?}"),
                }
                expect_entries(&pool, &[]).await;
            }
        }

        #[tokio::test]
        #[$attribute]
        async fn a_pool_that_has_no_connection_to_give_is_reported() {
            let (_database, pool) = open(1).await;
            let options = pool.options().clone().acquire_timeout(Duration::from_millis(50));
            let impatient = options.connect_with((*pool.connect_options()).clone()).await.unwrap();
            let held = impatient.acquire().await.unwrap();
            let full: Result<(), _> = async_with!(impatient.transaction() => { unreachable!() });
            assert!(matches!(full, Err(sqlx::Error::PoolTimedOut)), "{full:?}");
            drop(held);
            impatient.close().await;
            let closed: Result<(), _> = async_with!(impatient.transaction() => { unreachable!() });
            assert!(matches!(closed, Err(sqlx::Error::PoolClosed)), "{closed:?}");
        }

        #[tokio::test]
        #[$attribute]
        async fn a_pool_closed_in_the_body_waits_for_the_commit() {
            let (_database, pool) = open(1).await;
            let (added, is_added) = tokio::sync::oneshot::channel();
            let block = async {
                async_with!(pool.transaction() as tx => {
                    add(tx, 1).await.unwrap();
                    added.send(()).unwrap();
                    pool.close_event().await;
                    add(tx, 2).await.unwrap();
                })
            };
            let close = async {
                is_added.await.unwrap();
                pool.close().await;
            };
            soon(async { tokio::join!(block, close).0 }).await.unwrap();
            let again = Pool::connect_with((*pool.connect_options()).clone()).await.unwrap();
            expect_entries(&again, &[1, 2]).await;
        }

        #[tokio::test]
        #[$attribute]
        async fn a_savepoint_is_kept_or_undone_by_itself() {
            async fn part(tx: &mut Tx<'_>, n: i32, way: &str) -> Result<(), sqlx::Error> {
                loop {
                    async_with!(tx.savepoint() as part => {
                        add(part, n).await?;
                        match way {
                            "return" => return Ok(()),
                            "break" => break,
                            "question mark" => add(part, n).await?,
                            "panic" => std::panic::panic_any("on purpose"),
                            _ => {}
                        }
                    })?;
                    return Ok(());
                }
                Ok(())
            }
            let (_database, pool) = open(1).await;
            let block = async_with!(pool.transaction() as tx => {
                part(tx, 1, "end").await.unwrap();
                part(tx, 2, "question mark").await.unwrap_err();
                part(tx, 3, "return").await.unwrap();
                let panicked = std::panic::AssertUnwindSafe(part(tx, 4, "panic")).catch_unwind().await;
                panicked.unwrap_err();
                part(tx, 5, "break").await.unwrap();
                add(tx, 6).await.unwrap();
            });
            block.unwrap();
            expect_entries(&pool, &[1, 3, 5, 6]).await;
        }

        #[tokio::test]
        #[$attribute]
        async fn savepoints_in_savepoints_are_undone_from_the_inside() {
            let (_database, pool) = open(1).await;
            let block: Result<Result<(), sqlx::Error>, sqlx::Error> = async_with!(pool.transaction() as tx => {
                add(tx, 1).await.unwrap();
                let outer: Result<Result<(), &str>, sqlx::Error> = async_with!(tx.savepoint() as outer => {
                    add(outer, 2).await.unwrap();
                    async_with!(outer.savepoint() as inner => { add(inner, 3).await.unwrap() }).unwrap();
                    Err("and its parts")
                });
                assert_eq!(outer.unwrap(), Err("and its parts"));
                async_with!(tx.savepoint() as outer => {
                    add(outer, 4).await.unwrap();
                    let inner = async_with!(outer.savepoint() as inner => {
                        add(inner, 5).await.unwrap();
                        add(inner, 5).await
                    });
                    inner.unwrap().unwrap_err();
                    add(outer, 6).await.unwrap();
                })
                .unwrap();
                add(tx, 7).await
            });
            block.unwrap().unwrap();
            expect_entries(&pool, &[1, 4, 6, 7]).await;
        }

        #[tokio::test]
        #[$attribute]
        async fn a_savepoint_goes_with_its_transaction() {
            let (_database, pool) = open(1).await;
            let block = async_with!(pool.transaction() as tx => {
                async_with!(tx.savepoint() as part => { add(part, 1).await.unwrap() }).unwrap();
                Err::<(), _>("the transaction's own")
            });
            assert_eq!(block.unwrap(), Err("the transaction's own"));
            expect_entries(&pool, &[]).await;
        }

        #[tokio::test]
        #[$attribute]
        async fn a_savepoint_dropped_in_its_body_is_undone_before_the_next_statement() {
            let (_database, pool) = open(1).await;
            let block = async_with!(pool.transaction() as tx => {
                add(tx, 1).await.unwrap();
                {
                    let (added, is_added) = tokio::sync::oneshot::channel();
                    let part = async {
                        async_with!(tx.savepoint() as part => {
                            add(part, 2).await.unwrap();
                            added.send(()).unwrap();
                            std::future::pending::<()>().await;
                        })
                    };
                    tokio::select! {
                        _ = part => unreachable!("it does not end"),
                        added = is_added => added.unwrap(),
                    }
                }
                // Not a second one: the first is undone.
                add(tx, 2).await.unwrap();
                add(tx, 3).await.unwrap();
            });
            block.unwrap();
            expect_entries(&pool, &[1, 2, 3]).await;
        }

        #[tokio::test]
        #[$attribute]
        async fn a_savepoint_dropped_at_any_poll_is_undone_or_fails_its_transaction() {
            let (_database, pool) = open(1).await;
            let mut undone = 0;
            for polls in 0.. {
                let mut ended = false;
                let block = async_with!(pool.transaction() as tx => {
                    add(tx, 1).await.unwrap();
                    let part = async {
                        async_with!(tx.savepoint() as part => {
                            add(part, 2).await.unwrap();
                            add(part, 3).await.unwrap();
                        })
                    };
                    ended = soon(cut(part, polls)).await.is_some();
                    add(tx, 4).await
                });
                soon(settle()).await;
                is_clean(&pool).await;
                let rows = entries(&pool).await;
                match block.flatten() {
                    Ok(()) if ended => {
                        assert_eq!(rows, [1, 2, 3, 4]);
                        break;
                    }
                    Ok(()) if rows == [1, 2, 3, 4] => {}
                    Ok(()) => {
                        assert_eq!(rows, [1, 4], "after {polls} polls");
                        undone += 1;
                    }
                    // Cut while it was being set or left; see the cancel safety of `Savepoint`.
                    Err(_) => assert!(!rows.contains(&1), "after {polls} polls: {rows:?}"),
                }
                expect_entries(&pool, &rows).await;
            }
            assert!(undone > 0);
        }
    };
}
pub(crate) use transaction_tests;
