//! Areas that are refused: the others go on, what was stored stays, and the reason is told.

use simulator::{Effect, FaultRule};
use store::{Outcome, TableState};

use crate::support::{Scenario, part, record, scenario, small};

#[tokio::test]
async fn an_area_that_is_not_permitted_is_kept_and_the_others_go_on() {
    let scenario = Scenario::core().await;
    scenario.sync_completely().await;
    let before = scenario.ids("devices").await;
    scenario.world.advance(std::time::Duration::from_secs(86_400));
    scenario.spoil("/api/systems", Effect::status(403));
    let report = scenario.sync().await;
    assert_eq!(report.outcome, Outcome::Incomplete);
    let devices = record(&report, "devices");
    assert_eq!((devices.state, devices.gone, devices.read), (TableState::NotPermitted, 0, 0));
    assert!(devices.reason.as_deref().unwrap().contains("not permitted"), "{devices:?}");
    assert_eq!(record(&report, "ip_addresses").state, TableState::Dependent);
    assert_eq!(scenario.ids("devices").await, before);
    assert_eq!(record(&report, "users").state, TableState::Complete);
    assert_eq!(scenario.ids("users").await, crate::support::texts(&scenario.world.oracle(0).ids["systemusers"]));
    let run = scenario.collector.store.runs(None, 1).await.unwrap().remove(0);
    assert!(run.error.unwrap().contains("devices"));
    let complete = scenario.column("SELECT complete FROM snapshots WHERE number = (SELECT MAX(number) FROM snapshots)");
    assert_eq!(complete.await, ["false"]);
    scenario.world.faults().clear();
    scenario.sync_completely().await;
}

#[tokio::test]
async fn what_the_plan_lacks_is_asked_for_once_and_called_not_licensed() {
    let scenario = scenario(small()).await;
    scenario.sync_completely().await;
    scenario.world.forget_requests();
    scenario.spoil("/api/v2/systeminsights/*", Effect::status(402));
    let report = scenario.sync().await;
    let insights = report.tables.iter().filter(|table| table.table.starts_with("insights_"));
    for table in insights {
        let expected =
            if table.table == "insights_collections" { TableState::Dependent } else { TableState::NotLicensed };
        assert_eq!((table.state, table.gone), (expected, 0), "{}", table.table);
    }
    let requests = scenario.world.requests();
    for (endpoint, calls) in requests.by_endpoint.iter().filter(|(name, _)| name.contains("/systeminsights/")) {
        assert_eq!(*calls, 1, "{endpoint}");
    }
    // Nothing that was stored of them is lost.
    scenario.equals_oracle(0).await;
}

#[tokio::test]
async fn one_failed_table_of_insights_keeps_the_collection_times_of_all() {
    let scenario = scenario(small()).await;
    scenario.sync_completely().await;
    let times = scenario.ids("insights_collections").await;
    assert!(times.len() > 20);
    scenario.spoil("/api/v2/systeminsights/os_version", Effect::status(500));
    let report = scenario.sync().await;
    assert_eq!(record(&report, "insights_os_version").state, TableState::Failed);
    assert_eq!(record(&report, "insights_collections").state, TableState::Dependent);
    assert_eq!(scenario.ids("insights_collections").await, times);
}

#[tokio::test]
async fn an_optional_area_that_is_refused_or_not_there_does_not_make_the_snapshot_incomplete() {
    let scenario = scenario(small()).await;
    scenario.sync_completely().await;
    for status in [402, 403, 404] {
        scenario.world.faults().clear();
        scenario.spoil("/api/v2/service-accounts", Effect::status(status));
        let report = scenario.sync_completely().await;
        let accounts = record(&report, "service_accounts");
        let expected = if status == 403 { TableState::NotPermitted } else { TableState::NotLicensed };
        assert_eq!((accounts.state, accounts.gone), (expected, 0));
        assert!(accounts.reason.is_some());
    }
    // The same answer from an area that everybody has is a failure.
    scenario.world.faults().clear();
    scenario.spoil("/api/systemusers", Effect::status(404));
    let report = scenario.sync().await;
    assert_eq!((report.outcome, record(&report, "users").state), (Outcome::Incomplete, TableState::Failed));
    scenario.equals_oracle(0).await;
}

#[tokio::test]
async fn refused_details_keep_the_richer_rows_and_hold_nothing_else_back() {
    let mut scenario = scenario(small()).await;
    scenario.only(&["devices", "policies", "policy_statuses"]);
    scenario.sync_completely().await;
    let rows = scenario.ask("SELECT id, raw, settings FROM policies ORDER BY id").await;
    assert!(rows.iter().any(|row| row[2] != "NULL"), "details bring the settings");
    for effect in [
        Effect::status(403),
        Effect::status(404),
        Effect::status(500),
        crate::support::text(r#"{"id":"\ud800"}"#),
        crate::support::text("{}x"),
    ] {
        scenario.world.faults().clear();
        // The one object that is spoiled, not the list and not what is asked by it.
        scenario.world.faults().add(FaultRule::new(effect.clone()).on("GET /api/v2/policies/{id}"));
        let report = scenario.sync().await;
        assert_eq!(scenario.ask("SELECT id, raw, settings FROM policies ORDER BY id").await, rows, "{effect:?}");
        assert_eq!(part(&report, "policies", "list").state, TableState::Complete, "{effect:?}");
        let is_gone = effect == Effect::status(404);
        assert_eq!(part(&report, "policies", "details").state == TableState::Complete, is_gone, "{effect:?}");
        assert_eq!(record(&report, "policy_statuses").state, TableState::Complete, "{effect:?}");
    }
}
