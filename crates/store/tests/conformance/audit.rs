//! The audit log: lines that are only ever added, and a chain that tells when one was changed.

use serde_json::json;
use store::{AuditEntry, Store};

use crate::bed::{Bed, minute};

on_both_engines!(
    a_line_is_read_as_it_was_written,
    a_chain_that_nobody_touched_is_whole,
    a_line_that_was_changed_breaks_the_chain,
    a_line_that_was_removed_breaks_the_chain,
    an_end_that_was_cut_off_is_noticed,
    lines_that_are_written_at_once_follow_one_another,
    who_sees_some_organizations_sees_only_their_lines,
);

fn entry(number: i64) -> AuditEntry {
    AuditEntry {
        at: minute(number),
        actor: "mara\0".to_owned(),
        actor_kind: "person".to_owned(),
        address: "192.0.2.1:4711".to_owned(),
        org_id: (number % 2 == 0).then(|| "even".to_owned()),
        action: "connection.rotate".to_owned(),
        object: format!("Acme \"{number}\" 日本"),
        detail: json!({ "before": { "name": "a|b", "n": 1.5 }, "after": null }),
        outcome: "done".to_owned(),
        request_id: format!("r{number}"),
    }
}

async fn write(store: &Store, lines: i64) {
    for number in 1..=lines {
        assert_eq!(store.audit(&entry(number)).await.unwrap(), number);
    }
}

async fn a_line_is_read_as_it_was_written(bed: &Bed) {
    let store = bed.open().await;
    write(&store, 3).await;
    let lines = store.audit_lines(None, "", None, 10).await.unwrap();
    assert_eq!(lines.iter().map(|line| line.number).collect::<Vec<_>>(), [3, 2, 1]);
    let (read, written) = (&lines[1].entry, entry(2));
    assert_eq!((read.at, &read.object, &read.detail), (written.at, &written.object, &written.detail));
    assert_eq!(read.org_id.as_deref(), Some("even"));
    assert_eq!(store.audit_lines(Some(3), "", None, 1).await.unwrap()[0].number, 2);
    assert_eq!(store.audit_lines(None, "ACME \"3\"", None, 10).await.unwrap().len(), 1);
    assert_eq!(store.audit_lines(None, "nobody", None, 10).await.unwrap().len(), 0);
}

async fn a_chain_that_nobody_touched_is_whole(bed: &Bed) {
    let store = bed.open().await;
    let empty = store.verify_audit().await.unwrap();
    assert_eq!((empty.lines, empty.broken), (0, None));
    write(&store, 5).await;
    let proof = store.verify_audit().await.unwrap();
    assert_eq!((proof.lines, proof.broken), (5, None));
    assert_eq!(proof.head, store.audit_lines(None, "", None, 1).await.unwrap()[0].hash);
}

async fn a_line_that_was_changed_breaks_the_chain(bed: &Bed) {
    let store = bed.open().await;
    write(&store, 4).await;
    for column in ["actor", "address", "action", "object", "outcome", "request_id"] {
        let before = bed.behind(&format!("SELECT {column} FROM audit_line WHERE number = 2")).await[0][0].clone();
        bed.behind(&format!("UPDATE audit_line SET {column} = 'somebody else' WHERE number = 2")).await;
        let proof = store.verify_audit().await.unwrap();
        assert_eq!(proof.broken.as_ref().map(|(number, _)| *number), Some(2), "{column}: {proof:?}");
        let back = before.replace('\'', "''");
        bed.behind(&format!("UPDATE audit_line SET {column} = '{back}' WHERE number = 2")).await;
        assert_eq!(store.verify_audit().await.unwrap().broken, None, "{column}");
    }
}

async fn a_line_that_was_removed_breaks_the_chain(bed: &Bed) {
    let store = bed.open().await;
    write(&store, 4).await;
    bed.behind("DELETE FROM audit_line WHERE number = 2").await;
    let broken = store.verify_audit().await.unwrap().broken.unwrap();
    assert_eq!(broken.0, 3);
    assert!(broken.1.contains("line 2 is missing"), "{broken:?}");
}

async fn an_end_that_was_cut_off_is_noticed(bed: &Bed) {
    let store = bed.open().await;
    write(&store, 4).await;
    bed.behind("DELETE FROM audit_line WHERE number > 2").await;
    let broken = store.verify_audit().await.unwrap().broken.unwrap();
    assert!(broken.1.contains("4 lines were written"), "{broken:?}");
}

async fn lines_that_are_written_at_once_follow_one_another(bed: &Bed) {
    let (one, other) = (bed.open().await, bed.open().await);
    let entries: Vec<AuditEntry> = (1..=20).map(entry).collect();
    let written =
        entries.iter().enumerate().map(|(at, entry)| if at % 2 == 0 { one.audit(entry) } else { other.audit(entry) });
    for number in futures::future::join_all(written).await {
        number.unwrap();
    }
    let proof = one.verify_audit().await.unwrap();
    assert_eq!((proof.lines, proof.broken), (20, None));
}

async fn who_sees_some_organizations_sees_only_their_lines(bed: &Bed) {
    let store = bed.open().await;
    write(&store, 4).await;
    let within = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    let seen = store.audit_lines(None, "", Some(&within(&["even", "x"])), 10).await.unwrap();
    assert_eq!(seen.iter().map(|line| line.number).collect::<Vec<_>>(), [4, 2]);
    assert!(store.audit_lines(None, "", Some(&within(&["eve", "odd"])), 10).await.unwrap().is_empty());
    assert!(store.audit_lines(None, "", Some(&[]), 10).await.unwrap().is_empty());
}
