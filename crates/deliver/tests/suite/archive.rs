//! What an archive promises: it holds what is sealed, each event once, whatever happens in between.

use std::collections::BTreeMap;

use deliver::{Archiver, DifferenceKind, Layout, Verified, When};
use serde_json::Value;
use store::events::{EventFilter, EventOrder};

use crate::bed::{Bed, at, files, holder, next_day, raw, run, run_when};
use crate::read::{assert_same, events};

on_both_engines!(
    every_sealed_event_is_in_the_archive_once_with_its_ocsf_values,
    the_same_events_are_the_same_objects,
    nothing_is_written_twice_and_a_late_event_rewrites_its_objects,
    a_window_that_is_being_read_again_stays_in_the_archive_as_it_was,
    an_object_of_a_class_that_no_longer_occurs_is_removed,
    a_run_that_was_cut_short_before_its_position_moved_doubles_nothing,
    a_run_whose_lease_was_taken_over_does_not_move_the_position,
    only_one_run_at_a_time_writes_an_archive,
    verify_names_what_is_missing_changed_and_too_much,
    verify_names_the_hour_whose_events_are_not_those_of_the_ledger,
    what_is_sealed_and_not_written_is_behind_and_no_damage,
    what_the_retention_removes_stays_in_the_archive_and_proven,
    an_event_that_tells_a_wrong_time_is_archived_where_it_is_filed,
    an_organization_with_a_hostile_id_has_a_place_of_its_own,
    security_lake_has_a_source_for_each_class_in_ocsf_1_1_0_and_times_in_milliseconds,
    an_archive_that_is_removed_leaves_its_objects,
    a_day_of_many_row_groups_reads_back_whole,
);

const ORG: &str = "5f0000000000000000000001";

fn kinds(verified: &Verified) -> Vec<DifferenceKind> {
    let mut kinds: Vec<DifferenceKind> = verified.differences.iter().map(|difference| difference.kind).collect();
    kinds.sort();
    kinds
}

async fn assert_proven(archiver: &Archiver) -> Verified {
    let verified = archiver.verify(next_day()).await.unwrap();
    assert!(verified.differences.is_empty(), "{:?}", verified.differences);
    verified
}

/// The events of all files, by identity; fails if one is there twice.
fn archived(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for (path, file) in files {
        let mut last = i64::MIN;
        for event in events(file.clone()) {
            assert!(path.contains(&format!("class={}/", event["class_uid"])), "{path}");
            assert!(event["time"].as_i64().unwrap() >= last, "{path} is not in the order of time");
            last = event["time"].as_i64().unwrap();
            let uid = event["metadata"]["uid"].as_str().unwrap().to_owned();
            assert!(found.insert(uid, event).is_none(), "{path} has an event for the second time");
        }
    }
    found
}

async fn every_sealed_event_is_in_the_archive_once_with_its_ocsf_values(bed: &Bed) {
    bed.seal_day(ORG).await;
    bed.seal_day("5f0000000000000000000002").await;
    let archiver = bed.archive("all", Layout::Hive).await;
    let report = run(&archiver).await;
    assert_eq!((report.units, report.events), (2, 240));
    let files = files(&bed.place());
    assert_eq!(files.len() as u64, report.objects);
    let found = archived(&files);
    let mut expected = Vec::new();
    bed.store
        .export_events(&EventFilter::default(), EventOrder::OldestFirst, true, |event| {
            let mut line = Vec::new();
            let received = deliver::received(&event, true);
            ocsf::Mapper::new().read(event.raw.as_deref().unwrap()).write_ocsf(&received, &mut line);
            expected.push(serde_json::from_slice::<Value>(&line).unwrap());
            std::ops::ControlFlow::Continue(())
        })
        .await
        .unwrap();
    assert_eq!((found.len(), expected.len()), (240, 240));
    for event in expected {
        let uid = event["metadata"]["uid"].as_str().unwrap();
        assert_same(&found[uid], &event, uid);
    }
    assert_eq!(assert_proven(&archiver).await.events, 240);
}

async fn the_same_events_are_the_same_objects(bed: &Bed) {
    bed.seal_day(ORG).await;
    let archiver = bed.archive("first", Layout::Hive).await;
    run(&archiver).await;
    let first = files(&bed.place());
    std::fs::remove_dir_all(bed.place()).unwrap();
    let archiver = bed.archive("second", Layout::Hive).await;
    run(&archiver).await;
    assert!(first == files(&bed.place()), "the bytes differ");
    assert!(!first.is_empty());
}

async fn nothing_is_written_twice_and_a_late_event_rewrites_its_objects(bed: &Bed) {
    bed.seal_day(ORG).await;
    let archiver = bed.archive("a", Layout::Hive).await;
    run(&archiver).await;
    let before = files(&bed.place());
    assert_eq!(run(&archiver).await, deliver::Report::default());
    bed.seal(ORG, 3, &[raw(900, at(3, 30))]).await;
    let report = run(&archiver).await;
    assert_eq!((report.units, report.events), (1, 121));
    let after = files(&bed.place());
    assert_eq!(archived(&after).len(), 121);
    assert_eq!(before.keys().filter(|path| after.contains_key(*path)).count(), before.len(), "names changed");
    assert_proven(&archiver).await;
}

async fn a_window_that_is_being_read_again_stays_in_the_archive_as_it_was(bed: &Bed) {
    bed.seal_day(ORG).await;
    let archiver = bed.archive("a", Layout::Hive).await;
    run(&archiver).await;
    let before = files(&bed.place());
    let lease = bed.store.take_lease(&format!("events {ORG}"), "the sync", &holder(), at(0, 0)).await.unwrap();
    let mut writer = bed.store.event_writer(ORG, &lease, at(0, 0)).await.unwrap();
    writer.reopen(store::events::Hour::of(at(5, 0)), "the count changed", at(30, 0)).await.unwrap();
    bed.store.release_lease(lease).await.unwrap();
    assert_eq!(run_when(&archiver, When::Now, next_day()).await.unwrap().waiting, 1);
    assert!(before == files(&bed.place()));
    assert_eq!(assert_proven(&archiver).await.windows, 23);
}

async fn an_object_of_a_class_that_no_longer_occurs_is_removed(bed: &Bed) {
    bed.seal_day(ORG).await;
    let archiver = bed.archive("a", Layout::Hive).await;
    run(&archiver).await;
    // What a better mapping does: the class of an event changes, and its old object goes.
    let odd = bed.place().join(format!("class=5019/org_id={ORG}/day=2026-11-20/jumpseat-20261120.parquet"));
    let key = store::UnitKey { org_id: ORG.to_owned(), day: 20_777, hour: None };
    let had_it = odd.exists();
    assert!(had_it, "the events of the test have all classes");
    let mut objects = bed.store.archived_objects("id of a", Some(ORG)).await.unwrap();
    let gone = objects.iter().position(|object| object.class_uid == 5019).unwrap();
    objects[gone].class_uid = 9_999;
    objects[gone].path = "class=9999/old.parquet".to_owned();
    std::fs::create_dir_all(bed.place().join("class=9999")).unwrap();
    std::fs::rename(&odd, bed.place().join("class=9999/old.parquet")).unwrap();
    let unit = bed.store.archived_units("id of a", Some(ORG)).await.unwrap().remove(0);
    assert_eq!(unit.key, key);
    let lease = bed.store.take_lease("archive id of a", "the archive", &holder(), next_day()).await.unwrap();
    bed.store.archived("id of a", &unit, &objects, &lease, next_day()).await.unwrap();
    bed.store.release_lease(lease).await.unwrap();
    bed.seal(ORG, 3, &[raw(900, at(3, 30))]).await;
    assert_eq!(run(&archiver).await.removed, 1);
    assert!(!bed.place().join("class=9999/old.parquet").exists());
    assert_eq!(archived(&files(&bed.place())).len(), 121);
    assert_proven(&archiver).await;
}

async fn a_run_that_was_cut_short_before_its_position_moved_doubles_nothing(bed: &Bed) {
    bed.seal_day(ORG).await;
    // Everything is written under another id: objects are there, and this archive's position knows nothing of them.
    run(&bed.archive("dead", Layout::Hive).await).await;
    let before = files(&bed.place());
    let archiver = bed.archive("a", Layout::Hive).await;
    let key = store::UnitKey { org_id: ORG.to_owned(), day: 20_777, hour: None };
    let lease = bed.store.take_lease("archive id of a", "the archive", &holder(), next_day()).await.unwrap();
    bed.store.begin_archiving("id of a", &key, &lease, next_day()).await.unwrap();
    bed.store.release_lease(lease).await.unwrap();
    // What a killed process was writing, and an object of a class that does not occur.
    let path = before.keys().next().unwrap();
    std::fs::write(bed.place().join(format!("{path}#1")), b"half").unwrap();
    let none = format!("class=0/org_id={ORG}/day=2026-11-20/jumpseat-20261120.parquet");
    std::fs::create_dir_all(bed.place().join(&none).parent().unwrap()).unwrap();
    std::fs::write(bed.place().join(&none), b"of another mapping").unwrap();
    assert!(kinds(&archiver.verify(next_day()).await.unwrap()).contains(&DifferenceKind::Behind));
    assert_eq!(run(&archiver).await.events, 120);
    assert!(before == files(&bed.place()));
    assert_proven(&archiver).await;
}

async fn a_run_whose_lease_was_taken_over_does_not_move_the_position(bed: &Bed) {
    bed.seal_day(ORG).await;
    let archiver = bed.archive("a", Layout::Hive).await;
    let lease = bed.store.take_lease("archive id of a", "the archive", &holder(), at(0, 0)).await.unwrap();
    // A minute without a sign of life.
    let other = bed.store.take_lease("archive id of a", "the archive", &holder(), next_day()).await.unwrap();
    let key = store::UnitKey { org_id: ORG.to_owned(), day: 20_777, hour: None };
    let error = bed.store.begin_archiving("id of a", &key, &lease, next_day()).await.unwrap_err();
    assert!(matches!(error, store::Error::LeaseLost), "{error}");
    assert!(bed.store.archived_units("id of a", None).await.unwrap().is_empty());
    bed.store.release_lease(other).await.unwrap();
    assert_eq!(run(&archiver).await.events, 120);
}

async fn only_one_run_at_a_time_writes_an_archive(bed: &Bed) {
    bed.seal_day(ORG).await;
    let archiver = bed.archive("a", Layout::Hive).await;
    let lease = bed.store.take_lease("archive id of a", "the archive", &holder(), next_day()).await.unwrap();
    assert_eq!(run_when(&archiver, When::Now, next_day()).await.unwrap_err().code(), "held");
    bed.store.release_lease(lease).await.unwrap();
    assert_eq!(run(&archiver).await.units, 1);
}

async fn verify_names_what_is_missing_changed_and_too_much(bed: &Bed) {
    bed.seal_day(ORG).await;
    let archiver = bed.archive("a", Layout::Hive).await;
    run(&archiver).await;
    let paths: Vec<String> = files(&bed.place()).into_keys().collect();
    let (missing, changed) = (&paths[0], &paths[1]);
    let extra = format!("class=3002/org_id={ORG}/day=2026-11-20/copy.parquet");
    std::fs::copy(bed.place().join(missing), bed.place().join(&extra)).unwrap();
    std::fs::remove_file(bed.place().join(missing)).unwrap();
    let mut bytes = std::fs::read(bed.place().join(changed)).unwrap();
    bytes[10] ^= 1;
    std::fs::write(bed.place().join(changed), bytes).unwrap();
    let verified = archiver.verify(next_day()).await.unwrap();
    for (kind, path) in
        [(DifferenceKind::Missing, missing), (DifferenceKind::Changed, changed), (DifferenceKind::Extra, &extra)]
    {
        let named = verified.differences.iter().any(|difference| difference.kind == kind && difference.what == *path);
        assert!(named, "{kind:?} {path}: {:?}", verified.differences);
    }
    assert_eq!(verified.differences.len(), 3, "{:?}", verified.differences);
    // A file of other events in the place of an object.
    std::fs::copy(bed.place().join(&paths[2]), bed.place().join(changed)).unwrap();
    assert!(kinds(&archiver.verify(next_day()).await.unwrap()).contains(&DifferenceKind::Changed));
    // Writing it again mends it.
    let options = deliver::RunOptions { when: When::DayIsOver, again: true };
    let stop = tokio_util::sync::CancellationToken::new();
    archiver.run(options, &holder(), next_day, &stop).await.unwrap();
    std::fs::remove_file(bed.place().join(&extra)).unwrap();
    assert_proven(&archiver).await;
}

async fn verify_names_the_hour_whose_events_are_not_those_of_the_ledger(bed: &Bed) {
    bed.seal_day(ORG).await;
    let archiver = bed.archive("a", Layout::Hive).await;
    run(&archiver).await;
    bed.seal(ORG, 3, &[raw(900, at(3, 30))]).await;
    let verified = archiver.verify(next_day()).await.unwrap();
    let differs: Vec<_> =
        verified.differences.iter().filter(|difference| difference.kind == DifferenceKind::Differs).collect();
    assert_eq!(differs.len(), 1, "{:?}", verified.differences);
    assert_eq!(differs[0].what, "2026-11-20T03:00:00.000Z");
    assert!(differs[0].detail.contains("6 events") && differs[0].detail.contains('5'), "{}", differs[0].detail);
}

async fn what_is_sealed_and_not_written_is_behind_and_no_damage(bed: &Bed) {
    bed.seal_day(ORG).await;
    let archiver = bed.archive("a", Layout::Hive).await;
    assert_eq!(kinds(&archiver.verify(next_day()).await.unwrap()), [DifferenceKind::Behind]);
    run(&archiver).await;
    assert_eq!(assert_proven(&archiver).await.windows, 24);
}

async fn what_the_retention_removes_stays_in_the_archive_and_proven(bed: &Bed) {
    bed.seal_day(ORG).await;
    let archiver = bed.archive("a", Layout::Hive).await;
    run(&archiver).await;
    let before = files(&bed.place());
    let lease = bed.store.take_lease(&format!("events {ORG}"), "the sync", &holder(), at(0, 0)).await.unwrap();
    let mut writer = bed.store.event_writer(ORG, &lease, at(0, 0)).await.unwrap();
    writer.remove_before(at(12, 0), next_day(), || true).await.unwrap();
    bed.store.release_lease(lease).await.unwrap();
    bed.seal(ORG, 20, &[raw(900, at(20, 30))]).await;
    assert_eq!(run_when(&archiver, When::Now, next_day()).await.unwrap().units, 0);
    assert!(before == files(&bed.place()));
    // The late event can not be added any more without losing the others; that is told.
    assert_eq!(kinds(&archiver.verify(next_day()).await.unwrap()), [DifferenceKind::Differs]);
}

async fn an_event_that_tells_a_wrong_time_is_archived_where_it_is_filed(bed: &Bed) {
    let wrong = raw(1, at(24 * 300, 0));
    let none = r#"{"id":"none","event_type":"user_login_attempt","service":"directory"}"#.to_owned();
    bed.seal(ORG, 3, &[wrong, none, raw(2, at(3, 2))]).await;
    let archiver = bed.archive("a", Layout::Hive).await;
    assert_eq!(run_when(&archiver, When::Now, next_day()).await.unwrap().events, 3);
    let verified = archiver.verify(next_day()).await.unwrap();
    assert_eq!((verified.windows, verified.differences.len()), (1, 0), "{:?}", verified.differences);
    assert!(files(&bed.place()).keys().all(|path| path.contains("day=2026-11-20")));
}

async fn an_organization_with_a_hostile_id_has_a_place_of_its_own(bed: &Bed) {
    let hostile = ["../../../escape", "a/b", "a%2Fb", "..", "ä b"];
    for org_id in hostile {
        bed.seal(org_id, 3, &[raw(1, at(3, 1)), raw(2, at(3, 2))]).await;
    }
    let archiver = bed.archive("a", Layout::Hive).await;
    let report = run_when(&archiver, When::Now, next_day()).await.unwrap();
    assert_eq!(report.events, 10);
    let files = files(&bed.place());
    assert_eq!(files.len() as u64, report.objects);
    assert!(files.keys().all(|path| path.split('/').count() == 4), "{:?}", files.keys());
    let outside = bed.folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(
        outside.into_iter().all(|name| name == "archive" || name.starts_with("jumpseat.db") || name == "master.key")
    );
    let verified = archiver.verify(next_day()).await.unwrap();
    assert_eq!((verified.windows, verified.events), (5, 10));
    assert!(verified.differences.is_empty(), "{:?}", verified.differences);
}

async fn security_lake_has_a_source_for_each_class_in_ocsf_1_1_0_and_times_in_milliseconds(bed: &Bed) {
    bed.seal_day(ORG).await;
    let lake = Layout::SecurityLake {
        source: "jumpcloud".to_owned(),
        region: "eu-central-1".to_owned(),
        account: "123456789012".to_owned(),
    };
    let archiver = bed.archive("lake", lake).await;
    assert_eq!(run(&archiver).await.events, 120);
    let files = files(&bed.place());
    let sign_ins = format!(
        "ext/jumpcloud-3002/region=eu-central-1/accountId=123456789012/eventDay=20261120/jumpseat-{ORG}-20261120.parquet"
    );
    let found = events(files[&sign_ins].clone());
    assert!(!found.is_empty());
    assert!(found.iter().all(|event| event["class_uid"] == 3002 && event["time"].is_i64()));
    for (path, file) in &files {
        for event in events(file.clone()) {
            assert_eq!(event["metadata"]["version"], "1.1.0");
            assert!(path.starts_with(&format!("ext/jumpcloud-{}/", event["class_uid"])), "{path}");
        }
    }
    assert_eq!(assert_proven(&archiver).await.windows, 24);
}

async fn an_archive_that_is_removed_leaves_its_objects(bed: &Bed) {
    bed.seal_day(ORG).await;
    let archiver = bed.archive("a", Layout::Hive).await;
    run(&archiver).await;
    let archive = bed.store.find_archive("A").await.unwrap().unwrap();
    let lease = deliver::take_lease(&bed.store, &archive, &holder(), next_day()).await.unwrap();
    bed.store.remove_archive(&archive, &lease, next_day()).await.unwrap();
    assert!(bed.store.archives().await.unwrap().is_empty());
    assert!(bed.store.archived_objects(&archive.id, None).await.unwrap().is_empty());
    assert!(!files(&bed.place()).is_empty());
}

async fn a_day_of_many_row_groups_reads_back_whole(bed: &Bed) {
    // Texts that do not compress, so that parts of the object are sent before it ends.
    let mut state = 1_u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'!' + u8::try_from(state >> 58).unwrap())
    };
    let large: Vec<String> = (0..120)
        .map(|number| {
            let noise: String = (0..400_000).map(|_| noise()).filter(|c| *c != '"' && *c != '\\').collect();
            format!(
                r#"{{"id":"{number}","event_type":"user_login_attempt","service":"directory","timestamp":"{}","noise":"{noise}"}}"#,
                at(4, number % 60)
            )
        })
        .collect();
    for some in large.chunks(30) {
        bed.seal(ORG, 4, some).await;
    }
    let archiver = bed.archive("a", Layout::Hive).await;
    let report = run_when(&archiver, When::Now, next_day()).await.unwrap();
    assert_eq!((report.objects, report.events), (1, 120));
    assert!(report.bytes > 20 << 20, "{} bytes", report.bytes);
    assert_eq!(archived(&files(&bed.place())).len(), 120);
    assert_proven(&archiver).await;
}
