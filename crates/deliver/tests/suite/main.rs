//! The archive: columns that say what the OCSF text says, and objects that hold what the ledger proves. What needs a store
//! is held against SQLite and, when `JUMPSEAT_TEST_POSTGRES=postgres://…` is set, against PostgreSQL.

#![recursion_limit = "256"]
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that fails says where, and a skipped one says so"
)]

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

mod archive;
mod bed;
mod columns;
mod mail;
mod places;
mod read;
// Events with every field that JumpCloud documents, and the folder outside of the repository.
#[allow(dead_code, reason = "some of it is for the tests of the mapper only")]
#[path = "../../../ocsf/tests/suite/support.rs"]
mod support;
