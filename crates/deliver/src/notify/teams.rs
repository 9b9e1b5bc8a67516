//! Microsoft Teams: a webhook of its Workflows, which takes an adaptive card. Words of others go into text runs, where no
//! markup is read.

use reqwest::header::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use url::Url;

use super::post::{checked, post};
use super::{Message, NotifyError};
use crate::place::{Access, is_loopback};

/// The ends of the hosts that Teams' webhooks are at.
const HOSTS: &[&str] = &[".webhook.office.com", ".logic.azure.com", ".api.powerplatform.com"];

pub(super) fn url(secret: &SecretString, access: &Access) -> Result<(Url, String), NotifyError> {
    let (url, host) = checked(secret.expose_secret(), access)?;
    let is_teams = url.host_str().is_some_and(|host| HOSTS.iter().any(|end| host.ends_with(end)));
    let is_local = access.allow_loopback && is_loopback(&url);
    if !(is_teams || is_local) {
        return Err(NotifyError::Unusable(format!(
            "this is no webhook of Microsoft Teams: its host ends in {}",
            HOSTS.join(", ")
        )));
    }
    Ok((url, host))
}

pub(super) async fn send(secret: &SecretString, message: &Message, access: &Access) -> Result<(), NotifyError> {
    let (url, host) = url(secret, access)?;
    post(url, host, body(message).to_string(), HeaderMap::new(), access).await
}

fn body(message: &Message) -> Value {
    let said = |text: String, weight: &str| json!({ "type": "RichTextBlock", "inlines": [{ "type": "TextRun", "text": text, "weight": weight }] });
    let mut parts = vec![said(message.subject.clone(), "bolder")];
    for news in message.items() {
        parts.push(said(news.headline(), "bolder"));
        parts.push(said(news.body(), "default"));
        if let Some(link) = message.link(news) {
            let action = json!({ "type": "Action.OpenUrl", "title": "Open in Jumpseat", "url": link });
            parts.push(json!({ "type": "ActionSet", "actions": [action] }));
        }
    }
    parts.extend(message.rest().map(|rest| said(rest, "default")));
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": parts,
    });
    let attachment = json!({ "contentType": "application/vnd.microsoft.card.adaptive", "content": card });
    json!({ "type": "message", "attachments": [attachment] })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{hostile, message};
    use super::*;

    #[test]
    fn words_of_others_are_text_runs_and_nothing_else() {
        let body = body(&message(vec![hostile()]));
        let parts = body["attachments"][0]["content"]["body"].as_array().unwrap();
        let hostile = parts.iter().filter(|part| part.to_string().contains("evil.example"));
        let mut seen = 0;
        for part in hostile {
            assert_eq!(part["type"], "RichTextBlock", "{part}");
            seen += 1;
        }
        assert!(seen > 0);
    }

    #[test]
    fn only_teams_gets_a_message_for_teams() {
        for bad in ["https://webhook.office.com.evil.example/x", "https://evil.example/x.webhook.office.com"] {
            assert!(url(&SecretString::from(bad), &Access::default()).is_err(), "{bad}");
        }
        let good = SecretString::from("https://acme.webhook.office.com/webhookb2/x");
        assert_eq!(url(&good, &Access::default()).unwrap().1, "acme.webhook.office.com");
    }
}
