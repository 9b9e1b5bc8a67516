//! Object stores that are not there, refuse, or have no such bucket: told in words, and the position stays.

use std::time::Duration;

use deliver::{Access, Archiver, Layout, PlaceUrl, When};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::bed::{Bed, next_day, run, run_when};

on_both_engines!(
    an_unreachable_store_is_told_and_the_position_stays,
    a_wrong_bucket_is_told_and_the_position_stays,
    a_refused_credential_is_told_and_never_shown,
    a_folder_that_is_gone_is_no_empty_archive,
    a_credential_opens_for_its_archive_and_place_only,
);

const ORG: &str = "5f0000000000000000000001";

fn access() -> Access {
    Access { allow_loopback: true, patience: Duration::ZERO, ..Access::default() }
}

fn credential() -> SecretString {
    let url = PlaceUrl::parse("s3://bucket/events", std::path::Path::new("/")).unwrap();
    url.parse_credential("AWS_ACCESS_KEY_ID=AKIACANARY\nAWS_SECRET_ACCESS_KEY=SECRETCANARY").unwrap()
}

/// An archive in a bucket behind this endpoint.
async fn bucket(bed: &Bed, endpoint: String) -> Archiver {
    let archive = bed.unsaved("lake", "s3://bucket/events", Layout::Hive, Some(endpoint));
    bed.save(&archive).await;
    Archiver::open(&bed.store, &archive, Some(&credential()), &access()).unwrap()
}

/// An object store that answers every request with this.
async fn answering(status: &'static str, body: &'static str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = vec![0; 65_536];
                while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                    let answer = format!(
                        "HTTP/1.1 {status}\r\ncontent-type: application/xml\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                        body.len()
                    );
                    let _ = stream.write_all(answer.as_bytes()).await;
                    let _ = stream.shutdown().await;
                }
            });
        }
    });
    url
}

/// A run fails with this code, its words name the place and no secret, and the next run in a good place has everything.
async fn assert_told_and_kept(bed: &Bed, endpoint: String, code: &str) {
    bed.seal_day(ORG).await;
    let archiver = bucket(bed, endpoint).await;
    let error = run_when(&archiver, When::DayIsOver, next_day()).await.unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    let words = format!("{error} {error:?} {archiver:?}");
    assert!(words.contains("s3://bucket/events"), "{words}");
    assert!(!words.contains("CANARY"), "{words}");
    assert!(error.help().is_some());
    let noted = bed.store.find_archive("lake").await.unwrap().unwrap().state;
    assert_eq!((noted.failures, noted.failure_code.as_deref()), (1, Some(code)));
    assert_eq!(noted.failing_since, Some(next_day()));
    assert!(bed.store.archived_objects("id of lake", None).await.unwrap().is_empty());
    // The place is mended; the archive goes on from where it was.
    let store = std::sync::Arc::new(object_store::memory::InMemory::new());
    let mended = archiver.with_place(deliver::Place::of_store(store, "memory"));
    assert_eq!(run(&mended).await.events, 120);
    assert!(mended.verify(next_day()).await.unwrap().differences.is_empty());
    let noted = bed.store.find_archive("lake").await.unwrap().unwrap().state;
    assert_eq!((noted.failures, noted.failing_since, noted.last_success_at), (0, None, Some(next_day())));
}

async fn an_unreachable_store_is_told_and_the_position_stays(bed: &Bed) {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_told_and_kept(bed, format!("http://{free}"), "unreachable").await;
}

async fn a_wrong_bucket_is_told_and_the_position_stays(bed: &Bed) {
    let body = "<?xml version=\"1.0\"?><Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>";
    assert_told_and_kept(bed, answering("404 Not Found", body).await, "not_found").await;
}

async fn a_refused_credential_is_told_and_never_shown(bed: &Bed) {
    let body = "<?xml version=\"1.0\"?><Error><Code>InvalidAccessKeyId</Code><Message>no such key</Message></Error>";
    assert_told_and_kept(bed, answering("403 Forbidden", body).await, "credential").await;
}

async fn a_folder_that_is_gone_is_no_empty_archive(bed: &Bed) {
    bed.seal_day(ORG).await;
    run(&bed.archive("a", Layout::Hive).await).await;
    std::fs::remove_dir_all(bed.place()).unwrap();
    let archive = bed.store.find_archive("a").await.unwrap().unwrap();
    let error = Archiver::open(&bed.store, &archive, None, &Access::default()).unwrap_err();
    assert_eq!(error.code(), "not_found", "{error}");
    assert!(!bed.place().exists());
}

async fn a_credential_opens_for_its_archive_and_place_only(bed: &Bed) {
    use secrecy::ExposeSecret as _;
    let key = store::MasterKey::find(&bed.folder.path().join("master.key"), |_| None).unwrap();
    let archive = bed.unsaved("lake", "s3://bucket/events", Layout::Hive, None);
    bed.store.add_archive(&archive, Some(&credential()), &key).await.unwrap();
    assert!(bed.store.add_archive(&archive, None, &key).await.is_err(), "the name is taken");
    let saved = bed.store.find_archive("LAKE").await.unwrap().unwrap();
    assert!(saved.has_credential && !format!("{saved:?}").contains("CANARY"));
    let opened = bed.store.archive_credential(&saved, &key).await.unwrap().unwrap();
    assert_eq!(opened.expose_secret(), credential().expose_secret());
    let elsewhere = store::Archive { url: "s3://other/events".to_owned(), ..saved };
    assert!(bed.store.archive_credential(&elsewhere, &key).await.is_err());
}
