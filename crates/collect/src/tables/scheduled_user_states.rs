//! Suspensions and activations of users that are planned for a date.

use jumpcloud::endpoints;
use store::schema::{Table, text, time};

use super::{Collected, Id, Redact, Source};

/// `scheduled_user_states`: one row for each planned change of a user's state.
#[rustfmt::skip]
pub(super) static SCHEDULED_USER_STATES: Collected = Collected {
    table: Table {
        name: "scheduled_user_states",
        about: "Planned activations and suspensions. One whose date has passed while the user still has the old state did not happen.",
        asset: None,
        label: "state",
        columns: &[
            text("user_id", "/systemUserId", "Whose state changes (users.id)."),
            text("state", "/state", "The state that the user will get."),
            time("scheduled_at", "/scheduledDate", "When it is to happen."),
            text("job_id", "/scheduledJobId", "The job behind it; several users can share one."),
        ],
        joined: &[],
    },
    sources: &[Source::list(&endpoints::BULK_USERSTATES).optional()],
    id: Id::Joined(&["scheduledJobId", "systemUserId"]),
    redact: Redact::Nothing,
    absent: "the change happened or was called off",
    fact: "V2 GET /api/v2/bulk/userstates",
};
