//! The oracle of checks: every check of the catalogue has things that fail, pass, and are neither; it is repeatable, it
//! agrees with what rows and events show, and life keeps it right.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use serde_json::{Value, json};
use simulator::checks::{self, Outcome};
use simulator::{Character, Clock, Config, OrganizationSpec, Outcomes, Reader, Size, Tier, View, World};

use crate::client::{Client, NOW, id_of};

const DAY: i64 = 86_400_000;

fn world(seed: u64) -> World {
    let config = Config { seed, ..Config::demo(Size::Small) };
    World::new(&config, Clock::manual(Arc::new(AtomicI64::new(NOW))))
}

/// Fails, passes, unknown, not applicable.
type Counts = [usize; 4];

fn place(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Fail => 0,
        Outcome::Pass => 1,
        Outcome::Unknown => 2,
        Outcome::NotApplicable => 3,
    }
}

/// Outcomes of all organizations in several views, counted by check.
fn count(world: &World, views: impl Fn(usize) -> Vec<View>) -> BTreeMap<&'static str, Counts> {
    let mut counts: BTreeMap<&'static str, Counts> = BTreeMap::new();
    for organization in 0..world.organizations().len() {
        for view in views(organization) {
            for (check, outcomes) in world.checks(organization, &view) {
                let counts = counts.entry(check).or_default();
                outcomes.values().for_each(|outcome| counts[place(*outcome)] += 1);
            }
        }
    }
    counts
}

fn administrator() -> View {
    View { reader: Reader::Administrator, ..View::default() }
}

/// Checks of which the three organizations show no failing or no passing thing in any view, and why.
const ONE_SIDED: &[(&str, &str)] = &[
    ("org-directory-insights-off", "an organization without it would have no events, which the others are there for"),
    ("user-offboarding-late", "nobody here tells when somebody's work ended"),
];

/// Checks that know nothing but fail and pass here.
const TWO_OUTCOMES: &[&str] = &[
    "access-policy-admin-portal-missing",
    "access-policy-dangling-reference",
    "access-policy-disabled",
    "access-policy-exclusion",
    "ad-agent-down",
    "admin-billing-too-few",
    "admin-billing-too-many",
    "admin-mfa-not-required",
    "admin-owner-offboarded",
    "admin-recently-created",
    "admin-suspended-with-api-key",
    "apikey-privileged-owner",
    "command-runs-as-root-by-webhook",
    "device-no-policy",
    "device-owner-inactive",
    "group-grants-sudo",
    "group-removal-suggestions-pending",
    "iplist-empty",
    "ldap-cleartext-bind",
    "log-alerting-absent",
    "org-directory-insights-off",
    "org-google-admin-sign-in-allowed",
    "org-lockout-threshold",
    "org-mfa-adoption",
    "org-password-history",
    "org-password-min-length",
    "org-system-insights-off",
    "org-user-self-edit",
    "policy-baseline-missing",
    "policy-unassigned",
    "user-direct-binding",
    "user-global-sudo",
    "user-mfa-exclusion-active",
    "user-owner-attributes-missing",
    "user-passwordless-sudo",
    "user-scheduled-suspension-overdue",
    "user-ssh-key-on-suspended",
];

#[test]
#[expect(clippy::print_stdout, reason = "the table is meant to be read")]
fn every_check_has_things_that_fail_that_pass_and_that_are_neither() {
    let mut lacking = BTreeSet::new();
    let mut never_else = BTreeSet::new();
    for (round, seed) in [Config::demo(Size::Small).seed, 7].into_iter().enumerate() {
        let world = world(seed);
        let plain = count(&world, |_| vec![View::default()]);
        // Two keys, and once more with parameters under which checks speak that are silent by default.
        let all = count(&world, |organization| {
            let parameters = world.example_parameters(organization);
            vec![View::default(), administrator(), View { parameters, ..administrator() }]
        });
        let mut table = format!(
            "seed {seed}: defaults and a read-only key | every view\n{:42} {:>6} {:>6} {:>6} {:>6} | {:>6} {:>6} {:>6} {:>6}\n",
            "check", "fail", "pass", "unkn", "n/a", "fail", "pass", "unkn", "n/a"
        );
        for check in checks::all() {
            if let Some(why) = check.is_outside() {
                assert!(!all.contains_key(check.id) && check.tier == Tier::P, "{}", check.id);
                writeln!(table, "{:42} outside: {why}", check.id).unwrap();
                continue;
            }
            let ([a, b, c, d], [e, f, g, h]) = (plain[check.id], all[check.id]);
            writeln!(table, "{:42} {a:6} {b:6} {c:6} {d:6} | {e:6} {f:6} {g:6} {h:6}", check.id).unwrap();
            if e == 0 || f == 0 {
                lacking.insert(check.id);
            }
            if g + h == 0 {
                never_else.insert(check.id);
            } else if round > 0 {
                assert!(!never_else.contains(check.id), "{} depends on the seed", check.id);
            }
        }
        println!("{table}");
    }
    let expected: BTreeSet<&str> = ONE_SIDED.iter().map(|(id, _)| *id).collect();
    assert_eq!(lacking, expected, "no failing or no passing thing");
    assert_eq!(never_else, TWO_OUTCOMES.iter().copied().collect(), "neither unknown nor not applicable");
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test must say so")]
fn every_check_of_the_catalogue_is_there_with_its_tier() {
    let shared = std::env::var_os("JUMPSEAT_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let Ok(catalogue) = std::fs::read_to_string(shared.join("checks-catalogue.md")) else {
        assert_ne!(std::env::var("JUMPSEAT_REQUIRE_ALL").as_deref(), Ok("1"), "the catalogue is not here");
        eprintln!("skipped: the catalogue is not here");
        return;
    };
    let mut expected = Vec::new();
    let mut id = "";
    for line in catalogue.lines() {
        if let Some(rest) = line.strip_prefix("**") {
            id = rest.split('`').nth(1).unwrap_or("");
        } else if let (true, Some((_, tier))) = (line.starts_with("- Severity"), line.split_once("Tier ")) {
            expected.push(format!("{id} {}", &tier[..1]));
        }
    }
    let found: Vec<String> = checks::all().map(|check| format!("{} {:?}", check.id, check.tier)).collect();
    assert_eq!(found.len(), 119);
    assert_eq!(found, expected);
}

#[test]
fn the_same_seed_and_clock_give_the_same_outcomes_also_after_life_went_on() {
    let (one, two) = (world(5), world(5));
    for step in 0..2 {
        for organization in 0..3 {
            let view = View { parameters: one.example_parameters(organization), ..administrator() };
            assert_eq!(one.checks(organization, &view), two.checks(organization, &view), "step {step}");
        }
        assert_eq!(one.advance(Duration::from_secs(86_400)), two.advance(Duration::from_secs(86_400)));
    }
}

/// Checks about facts that neither time nor the changes of others move.
const STEADY: &[&str] = &[
    "apikey-no-expiry",
    "command-contains-secret",
    "command-runs-as-root-by-webhook",
    "group-grants-sudo",
    "iplist-too-broad",
    "sso-assertion-unsigned",
    "user-global-sudo",
    "user-passwordless-sudo",
    "user-privileged-without-strong-mfa",
    "user-ssh-key-on-suspended",
    "user-ssh-key-weak",
];

#[test]
fn what_was_planted_stays_while_life_goes_on_around_it() {
    let world = world(3);
    for _ in 0..3 {
        let before: Vec<_> = (0..3).map(|organization| world.checks(organization, &View::default())).collect();
        let changes = world.advance(Duration::from_secs(86_400));
        for (organization, change) in changes.iter().enumerate() {
            let after = world.checks(organization, &View::default());
            let changed: BTreeSet<String> = change.users_changed.iter().map(ToString::to_string).collect();
            let mut kept = 0;
            for check in STEADY {
                for (id, outcome) in &before[organization][check] {
                    let moved = changed.contains(id.split('/').next().unwrap());
                    if let (false, Some(now)) = (moved, after[check].get(id)) {
                        assert_eq!(now, outcome, "{check} {id}");
                        kept += 1;
                    }
                }
            }
            assert!(kept > 300, "{kept}");
            let users = |outcomes: &BTreeMap<&str, Outcomes>| -> BTreeSet<String> {
                outcomes["user-global-sudo"].keys().cloned().collect()
            };
            let (old, new) = (users(&before[organization]), users(&after));
            let texts = |ids: &[simulator::Id]| ids.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
            assert_eq!(&old - &new, texts(&change.users_left));
            assert_eq!(&new - &old, texts(&change.users_joined));
        }
    }
}

#[tokio::test]
async fn checks_are_worked_out_only_when_asked_for_and_the_control_face_tells_them() {
    let client = Client::demo().await;
    let world = client.world();
    assert!(world.oracle(0).checks.is_empty() && json!(world.oracle(0)).get("checks").is_none());
    let told = client.get_with("/__simulator/oracle?organization=1&checks=1", &[]).await.json();
    let outcomes = world.checks(1, &View::default());
    assert_eq!(told[0]["checks"], json!(outcomes));
    assert_eq!(told[0], json!(world.oracle_with_checks(1, &View::default())));
    assert!(["pass", "fail", "unknown", "not_applicable"].iter().all(|word| told[0].to_string().contains(word)));
    let path = format!(
        "/__simulator/oracle?organization=1&checks=1&key=administrator&parameters=example&events_since={}",
        NOW - 20 * DAY
    );
    let view = View { events_since: Some(NOW - 20 * DAY), parameters: world.example_parameters(1), ..administrator() };
    assert_eq!(client.get_with(&path, &[]).await.json()[0]["checks"], json!(world.checks(1, &view)));
}

#[test]
fn events_that_do_not_reach_back_make_absence_unknown_and_never_a_fail() {
    let world = world(9);
    let short = View { events_since: Some(NOW - 20 * DAY), ..View::default() };
    for organization in 0..3 {
        let (all, few) = (world.checks(organization, &View::default()), world.checks(organization, &short));
        for check in ["admin-dormant", "user-dormant", "sso-app-unused"] {
            assert!(few[check].values().all(|outcome| *outcome != Outcome::Fail), "{check}");
            for (id, outcome) in &all[check] {
                let expected: &[Outcome] = match outcome {
                    Outcome::Fail => &[Outcome::Unknown],
                    Outcome::Pass => &[Outcome::Pass, Outcome::Unknown],
                    other => std::slice::from_ref(other),
                };
                // Who has come so lately that nobody waits for them is out of scope until they were seen.
                let other = few[check][id] == Outcome::NotApplicable;
                assert!(expected.contains(&few[check][id]) || other, "{check} {id}");
            }
        }
    }
}

#[test]
fn the_owner_of_a_key_is_known_by_its_beginning_also_of_a_new_one() {
    let world = world(2);
    let own = |organization: usize| {
        let checks = world.checks(organization, &View::default());
        ["connection-key-expiring", "connection-key-over-privileged", "connection-key-used-elsewhere"]
            .map(|check| *checks[check].values().next().unwrap())
    };
    assert_eq!(own(0), [Outcome::Pass; 3]);
    assert_eq!(own(1), [Outcome::Unknown; 3], "a key of a time when nothing of it was kept");
    assert_eq!(own(2), [Outcome::Fail, Outcome::Pass, Outcome::Fail]);
    for organization in 1..3 {
        world.replace_api_key(organization);
        assert_eq!(own(organization), [Outcome::Pass, Outcome::Pass, Outcome::Fail]);
    }
    let checks = world.checks(0, &administrator());
    assert!(checks["connection-key-over-privileged"].values().all(|outcome| *outcome == Outcome::Fail));
}

#[test]
fn an_organization_with_a_small_plan_and_no_groups_shows_what_the_three_cannot() {
    let mut spec = OrganizationSpec::new("Lean Ltd", "lean.example", Character::Growing, 60, 60);
    (spec.directory_insights, spec.system_insights) = (false, false);
    (spec.user_groups, spec.device_groups) = (0, 0);
    let config = Config { seed: 4, organizations: vec![spec], provider: false };
    let world = World::new(&config, Clock::manual(Arc::new(AtomicI64::new(NOW))));
    let checks = world.checks(0, &View::default());
    let only = |check: &str, wanted: Outcome| {
        assert!(!checks[check].is_empty(), "{check}");
        assert!(checks[check].values().all(|outcome| *outcome == wanted), "{check}: {:?}", checks[check]);
    };
    only("org-directory-insights-off", Outcome::Fail);
    only("org-system-insights-off", Outcome::Fail);
    only("org-user-self-edit", Outcome::NotApplicable);
    only("ldap-cleartext-bind", Outcome::Unknown);
    only("connection-key-used-elsewhere", Outcome::Unknown);
    for check in ["user-dormant", "admin-dormant", "sso-app-unused"] {
        let outcomes = &checks[check];
        assert!(with(outcomes, Outcome::Fail).is_empty() && with(outcomes, Outcome::Pass).is_empty(), "{check}");
        assert!(!with(outcomes, Outcome::Unknown).is_empty(), "{check}");
    }
    for check in ["device-firewall-off", "device-sip-off", "device-volume-unprotected", "device-antivirus-unhealthy"] {
        let outcomes = &checks[check];
        assert!(with(outcomes, Outcome::Fail).is_empty() && with(outcomes, Outcome::Pass).is_empty(), "{check}");
    }
}

/// Rows by id.
async fn rows(client: &Client, organization: usize, path: &str) -> BTreeMap<String, Value> {
    let key = client.world().credentials(organization).administrator;
    let (rows, _) = client.all(&key, path, 100, "skip").await;
    rows.into_iter().map(|row| (id_of(&row), row)).collect()
}

/// The ids with an outcome.
fn with(outcomes: &Outcomes, wanted: Outcome) -> BTreeSet<String> {
    outcomes.iter().filter(|(_, outcome)| **outcome == wanted).map(|(id, _)| id.clone()).collect()
}

fn select(rows: &BTreeMap<String, Value>, test: impl Fn(&Value) -> bool) -> BTreeSet<String> {
    rows.iter().filter(|(_, row)| test(row)).map(|(id, _)| id.clone()).collect()
}

#[tokio::test]
async fn outcomes_can_be_seen_in_the_rows_also_after_life_went_on() {
    let client = Client::demo().await;
    for step in 0..3 {
        for organization in 0..3 {
            let world = client.world();
            let now = NOW + step * DAY;
            let at = |milliseconds: i64| jiff::Timestamp::from_millisecond(milliseconds).unwrap().to_string();
            let checks = world.checks(organization, &administrator());
            let fails = |check: &str| with(&checks[check], Outcome::Fail);
            let unknown = |check: &str| with(&checks[check], Outcome::Unknown);
            let none = |check: &str| with(&checks[check], Outcome::NotApplicable);

            let users = rows(&client, organization, "/api/systemusers").await;
            let live = |user: &Value| user["activated"] == true && user["suspended"] == false;
            let service = |user: &Value| user["ldap_binding_user"] == true || user["samba_service_user"] == true;
            let silent = |user: &Value| user["mfa"].get("configured").is_none();
            let enrolled = |user: &Value| user["mfa"]["configured"] == true;
            let asked = |user: &Value| live(user) && !service(user);
            let check = "user-mfa-not-enrolled";
            assert_eq!(fails(check), select(&users, |user| asked(user) && !silent(user) && !enrolled(user)));
            assert_eq!(unknown(check), select(&users, |user| asked(user) && silent(user)));
            assert_eq!(none(check), select(&users, |user| !asked(user)));
            let factor = |user: &Value, name: &str| user["mfaEnrollment"][name] == "ENROLLED";
            let strong = |user: &Value| factor(user, "webAuthnStatus") || factor(user, "jcGoStatus");
            let check = "user-mfa-weak-factor-only";
            assert_eq!(fails(check), select(&users, |user| factor(user, "totpStatus") && !strong(user)));
            assert_eq!(unknown(check), select(&users, |user| user.get("mfaEnrollment").is_none()));
            let excluded = |user: &Value| {
                let until = user["mfa"]["exclusionUntil"].as_str();
                user["mfa"]["exclusion"] == true && until.is_none_or(|until| until > at(now).as_str())
            };
            assert_eq!(fails("user-mfa-exclusion-active"), select(&users, excluded));
            assert_eq!(fails("user-global-sudo"), select(&users, |user| live(user) && user["sudo"] == true));
            let keys = |user: &Value| user["ssh_keys"].as_array().map_or(0, Vec::len);
            assert_eq!(
                fails("user-ssh-key-on-suspended"),
                select(&users, |user| user["suspended"] == true && keys(user) > 0)
            );
            let invited = |user: &Value| {
                let staged = user["state"] == "STAGED" || user.get("state").is_none();
                user["activated"] == false && !staged && user["created"].as_str() < Some(at(now - 14 * DAY).as_str())
            };
            assert_eq!(fails("user-never-activated"), select(&users, invited));
            let missing = |user: &Value| live(user) && user["manager"].as_str().is_none();
            assert_eq!(fails("user-owner-attributes-missing"), select(&users, missing));
            let mut owners: BTreeMap<String, BTreeSet<&String>> = BTreeMap::new();
            let body = |key: &Value| key["public_key"].as_str().unwrap().split(' ').nth(1).unwrap().to_owned();
            for (id, user) in &users {
                for key in user["ssh_keys"].as_array().unwrap() {
                    owners.entry(body(key)).or_default().insert(id);
                }
            }
            let mut shared = BTreeSet::new();
            for (id, user) in &users {
                for key in user["ssh_keys"].as_array().unwrap() {
                    if owners[&body(key)].len() > 1 {
                        shared.insert(format!("{id}/{}", key["_id"].as_str().unwrap()));
                    }
                }
            }
            assert_eq!(fails("user-ssh-key-shared"), shared);

            let devices = rows(&client, organization, "/api/systems").await;
            let fresh = at(now - 14 * DAY);
            let fresh = |device: &Value| device["lastContact"].as_str().is_some_and(|last| last >= fresh.as_str());
            let family = |device: &Value, families: &[&str]| families.contains(&device["osFamily"].as_str().unwrap());
            let desktop = |device: &Value| family(device, &["darwin", "windows"]);
            let check = "device-disk-unencrypted";
            assert_eq!(
                fails(check),
                select(&devices, |device| desktop(device) && fresh(device) && device["fde"]["active"] == false)
            );
            assert_eq!(
                unknown(check),
                select(&devices, |device| desktop(device) && !(fresh(device) && device["fde"]["active"].is_boolean()))
            );
            assert_eq!(none(check), select(&devices, |device| !desktop(device)));
            let unix = |device: &Value| family(device, &["darwin", "linux"]) && fresh(device);
            assert_eq!(
                fails("device-ssh-root-login"),
                select(&devices, |device| unix(device) && device["allowSshRootLogin"] == true)
            );
            let access = |device: &Value| device.get("agentHasFullDiskAccess").cloned();
            let mac = |device: &Value| family(device, &["darwin"]) && fresh(device);
            assert_eq!(
                fails("device-agent-no-full-disk-access"),
                select(&devices, |device| mac(device) && access(device) == Some(json!(false)))
            );
            let silent = |device: &Value| device["lastContact"].as_str().is_some() && !fresh(device);
            assert_eq!(fails("device-agent-silent"), select(&devices, silent));
            assert_eq!(unknown("device-agent-silent"), select(&devices, |device| device["lastContact"].is_null()));
            assert_eq!(fails("device-no-policy"), select(&devices, |device| device["isPolicyBound"] == false));
            let failed = |device: &Value| fresh(device) && device["policyStats"]["failed"] != 0;
            assert_eq!(fails("device-policy-failed"), select(&devices, failed));
            let owner = |device: &Value| device["primarySystemUser"]["id"].as_str().map(str::to_owned);
            let gone = |id: String| users.get(&id).is_none_or(|user| user["suspended"] == true);
            assert_eq!(fails("device-owner-inactive"), select(&devices, |device| owner(device).is_some_and(gone)));

            let firewall = insights(&client, organization, "alf").await;
            let center = insights(&client, organization, "windows_security_center").await;
            let recent = |row: &Value| row["collection_time"].as_str() >= Some(at(now - 14 * DAY).as_str());
            let off: BTreeSet<String> = firewall
                .iter()
                .filter(|row| recent(row) && row["global_state"] == 0)
                .chain(center.iter().filter(|row| recent(row) && row["firewall"] != "Good"))
                .map(|row| row["system_id"].as_str().unwrap().to_owned())
                .collect();
            assert_eq!(fails("device-firewall-off"), off);
            let mut open = BTreeSet::new();
            for row in insights(&client, organization, "bitlocker_info").await {
                if recent(&row) && row["protection_status"] != 1 {
                    open.insert(row["system_id"].as_str().unwrap().to_owned());
                }
            }
            let mut encrypted = BTreeSet::new();
            let mut not = BTreeSet::new();
            for row in insights(&client, organization, "disk_encryption").await {
                let told = if row["encrypted"] == 1 { &mut encrypted } else { &mut not };
                if recent(&row) {
                    told.insert(row["system_id"].as_str().unwrap().to_owned());
                }
            }
            // A Mac of which some volumes are encrypted does not tell what the others are for.
            let mac_in_part = |id: &&String| encrypted.contains(*id) && devices[*id]["osFamily"] == "darwin";
            open.extend(not.iter().filter(|id| !mac_in_part(id)).cloned());
            assert_eq!(fails("device-volume-unprotected"), open);
            let known: BTreeSet<&String> = owners.keys().collect();
            let strange: BTreeSet<String> = insights(&client, organization, "authorized_keys")
                .await
                .iter()
                .filter(|row| recent(row))
                .filter(|row| !known.contains(&row["key"].as_str().unwrap().split(' ').next().unwrap().to_owned()))
                .map(|row| row["system_id"].as_str().unwrap().to_owned())
                .collect();
            assert_eq!(fails("device-authorized-key-unknown"), strange);
            let patches = insights(&client, organization, "patches").await;
            let mut newest: BTreeMap<String, jiff::civil::Date> = BTreeMap::new();
            for row in patches.iter().filter(|row| recent(row)) {
                let date = jiff::civil::Date::strptime("%m/%d/%Y", row["installed_on"].as_str().unwrap()).unwrap();
                let known = newest.entry(row["system_id"].as_str().unwrap().to_owned()).or_insert(date);
                *known = (*known).max(date);
            }
            let limit =
                jiff::Timestamp::from_millisecond(now - 30 * DAY).unwrap().to_zoned(jiff::tz::TimeZone::UTC).date();
            let behind: BTreeSet<String> =
                newest.into_iter().filter(|(_, date)| *date < limit).map(|(id, _)| id).collect();
            // The newest versions of Apple's releases by the end of 2025.
            let version = |device: &Value, part: &str| device["osVersionDetail"][part].as_u64().unwrap();
            let outdated = |device: &Value| {
                let newest = match (device["osFamily"].as_str().unwrap(), version(device, "majorNumber")) {
                    ("darwin" | "ios", 26) => (2, 0),
                    ("darwin", 15) | ("ios", 18) => (7, 3),
                    ("darwin", 13) => (7, 8),
                    _ => (0, 0),
                };
                fresh(device) && (version(device, "minorNumber"), version(device, "patchNumber")) < newest
            };
            assert_eq!(fails("device-os-patch-lag"), &behind | &select(&devices, outdated));

            let administrators = rows(&client, organization, "/api/users").await;
            let suspended = |one: &Value| one["suspended"] == true;
            assert_eq!(
                fails("admin-mfa-not-enrolled"),
                select(&administrators, |one| !suspended(one) && one["totpEnrolled"] == false)
            );
            let endless = |one: &Value| {
                one["apiKeySet"] == true
                    && one["apiKeyHash"]["createdAt"].is_string()
                    && one["apiKeyHash"]["expireAt"].is_null()
            };
            assert_eq!(fails("apikey-no-expiry"), select(&administrators, endless));
            let applications = rows(&client, organization, "/api/applications").await;
            let insecure = |one: &Value| {
                let address = one["config"]["acsUrl"]["value"].as_str().unwrap_or("");
                address.starts_with("http://") && !address.starts_with("http://localhost")
            };
            assert_eq!(fails("sso-acs-not-https"), select(&applications, insecure));
            let soon = at(now + 30 * DAY);
            let ending = |one: &Value| {
                let ends = one["sso"]["idpCertExpirationAt"].as_str();
                one["sso"]["type"] == "saml" && ends.is_some_and(|ends| ends <= soon.as_str())
            };
            assert_eq!(fails("sso-certificate-expiring"), select(&applications, ending));
        }
        client.world().advance(Duration::from_secs(86_400));
    }
}

/// All rows of a table of System Insights.
async fn insights(client: &Client, organization: usize, table: &str) -> Vec<Value> {
    let key = client.world().credentials(organization).administrator;
    client.all(&key, &format!("/api/v2/systeminsights/{table}"), 1000, "skip").await.0
}

#[test]
fn outcomes_from_events_are_what_the_texts_of_events_say() {
    let world = world(Config::demo(Size::Small).seed);
    for step in 0..2 {
        let now = NOW + step * DAY;
        for organization in 0..3 {
            let checks = world.checks(organization, &View::default());
            let (mut users, mut administrators) = (BTreeSet::new(), BTreeSet::new());
            let (mut names, mut applications) = (BTreeSet::new(), BTreeSet::new());
            let mut clear = 0;
            world.for_each_event_text(organization, now - 90 * DAY..now, now, |text| {
                let event: Value = serde_json::from_str(text).unwrap();
                let time: jiff::Timestamp = event["timestamp"].as_str().unwrap().parse().unwrap();
                let age = now - time.as_millisecond();
                let who = || event["initiated_by"]["id"].as_str().unwrap_or("").to_owned();
                let name = || event["initiated_by"]["username"].as_str().unwrap_or("").to_owned();
                let success = event["success"] == true || event["sso_token_success"] == true;
                match event["event_type"].as_str().unwrap() {
                    "sso_auth" => {
                        applications.insert(event["application"]["id"].as_str().unwrap_or("").to_owned());
                        if success && age < 45 * DAY {
                            users.insert(who());
                        }
                    }
                    "user_login_attempt" | "login_attempt" if success && age < 45 * DAY => {
                        users.insert(who());
                    }
                    "radius_auth" | "radius_auth_attempt" | "ldap_bind" if success => {
                        if age < 45 * DAY {
                            users.insert(who());
                            names.insert(name());
                        }
                        let no = |field: &str| event[field] == false || event[field] == "false";
                        if event["event_type"] == "ldap_bind" && age < 30 * DAY {
                            clear += usize::from(no("start_tls") && no("tls_established"));
                        }
                    }
                    "admin_login_attempt" if success && age < 45 * DAY => {
                        administrators.insert(who());
                    }
                    _ => {}
                }
            });
            assert!(with(&checks["user-dormant"], Outcome::Fail).is_disjoint(&users));
            assert!(with(&checks["user-dormant"], Outcome::Pass).difference(&users).count() <= names.len());
            let asked = |check: &str| -> BTreeSet<String> {
                let judged = [Outcome::Pass, Outcome::Fail];
                judged.into_iter().flat_map(|outcome| with(&checks[check], outcome)).collect()
            };
            let seen = |check: &str, seen: &BTreeSet<String>| asked(check).intersection(seen).cloned().collect();
            let passed: BTreeSet<String> = seen("admin-dormant", &administrators);
            assert_eq!(with(&checks["admin-dormant"], Outcome::Pass), passed);
            let passed: BTreeSet<String> = seen("sso-app-unused", &applications);
            assert_eq!(with(&checks["sso-app-unused"], Outcome::Pass), passed);
            let server = checks["ldap-cleartext-bind"].values().next().unwrap();
            assert_eq!(*server == Outcome::Fail, clear > 0, "{clear}");
        }
        world.advance(Duration::from_secs(86_400));
    }
}
