//! Notifications: where people are told what they should know. Slack and Teams are added here, since their hosts are known;
//! mail servers and webhooks are added on the command line, as everything that points this machine at a host of choice.

use askama::Template;
use deliver::notify::{Kind, Topic};
use secrecy::SecretString;
use serde_json::json;
use store::Notification;
use store::findings::Severity;

use super::parts::Moment;
use crate::frame::{Frame, Section, page, see};
use crate::notifier::{NewPlace, NotifierError, place_of_url};
use crate::problem::{Answered, Problem};
use crate::visit::Ctx;

#[derive(Template)]
#[template(path = "notifications.html")]
struct NotificationsPage {
    frame: Frame,
    places: Vec<PlaceLine>,
    topics: Vec<(&'static str, &'static str, bool)>,
    severities: Vec<&'static str>,
    name: String,
    digest: String,
    error: Option<Problem>,
}

struct PlaceLine {
    id: String,
    name: String,
    kind: &'static str,
    address: String,
    about: String,
    severity: &'static str,
    when: String,
    enabled: bool,
    sent: Moment,
    failure: String,
    failing_since: Moment,
}

pub(crate) async fn show(ctx: Ctx) -> Answered {
    notifications_page(&ctx, None).await
}

async fn notifications_page(ctx: &Ctx, error: Option<Problem>) -> Answered {
    whole_only(ctx)?;
    let places = ctx.app.store.notifications().await?;
    let chosen: Vec<&str> = ctx.form.all("topic").collect();
    page(&NotificationsPage {
        frame: Frame::of(ctx, Section::Notifications, "Notifications").await?,
        places: places.into_iter().map(|place| line_of(ctx, place)).collect(),
        topics: Topic::ALL
            .into_iter()
            .map(|topic| (topic.word(), topic.about(), chosen.is_empty() || chosen.contains(&topic.word())))
            .collect(),
        severities: Severity::ALL.into_iter().rev().map(Severity::word).collect(),
        name: ctx.form.text("name").to_owned(),
        digest: ctx.form.text("digest").to_owned(),
        error,
    })
}

fn line_of(ctx: &Ctx, place: Notification) -> PlaceLine {
    let state = place.state;
    PlaceLine {
        kind: Kind::of_word(&place.kind).map_or("Unknown", Kind::label),
        about: if place.topics.len() == Topic::ALL.len() { "everything".to_owned() } else { place.topics.join(", ") },
        severity: Severity::of_number(place.severity).word(),
        when: place.digest.map_or_else(|| "at once".to_owned(), |digest| format!("digest: {digest}")),
        sent: Moment::of(state.last_sent_at, ctx.now),
        failure: state.failure.unwrap_or_default(),
        failing_since: Moment::of(state.failing_since, ctx.now),
        id: place.id,
        name: place.name,
        address: place.address,
        enabled: place.enabled,
    }
}

/// What is told is about every organization: who sees only some does not set it up.
pub(crate) fn whole_only(ctx: &Ctx) -> Result<(), Problem> {
    match ctx.sees_everything() {
        true => Ok(()),
        false => Err(Problem::forbidden("only who may see all organizations sets up notifications")),
    }
}

pub(crate) async fn add(ctx: Ctx) -> Answered {
    whole_only(&ctx)?;
    match new_place(&ctx).await {
        Ok(()) => see("/notifications?done=notified"),
        Err(problem) if problem.status.is_server_error() => Err(problem),
        Err(problem) => notifications_page(&ctx, Some(problem)).await,
    }
}

async fn new_place(ctx: &Ctx) -> Result<(), Problem> {
    let url = SecretString::from(ctx.form.text("url").trim().to_owned());
    let place = Kind::of_word(ctx.form.text("kind")).and_then(|kind| place_of_url(kind, url));
    let place = place
        .ok_or_else(|| Problem::bad("choose Slack or Teams; others are added with `jumpseat notification add`"))?;
    let topics = ctx.form.all("topic").filter_map(Topic::of_word).collect();
    let severity = Severity::of_word(ctx.form.text("severity")).ok_or_else(|| Problem::bad("choose a severity"))?;
    let new = NewPlace {
        name: ctx.form.text("name").to_owned(),
        place,
        topics,
        severity: severity as i64,
        digest: Some(ctx.form.text("digest").trim().to_owned()).filter(|digest| !digest.is_empty()),
    };
    let detail = json!({ "after": { "kind": ctx.form.text("kind"), "topics": ctx.form.all("topic").collect::<Vec<_>>(),
        "severity": severity.word(), "digest": new.digest } });
    let name = new.name.clone();
    ctx.audit_begun("notification.add", &name, None, detail).await?;
    let added = ctx.app.notifier().add(new).await;
    ctx.audit_ended("notification.add", &name, None, added.as_ref().err().map(ToString::to_string)).await;
    added.map(drop).map_err(problem_of)
}

/// What could not be done, as an answer.
pub(crate) fn problem_of(error: NotifierError) -> Problem {
    match error {
        NotifierError::Store(error) => error.into(),
        other => Problem::bad(other.to_string()),
    }
}

/// The place that a form or a path names.
pub(crate) async fn place(ctx: &Ctx, id: &str) -> Result<Notification, Problem> {
    whole_only(ctx)?;
    let found = ctx.app.store.find_notification(id).await?.filter(|place| place.id == id);
    found.ok_or_else(|| Problem::not_found("there is no such notification"))
}

/// Sends a test, after writing down who wants it.
pub(crate) async fn send_test(ctx: &Ctx, place: &Notification) -> Result<(), Problem> {
    ctx.audit_begun("notification.test", &place.name, None, json!({})).await?;
    let sent = ctx.app.notifier().test(place).await;
    ctx.audit_ended("notification.test", &place.name, None, sent.as_ref().err().map(ToString::to_string)).await;
    sent.map(drop).map_err(problem_of)
}

pub(crate) async fn test(ctx: Ctx) -> Answered {
    let place = place(&ctx, ctx.form.text("notification")).await?;
    match send_test(&ctx, &place).await {
        Ok(()) => see("/notifications?done=notified"),
        Err(problem) if problem.status.is_server_error() => Err(problem),
        Err(problem) => notifications_page(&ctx, Some(problem)).await,
    }
}

pub(crate) async fn set_enabled(ctx: Ctx) -> Answered {
    let place = place(&ctx, ctx.form.text("notification")).await?;
    let enabled = ctx.form.text("enabled") == "yes";
    let detail = json!({ "before": { "enabled": place.enabled }, "after": { "enabled": enabled } });
    ctx.audit("notification.enabled", &place.name, None, detail).await?;
    ctx.app.store.set_notification_enabled(&place.id, enabled).await?;
    see("/notifications?done=saved")
}

pub(crate) async fn remove(ctx: Ctx) -> Answered {
    let place = place(&ctx, ctx.form.text("notification")).await?;
    let detail = json!({ "before": { "kind": place.kind, "address": place.address, "topics": place.topics } });
    ctx.audit("notification.remove", &place.name, None, detail).await?;
    ctx.app.store.remove_notification(&place.id).await?;
    see("/notifications?done=saved")
}
