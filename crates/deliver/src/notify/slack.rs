//! Slack: an incoming webhook. Words of others go into `plain_text`, where neither markup nor mentions are read.

use reqwest::header::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use url::Url;

use super::post::{checked, post};
use super::{Message, NotifyError};
use crate::place::{Access, is_loopback};

pub(super) fn url(secret: &SecretString, access: &Access) -> Result<(Url, String), NotifyError> {
    let (url, host) = checked(secret.expose_secret(), access)?;
    let is_slack = matches!(url.host_str(), Some("hooks.slack.com" | "hooks.slack-gov.com"));
    let is_local = access.allow_loopback && is_loopback(&url);
    if !(is_slack || is_local) {
        return Err(NotifyError::Unusable(
            "this is no incoming webhook of Slack: its URL begins with https://hooks.slack.com/".to_owned(),
        ));
    }
    Ok((url, host))
}

pub(super) async fn send(secret: &SecretString, message: &Message, access: &Access) -> Result<(), NotifyError> {
    let (url, host) = url(secret, access)?;
    post(url, host, body(message).to_string(), HeaderMap::new(), access).await
}

fn body(message: &Message) -> Value {
    let said = |text: String| json!({ "type": "plain_text", "text": text, "emoji": false });
    let mut blocks = vec![json!({ "type": "section", "text": said(message.subject.clone()) })];
    for news in message.items() {
        blocks.push(json!({ "type": "section", "text": said(format!("{}\n{}", news.headline(), news.body())) }));
        if let Some(link) = message.link(news) {
            // The address is ours, from the console's own paths.
            let link = json!({ "type": "mrkdwn", "text": format!("<{}|Open in Jumpseat>", escaped(&link)) });
            blocks.push(json!({ "type": "context", "elements": [link] }));
        }
    }
    blocks.extend(message.rest().map(|rest| json!({ "type": "section", "text": said(rest) })));
    // What a telephone shows. It is read as markup, so that what could be some is escaped.
    json!({ "text": escaped(&message.subject), "blocks": blocks })
}

/// As Slack wants it: these three characters begin everything that is not plain.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{hostile, message};
    use super::*;

    #[test]
    fn words_of_others_are_never_read_as_markup() {
        let body = body(&message(vec![hostile()]));
        let blocks = body["blocks"].as_array().unwrap();
        for block in blocks.iter().filter(|block| block.to_string().contains("channel")) {
            assert_eq!(block["text"]["type"], "plain_text", "{block}");
        }
        assert!(body.to_string().contains("<!channel>"), "it is told as it is");
        assert!(!body["text"].as_str().unwrap().contains('<'), "{body}");
    }

    #[test]
    fn at_most_fifty_blocks_as_slack_takes() {
        let body = body(&message(vec![hostile(); 5000]));
        assert!(body["blocks"].as_array().unwrap().len() <= 50);
        assert!(body.to_string().contains("and 4980 more"));
    }

    #[test]
    fn only_slack_gets_a_message_for_slack() {
        for bad in ["https://hooks.slack.com.evil.example/x", "http://hooks.slack.com/x", "https://evil.example/", "x"]
        {
            let refused = url(&SecretString::from(bad), &Access::default()).unwrap_err().to_string();
            assert!(!refused.contains("evil"), "a URL is a secret: {refused}");
        }
        let good = SecretString::from("https://hooks.slack.com/services/T/B/x");
        assert_eq!(url(&good, &Access::default()).unwrap().1, "hooks.slack.com");
    }
}
