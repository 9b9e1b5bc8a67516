//! Work that takes a processor for milliseconds, beside what waits for the disk and the network.

use std::num::NonZero;
use std::sync::LazyLock;

use tokio::sync::Semaphore;

/// As many pieces at once as there are processors: more would wait for each other, and every thread keeps some of the memory
/// that its work took.
static PROCESSORS: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(1, NonZero::get)));

/// Runs work on a thread that nothing else waits for. Work that panics panics here.
pub async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let _processor = PROCESSORS.acquire().await;
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
