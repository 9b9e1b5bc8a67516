//! Signing in with a second factor: set up, proven, asked for, good once, and replaced by a recovery code.

use axum::http::StatusCode;
use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};

use crate::support::{Answer, Scene, fields};

const PASSWORD: &str = "a password of owner";

/// What an authenticator app shows, so many steps from now.
fn code(secret: &str, steps: i64) -> String {
    let step = jiff::Timestamp::now().as_second() / 30 + steps;
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(&BASE32_NOPAD.decode(secret.as_bytes()).unwrap()).unwrap();
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let at = usize::from(hash[19] & 15);
    let number = u32::from_be_bytes(hash[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// What stands between the only `<pre …>` of a page and its end.
fn pre(page: &Answer) -> String {
    let (_, rest) = page.body.split_once("<pre").unwrap_or_else(|| panic!("{}", page.body));
    rest.split_once('>').unwrap().1.split_once("</pre>").unwrap().0.trim().to_owned()
}

fn waiting(page: &Answer) -> String {
    let found = fields(&page.body).into_iter().find(|(name, _)| name == "waiting");
    found.unwrap_or_else(|| panic!("no code is asked for: {}", page.body)).1
}

#[tokio::test]
async fn a_second_factor_is_proven_asked_for_and_good_once() {
    let scene = Scene::empty().await;
    let owner = scene.sign_in("owner").await;
    let path = "/account/second-factor";
    let refused = scene.post(&format!("{path}/begin"), &[("password", "another one")], Some(&owner)).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "an open session is not enough");
    scene.post(&format!("{path}/begin"), &[("password", PASSWORD)], Some(&owner)).await;
    let secret = pre(&scene.get(path, Some(&owner)).await);
    // It is not asked for before it is proven.
    assert_eq!(scene.sign_in_answer("owner", PASSWORD).await.status, StatusCode::SEE_OTHER);
    let wrong = scene.post(&format!("{path}/confirm"), &[("code", "000000x")], Some(&owner)).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    // A step before the present one, so that the present one is still good.
    let confirmed = scene.post(&format!("{path}/confirm"), &[("code", &code(&secret, -1))], Some(&owner)).await;
    let codes: Vec<String> = pre(&confirmed).lines().map(str::to_owned).collect();
    assert_eq!(codes.len(), 10, "{}", confirmed.body);
    let page = scene.get(path, Some(&owner)).await;
    assert!(!page.body.contains(&secret) && !page.body.contains(&codes[0]), "they are not shown again");

    let asked = scene.sign_in_answer("owner", PASSWORD).await;
    assert!(asked.status == StatusCode::OK && asked.header("set-cookie").is_empty(), "{}", asked.body);
    let token = waiting(&asked);
    let give = async |token: &str, code: &str| {
        scene.post("/sign-in/code", &[("waiting", token), ("code", code), ("next", "//evil.example")], None).await
    };
    assert_eq!(give(&token, "123").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(give("another", &code(&secret, 0)).await.status, StatusCode::UNAUTHORIZED);
    let now = code(&secret, 0);
    let signed_in = give(&token, &now).await;
    assert_eq!((signed_in.status, signed_in.location()), (StatusCode::SEE_OTHER, "/"), "{}", signed_in.body);
    assert!(!signed_in.header("set-cookie").is_empty());
    assert_eq!(give(&token, &now).await.status, StatusCode::UNAUTHORIZED, "it waits no longer");
    let again = waiting(&scene.sign_in_answer("owner", PASSWORD).await);
    assert_eq!(give(&again, &now).await.status, StatusCode::UNAUTHORIZED, "the code was used");
    let typed = codes[3].to_uppercase().replace('-', " ");
    assert_eq!(give(&again, &typed).await.status, StatusCode::SEE_OTHER, "a recovery code");
    let third = waiting(&scene.sign_in_answer("owner", PASSWORD).await);
    assert_eq!(give(&third, &typed).await.status, StatusCode::UNAUTHORIZED, "it is good once");

    let lines = scene.store.audit_lines(None, "", None, 100).await.unwrap();
    for canary in [&secret, &codes[3], &now] {
        assert!(lines.iter().all(|line| !line.entry.detail.to_string().contains(canary.as_str())), "{canary}");
    }
    for _ in 0..6 {
        give(&third, "000000x").await;
    }
    assert_eq!(give(&third, &codes[4]).await.status, StatusCode::TOO_MANY_REQUESTS, "guessing is slowed down");
    let removed = scene.post(&format!("{path}/remove"), &[("password", PASSWORD)], Some(&owner)).await;
    assert_eq!(removed.status, StatusCode::TOO_MANY_REQUESTS, "{}", removed.body);
}

#[tokio::test]
async fn a_second_factor_is_removed_with_the_password() {
    let scene = Scene::empty().await;
    let owner = scene.sign_in("owner").await;
    let path = "/account/second-factor";
    scene.post(&format!("{path}/begin"), &[("password", PASSWORD)], Some(&owner)).await;
    let secret = pre(&scene.get(path, Some(&owner)).await);
    scene.post(&format!("{path}/confirm"), &[("code", &code(&secret, 0))], Some(&owner)).await;
    let twice = scene.post(&format!("{path}/begin"), &[("password", PASSWORD)], Some(&owner)).await;
    assert!(twice.body.contains("already"), "{}", twice.body);
    waiting(&scene.sign_in_answer("owner", PASSWORD).await);
    let removed = scene.post(&format!("{path}/remove"), &[("password", PASSWORD)], Some(&owner)).await;
    assert!(removed.location().ends_with("done=saved"), "{}", removed.body);
    assert_eq!(scene.sign_in_answer("owner", PASSWORD).await.status, StatusCode::SEE_OTHER);
}
