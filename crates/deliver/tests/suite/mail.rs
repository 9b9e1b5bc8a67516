//! Mail through a server that speaks SMTP, and what is not sent to one that does not protect it.

use std::sync::{Arc, Mutex};

use deliver::Access;
use deliver::notify::{Message, News, NotifyError, Place, Security, Smtp, Topic};
use secrecy::SecretString;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

type Heard = Arc<Mutex<Vec<String>>>;

/// A mail server without TLS that hears everything and answers recipients as it is told.
async fn server(recipient: &'static str) -> (u16, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Heard::default();
    let hearing = Arc::clone(&heard);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            stream.write_all(b"220 mail.example.com ESMTP\r\n").await.unwrap();
            let (mut line, mut is_data) = (String::new(), false);
            while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
                hearing.lock().unwrap().push(line.trim_end().to_owned());
                let answer = match line.trim_end() {
                    "." if is_data => {
                        is_data = false;
                        "250 taken"
                    }
                    _ if is_data => "",
                    "DATA" => {
                        is_data = true;
                        "354 go on"
                    }
                    "QUIT" => "221 bye",
                    hello if hello.starts_with("EHLO") => "250 mail.example.com",
                    to if to.starts_with("RCPT") => recipient,
                    _ => "250 ok",
                };
                if !answer.is_empty() {
                    stream.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
                }
                line.clear();
            }
        }
    });
    (port, heard)
}

fn place(port: u16, security: Security, user: Option<&str>) -> Place {
    let smtp = Smtp {
        host: "127.0.0.1".to_owned(),
        port,
        security,
        from: "jumpseat@example.com".to_owned(),
        to: vec!["mara@example.com".to_owned(), "Noor <noor@example.com>".to_owned()],
        user: user.map(str::to_owned),
    };
    Place::Email(smtp, user.map(|_| SecretString::from("s3cret")))
}

fn message() -> Message {
    let news = News {
        key: "k".to_owned(),
        topic: Topic::NewFinding,
        severity: 5,
        organization: "Evil\r\nBcc: all@example.com".to_owned(),
        title: ".\r\nRCPT TO:<all@example.com>".to_owned(),
        text: "Überwachung".to_owned(),
        path: "/findings/1".to_owned(),
    };
    Message {
        subject: format!("New: {}", news.title),
        news: vec![news],
        console: Some("https://jumpseat.example.com".to_owned()),
        to: "it".to_owned(),
        at: "2026-11-20T12:00:00Z".parse().unwrap(),
    }
}

#[tokio::test]
async fn a_mail_reaches_those_it_is_for_and_nobody_else() {
    let (port, heard) = server("250 ok").await;
    place(port, Security::None, None).send(&message(), &Access::default()).await.unwrap();
    let heard = heard.lock().unwrap().clone();
    let recipients: Vec<&String> = heard.iter().filter(|line| line.starts_with("RCPT")).collect();
    assert_eq!(recipients, ["RCPT TO:<mara@example.com>", "RCPT TO:<noor@example.com>"], "{heard:?}");
    assert!(!heard.iter().any(|line| line.to_lowercase().starts_with("bcc:")), "{heard:?}");
    assert!(heard.iter().any(|line| line.starts_with("Message-ID: <")), "{heard:?}");
    assert_eq!(heard.iter().filter(|line| *line == ".").count(), 1, "{heard:?}");
}

#[tokio::test]
async fn a_password_is_not_sent_to_a_server_without_tls() {
    let (port, heard) = server("250 ok").await;
    let refused = place(port, Security::StartTls, Some("mara")).send(&message(), &Access::default()).await;
    assert!(matches!(refused, Err(NotifyError::NotTaken { .. })), "{refused:?}");
    let heard = heard.lock().unwrap().clone();
    assert!(!heard.iter().any(|line| line.starts_with("AUTH") || line.starts_with("MAIL")), "{heard:?}");
    let refused = place(port, Security::None, Some("mara")).send(&message(), &Access::default()).await;
    assert!(matches!(refused, Err(NotifyError::Unusable(_))), "{refused:?}");
}

#[tokio::test]
async fn what_a_mail_server_refuses_is_told_in_its_words_without_what_steers() {
    let (port, _) = server("550 no such \u{1b}[2J user").await;
    let refused = place(port, Security::None, None).send(&message(), &Access::default()).await.unwrap_err().to_string();
    assert!(refused.contains("127.0.0.1") && refused.contains("no such"), "{refused}");
    assert!(!refused.contains('\u{1b}'), "{refused:?}");
}
