//! E-mail: plain text through a mail server of the user's. Without TLS no password is sent.

use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, MessageBuilder, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::{Message, NotifyError, plain};
use crate::place::Access;

/// Longest that a mail server may take for one step.
const PATIENCE: Duration = Duration::from_secs(20);
/// Mail goes to so many addresses at most.
const MOST_ADDRESSES: usize = 50;

/// A mail server, and who writes to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Smtp {
    /// The server's name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way there is protected.
    pub security: Security,
    /// The sender's address.
    pub from: String,
    /// Who gets it.
    pub to: Vec<String>,
    /// Who signs in to the server, if anybody has to.
    pub user: Option<String>,
}

/// How the way to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// Plain at first, then TLS, which must be there (usually port 587).
    StartTls,
    /// TLS from the beginning (usually port 465).
    Tls,
    /// Not at all; then nobody can sign in.
    None,
}

impl Smtp {
    /// Host and port, after a look at everything.
    pub(super) fn address(&self, _access: &Access) -> Result<String, NotifyError> {
        let is_host = Host::parse(&self.host).is_ok() && !self.host.contains(['/', '@']);
        if !is_host || Url::parse(&format!("smtp://{}:{}", self.host, self.port)).is_err() {
            return Err(unusable(format!("{:?} is no name of a mail server", self.host)));
        }
        if self.to.is_empty() || self.to.len() > MOST_ADDRESSES {
            return Err(unusable(format!("mail goes to 1 to {MOST_ADDRESSES} addresses")));
        }
        for address in self.to.iter().chain([&self.from]) {
            mailbox(address)?;
        }
        if self.user.is_some() && self.security == Security::None {
            return Err(unusable("a password is not sent without TLS; choose starttls or tls".to_owned()));
        }
        Ok(format!("{}:{}", self.host, self.port))
    }
}

pub(super) async fn send(
    smtp: &Smtp,
    password: Option<&SecretString>,
    message: &Message,
    access: &Access,
) -> Result<(), NotifyError> {
    let host = smtp.address(access)?;
    let not_taken = |what: String| NotifyError::NotTaken { host: host.clone(), what };
    let mail = mail(smtp, message)?;
    let mut server = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&smtp.host)
        .port(smtp.port)
        .timeout(Some(PATIENCE))
        .tls(match smtp.security {
            Security::StartTls => Tls::Required(parameters(smtp, access)?),
            Security::Tls => Tls::Wrapper(parameters(smtp, access)?),
            Security::None => Tls::None,
        });
    if let Some(user) = &smtp.user {
        let password = password.ok_or_else(|| unusable("the password is missing".to_owned()))?;
        server = server.credentials(Credentials::new(user.clone(), password.expose_secret().to_owned()));
    }
    server.build().send(mail).await.map(drop).map_err(|error| {
        let mut words = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(inner) = source {
            words = format!("{words}: {inner}");
            source = inner.source();
        }
        // What the server says is the server's; it may be long, and steer.
        not_taken(plain(&words))
    })
}

fn parameters(smtp: &Smtp, access: &Access) -> Result<TlsParameters, NotifyError> {
    let mut builder = TlsParameters::builder(smtp.host.clone());
    for pem in &access.extra_root_certificates {
        let certificate = Certificate::from_pem(pem).map_err(|error| unusable(error.to_string()))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build_rustls().map_err(|error| unusable(error.to_string()))
}

fn mail(smtp: &Smtp, message: &Message) -> Result<lettre::Message, NotifyError> {
    let mut builder: MessageBuilder = lettre::Message::builder()
        .from(mailbox(&smtp.from)?)
        .subject(plain(&message.subject))
        .message_id(Some(format!("<{}@jumpseat.invalid>", message.id())))
        .date(message.at.into());
    for address in &smtp.to {
        builder = builder.to(mailbox(address)?);
    }
    let part = SinglePart::builder().header(ContentType::TEXT_PLAIN).body(text(message));
    builder.singlepart(part).map_err(|error| unusable(error.to_string()))
}

fn text(message: &Message) -> String {
    let mut text = format!("{}\n", plain(&message.subject));
    for news in message.items() {
        text.push_str(&format!("\n* {}\n  {}\n", news.headline(), news.body()));
        if let Some(link) = message.link(news) {
            text.push_str(&format!("  {link}\n"));
        }
    }
    if let Some(rest) = message.rest() {
        text.push_str(&format!("\n{rest}\n"));
    }
    text.push_str(&format!("\n-- \nJumpseat sends this as the notification {}.\n", plain(&message.to)));
    text
}

fn mailbox(address: &str) -> Result<Mailbox, NotifyError> {
    address.parse().map_err(|_| unusable(format!("{address:?} is no e-mail address")))
}

fn unusable(what: String) -> NotifyError {
    NotifyError::Unusable(what)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{hostile, message};
    use super::*;

    fn smtp() -> Smtp {
        Smtp {
            host: "mail.example.com".to_owned(),
            port: 587,
            security: Security::StartTls,
            from: "Jumpseat <jumpseat@example.com>".to_owned(),
            to: vec!["mara@example.com".to_owned()],
            user: None,
        }
    }

    #[test]
    fn a_name_that_attacks_makes_no_header_of_its_own() {
        let mut message = message(vec![hostile()]);
        message.subject = format!("New: {}", message.news[0].title);
        let mail = String::from_utf8(mail(&smtp(), &message).unwrap().formatted()).unwrap();
        let (head, _) = mail.split_once("\r\n\r\n").unwrap();
        assert!(!head.to_lowercase().contains("\r\nbcc:"), "{head}");
        let names: Vec<&str> = head
            .lines()
            .filter(|line| !line.starts_with([' ', '\t']))
            .filter_map(|line| line.split(':').next())
            .collect();
        for name in &names {
            let known = [
                "From",
                "To",
                "Subject",
                "Date",
                "Message-ID",
                "Content-Type",
                "Content-Transfer-Encoding",
                "MIME-Version",
            ];
            assert!(known.contains(name), "{name} in {head}");
        }
    }

    #[test]
    fn a_password_never_goes_unprotected_and_addresses_are_addresses() {
        let access = Access::default();
        let refused = |change: fn(&mut Smtp)| {
            let mut smtp = smtp();
            change(&mut smtp);
            smtp.address(&access).unwrap_err().to_string()
        };
        assert_eq!(smtp().address(&access).unwrap(), "mail.example.com:587");
        let plain = refused(|smtp| (smtp.security, smtp.user) = (Security::None, Some("mara".to_owned())));
        assert!(plain.contains("without TLS"), "{plain}");
        refused(|smtp| smtp.to = vec!["mara@example.com\r\nBcc: all@example.com".to_owned()]);
        refused(|smtp| smtp.to.clear());
        refused(|smtp| smtp.host = "mail.example.com/x".to_owned());
    }
}
