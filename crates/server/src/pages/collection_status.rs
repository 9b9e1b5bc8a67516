//! Every stream of every organization, worst first: for those who look after many.

use askama::Template;
use collect::condition::State;
use collect::events::coverage_of;
use store::StreamKind;

use super::parts::{Moment, StateView, needs_action};
use crate::frame::{Frame, Section, page};
use crate::grid::{csv_file, state_tone};
use crate::problem::Answered;
use crate::visit::Ctx;

#[derive(Template)]
#[template(path = "collection_status.html")]
struct CollectionStatusPage {
    frame: Frame,
    lines: Vec<Line>,
    only_action: bool,
    all: usize,
    needing: usize,
    active: usize,
    csv: String,
}

struct Line {
    connection_id: String,
    connection: String,
    organization: String,
    stream: &'static str,
    /// The connection's own word beside its stream's: Connected / Active.
    connected: &'static str,
    connected_tone: &'static str,
    state: StateView,
    last_success: Moment,
    next_run: Moment,
    newest_event: Moment,
    proven_to: Moment,
    gaps: String,
}

pub(crate) async fn show(ctx: Ctx) -> Answered {
    let mut frame = Frame::of(&ctx, Section::CollectionStatus, "Collection status").await?;
    let standings = ctx.read().standings(&ctx.app).await?;
    let only_action = ctx.query.get("show") == Some("action");
    let (all, mut needing, mut active) = (standings.len(), 0, 0);
    let mut lines = Vec::new();
    for standing in standings {
        let (connection, stream, condition) = (&standing.connection, &standing.stream, &standing.condition);
        needing += usize::from(needs_action(condition.state));
        active += usize::from(matches!(condition.state, State::Active | State::Syncing));
        frame.is_live |= condition.state == State::Syncing;
        if only_action && !needs_action(condition.state) {
            continue;
        }
        let proof = match (&connection.org_id, stream.kind) {
            (Some(org_id), StreamKind::Events) => Some(coverage_of(&ctx.app.store, org_id, ctx.now).await?),
            _ => None,
        };
        let connected = condition.state.connection_words();
        lines.push(Line {
            connection_id: connection.id.clone(),
            connection: connection.name.clone(),
            organization: connection
                .org_name
                .clone()
                .or_else(|| connection.org_id.clone())
                .unwrap_or_else(|| "found out at the first sync".to_owned()),
            stream: stream.kind.word(),
            connected,
            connected_tone: state_tone(connected),
            state: StateView::of_stream(condition),
            last_success: Moment::of(stream.state.last_success_at, ctx.now),
            next_run: Moment::next(stream.next_run_at.filter(|_| connection.enabled), ctx.now),
            newest_event: Moment::of(proof.as_ref().and_then(|proof| proof.newest), ctx.now),
            proven_to: Moment::of(proof.as_ref().and_then(|proof| proof.sealed_to), ctx.now),
            gaps: proof.as_ref().map_or_else(|| "–".to_owned(), |proof| proof.gaps.len().to_string()),
        });
    }
    if ctx.query.get("format") == Some("csv") {
        return export(&ctx, &lines).await;
    }
    let csv = format!("/collection-status?{}", ctx.query.with("format", Some("csv")));
    page(&CollectionStatusPage { frame, lines, only_action, all, needing, active, csv })
}

async fn export(ctx: &Ctx, lines: &[Line]) -> Answered {
    ctx.audit("export", "collection status", ctx.org_id.as_deref(), serde_json::json!({})).await?;
    let rows: Vec<Vec<store::Cell>> = lines
        .iter()
        .map(|line| {
            let texts = [
                &line.connection,
                &line.organization,
                line.stream,
                line.connected,
                &line.state.words,
                &line.state.reason,
                &line.state.help,
                &line.last_success.exact,
                &line.next_run.exact,
                &line.newest_event.exact,
                &line.proven_to.exact,
                &line.gaps,
            ];
            texts.into_iter().map(store::Cell::from).collect()
        })
        .collect();
    let columns = [
        "connection",
        "organization",
        "stream",
        "connection_state",
        "stream_state",
        "reason",
        "what_to_do",
        "last_success",
        "next_run",
        "newest_event",
        "proven_to",
        "gaps",
    ];
    csv_file("collection status", &columns, &rows)
}
