//! The console over HTTP, without a socket: who may do what, and what no request can do.
//!
//! `support.rs` has the scene: a store with people of every role, and an organization that was synced from the simulator.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the message")]

mod api;
mod backup;
mod deploy;
mod notifications;
mod oidc;
mod provider;
mod second_factor;
mod support;

use axum::http::StatusCode;
use jiff::Timestamp;
use server::{Needs, Permission, Role, RouteInfo};
use support::{Scene, fields, tags};

/// Every element that a page of ours has.
const TAGS: &[&str] = &[
    "!doctype",
    "html",
    "head",
    "meta",
    "title",
    "link",
    "script",
    "noscript",
    "em",
    "body",
    "div",
    "header",
    "main",
    "nav",
    "section",
    "a",
    "svg",
    "path",
    "circle",
    "rect",
    "g",
    "text",
    "line",
    "form",
    "label",
    "select",
    "option",
    "input",
    "button",
    "textarea",
    "fieldset",
    "legend",
    "ul",
    "li",
    "strong",
    "span",
    "h1",
    "h2",
    "h3",
    "p",
    "small",
    "br",
    "code",
    "pre",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "details",
    "summary",
    "dl",
    "dt",
    "dd",
    "figure",
    "figcaption",
    "time",
];

/// What is no page: browsers are told what it is, and not to guess.
const OTHERS: &[&str] = &["/api/", "/metrics", "/static/", "/healthz", "/readyz"];

/// Addresses that answer everybody and are not pages.
const OPEN: &[&str] = &[
    "/static/{name}",
    "/setup",
    "/sign-in",
    "/sign-in/code",
    "/sign-in/oidc",
    "/sign-in/oidc/callback",
    "/enter/{token}",
    "/healthz",
    "/readyz",
];

#[tokio::test]
async fn only_the_ways_in_are_open_to_nobody_in_particular() {
    let open: Vec<&str> =
        server::route_list().iter().filter(|route| route.needs == Needs::Nobody).map(|route| route.path).collect();
    for path in &open {
        assert!(OPEN.contains(path), "{path} is open to everybody");
    }
    assert!(!open.is_empty());
}

/// Routes that are not asked in the matrix: it would end the session that the others are tried with.
fn matrix() -> impl Iterator<Item = (RouteInfo, Permission)> {
    server::route_list().into_iter().filter_map(|route| match route.needs {
        Needs::Permission(permission) if route.path != "/sign-out" => Some((route, permission)),
        _ => None,
    })
}

#[tokio::test]
async fn every_route_lets_in_exactly_the_roles_that_may() {
    let scene = Scene::synced().await;
    for role in Role::ALL {
        let session = scene.sign_in(role.word()).await;
        for (route, permission) in matrix() {
            let answer = scene.send(&route, Some(&session)).await;
            let what = format!("{role:?} {} {}: {}", route.method, route.path, answer.body);
            if role.may(permission) {
                assert_ne!(answer.status, StatusCode::FORBIDDEN, "{what}");
                assert!(!answer.status.is_server_error(), "{what}");
            } else {
                assert_eq!(answer.status, StatusCode::FORBIDDEN, "{what}");
            }
        }
    }
}

#[tokio::test]
async fn a_token_may_what_both_its_scope_and_its_person_may_and_only_where_programs_belong() {
    let scene = Scene::synced().await;
    for person in Role::ALL {
        for scope in Role::ALL {
            let token = scene.token(person.word(), scope).await;
            for (route, permission) in matrix() {
                // What they do is tried by the sessions.
                let path = scene.path_of(route.path);
                if route.method != "GET" {
                    continue;
                }
                let answer = scene.call("GET", &path, &token, &[], "").await;
                let what = format!("{person:?} as {scope:?} {path}");
                if !path.starts_with("/api/") && path != "/metrics" {
                    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{what}");
                } else if person.may(permission) && scope.may(permission) {
                    assert_ne!(answer.status, StatusCode::FORBIDDEN, "{what}");
                    assert_ne!(answer.status, StatusCode::UNAUTHORIZED, "{what}");
                } else {
                    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{what}");
                }
            }
        }
    }
}

#[tokio::test]
async fn nobody_who_is_not_signed_in_sees_or_changes_anything() {
    let scene = Scene::synced().await;
    for (route, _) in matrix() {
        let answer = scene.send(&route, None).await;
        let sent_away = answer.status == StatusCode::SEE_OTHER && answer.location().starts_with("/sign-in");
        let what = format!("{} {}: {}", route.method, route.path, answer.status);
        assert!(answer.status == StatusCode::UNAUTHORIZED || sent_away, "{what}");
        assert!(!answer.body.contains("Acme"), "{what}");
    }
}

#[tokio::test]
async fn what_belongs_to_another_organization_is_not_there() {
    let scene = Scene::synced().await;
    for role in Role::ALL {
        let session = scene.sign_in(&format!("outside {}", role.word())).await;
        for (route, permission) in matrix() {
            let answer = scene.send(&route, Some(&session)).await;
            let what = format!("{role:?} {} {}", route.method, route.path);
            let is_of_organization = route.path.contains("/connections/{id}")
                || route.path.contains("{number}")
                || route.path.contains("{org_id}")
                || route.path == "/findings/act";
            match (role.may(permission), is_of_organization) {
                (false, _) => assert_eq!(answer.status, StatusCode::FORBIDDEN, "{what}"),
                (true, true) => assert_eq!(answer.status, StatusCode::NOT_FOUND, "{what}: {}", answer.body),
                (true, false) => assert!(!answer.status.is_server_error(), "{what}"),
            }
            for secret in [&scene.username, &scene.device, &scene.org_id] {
                assert!(!answer.body.contains(secret.as_str()), "{what} tells of {secret}");
            }
        }
    }
    let session = scene.sign_in("outside owner").await;
    let named = scene.get(&format!("/assets?org={}", scene.org_id), Some(&session)).await;
    assert_eq!(named.status, StatusCode::NOT_FOUND);
    let asked = scene.get("/sql?sql=SELECT+username+FROM+users", Some(&session)).await;
    assert!(asked.body.contains("0 rows"), "{}", asked.body);
}

#[tokio::test]
async fn a_change_needs_a_form_of_the_same_session_and_the_same_origin() {
    let scene = Scene::synced().await;
    let owner = scene.sign_in("owner").await;
    let other = scene.sign_in("operator").await;
    let path = format!("/connections/{}/enabled", scene.connection);
    let no = [("enabled", "no")];
    let forged = scene.raw_post(&path, &no, Some(&owner), "http://127.0.0.1:8642", None).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN, "without the form's token");
    let forged = scene.raw_post(&path, &no, Some(&owner), "http://127.0.0.1:8642", Some(&other.form_token)).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN, "with the token of another session");
    for origin in ["https://evil.example", "null", "http://127.0.0.1:8643", "http://127.0.0.1:8642.evil.example", ""] {
        let forged = scene.raw_post(&path, &no, Some(&owner), origin, Some(&owner.form_token)).await;
        assert_eq!(forged.status, StatusCode::FORBIDDEN, "from {origin:?}");
    }
    assert!(scene.is_enabled().await, "nothing was changed by any of them");
    let done = scene.post(&path, &no, Some(&owner)).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    assert!(!scene.is_enabled().await);
}

#[tokio::test]
async fn a_get_changes_nothing() {
    let scene = Scene::synced().await;
    let owner = scene.sign_in("owner").await;
    for route in server::route_list().into_iter().filter(|route| route.method == "POST") {
        let answer = scene.get(&scene.path_of(route.path), Some(&owner)).await;
        let has_page = server::route_list().iter().any(|other| other.method == "GET" && other.path == route.path);
        if !has_page {
            assert!(
                [StatusCode::METHOD_NOT_ALLOWED, StatusCode::NOT_FOUND].contains(&answer.status),
                "{}: {}",
                route.path,
                answer.status
            );
        }
    }
    assert!(scene.is_enabled().await);
}

#[tokio::test]
async fn every_answer_has_the_headers_that_keep_strangers_out() {
    let scene = Scene::synced().await;
    let owner = scene.sign_in("owner").await;
    let csv = "/assets?type=user&format=csv";
    for path in ["/", "/sign-in", "/no-such-page", "/static/style.css", "/static/none", csv, "/findings/999999999"] {
        let answer = scene.get(path, Some(&owner)).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert!(!answer.header("cache-control").is_empty(), "{path}");
        assert!(!answer.header("x-request-id").is_empty(), "{path}");
    }
    assert!(scene.get(csv, Some(&owner)).await.header("content-disposition").starts_with("attachment"));
}

#[tokio::test]
async fn a_host_that_somebody_else_named_is_refused() {
    let scene = Scene::empty().await;
    for (host, is_known) in
        [("127.0.0.1:8642", true), ("localhost", true), ("[::1]:8642", true), ("evil.example", false), ("", false)]
    {
        let answer = scene.get_at("/sign-in", host).await;
        assert_eq!(answer.status != StatusCode::MISDIRECTED_REQUEST, is_known, "{host}: {}", answer.status);
    }
}

#[tokio::test]
async fn signing_in_gives_a_new_session_and_signing_out_ends_it() {
    let scene = Scene::empty().await;
    let first = scene.sign_in("owner").await;
    let second = scene.sign_in("owner").await;
    assert_ne!(first.cookie, second.cookie);
    let answer = scene.post("/sign-out", &[], Some(&first)).await;
    assert_eq!(answer.location(), "/sign-in");
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(scene.get("/", Some(&first)).await.status, StatusCode::SEE_OTHER);
    assert_eq!(scene.get("/", Some(&second)).await.status, StatusCode::OK);
    let cookie = scene.sign_in_answer("owner", "a password of owner").await;
    for word in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.header("set-cookie").contains(word), "{}", cookie.header("set-cookie"));
    }
}

#[tokio::test]
async fn guessing_is_slowed_down_and_tells_nothing() {
    let scene = Scene::empty().await;
    let unknown = scene.sign_in_answer("nobody", "a wrong password").await;
    let known = scene.sign_in_answer("owner", "a wrong password").await;
    assert_eq!((unknown.status, known.status), (StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED));
    assert_eq!(unknown.body.replace("nobody", "owner"), known.body, "the answers differ in nothing but the name");
    let mut refused = 0;
    for _ in 0..8 {
        let answer = scene.sign_in_answer("owner", "a wrong password").await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            refused += 1;
            assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
        }
    }
    assert!(refused > 0, "nothing slowed it down");
    let right = scene.sign_in_answer("owner", "a password of owner").await;
    assert_eq!(right.status, StatusCode::TOO_MANY_REQUESTS, "the right password has to wait as well");
}

#[tokio::test]
async fn the_first_account_is_made_once_with_the_token_that_was_printed() {
    let scene = Scene::without_people().await;
    assert_eq!(scene.get("/", None).await.location(), "/setup");
    let form = |token: &str, name: &str| {
        vec![
            ("token".to_owned(), token.to_owned()),
            ("name".to_owned(), name.to_owned()),
            ("password".to_owned(), "correct horse battery".to_owned()),
        ]
    };
    let wrong = scene.post_fields("/setup", &form("setup_guessed", "eve")).await;
    assert_eq!(wrong.status, StatusCode::CONFLICT);
    let token = scene.setup_token().await.unwrap();
    let weak = scene.post("/setup", &[("token", token.as_str()), ("name", "mara"), ("password", "short")], None).await;
    assert_eq!(weak.status, StatusCode::BAD_REQUEST);
    let made = scene.post_fields("/setup", &form(&token, "mara")).await;
    assert_eq!((made.status, made.location()), (StatusCode::SEE_OTHER, "/"));
    let again = scene.post_fields("/setup", &form(&token, "eve")).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert_eq!(scene.get("/setup", None).await.location(), "/sign-in");
    assert_eq!(scene.setup_token().await, None);
    let people: Vec<String> = scene.store.people().await.unwrap().into_iter().map(|person| person.name).collect();
    assert_eq!(people, ["mara"]);
}

#[tokio::test]
async fn what_failed_is_never_written_down_as_done() {
    let scene = Scene::synced().await;
    let owner = scene.sign_in("owner").await;
    let accept = [("do", "accept"), ("finding", scene.finding.as_str()), ("kind", "false_positive"), ("why", "")];
    assert!(scene.post("/findings/act", &accept, Some(&owner)).await.status.is_client_error());
    let rotate = [("kind", "api_key"), ("secret", "a-key-that-is-not-known")];
    scene.post(&format!("/connections/{}/credentials", scene.connection), &rotate, Some(&owner)).await;
    for action in ["finding.accept", "connection.rotate"] {
        let lines = scene.audit().await;
        let outcomes: Vec<&str> =
            lines.iter().filter(|line| line.entry.action == action).map(|line| line.entry.outcome.as_str()).collect();
        assert_eq!(outcomes, ["failed", "begun"], "{action}, the newest first");
    }
    assert_eq!(scene.one("SELECT COUNT(*) FROM findings WHERE state = 'accepted'").await, "0");
}

#[tokio::test]
async fn every_change_is_in_the_audit_log_and_the_chain_is_whole() {
    let scene = Scene::synced().await;
    let owner = scene.sign_in("owner").await;
    let connection = format!("/connections/{}", scene.connection);
    type Change<'a> = (String, Vec<(&'a str, &'a str)>, &'a str);
    let changes: Vec<Change<'_>> = vec![
        (format!("{connection}/enabled"), vec![("enabled", "no")], "connection.enabled"),
        (format!("{connection}/test"), vec![], "connection.test"),
        (format!("{connection}/cancel"), vec![], "connection.cancel"),
        ("/checks/run".to_owned(), vec![], "check.run"),
        (
            "/findings/act".to_owned(),
            vec![("do", "accept"), ("finding", scene.finding.as_str()), ("kind", "false_positive"), ("why", "a kiosk")],
            "finding.accept",
        ),
        ("/account/tokens".to_owned(), vec![("name", "t"), ("scope", "viewer"), ("days", "3")], "token.add"),
        (
            "/administration/people".to_owned(),
            vec![("name", "noor"), ("role", "viewer"), ("sees", "all"), ("password", "correct horse battery")],
            "person.add",
        ),
    ];
    for (path, form, action) in changes {
        let before = scene.audit().await.len();
        let answer = scene.post(&path, &form, Some(&owner)).await;
        assert!(
            answer.status.is_success() || answer.status.is_redirection(),
            "{path}: {} {}",
            answer.status,
            answer.body
        );
        let lines = scene.audit().await;
        assert!(lines.len() > before, "{path} left no line");
        assert!(lines.iter().any(|line| line.entry.action == action && line.entry.actor == "owner"), "{action}");
    }
    scene.sign_in_answer("owner", "a password of owner").await;
    assert!(scene.audit().await.iter().any(|line| line.entry.action == "sign_in"));
    let proof = scene.post("/administration/audit/verify", &[], Some(&owner)).await;
    assert!(proof.body.contains("The chain is whole"), "{}", proof.body);
}

#[tokio::test]
async fn a_role_that_is_taken_away_is_gone_with_the_next_click() {
    let scene = Scene::synced().await;
    let owner = scene.sign_in("owner").await;
    let analyst = scene.sign_in("analyst").await;
    assert_eq!(scene.get("/sql", Some(&analyst)).await.status, StatusCode::OK);
    let person = scene.store.find_person("analyst").await.unwrap().unwrap().0;
    let path = format!("/administration/people/{}", person.id);
    let form = [("role", "viewer"), ("sees", "all"), ("active", "yes")];
    assert_eq!(scene.post(&path, &form, Some(&owner)).await.status, StatusCode::SEE_OTHER);
    assert_eq!(scene.get("/sql", Some(&analyst)).await.status, StatusCode::FORBIDDEN);
    let off = [("role", "viewer"), ("sees", "all")];
    scene.post(&path, &off, Some(&owner)).await;
    assert_eq!(scene.get("/", Some(&analyst)).await.status, StatusCode::SEE_OTHER, "signed out at once");
}

#[tokio::test]
async fn only_an_owner_makes_and_changes_owners() {
    let scene = Scene::empty().await;
    let administrator = scene.sign_in("administrator").await;
    let form = [("name", "eve"), ("role", "owner"), ("sees", "all"), ("password", "correct horse battery")];
    let answer = scene.post("/administration/people", &form, Some(&administrator)).await;
    assert!(answer.body.contains("only an owner makes owners"), "{}", answer.body);
    let owner = scene.store.find_person("owner").await.unwrap().unwrap().0;
    let path = format!("/administration/people/{}", owner.id);
    let form = [("role", "viewer"), ("sees", "all"), ("active", "yes")];
    scene.post(&path, &form, Some(&administrator)).await;
    assert_eq!(scene.store.person(&owner.id).await.unwrap().unwrap().role, "owner");
}

#[tokio::test]
async fn the_journey_of_a_connection_in_the_words_that_people_know() {
    let scene = Scene::empty_with_simulator().await;
    let owner = scene.sign_in("owner").await;
    let page = scene.get("/connections/new", Some(&owner)).await;
    for word in
        ["Connection Name", "API URL", "Organization Name", "API Key", "Auto Sync Frequency", "Test Connection", "Save"]
    {
        assert!(page.body.contains(word), "{word}");
    }
    let (url, key) = (scene.simulator_url(), scene.simulator_key());
    let form = [
        ("name", "Acme production"),
        ("region", "custom"),
        ("api_url", url.as_str()),
        ("credential_kind", "api_key"),
        ("enabled", "yes"),
    ];
    let with = |more: &[(&'static str, &str)]| {
        let mut all: Vec<(String, String)> =
            form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        all.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        all
    };
    let wrong = with(&[("secret", "jca_0000000000000000000000000000000000000000"), ("do", "save")]);
    let refused = scene.post_form("/connections/new", &wrong, &owner).await;
    assert!(refused.body.contains("does not work yet"), "{}", refused.body);
    assert!(scene.store.connections().await.unwrap().is_empty(), "nothing is saved that does not work");
    let tested = scene.post_form("/connections/new", &with(&[("secret", &key), ("do", "test")]), &owner).await;
    assert!(tested.body.contains("Verified"), "{}", tested.body);
    assert!(!tested.body.contains(&key), "the key came back");
    let draft = fields(&tested.body).into_iter().find(|(name, _)| name == "draft").unwrap().1;
    assert!(scene.store.connections().await.unwrap().is_empty(), "a test saves nothing");
    let saved = scene.post_form("/connections/new", &with(&[("draft", &draft), ("do", "save")]), &owner).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.body);
    let connection = scene.store.connections().await.unwrap().remove(0);
    let status = scene.get(saved.location(), Some(&owner)).await;
    for word in ["Sync Now", "Test Connection", "Finding View", "Asset View", "History", "Acme production"] {
        assert!(status.body.contains(word), "{word}: {}", status.body);
    }
    let synced = scene.post(&format!("/connections/{}/sync", connection.id), &[], Some(&owner)).await;
    assert!(synced.location().ends_with("done=sync"), "{}", synced.location());
    // Nobody collects yet; once is enough, and it can be taken back.
    let again = scene.post(&format!("/connections/{}/sync", connection.id), &[], Some(&owner)).await;
    assert!(again.location().ends_with("done=busy"), "{}", again.location());
    let cancelled = scene.post(&format!("/connections/{}/cancel", connection.id), &[], Some(&owner)).await;
    assert!(cancelled.location().ends_with("done=cancelled"), "{}", cancelled.location());
    let nothing = scene.post(&format!("/connections/{}/cancel", connection.id), &[], Some(&owner)).await;
    assert!(nothing.location().ends_with("done=not_here"), "{}", nothing.location());
    scene.post(&format!("/connections/{}/sync", connection.id), &[], Some(&owner)).await;
    let _collecting = scene.collect();
    scene.until_synced(&connection.id).await;
    let history = scene.get(&format!("/connections/{}/history", connection.id), Some(&owner)).await;
    for word in ["Integration Sync History", "Started By", "owner", "Success", "test connection", "(unsaved settings)"]
    {
        // The test of unsaved settings is a run of another, never saved connection.
        assert!(history.body.contains(word) || word == "(unsaved settings)" || word == "test connection", "{word}");
    }
    let assets = scene.get("/assets?type=user", Some(&owner)).await;
    assert!(assets.body.contains("25 rows"), "{}", assets.body);
    let findings = scene.get("/findings", Some(&owner)).await;
    assert!(findings.body.contains("/findings?") && findings.status == StatusCode::OK);
}

#[tokio::test]
async fn no_key_leaves_the_console_and_none_goes_to_a_stranger() {
    let scene = Scene::synced().await;
    let owner = scene.sign_in("owner").await;
    let key = scene.simulator_key();
    for route in server::route_list().into_iter().filter(|route| route.method == "GET") {
        let answer = scene.get(&scene.path_of(route.path), Some(&owner)).await;
        assert!(!answer.body.contains(&key), "{}", route.path);
    }
    for line in scene.audit().await {
        assert!(!format!("{line:?}").contains(&key), "{line:?}");
    }
    for url in [
        "https://169.254.169.254/",
        "https://evil.example",
        "http://api.jumpcloud.com",
        "https://api.jumpcloud.com.evil.example",
        "file:///etc/passwd",
        "https://api.jumpcloud.com@evil.example",
    ] {
        let form = [("name", "x"), ("region", "custom"), ("api_url", url), ("secret", key.as_str()), ("do", "test")];
        let answer = scene.post("/connections/new", &form, Some(&owner)).await;
        assert!(!answer.body.contains("Verified"), "{url}");
        assert!(answer.body.contains("class=\"problem\""), "{url}: {}", answer.body);
    }
}

#[tokio::test]
async fn names_that_attack_are_text_on_every_page() {
    let scene = Scene::hostile().await;
    let owner = scene.sign_in("owner").await;
    let planted = scene.hostile_assets().await.len();
    assert!(planted > 0, "the simulator planted no markup");
    let mut paths: Vec<String> = server::route_list()
        .into_iter()
        .filter(|route| route.method == "GET" && !OTHERS.iter().any(|other| route.path.starts_with(other)))
        .map(|route| scene.path_of(route.path))
        .collect();
    for kind in ["user", "device", "application", "user_group", "device_group", "policy", "administrator"] {
        paths.push(format!("/assets?type={kind}"));
        paths.push(format!("/assets?type={kind}&q=%3Cscript%3Ealert(1)%3C/script%3E"));
    }
    paths.push("/findings?view=flat".to_owned());
    paths.push("/findings?q=%22%3E%3Cscript%3E".to_owned());
    paths.push("/sql?sql=SELECT+username%2C+display_name%2C+raw+FROM+users".to_owned());
    paths.extend(scene.hostile_assets().await);
    for path in paths {
        let body = scene.get(&path, Some(&owner)).await.body;
        for (tag, attributes) in tags(&body) {
            assert!(TAGS.contains(&tag.as_str()), "{path} has a <{tag}>");
            for (name, value) in attributes {
                assert!(!name.starts_with("on") && name != "style", "{path}: <{tag} {name}>");
                let leads = ["href", "src", "action", "formaction"].contains(&name.as_str());
                assert!(!leads || value.starts_with(['/', '#', '?']), "{path}: <{tag} {name}={value:?}>");
            }
        }
        for steering in ['\u{202e}', '\u{1b}', '\u{7}'] {
            assert!(!body.contains(steering), "{path} holds {steering:?}");
        }
    }
}

#[tokio::test]
async fn an_evidence_pack_is_made_downloaded_and_not_there_for_others() {
    let scene = Scene::synced().await;
    let auditor = scene.sign_in("auditor").await;
    let day =
        |back: i64| (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * back)).to_string()[..10].to_owned();
    let (from, to) = (day(30), day(0));
    let org_id = scene.org_id.clone();
    let form = [("framework", "soc2"), ("org_id", org_id.as_str()), ("from", from.as_str()), ("to", to.as_str())];
    let made = scene.post("/evidence/packs", &form, Some(&auditor)).await;
    assert_eq!(made.status, StatusCode::OK);
    assert!(made.body.contains("Pack 1 is made"), "{}", made.body);
    let pack = scene.get("/evidence/packs/1", Some(&auditor)).await;
    assert_eq!(pack.header("content-disposition"), "attachment; filename=\"jumpseat-evidence-1.zip\"");
    assert!(pack.body.starts_with("PK"));
    let outsider = scene.sign_in("outside owner").await;
    assert_eq!(scene.get("/evidence/packs/1", Some(&outsider)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(scene.post("/evidence/packs", &form, Some(&outsider)).await.status, StatusCode::NOT_FOUND);
    let digest = scene.one("SELECT digest FROM evidence_packs").await;
    assert!(made.body.contains(&digest));
    assert!(!scene.get("/evidence/packs", Some(&outsider)).await.body.contains(&digest));
    let lines = scene.audit().await;
    for (action, object) in [("evidence.pack", "soc2"), ("export", "evidence pack 1")] {
        assert!(lines.iter().any(|line| line.entry.action == action && line.entry.object == object), "{action}");
    }
    let halved = [form.as_slice(), &[("rows", "5")]].concat();
    let refused = scene.post("/evidence/packs", &halved, Some(&auditor)).await;
    assert!(refused.body.contains("a sample needs both"), "{}", refused.body);
}

#[tokio::test]
async fn an_evidence_item_shows_its_population_as_it_was_and_says_when_there_was_none() {
    let scene = Scene::synced().await;
    let auditor = scene.sign_in("auditor").await;
    let item = scene.get("/evidence/items/ev-user-list", Some(&auditor)).await;
    assert!(item.body.contains(&scene.username), "{}", item.body);
    let past = scene.get("/evidence/items/ev-user-list?as_of=2020-01-01", Some(&auditor)).await;
    assert!(past.body.contains("nothing was collected of"), "{}", past.body);
    let viewer = scene.sign_in("viewer").await;
    let of_events = scene.get("/evidence/items/ev-api-keys", Some(&viewer)).await;
    assert_eq!(of_events.status, StatusCode::OK);
}

#[tokio::test]
async fn facets_count_what_they_narrow_down_to() {
    let scene = Scene::synced().await;
    let owner = scene.sign_in("owner").await;
    let without = scene.one("SELECT COUNT(*) FROM users WHERE NOT mfa_configured").await;
    let all = scene.get("/assets?type=user", Some(&owner)).await;
    assert!(all.body.contains(&format!("no <span>{without}</span>")), "{}", all.body);
    let narrowed = scene.get("/assets?type=user&mfa_configured=no", Some(&owner)).await;
    assert!(narrowed.body.contains(&format!("{without} rows")), "{}", narrowed.body);
    let chosen = scene.get("/assets?type=user&column=employee_type&column=no_such_column", Some(&owner)).await;
    assert!(chosen.body.contains(">Employee type"), "{}", chosen.body);
    let past = scene.get("/assets?type=user&as_of=2020-01-01", Some(&owner)).await;
    assert!(past.body.contains("no rows"), "nothing was known then: {}", past.body);
}

#[tokio::test]
async fn tables_of_every_kind_are_sorted_exported_and_show_the_columns_that_are_chosen() {
    let scene = Scene::synced().await;
    let owner = scene.sign_in("owner").await;
    let page = async |path: &str| scene.get(path, Some(&owner)).await.body;
    let history = format!("/connections/{}/history", scene.connection);
    let tables = [
        ("/connections", "region"),
        (history.as_str(), "stage"),
        ("/collection-status", "what_to_do"),
        ("/checks", "frameworks"),
        ("/findings", "oldest"),
        ("/evidence", "reads"),
        ("/evidence/packs", "period"),
        ("/administration", "sees"),
    ];
    for (path, name) in tables {
        let shown = page(path).await;
        assert!(
            shown.contains(&format!("{path}?format=csv")) && shown.contains("<p class=\"count\">"),
            "{path}: {shown}"
        );
        let heading = |page: &str| page.contains(&format!("{path}?column={name}&#38;sort={name}\">"));
        let chosen = page(&format!("{path}?column={name}")).await;
        assert!(heading(&chosen) || chosen.contains(">no rows<"), "{path}: a column that is chosen");
        let csv = page(&format!("{path}?format=csv")).await;
        assert!(csv.lines().next().unwrap().split(',').any(|head| head == name), "{path}: {csv}");
        assert_eq!(
            page(&format!("{path}?format=csv&column={name}")).await.lines().next().unwrap().split(',').count(),
            2
        );
    }
    let ids = async |sort: &str| -> Vec<String> {
        let csv = page(&format!("/checks?format=csv&column=id&sort={sort}")).await;
        csv.lines().skip(1).map(|line| line.rsplit(',').next().unwrap().to_owned()).collect()
    };
    let (up, down) = (ids("id").await, ids("-id").await);
    assert!(up.is_sorted() && up.len() > 100, "{up:?}");
    assert!(up.iter().eq(down.iter().rev()), "{down:?}");
    let exported = scene.audit().await.into_iter().filter(|line| line.entry.action == "export").count();
    assert_eq!(exported, 2 * tables.len() + 2, "every export is written down");
}

#[tokio::test]
async fn events_are_followed_until_somebody_pauses() {
    let scene = Scene::synced().await;
    let owner = scene.sign_in("owner").await;
    assert!(!scene.get("/events", Some(&owner)).await.body.contains("data-live"));
    let live = scene.get("/events?live=yes&outcome=failure", Some(&owner)).await;
    assert!(live.body.contains("data-live"), "{}", live.body);
    assert!(live.body.contains("href=\"/events?outcome=failure\""), "Pause keeps the filter: {}", live.body);
    let over = scene.get("/events?live=yes&from=2026-01-01", Some(&owner)).await;
    assert!(!over.body.contains("data-live"), "a time that is over does not go on");
}

#[tokio::test]
async fn the_last_hours_of_events_end_now_and_are_counted_until_then() {
    let scene = Scene::synced().await;
    let owner = scene.sign_in("owner").await;
    let words = |page: &str| page.split_once("<span class=\"quiet\">").unwrap().1.split('<').next().unwrap().to_owned();
    let bar = |hour: &str| format!("aria-label=\"{} UTC: ", hour[5..13].replace('T', " ") + ":00");
    for query in ["", "?hours=1"] {
        let page = scene.get(&format!("/events{query}"), Some(&owner)).await.body;
        let words = words(&page);
        let (from, to) = words.split_once(" to ").unwrap();
        let (to, counted) = to.split_once(", counted from ").unwrap_or((to, from));
        let counted: Timestamp = counted.trim_end_matches(" on").parse().unwrap();
        assert_eq!(counted.as_second(), from.parse::<Timestamp>().unwrap().as_second() / 3600 * 3600, "{words}");
        assert!(to.parse::<Timestamp>().unwrap() <= Timestamp::now(), "{words}");
        assert!(page.contains(&bar(from)) && page.contains(&bar(to)), "{words}: {page}");
    }
    let page = scene.get("/events?from=2026-11-20T12:00:00Z&hours=1", Some(&owner)).await.body;
    assert_eq!(words(&page), "2026-11-20T12:00:00Z to 2026-11-20T13:00:00Z");
    assert!(page.contains(&bar("2026-11-20T12")) && !page.contains(&bar("2026-11-20T13")), "{page}");
}

#[tokio::test]
async fn the_page_for_sql_shows_the_columns_of_one_table_and_is_no_larger_than_a_page_may_be() {
    let scene = Scene::synced().await;
    let owner = scene.sign_in("owner").await;
    let page = scene.get("/sql?sql=SELECT+1&table=users", Some(&owner)).await.body;
    assert!(page.contains("Columns of users") && page.contains("<code>mfa_configured</code>"), "{page}");
    assert!(!page.contains("Columns of devices"), "{page}");
    assert!(page.contains("href=\"/sql?sql=SELECT+1&#38;table=devices#devices\""), "the question stays: {page}");
    assert!(page.len() < 120_000, "{} bytes", page.len());
}

#[tokio::test]
async fn pages_speak_as_people_do() {
    let scene = Scene::synced().await;
    let browser = scene.sign_in("owner").await;
    let page = async |path: &str| scene.get(path, Some(&browser)).await.body;
    let check = page("/checks/admin-owner-offboarded").await;
    assert!(check.contains("<dt>exempt</dt><dd>none</dd>"), "{check}");
    assert!(page("/checks/user-mfa-exclusion-active").await.contains("_days</dt><dd>"), "a check with a number");
    let finding = page(&format!("/findings/{}", scene.finding)).await;
    assert!(finding.contains("<dt>Came back</dt><dd>never</dd>"), "{finding}");
    let framework = page("/frameworks/cis").await;
    assert!(framework.contains(">1 item<") && framework.contains(" items<"), "{framework}");
    let user = page(&scene.path_of("/assets/user/{org_id}/{*id}")).await;
    assert!(user.contains("MFA WebAuthn status") && user.contains("Unix UID"), "{user}");
    let uid = user.split_once("<dt>Unix UID</dt><dd>").unwrap().1.split('<').next().unwrap();
    assert!(uid.parse::<u32>().is_ok(), "{uid}");
    let docs = page("/api-docs").await;
    assert!(docs.contains(&format!("http://{}/api/v1", support::HOST)), "{docs}");
    let credentials = page(&format!("/connections/{}/credentials", scene.connection)).await;
    assert!(credentials.contains("API key"), "{credentials}");
}
