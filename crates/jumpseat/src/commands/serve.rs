//! `serve`: syncs and writes archives on schedule, and answers the console and the REST API, until stopped.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use collect::{Collector, run_schedule};
use secrecy::SecretString;
use server::{OidcSettings, Options, Role, Server};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::secret::read_secret;
use super::sync::cancel_on_signal;
use super::{Global, archive};
use crate::config::{Config, Oidc};
use crate::context::{Context, this_host};
use crate::exit::{Exit, Problem, eprintln_quietly};
use crate::posture::{check_what_was_left, load_usable_items, load_usable_posture};

/// Where the console is, if nothing else is said: on this machine only.
pub(super) const USUAL_ADDRESS: &str = "127.0.0.1:8642";

/// The folder of the data directory with the evidence packs that were made in the console.
pub(super) const PACKS: &str = "packs";

/// Longest that one answer of a sign-in provider may take.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
#[command(before_help = "Examples:
  jumpseat serve
  jumpseat serve --listen 0.0.0.0:8642 --public-url https://jumpseat.example.com")]
pub(super) struct ServeArgs {
    /// The address that the console and the API are at.
    #[arg(long, value_name = "ADDRESS", default_value = USUAL_ADDRESS)]
    listen: SocketAddr,
    /// The address that people use, if it is another one: https, behind a proxy that ends TLS. A provider that people sign in
    /// with (settings oidc.…) sends them back to it.
    #[arg(long, value_name = "URL")]
    public_url: Option<Url>,
    /// Do not sync here: another collector does.
    #[arg(long)]
    no_schedule: bool,
}

pub(super) async fn run(args: ServeArgs, global: &Global) -> Result<Exit> {
    if let Some(url) =
        args.public_url.as_ref().filter(|url| !matches!(url.scheme(), "https" | "http") || url.path() != "/")
    {
        return Err(Problem::usage(format!(
            "--public-url is scheme and host alone, such as https://jumpseat.example.com, not {url}"
        )));
    }
    let context = Context::open(global).await?;
    let collector = context.collector("jumpseat serve")?;
    let oidc = context.config.oidc.as_ref().map(provider).transpose()?;
    let server = bind(args.listen, &context.config, &collector, args.public_url, Entry { oidc, open_to: None }).await?;
    if !args.listen.ip().is_loopback() && !server.url().starts_with("https://") {
        eprintln_quietly(
            "warning: other machines can reach this console over plain http; put a proxy with TLS before it and say --public-url https://…",
        );
    }
    eprintln_quietly(&format!("the console is at {}", server.url()));
    if let Some(token) = server.setup_token().await? {
        eprintln_quietly(&format!(
            "nobody can sign in yet. Open {}setup and make the first account with this token, which can be used once within a day:\n  {token}",
            server.url()
        ));
    }
    let stop = cancel_on_signal();
    serve(server, &collector, &context.config, !args.no_schedule, &stop).await?;
    context.store.close().await;
    Ok(Exit::Ok)
}

/// How people come in, beside name and password.
pub(super) struct Entry {
    /// A provider that they can sign in with.
    pub(super) oidc: Option<OidcSettings>,
    /// Whom the link of a demonstration signs in.
    pub(super) open_to: Option<String>,
}

/// The provider that the settings name, with its secret.
fn provider(settings: &Oidc) -> Result<OidcSettings> {
    let role = |word: &String| {
        let known = Role::ALL.map(Role::word).join(", ");
        let unknown = || Problem::usage(format!("oidc: there is no role {word:?}; there is {known}"));
        Role::of_word(word).ok_or_else(unknown)
    };
    let secret = |file| -> Result<SecretString> { read_secret("client secret (oidc.client_secret_file)", Some(file)) };
    Ok(OidcSettings {
        issuer: settings.issuer.clone(),
        client_id: settings.client_id.clone(),
        client_secret: settings.client_secret_file.as_deref().map(secret).transpose()?,
        label: settings.label.clone(),
        scopes: settings.scopes.clone(),
        groups_claim: settings.groups_claim.clone(),
        roles: settings.roles.iter().map(|(group, word)| Ok((group.clone(), role(word)?))).collect::<Result<_>>()?,
        domains: settings.domains.clone(),
        default_role: settings.default_role.as_ref().map(role).transpose()?,
        patience: PATIENCE,
    })
}

/// Listens.
pub(super) async fn bind(
    listen: SocketAddr,
    config: &Config,
    collector: &Collector,
    public_url: Option<Url>,
    entry: Entry,
) -> Result<Server> {
    let posture = load_usable_posture(config, collector.store.clone(), "jumpseat serve")?;
    let options = Options {
        collector: collector.clone(),
        items: load_usable_items(config, &posture.library),
        packs: config.data_dir.join(PACKS),
        data_dir: config.data_dir.clone(),
        posture,
        public_url,
        host: this_host(),
        keep_events: config.keep_events.clone(),
        open_to: entry.open_to,
        oidc: entry.oidc,
    };
    Ok(Server::bind(listen, options).await?)
}

/// Answers and, if asked to, syncs and writes archives, until `stop`. Whichever of them fails stops the others.
pub(super) async fn serve(
    server: Server,
    collector: &Collector,
    config: &Config,
    on_schedule: bool,
    stop: &CancellationToken,
) -> Result<()> {
    let posture = load_usable_posture(config, collector.store.clone(), "jumpseat serve")?;
    let answering = async {
        let result = server.run(stop.clone()).await;
        stop.cancel();
        result
    };
    let collecting = async {
        if !on_schedule {
            return Ok(());
        }
        let syncs = async {
            // Before the first sync: two runs over one organization would be in each other's way.
            tokio::select! {
                left = check_what_was_left(&posture, None) => {
                    if let Err(error) = left {
                        tracing::error!(%error, "whether checks were left undone can not be told");
                    }
                }
                () = stop.cancelled() => {}
            }
            run_schedule(collector, stop).await
        };
        let result = archive::beside(syncs, config, &collector.store, "jumpseat serve", stop).await;
        stop.cancel();
        result
    };
    let (answered, collected) = tokio::join!(answering, collecting);
    answered?;
    collected
}
