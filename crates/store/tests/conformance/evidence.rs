//! Evidence packs: one key that opens with its master key alone, and a chain without a branch.

use secrecy::{ExposeSecret as _, SecretString};
use store::{Error, EvidenceKey, EvidencePack, MasterKey};

use crate::bed::{Bed, ask, holder, minute};

on_both_engines!(
    the_first_signing_key_stays_the_key,
    the_signing_key_opens_with_its_own_master_key_alone,
    a_replaced_key_is_known_and_its_secret_forgotten,
    packs_follow_each_other_without_a_branch,
    a_process_that_lost_its_lease_adds_no_pack,
);

fn master(bed: &Bed, name: &str) -> MasterKey {
    MasterKey::find(&bed.folder.path().join(name), |_| None).unwrap()
}

fn key(public: &str, secret: &str) -> EvidenceKey {
    EvidenceKey { public_key: public.to_owned(), secret: SecretString::from(secret.to_owned()) }
}

fn pack(number: i64, previous: Option<&str>) -> EvidencePack {
    EvidencePack {
        number,
        org_id: "o".to_owned(),
        framework: "soc2".to_owned(),
        from: minute(0),
        to: minute(5),
        as_of: minute(5),
        made_at: minute(6),
        made_by: "tester".to_owned(),
        files: 3,
        bytes: 1_000,
        digest: format!("digest{number}"),
        previous: previous.map(str::to_owned),
        public_key: "RW".to_owned(),
    }
}

async fn the_first_signing_key_stays_the_key(bed: &Bed) {
    let (store, master) = (bed.open().await, master(bed, "master.key"));
    assert!(store.evidence_key(&master).await.unwrap().is_none());
    store.add_evidence_key(&key("one", "SECRET1"), &master, minute(0)).await.unwrap();
    store.add_evidence_key(&key("two", "SECRET2"), &master, minute(1)).await.unwrap();
    let kept = store.evidence_key(&master).await.unwrap().unwrap();
    assert_eq!((kept.public_key.as_str(), kept.secret.expose_secret()), ("one", "SECRET1"));
}

async fn the_signing_key_opens_with_its_own_master_key_alone(bed: &Bed) {
    let store = bed.open().await;
    store.add_evidence_key(&key("one", "SECRET1"), &master(bed, "a.key"), minute(0)).await.unwrap();
    let refused = store.evidence_key(&master(bed, "b.key")).await.unwrap_err();
    assert!(refused.to_string().contains("another master key"), "{refused}");
    // Another public key beside the same secret would make others trust what nobody signed.
    bed.behind("UPDATE evidence_key SET public_key = 'two'").await;
    assert!(matches!(store.evidence_key(&master(bed, "a.key")).await, Err(Error::Seal(_))));
}

async fn a_replaced_key_is_known_and_its_secret_forgotten(bed: &Bed) {
    let (store, master) = (bed.open().await, master(bed, "master.key"));
    store.add_evidence_key(&key("one", "SECRET1"), &master, minute(0)).await.unwrap();
    store.replace_evidence_key("one", &key("two", "SECRET2"), "signed by one", &master, minute(1)).await.unwrap();
    let kept = store.evidence_key(&master).await.unwrap().unwrap();
    assert_eq!((kept.public_key.as_str(), kept.secret.expose_secret()), ("two", "SECRET2"));
    let late = store.replace_evidence_key("one", &key("three", "SECRET3"), "x", &master, minute(2)).await.unwrap_err();
    assert!(matches!(late, Error::Refused(_)), "{late}");
    let keys = store.evidence_keys().await.unwrap();
    let told: Vec<_> = keys.iter().map(|key| (key.public_key.as_str(), key.vouched.as_deref())).collect();
    assert_eq!(told, [("one", None), ("two", Some("signed by one"))]);
    let secrets = bed.behind("SELECT secret_sealed FROM evidence_key WHERE public_key = 'one'").await;
    assert_eq!(secrets, [[""]]);
}

async fn packs_follow_each_other_without_a_branch(bed: &Bed) {
    let store = bed.open().await;
    let lease = store.take_lease("evidence", "a pack", &holder(), minute(0)).await.unwrap();
    store.add_evidence_pack(&pack(1, None), &lease, minute(0)).await.unwrap();
    for wrong in [pack(1, None), pack(2, None), pack(3, Some("digest1")), pack(2, Some("digest0"))] {
        let refused = store.add_evidence_pack(&wrong, &lease, minute(0)).await.unwrap_err();
        assert!(refused.to_string().contains("make this one again"), "{refused}");
    }
    store.add_evidence_pack(&pack(2, Some("digest1")), &lease, minute(0)).await.unwrap();
    assert_eq!(store.evidence_packs().await.unwrap(), [pack(1, None), pack(2, Some("digest1"))]);
    assert_eq!(store.newest_evidence_pack().await.unwrap(), Some(pack(2, Some("digest1"))));
    let seen = ask(&store, "SELECT number, digest, previous FROM evidence_packs ORDER BY number").await.unwrap();
    assert_eq!(seen.rows.len(), 2, "{seen:?}");
}

async fn a_process_that_lost_its_lease_adds_no_pack(bed: &Bed) {
    let store = bed.open().await;
    let lost = store.take_lease("evidence", "a pack", &holder(), minute(0)).await.unwrap();
    store.take_lease("evidence", "a pack", &holder(), minute(5)).await.unwrap();
    let refused = store.add_evidence_pack(&pack(1, None), &lost, minute(5)).await.unwrap_err();
    assert!(matches!(refused, Error::LeaseLost), "{refused}");
    assert_eq!(bed.count("evidence_pack").await, 0);
}
