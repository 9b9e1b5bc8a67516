//! The promises of checks and findings, each held against SQLite and, when `JUMPSEAT_TEST_POSTGRES=postgres://…` is set,
//! against PostgreSQL.

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

mod bed;
mod derived;
mod evidence;
mod files;
mod lives;
mod rows;
mod shipped;
mod unusable;
