//! Connections and their sealed credentials.

use secrecy::{ExposeSecret, SecretString};
use store::{Connection, Error, MasterKey, Place, Store, StreamKind};

use crate::bed::{Bed, ask, lines, minute};

on_both_engines!(
    a_connection_is_read_as_it_was_written,
    names_are_unique_without_regard_to_case,
    of_two_connections_of_one_name_that_are_added_at_once_one_is_refused,
    a_credential_opens_only_for_its_own_connection_and_hosts,
    a_credential_is_replaced_whole_and_the_stream_goes_on,
    the_secret_is_nowhere_in_the_database_in_plain_text,
    a_removed_connection_has_no_credential_and_sets_its_name_free,
    what_was_removed_in_the_meantime_is_not_changed,
    a_stream_keeps_its_schedule_and_state,
);

fn key(bed: &Bed) -> MasterKey {
    MasterKey::find(&bed.folder.path().join("master.key"), |_| None).unwrap()
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

pub(crate) fn connection(id: &str, name: &str) -> Connection {
    Connection {
        id: id.to_owned(),
        name: name.to_owned(),
        description: None,
        place: Place {
            region: Some("us".to_owned()),
            console_url: "https://console.jumpcloud.com".to_owned(),
            insights_url: "https://api.jumpcloud.com".to_owned(),
        },
        org_id: Some("o".to_owned()),
        org_name: Some("Acme".to_owned()),
        owner_name: None,
        owner_email: None,
        collector: None,
        enabled: true,
        credential_kind: "api_key".to_owned(),
        credential_last_four: "AAAA".to_owned(),
        credential_client_id: None,
        credential_added_at: minute(0),
        credential_created_at: None,
        credential_expires_at: None,
        created_at: minute(0),
    }
}

/// Adds a connection with a credential and one stream.
pub(crate) async fn add(bed: &Bed, store: &Store, connection: &Connection, text: &str) -> store::Result<()> {
    let streams = [(StreamKind::Inventory, "12h".to_owned(), Some(minute(0)))];
    store.add_connection(connection, &secret(text), &key(bed), &streams).await
}

async fn a_connection_is_read_as_it_was_written(bed: &Bed) {
    let store = bed.open().await;
    let written = Connection { description: Some("O'Neill; \"x\"\n\u{202e}".to_owned()), ..connection("1", "Acme") };
    add(bed, &store, &written, "s").await.unwrap();
    let read = store.find_connection("ACME ").await.unwrap().unwrap();
    assert_eq!(format!("{read:?}"), format!("{written:?}"));
    assert_eq!(store.find_connection("1").await.unwrap().unwrap().name, "Acme");
    assert!(store.find_connection("nobody").await.unwrap().is_none());
}

async fn names_are_unique_without_regard_to_case(bed: &Bed) {
    let store = bed.open().await;
    add(bed, &store, &connection("1", "Straße"), "s").await.unwrap();
    add(bed, &store, &connection("2", "Other"), "s").await.unwrap();
    for name in ["straße", "STRAßE", " Straße "] {
        let refused = add(bed, &store, &connection("3", name), "s").await;
        assert!(matches!(&refused, Err(Error::Refused(why)) if why.contains(name)), "{refused:?}");
        let refused = store.update_connection(&connection("2", name), minute(1)).await;
        assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    }
    // Its own name in another case is no clash.
    store.update_connection(&connection("1", "STRASSE"), minute(1)).await.unwrap();
    let names: Vec<String> = store.connections().await.unwrap().into_iter().map(|found| found.name).collect();
    assert_eq!(names, ["Other", "STRASSE"]);
}

async fn of_two_connections_of_one_name_that_are_added_at_once_one_is_refused(bed: &Bed) {
    let (here, there) = (bed.open().await, bed.open().await);
    let (one, two) = (connection("1", "Acme"), connection("2", "acme"));
    let added: [_; 2] = tokio::join!(add(bed, &here, &one, "s"), add(bed, &there, &two, "s")).into();
    assert_eq!(added.iter().filter(|added| added.is_ok()).count(), 1);
    assert!(added.iter().all(|added| matches!(added, Ok(()) | Err(Error::Refused(_)))), "{added:?}");
    assert_eq!(bed.count("stream").await, 1);
}

async fn a_credential_opens_only_for_its_own_connection_and_hosts(bed: &Bed) {
    let store = bed.open().await;
    add(bed, &store, &connection("1", "One"), "first").await.unwrap();
    add(bed, &store, &connection("2", "Two"), "second").await.unwrap();
    let opened = store.open_credential(&connection("1", "One"), &key(bed)).await.unwrap();
    assert_eq!(opened.expose_secret(), "first");

    let mut moved = connection("1", "One");
    moved.place.console_url = "https://evil.example".to_owned();
    assert!(matches!(store.open_credential(&moved, &key(bed)).await, Err(Error::Seal(_))));
    let mut moved = connection("1", "One");
    moved.place.insights_url = "https://evil.example".to_owned();
    assert!(matches!(store.open_credential(&moved, &key(bed)).await, Err(Error::Seal(_))));

    bed.behind("UPDATE connection SET credential_sealed = (SELECT credential_sealed FROM connection WHERE id = '2')")
        .await;
    assert!(matches!(store.open_credential(&connection("1", "One"), &key(bed)).await, Err(Error::Seal(_))));
    assert_eq!(store.open_credential(&connection("2", "Two"), &key(bed)).await.unwrap().expose_secret(), "second");

    let other = MasterKey::find(&bed.folder.path().join("other.key"), |_| None).unwrap();
    assert!(matches!(store.open_credential(&connection("2", "Two"), &other).await, Err(Error::Seal(_))));
}

async fn a_credential_is_replaced_whole_and_the_stream_goes_on(bed: &Bed) {
    let store = bed.open().await;
    let old = connection("1", "One");
    add(bed, &store, &old, "old").await.unwrap();
    let failing = store::StreamState { failures: 3, ..store::StreamState::default() };
    store.set_stream_state("1", StreamKind::Inventory, &failing, None).await.unwrap();

    let new = Connection {
        credential_kind: "service_account".to_owned(),
        credential_last_four: "BBBB".to_owned(),
        credential_client_id: Some("client".to_owned()),
        ..old.clone()
    };
    // Whoever reads meanwhile finds the old one or the new one, each with its own description, and never none.
    let replace = async {
        for _ in 0..10 {
            store.replace_credential(&new, &secret("new"), &key(bed), minute(5)).await.unwrap();
            store.replace_credential(&old, &secret("old"), &key(bed), minute(5)).await.unwrap();
        }
        store.replace_credential(&new, &secret("new"), &key(bed), minute(5)).await.unwrap();
    };
    let watch = async {
        for _ in 0..40 {
            let found = store.open_credential(&old, &key(bed)).await.unwrap();
            assert!(["old", "new"].contains(&found.expose_secret()));
            let found = store.find_connection("1").await.unwrap().unwrap();
            assert_eq!(found.credential_last_four == "BBBB", found.credential_kind == "service_account");
        }
    };
    tokio::join!(replace, watch);
    assert_eq!(store.open_credential(&old, &key(bed)).await.unwrap().expose_secret(), "new");
    let read = store.find_connection("One").await.unwrap().unwrap();
    assert_eq!((read.credential_last_four.as_str(), read.credential_added_at), ("BBBB", minute(5)));
    assert_eq!(store.streams(Some("1")).await.unwrap()[0].next_run_at, Some(minute(5)), "it need not wait any longer");
}

async fn the_secret_is_nowhere_in_the_database_in_plain_text(bed: &Bed) {
    let store = bed.open().await;
    add(bed, &store, &connection("1", "One"), "jca_CANARY0123456789").await.unwrap();
    let sealed = &bed.behind("SELECT credential_sealed FROM connection").await[0][0];
    assert!(sealed.starts_with("v1.") && !sealed.contains("CANARY"));
    for row in ask(&store, "SELECT * FROM connections").await.unwrap().rows {
        assert!(!format!("{row:?}").contains(sealed.as_str()));
    }
    let Some(file) = bed.file() else { return };
    for entry in std::fs::read_dir(file.parent().unwrap()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"CANARY"), "{}", path.display());
    }
}

async fn a_removed_connection_has_no_credential_and_sets_its_name_free(bed: &Bed) {
    let store = bed.open().await;
    add(bed, &store, &connection("1", "One"), "s").await.unwrap();
    store.remove_connection(&connection("1", "One"), minute(1)).await.unwrap();
    assert!(store.connections().await.unwrap().is_empty());
    assert!(store.streams(None).await.unwrap().is_empty());
    assert!(matches!(store.open_credential(&connection("1", "One"), &key(bed)).await, Err(Error::Seal(_))));
    assert_eq!(bed.behind("SELECT COALESCE(credential_sealed, 'none') FROM connection").await, [["none"]]);
    assert!(lines(&ask(&store, "SELECT name FROM connections").await.unwrap()).is_empty());
    add(bed, &store, &connection("2", "one"), "s").await.unwrap();
}

async fn what_was_removed_in_the_meantime_is_not_changed(bed: &Bed) {
    let store = bed.open().await;
    let gone = connection("1", "One");
    add(bed, &store, &gone, "s").await.unwrap();
    store.remove_connection(&gone, minute(1)).await.unwrap();
    assert!(matches!(store.update_connection(&gone, minute(2)).await, Err(Error::Refused(_))));
    let replaced = store.replace_credential(&gone, &secret("new"), &key(bed), minute(2)).await;
    assert!(matches!(replaced, Err(Error::Refused(_))));
    assert_eq!(bed.behind("SELECT COALESCE(credential_sealed, 'none') FROM connection").await, [["none"]]);
}

async fn a_stream_keeps_its_schedule_and_state(bed: &Bed) {
    let store = bed.open().await;
    add(bed, &store, &connection("1", "One"), "s").await.unwrap();
    store.set_schedule("1", StreamKind::Inventory, "0 6 * * *", Some(minute(9))).await.unwrap();
    let state = store::StreamState {
        last_started_at: Some(minute(1)),
        last_outcome: Some(store::Outcome::Failed),
        last_success_at: None,
        failing_since: Some(minute(1)),
        failures: 2,
        failure_code: Some("key_rejected".to_owned()),
        failure: Some("the key was refused".to_owned()),
        failure_help: Some("give a new one".to_owned()),
    };
    store.set_stream_state("1", StreamKind::Inventory, &state, Some(minute(30))).await.unwrap();
    let read = store.streams(Some("1")).await.unwrap().remove(0);
    assert_eq!((read.schedule.as_str(), read.next_run_at), ("0 6 * * *", Some(minute(30))));
    assert_eq!(format!("{:?}", read.state), format!("{state:?}"));
}
