//! What most commands need: settings, the open store, the collector, and the connections that the user names.

use std::sync::Arc;

use anyhow::Result;
use collect::{Collector, Settings, tables};
use jiff::Timestamp;
use jumpcloud::{Clock, SystemClock};
use store::{Connection, LeaseHolder, Location, MasterKey, Store};

use crate::commands::Global;
use crate::config::{Config, load};
use crate::exit::{Problem, eprintln_quietly};
use crate::output::Format;
use crate::posture::{load_posture, tells_after_sync};

/// What a command works with.
pub(crate) struct Context {
    pub config: Config,
    pub store: Store,
    pub format: Format,
    pub now: Timestamp,
}

impl Context {
    /// Reads the settings and opens the store.
    pub(crate) async fn open(global: &Global) -> Result<Self> {
        let config = load(&global.overrides(), global.config.as_deref())?.config;
        let store = open_store(&config).await?;
        Ok(Self { config, store, format: global.output(), now: Timestamp::now() })
    }

    /// A collector of this process; `what` is what others are told that it does.
    pub(crate) fn collector(&self, what: &str) -> Result<Collector> {
        collector(&self.config, self.store.clone(), what)
    }

    /// What runs checks; `what` is what others are told that it does.
    pub(crate) fn posture(&self, what: &str) -> Result<posture::Posture> {
        load_posture(&self.config, self.store.clone(), what)
    }

    /// The connections that the user names; all if none is named.
    pub(crate) async fn named(&self, names: &[String]) -> Result<Vec<Connection>> {
        if names.is_empty() {
            return Ok(self.store.connections().await?);
        }
        let mut found = Vec::with_capacity(names.len());
        for name in names {
            found.push(self.one(name).await?);
        }
        Ok(found)
    }

    /// The connection of this name.
    pub(crate) async fn one(&self, name: &str) -> Result<Connection> {
        if let Some(connection) = self.store.find_connection(name).await? {
            return Ok(connection);
        }
        let all = self.store.connections().await?;
        let message = format!("there is no connection named {name:?}");
        if all.is_empty() {
            let help =
                "There is none yet: add one with `jumpseat connection add`, or look around with `jumpseat demo`.";
            return Err(Problem::not_found(message, help));
        }
        let names = all.iter().map(|connection| connection.name.as_str());
        Err(Problem::unknown_name(message, name, names, "jumpseat connection list"))
    }
}

impl Context {
    /// That there is no inventory, and where there is none: the place may be another than the one that was meant.
    pub(crate) fn nothing_collected(&self, as_of: Option<Timestamp>) -> String {
        let place = match &self.config.store {
            Some(_) => "in this store".to_owned(),
            None => format!("in {}", self.config.data_dir.display()),
        };
        match as_of {
            Some(as_of) => format!("nothing was collected {place} by {as_of}: it begins with the first sync"),
            None => format!("nothing was collected {place} yet: `jumpseat sync` does it"),
        }
    }

    /// Says so on standard error, if it is so: an empty table alone would look like an empty organization.
    pub(crate) async fn tell_if_nothing_collected(&self, as_of: Option<Timestamp>) -> Result<()> {
        if self.store.snapshots_held(as_of, None).await?.is_empty() {
            eprintln_quietly(&self.nothing_collected(as_of));
        }
        Ok(())
    }
}

/// Where the settings say that the store is.
pub(crate) fn location(config: &Config) -> Result<Location> {
    match &config.store {
        Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
            Ok(Location::Postgres(url.clone()))
        }
        Some(_) => Err(Problem::usage(
            "--store takes a PostgreSQL URL (postgres://user@host/database); without it a file in the data directory is used",
        )),
        None => Ok(Location::File(config.data_dir.join("jumpseat.db"))),
    }
}

/// Opens the store that the settings name.
pub(crate) async fn open_store(config: &Config) -> Result<Store> {
    let location = location(config)?;
    let collected = tables::ALL.iter().map(|collected| &collected.table);
    let declared: Vec<_> = collected.chain(posture::derived::TABLES.iter().copied()).collect();
    Ok(Store::open(&location, &declared).await?.with_views(posture::derived::VIEWS))
}

/// A collector for these settings.
pub(crate) fn collector(config: &Config, store: Store, what: &str) -> Result<Collector> {
    let key = master_key(config)?;
    let host = this_host();
    let holder = LeaseHolder::this_process(what, &host);
    let after_sync = tells_after_sync(config.clone(), store.clone(), what.to_owned());
    let mut collector =
        Collector::new(store, Arc::new(key), clock(), settings(config)?, holder, config.collector.clone());
    collector.after_sync = Some(after_sync);
    Ok(collector)
}

/// The key that seals credentials.
pub(crate) fn master_key(config: &Config) -> Result<MasterKey> {
    Ok(MasterKey::find(&config.data_dir.join("master.key"), |name| std::env::var(name).ok())?)
}

/// The key that seals credentials, if there is one: none is made.
pub(crate) fn existing_master_key(config: &Config) -> Option<store::Result<MasterKey>> {
    let file = config.data_dir.join("master.key");
    let of_systemd = std::env::var_os("CREDENTIALS_DIRECTORY")
        .is_some_and(|folder| std::path::Path::new(&folder).join("jumpseat-master-key").exists());
    let is_there = file.exists() || of_systemd || std::env::var_os("JUMPSEAT_MASTER_KEY").is_some();
    is_there.then(|| MasterKey::find(&file, |name| std::env::var(name).ok()))
}

/// What archives may do, by the program's settings.
pub(crate) fn access(config: &Config) -> Result<deliver::Access> {
    Ok(deliver::Access {
        allow_loopback: config.allow_loopback_upstream,
        extra_root_certificates: settings(config)?.extra_root_certificates,
        ..deliver::Access::default()
    })
}

/// The connection settings of the program's settings.
pub(crate) fn settings(config: &Config) -> Result<Settings> {
    let extra_root_certificates = match &config.extra_ca_file {
        Some(path) => {
            vec![std::fs::read(path).map_err(|error| Problem::unreadable("the certificate file", path, &error))?]
        }
        None => Vec::new(),
    };
    Ok(Settings {
        max_in_flight: config.max_in_flight,
        requests_per_second: config.requests_per_second,
        allow_loopback: config.allow_loopback_upstream,
        extra_root_certificates,
        // It was read once already, when the settings were.
        keep_events: config.keep_events.parse().map_err(|error| Problem::usage(format!("keep_events: {error}")))?,
        ..Settings::default()
    })
}

/// The machine's clock.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// This machine's name.
pub(crate) fn this_host() -> String {
    hostname::get().ok().and_then(|name| name.into_string().ok()).unwrap_or_else(|| "this machine".to_owned())
}

/// Who runs this command: for the history.
pub(crate) fn this_person() -> String {
    let named = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    named.unwrap_or_else(|_| format!("user {}", rustix::process::getuid().as_raw()))
}
