//! The client against servers that misbehave in every way that was seen or can be thought of. One file for
//! one kind of trouble; the servers are in `server.rs`, time in `clock.rs`.

pub(crate) mod clock;
mod server;

mod credentials;
mod events;
mod hostile;
mod network;
mod paging;
mod retrying;
mod tls;

use std::{sync::Arc, time::Duration};

use futures::StreamExt;

use self::{clock::ManualClock, server::Server};
use crate::{Client, ClientConfig, Credential, Endpoint, Error, Hosts, Listed, Pass};

/// The key of every test. It may appear nowhere but in the header that it is sent in.
const CANARY: &str = "jca_CANARY7f3a9c51e2b84d06";

/// Settings for `server` with a clock on which waiting costs nothing and short network timeouts.
fn config(server: &Server, clock: Arc<ManualClock>) -> ClientConfig {
    let hosts = Hosts::custom(&server.url, &server.url, true).unwrap();
    let mut config = ClientConfig::new(hosts, Credential::api_key(CANARY).unwrap());
    config.clock = clock;
    config.limits.max_body_bytes = 1024 * 1024;
    config.limits.connect_timeout = Duration::from_secs(5);
    config.limits.header_timeout = Duration::from_secs(5);
    config
}

fn client(server: &Server) -> Client {
    Client::new(config(server, ManualClock::new())).unwrap()
}

/// Reads a list to its end and returns its rows as text.
async fn all(client: &Client, endpoint: Endpoint, ids: &[&str]) -> Result<(Vec<String>, Pass), Error> {
    let mut rows = Vec::new();
    let mut stream = std::pin::pin!(client.list(&endpoint, ids, &[]));
    while let Some(listed) = stream.next().await {
        match listed? {
            Listed::Page(page) => rows.extend(page.rows.iter().map(|row| row.get().to_owned())),
            Listed::End(pass) => {
                assert!(stream.next().await.is_none(), "something came after the end");
                assert_eq!(pass.rows, rows.len() as u64);
                return Ok((rows, pass));
            }
        }
    }
    panic!("the stream stopped without an end or an error");
}
