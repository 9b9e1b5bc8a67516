//! Notifications from the page to the place: what the checks find reaches Slack, escaped, once.

use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use serde_json::Value;

use crate::support::Scene;

type Got = Arc<Mutex<Vec<Value>>>;

/// A place that takes everything.
async fn receiver() -> (String, Got) {
    let got = Got::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/services/T/B/CANARY", listener.local_addr().unwrap());
    let taken = Arc::clone(&got);
    let take = move |body: String| {
        taken.lock().unwrap().push(serde_json::from_str(&body).unwrap());
        std::future::ready(())
    };
    let router = axum::Router::new().fallback(take);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, got)
}

#[tokio::test]
async fn what_the_checks_find_reaches_slack_escaped_and_once() {
    let scene = Scene::empty().await;
    let (url, got) = receiver().await;
    let owner = scene.sign_in("owner").await;
    let form = [("name", "on call"), ("kind", "slack"), ("url", &url), ("severity", "high"), ("topic", "new_finding")];
    let form: Vec<(String, String)> =
        form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let added = scene.post_form("/notifications/add", &form, &owner).await;
    assert!(added.location().ends_with("done=notified"), "{}", added.body);
    assert_eq!(got.lock().unwrap().len(), 1, "a test was sent before it was saved");
    let page = scene.get("/notifications", Some(&owner)).await;
    assert!(page.body.contains("on call") && page.body.contains("127.0.0.1"), "{}", page.body);
    assert!(!page.body.contains("CANARY"), "the URL is a secret");
    let lines = scene.store.audit_lines(None, "", None, 100).await.unwrap();
    assert!(lines.iter().any(|line| line.entry.action == "notification.add"));
    assert!(lines.iter().all(|line| !line.entry.detail.to_string().contains("CANARY")));

    let scene = scene.with_hostile().await;
    scene.notify().await;
    assert_eq!(got.lock().unwrap().len(), 2);
    let message = got.lock().unwrap()[1].clone();
    let blocks = message["blocks"].as_array().unwrap();
    assert!(blocks.len() > 2, "{message}");
    assert!(message["text"].as_str().unwrap().contains("things to know"), "{message}");
    for block in blocks.iter().filter(|block| block["type"] == "section") {
        assert_eq!(block["text"]["type"], "plain_text", "{block}");
    }
    // Another look, by another process, finds nothing to tell: the test message that follows is the next to arrive.
    let id = scene.store.notifications().await.unwrap().remove(0).id;
    scene.notify().await;
    let tested = scene.post("/notifications/test", &[("notification", &id)], Some(&owner)).await;
    assert!(tested.location().ends_with("done=notified"), "{}", tested.body);
    let all = got.lock().unwrap().clone();
    assert_eq!(all.len(), 3, "{all:?}");
    assert!(all[2]["text"].as_str().unwrap().contains("test"));

    scene.post("/notifications/enabled", &[("notification", &id), ("enabled", "no")], Some(&owner)).await;
    assert!(!scene.store.find_notification(&id).await.unwrap().unwrap().enabled);
    scene.post("/notifications/remove", &[("notification", &id)], Some(&owner)).await;
    assert!(scene.store.notifications().await.unwrap().is_empty());
}

#[tokio::test]
async fn from_the_console_nothing_is_sent_to_a_host_of_choice() {
    let scene = Scene::empty().await;
    let owner = scene.sign_in("owner").await;
    for (kind, url) in [
        ("slack", "https://hooks.slack.com.evil.example/x"),
        ("teams", "https://169.254.169.254/latest"),
        ("webhook", "https://evil.example/"),
    ] {
        let form = [("name", "x"), ("kind", kind), ("url", url), ("severity", "high"), ("topic", "gap")];
        let form: Vec<(String, String)> = form.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let refused = scene.post_form("/notifications/add", &form, &owner).await;
        assert_eq!(refused.status, StatusCode::OK, "{}", refused.body);
        assert!(refused.body.contains("role=\"alert\""), "{kind}: {}", refused.body);
        assert!(!refused.body.contains(url), "a URL is a secret");
    }
    assert!(scene.store.notifications().await.unwrap().is_empty());
}
