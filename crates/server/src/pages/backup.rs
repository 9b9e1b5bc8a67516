//! Backup: when the last one was made and by whom, how to make and restore one, and a button that makes one on this machine.
//! Restoring is for the command line alone, where nothing runs that it would pull the database away from.

use std::path::PathBuf;

use askama::Template;
use jiff::Timestamp;
use serde_json::json;
use store::AuditLine;

use super::administration::{mebibytes, whole_only};
use super::parts::Moment;
use crate::App;
use crate::frame::{Frame, Section, page, see};
use crate::grid::state_tone;
use crate::permission::Permission;
use crate::problem::{Answered, Problem};
use crate::visit::Ctx;

/// What the audit log calls it.
const ACTION: &str = "backup.make";
/// The folder of the data directory with what was made here.
const FOLDER: &str = "backups";
/// Lines of the audit log that are looked at.
const LINES: u32 = 50;

#[derive(Template)]
#[template(path = "backup.html")]
struct BackupPage {
    frame: Frame,
    last: Option<Line>,
    lines: Vec<Line>,
    is_embedded: bool,
    may_make: bool,
    size: String,
    /// The data directory, and the folder in it that backups from here go to.
    data_dir: String,
    folder: String,
    /// A name for the next one.
    example: String,
}

#[derive(Clone)]
struct Line {
    at: Moment,
    actor: String,
    place: String,
    outcome: String,
    tone: &'static str,
}

pub(crate) async fn show(ctx: Ctx) -> Answered {
    whole_only(&ctx)?;
    let store = &ctx.app.store;
    let lines = lines(&ctx.app).await?;
    let view = |line: &AuditLine| Line {
        at: Moment::of(Some(line.entry.at), ctx.now),
        actor: posture::harmless::printable(&line.entry.actor),
        place: posture::harmless::printable(&line.entry.object),
        outcome: line.entry.outcome.clone(),
        tone: state_tone(&line.entry.outcome),
    };
    page(&BackupPage {
        last: last_of(&lines).map(view),
        lines: lines.iter().map(view).collect(),
        is_embedded: store.is_embedded(),
        may_make: ctx.may(Permission::BackUp),
        size: mebibytes(store.size().await?),
        data_dir: ctx.app.data_dir.display().to_string(),
        folder: ctx.app.data_dir.join(FOLDER).display().to_string(),
        example: format!("/srv/backup/jumpseat-{}", &ctx.now.to_string()[..10]),
        frame: Frame::of(&ctx, Section::Administration, "Backup").await?,
    })
}

/// Makes a backup on this machine, without the master key.
pub(crate) async fn make(ctx: Ctx) -> Answered {
    whole_only(&ctx)?;
    let folder = place(&ctx.app, ctx.now);
    let object = folder.display().to_string();
    ctx.audit_begun(ACTION, &object, None, json!({ "with_master_key": false })).await?;
    let made = ctx.app.store.back_up(&ctx.app.data_dir, &folder, false, ctx.now).await;
    ctx.audit_ended(ACTION, &object, None, made.as_ref().err().map(ToString::to_string)).await;
    made?;
    see("/administration/backup?done=backup")
}

/// When the last backup was made that did not fail, from here or on the command line.
pub(super) async fn last_made(app: &App) -> Result<Option<Timestamp>, Problem> {
    Ok(last_of(&lines(app).await?).map(|line| line.entry.at))
}

/// Where one that is made now goes.
fn place(app: &App, now: Timestamp) -> PathBuf {
    app.data_dir.join(FOLDER).join(format!("jumpseat-{}", now.strftime("%Y%m%dT%H%M%SZ")))
}

/// What the audit log tells of backups, the newest first.
async fn lines(app: &App) -> Result<Vec<AuditLine>, Problem> {
    let lines = app.store.audit_lines(None, ACTION, None, LINES).await?;
    Ok(lines.into_iter().filter(|line| line.entry.action == ACTION).collect())
}

/// The newest that did not fail.
fn last_of(lines: &[AuditLine]) -> Option<&AuditLine> {
    lines.iter().find(|line| line.entry.outcome == "done")
}
