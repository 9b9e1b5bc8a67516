//! Every stream of every organization, worst first: for those who look after many.

use askama::Template;
use collect::condition::State;
use collect::events::coverage_of;
use store::StreamKind;

use super::parts::{Moment, StateView, needs_action};
use crate::frame::{Frame, Section, page};
use crate::grid::{Grid, Look, Shown, column, state_tone};
use crate::problem::{Answered, Problem};
use crate::reading::Standing;
use crate::sheet::Sheet;
use crate::visit::Ctx;

#[derive(Template)]
#[template(path = "collection_status.html")]
struct CollectionStatusPage {
    frame: Frame,
    grid: Grid,
    only_action: bool,
    all: usize,
    needing: usize,
    active: usize,
}

pub(crate) async fn show(ctx: Ctx) -> Answered {
    let mut frame = Frame::of(&ctx, Section::CollectionStatus, "Collection status").await?;
    let standings = ctx.read().standings(&ctx.app).await?;
    let only_action = ctx.query.get("show") == Some("action");
    let (all, mut needing, mut active) = (standings.len(), 0, 0);
    let mut rows = Vec::new();
    for standing in standings {
        let state = standing.condition.state;
        needing += usize::from(needs_action(state));
        active += usize::from(matches!(state, State::Active | State::Syncing));
        frame.is_live |= state == State::Syncing;
        if !only_action || needs_action(state) {
            rows.push(row(&ctx, &standing).await?);
        }
    }
    let mut sheet = Sheet {
        caption: "Streams, worst first".to_owned(),
        columns: vec![
            column("organization", "Organization", Look::Plain),
            column("stream", "Stream", Look::Plain),
            // The connection's own word beside its stream's: Connected / Active.
            column("connection_state", "Connected", Look::Plain),
            column("stream_state", "Active", Look::Plain),
            column("last_success", "Last success", Look::Time),
            column("next_run", "Next run", Look::Time),
            column("newest_event", "Newest event", Look::Time),
            column("proven_to", "Proven to", Look::Time),
            column("gaps", "Gaps", Look::Number),
            column("connection", "Connection", Look::Plain).more(),
            column("reason", "Why", Look::Plain).more(),
            column("what_to_do", "What to do", Look::Plain).more(),
        ],
        rows,
        empty: match all {
            0 => "No connection yet: there is nothing to collect. Connections is where one is added.".to_owned(),
            _ => "Nothing needs action.".to_owned(),
        },
        file: "collection status".to_owned(),
        ..Sheet::default()
    };
    if let Some(file) = sheet.export(&ctx).await {
        return file;
    }
    page(&CollectionStatusPage { frame, grid: sheet.grid(&ctx), only_action, all, needing, active })
}

async fn row(ctx: &Ctx, standing: &Standing) -> Result<Vec<Shown>, Problem> {
    let (connection, stream, condition) = (&standing.connection, &standing.stream, &standing.condition);
    let proof = match (&connection.org_id, stream.kind) {
        (Some(org_id), StreamKind::Events) => Some(coverage_of(&ctx.app.store, org_id, ctx.now).await?),
        _ => None,
    };
    let organization = connection.org_name.as_ref().or(connection.org_id.as_ref());
    let organization = organization.map_or("found out at the first sync", String::as_str);
    let connected = condition.state.connection_words();
    let state = StateView::of_stream(condition);
    let why: Vec<&str> =
        [state.reason.as_str(), state.help.as_str()].into_iter().filter(|words| !words.is_empty()).collect();
    let active = Shown::badge(state.words.clone(), state.tone).above(why.join("; "));
    let moment = |at| Shown::moment(Moment::of(at, ctx.now));
    Ok(vec![
        Shown::link(organization, format!("/connections/{}", connection.id))
            .above(if connection.name == organization { "" } else { &connection.name }),
        Shown::text(stream.kind.word()),
        Shown::badge(connected, state_tone(connected)),
        if why.is_empty() { active } else { active.class("wrap") },
        moment(stream.state.last_success_at),
        Shown::moment(Moment::next(stream.next_run_at.filter(|_| connection.enabled), ctx.now)),
        moment(proof.as_ref().and_then(|proof| proof.newest)),
        moment(proof.as_ref().and_then(|proof| proof.sealed_to)),
        match &proof {
            Some(proof) => Shown::number(proof.gaps.len()),
            None => Shown::figure("–"),
        },
        Shown::text(connection.name.clone()),
        Shown::text(state.reason).class("wrap"),
        Shown::text(state.help).class("wrap"),
    ])
}
