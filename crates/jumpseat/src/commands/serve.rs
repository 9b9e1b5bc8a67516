//! `serve`: syncs and writes archives on schedule until stopped. The console and the REST API are not built yet.

use anyhow::Result;
use collect::run_schedule;

use super::sync::cancel_on_signal;
use super::{Global, archive};
use crate::context::Context;
use crate::exit::{Exit, eprintln_quietly};

pub(super) async fn run(global: &Global) -> Result<Exit> {
    let context = Context::open(global).await?;
    let collector = context.collector("jumpseat serve")?;
    let count = context.store.connections().await?.len();
    eprintln_quietly(&format!(
        "collector {:?} syncs {count} connection(s) on schedule; Ctrl-C stops it. This version has no console yet: use the other commands beside it.",
        context.config.collector
    ));
    let stop = cancel_on_signal();
    let syncs = run_schedule(&collector, &stop);
    archive::beside(syncs, &context.config, &context.store, "jumpseat serve", &stop).await?;
    context.store.close().await;
    Ok(Exit::Ok)
}
