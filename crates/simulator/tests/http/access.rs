//! Who is let in: keys in every condition, roles, organization headers, tokens, and the list of forbidden calls.

use serde_json::json;
use simulator::{Config, Oddities, Oddity, Size};

use crate::client::{Client, open};

#[tokio::test]
async fn keys_in_every_condition_get_the_documented_answer() {
    let client = Client::demo().await;
    let credentials = client.world().credentials(0);
    let unauthorized = json!({"error": "Unauthorized", "message": "Unauthorized: api key user not found"});
    for key in [&credentials.expired, &credentials.revoked, &credentials.wrong_region, &"nonsense".to_owned()] {
        for path in ["/api/systemusers", "/api/v2/usergroups", "/api/organizations"] {
            let answer = client.get_with(path, &[("x-api-key", key)]).await;
            assert_eq!((answer.status, answer.json()), (401, unauthorized.clone()), "{path}");
        }
    }
    let answer = client.get_with("/api/systemusers", &[]).await;
    assert_eq!((answer.status, answer.headers["location"].as_str()), (302, "/login"));
    let events = client.http.post(format!("{}/insights/directory/v1/events", client.running.url())).body("{}");
    assert_eq!(events.send().await.unwrap().status(), 401);
    let answer = client.get_with("/login", &[]).await;
    assert_eq!(answer.status, 200);
    assert!(answer.headers["content-type"].starts_with("text/html"));
    for key in [&credentials.read_only, &credentials.administrator, &credentials.command_runner, &credentials.help_desk]
    {
        assert_eq!(client.get_with("/api/systemusers", &[("x-api-key", key)]).await.status, 200);
    }
}

#[tokio::test]
async fn the_organization_header_is_checked_refused_and_required_where_documented() {
    let client = Client::demo().await;
    let (own, other) = (client.world().credentials(0), client.world().credentials(1));
    let mtp = own.mtp.clone().unwrap();
    let (own_id, other_id) = (own.organization.to_string(), other.organization.to_string());
    let status = async |path: &str, key: &str, organization: Option<&str>| {
        let mut headers = vec![("x-api-key", key)];
        headers.extend(organization.map(|id| ("x-org-id", id)));
        client.get_with(path, &headers).await
    };
    assert_eq!(status("/api/systemusers", &own.read_only, Some(&own_id)).await.status, 200);
    assert_eq!(status("/api/systemusers", &own.read_only, Some("")).await.status, 200);
    assert_eq!(status("/api/systemusers", &own.read_only, Some(&other_id)).await.status, 401);
    let answer = status("/api/v2/usergroups", &mtp, None).await;
    assert_eq!((answer.status, answer.json()), (401, json!({"message": "Unauthorized: no organization selected"})));
    for (id, organization) in [(&own_id, 0), (&other_id, 1)] {
        let (rows, total) = open(&status("/api/systemusers", &mtp, Some(id)).await);
        assert_eq!(total, Some(client.world().oracle(organization).counts["systemusers"]));
        assert_eq!(rows[0]["organization"], **id);
    }
    let text = "Forbidden: organization selection not allowed via header";
    for path in ["/api/organizations", "/api/users", "/api/v2/providers"] {
        let answer = status(path, &mtp, Some(&own_id)).await;
        assert_eq!((answer.status, answer.json()), (403, json!({"message": text, "error": text})), "{path}");
    }
    assert_eq!(open(&status("/api/organizations", &mtp, None).await).0.len(), 3);
    assert_eq!(open(&status("/api/organizations", &own.read_only, Some("")).await).0.len(), 1);
    let provider = client.world().provider().unwrap();
    let answer = status(&format!("/api/v2/providers/{provider}/organizations"), &mtp, None).await;
    assert_eq!(open(&answer).0.len(), 3);
}

#[tokio::test]
async fn a_silent_default_organization_is_a_switch() {
    let mut config = Config::demo(Size::Small);
    config.organizations[0].oddities = Oddities::clean().with(Oddity::SilentDefaultOrganization);
    let client = Client::start(config).await;
    let credentials = client.world().credentials(0);
    let answer = client.get_with("/api/systemusers", &[("x-api-key", &credentials.mtp.unwrap())]).await;
    assert_eq!(open(&answer).0[0]["organization"], credentials.organization.to_string());
}

#[tokio::test]
async fn roles_limit_what_a_key_may_read() {
    let client = Client::demo().await;
    let credentials = client.world().credentials(0);
    let command = client.world().oracle(0).ids["commands"][0];
    let software = client.world().oracle(0).ids["softwareapps"][0];
    for path in [format!("/api/v2/commands/{command}/systems"), format!("/api/v2/softwareapps/{software}/systemgroups")]
    {
        assert_eq!(client.get_with(&path, &[("x-api-key", &credentials.read_only)]).await.status, 403, "{path}");
        assert_eq!(client.get_with(&path, &[("x-api-key", &credentials.administrator)]).await.status, 200, "{path}");
    }
    let accounts = "/api/v2/service-accounts";
    let answer = client.get_with(accounts, &[("x-api-key", &credentials.read_only)]).await;
    assert_eq!((answer.status, answer.json()), (403, json!({"message": "Forbidden"})));
    assert_eq!(client.get_with(accounts, &[("x-api-key", &credentials.administrator)]).await.status, 200);
    let events = async |key: &str| {
        let request = client.http.post(format!("{}/insights/directory/v1/events", client.running.url()));
        let body = json!({"service": ["all"], "start_time": "2026-11-20T00:00:00Z"}).to_string();
        request.header("x-api-key", key).body(body).send().await.unwrap().status().as_u16()
    };
    assert_eq!(events(&credentials.command_runner).await, 403);
    assert_eq!(events(&credentials.read_only).await, 200);
}

#[tokio::test]
async fn service_accounts_get_tokens_with_either_secret_and_tokens_end() {
    let client = Client::demo().await;
    let credentials = client.world().credentials(0);
    let account = credentials.service_account.clone();
    let token = async |secret: &str| {
        let request = client.http.post(format!("{}/oauth2/token", client.running.url()));
        let request = request.basic_auth(&account.client_id, Some(secret));
        crate::client::read(request.body("grant_type=client_credentials&scope=api").send().await.unwrap()).await
    };
    assert_eq!(token("wrong").await.status, 401);
    for secret in &account.client_secrets {
        let answer = token(secret).await;
        assert_eq!((answer.status, answer.json()["expires_in"].as_u64()), (200, Some(3600)));
        let bearer = format!("Bearer {}", answer.json()["access_token"].as_str().unwrap());
        assert_eq!(client.get_with("/api/systemusers", &[("authorization", &bearer)]).await.status, 200);
        let events = async |organization: Option<&str>| {
            let request = client.http.post(format!("{}/insights/directory/v1/events/count", client.running.url()));
            let request = request
                .header("authorization", &bearer)
                .body(r#"{"service":["all"],"start_time":"2026-11-20T07:00:00Z"}"#);
            let request = organization.into_iter().fold(request, |request, id| request.header("x-org-id", id));
            request.send().await.unwrap().status().as_u16()
        };
        assert_eq!(events(None).await, 401);
        assert_eq!(events(Some(&credentials.organization.to_string())).await, 200);
        client.world().advance(std::time::Duration::from_secs(3601));
        assert_eq!(client.get_with("/api/systemusers", &[("authorization", &bearer)]).await.status, 401);
    }
}

#[tokio::test]
async fn a_replaced_key_is_dead_at_once_and_the_new_one_works() {
    let client = Client::demo().await;
    let old = client.world().credentials(0).read_only;
    let new = client.world().replace_api_key(0);
    assert_eq!(client.get_with("/api/systemusers", &[("x-api-key", &old)]).await.status, 401);
    assert_eq!(client.get_with("/api/systemusers", &[("x-api-key", &new)]).await.status, 200);
    client.world().revoke_all_keys();
    assert_eq!(client.get_with("/api/systemusers", &[("x-api-key", &new)]).await.status, 401);
    client.world().restore_all_keys();
    client.world().expire_key(&new);
    assert_eq!(client.get_with("/api/systemusers", &[("x-api-key", &new)]).await.status, 401);
}

#[tokio::test]
async fn writes_secrets_and_unknown_routes_are_refused_and_counted() {
    let client = Client::demo().await;
    let world = client.world();
    let device = world.oracle(0).ids["systems"][0];
    let mdm = world.oracle(0).ids["applemdms"][0];
    assert_eq!(client.get(0, &format!("/api/v2/systems/{device}/fdekey")).await.status, 403);
    let bypass = format!("/api/v2/applemdms/{mdm}/devices/{device}/bypasscodes");
    assert_eq!(client.get(0, &bypass).await.status, 403);
    assert_eq!(client.get(0, "/api/v2/no-such-route").await.status, 404);
    assert_eq!(world.writes_attempted(), 0);
    assert_eq!(client.post(0, "/api/systemusers", json!({})).await.status, 405);
    let request = client.http.delete(format!("{}/api/systems/{device}", client.running.url()));
    assert_eq!(request.send().await.unwrap().status(), 405);
    assert_eq!(world.writes_attempted(), 2);
    let forbidden: Vec<String> =
        world.forbidden_calls().iter().map(|call| format!("{} {}", call.method, call.path)).collect();
    assert_eq!(forbidden.len(), 5);
    assert!(forbidden.contains(&"GET /api/v2/no-such-route".to_owned()));
    assert!(forbidden.contains(&format!("DELETE /api/systems/{device}")));
}

#[tokio::test]
async fn an_unlicensed_organization_has_no_directory_insights() {
    let mut config = Config::demo(Size::Small);
    config.organizations[0].directory_insights = false;
    config.organizations[1].directory_insights = false;
    config.organizations[1].oddities = Oddities::clean().with(Oddity::UnlicensedIsForbidden);
    let client = Client::start(config).await;
    let body = json!({"service": ["all"], "start_time": "2026-11-20T00:00:00Z"});
    for (organization, status) in [(0, 402), (1, 403), (2, 200)] {
        assert_eq!(client.post(organization, "/insights/directory/v1/events", body.clone()).await.status, status);
    }
}
