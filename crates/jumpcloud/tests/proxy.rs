//! The client behind a proxy. Proxies are set in the environment, so each case runs in a process of its own:
//! this test program starts itself again.

#![expect(clippy::unwrap_used, reason = "these helpers are part of tests")]
#![expect(clippy::print_stdout, reason = "how the child process tells its result")]

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use jumpcloud::{Client, ClientConfig, Credential, Hosts, endpoints};

const CANARY: &str = "jca_CANARY7f3a9c51e2b84d06";
const PASSWORD: &str = "proxy-passw0rd";
const CHILD: &str = "JUMPCLOUD_TEST_CHILD";

/// Not a case of its own: what the other tests run in a process with their environment.
#[tokio::test]
async fn child() {
    let Ok(url) = std::env::var(CHILD) else { return };
    let hosts = Hosts::custom(&url, &url, true).unwrap();
    let mut config = ClientConfig::new(hosts, Credential::api_key(CANARY).unwrap());
    config.limits.max_attempts = 1;
    config.limits.header_timeout = Duration::from_secs(5);
    let result = Client::new(config).unwrap().read(&endpoints::SYSTEM, &["1"], &[]).await;
    println!("RESULT {result:?}");
    if let Err(error) = result {
        println!("ERROR {error}");
    }
}

/// A proxy that answers every request in the same way and keeps what it was sent.
fn proxy(answer: &'static str) -> (u16, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(Mutex::new(String::new()));
    let keep = seen.clone();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket: TcpStream = socket.unwrap();
            let mut buffer = [0; 4096];
            let length = socket.read(&mut buffer).unwrap_or(0);
            keep.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..length]));
            let _ = socket.write_all(answer.as_bytes());
        }
    });
    (port, seen)
}

/// Runs [`child`] for `url` behind the proxy and returns what it printed.
fn run(url: &str, port: u16, no_proxy: &str) -> String {
    let proxy = format!("http://someone:{PASSWORD}@127.0.0.1:{port}");
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(CHILD, url)
        .env("HTTPS_PROXY", &proxy)
        .env("HTTP_PROXY", &proxy)
        .env("NO_PROXY", no_proxy)
        .output()
        .unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("RESULT"), "{text}");
    assert!(!text.contains(PASSWORD) && !text.contains(CANARY), "{text}");
    text
}

#[test]
fn a_proxy_that_refuses_is_named_and_sees_neither_key_nor_path() {
    for answer in [
        "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 403 Forbidden\r\ncontent-length: 13\r\n\r\n<html></html>",
        "<html>not a proxy</html>",
        "",
    ] {
        let (port, seen) = proxy(answer);
        let text = run("https://gateway.example.com", port, "");
        assert!(text.contains("stage: Connect") && text.contains("ERROR cannot reach JumpCloud"), "{text}");
        let seen = seen.lock().unwrap();
        assert!(seen.starts_with("CONNECT gateway.example.com:443 HTTP/1.1\r\n"), "{seen}");
        assert!(!seen.contains(CANARY) && !seen.contains("/api/"), "{seen}");
    }
}

#[test]
fn hosts_named_in_no_proxy_and_loopback_hosts_are_asked_directly() {
    for url in ["https://gateway.invalid", "http://127.0.0.1:9"] {
        let (port, seen) = proxy("");
        let text = run(url, port, "gateway.invalid");
        assert!(text.contains("Unreachable"), "{text}");
        assert_eq!(*seen.lock().unwrap(), "", "{url} went through the proxy");
    }
}
