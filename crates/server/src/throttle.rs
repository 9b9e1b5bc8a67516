//! Slows down guessing: after a few failures a name, or an address, has to wait, longer each time. It is kept in the store,
//! so that several processes count together.

use jiff::{SignedDuration, Timestamp};
use store::Store;

use crate::secret::token_hash;

/// Failures that cost nothing: people mistype.
const FREE: u32 = 5;
/// Longest wait.
const LONGEST: SignedDuration = SignedDuration::from_mins(15);
/// After so long without a failure everything is forgotten.
const FORGET: SignedDuration = SignedDuration::from_hours(1);

/// How long somebody has to wait before trying again; `None` if not at all.
pub(crate) async fn wait(store: &Store, keys: &[String], now: Timestamp) -> store::Result<Option<SignedDuration>> {
    let failures = store.sign_in_failures(&subjects(keys)).await?;
    let waits = failures.iter().filter(|failed| now.duration_since(failed.last_at) <= FORGET).filter_map(|failed| {
        let until = failed.last_at + penalty(u32::try_from(failed.count).unwrap_or(u32::MAX))?;
        (until > now).then(|| until.duration_since(now))
    });
    Ok(waits.max())
}

/// Notes a failure.
pub(crate) async fn failed(store: &Store, keys: &[String], now: Timestamp) -> store::Result<()> {
    store.note_sign_in_failure(&subjects(keys), FORGET, now).await
}

/// Notes a success: that name is known now. The address stays suspect, or one good account would excuse guessing others.
pub(crate) async fn succeeded(store: &Store, key: &str) -> store::Result<()> {
    store.forget_sign_in_failures(&token_hash(key)).await
}

/// What is kept of names and addresses.
fn subjects(keys: &[String]) -> Vec<String> {
    keys.iter().map(|key| token_hash(key)).collect()
}

/// How long the next try has to wait after so many failures.
fn penalty(count: u32) -> Option<SignedDuration> {
    let beyond = count.checked_sub(FREE)?;
    Some(SignedDuration::from_secs(1_i64 << beyond.min(10)).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use store::Location;

    use super::*;

    #[tokio::test]
    async fn the_wait_grows_with_every_failure_for_all_processes_and_ends_with_a_success() {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::File(folder.path().join("jumpseat.db"));
        // Twice opened is as good as two processes.
        let (store, other) = (Store::open(&location, &[]).await.unwrap(), Store::open(&location, &[]).await.unwrap());
        let start: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        let keys = ["name mara".to_owned(), "address 192.0.2.1".to_owned()];
        for _ in 0..4 {
            failed(&store, &keys, start).await.unwrap();
        }
        assert_eq!(wait(&other, &keys, start).await.unwrap(), None);
        failed(&other, &keys, start).await.unwrap();
        assert_eq!(wait(&store, &keys, start).await.unwrap(), Some(SignedDuration::from_secs(1)));
        for _ in 0..20 {
            failed(&store, &keys, start).await.unwrap();
        }
        assert_eq!(wait(&other, &keys, start).await.unwrap(), Some(LONGEST));
        succeeded(&store, &keys[0]).await.unwrap();
        assert_eq!(wait(&other, &keys[..1], start).await.unwrap(), None);
        assert!(wait(&other, &keys, start).await.unwrap().is_some(), "the address has to wait all the same");
        assert_eq!(wait(&other, &keys, start + SignedDuration::from_mins(16)).await.unwrap(), None);
        let later = start + SignedDuration::from_mins(61);
        failed(&store, &keys, later).await.unwrap();
        assert_eq!(wait(&other, &keys, later).await.unwrap(), None, "an hour without a failure starts anew");
    }
}
