//! The API for programs: it answers as its description says, and two who change one thing at once do not undo each other.

use axum::http::StatusCode;
use serde_json::{Value, json};
use server::Role;

use crate::support::{Answer, Scene};

fn document(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{}: {}", answer.status, answer.body))
}

/// What of a value its schema does not say; as much of JSON Schema as the description uses.
fn differences(schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    if let Some(alternatives) = schema["anyOf"].as_array() {
        let fits = alternatives.iter().any(|alternative| {
            let mut wrong = Vec::new();
            differences(alternative, value, path, &mut wrong);
            wrong.is_empty()
        });
        if !fits {
            found.push(format!("{path} is none of the alternatives: {value}"));
        }
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = kinds.contains(&kind) || (kind == "integer" && kinds.contains(&"number"));
    if !kinds.is_empty() && !fits {
        found.push(format!("{path} is {kind}, not {kinds:?}"));
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        found.push(format!("{path} is {value}"));
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            found.push(format!("{path} has no {name}"));
        }
    }
    if let (Value::Object(members), false) = (value, schema["properties"].is_null()) {
        for (name, member) in members {
            match schema["properties"].get(name) {
                Some(schema) => differences(schema, member, &format!("{path}.{name}"), found),
                None if schema["additionalProperties"] == json!(false) => found.push(format!("{path} has {name}")),
                None => {}
            }
        }
    }
    for (at, item) in value.as_array().into_iter().flatten().enumerate() {
        differences(&schema["items"], item, &format!("{path}[{at}]"), found);
    }
}

#[tokio::test]
async fn every_answer_is_as_the_description_says() {
    let scene = Scene::synced().await;
    let token = scene.token("owner", Role::Owner).await;
    let body = json!({ "framework": "soc2", "org_id": scene.org_id, "from": "2026-01-01", "to": "2099-01-01" });
    let made = scene.call("POST", "/api/v1/evidence/packs", &token, &[], &body.to_string()).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.body);
    let description = document(&scene.call("GET", "/api/v1/openapi.json", &token, &[], "").await);
    let mut seen = 0;
    for (path, methods) in description["paths"].as_object().unwrap() {
        let Some(operation) = methods.get("get") else { continue };
        let Some(schema) = operation["responses"]["200"]["content"]["application/json"].get("schema") else { continue };
        let kinds = operation["parameters"].as_array().into_iter().flatten().find(|one| one["name"] == "kind");
        let kinds: Vec<&str> = match kinds {
            Some(kinds) => kinds["schema"]["enum"].as_array().unwrap().iter().filter_map(Value::as_str).collect(),
            None => vec!["none"],
        };
        for kind in kinds {
            // One asset is asked for of the type that the scene knows one of.
            if path.contains("{org_id}/{id}") && kind != "user" && kind != "none" {
                continue;
            }
            let asked = path.replace("{kind}", kind).replace("{org_id}/{id}", "{org_id}/{*id}");
            let asked = if path.contains("/events/") { asked.replace("{*id}", "{id}") } else { asked };
            let answer = scene.call("GET", &scene.path_of(&asked), &token, &[], "").await;
            assert_eq!(answer.status, StatusCode::OK, "{asked}: {}", answer.body);
            let mut wrong = Vec::new();
            differences(schema, &document(&answer), kind, &mut wrong);
            assert!(wrong.is_empty(), "{asked}: {wrong:#?}");
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen}");
    let made_schema = &description["paths"]["/api/v1/evidence/packs"]["post"]["responses"]["200"];
    let mut wrong = Vec::new();
    differences(&made_schema["content"]["application/json"]["schema"], &document(&made), "pack", &mut wrong);
    assert!(wrong.is_empty(), "{wrong:#?}");
    let refused = scene.call("GET", "/api/v1/findings/999999", &token, &[], "").await;
    let mut wrong = Vec::new();
    differences(&description["components"]["schemas"]["Problem"], &document(&refused), "problem", &mut wrong);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn every_example_is_as_its_schema_says() {
    let scene = Scene::empty().await;
    let token = scene.token("owner", Role::Owner).await;
    let description = document(&scene.call("GET", "/api/v1/openapi.json", &token, &[], "").await);
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            for content in [&operation["requestBody"]["content"], &operation["responses"]["200"]["content"]] {
                let content = &content["application/json"];
                let mut wrong = Vec::new();
                differences(&content["schema"], &content["example"], method, &mut wrong);
                assert!(content.is_null() || wrong.is_empty(), "{path}: {wrong:#?}");
            }
        }
    }
}

#[tokio::test]
async fn a_change_is_made_to_the_version_that_was_read_and_to_no_other() {
    let scene = Scene::synced().await;
    let token = scene.token("owner", Role::Owner).await;
    let path = format!("/api/v1/connections/{}", scene.connection);
    let read = scene.call("GET", &path, &token, &[], "").await;
    let tag = read.header("etag");
    assert!(tag.starts_with('"'), "{tag}");
    let mine = r#"{"description": "mine"}"#;
    let without = scene.call("PATCH", &path, &token, &[], mine).await;
    assert_eq!(without.status, StatusCode::PRECONDITION_REQUIRED);
    let headers = [("if-match", tag.as_str())];
    let first = scene.call("PATCH", &path, &token, &headers, mine).await;
    assert_eq!((first.status, &document(&first)["description"]), (StatusCode::OK, &json!("mine")), "{}", first.body);
    let second = scene.call("PATCH", &path, &token, &headers, r#"{"description": "theirs"}"#).await;
    assert_eq!(second.status, StatusCode::PRECONDITION_FAILED, "{}", second.body);
    let now = scene.call("GET", &path, &token, &[], "").await;
    assert_eq!(document(&now)["description"], "mine");
    let fresh = now.header("etag");
    assert_ne!(fresh, tag);
    let both = [r#"{"description": "a"}"#, r#"{"description": "b"}"#];
    let headers = [("if-match", fresh.as_str())];
    let (a, b) = tokio::join!(
        scene.call("PATCH", &path, &token, &headers, both[0]),
        scene.call("PATCH", &path, &token, &headers, both[1])
    );
    let done = [&a, &b].iter().filter(|answer| answer.status == StatusCode::OK).count();
    assert_eq!(done, 1, "of two at once one is told: {} {}", a.body, b.body);
    let strange = scene.call("PATCH", &path, &token, &headers, r#"{"api_url": "https://evil.example"}"#).await;
    assert_eq!(strange.status, StatusCode::BAD_REQUEST, "what belongs to the credential can not be changed");
}

#[tokio::test]
async fn what_a_program_has_already_is_not_sent_again() {
    let scene = Scene::synced().await;
    let token = scene.token("owner", Role::Owner).await;
    let path = "/api/v1/findings?state=open&limit=3";
    let read = scene.call("GET", path, &token, &[], "").await;
    let tag = read.header("etag");
    let again = scene.call("GET", path, &token, &[("if-none-match", &tag)], "").await;
    assert_eq!((again.status, again.body.as_str()), (StatusCode::NOT_MODIFIED, ""));
    let accept = json!({ "findings": [scene.finding.parse::<i64>().unwrap()], "kind": "wont_fix", "why": "a kiosk" });
    let accepted = scene.call("POST", "/api/v1/findings/accept", &token, &[], &accept.to_string()).await;
    assert_eq!(accepted.status, StatusCode::OK, "{}", accepted.body);
    let changed = scene.call("GET", path, &token, &[("if-none-match", &tag)], "").await;
    assert_eq!(changed.status, StatusCode::OK);
}

#[tokio::test]
async fn a_program_that_asks_too_fast_is_told_when_to_come_again() {
    let scene = Scene::empty().await;
    let token = scene.token("owner", Role::Owner).await;
    let mut refused = None;
    // The pages of a browser are not slowed down; another token is not either.
    for _ in 0..2_000 {
        let answer = scene.call("GET", "/api/v1/findings?limit=1", &token, &[], "").await;
        if answer.status != StatusCode::OK {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("nobody can ask so fast");
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(document(&refused)["code"], "too_many");
    assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 1));
    let other = scene.token("owner", Role::Owner).await;
    assert_eq!(scene.call("GET", "/api/v1/findings", &other, &[], "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn who_sends_no_token_is_told_to_send_one_whatever_is_asked() {
    let scene = Scene::empty().await;
    let asked = server::route_list().into_iter().filter(|route| route.path.starts_with("/api/"));
    for route in asked {
        let answer = scene.bare(route.method, &scene.path_of(route.path)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{} {}", route.method, route.path);
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
}

#[tokio::test]
async fn a_whole_number_may_be_written_with_a_point() {
    let scene = Scene::synced().await;
    let token = scene.token("owner", Role::Owner).await;
    let number: i64 = scene.finding.parse().unwrap();
    let assign = |number: &str| format!(r#"{{"findings": [{number}], "owner": "mara"}}"#);
    let path = "/api/v1/findings/assign";
    let done = scene.call("POST", path, &token, &[], &assign(&format!("{number}.0"))).await;
    assert_eq!((done.status, &document(&done)["findings"]), (StatusCode::OK, &json!([number])), "{}", done.body);
    for part in ["0.5", "1e300", "-1e300", "\"1\""] {
        let refused = scene.call("POST", path, &token, &[], &assign(part)).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{part}: {}", refused.body);
    }
    let pack = |rows: &str| {
        let org_id = &scene.org_id;
        format!(
            r#"{{"framework": "soc2", "org_id": "{org_id}", "from": "2026-01-01", "to": "2099-01-01",
                "items": ["ev-user-list"], "sample": {{"rows": {rows}, "seed": "a word"}}}}"#
        )
    };
    let made = scene.call("POST", "/api/v1/evidence/packs", &token, &[], &pack("25.0")).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.body);
    for rows in ["0", "2.5", "1001"] {
        let refused = scene.call("POST", "/api/v1/evidence/packs", &token, &[], &pack(rows)).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{rows}: {}", refused.body);
    }
}

#[tokio::test]
async fn what_can_not_be_read_is_told_before_the_version_is_and_what_can_not_be_done_is_another_thing() {
    let scene = Scene::synced().await;
    let token = scene.token("owner", Role::Owner).await;
    let path = format!("/api/v1/connections/{}", scene.connection);
    let old = [("if-match", "\"of long ago\"")];
    for body in [r#"{"keep_events": 3}"#, r#"{"enabled": "yes"}"#, r#"{"name": null}"#] {
        let refused = scene.call("PATCH", &path, &token, &old, body).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{body}: {}", refused.body);
    }
    let tag = scene.call("GET", &path, &token, &[], "").await.header("etag");
    for body in [r#"{"keep_events": "a while"}"#, r#"{"inventory_every": "now and then"}"#, r#"{"name": " "}"#] {
        let refused = scene.call("PATCH", &path, &token, &[("if-match", &tag)], body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {}", refused.body);
    }
}

#[tokio::test]
async fn a_decision_may_be_about_as_many_findings_as_the_description_says() {
    let scene = Scene::synced().await;
    let token = scene.token("owner", Role::Owner).await;
    let most = |last: i64| -> Vec<i64> { (0..9_999).map(|at| i64::MAX - at).chain([last]).collect() };
    for path in ["reopen", "assign"] {
        let body = json!({ "findings": most(scene.finding.parse().unwrap()) }).to_string();
        let answer = scene.call("POST", &format!("/api/v1/findings/{path}"), &token, &[], &body).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.body);
    }
}
