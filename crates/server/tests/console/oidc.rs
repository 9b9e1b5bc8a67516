//! Signing in with a provider of OpenID Connect: who is let in and as whom, and everything that is refused.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};
use server::{OidcSettings, Role};

use crate::provider::{Answering, CLIENT_ID, Provider, SECRET, Signing};
use crate::support::{Answer, Browser, HOST, Scene};

const PASSWORD: &str = "a password of owner";

fn settings(provider: &Provider) -> OidcSettings {
    OidcSettings {
        issuer: provider.issuer(),
        client_id: CLIENT_ID.to_owned(),
        client_secret: Some(SECRET.into()),
        label: "Acme ID".to_owned(),
        scopes: "openid email profile".to_owned(),
        groups_claim: "groups".to_owned(),
        roles: Vec::new(),
        domains: Vec::new(),
        default_role: None,
        patience: Duration::from_secs(20),
    }
}

/// A provider where Mara is signed in, and a console that has a person of each role and knows her as an analyst.
async fn known() -> (Provider, Scene) {
    let provider = Provider::start("subject 1", "mara@example.com").await;
    let scene = Scene::empty().await.with_oidc(settings(&provider));
    scene.invite("mara", "Mara@example.com", Role::Analyst).await;
    (provider, scene)
}

/// The same, and a console that lets in groups and domains.
async fn mapped(change: impl FnOnce(&mut OidcSettings)) -> (Provider, Scene) {
    let provider = Provider::start("subject 1", "mara@example.com").await;
    let mut settings = settings(&provider);
    change(&mut settings);
    (provider, Scene::empty().await.with_oidc(settings))
}

/// The browser of a sign-in that is under way, and where the provider is. Each comes from an address of its own, so that none is
/// slowed down by what another was refused.
async fn begun(scene: &Scene, next: &str) -> (Browser, String) {
    scene.come_from_elsewhere();
    let query = url::form_urlencoded::byte_serialize(next.as_bytes()).collect::<String>();
    let sent = scene.get(&format!("/sign-in/oidc?next={query}"), None).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
    let cookie = sent.cookie("jumpseat-oidc").unwrap();
    (Browser { cookie: format!("jumpseat-oidc={cookie}"), form_token: String::new() }, sent.location().to_owned())
}

/// The path of our own that the provider sends a browser to.
fn ours(place: &str) -> &str {
    place.strip_prefix(&format!("http://{HOST}")).unwrap_or_else(|| panic!("{place} is not ours"))
}

/// What somebody gets who signs in from the sign-in page, by way of the provider.
async fn sign_in(scene: &Scene, provider: &Provider) -> Answer {
    let (browser, url) = begun(scene, "/").await;
    let back = provider.visit(&url).await;
    scene.get(ours(&back), Some(&browser)).await
}

/// A browser with the session that an answer has begun.
fn browser_of(answer: &Answer) -> Browser {
    let token = answer.cookie("jumpseat").unwrap_or_else(|| panic!("nobody is signed in: {}", answer.body));
    Browser { cookie: format!("jumpseat={token}"), form_token: String::new() }
}

/// That somebody is not let in, and is told so in these words.
fn assert_refused(answer: &Answer, status: StatusCode, words: &str) {
    assert_eq!(answer.status, status, "{words}: {}", answer.body);
    assert!(answer.body.contains(words), "{words}: {}", answer.body);
    assert!(answer.body.contains("action=\"/sign-in\""), "the password remains a way in: {}", answer.body);
    assert_eq!(answer.cookie("jumpseat"), None, "{words}");
}

async fn role_of(scene: &Scene, name: &str) -> String {
    scene.store.find_person(name).await.unwrap().unwrap().0.role
}

#[tokio::test]
async fn a_person_is_linked_once_and_signs_in_again_whatever_their_address_is_then() {
    let (provider, scene) = known().await;
    let page = scene.get("/sign-in?next=%2Fassets%3Ftype%3Duser", None).await;
    assert!(page.body.contains("Sign in with Acme ID"), "{}", page.body);
    assert!(page.body.contains("href=\"/sign-in/oidc?next=%2Fassets%3Ftype%3Duser\""), "{}", page.body);
    let (browser, url) = begun(&scene, "/assets?type=user").await;
    let back = provider.visit(&url).await;
    let answer = scene.get(ours(&back), Some(&browser)).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/assets?type=user"), "{}", answer.body);
    assert_eq!(answer.cookie("jumpseat-oidc").as_deref(), Some(""), "the sign-in is no longer under way");
    let account = scene.get("/account", Some(&browser_of(&answer))).await;
    assert!(account.body.contains("<dd>mara</dd>"), "{}", account.body);
    assert!(account.body.contains("have no password here"), "{}", account.body);
    assert!(!account.body.contains("action=\"/account/password\""), "there is nothing to fill in: {}", account.body);

    provider.say(json!({ "email": "other@elsewhere.example", "email_verified": false }));
    provider.think(|mind| mind.signing = Signing::Ecdsa);
    let again = sign_in(&scene, &provider).await;
    assert!(scene.get("/account", Some(&browser_of(&again))).await.body.contains("<dd>mara</dd>"));
    let lines = scene.audit().await;
    let count =
        |action: &str| lines.iter().filter(|line| line.entry.action == action && line.entry.actor == "mara").count();
    assert_eq!((count("person.link"), count("sign_in")), (1, 2));
}

#[tokio::test]
async fn who_is_switched_off_is_refused_with_every_session() {
    let (provider, scene) = known().await;
    let session = browser_of(&sign_in(&scene, &provider).await);
    let mara = scene.store.find_person("mara").await.unwrap().unwrap().0;
    scene.store.update_person(&store::Person { active: false, ..mara }, jiff::Timestamp::now()).await.unwrap();
    assert_eq!(scene.get("/", Some(&session)).await.location(), "/sign-in?next=%2F");
    assert_refused(&sign_in(&scene, &provider).await, StatusCode::FORBIDDEN, "switched off");
    // Not as another account either.
    provider.say(json!({ "sub": "subject 2" }));
    assert_refused(&sign_in(&scene, &provider).await, StatusCode::FORBIDDEN, "switched off");
}

#[tokio::test]
async fn an_unknown_person_is_not_let_in() {
    let (provider, scene) = known().await;
    let before = scene.store.people().await.unwrap().len();
    provider.say(json!({ "sub": "subject 2", "email": "eve@example.com", "groups": ["Administrators", "owner"] }));
    assert_refused(&sign_in(&scene, &provider).await, StatusCode::FORBIDDEN, "eve@example.com was added here");
    assert_eq!(scene.store.people().await.unwrap().len(), before);
    let lines = scene.audit().await;
    let refused = lines.iter().find(|line| line.entry.outcome == "refused").unwrap();
    assert_eq!((refused.entry.action.as_str(), refused.entry.actor.as_str()), ("sign_in", "eve@example.com"));
    assert!(refused.entry.detail["why"].as_str().unwrap().contains("added here"), "{refused:?}");
}

#[tokio::test]
async fn only_a_verified_address_links_and_only_one_account() {
    let (provider, scene) = known().await;
    for unverified in [json!(false), json!("false"), json!("yes"), json!(1), Value::Null] {
        provider.say(json!({ "email_verified": unverified }));
        assert_refused(&sign_in(&scene, &provider).await, StatusCode::FORBIDDEN, "address was verified");
    }
    for no_address in
        [json!("mara"), json!("mara@example.com@evil.example"), json!("ma ra@example.com"), json!(7), Value::Null]
    {
        provider.say(json!({ "email_verified": true, "email": no_address }));
        assert_refused(&sign_in(&scene, &provider).await, StatusCode::FORBIDDEN, "address was verified");
    }
    // The sign of a kelvin becomes a k where texts are made lower case.
    scene.invite("kim", "kim@example.com", Role::Owner).await;
    provider.say(json!({ "email": "\u{212a}im@example.com" }));
    assert_eq!(sign_in(&scene, &provider).await.status, StatusCode::FORBIDDEN);
    provider.say(json!({ "email": "mara@example.com" }));
    browser_of(&sign_in(&scene, &provider).await);
    provider.say(json!({ "sub": "subject 2" }));
    assert_refused(&sign_in(&scene, &provider).await, StatusCode::FORBIDDEN, "another account of Acme ID");
    scene.invite("noor", "both@example.com", Role::Viewer).await;
    scene.invite("noor too", "both@example.com", Role::Owner).await;
    provider.say(json!({ "email": "both@example.com" }));
    assert_refused(&sign_in(&scene, &provider).await, StatusCode::FORBIDDEN, "several people");

    let owner = scene.sign_in("owner").await;
    let mara = scene.store.find_person("mara").await.unwrap().unwrap().0;
    let path = format!("/administration/people/{}", mara.id);
    let page = scene.get(&path, Some(&owner)).await;
    assert!(page.body.contains("subject 1") && page.body.contains(&provider.issuer()), "{}", page.body);
    let form = [
        ("email", "mara@example.com"),
        ("role", "analyst"),
        ("sees", "all"),
        ("active", "yes"),
        ("forget_identities", "yes"),
    ];
    assert_eq!(scene.post(&path, &form, Some(&owner)).await.status, StatusCode::SEE_OTHER);
    provider.say(json!({ "email": "mara@example.com" }));
    browser_of(&sign_in(&scene, &provider).await);
}

#[tokio::test]
async fn a_group_gives_a_role_and_takes_it_away() {
    let roles = vec![("Security".to_owned(), Role::Analyst), ("IT".to_owned(), Role::Administrator)];
    let (provider, scene) = mapped(|settings| settings.roles = roles).await;
    assert_refused(&sign_in(&scene, &provider).await, StatusCode::FORBIDDEN, "none of your groups is let in");
    provider.say(json!({ "groups": ["Everybody", "Security", "IT"] }));
    browser_of(&sign_in(&scene, &provider).await);
    assert_eq!(role_of(&scene, "mara@example.com").await, "administrator", "the highest of them");
    // As a text, where there is one group.
    provider.say(json!({ "groups": "Security" }));
    let session = browser_of(&sign_in(&scene, &provider).await);
    assert_eq!(role_of(&scene, "mara@example.com").await, "analyst");
    assert_eq!(scene.get("/administration", Some(&session)).await.status, StatusCode::FORBIDDEN);
    // What is given here stays until the provider says something else.
    let person = scene.store.find_person("mara@example.com").await.unwrap().unwrap().0;
    let promoted = store::Person { role: "auditor".to_owned(), ..person };
    scene.store.update_person(&promoted, jiff::Timestamp::now()).await.unwrap();
    browser_of(&sign_in(&scene, &provider).await);
    assert_eq!(role_of(&scene, "mara@example.com").await, "auditor");
    provider.say(json!({ "groups": ["IT"] }));
    browser_of(&sign_in(&scene, &provider).await);
    assert_eq!(role_of(&scene, "mara@example.com").await, "administrator");
    provider.say(json!({ "groups": ["it", "IT "] }));
    assert_refused(&sign_in(&scene, &provider).await, StatusCode::FORBIDDEN, "let in any more");
    let lines = scene.audit().await;
    for (action, count) in [("person.add", 1), ("person.update", 2)] {
        assert_eq!(lines.iter().filter(|line| line.entry.action == action).count(), count, "{action}");
    }
}

#[tokio::test]
async fn who_was_added_by_hand_keeps_that_role_whatever_their_groups_are() {
    let (provider, scene) = mapped(|settings| settings.roles = vec![("IT".to_owned(), Role::Owner)]).await;
    scene.invite("mara", "mara@example.com", Role::Viewer).await;
    provider.say(json!({ "groups": ["IT"] }));
    for _ in 0..2 {
        browser_of(&sign_in(&scene, &provider).await);
        assert_eq!(role_of(&scene, "mara").await, "viewer");
    }
}

#[tokio::test]
async fn a_domain_lets_in_and_keeps_out() {
    let (provider, scene) = mapped(|settings| {
        settings.domains = vec!["Example.com".to_owned()];
        settings.default_role = Some(Role::Viewer);
    })
    .await;
    scene.invite("eve", "eve@elsewhere.example", Role::Owner).await;
    for email in
        ["eve@elsewhere.example", "mara@example.com.evil.example", "mara@sub.example.com", "mara@evilexample.com"]
    {
        provider.say(json!({ "email": email }));
        assert_refused(&sign_in(&scene, &provider).await, StatusCode::FORBIDDEN, "not of a domain");
    }
    provider.say(json!({ "email": "mara@example.com", "email_verified": false }));
    assert_refused(&sign_in(&scene, &provider).await, StatusCode::FORBIDDEN, "address was verified");
    provider.say(json!({ "email_verified": true }));
    let session = browser_of(&sign_in(&scene, &provider).await);
    assert_eq!(role_of(&scene, "mara@example.com").await, "viewer");
    // Otherwise they could still come in when the provider no longer lets them.
    let form = [("new", "correct horse battery")];
    let session = Browser { form_token: scene.form_token(&session).await, ..session };
    let refused = scene.post("/account/password", &form, Some(&session)).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.body);
}

#[tokio::test]
async fn what_an_id_token_must_not_say_is_refused() {
    let (provider, scene) = known().await;
    let now = jiff::Timestamp::now().as_second();
    let cases = [
        (json!({ "iss": "https://id.example" }), "another issuer"),
        (json!({ "iss": format!("{}/", provider.issuer()) }), "another issuer"),
        (json!({ "aud": "another console" }), "another application (aud)"),
        (json!({ "aud": [] }), "another application (aud)"),
        (json!({ "aud": [CLIENT_ID, "another console"] }), "another application (azp)"),
        (json!({ "azp": "another console" }), "another application (azp)"),
        (json!({ "exp": now - 600 }), "it is over (exp)"),
        (json!({ "iat": now + 600 }), "from the future (iat)"),
        (json!({ "iat": now - 600 }), "older than this sign-in (iat)"),
        (json!({ "nbf": now + 600 }), "does not hold yet (nbf)"),
        (json!({ "nonce": "of another sign-in" }), "not of this sign-in (nonce)"),
        (json!({ "nonce": null }), "not of this sign-in (nonce)"),
        (json!({ "sub": "" }), "what it calls the account"),
        (json!({ "sub": "x".repeat(256) }), "what it calls the account"),
        (json!({ "sub": null }), "a claim that it must have"),
        (json!({ "exp": null }), "a claim that it must have"),
        (json!({ "exp": "never" }), "a claim that it must have"),
        (json!({ "iat": null }), "a claim that it must have"),
    ];
    for (claims, words) in cases {
        provider.think(|mind| {
            mind.claims = json!({ "sub": "subject 1", "email": "mara@example.com", "email_verified": true });
            let (name, value) = claims.as_object().unwrap().iter().next().unwrap();
            mind.claims[name] = value.clone();
        });
        assert_refused(&sign_in(&scene, &provider).await, StatusCode::UNAUTHORIZED, words);
    }
    assert!(scene.store.person_of_identity(&provider.issuer(), "subject 1").await.unwrap().is_none());
    let lines = scene.audit().await;
    let refused: Vec<_> = lines.iter().filter(|line| line.entry.outcome == "refused").collect();
    assert_eq!(refused.len(), 18);
    assert!(refused.iter().all(|line| line.entry.action == "sign_in" && line.entry.actor == "unknown"));
    // Several audiences are right when it says that it was made for us.
    provider.say(json!({ "iat": null, "aud": [CLIENT_ID, "another console"], "azp": CLIENT_ID }));
    browser_of(&sign_in(&scene, &provider).await);
}

#[tokio::test]
async fn a_signature_that_is_none_or_not_the_providers_is_refused() {
    let (provider, scene) = known().await;
    for (signing, words) in [
        (Signing::None, "not signed"),
        (Signing::HmacWithPublicKey, "not signed, or not in a way that can be trusted"),
        (Signing::Forged, "its signature is wrong"),
        (Signing::Changed, "its signature is wrong"),
        (Signing::Unpublished, "a key that the provider does not publish"),
    ] {
        provider.think(|mind| mind.signing = signing);
        assert_refused(&sign_in(&scene, &provider).await, StatusCode::UNAUTHORIZED, words);
    }
    for signing in [Signing::Rsa, Signing::Ecdsa] {
        provider.think(|mind| mind.signing = signing);
        browser_of(&sign_in(&scene, &provider).await);
    }
}

#[tokio::test]
async fn keys_are_read_once_and_once_more_when_they_were_changed() {
    let (provider, scene) = known().await;
    for _ in 0..3 {
        browser_of(&sign_in(&scene, &provider).await);
    }
    assert_eq!((provider.asked("/keys"), provider.asked("/.well-known/openid-configuration")), (1, 1));
    provider.rotate();
    for _ in 0..2 {
        browser_of(&sign_in(&scene, &provider).await);
    }
    assert_eq!(provider.asked("/keys"), 2);
    provider.think(|mind| mind.signing = Signing::Unpublished);
    assert_refused(&sign_in(&scene, &provider).await, StatusCode::UNAUTHORIZED, "does not publish");
    assert_eq!(provider.asked("/keys"), 3, "looked for once, not again and again");
}

#[tokio::test]
async fn an_answer_serves_the_browser_that_asked_and_only_once() {
    let (provider, scene) = known().await;
    let (browser, url) = begun(&scene, "/").await;
    let back = provider.visit(&url).await;
    let (other, other_url) = begun(&scene, "/").await;
    let other_back = provider.visit(&other_url).await;
    let asked = provider.asked("/token");
    for (path, browser) in
        [(ours(&back), None), (ours(&back), Some(&other)), ("/sign-in/oidc/callback?code=1", Some(&browser))]
    {
        assert_refused(&scene.get(path, browser).await, StatusCode::BAD_REQUEST, "waits for this answer");
    }
    // The state of one's own sign-in with a code that was given to somebody else: the verifier of PKCE is another one.
    let code = |back: &str| {
        url::Url::parse(back).unwrap().query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned()
    };
    assert_eq!(provider.asked("/token"), asked, "nobody was asked about any of them");
    let injected = back.replace(&code(&back), &code(&other_back));
    assert_refused(
        &scene.get(ours(&injected), Some(&browser)).await,
        StatusCode::UNAUTHORIZED,
        "does not take the code",
    );
    for twice in ["code=1", "state=1", "iss=x", "error=x"] {
        let answer = scene.get(&format!("{}&{twice}&{twice}", ours(&back)), Some(&browser)).await;
        assert_refused(&answer, StatusCode::UNAUTHORIZED, "says something twice");
    }
    // What was tried from here has cost its five tries.
    scene.come_from_elsewhere();
    browser_of(&scene.get(ours(&back), Some(&browser)).await);
    let replayed = scene.get(ours(&back), Some(&browser)).await;
    assert_refused(&replayed, StatusCode::UNAUTHORIZED, "does not take the code");
}

#[tokio::test]
async fn stray_answers_are_slowed_down_in_the_log_and_cost_nobody_the_way_in() {
    let (provider, scene) = known().await;
    for _ in 0..30 {
        let answer = scene.get("/sign-in/oidc/callback?code=x&state=y", None).await;
        assert_refused(&answer, StatusCode::BAD_REQUEST, "waits for this answer");
    }
    let refused = scene.audit().await.iter().filter(|line| line.entry.outcome == "refused").count();
    assert!((1..10).contains(&refused), "{refused} lines");
    browser_of(&sign_in(&scene, &provider).await);
    assert_eq!(scene.sign_in_answer("owner", PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn an_answer_of_another_issuer_is_refused() {
    let (provider, scene) = known().await;
    provider.think(|mind| mind.back = "&iss=https://id.example".to_owned());
    assert_refused(&sign_in(&scene, &provider).await, StatusCode::UNAUTHORIZED, "not of the provider that was asked");
    provider.think(|mind| mind.back = format!("&iss={}", provider.issuer()));
    browser_of(&sign_in(&scene, &provider).await);
    // One that says that it always names itself, and does not.
    let (provider, scene) = known().await;
    provider.think(|mind| mind.discovery = json!({ "authorization_response_iss_parameter_supported": true }));
    assert_refused(&sign_in(&scene, &provider).await, StatusCode::UNAUTHORIZED, "not of the provider that was asked");
    // One that calls itself otherwise than the settings do.
    let (provider, scene) = known().await;
    provider.think(|mind| mind.discovery = json!({ "issuer": "https://id.example" }));
    let answer = scene.get("/sign-in/oidc", None).await;
    assert_refused(&answer, StatusCode::BAD_GATEWAY, "oidc.issuer must be exactly that");
}

#[tokio::test]
async fn what_the_provider_refuses_is_told_and_nothing_else_that_stands_in_the_address() {
    let (_provider, scene) = known().await;
    for (error, words) in [
        ("access_denied", "did not let you in"),
        ("login_required", "could not sign you in: login_required"),
        ("Call+0800-EVIL", "Acme ID could not sign you in."),
    ] {
        let (browser, url) = begun(&scene, "/").await;
        let url = url::Url::parse(&url).unwrap();
        let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        let path = format!("/sign-in/oidc/callback?error={error}&error_description=Call+0800-EVIL&state={state}");
        let answer = scene.get(&path, Some(&browser)).await;
        assert_refused(&answer, StatusCode::UNAUTHORIZED, words);
        assert!(!answer.body.contains("EVIL"), "{}", answer.body);
    }
}

#[tokio::test]
async fn nobody_is_sent_to_another_host_after_signing_in() {
    let (provider, scene) = known().await;
    for next in
        ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/\t/evil.example", ""]
    {
        let (browser, url) = begun(&scene, next).await;
        let back = provider.visit(&url).await;
        let answer = scene.get(ours(&back), Some(&browser)).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/"), "{next:?}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_provider_that_is_slow_or_sends_anything_else_ends_in_words_and_not_in_a_wait() {
    for endpoint in ["/.well-known/openid-configuration", "/keys", "/token"] {
        for (how, words) in [
            (Answering::Never, "does not answer in time"),
            (Answering::TooLarge, "larger than"),
            (Answering::NotJson, if endpoint == "/token" { "not what OpenID Connect says" } else { "not JSON" }),
            (Answering::Elsewhere, "302 Found"),
            (Answering::Failing, "503 Service Unavailable"),
        ] {
            let patience = if how == Answering::Never { Duration::from_secs(1) } else { Duration::from_secs(20) };
            let (provider, scene) = mapped(|settings| settings.patience = patience).await;
            provider.think(|mind| mind.answering = Some((endpoint, how)));
            let answer = match endpoint {
                "/.well-known/openid-configuration" => scene.get("/sign-in/oidc", None).await,
                _ => sign_in(&scene, &provider).await,
            };
            assert_refused(&answer, StatusCode::BAD_GATEWAY, words);
            assert_eq!(provider.asked("/else"), 0, "nobody is sent elsewhere with a code");
        }
    }
}

#[tokio::test]
async fn refused_sign_ins_are_slowed_down_for_their_address_alone() {
    let (provider, scene) = known().await;
    let from_one_address = async || {
        let (browser, url) = begun(&scene, "/").await;
        let back = provider.visit(&url).await;
        scene.come_from(200);
        scene.get(ours(&back), Some(&browser)).await
    };
    provider.say(json!({ "sub": "subject 2", "email": "eve@example.com" }));
    for _ in 0..5 {
        assert_refused(&from_one_address().await, StatusCode::FORBIDDEN, "eve@example.com was added here");
    }
    let asked = provider.asked("/token");
    let slowed = from_one_address().await;
    assert_refused(&slowed, StatusCode::TOO_MANY_REQUESTS, "too many tries: wait 1 s");
    assert_eq!(slowed.header("retry-after"), "1");
    assert_eq!(provider.asked("/token"), asked, "the provider is not asked");
    let refused = scene.audit().await.iter().filter(|line| line.entry.outcome == "refused").count();
    assert_eq!(refused, 5, "what is not tried is no line of the log");
    provider.say(json!({ "sub": "subject 1", "email": "mara@example.com" }));
    browser_of(&sign_in(&scene, &provider).await);
    scene.come_from(200);
    assert_eq!(scene.sign_in_answer("owner", PASSWORD).await.status, StatusCode::SEE_OTHER, "the password is a way in");
}

#[tokio::test]
async fn a_provider_that_fails_slows_nobody_down() {
    let (provider, scene) = known().await;
    for _ in 0..10 {
        let (browser, url) = begun(&scene, "/").await;
        let back = provider.visit(&url).await;
        scene.come_from(200);
        provider.think(|mind| mind.answering = Some(("/token", Answering::Failing)));
        let answer = scene.get(ours(&back), Some(&browser)).await;
        assert_refused(&answer, StatusCode::BAD_GATEWAY, "Acme ID");
    }
}

#[tokio::test]
async fn a_session_with_a_provider_lasts_a_working_day_and_no_longer_than_the_group() {
    let roles = vec![("Security".to_owned(), Role::Analyst)];
    let (provider, scene) = mapped(|settings| settings.roles = roles).await;
    provider.say(json!({ "groups": ["Security"] }));
    let answer = sign_in(&scene, &provider).await;
    assert!(answer.header("set-cookie").contains("Max-Age=28800"), "{}", answer.header("set-cookie"));
    let session = browser_of(&answer);
    let now = jiff::Timestamp::now();
    let sessions = scene.store.sessions(now).await.unwrap();
    assert!(sessions[0].expires_at <= now + jiff::SignedDuration::from_hours(8), "{sessions:?}");
    let token = scene.token("mara@example.com", Role::Analyst).await;
    assert_eq!(scene.call("GET", "/api/v1/findings", &token, &[], "").await.status, StatusCode::OK);
    // Trying to sign in again, wherever that is, tells that the group is gone.
    provider.say(json!({ "groups": [] }));
    assert_refused(&sign_in(&scene, &provider).await, StatusCode::FORBIDDEN, "let in any more");
    assert_eq!(scene.get("/account", Some(&session)).await.location(), "/sign-in?next=%2Faccount");
    let asked = scene.call("GET", "/api/v1/findings", &token, &[], "").await;
    assert_eq!(asked.status, StatusCode::UNAUTHORIZED, "{}", asked.body);
    assert!(scene.audit().await.iter().any(|line| line.entry.action == "person.shut_out"));
    provider.say(json!({ "groups": ["Security"] }));
    browser_of(&sign_in(&scene, &provider).await);
}

#[tokio::test]
async fn a_dead_provider_and_many_refusals_leave_the_password_as_a_way_in() {
    let (provider, scene) = known().await;
    provider.think(|mind| mind.signing = Signing::None);
    for _ in 0..20 {
        assert_eq!(sign_in(&scene, &provider).await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(scene.sign_in_answer("owner", PASSWORD).await.status, StatusCode::SEE_OTHER);
    let (provider, scene) = known().await;
    drop(provider);
    assert_refused(&scene.get("/sign-in/oidc", None).await, StatusCode::BAD_GATEWAY, "Acme ID says nothing of itself");
    assert_eq!(scene.sign_in_answer("owner", PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn user_information_fills_what_the_token_leaves_out_and_only_for_the_same_person() {
    let (provider, scene) = mapped(|settings| settings.roles = vec![("IT".to_owned(), Role::Operator)]).await;
    provider.say(json!({ "email": null, "email_verified": null }));
    let told = json!({ "sub": "subject 2", "email": "mara@example.com", "email_verified": true, "groups": ["IT"] });
    provider.think(|mind| mind.user_info = Some(told.clone()));
    assert_refused(&sign_in(&scene, &provider).await, StatusCode::UNAUTHORIZED, "speaks of another person");
    provider.think(|mind| mind.user_info.as_mut().unwrap()["sub"] = json!("subject 1"));
    browser_of(&sign_in(&scene, &provider).await);
    assert_eq!(role_of(&scene, "mara@example.com").await, "operator");
    // An address of the token is not verified by what is said of another one.
    provider.say(json!({ "sub": "subject 3", "email": "owner@example.com" }));
    provider.think(|mind| mind.user_info.as_mut().unwrap()["sub"] = json!("subject 3"));
    assert_refused(&sign_in(&scene, &provider).await, StatusCode::FORBIDDEN, "address was verified");
    // What is signed counts.
    provider.say(json!({ "sub": "subject 1", "groups": ["Everybody"] }));
    assert_refused(&sign_in(&scene, &provider).await, StatusCode::FORBIDDEN, "let in any more");
}

#[tokio::test]
async fn the_secret_goes_where_the_provider_takes_it_and_nowhere_else() {
    let (provider, scene) = known().await;
    provider.think(|mind| mind.discovery = json!({ "token_endpoint_auth_methods_supported": ["client_secret_post"] }));
    let session = browser_of(&sign_in(&scene, &provider).await);
    for path in ["/account", "/sign-in"] {
        assert!(!scene.get(path, Some(&session)).await.body.contains("canary"), "{path}");
    }
    let owner = scene.sign_in("owner").await;
    for path in ["/administration/about", "/administration/audit"] {
        assert!(!scene.get(path, Some(&owner)).await.body.contains("canary"), "{path}");
    }
    assert!(!format!("{:?}", settings(&provider)).contains("canary"));
    for line in scene.audit().await {
        assert!(!format!("{line:?}").contains("canary"), "{line:?}");
    }
    let (provider, scene) = mapped(|settings| settings.client_secret = Some("another".into())).await;
    assert_refused(&sign_in(&scene, &provider).await, StatusCode::BAD_GATEWAY, "does not know this console");
}

#[tokio::test]
async fn without_a_provider_there_is_no_button_and_no_way_in() {
    let scene = Scene::empty().await;
    assert!(!scene.get("/sign-in", None).await.body.contains("oidc"));
    for path in ["/sign-in/oidc", "/sign-in/oidc/callback?code=1&state=2"] {
        assert_eq!(scene.get(path, None).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_provider_does_not_make_the_first_account() {
    let provider = Provider::start("subject 1", "mara@example.com").await;
    let mut settings = settings(&provider);
    settings.domains = vec!["example.com".to_owned()];
    settings.default_role = Some(Role::Owner);
    let scene = Scene::without_people().await.with_oidc(settings);
    for path in ["/sign-in/oidc", "/sign-in/oidc/callback?code=1&state=2"] {
        assert_eq!(scene.get(path, None).await.location(), "/setup", "{path}");
    }
}

#[tokio::test]
async fn somebody_is_added_without_a_password_where_a_provider_is() {
    let (provider, scene) = known().await;
    let owner = scene.sign_in("owner").await;
    let form =
        [("name", "noor"), ("email", "noor@example.com"), ("role", "operator"), ("sees", "all"), ("password", "")];
    assert_eq!(scene.post("/administration/people", &form, Some(&owner)).await.status, StatusCode::SEE_OTHER);
    provider.say(json!({ "sub": "subject 2", "email": "noor@example.com" }));
    browser_of(&sign_in(&scene, &provider).await);
    assert_eq!(scene.sign_in_answer("noor", "").await.status, StatusCode::UNAUTHORIZED);
    let nowhere = [("name", "eve"), ("email", ""), ("role", "viewer"), ("sees", "all"), ("password", "")];
    let refused = scene.post("/administration/people", &nowhere, Some(&owner)).await;
    assert!(refused.body.contains("a password has at least"), "{}", refused.body);
}

#[tokio::test]
async fn over_https_the_cookie_is_one_that_no_other_host_can_set() {
    let provider = Provider::start("subject 1", "mara@example.com").await;
    let scene = Scene::empty().await.at("https://jumpseat.example.com", Some(settings(&provider))).unwrap();
    let sent = scene.get_at("/sign-in/oidc", "jumpseat.example.com").await;
    let cookie = sent.header("set-cookie");
    for word in ["__Host-jumpseat-oidc=", "Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"] {
        assert!(cookie.contains(word), "{word}: {cookie}");
    }
    let back = "redirect_uri=https%3A%2F%2Fjumpseat.example.com%2Fsign-in%2Foidc%2Fcallback";
    assert!(sent.location().contains(back), "{}", sent.location());
}

#[tokio::test]
async fn settings_that_would_let_in_strangers_or_lead_nowhere_are_refused_at_the_start() {
    let provider = Provider::start("subject 1", "mara@example.com").await;
    type Change = fn(&mut OidcSettings);
    let changes: [(Change, &str); 6] = [
        (|settings| settings.issuer = "http://id.example".to_owned(), "oidc.issuer must be https"),
        (|settings| settings.issuer = "id.example".to_owned(), "oidc.issuer can not be used"),
        (|settings| settings.issuer = "https://mara:secret@id.example".to_owned(), "does not belong into oidc.issuer"),
        (|settings| settings.client_id.clear(), "oidc.client_id is empty"),
        (|settings| settings.scopes = "email".to_owned(), "oidc.scopes must have openid"),
        (|settings| settings.default_role = Some(Role::Viewer), "say of which oidc.domains"),
    ];
    for (change, words) in changes {
        let mut settings = settings(&provider);
        change(&mut settings);
        let refused = Scene::empty().await.at("https://jumpseat.example.com", Some(settings)).err().unwrap();
        assert!(refused.contains(words), "{refused}");
        assert!(!refused.contains("secret"), "{refused}");
    }
}
