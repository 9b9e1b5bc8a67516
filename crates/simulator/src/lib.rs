//! A JumpCloud in memory: deterministic organizations, the routes a read-only collector needs, and faults on purpose.
//! It answers as the service is known to behave, not as a client would like. It knows nothing of any client.
//!
//! [`Simulator::start`] opens one loopback listener for all APIs (`/api`, `/api/v2`, `/insights/directory/v1`,
//! `/oauth2/token`) and the control face `/__simulator/…`. [`World`] is the state behind it: credentials, faults,
//! counters, the passing of life, and the [`Oracle`] that says what a complete and correct client must have seen.
//!
//! ```no_run
//! use simulator::{Clock, Config, Effect, FaultRule, Simulator, Size};
//!
//! # async fn example() -> std::io::Result<()> {
//! let running = Simulator::start(Config::demo(Size::Small), Clock::system(), ([127, 0, 0, 1], 0).into()).await?;
//! let world = running.world();
//! let key = world.credentials(0).read_only; // GET {running.url()}/api/systemusers with x-api-key: {key}
//! world.faults().add(FaultRule::new(Effect::status(503)).on("GET /api/systems").times(3));
//! world.advance(std::time::Duration::from_secs(86_400));
//! assert_eq!(world.writes_attempted(), 0);
//! println!("{} users must have been seen with {key}", world.oracle(0).counts["systemusers"]);
//! running.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! Where to add things: a route in the folder of its API (`v1`, `v2`), a noun in `state`, a fault in `faults`,
//! an oddity in `oddity`, an event type in `events::catalogue`.

mod call;
mod clock;
mod config;
mod connection;
mod control;
mod credentials;
mod dice;
mod directory_insights;
mod events;
mod faults;
mod filter;
mod id;
mod json;
mod life;
mod listing;
mod misconfiguration;
mod oauth;
mod oddity;
mod oracle;
mod requests;
mod server;
mod state;
mod time;
mod v1;
mod v2;
mod words;
mod world;

pub use clock::Clock;
pub use config::{Character, Config, EventSpec, Lateness, OrganizationSpec, Size};
pub use credentials::{Credentials, ServiceAccount};
pub use events::episodes::Episode;
pub use events::slot::EventId;
pub use events::truth::{EventCounts, IssuedEvent};
pub use faults::{Effect, FaultBody, FaultRule, Faults, RateLimit, RetryAfter};
pub use id::Id;
pub use life::Change;
pub use misconfiguration::Misconfiguration;
pub use oddity::{Oddities, Oddity};
pub use oracle::Oracle;
pub use oracle::checks::{self, Check, Outcomes, Parameters, Reader, Rotation, Tier, View};
pub use requests::{Forbidden, Requests, Seen};
pub use server::{Running, Simulator};
pub use world::{OrganizationInfo, World};

/// Locks a mutex; a panic elsewhere must not turn into a second one here.
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
