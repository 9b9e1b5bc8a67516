//! The service's oddities, one by one and all together: every sync equals the oracle, and ends complete where it can.

use std::time::Duration;

use simulator::{Character, Config, Oddities, Oddity, OrganizationSpec};
use store::{Outcome, TableState};

use crate::support::{Scenario, lacking, scenario, written};

const ALL: &[Oddity] = &[
    Oddity::MissingKeyRedirects,
    Oddity::ShortMemberPages,
    Oddity::AppleMdmLimitOne,
    Oddity::DefaultPageOfTen,
    Oddity::UnknownNamesIgnored,
    Oddity::ChangesChangeShape,
    Oddity::VaryingFractions,
    Oddity::SuccessAbsent,
    Oddity::RenamedEvents,
    Oddity::LateEvents,
    Oddity::LastContactGaps,
    Oddity::ReinstalledDevices,
    Oddity::NullAttributes,
    Oddity::OldRowsLackState,
    Oddity::ReadOnlyGaps,
    Oddity::SilentDefaultOrganization,
    Oddity::OrganizationHeaderRefused,
    Oddity::CommandResultsLimit,
    Oddity::UnavailableBursts,
    Oddity::LingeringAssociations,
    Oddity::GeoipVaries,
    Oddity::SpellingVaries,
    Oddity::LargeMdmEvents,
    Oddity::WrongRegionIsUnauthorized,
    Oddity::DistinctWrapped,
    Oddity::UnlicensedIsForbidden,
    Oddity::AdministratorsLackOrganization,
    Oddity::ZeroTime,
    Oddity::StrayCharacters,
    Oddity::EmptyBodies,
    Oddity::UnnamedOrganizations,
];

async fn odd(oddities: Oddities, users: usize) -> Scenario {
    let mut spec = OrganizationSpec::new("Odd Ltd", "odd.example", Character::Growing, users, users);
    (spec.user_groups, spec.device_groups) = (5, 4);
    spec.oddities = oddities;
    scenario(Config { seed: 3, organizations: vec![spec], provider: true }).await
}

/// Switches each of these on (or off, where it is a rule of the service) and syncs twice.
async fn each(oddities: &[Oddity]) {
    for oddity in oddities {
        let clean = Oddities::clean();
        let switched = if clean.has(*oddity) { clean.without(*oddity) } else { clean.with(*oddity) };
        let scenario = odd(switched, 14).await;
        scenario.sync_completely().await;
        assert_eq!(written(&scenario.sync_completely().await), 0, "{oddity:?}");
    }
}

#[tokio::test]
async fn oddities_one_to_eleven_lose_nothing() {
    each(&ALL[..11]).await;
}

#[tokio::test]
async fn oddities_twelve_to_twenty_lose_nothing() {
    each(&ALL[11..20]).await;
}

#[tokio::test]
async fn the_other_oddities_lose_nothing() {
    each(&ALL[20..]).await;
}

#[tokio::test]
async fn what_is_common_in_the_field_loses_nothing_while_life_goes_on() {
    let scenario = odd(Oddities::field(), 40).await;
    for _ in 0..3 {
        let report = scenario.sync_completely().await;
        let notes: Vec<_> = report
            .tables
            .iter()
            .filter(|table| table.state == TableState::Complete)
            .filter_map(|table| table.reason.clone())
            .collect();
        assert!(notes.iter().any(|note| note.contains("no longer lists")), "short member pages are met: {notes:?}");
        scenario.world.advance(Duration::from_secs(86_400));
        // Removed bindings linger for a minute.
        scenario.clock.pass(Duration::from_secs(120));
    }
    scenario.sync_completely().await;
}

#[tokio::test]
async fn a_binding_that_lingers_is_gone_in_the_next_sync() {
    let scenario = odd(Oddities::clean().with(Oddity::LingeringAssociations), 40).await;
    scenario.sync_completely().await;
    let mut lingered = 0;
    for _ in 0..5 {
        let change = scenario.world.advance(Duration::from_secs(86_400)).remove(0);
        scenario.sync().await;
        let members = scenario.ids("group_members").await;
        let is_there =
            |(group, member): &&(simulator::Id, simulator::Id)| members.contains(&format!("{group}/{member}"));
        lingered += change.members_removed.iter().filter(is_there).count();
        scenario.clock.pass(Duration::from_secs(120));
        scenario.sync_completely().await;
    }
    assert!(lingered > 0);
}

#[tokio::test]
async fn parents_that_vanish_while_they_are_listed_make_the_snapshot_incomplete_and_lose_nothing() {
    let scenario = odd(Oddities::clean().with(Oddity::VanishingParents), 60).await;
    let report = scenario.sync().await;
    assert_eq!(report.outcome, Outcome::Incomplete);
    for reason in lacking(&report) {
        assert!(reason.contains("still listed"), "{reason}");
    }
    assert_eq!(written(&scenario.sync().await), 0);
}
