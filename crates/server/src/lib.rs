//! The server: the console and the REST API, over what the other crates remember, collect and judge.
//!
//! Every address is one line in `routes.rs`, with the permission that it needs. A page is a file in `pages` and a template
//! of the same name; it reads through [`reading`], which knows what the person may see.

mod accounts;
mod api;
mod assets;
mod drafts;
mod evidence;
mod frame;
mod gate;
mod grid;
mod notifier;
mod oidc;
mod outermost;
mod pages;
mod permission;
mod problem;
mod rate;
mod reading;
mod routes;
mod secret;
mod session;
mod settings;
mod sheet;
mod sync_now;
mod throttle;
mod totp;
mod trace;
mod triage;
mod visit;

use std::net::SocketAddr;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use collect::Collector;
use jiff::{SignedDuration, Timestamp};
use posture::Posture;
use posture::evidence::Items;
use store::Store;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;

pub use accounts::{AccountError, new_person, new_token, password_hash};
pub use gate::Needs;
pub use notifier::{NewPlace, Notifier, NotifierError, place_of_url};
pub use oidc::OidcSettings;
pub use permission::{Permission, Role};
pub use routes::{RouteInfo, route_list};
pub use settings::detail_of;

/// The setup token can be used for so long.
const SETUP_TERM: SignedDuration = SignedDuration::from_hours(24);

/// What a server is made of.
#[derive(Debug)]
pub struct Options {
    /// Syncs, tests and seals.
    pub collector: Collector,
    /// The checks.
    pub posture: Posture,
    /// The evidence items.
    pub items: Items,
    /// The folder that evidence packs which were made here are kept in; it is made when it is needed.
    pub packs: PathBuf,
    /// The folder of the installation: the master key, the user's own files, and backups that were made here.
    pub data_dir: PathBuf,
    /// The address that people use, if it is another one than the server listens on, e.g. behind a proxy.
    pub public_url: Option<Url>,
    /// This machine's name, for leases.
    pub host: String,
    /// How long events are kept, where a connection does not say otherwise.
    pub keep_events: String,
    /// Whoever opens the link that [`Server::entry_link`] gives is signed in as this person; for demonstrations on this
    /// machine only.
    pub open_to: Option<String>,
    /// The provider that people can sign in with, beside name and password.
    pub oidc: Option<OidcSettings>,
}

/// What handlers share.
#[derive(Debug, Clone)]
pub(crate) struct App(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) collector: Collector,
    pub(crate) posture: Posture,
    pub(crate) items: Items,
    pub(crate) packs: PathBuf,
    pub(crate) data_dir: PathBuf,
    pub(crate) public_url: Option<Url>,
    pub(crate) host: String,
    pub(crate) keep_events: String,
    /// The token of the link that signs in, and whom.
    pub(crate) entry: Option<(String, String)>,
    pub(crate) oidc: Option<oidc::Provider>,
    pub(crate) rate: rate::Rate,
    pub(crate) drafts: drafts::Drafts,
    pub(crate) started_at: Timestamp,
}

impl Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl App {
    pub(crate) fn now(&self) -> Timestamp {
        self.collector.clock.now()
    }

    /// Whether people reach this server over https.
    pub(crate) fn is_https(&self) -> bool {
        self.public_url.as_ref().is_some_and(|url| url.scheme() == "https")
    }

    /// What tells people.
    pub(crate) fn notifier(&self) -> Notifier {
        Notifier::of(&self.collector, Arc::clone(&self.posture.library), self.public_url.clone())
    }

    pub(crate) fn public_host(&self) -> Option<&str> {
        self.public_url.as_ref().and_then(Url::host_str)
    }
}

/// Why the server can not be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address can not be listened on.
    #[error("{address} can not be listened on: {why}; choose another with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        why: std::io::Error,
    },
    /// The provider that people are to sign in with can not be set up.
    #[error("signing in with a provider can not be set up: {0}")]
    Oidc(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The server stopped by itself.
    #[error("the server stopped: {0}")]
    Stopped(std::io::Error),
}

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    app: App,
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Listens, without answering yet.
    ///
    /// # Errors
    /// The address is taken, or not of this machine.
    pub async fn bind(address: SocketAddr, options: Options) -> Result<Self, Error> {
        let listen = |why| Error::Listen { address, why };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let app = app_of(options)?;
        if let Some((_, name)) = &app.entry {
            ensure_person(&app.store, name, app.now()).await?;
        }
        Ok(Self { app, listener, address })
    }

    /// The address that people open.
    pub fn url(&self) -> String {
        match &self.app.public_url {
            Some(url) => url.to_string(),
            None => format!("http://{}/", self.address),
        }
    }

    /// The link that signs in, if there is one.
    pub fn entry_link(&self) -> Option<String> {
        self.app.entry.as_ref().map(|(token, _)| format!("{}enter/{token}", self.url()))
    }

    /// A token for making the first account, if there is nobody yet. It replaces the one of an earlier start.
    ///
    /// # Errors
    /// The store fails.
    pub async fn setup_token(&self) -> Result<Option<String>, Error> {
        let token = secret::random_token("setup_");
        let until = self.app.now() + SETUP_TERM;
        let is_needed = self.app.store.begin_setup(&secret::token_hash(&token), until).await?;
        Ok(is_needed.then_some(token))
    }

    /// Answers, and tells people what they should know, until `stop`. Syncs that people ask for are done by whoever runs the schedule, here or elsewhere.
    ///
    /// # Errors
    /// The server stopped by itself.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        let service = routes::router(&self.app).into_make_service_with_connect_info::<SocketAddr>();
        let stopped = stop.clone().cancelled_owned();
        let answering = async {
            let served = axum::serve(self.listener, service).with_graceful_shutdown(stopped).await;
            stop.cancel();
            served
        };
        let notifier = self.app.notifier();
        let (served, ()) = tokio::join!(answering, notifier.run(&stop));
        served.map_err(Error::Stopped)
    }
}

/// The router alone, for tests that need no socket.
///
/// # Errors
/// The provider that people are to sign in with can not be set up.
pub fn router(options: Options) -> Result<Router, Error> {
    Ok(routes::router(&app_of(options)?))
}

fn app_of(options: Options) -> Result<App, Error> {
    let started_at = options.collector.clock.now();
    let roots = &options.collector.settings.extra_root_certificates;
    let provider = |settings| oidc::Provider::new(settings, options.public_url.as_ref(), roots);
    let provider = options.oidc.map(provider).transpose().map_err(Error::Oidc)?;
    Ok(App(Arc::new(Inner {
        store: options.collector.store.clone(),
        collector: options.collector,
        posture: options.posture,
        items: options.items,
        packs: options.packs,
        data_dir: options.data_dir,
        public_url: options.public_url,
        host: options.host,
        keep_events: options.keep_events,
        entry: options.open_to.map(|name| (secret::random_token(""), name)),
        oidc: provider,
        rate: rate::Rate::default(),
        drafts: drafts::Drafts::default(),
        started_at,
    })))
}

/// Somebody without a password, whom only the link of a demonstration signs in.
async fn ensure_person(store: &Store, name: &str, now: Timestamp) -> Result<(), Error> {
    if store.find_person(name).await?.is_some() {
        return Ok(());
    }
    let person = store::Person {
        id: uuid::Uuid::now_v7().to_string(),
        name: name.to_owned(),
        email: None,
        role: Role::Owner.word().to_owned(),
        org_ids: None,
        active: true,
        created_at: now,
        last_sign_in_at: None,
    };
    Ok(store.add_person(&person, None).await?)
}
