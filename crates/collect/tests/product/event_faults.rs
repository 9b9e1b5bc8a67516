//! Answers that are not what they should be: nothing is lost, nothing is called proven that is not.

use std::time::Duration;

use simulator::{Effect, FaultRule, Oddities};

use crate::event_support::{DAY, HOUR, busy};
use crate::support::{Scenario, scenario, text};

const EVENTS: &str = "/insights/directory/v1/events";
const COUNT: &str = "/insights/directory/v1/events/count";

fn header(name: &str, value: Option<&str>) -> Effect {
    Effect::Header { name: name.to_owned(), value: value.map(str::to_owned) }
}

/// Syncs under a fault, then without it: in between everything sealed is true, in the end everything is sealed.
async fn survives(name: &str, endpoint: &str, effect: Effect) {
    let scenario = scenario(busy(Oddities::clean())).await;
    scenario.world.faults().add(FaultRule::new(effect).on(endpoint));
    for _ in 0..3 {
        let told = match scenario.try_events().await {
            Ok(report) => format!("{:?} {}", report.outcome, report.unproven.len()),
            Err(error) => error.to_string(),
        };
        let sealed = scenario.sealed_hours_are_true().await;
        eprintln!("{name}: {told}; {sealed} hours sealed");
        scenario.clock.pass(Duration::from_secs(HOUR));
    }
    scenario.world.faults().clear();
    scenario.clock.pass(Duration::from_secs(DAY));
    scenario.sync_the_events().await;
    scenario.events_equal_oracle().await;
    scenario.is_proven().await;
}

#[tokio::test]
async fn pages_that_lie_lose_nothing_and_prove_nothing() {
    for (name, effect) in [
        ("a lower limit", Effect::PageLimit { rows: 7 }),
        ("short pages", Effect::ShortPages { rows: 3 }),
        ("pages without rows", Effect::HollowPages),
        ("rows left out", Effect::DropRows { every: 3 }),
        ("rows that repeat", Effect::RepeatRows { every: 2 }),
        ("no events", Effect::EmptyList),
    ] {
        survives(name, EVENTS, effect).await;
    }
}

#[tokio::test]
async fn pages_in_a_circle_lose_nothing_and_prove_nothing() {
    for (name, effect) in [
        ("the same page", Effect::SamePage),
        ("endless pages", Effect::EndlessPages),
        ("pages that overlap", Effect::DuplicateRows),
    ] {
        survives(name, EVENTS, effect).await;
    }
}

#[tokio::test]
async fn headers_that_are_missing_or_wrong_lose_nothing() {
    for (name, effect) in [
        ("no position", header("x-search_after", None)),
        ("a senseless position", header("x-search_after", Some("[\"x\"]"))),
        ("no count of rows", header("x-result-count", None)),
        ("no limit", header("x-limit", None)),
        ("a senseless limit", header("x-limit", Some("-1"))),
    ] {
        survives(name, EVENTS, effect).await;
    }
}

#[tokio::test]
async fn bodies_that_are_cut_or_something_else_lose_nothing() {
    for (name, effect) in [
        ("cut", Effect::Cut { after: 3000 }),
        ("html", Effect::HtmlOk),
        ("empty", Effect::EmptyBody),
        ("an object", text("{}")),
        ("null", text("null")),
    ] {
        survives(name, EVENTS, effect).await;
    }
}

#[tokio::test]
async fn counts_that_are_wrong_prove_nothing() {
    for (name, effect) in [
        ("too many", Effect::CountOffset { delta: 1, flapping: false }),
        ("too few", Effect::CountOffset { delta: -1, flapping: false }),
        ("every second one wrong", Effect::CountOffset { delta: 5, flapping: true }),
        ("negative", text("{\"count\":-1}")),
        ("a text", text("{\"count\":\"many\"}")),
    ] {
        survives(name, COUNT, effect).await;
    }
}

#[tokio::test]
async fn a_server_whose_clock_is_wrong_or_not_told_seals_nothing_too_early() {
    for seconds in [-7200, 7200, -86_400 * 3650] {
        survives("date", "*", Effect::DateOffset { seconds }).await;
    }
    survives("no date", "*", header("date", None)).await;
}

#[tokio::test]
async fn header_names_in_the_documented_spelling_are_read() {
    let scenario = scenario(busy(Oddities::clean())).await;
    scenario.world.faults().spell_headers_as_documented(true);
    scenario.world.faults().add(FaultRule::new(Effect::PageLimit { rows: 5 }).on(EVENTS));
    scenario.sync_the_events().await;
    scenario.events_equal_oracle().await;
    scenario.is_proven().await;
}

#[tokio::test]
async fn events_of_another_organization_are_refused_and_nothing_is_mixed() {
    let mut config = busy(Oddities::clean());
    let mut other = config.organizations[0].clone();
    other.name = "Other Ltd".to_owned();
    config.organizations.push(other);
    let scenario = scenario(config).await;
    scenario.sync_the_events().await;
    let before = scenario.coverage().await.stored;
    scenario.clock.pass(Duration::from_secs(DAY));
    let elsewhere = Effect::OtherOrganization { organization: 1 };
    scenario.world.faults().add(FaultRule::new(elsewhere).on(EVENTS).organization(0));
    assert_eq!(scenario.try_events().await.unwrap_err().code(), "organization_changed");
    assert_eq!(scenario.coverage().await.stored, before);
    scenario.world.faults().clear();
    recovers(&scenario).await;
}

async fn recovers(scenario: &Scenario) {
    scenario.sync_the_events().await;
    scenario.events_equal_oracle().await;
    scenario.is_proven().await;
}
