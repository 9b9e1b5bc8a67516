//! Any program: everything as JSON, with a signature over time and body, so that the receiver knows who sent it and when.

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::header::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use sha2::Sha256;

use super::post::{checked, post};
use super::{Message, NotifyError, Webhook};
use crate::place::Access;

pub(super) async fn send(
    webhook: &Webhook,
    key: &SecretString,
    message: &Message,
    access: &Access,
) -> Result<(), NotifyError> {
    let (url, host) = checked(&webhook.url, access)?;
    let body = body(message).to_string();
    let mut headers = HeaderMap::new();
    for (name, value) in
        [("x-jumpseat-id", message.id()), ("x-jumpseat-signature", signature(key, message.at.as_second(), &body))]
    {
        let value = HeaderValue::from_str(&value).map_err(|error| NotifyError::Unusable(error.to_string()))?;
        headers.insert(name, value);
    }
    post(url, host, body, headers, access).await
}

/// The header `X-Jumpseat-Signature`: `t=SECONDS,v1=HEX`, where HEX is HMAC-SHA256 with the key over `SECONDS.BODY`.
pub fn signature(key: &SecretString, seconds: i64, body: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key.expose_secret().as_bytes()).expect("HMAC takes keys of any length");
    mac.update(format!("{seconds}.{body}").as_bytes());
    format!("t={seconds},v1={}", data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes()))
}

fn body(message: &Message) -> Value {
    let news: Vec<Value> = message
        .news
        .iter()
        .map(|news| {
            json!({
                "key": news.key,
                "topic": news.topic.word(),
                "severity_id": news.severity,
                "organization": news.organization,
                "title": news.title,
                "text": news.text,
                "url": message.link(news),
            })
        })
        .collect();
    json!({
        "id": message.id(),
        "sent_at": message.at.to_string(),
        "notification": message.to,
        "subject": message.subject,
        "news": news,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_what_other_programs_reckon() {
        // printf '1795910400.{"a":1}' | openssl dgst -sha256 -hmac whsec_example
        let key = SecretString::from("whsec_example");
        let expected = "t=1795910400,v1=99471c5dd1b9de08796b447860e89738cb7fa839f91a476cec35d9743af62ced";
        assert_eq!(signature(&key, 1_795_910_400, "{\"a\":1}"), expected);
    }
}
