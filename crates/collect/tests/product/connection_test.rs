//! The connection test: role, clock and region, told before anything is collected.

use collect::Grade;
use jumpcloud::Credential;
use simulator::Effect;

use crate::support::{Scenario, scenario, small};

/// Grade and words of one line of the checklist.
async fn line(scenario: &Scenario, key: &str, name: &str) -> (Grade, String) {
    let credential = Credential::api_key(key).unwrap();
    let report = scenario.collector.test_with(&scenario.connection(0, &credential), &credential).await;
    let check = report.checks.iter().find(|check| check.name == name);
    let check = check.unwrap_or_else(|| panic!("{name} is not among {:?}", report.checks));
    (check.grade, format!("{} {}", check.said, check.help.as_deref().unwrap_or_default()))
}

#[tokio::test]
async fn a_key_that_could_write_is_warned_about_and_a_read_only_one_is_not() {
    let scenario = scenario(small()).await;
    let keys = scenario.world.credentials(0);
    let (grade, said) = line(&scenario, &keys.administrator, "role").await;
    assert_eq!(grade, Grade::Warn);
    assert!(said.contains("can write") && said.contains("Read Only is enough"), "{said}");
    assert_eq!(line(&scenario, &keys.read_only, "role").await.0, Grade::Pass);
}

#[tokio::test]
async fn a_clock_that_is_off_or_not_told_is_warned_about() {
    let scenario = scenario(small()).await;
    let key = scenario.world.credentials(0).read_only;
    assert_eq!(line(&scenario, &key, "clock").await.0, Grade::Pass);
    for seconds in [7200, -7200] {
        scenario.world.faults().clear();
        scenario.spoil("*", Effect::DateOffset { seconds });
        let (grade, said) = line(&scenario, &key, "clock").await;
        assert_eq!(grade, Grade::Warn);
        assert!(said.contains(&format!("{} s off", -seconds)), "{said}");
    }
    scenario.world.faults().clear();
    scenario.spoil("*", Effect::Header { name: "date".to_owned(), value: None });
    let (grade, said) = line(&scenario, &key, "clock").await;
    assert_eq!(grade, Grade::Warn);
    assert!(said.contains("not known"), "{said}");
    // A skew does not disturb the sync: waiting goes by durations.
    let report = scenario.sync_completely().await;
    assert!(!report.tables.is_empty());
}

#[tokio::test]
async fn a_wrong_key_for_a_custom_host_is_shown_to_nobody_else() {
    let scenario = scenario(small()).await;
    let credential = Credential::api_key(&scenario.world.credentials(0).wrong_region).unwrap();
    let asked = scenario.asked();
    let report = scenario.collector.test_with(&scenario.connection(0, &credential), &credential).await;
    assert_eq!((report.failure_code, report.connects()), (Some("key_rejected"), false));
    assert_eq!(scenario.asked() - asked, 1);
}

#[tokio::test]
async fn a_good_key_passes_every_line() {
    let scenario = scenario(small()).await;
    let report = scenario.collector.test(&scenario.stored(0).await).await.unwrap();
    let failed: Vec<_> = report.checks.iter().filter(|check| check.grade == Grade::Fail).collect();
    assert!(failed.is_empty() && report.connects(), "{failed:?}");
    assert!(report.checks.len() > 30);
}
