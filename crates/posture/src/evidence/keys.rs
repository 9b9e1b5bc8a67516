//! The keys of an installation, one after the other: each is signed by the one before it, so that whoever was given an older
//! key is led to the one that signed a pack.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{EvidenceKey, EvidenceKeyRecord, MasterKey, Store};

use super::PackError;
use super::sign::{PublicKey, SigningKey};

/// Where a pack has all keys of the installation.
pub(super) const HISTORY: &str = "keys/history.json";

/// A key of the installation, as packs name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyLink {
    /// minisign's line of the public key.
    pub public_key: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// The minisign signature of the key before it over the key's file; `None` for the first.
    pub vouched: Option<String>,
}

impl From<EvidenceKeyRecord> for KeyLink {
    fn from(record: EvidenceKeyRecord) -> Self {
        Self { public_key: record.public_key, made_at: record.made_at, vouched: record.vouched }
    }
}

/// The key that signs packs; it is made when none is there.
///
/// # Errors
/// The store fails, or the key was sealed with another master key.
pub async fn key(store: &Store, master: &MasterKey, now: Timestamp) -> Result<SigningKey, PackError> {
    if store.evidence_key(master).await?.is_none() {
        store.add_evidence_key(&kept(&SigningKey::generate().map_err(PackError::Refused)?), master, now).await?;
    }
    // What counts is what is kept: another process may have been faster.
    let kept = store.evidence_key(master).await?;
    let damaged = || PackError::Refused("the key that signs evidence packs is damaged in the store".to_owned());
    let kept = kept.ok_or_else(damaged)?;
    SigningKey::read(&kept.secret).filter(|key| key.public().line() == kept.public_key).ok_or_else(damaged)
}

/// All keys of the installation, the first one first.
///
/// # Errors
/// The store fails.
pub async fn keys(store: &Store) -> Result<Vec<KeyLink>, PackError> {
    Ok(store.evidence_keys().await?.into_iter().map(KeyLink::from).collect())
}

/// Makes a new key, which the present one vouches for before it is forgotten. Gives the old public key and the new one.
///
/// # Errors
/// The store fails, the key was sealed with another master key, or another process replaced it at the same time.
pub async fn replace_key(
    store: &Store,
    master: &MasterKey,
    now: Timestamp,
) -> Result<(PublicKey, PublicKey), PackError> {
    let (before, after) = (key(store, master, now).await?, SigningKey::generate().map_err(PackError::Refused)?);
    let (old, new) = (before.public(), after.public());
    let comment = format!("Jumpseat evidence key {} follows {}, {now:.0}", new.id(), old.id());
    let vouched = before.minisign(new.file().as_bytes(), &comment);
    store.replace_evidence_key(&old.line(), &kept(&after), &vouched, master, now).await?;
    Ok((old, new))
}

fn kept(key: &SigningKey) -> EvidenceKey {
    EvidenceKey { public_key: key.public().line(), secret: key.secret() }
}

/// Follows the keys from one to another.
///
/// # Errors
/// Why the one does not lead to the other, in words.
pub(super) fn lead(links: &[KeyLink], from: &PublicKey, to: &PublicKey) -> Result<(), String> {
    let begin = links.iter().position(|link| link.public_key == from.line());
    let begin = begin.ok_or_else(|| format!("the pack does not know the key {}", from.id()))?;
    let mut at = from.clone();
    for link in &links[begin + 1..] {
        let next = PublicKey::parse(&link.public_key).ok_or_else(|| "a key of the pack can not be read".to_owned())?;
        let vouched = link.vouched.as_deref().unwrap_or_default();
        at.verify_minisign(next.file().as_bytes(), vouched)
            .map_err(|what| format!("the key {} does not vouch for {}: {what}", at.id(), next.id()))?;
        if next == *to {
            return Ok(());
        }
        at = next;
    }
    Err(format!("the key {} does not lead to {}", from.id(), to.id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(keys: &[&SigningKey]) -> Vec<KeyLink> {
        let vouched = |at: usize| {
            let before = at.checked_sub(1).map(|before| keys[before]);
            before.map(|before| before.minisign(keys[at].public().file().as_bytes(), "follows"))
        };
        (0..keys.len())
            .map(|at| KeyLink {
                public_key: keys[at].public().line(),
                made_at: Timestamp::UNIX_EPOCH,
                vouched: vouched(at),
            })
            .collect()
    }

    #[test]
    fn an_older_key_leads_to_a_newer_one_over_every_key_between_and_never_back() {
        let keys: Vec<SigningKey> = (0..3).map(|_| SigningKey::generate().unwrap()).collect();
        let [first, second, third] = [&keys[0], &keys[1], &keys[2]];
        let all = links(&[first, second, third]);
        assert_eq!(lead(&all, &first.public(), &third.public()), Ok(()));
        assert_eq!(lead(&all, &second.public(), &third.public()), Ok(()));
        assert!(lead(&all, &third.public(), &first.public()).unwrap_err().contains("does not lead to"));
        let stranger = SigningKey::generate().unwrap().public();
        assert!(lead(&all, &stranger, &third.public()).unwrap_err().contains("does not know the key"));
    }

    #[test]
    fn a_key_that_nobody_vouched_for_leads_nowhere() {
        let keys: Vec<SigningKey> = (0..3).map(|_| SigningKey::generate().unwrap()).collect();
        let (first, third) = (keys[0].public(), keys[2].public());
        // The thief's own key, put behind the first one; and a key left out between.
        for wrong in [links(&[&keys[1], &keys[2]]), links(&[&keys[1], &keys[0], &keys[2]])] {
            let mut wrong = wrong;
            wrong[0].public_key = first.line();
            assert!(lead(&wrong, &first, &third).is_err(), "{wrong:?}");
        }
        let mut silent = links(&[&keys[0], &keys[2]]);
        silent[1].vouched = None;
        assert!(lead(&silent, &first, &third).unwrap_err().contains("does not vouch for"));
    }
}
