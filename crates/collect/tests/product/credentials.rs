//! Keys that die, organizations that are not chosen, tokens that are odd, and answers that lead elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use collect::Error;
use jumpcloud::Credential;
use secrecy::SecretString;
use simulator::{Character, Config, Effect, FaultBody, FaultRule, Oddity, OrganizationSpec};
use store::Outcome;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{CORE, Scenario, lacking, scenario, started_minutes, text};

/// Three small organizations of one provider.
fn three() -> Config {
    let names = [("One Ltd", "one.example"), ("Two Ltd", "two.example"), ("Three Ltd", "three.example")];
    let spec = |(name, domain): &(&str, &str)| OrganizationSpec::new(name, domain, Character::Tidy, 12, 11);
    Config { seed: 11, organizations: names.iter().map(spec).collect(), provider: true }
}

#[tokio::test]
async fn a_revoked_key_stops_asking_keeps_everything_and_goes_on_after_it_is_replaced() {
    let scenario = Scenario::core().await;
    scenario.sync_completely().await;
    let before = scenario.visible().await;
    let key = scenario.world.replace_api_key(0);
    scenario.world.advance(Duration::from_secs(3600));

    for failures in 1..=3 {
        let asked = scenario.asked();
        let error = scenario.try_sync(0).await.unwrap_err();
        assert_eq!(error.code(), "key_rejected");
        assert!((1..=3).contains(&(scenario.asked() - asked)));
        let run = scenario.collector.store.runs(None, 1).await.unwrap().remove(0);
        assert_eq!(run.calls, scenario.asked() - asked, "the history counts the request that failed");
        let stream = scenario.stream(0).await;
        assert_eq!((stream.state.last_outcome, stream.state.failures), (Some(Outcome::Failed), failures));
        assert_eq!(stream.state.failure_code.as_deref(), Some("key_rejected"));
        assert!(stream.state.failing_since.is_some() && stream.state.failure_help.is_some());
        let wait = stream.next_run_at.unwrap().duration_since(scenario.collector.clock.now());
        assert_eq!(started_minutes(wait), 15, "a dead key is probed every 15 minutes");
    }
    assert_eq!(scenario.visible().await, before);

    let connection = scenario.stored(0).await;
    let now = scenario.collector.clock.now();
    let secret = SecretString::from(key);
    scenario.collector.store.replace_credential(&connection, &secret, &scenario.collector.key, now).await.unwrap();
    assert_eq!(scenario.stream(0).await.next_run_at, Some(now));
    scenario.sync_completely().await;
    let state = scenario.stream(0).await.state;
    assert_eq!((state.failures, state.failing_since, state.failure_code), (0, None, None));
}

#[tokio::test]
async fn a_key_that_dies_in_the_middle_ends_the_sync_with_what_was_in_flight() {
    let scenario = Scenario::core().await;
    scenario.sync_completely().await;
    let before = scenario.visible().await;
    scenario.world.advance(Duration::from_secs(3600));
    scenario.world.forget_requests();
    scenario.world.faults().add(FaultRule::new(Effect::status(401)).from(8));
    assert_eq!(scenario.try_sync(0).await.unwrap_err().code(), "key_rejected");
    let refused = scenario.world.requests().by_status[&401];
    assert!((1..=10).contains(&refused), "{refused} requests were in flight or sent after the first 401");
    assert_eq!(scenario.visible().await, before);
    scenario.world.faults().clear();
    scenario.sync_completely().await;
}

#[tokio::test]
async fn all_keys_revoked_at_once_stop_every_organization_and_all_are_restored() {
    let mut scenario = scenario(three()).await;
    scenario.only(CORE);
    for number in 0..3 {
        scenario.try_sync(number).await.unwrap();
    }
    let before = scenario.visible().await;
    scenario.world.revoke_all_keys();
    scenario.world.advance(Duration::from_secs(600));
    for number in 0..3 {
        let asked = scenario.asked();
        assert_eq!(scenario.try_sync(number).await.unwrap_err().code(), "key_rejected");
        assert!(scenario.asked() - asked <= 3);
    }
    assert_eq!(scenario.visible().await, before);
    scenario.world.restore_all_keys();
    for number in 0..3 {
        assert_eq!(scenario.try_sync(number).await.unwrap().outcome, Outcome::Succeeded);
        scenario.equals_oracle(number).await;
    }
}

#[tokio::test]
async fn a_key_that_sees_several_organizations_must_choose_and_is_told_which_there_are() {
    let mut scenario = scenario(three()).await;
    scenario.only(CORE);
    let key = scenario.world.credentials(0).mtp.unwrap();
    let mut connection = scenario.connection(0, &Credential::api_key(&key).unwrap());
    (connection.id, connection.name, connection.org_id) = ("connection-9".into(), "Connection 9".into(), None);
    scenario.add(&connection, &key).await;
    let error = scenario.try_sync(9).await.unwrap_err();
    assert_eq!(error.code(), "organization_unclear");
    for organization in scenario.world.organizations() {
        assert!(error.to_string().contains(&organization.name), "{error}");
        assert!(error.to_string().contains(&organization.id.to_string()), "{error}");
    }
    assert_eq!(scenario.stream(9).await.state.failure_code.as_deref(), Some("organization_unclear"));

    // The name is enough to choose by, and the id is learned from it.
    connection.org_name = Some("two ltd".to_owned());
    scenario.collector.store.update_connection(&connection, scenario.collector.clock.now()).await.unwrap();
    assert_eq!(scenario.try_sync(9).await.unwrap().outcome, Outcome::Succeeded);
    scenario.equals_oracle(1).await;
    let learned = scenario.stored(9).await;
    assert_eq!(learned.org_id, Some(scenario.world.organizations()[1].id.to_string()));
    assert_eq!(learned.org_name.as_deref(), Some("Two Ltd"));
}

#[tokio::test]
async fn a_providers_key_collects_the_organization_that_is_meant_and_nothing_of_the_others() {
    let scenario = scenario(three()).await;
    let key = scenario.world.credentials(0).mtp.unwrap();
    for number in [2, 0] {
        let mut connection = scenario.connection(number, &Credential::api_key(&key).unwrap());
        let id = 7 + number;
        (connection.id, connection.name) = (format!("connection-{id}"), format!("Connection {id}"));
        scenario.add(&connection, &key).await;
        assert_eq!(lacking(&scenario.try_sync(id).await.unwrap()), [""; 0]);
        scenario.equals_oracle(number).await;
    }
    let organizations = scenario.column("SELECT DISTINCT org_id FROM users").await;
    assert_eq!(organizations.len(), 2);
}

/// To such a key JumpCloud does not tell to which organization an administrator belongs.
#[tokio::test]
async fn a_providers_key_gives_no_organization_the_administrators_of_another() {
    let mut config = three();
    for organization in &mut config.organizations {
        organization.oddities = organization.oddities.with(Oddity::AdministratorsLackOrganization);
    }
    let scenario = scenario(config).await;
    let key = scenario.world.credentials(0).mtp.unwrap();
    let mut connection = scenario.connection(2, &Credential::api_key(&key).unwrap());
    (connection.id, connection.name) = ("connection-9".into(), "Connection 9".into());
    scenario.add(&connection, &key).await;
    assert_eq!(lacking(&scenario.try_sync(9).await.unwrap()), [""; 0]);
    scenario.equals_oracle(2).await;
    let mine = "SELECT id FROM administrators ORDER BY id";
    let administrators = scenario.column(mine).await;
    assert!(!administrators.is_empty());

    // Where the links can not be read, nobody is taken for one of this organization, and nobody for gone.
    let effect = Effect::Status { status: 403, body: FaultBody::Json, headers: Vec::new(), retry_after: None };
    scenario.spoil("/api/v2/organizations/*/administratorlinks", effect);
    let lacking = lacking(&scenario.try_sync(9).await.unwrap());
    assert!(
        lacking.iter().any(|words| words.contains("administrators") && words.contains("several organizations")),
        "{lacking:?}"
    );
    assert_eq!(scenario.column(mine).await, administrators);
}

#[tokio::test]
async fn an_organization_that_the_key_does_not_see_is_named_with_those_that_it_sees() {
    let scenario = scenario(three()).await;
    let mut connection = scenario.stored(0).await;
    connection.org_id = Some(scenario.world.organizations()[2].id.to_string());
    scenario.collector.store.update_connection(&connection, scenario.collector.clock.now()).await.unwrap();
    let error = scenario.try_sync(0).await.unwrap_err();
    assert_eq!(error.code(), "organization_unclear");
    assert!(error.to_string().contains("One Ltd"), "{error}");
    assert!(scenario.ask("SELECT * FROM snapshots").await.is_empty());
}

#[tokio::test]
async fn no_organization_selected_is_not_taken_for_a_bad_key() {
    let scenario = Scenario::core().await;
    scenario.sync_completely().await;
    let before = scenario.visible().await;
    let body = FaultBody::Text(r#"{"message":"Unauthorized: no organization selected"}"#.to_owned());
    let effect = Effect::Status { status: 401, body, headers: Vec::new(), retry_after: None };
    scenario.spoil("/api/v2/usergroups", effect);
    assert_eq!(scenario.try_sync(0).await.unwrap_err().code(), "no_organization");
    assert_eq!(scenario.visible().await, before);
}

#[tokio::test]
async fn rows_of_another_organization_abort_the_sync_and_nothing_is_mixed() {
    let mut scenario = scenario(three()).await;
    scenario.only(CORE);
    scenario.sync_completely().await;
    let before = scenario.visible().await;
    for endpoint in ["/api/systemusers", "/api/systems", "*"] {
        scenario.world.faults().clear();
        let elsewhere = Effect::OtherOrganization { organization: 1 };
        scenario.world.faults().add(FaultRule::new(elsewhere).on(endpoint).organization(0));
        let error = scenario.try_sync(0).await.unwrap_err();
        let named = matches!(&error, Error::OrganizationChanged { found, .. }
            if *found == scenario.world.organizations()[1].id.to_string());
        assert!(named || error.code() == "organization_unclear", "{endpoint}: {error}");
        assert_eq!(scenario.visible().await, before, "{endpoint}");
    }
    scenario.world.faults().clear();
    scenario.sync_completely().await;
}

#[tokio::test]
async fn a_redirect_elsewhere_is_not_followed_and_the_key_stays_here() {
    let canary = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = canary.local_addr().unwrap();
    let visits = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&visits);
    let listening = tokio::spawn(async move {
        while canary.accept().await.is_ok() {
            counter.fetch_add(1, SeqCst);
        }
    });
    let scenario = Scenario::core().await;
    scenario.sync_completely().await;
    let before = scenario.visible().await;
    let host = scenario.simulator.url().replace("http://", "");
    let targets = [
        format!("http://{address}/api/systemusers"),
        format!("http://{host}@{address}/"),
        format!("//{address}/"),
        "http://[::1]:1/".to_owned(),
        format!("http://{host}/api/systemusers"),
        "/api/systemusers".to_owned(),
    ];
    for (location, status) in targets.iter().zip([301, 302, 303, 307, 308, 307]) {
        scenario.world.faults().clear();
        scenario.spoil("/api/systemusers", Effect::Redirect { status, location: location.clone() });
        let asked = scenario.world.requests().by_endpoint["GET /api/systemusers"];
        let error = scenario.try_sync(0).await.unwrap_err();
        assert_eq!(error.code(), "redirected", "{status} {location}: {error}");
        assert_eq!(scenario.world.requests().by_endpoint["GET /api/systemusers"], asked + 1, "{location}");
        assert_eq!(scenario.visible().await, before);
    }
    // The listener does listen: what was not counted before was not there.
    drop(TcpStream::connect(address).await.unwrap());
    while visits.load(SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(visits.load(SeqCst), 1);
    listening.abort();
}

/// A scenario whose only connection uses the service account.
async fn with_service_account() -> (Scenario, Credential) {
    let scenario = Scenario::core().await;
    let account = scenario.world.credentials(0).service_account;
    let credential = Credential::service_account(&account.client_id, &account.client_secrets[0]).unwrap();
    let mut connection = scenario.connection(0, &credential);
    (connection.id, connection.name) = ("connection-5".into(), "Connection 5".into());
    scenario.add(&connection, &account.client_secrets[0]).await;
    (scenario, credential)
}

/// Asks the simulator for a token as the service account would.
async fn token(scenario: &Scenario) -> String {
    let account = scenario.world.credentials(0).service_account;
    let pair = format!("{}:{}", account.client_id, account.client_secrets[0]);
    let basic = data_encoding::BASE64.encode(pair.as_bytes());
    let host = scenario.simulator.url().replace("http://", "");
    let body = "grant_type=client_credentials&scope=api";
    let request = format!(
        "POST /oauth2/token HTTP/1.1\r\nhost: {host}\r\nauthorization: Basic {basic}\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let json = &answer[answer.find('{').unwrap()..];
    serde_json::from_str::<serde_json::Value>(json).unwrap()["access_token"].as_str().unwrap().to_owned()
}

fn token_calls(scenario: &Scenario) -> u64 {
    scenario.world.requests().by_endpoint.get("POST /oauth2/token").copied().unwrap_or(0)
}

#[tokio::test]
async fn a_service_account_syncs_with_one_token_however_odd_its_lifetime_is() {
    let (scenario, _) = with_service_account().await;
    scenario.try_sync(5).await.unwrap();
    scenario.equals_oracle(0).await;
    // Two clients: one to see the organizations would be enough, but never more than a token each.
    assert!((1..=2).contains(&token_calls(&scenario)), "{}", token_calls(&scenario));
    for lifetime in ["", ",\"expires_in\":0", ",\"expires_in\":-1", ",\"expires_in\":1e9", ",\"expires_in\":\"soon\""] {
        scenario.world.faults().clear();
        let body = format!("{{\"access_token\":\"{}\"{lifetime}}}", token(&scenario).await);
        scenario.spoil("/oauth2/token", text(body));
        let before = token_calls(&scenario);
        let report = scenario.try_sync(5).await.unwrap();
        assert_eq!(report.outcome, Outcome::Succeeded, "{lifetime}");
        assert!((1..=2).contains(&(token_calls(&scenario) - before)), "{lifetime}");
    }
    scenario.equals_oracle(0).await;
}

#[tokio::test]
async fn a_token_endpoint_that_stumbles_is_asked_again_and_one_that_refuses_is_not() {
    let (scenario, _) = with_service_account().await;
    let faults = scenario.world.faults();
    faults.add(FaultRule::new(Effect::status(500)).on("/oauth2/token").times(2));
    faults.add(FaultRule::new(Effect::Latency { milliseconds: 20 }).on("/oauth2/token"));
    assert_eq!(scenario.try_sync(5).await.unwrap().outcome, Outcome::Succeeded);
    scenario.equals_oracle(0).await;
    let before = scenario.visible().await;
    for (body, code) in [
        (r#"{"error":"invalid_client"}"#, "key_rejected"),
        (r#"{"token":"x"}"#, "unexpected_shape"),
        (r#"{"access_token":""}"#, "unexpected_shape"),
    ] {
        faults.clear();
        let status = if code == "key_rejected" { 400 } else { 200 };
        let body = FaultBody::Text(body.to_owned());
        scenario.spoil("/oauth2/token", Effect::Status { status, body, headers: Vec::new(), retry_after: None });
        let calls = token_calls(&scenario);
        assert_eq!(scenario.try_sync(5).await.unwrap_err().code(), code);
        assert_eq!(token_calls(&scenario), calls + 1);
        assert_eq!(scenario.visible().await, before);
    }
}

#[tokio::test]
async fn a_token_that_dies_early_is_renewed_once_and_the_sync_completes() {
    let (scenario, _) = with_service_account().await;
    let dead = FaultRule::new(Effect::status(401)).on("/api/systemusers").times(1);
    scenario.world.faults().add(dead);
    assert_eq!(scenario.try_sync(5).await.unwrap().outcome, Outcome::Succeeded);
    scenario.equals_oracle(0).await;
}
