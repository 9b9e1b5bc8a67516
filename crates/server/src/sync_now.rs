//! Sync Now and Cancel. What is asked for stands in the store: whichever process collects does it, this one or another.

use collect::events::event_lease_name;
use collect::inventory_lease_name;
use store::{Asked, Connection, StreamKind};

use crate::problem::Problem;
use crate::visit::Ctx;

/// The streams of a connection.
pub(crate) const BOTH: &[StreamKind] = &[StreamKind::Inventory, StreamKind::Events];

/// The name of the lease under which a stream is synced.
pub(crate) fn lease_name(connection: &Connection, kind: StreamKind) -> String {
    match kind {
        StreamKind::Inventory => inventory_lease_name(connection),
        StreamKind::Events => event_lease_name(connection),
    }
}

/// Asks for a sync of these streams; returns those of which none is running and none was asked for.
pub(crate) async fn ask(
    ctx: &Ctx,
    connection: &Connection,
    kinds: &[StreamKind],
) -> Result<Vec<&'static str>, Problem> {
    let store = &ctx.app.store;
    let asked = Asked { at: ctx.now, by: ctx.by() };
    let mut words = Vec::new();
    for &kind in kinds {
        let holder = store.lease_holder(&lease_name(connection, kind), &ctx.app.host, ctx.now).await?;
        if holder.is_none() && store.ask_for_run(&connection.id, kind, &asked).await? {
            words.push(kind.word());
        }
    }
    Ok(words)
}

/// Stops what is running of a connection, and takes back what was asked for; how many syncs that were.
pub(crate) async fn cancel(ctx: &Ctx, connection: &Connection) -> Result<usize, Problem> {
    let store = &ctx.app.store;
    let mut cancelled = 0;
    for stream in store.streams(Some(&connection.id)).await? {
        let was_asked = match &stream.asked {
            Some(asked) => store.end_asked_run(&connection.id, stream.kind, asked).await?,
            None => false,
        };
        let is_told = store.ask_to_stop(&lease_name(connection, stream.kind)).await?;
        cancelled += usize::from(was_asked || is_told);
    }
    Ok(cancelled)
}
