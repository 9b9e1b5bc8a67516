//! What stands around every page: navigation, the organization that it is about, how fresh its data is, and news.

use askama::Template;
use axum::response::{Html, IntoResponse as _};
use collect::condition::State;
use collect::when::relative;
use jiff::Timestamp;
use store::StreamKind;
use store::schema::time_text;

use crate::permission::Permission;
use crate::problem::{Answered, Problem};
use crate::reading::{Parameters, Standing, maybe_text, text};
use crate::visit::Ctx;

/// The frame of a page.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) title: String,
    pub(crate) nav: Vec<NavEntry>,
    pub(crate) person: String,
    pub(crate) role: &'static str,
    pub(crate) may_administer: bool,
    pub(crate) may_manage_people: bool,
    pub(crate) is_administration: bool,
    pub(crate) form_token: String,
    pub(crate) organizations: Vec<OrganizationChoice>,
    /// What is asked for, but for the organization: the switcher keeps it.
    pub(crate) path: String,
    pub(crate) kept: Vec<(String, String)>,
    pub(crate) notice: Option<&'static str>,
    pub(crate) freshness: Freshness,
    /// Something is running: the page shows itself again by and by.
    pub(crate) is_live: bool,
    pub(crate) styles: &'static str,
    pub(crate) script: &'static str,
}

#[derive(Debug)]
pub(crate) struct NavEntry {
    pub(crate) label: &'static str,
    pub(crate) href: String,
    pub(crate) is_here: bool,
}

#[derive(Debug)]
pub(crate) struct OrganizationChoice {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) is_chosen: bool,
}

/// How old the data of a page is, and what it lacks.
#[derive(Debug, Default)]
pub(crate) struct Freshness {
    /// In words; empty when nothing was collected yet.
    pub(crate) as_of: String,
    pub(crate) exact: String,
    /// What is missing, by organization.
    pub(crate) missing: Vec<String>,
    /// How many inventories are older than they should be, or were never collected, in words; empty if none is.
    pub(crate) late: String,
}

/// The parts of the console, in the order of the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Overview,
    Connections,
    CollectionStatus,
    Assets,
    Findings,
    Checks,
    Frameworks,
    Events,
    Sql,
    Notifications,
    Administration,
    Account,
}

const NAV: &[(Section, &str, &str, Permission)] = &[
    (Section::Overview, "Overview", "/", Permission::ReadHealth),
    (Section::Connections, "Connections", "/connections", Permission::ReadHealth),
    (Section::CollectionStatus, "Collection status", "/collection-status", Permission::ReadHealth),
    (Section::Assets, "Assets", "/assets", Permission::ReadAssets),
    (Section::Findings, "Findings", "/findings", Permission::ReadFindings),
    (Section::Checks, "Checks", "/checks", Permission::ReadChecks),
    (Section::Frameworks, "Compliance", "/frameworks", Permission::ReadChecks),
    (Section::Events, "Events", "/events", Permission::ReadEvents),
    (Section::Sql, "SQL", "/sql", Permission::RunSql),
    (Section::Notifications, "Notifications", "/notifications", Permission::ManageNotifications),
];

/// What a change says of itself on the page after it. Only these sentences: an address can not put words into our mouth.
const NOTICES: &[(&str, &str)] = &[
    ("saved", "Saved."),
    (
        "connected",
        "The connection is saved. Both of its streams run on their schedules from now on; Sync now runs them at once.",
    ),
    ("sync", "The sync starts now. This page shows how it goes."),
    ("busy", "A sync of this connection is running, or was asked for, already."),
    ("cancelled", "The sync was told to stop. Nothing of it is kept that was not committed."),
    ("not_here", "Nothing of this connection is running."),
    ("enabled", "Enabled: it syncs on its schedule again."),
    ("disabled", "Paused: it keeps what it has and does not sync until it is enabled."),
    (
        "rotated",
        "The new credential was tested and has taken the old one's place. Collecting goes on from where it was.",
    ),
    ("removed", "The connection is removed. What it has collected stays."),
    ("accepted", "Accepted."),
    ("reopened", "Open again."),
    ("assigned", "Assigned."),
    ("checked", "The checks have run."),
    ("person", "Saved. A role takes effect with the next click."),
    ("ended", "The session was ended."),
    ("notified", "A test message was sent and taken."),
    ("revoked", "The token was taken back."),
    ("backup", "The backup was made and verified. Copy it to another machine."),
    ("password", "The password is changed, and all other sessions were ended."),
];

impl Frame {
    /// The frame of a page of a section.
    pub(crate) async fn of(ctx: &Ctx, section: Section, title: impl Into<String>) -> Result<Self, Problem> {
        let names = ctx.read().organization_names().await?;
        let chosen = ctx.org_id.as_deref();
        let nav = NAV
            .iter()
            .filter(|(.., permission)| ctx.may(*permission))
            .map(|(entry, label, path, _)| NavEntry { label, href: with_org(path, chosen), is_here: *entry == section })
            .collect();
        let done = ctx.query.text("done");
        Ok(Self {
            title: title.into(),
            nav,
            person: ctx.person.name.clone(),
            role: ctx.role.label(),
            may_administer: ctx.may(Permission::ManagePeople) || ctx.may(Permission::ReadAudit),
            may_manage_people: ctx.may(Permission::ManagePeople),
            is_administration: section == Section::Administration,
            form_token: ctx.form_token.clone(),
            organizations: names
                .into_iter()
                .map(|(id, name)| OrganizationChoice { is_chosen: chosen == Some(id.as_str()), id, name })
                .collect(),
            path: ctx.path.clone(),
            kept: ctx
                .query
                .0
                .iter()
                .filter(|(name, _)| !["org", "page", "done"].contains(&name.as_str()))
                .cloned()
                .collect(),
            notice: NOTICES.iter().find(|(code, _)| *code == done).map(|(_, words)| *words),
            freshness: Freshness::default(),
            is_live: false,
            styles: crate::assets::styles_href(),
            script: crate::assets::script_href(),
        })
    }

    /// The same with how fresh the inventory behind the page is.
    pub(crate) async fn with_freshness(mut self, ctx: &Ctx) -> Result<Self, Problem> {
        let names = ctx.read().organization_names().await?;
        let as_of = ctx.as_of()?;
        let (by_then, parameters) = match as_of {
            Some(at) => {
                (" AND t.committed_at <= :by", Parameters::from([("by".to_owned(), time_text(at).as_str().into())]))
            }
            None => ("", Parameters::new()),
        };
        let sql = format!(
            "SELECT s.org_id, s.committed_at, s.complete, s.reason FROM snapshots s
             WHERE s.number = (SELECT MAX(t.number) FROM snapshots t WHERE t.org_id = s.org_id{by_then})
             ORDER BY s.committed_at"
        );
        let rows = ctx.read().ask(sql, parameters).await?.rows;
        if as_of.is_none() {
            self.freshness.late = late(&ctx.read().standings(&ctx.app).await?);
        }
        // The oldest of them counts: nothing on the page is older.
        if let Some(at) = rows.first().and_then(|row| text(row, 1).parse::<Timestamp>().ok()) {
            self.freshness.as_of = relative(at, ctx.now);
            self.freshness.exact = at.to_string();
        }
        self.freshness.missing = rows
            .iter()
            .filter_map(|row| {
                let reason = maybe_text(row, 3)?;
                let org_id = text(row, 0);
                Some(format!("{}: {reason}", names.get(&org_id).unwrap_or(&org_id)))
            })
            .collect();
        Ok(self)
    }
}

/// How many inventories are late or were never collected.
fn late(standings: &[Standing]) -> String {
    let count = |is: fn(State) -> bool| {
        let inventories = standings.iter().filter(|standing| standing.stream.kind == StreamKind::Inventory);
        inventories.filter(|standing| is(standing.condition.state)).count()
    };
    let parts = [
        (count(|state| state < State::Incomplete), "not collected on time"),
        (count(|state| state == State::Pending), "not synced yet"),
    ];
    let parts: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, words)| format!("{count} {words}")).collect();
    parts.join(", ")
}

/// An address with the organization that the pages are about.
pub(crate) fn with_org(path: &str, org_id: Option<&str>) -> String {
    match org_id {
        Some(org_id) => {
            let mark = if path.contains('?') { '&' } else { '?' };
            let id: String = url::form_urlencoded::byte_serialize(org_id.as_bytes()).collect();
            format!("{path}{mark}org={id}")
        }
        None => path.to_owned(),
    }
}

/// Answers with a page.
pub(crate) fn page(template: &impl Template) -> Answered {
    Ok(Html(template.render()?).into_response())
}

/// Sends the browser to a page after a change, so that loading it again does not change anything again.
pub(crate) fn see(path: impl AsRef<str>) -> Answered {
    Ok(axum::response::Redirect::to(path.as_ref()).into_response())
}
