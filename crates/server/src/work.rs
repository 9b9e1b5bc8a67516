//! Syncs that people start. They run beside the answers, can be cancelled, and are waited for when the server stops.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use collect::events::EventOptions;
use collect::{SyncOptions, silent};
use store::{Connection, StreamKind};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::App;

/// What is running because somebody asked for it.
#[derive(Debug, Default)]
pub(crate) struct Work {
    tasks: TaskTracker,
    running: Mutex<HashMap<(String, StreamWord), CancellationToken>>,
    stop: CancellationToken,
}

type StreamWord = &'static str;

impl Work {
    /// Starts a sync of a stream; false if one that was started here is still running.
    pub(crate) fn sync(&self, app: &App, connection: &Connection, kind: StreamKind, by: &str) -> bool {
        let key = (connection.id.clone(), kind.word());
        let cancel = self.stop.child_token();
        {
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            if running.contains_key(&key) || self.stop.is_cancelled() {
                return false;
            }
            running.insert(key.clone(), cancel.clone());
        }
        let (app, connection, by) = (app.clone(), connection.clone(), by.to_owned());
        self.tasks.spawn(async move {
            run(&app, &connection, kind, &by, &cancel).await;
            app.work.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        });
        true
    }

    /// Cancels what was started here of a connection; how many syncs that were.
    pub(crate) fn cancel(&self, connection: &Connection) -> usize {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.iter().filter(|((id, _), _)| *id == connection.id).map(|(_, cancel)| cancel.cancel()).count()
    }

    /// Whether something that was started here is running for a connection.
    pub(crate) fn is_running(&self, connection_id: &str) -> bool {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.keys().any(|(id, _)| id == connection_id)
    }

    /// Stops everything and waits for it.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// The history tells how it went; here it is only logged.
async fn run(app: &App, connection: &Connection, kind: StreamKind, by: &str, cancel: &CancellationToken) {
    let result = match kind {
        StreamKind::Inventory => {
            let options = SyncOptions { started_by: by.to_owned(), accept_shrink: false };
            app.collector.sync_inventory(connection, &options, silent(), cancel).await.map(drop)
        }
        StreamKind::Events => {
            app.collector.sync_events(connection, &EventOptions::by(by), silent(), cancel).await.map(drop)
        }
    };
    if let Err(error) = result {
        tracing::warn!(connection = connection.name, stream = kind.word(), %error, code = error.code(), "sync failed");
    }
}
