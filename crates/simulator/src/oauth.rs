//! The OAuth token endpoint of service accounts.
//! Responsible for `POST /oauth2/token` with HTTP Basic and `grant_type=client_credentials`.

use crate::call::{Answer, Call};
use crate::lock;
use crate::world::World;

/// Answers a token request.
pub(crate) fn token(world: &World, call: &Call, now: i64) -> Answer {
    let grant = url::form_urlencoded::parse(&call.body).find(|(name, _)| name == "grant_type");
    if grant.is_none_or(|(_, value)| value != "client_credentials") {
        return refusal(400, "unsupported_grant_type");
    }
    let client = call.header("authorization").and_then(|value| value.strip_prefix("Basic ")).and_then(|text| {
        let decoded = data_encoding::BASE64.decode(text.trim().as_bytes()).ok()?;
        let text = String::from_utf8(decoded).ok()?;
        text.split_once(':').map(|(id, secret)| (id.to_owned(), secret.to_owned()))
    });
    let Some((id, secret)) = client else { return refusal(401, "invalid_client") };
    match lock(world.keys()).token(&id, &secret, now) {
        Some(token) => Answer::json(
            serde_json::json!({"access_token": token, "token_type": "bearer", "expires_in": 3600, "scope": "api"})
                .to_string(),
        ),
        None => refusal(401, "invalid_client"),
    }
}

fn refusal(status: u16, error: &str) -> Answer {
    Answer {
        status,
        ..Answer::json(serde_json::json!({"error": error, "error_description": "the client was refused"}).to_string())
    }
}
