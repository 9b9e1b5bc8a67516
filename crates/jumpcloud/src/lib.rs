//! A read-only client for the JumpCloud APIs: V1, V2 and Directory Insights.
//!
//! It has no way to change anything: an [`Endpoint`] cannot be made outside this crate, and the list of
//! those that exist ([`endpoints::ALL`]) holds reads only. It keeps the rows that it reads as the text that
//! was sent, and tells apart "nothing there" from "could not be read". It knows nothing of what its answers
//! are used for.
//!
//! ```no_run
//! use futures::StreamExt;
//! use jumpcloud::{Client, ClientConfig, Credential, Hosts, Listed, Region, endpoints};
//!
//! # async fn example(pasted: &str) -> Result<(), Box<dyn std::error::Error>> {
//! let config = ClientConfig::new(Hosts::region(Region::Eu), Credential::api_key(pasted)?);
//! let client = Client::new(config)?;
//! let mut users = std::pin::pin!(client.list(&endpoints::SYSTEMUSERS, &[], &[]));
//! while let Some(listed) = users.next().await {
//!     match listed? {
//!         Listed::Page(page) => println!("{} users", page.rows.len()),
//!         Listed::End(pass) => println!("{} in all; moved: {:?}", pass.rows, pass.moved),
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod answer;
mod calls;
mod client;
mod clock;
mod config;
mod credential;
mod endpoint;
mod error;
mod events;
mod hosts;
mod json;
mod list;
mod pace;
mod patience;
mod resolver;
mod retry;
#[cfg(test)]
mod tests;
mod token;
mod transport;

pub use answer::Answer;
pub use calls::CallCount;
pub use client::Client;
pub use clock::{Clock, SystemClock};
pub use config::{ClientConfig, Limits};
pub use credential::{Credential, CredentialError};
pub use endpoint::{Endpoint, endpoints};
pub use error::{Context, Error, Stage};
pub use events::{EventPage, EventQuery, MOST_EVENTS, SearchAfter};
pub use hosts::{HostError, Hosts, Region, UnknownRegion};
pub use list::{Listed, Page, Pass};
