//! What people may change of a connection at any time, from the console and through the API: one version of it is changed
//! into the next, so that of two people who change it at once the second is told.

use axum::http::StatusCode;
use collect::events::Keep;
use collect::{USUAL_EVENTS, USUAL_INVENTORY, checked_name, checked_schedule};
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use store::{Action, Connection, Outcome, Stream, StreamKind};

use crate::problem::Problem;
use crate::visit::{Ctx, Pairs};

/// The code of the problem that somebody else was faster.
pub(crate) const CHANGED_MEANWHILE: &str = "changed_meanwhile";

/// What can be set of a connection, and of a new one where it is; all but the credential.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) region: String,
    pub(crate) api_url: String,
    pub(crate) organization: String,
    pub(crate) credential_kind: String,
    pub(crate) client_id: String,
    pub(crate) inventory_every: String,
    pub(crate) events_every: String,
    pub(crate) keep_events: String,
    pub(crate) owner_name: String,
    pub(crate) owner_email: String,
    pub(crate) collector: String,
    pub(crate) enabled: bool,
}

impl Fields {
    /// What a form says.
    pub(crate) fn of_form(form: &Pairs) -> Self {
        let text = |name: &str| form.text(name).to_owned();
        Self {
            name: text("name"),
            description: text("description"),
            region: text("region"),
            api_url: text("api_url"),
            organization: text("organization"),
            credential_kind: text("credential_kind"),
            client_id: text("client_id"),
            inventory_every: text("inventory_every"),
            events_every: text("events_every"),
            keep_events: text("keep_events"),
            owner_name: text("owner_name"),
            owner_email: text("owner_email"),
            collector: text("collector"),
            enabled: form.get("enabled").is_some(),
        }
    }

    /// Whether another API URL than a region's is meant.
    pub(crate) fn is_custom(&self) -> bool {
        self.region == "custom"
    }

    pub(crate) fn is_service_account(&self) -> bool {
        self.credential_kind == "service_account"
    }

    /// What people may change of a connection at any time.
    pub(crate) fn apply(&self, connection: &mut Connection) {
        let set = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        connection.description = set(&self.description);
        connection.owner_name = set(&self.owner_name);
        connection.owner_email = set(&self.owner_email);
        connection.collector = set(&self.collector);
        connection.enabled = self.enabled;
    }

    /// What is set of a connection now.
    pub(crate) fn of(connection: &Connection, streams: &[Stream]) -> Self {
        let stream = |kind| streams.iter().find(|stream| stream.kind == kind);
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Self {
            name: connection.name.clone(),
            description: text(&connection.description),
            owner_name: text(&connection.owner_name),
            owner_email: text(&connection.owner_email),
            collector: text(&connection.collector),
            enabled: connection.enabled,
            inventory_every: stream(StreamKind::Inventory).map(|stream| stream.schedule.clone()).unwrap_or_default(),
            events_every: stream(StreamKind::Events).map(|stream| stream.schedule.clone()).unwrap_or_default(),
            keep_events: stream(StreamKind::Events).and_then(|stream| stream.keep.clone()).unwrap_or_default(),
            ..Self::default()
        }
    }

    /// Schedules and how long events are kept, as they are stored.
    pub(crate) fn schedules(&self) -> Result<(String, String, Option<String>), Problem> {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let inventory = checked_schedule(some(&self.inventory_every).as_deref(), USUAL_INVENTORY)?;
        let events = checked_schedule(some(&self.events_every).as_deref(), USUAL_EVENTS)?;
        let keep = match self.keep_events.as_str() {
            "" => None,
            text if text.eq_ignore_ascii_case("default") => None,
            text => {
                let keep: Keep = text
                    .parse()
                    .map_err(|error| Problem::unusable(format!("how long events are kept: {error}, or default")))?;
                Some(keep.to_string())
            }
        };
        Ok((inventory, events, keep))
    }
}

/// What the audit log keeps of a connection. No part of a credential but the four characters that people know it by.
pub fn detail_of(connection: &Connection) -> Value {
    json!({
        "name": connection.name,
        "description": connection.description,
        "api_url": connection.place.console_url,
        "organization": connection.org_id.as_ref().or(connection.org_name.as_ref()),
        "credential": format!("{} ****{}", connection.credential_kind, connection.credential_last_four),
        "owner": connection.owner_name,
        "owner_email": connection.owner_email,
        "collector": connection.collector,
        "enabled": connection.enabled,
    })
}

/// What a connection's settings are, as a short text: two people who change it at once are told.
pub(crate) fn version_of(connection: &Connection, streams: &[Stream]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(detail_of(connection).to_string().as_bytes());
    for stream in streams {
        hasher.update(format!("{} {} {:?}", stream.kind.word(), stream.schedule, stream.keep).as_bytes());
    }
    HEXLOWER.encode(&hasher.finalize())[..16].to_owned()
}

/// Changes what a connection is set to, if it is still in the version that the change was made for. `action` is what the
/// audit log calls it.
///
/// # Errors
/// [`CHANGED_MEANWHILE`], or something of the change can not be.
pub(crate) async fn change(
    ctx: &Ctx,
    action: &str,
    id: &str,
    version: &str,
    wanted: impl FnOnce(Fields) -> Result<Fields, Problem>,
) -> Result<(), Problem> {
    let (store, holder) = (&ctx.app.store, &ctx.app.posture.holder);
    // Between looking at the version and writing nobody else may write.
    let lease = store.take_lease(&format!("settings {id}"), "changing this connection", holder, ctx.now).await?;
    let changed = change_alone(ctx, action, id, version, wanted).await;
    store.release_lease(lease).await?;
    changed
}

async fn change_alone(
    ctx: &Ctx,
    action: &str,
    id: &str,
    version: &str,
    wanted: impl FnOnce(Fields) -> Result<Fields, Problem>,
) -> Result<(), Problem> {
    let before = ctx.read().connection(id).await?;
    let streams = ctx.app.store.streams(Some(id)).await?;
    if version != version_of(&before, &streams) {
        let words = "somebody else has changed this connection since it was read";
        let problem = Problem::new(StatusCode::CONFLICT, CHANGED_MEANWHILE, words);
        return Err(problem.help("Read its settings again, look at what is new, and change that."));
    }
    let old = Fields::of(&before, &streams);
    let fields = wanted(Fields::of(&before, &streams))?;
    let mut after = before.clone();
    after.name = checked_name(&fields.name)?;
    fields.apply(&mut after);
    let (inventory, events, keep) = fields.schedules()?;
    let described = |connection: &Connection, inventory: &str, events: &str, keep: Option<&str>| {
        let mut detail = detail_of(connection);
        detail["inventory_every"] = json!(inventory);
        detail["events_every"] = json!(events);
        detail["keep_events"] = json!(keep);
        detail
    };
    let old_keep = Some(old.keep_events.as_str()).filter(|keep| !keep.is_empty());
    let detail = json!({
        "before": described(&before, &old.inventory_every, &old.events_every, old_keep),
        "after": described(&after, &inventory, &events, keep.as_deref()),
    });
    ctx.audit(action, &before.name, before.org_id.as_deref(), detail).await?;
    let (app, collector) = (&ctx.app, &ctx.app.collector);
    app.store.update_connection(&after, ctx.now).await?;
    for (kind, schedule, old) in
        [(StreamKind::Inventory, &inventory, &old.inventory_every), (StreamKind::Events, &events, &old.events_every)]
    {
        if schedule != old {
            collector.reschedule(&after, kind, schedule).await?;
        }
    }
    app.store.set_keep(&after.id, StreamKind::Events, keep.as_deref()).await?;
    collector.note(&after, Action::Update, Outcome::Succeeded, None, &ctx.by()).await?;
    Ok(())
}
