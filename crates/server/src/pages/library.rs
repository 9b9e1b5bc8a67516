//! The Integration Library: what Jumpseat reads and where what it has read can go, with how each is set up; and which
//! addresses all that needs.

use askama::Template;

use crate::frame::{Frame, Section, page};
use crate::permission::Permission;
use crate::problem::Answered;
use crate::visit::Ctx;

/// Something that can be set up.
struct Integration {
    name: &'static str,
    categories: &'static [&'static str],
    /// What it is for.
    about: &'static str,
    /// How it is set up: a page of the console, or what is said on the command line.
    how: How,
}

enum How {
    /// A connection to an organization.
    Connect,
    /// A page of the console.
    Page(&'static str, Permission),
    /// A command.
    Command(&'static str),
}

/// All of them, in the order in which they are shown.
const INTEGRATIONS: &[Integration] = &[
    Integration {
        name: "JumpCloud Inventory",
        categories: &["Directory", "Endpoint management", "SSO", "Asset inventory"],
        about: "Users, devices, applications, groups, policies, administrators and IP addresses, and how they are connected.",
        how: How::Connect,
    },
    Integration {
        name: "JumpCloud Directory Insights",
        categories: &["Events", "SIEM"],
        about: "Every event of every service, kept as it came and normalized to OCSF. It comes with the same connection.",
        how: How::Connect,
    },
    Integration {
        name: "JumpCloud Multi-Tenant Portal",
        categories: &["Directory", "MSSP"],
        about: "Every organization that one key sees becomes a connection of its own.",
        how: How::Command("jumpseat connection discover"),
    },
    Integration {
        name: "OCSF archive in Parquet",
        categories: &["Events", "SIEM", "Data lake"],
        about: "Sealed hours of events in a folder, S3, Google Cloud Storage or Azure Blob, for DuckDB, Spark, Trino, Athena and Security Lake.",
        how: How::Command("jumpseat archive --help"),
    },
    Integration {
        name: "Evidence packs",
        categories: &["Compliance"],
        about: "Signed archives of populations, findings and the proof of how they were collected; verified offline.",
        how: How::Page("/evidence/packs", Permission::ReadChecks),
    },
    Integration {
        name: "REST API",
        categories: &["Automation"],
        about: "Everything of the console for programs, described by OpenAPI 3.1.",
        how: How::Page("/api-docs", Permission::ReadHealth),
    },
    Integration {
        name: "Prometheus metrics",
        categories: &["Monitoring"],
        about: "How collecting goes, for whoever watches over it. It takes an API token.",
        how: How::Page("/account", Permission::OwnAccount),
    },
];

#[derive(Template)]
#[template(path = "library.html")]
struct LibraryPage {
    frame: Frame,
    cards: Vec<Card>,
    all: usize,
    categories: Vec<(&'static str, bool)>,
    search: String,
}

struct Card {
    name: &'static str,
    categories: &'static [&'static str],
    about: &'static str,
    applied: Option<usize>,
    href: &'static str,
    action: &'static str,
    command: &'static str,
}

pub(crate) async fn show(ctx: Ctx) -> Answered {
    let search = ctx.query.text("q").to_lowercase();
    let category = ctx.query.get("category");
    let connections = ctx.read().connections().await?.len();
    let matches = |one: &&Integration| {
        let texts = [one.name, one.about].into_iter().chain(one.categories.iter().copied());
        category.is_none_or(|category| one.categories.contains(&category))
            && (search.is_empty() || texts.into_iter().any(|text| text.to_lowercase().contains(&search)))
    };
    let cards = INTEGRATIONS.iter().filter(matches).map(|one| {
        let (href, action, command) = match one.how {
            How::Connect if ctx.may(Permission::ManageConnections) => ("/connections/new", "Configure", ""),
            How::Page(page, permission) if ctx.may(permission) => (page, "Open", ""),
            How::Command(command) => ("", "", command),
            How::Connect | How::Page(..) => ("", "", ""),
        };
        Card {
            name: one.name,
            categories: one.categories,
            about: one.about,
            applied: matches!(one.how, How::Connect).then_some(connections),
            href,
            action,
            command,
        }
    });
    let mut categories: Vec<&str> = INTEGRATIONS.iter().flat_map(|one| one.categories).copied().collect();
    categories.sort_unstable();
    categories.dedup();
    page(&LibraryPage {
        cards: cards.collect(),
        all: INTEGRATIONS.len(),
        categories: categories.into_iter().map(|name| (name, category == Some(name))).collect(),
        search: ctx.query.text("q").to_owned(),
        frame: Frame::of(&ctx, Section::Connections, "Integration Library").await?,
    })
}

#[derive(Template)]
#[template(path = "outgoing.html")]
struct OutgoingPage {
    frame: Frame,
    hosts: Vec<Host>,
}

/// A host that this installation speaks to.
struct Host {
    url: String,
    what: &'static str,
    connections: String,
}

/// Which hosts are spoken to, so that a firewall can let that through and nothing else.
pub(crate) async fn outgoing(ctx: Ctx) -> Answered {
    let mut hosts: Vec<Host> = Vec::new();
    let connections = ctx.read().everywhere().connections().await?;
    for connection in &connections {
        let needs = ctx.app.collector.settings.hosts(&connection.place)?;
        let mut needed = vec![(needs.console, "Inventory"), (needs.insights, "Events (Directory Insights)")];
        if connection.credential_kind == "service_account" {
            needed.push((needs.token, "Tokens of service accounts"));
        }
        for (url, what) in needed {
            let url = url.origin().ascii_serialization();
            match hosts.iter_mut().find(|host| host.url == url && host.what == what) {
                Some(host) => host.connections = format!("{}, {}", host.connections, connection.name),
                None => hosts.push(Host { url, what, connections: connection.name.clone() }),
            }
        }
    }
    page(&OutgoingPage { hosts, frame: Frame::of(&ctx, Section::Connections, "Outgoing addresses").await? })
}
