//! Whether the server lives, can answer, and how collecting goes, for those who watch over it.

use std::fmt::Write as _;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse as _;

use crate::problem::{Answered, Problem};
use crate::visit::{Ctx, Visit};

/// It lives.
pub(crate) async fn healthz() -> Answered {
    Ok("ok\n".into_response())
}

/// It can answer: the store can be read.
pub(crate) async fn readyz(visit: Visit) -> Answered {
    match visit.app.store.has_people().await {
        Ok(_) => Ok("ready\n".into_response()),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "the store can not be read"))
        }
    }
}

/// Figures in the text format of Prometheus. Names that people chose are labels only where there are few of them.
pub(crate) async fn metrics(ctx: Ctx) -> Answered {
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, help: &str, lines: Vec<(String, f64)>| {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in lines {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    };
    let standings = ctx.read().standings(&ctx.app).await?;
    let labels = |standing: &crate::reading::Standing| {
        format!("{{connection=\"{}\",stream=\"{}\"}}", escaped(&standing.connection.name), standing.stream.kind.word())
    };
    let of = |value: fn(&crate::reading::Standing) -> Option<f64>| {
        standings.iter().filter_map(|standing| Some((labels(standing), value(standing)?))).collect()
    };
    family(
        "jumpseat_stream_last_success_timestamp_seconds",
        "gauge",
        "When the stream last committed data.",
        of(|standing| standing.stream.state.last_success_at.map(|at| at.as_second() as f64)),
    );
    family(
        "jumpseat_stream_failures",
        "gauge",
        "Runs in a row that have failed.",
        of(|standing| Some(standing.stream.state.failures as f64)),
    );
    family(
        "jumpseat_stream_needs_action",
        "gauge",
        "1 if somebody should look at the stream.",
        of(|standing| Some(f64::from(u8::from(crate::pages::parts::needs_action(standing.condition.state))))),
    );
    family(
        "jumpseat_credential_expiry_timestamp_seconds",
        "gauge",
        "When the credential expires, where JumpCloud tells.",
        of(|standing| standing.connection.credential_expires_at.map(|at| at.as_second() as f64)),
    );
    let rows = ctx
        .read()
        .rows("SELECT severity, SUM(findings) FROM finding_counts WHERE state = 'open' GROUP BY severity")
        .await?;
    let findings = rows.iter().map(|row| {
        let labels = format!("{{severity=\"{}\"}}", escaped(&crate::reading::text(row, 0)));
        (labels, crate::reading::number(row, 1) as f64)
    });
    family("jumpseat_findings", "gauge", "Open findings.", findings.collect());
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
