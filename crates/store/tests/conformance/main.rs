//! The store's promises, each held against SQLite and, when `JUMPSEAT_TEST_POSTGRES=postgres://…` is set, against PostgreSQL.
//!
//! To add a promise: write an async function of a [`bed::Bed`] in the noun's file and name it in that file's
//! `on_both_engines!` (a function that is not named there is a warning).

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the message")]

/// Makes a test for each engine out of each promise.
macro_rules! on_both_engines {
    ($($promise:ident),+ $(,)?) => {
        mod on_sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    crate::bed::on_sqlite(async |bed| super::$promise(bed).await).await;
                }
            )+
        }
        mod on_postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    crate::bed::on_postgres(async |bed| super::$promise(bed).await).await;
                }
            )+
        }
    };
}

mod audit;
mod bed;
mod connections;
mod damage;
mod events;
mod evidence;
mod leases;
mod migration;
mod people;
mod query;
mod reshape;
mod runs;
mod snapshots;
