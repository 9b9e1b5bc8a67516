//! What SQL says badly or at length, as tables of their own: views over what was collected, and one table that is worked out
//! of every snapshot and stored with it.
//!
//! To add a view: one entry in `views.rs`. What it reads must be complete, or a check that reads the view is unknown.

mod mfa;
mod views;

use jiff::Timestamp;
use store::schema::Table;
use store::{Lease, Result, SnapshotInfo, Store};

pub use mfa::USER_MFA_REQUIREMENTS;
pub use views::VIEWS;

/// The tables that are stored with every snapshot.
pub const TABLES: &[&Table] = &[&USER_MFA_REQUIREMENTS];

/// The tables and views that one of these is made of; `None` for what is collected.
pub fn made_of(name: &str) -> Option<&'static [&'static str]> {
    if name == USER_MFA_REQUIREMENTS.name {
        return Some(&mfa::READS);
    }
    VIEWS.iter().find(|view| view.name == name).map(|view| view.reads)
}

/// Works the stored tables out of a snapshot, if that was not done.
///
/// # Errors
/// The store fails, or the lease is lost.
pub async fn derive(store: &Store, snapshot: &SnapshotInfo, lease: &Lease, now: Timestamp) -> Result<()> {
    let newest = store.snapshots(&snapshot.org_id, 1).await?;
    if newest.first().is_none_or(|newest| newest.number != snapshot.number) {
        // A later snapshot has taken its place; versions are written in order.
        return Ok(());
    }
    let (done, _) = store.tables_of_snapshot(snapshot.number).await?;
    if !done.iter().any(|table| table == USER_MFA_REQUIREMENTS.name) {
        mfa::derive(store, snapshot, lease, now).await?;
    }
    Ok(())
}
