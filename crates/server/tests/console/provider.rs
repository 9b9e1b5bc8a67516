//! A small provider of OpenID Connect: real endpoints on a real port, keys of its own, and signatures made by hand. It shares
//! nothing with what it is to try. It is strict about what it is asked, and lies on demand in what it answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaPublicKeyComponents,
};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) const CLIENT_ID: &str = "jumpseat console";
pub(crate) const SECRET: &str = "a secret: with+signs & canary";
const BACK: &str = "http://127.0.0.1:8642/sign-in/oidc/callback";

/// How the ID token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signing {
    Rsa,
    Ecdsa,
    /// `alg: none`, and nothing where the signature belongs.
    None,
    /// HMAC, with the public key that everybody can read as the secret.
    HmacWithPublicKey,
    /// With a key that it does not publish, under a name that it does.
    Forged,
    /// With a key that it publishes nowhere.
    Unpublished,
    /// Properly, and then one claim was changed.
    Changed,
}

/// How an endpoint answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answering {
    Never,
    TooLarge,
    NotJson,
    Elsewhere,
    Failing,
}

/// What it is told to be.
#[derive(Debug, Clone)]
pub(crate) struct Mind {
    pub(crate) signing: Signing,
    /// What it says of who signs in, beside what every token has. NULL takes a claim away.
    pub(crate) claims: Value,
    /// What it says where it is asked for user information; who it is, and no more, if not said.
    pub(crate) user_info: Option<Value>,
    /// How one endpoint misbehaves.
    pub(crate) answering: Option<(&'static str, Answering)>,
    /// What it tells of itself otherwise than it is.
    pub(crate) discovery: Value,
    /// What it adds to the way back.
    pub(crate) back: String,
}

struct Grant {
    nonce: String,
    challenge: String,
}

struct Keys {
    name: String,
    rsa: RsaKeyPair,
    ecdsa: EcdsaKeyPair,
}

struct Inner {
    issuer: String,
    mind: Mutex<Mind>,
    keys: Mutex<Keys>,
    codes: Mutex<HashMap<String, Grant>>,
    asked: Mutex<Vec<String>>,
}

pub(crate) struct Provider {
    inner: Arc<Inner>,
    _stop: DropGuard,
}

impl Keys {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
            ecdsa: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
        }
    }

    fn published(&self) -> Value {
        let rsa = RsaPublicKeyComponents::<Vec<u8>>::from(self.rsa.public_key());
        let point = self.ecdsa.public_key().as_ref();
        let (x, y) = (&point[1..33], &point[33..]);
        let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        json!({ "keys": [
            { "kty": "OKP", "crv": "X25519", "kid": "for something else", "use": "enc", "alg": "ECDH-ES", "x": text(x) },
            { "kty": "RSA", "use": "sig", "alg": "RS256", "kid": format!("{} rsa", self.name), "n": text(&rsa.n), "e": text(&rsa.e) },
            { "kty": "EC", "use": "sig", "crv": "P-256", "kid": format!("{} ec", self.name), "x": text(x), "y": text(y) },
        ] })
    }

    fn with_rsa(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.rsa.public_modulus_len()];
        self.rsa.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
        signature
    }

    fn token(&self, signing: Signing, claims: &Value) -> String {
        let kid = |kind: &str| format!("{} {kind}", self.name);
        let header = match signing {
            Signing::Rsa | Signing::Changed | Signing::Forged => json!({ "alg": "RS256", "kid": kid("rsa") }),
            Signing::Ecdsa => json!({ "alg": "ES256", "kid": kid("ec") }),
            Signing::None => json!({ "alg": "none" }),
            Signing::HmacWithPublicKey => json!({ "alg": "HS256", "kid": kid("rsa") }),
            Signing::Unpublished => json!({ "alg": "RS256", "kid": "nobody knows" }),
        };
        let text = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let message = format!("{}.{}", text(&header), text(claims));
        let signature = match signing {
            Signing::Rsa | Signing::Changed => self.with_rsa(message.as_bytes()),
            Signing::Forged | Signing::Unpublished => Self::new("").with_rsa(message.as_bytes()),
            Signing::Ecdsa => self.ecdsa.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec(),
            Signing::None => Vec::new(),
            Signing::HmacWithPublicKey => {
                let rsa = RsaPublicKeyComponents::<Vec<u8>>::from(self.rsa.public_key());
                let mut mac = Hmac::<Sha256>::new_from_slice(&rsa.n).unwrap();
                mac.update(message.as_bytes());
                mac.finalize().into_bytes().to_vec()
            }
        };
        let message = match signing {
            Signing::Changed => {
                let mut changed = claims.clone();
                changed["email"] = json!("owner@example.com");
                format!("{}.{}", text(&header), text(&changed))
            }
            _ => message,
        };
        format!("{message}.{}", BASE64URL_NOPAD.encode(&signature))
    }
}

impl Provider {
    /// Starts one, where somebody with this subject and address is signed in.
    pub(crate) async fn start(subject: &str, email: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}/tenant", listener.local_addr().unwrap());
        let mind = Mind {
            signing: Signing::Rsa,
            claims: json!({ "sub": subject, "email": email, "email_verified": true }),
            user_info: None,
            answering: None,
            discovery: json!({}),
            back: String::new(),
        };
        let inner = Arc::new(Inner {
            issuer,
            mind: Mutex::new(mind),
            keys: Mutex::new(Keys::new("first")),
            codes: Mutex::default(),
            asked: Mutex::default(),
        });
        let stop = CancellationToken::new();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&inner));
        let stopping = stop.clone();
        tokio::spawn(async move {
            tokio::select! { _ = axum::serve(listener, router) => (), () = stopping.cancelled() => () }
        });
        Self { inner, _stop: stop.drop_guard() }
    }

    pub(crate) fn issuer(&self) -> String {
        self.inner.issuer.clone()
    }

    /// Changes its mind.
    pub(crate) fn think(&self, change: impl FnOnce(&mut Mind)) {
        change(&mut self.inner.mind.lock().unwrap());
    }

    /// Says something else of who signs in.
    pub(crate) fn say(&self, claims: Value) {
        self.think(|mind| merge(&mut mind.claims, &claims));
    }

    /// Signs with other keys from now on, under other names.
    pub(crate) fn rotate(&self) {
        *self.inner.keys.lock().unwrap() = Keys::new("second");
    }

    /// How often an endpoint was asked.
    pub(crate) fn asked(&self, endpoint: &str) -> usize {
        self.inner.asked.lock().unwrap().iter().filter(|path| *path == endpoint).count()
    }

    /// Somebody who is signed in there opens a link to it; where their browser is sent back to.
    pub(crate) async fn visit(&self, url: &str) -> String {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let response = client.get(url).send().await.unwrap();
        let status = response.status();
        let place = response.headers().get(header::LOCATION).map(|place| place.to_str().unwrap().to_owned());
        let body = response.text().await.unwrap();
        place.unwrap_or_else(|| panic!("the provider does not understand {url}: {status} {body}"))
    }
}

/// Lays members over those of an object; NULL takes one away.
fn merge(below: &mut Value, above: &Value) {
    for (name, value) in above.as_object().unwrap() {
        match value {
            Value::Null => drop(below.as_object_mut().unwrap().remove(name)),
            value => below[name] = value.clone(),
        }
    }
}

fn pairs(text: &str) -> HashMap<String, String> {
    let mut found = HashMap::new();
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        let before = found.insert(name.clone().into_owned(), value.into_owned());
        assert!(before.is_none(), "{name} is there twice");
    }
    found
}

fn refused(status: StatusCode, error: &str) -> Response {
    (status, json!({ "error": error }).to_string()).into_response()
}

async fn answer(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().strip_prefix("/tenant").unwrap_or_default().to_owned();
    inner.asked.lock().unwrap().push(path.clone());
    let mind = inner.mind.lock().unwrap().clone();
    if let Some((endpoint, how)) = mind.answering
        && endpoint == path
    {
        return match how {
            Answering::Never => std::future::pending().await,
            Answering::TooLarge => Body::from(vec![b' '; 4 << 20]).into_response(),
            Answering::NotJson => "<html>a captive portal</html>".into_response(),
            Answering::Elsewhere => {
                (StatusCode::FOUND, [(header::LOCATION, format!("{}/else", inner.issuer))]).into_response()
            }
            Answering::Failing => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        };
    }
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let form = String::from_utf8(body.to_vec()).unwrap();
    match (parts.method.as_str(), path.as_str()) {
        ("GET", "/.well-known/openid-configuration") => inner.discovery(&mind),
        ("GET", "/authorize") => inner.authorize(&pairs(parts.uri.query().unwrap_or_default()), &mind),
        ("POST", "/token") => inner.token(&parts.headers, &pairs(&form), &mind),
        ("GET", "/keys") => inner.keys.lock().unwrap().published().to_string().into_response(),
        ("GET", "/userinfo") => inner.user_info(&parts.headers, &mind),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

impl Inner {
    fn discovery(&self, mind: &Mind) -> Response {
        let at = |path: &str| format!("{}{path}", self.issuer);
        let mut told = json!({
            "issuer": self.issuer,
            "authorization_endpoint": at("/authorize?theme=dark"),
            "token_endpoint": at("/token"),
            "jwks_uri": at("/keys"),
            "userinfo_endpoint": at("/userinfo"),
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        });
        merge(&mut told, &mind.discovery);
        told.to_string().into_response()
    }

    fn authorize(&self, asked: &HashMap<String, String>, mind: &Mind) -> Response {
        let is = |name: &str, value: &str| asked.get(name).is_some_and(|given| given == value);
        let is_whole = is("theme", "dark")
            && is("response_type", "code")
            && is("client_id", CLIENT_ID)
            && is("redirect_uri", BACK)
            && is("code_challenge_method", "S256")
            && asked["scope"].split(' ').any(|scope| scope == "openid")
            && ["state", "nonce", "code_challenge"]
                .iter()
                .all(|name| asked.get(*name).is_some_and(|text| text.len() >= 43));
        if !is_whole {
            return refused(StatusCode::BAD_REQUEST, "invalid_request");
        }
        let code = uuid::Uuid::now_v7().to_string();
        let grant = Grant { nonce: asked["nonce"].clone(), challenge: asked["code_challenge"].clone() };
        self.codes.lock().unwrap().insert(code.clone(), grant);
        let place = format!("{BACK}?code={code}&state={}{}", asked["state"], mind.back);
        (StatusCode::FOUND, [(header::LOCATION, place)]).into_response()
    }

    fn token(&self, headers: &HeaderMap, form: &HashMap<String, String>, mind: &Mind) -> Response {
        let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let expected =
            format!("Basic {}", BASE64.encode(format!("{}:{}", encoded(CLIENT_ID), encoded(SECRET)).as_bytes()));
        let by_header = headers.get(header::AUTHORIZATION).is_some_and(|given| given.to_str().unwrap() == expected);
        let by_form = form.get("client_secret").is_some_and(|given| given == SECRET) && form["client_id"] == CLIENT_ID;
        let is_post = mind.discovery["token_endpoint_auth_methods_supported"] == json!(["client_secret_post"]);
        if (by_header, by_form) != (!is_post, is_post) {
            return refused(StatusCode::UNAUTHORIZED, "invalid_client");
        }
        let grant = self.codes.lock().unwrap().remove(&form["code"]);
        let is_right = |grant: &Grant| {
            let challenge = BASE64URL_NOPAD.encode(&Sha256::digest(form["code_verifier"].as_bytes()));
            form["grant_type"] == "authorization_code" && form["redirect_uri"] == BACK && challenge == grant.challenge
        };
        let Some(grant) = grant.filter(is_right) else { return refused(StatusCode::BAD_REQUEST, "invalid_grant") };
        let now = jiff::Timestamp::now().as_second();
        let mut claims = json!({
            "iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": grant.nonce,
        });
        merge(&mut claims, &mind.claims);
        let id_token = self.keys.lock().unwrap().token(mind.signing, &claims);
        let tokens =
            json!({ "access_token": "access", "token_type": "Bearer", "expires_in": 300, "id_token": id_token });
        tokens.to_string().into_response()
    }

    fn user_info(&self, headers: &HeaderMap, mind: &Mind) -> Response {
        if headers.get(header::AUTHORIZATION).is_none_or(|given| given != "Bearer access") {
            return refused(StatusCode::UNAUTHORIZED, "invalid_token");
        }
        mind.user_info.clone().unwrap_or_else(|| json!({ "sub": mind.claims["sub"] })).to_string().into_response()
    }
}
