//! Completeness is proven by counting: what shrinks, moves, repeats, never ends or does not add up is read again, held
//! back, or called incomplete. Nothing is marked as gone that was not shown to be gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use collect::{Progress, silent};
use simulator::{Config, Effect, FaultBody, FaultRule};
use store::{Outcome, TableState};
use tokio_util::sync::CancellationToken;

use crate::support::{Scenario, part, record, scenario, small, text, texts, written};

#[tokio::test]
async fn an_empty_list_where_there_were_rows_is_held_back_until_a_second_sync_confirms_it() {
    let scenario = Scenario::core().await;
    scenario.sync_completely().await;
    let (devices, addresses) = (scenario.ids("devices").await, scenario.ids("ip_addresses").await);
    scenario.spoil("/api/systems", Effect::EmptyList);
    let report = scenario.sync().await;
    assert_eq!(report.outcome, Outcome::Incomplete);
    for table in ["devices", "device_contacts", "ip_addresses"] {
        let held = record(&report, table);
        assert_eq!((held.state, held.gone), (TableState::Shrunken, 0), "{table}");
    }
    assert_eq!((scenario.ids("devices").await, scenario.ids("ip_addresses").await), (devices, addresses));

    let report = scenario.sync().await;
    assert_eq!(report.outcome, Outcome::Succeeded);
    assert_eq!(record(&report, "devices").gone, 20);
    assert!(scenario.ids("devices").await.is_empty() && scenario.ids("ip_addresses").await.is_empty());
}

#[tokio::test]
async fn a_list_that_comes_back_after_it_was_held_back_has_lost_nothing() {
    let scenario = Scenario::core().await;
    scenario.sync_completely().await;
    for _ in 0..2 {
        let empty = scenario.spoil("/api/systemusers", Effect::EmptyList);
        assert_eq!(record(&scenario.sync().await, "users").state, TableState::Shrunken);
        scenario.world.faults().remove(empty);
        let report = scenario.sync_completely().await;
        assert_eq!((record(&report, "users").unchanged, written(&report)), (24, 0));
    }
}

#[tokio::test]
async fn a_shrink_that_a_person_accepts_is_believed_at_once() {
    let scenario = Scenario::core().await;
    scenario.sync_completely().await;
    scenario.spoil("/api/systems", Effect::EmptyList);
    let report = scenario.sync_as(0, true, silent(), &CancellationToken::new()).await.unwrap();
    assert_eq!((report.outcome, record(&report, "devices").gone), (Outcome::Succeeded, 20));
    assert!(scenario.ids("ip_addresses").await.is_empty());
}

#[tokio::test]
async fn a_few_rows_that_are_gone_are_believed_at_once() {
    let mut scenario = scenario(small()).await;
    scenario.only(&["users"]);
    scenario.sync_completely().await;
    let mut rows = scenario.column("SELECT raw FROM users").await;
    rows.truncate(18);
    scenario.spoil("/api/systemusers", text(format!("{{\"totalCount\":18,\"results\":[{}]}}", rows.join(","))));
    let report = scenario.sync().await;
    assert_eq!((report.outcome, record(&report, "users").gone), (Outcome::Succeeded, 6));
    // A third of the rest is more than a few.
    scenario.world.faults().clear();
    scenario.sync_completely().await;
    rows.truncate(13);
    scenario.spoil("/api/systemusers", text(format!("{{\"totalCount\":13,\"results\":[{}]}}", rows.join(","))));
    assert_eq!(record(&scenario.sync().await, "users").state, TableState::Shrunken);
}

#[tokio::test]
async fn a_total_that_says_something_else_makes_the_table_short_and_nonsense_is_no_total() {
    let scenario = Scenario::core().await;
    scenario.sync_completely().await;
    for (total, told) in [("42", Some(42)), ("\"42\"", Some(42)), ("25", Some(25)), ("23", Some(23))] {
        scenario.world.faults().clear();
        scenario.spoil("/api/systemusers", Effect::Total { total: total.to_owned() });
        let report = scenario.sync().await;
        let users = record(&report, "users");
        assert_eq!((users.state, users.told, users.gone), (TableState::Short, told, 0), "{total}");
        assert!(users.reason.as_deref().unwrap().contains("listed 24, in 3 passes"), "{users:?}");
        scenario.equals_oracle(0).await;
    }
    for total in ["-1", "9223372036854775808", "1e3", "null", "\"many\"", "\"\""] {
        scenario.world.faults().clear();
        scenario.spoil("/api/systemusers", Effect::Total { total: total.to_owned() });
        let report = scenario.sync_completely().await;
        assert_eq!(record(&report, "users").told, None, "{total}");
    }
}

#[tokio::test]
async fn a_total_that_changes_between_pages_makes_the_list_be_read_again() {
    let scenario = Scenario::many_users().await;
    let total = Effect::Total { total: "251".to_owned() };
    scenario.world.faults().add(FaultRule::new(total).on("/api/systemusers").nth(2));
    let report = scenario.sync_completely().await;
    let calls = report.calls.iter().find(|call| call.endpoint == "systemusers").unwrap().calls;
    assert!(calls >= 6, "two passes of three pages: {calls}");
    assert_eq!(record(&report, "users").state, TableState::Complete);
}

#[tokio::test]
async fn a_list_without_an_end_is_stopped_named_and_nothing_is_concluded_from_it() {
    let scenario = Scenario::many_users().await;
    scenario.sync_completely().await;
    let before = scenario.ids("users").await;
    for effect in [Effect::EndlessPages, Effect::SamePage] {
        scenario.world.faults().clear();
        scenario.world.forget_requests();
        scenario.spoil("/api/systemusers", effect.clone());
        let report = scenario.sync().await;
        let users = record(&report, "users");
        assert_eq!((users.state, users.gone), (TableState::Failed, 0), "{effect:?}: {users:?}");
        assert!(users.reason.as_deref().unwrap().contains("does not end"), "{effect:?}: {users:?}");
        assert!(scenario.asked() < 200, "{effect:?}: {} requests", scenario.asked());
        assert_eq!(scenario.ids("users").await, before, "{effect:?}");
    }
}

#[tokio::test]
async fn a_group_without_an_end_costs_only_its_own_kind_of_groups() {
    let scenario = Scenario::core().await;
    scenario.sync_completely().await;
    scenario.spoil("/api/v2/usergroups/*/members", Effect::EndlessPages);
    let report = scenario.sync().await;
    let states = ["user_group", "system_group"].map(|name| part(&report, "group_members", name).state);
    assert_eq!(states, [TableState::Failed, TableState::Complete]);
    scenario.equals_oracle(0).await;
}

#[tokio::test]
async fn a_page_of_one_row_that_comes_again_and_again_without_a_total_is_no_list() {
    let scenario = Scenario::core().await;
    scenario.sync_completely().await;
    scenario.world.forget_requests();
    scenario.spoil("/api/v2/usergroups/*/members", text(r#"[{"to":{"id":"0123456789abcdef01234567","type":"user"}}]"#));
    let report = scenario.sync().await;
    assert_eq!(part(&report, "group_members", "user_group").state, TableState::Failed);
    assert!(scenario.asked() < 100, "{} requests", scenario.asked());
}

#[tokio::test]
async fn rows_that_move_between_pages_are_found_by_reading_again_and_none_is_gone_by_mistake() {
    for effect in [Effect::DeleteAtHead, Effect::InsertAtHead] {
        let scenario = Scenario::many_users().await;
        scenario.sync_completely().await;
        scenario.world.advance(Duration::from_secs(3600));
        let rule = FaultRule::new(effect.clone()).on("/api/systemusers").times(3);
        let rule = scenario.world.faults().add(rule);
        let report = scenario.sync_completely().await;
        assert_eq!(scenario.world.faults().hits(rule), 3, "{effect:?}");
        let left = scenario.world.oracle(0).changes[0].users_left.len() as u64;
        assert_eq!(record(&report, "users").gone, left, "{effect:?}");
    }
}

#[tokio::test]
async fn a_list_that_never_stands_still_is_short_and_keeps_every_row() {
    for effect in [Effect::DeleteAtHead, Effect::InsertAtHead, Effect::DuplicateRows] {
        let scenario = Scenario::many_users().await;
        scenario.sync_completely().await;
        scenario.spoil("/api/systemusers", effect.clone());
        let report = scenario.sync().await;
        let users = record(&report, "users");
        assert!(users.state != TableState::Complete && users.gone == 0, "{effect:?}: {users:?}");
        scenario.equals_oracle(0).await;
    }
}

#[tokio::test]
async fn people_who_join_and_leave_while_the_list_is_read_are_never_confused_with_the_others() {
    for page in 0..3 {
        let scenario = Scenario::many_users().await;
        scenario.sync_completely().await;
        let (world, done, pages) = (Arc::clone(&scenario.world), AtomicBool::new(false), AtomicBool::new(page > 1));
        let listener: collect::Listener = Arc::new(move |progress| {
            let Progress::Rows { .. } = progress else { return };
            if !pages.swap(false, SeqCst) && !done.swap(true, SeqCst) {
                world.advance(Duration::from_secs(86_400));
            }
        });
        let before = scenario.ids("users").await;
        let report = scenario.sync_as(0, false, listener, &CancellationToken::new()).await.unwrap();
        let stays = texts(&scenario.world.oracle(0).ids["systemusers"]);
        let stored = scenario.ids("users").await;
        for id in before.iter().filter(|id| stays.contains(id)) {
            assert!(stored.contains(id), "{id} is marked as gone by mistake: {:?}", record(&report, "users"));
        }
        scenario.sync_completely().await;
    }
}

#[tokio::test]
async fn a_row_told_twice_is_one_row_the_later_one_and_stays_so() {
    let mut scenario = scenario(small()).await;
    scenario.only(&["users"]);
    let rows = r#"{"_id":"a","username":"first"},{"_id":"b","username":"other"},{"_id":"a","username":"second"}"#;
    scenario.spoil("/api/systemusers", text(format!("{{\"totalCount\":2,\"results\":[{rows}]}}")));
    for sync in 0..4 {
        let report = scenario.sync().await;
        let users = record(&report, "users");
        assert_eq!((users.state, users.duplicates), (TableState::Complete, 1), "sync {sync}");
        assert_eq!(written(&report), if sync == 0 { 2 } else { 0 }, "sync {sync}");
        assert_eq!(scenario.column("SELECT username FROM users").await, ["other", "second"], "sync {sync}");
    }
    // A total that counts the row twice proves that another one was missed.
    scenario.world.faults().clear();
    scenario.spoil("/api/systemusers", text(format!("{{\"totalCount\":3,\"results\":[{rows}]}}")));
    let report = scenario.sync().await;
    assert_eq!((record(&report, "users").state, written(&report)), (TableState::Short, 0));
    assert_eq!(scenario.column("SELECT username FROM users").await, ["other", "second"]);
}

/// A page of a graph list with this many rows, and a total beside it.
fn members(rows: usize, total: usize) -> Effect {
    let row = |number| format!("{{\"to\":{{\"id\":\"{number:024x}\",\"type\":\"user\"}}}}");
    let rows: Vec<String> = (0..rows).map(row).collect();
    Effect::Status {
        status: 200,
        body: FaultBody::Text(format!("[{}]", rows.join(","))),
        headers: vec![("x-total-count".to_owned(), total.to_string())],
        retry_after: None,
    }
}

#[tokio::test]
async fn a_few_entries_that_a_graph_list_counts_and_no_longer_lists_are_noted_and_many_make_it_short() {
    for (rows, total, complete) in [
        (13, 14, true),
        (10, 13, true),
        (10, 14, false),
        (0, 3, true),
        (0, 4, false),
        (95, 100, true),
        (94, 100, false),
        (14, 13, false),
    ] {
        let scenario = Scenario::core().await;
        let group = scenario.world.oracle(0).ids["usergroups"][0];
        scenario.spoil(&format!("/api/v2/usergroups/{group}/members"), members(rows, total));
        let report = scenario.sync().await;
        let read = part(&report, "group_members", "user_group");
        let expected = if complete { TableState::Complete } else { TableState::Short };
        assert_eq!(read.state, expected, "{rows} of {total}: {read:?}");
        let reason = read.reason.clone().unwrap();
        if complete {
            let entries = if total - rows == 1 { "1 entry".to_owned() } else { format!("{} entries", total - rows) };
            assert_eq!(reason, format!("the API's total of {total} counts {entries} that it no longer lists"));
            assert_eq!(report.outcome, Outcome::Succeeded);
        } else {
            assert!(reason.contains(&format!("tells {total} rows but listed {rows}, in 3 passes")), "{reason}");
        }
        // The note is kept with the snapshot.
        let noted = scenario
            .column("SELECT reason FROM snapshot_tables WHERE table_name = 'group_members' AND part = 'user_group'")
            .await;
        assert_eq!(noted, [reason]);
        let stored = scenario.ask(&format!("SELECT id FROM group_members WHERE group_id = '{group}'")).await;
        assert_eq!(stored.len(), rows);
    }
}

#[tokio::test]
async fn a_list_that_is_no_graph_may_not_drop_a_single_row() {
    let scenario = Scenario::core().await;
    let groups = scenario.world.oracle(0).counts["usergroups"];
    scenario.spoil("/api/v2/usergroups", Effect::Total { total: (groups + 1).to_string() });
    assert_eq!(record(&scenario.sync().await, "user_groups").state, TableState::Short);
}

#[tokio::test]
async fn one_parent_that_fails_keeps_the_rows_of_its_source_and_no_other() {
    let scenario = Scenario::core().await;
    scenario.sync_completely().await;
    let before = scenario.ids("group_members").await;
    scenario.world.advance(Duration::from_secs(30 * 86_400));
    let truth = scenario.world.oracle(0);
    let group = truth.ids["usergroups"][1];
    scenario.spoil(&format!("/api/v2/usergroups/{group}/members"), Effect::status(500));
    let report = scenario.sync().await;
    let of_users = part(&report, "group_members", "user_group");
    assert_eq!((of_users.state, of_users.gone), (TableState::Failed, 0));
    assert_eq!(part(&report, "group_members", "system_group").state, TableState::Complete);
    let after = scenario.ids("group_members").await;
    for id in before.iter().filter(|id| truth.ids["usergroups"].iter().any(|group| id.starts_with(&group.to_string())))
    {
        assert!(after.contains(id), "{id}");
    }
    scenario.world.faults().clear();
    scenario.sync_completely().await;
}

#[tokio::test]
async fn a_parent_that_answers_404_while_it_is_listed_keeps_its_rows() {
    let scenario = Scenario::core().await;
    scenario.sync_completely().await;
    let group = scenario.world.oracle(0).pairs["usergroup_members"][0].0;
    let members = format!("SELECT id FROM group_members WHERE group_id = '{group}'");
    let before = scenario.column(&members).await;
    assert!(!before.is_empty());
    scenario.spoil(&format!("/api/v2/usergroups/{group}/members"), Effect::status(404));
    let report = scenario.sync().await;
    let read = part(&report, "group_members", "user_group");
    assert_eq!(read.state, TableState::Failed);
    assert!(read.reason.as_deref().unwrap().contains("still listed in user_groups"), "{read:?}");
    assert_eq!(scenario.column(&members).await, before);

    // When the group is no longer listed after that, it was deleted in the middle of the sync: nothing is missing.
    let others = scenario.column(&format!("SELECT raw FROM user_groups WHERE id <> '{group}'")).await;
    let deleted = FaultRule::new(text(format!("[{}]", others.join(",")))).on("GET /api/v2/usergroups").from(2);
    scenario.world.faults().add(deleted);
    let report = scenario.sync().await;
    let read = part(&report, "group_members", "user_group");
    assert_eq!((read.state, read.gone), (TableState::Complete, before.len() as u64), "{read:?}");
}

#[tokio::test]
async fn an_organization_that_can_not_be_read_is_not_marked_as_gone() {
    let mut scenario = scenario(small()).await;
    scenario.only(&["organizations", "users"]);
    scenario.sync_completely().await;
    for status in [404, 403, 500] {
        scenario.world.faults().clear();
        scenario.spoil("GET /api/organizations/{id}", Effect::status(status));
        let report = scenario.sync().await;
        assert_ne!(record(&report, "organizations").state, TableState::Complete, "{status}");
        assert_eq!(scenario.ids("organizations").await.len(), 1, "{status}");
    }
}

#[tokio::test]
async fn what_is_made_of_an_incomplete_table_loses_no_row() {
    let mut scenario = scenario(Config::single(5, 130, 2, 2)).await;
    scenario.only(&["devices", "device_contacts", "ip_addresses"]);
    scenario.sync_completely().await;
    let before = scenario.ids("ip_addresses").await;
    scenario.world.advance(Duration::from_secs(86_400));
    scenario.world.faults().add(FaultRule::new(Effect::status(500)).on("/api/systems").from(2));
    let report = scenario.sync().await;
    assert_eq!(record(&report, "devices").state, TableState::Failed);
    for table in ["device_contacts", "ip_addresses"] {
        let made = record(&report, table);
        assert_eq!((made.state, made.gone), (TableState::Dependent, 0), "{table}");
    }
    let after = scenario.ids("ip_addresses").await;
    assert!(before.iter().all(|id| after.contains(id)));
    scenario.world.faults().clear();
    scenario.sync_completely().await;
}
