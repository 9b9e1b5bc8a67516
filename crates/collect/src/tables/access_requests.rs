//! What access users asked for, and what came of it.

use jumpcloud::endpoints;
use store::schema::{Table, boolean, text, time};

use super::{Collected, Id, Redact, Source};

/// `access_requests`: one row for each request.
#[rustfmt::skip]
pub(super) static ACCESS_REQUESTS: Collected = Collected {
    table: Table {
        name: "access_requests",
        about: "Access that users asked for by way of an approval flow, and what came of it. Not every plan has it. Who approved is in the events access_management_access_request_approval.",
        asset: None,
        label: "approval_flow_name",
        columns: &[
            text("approval_flow_id", "/approvalFlowId", "The flow (approval_flows.id)."),
            text("approval_flow_name", "/approvalFlowName", "Name of the flow, which may be gone by now."),
            text("status", "/status", "PENDING, APPROVED, REJECTED, …; any word is possible."),
            text("requestor", "/requestor", "Who asked; taken to be the user's id (users.id), JumpCloud does not document it."),
            text("username", "/userName", "Username of whoever asked."),
            text("department", "/department", "Department of whoever asked."),
            text("manager", "/manager", "Manager of whoever asked."),
            text("requestor_group", "/group", "Group of whoever asked."),
            text("remarks", "/remarks", "What was written about it; free text."),
            text("approval_type", "/approvalType", "How it is approved: MANUAL, …"),
            boolean("non_admin_approval", "/nonAdminApproval", "Approvers need not be administrators."),
            boolean("time_limited", "/timeBasedAccess", "Access ends by itself."),
            text("requested_duration", "/requestedDuration", "For how long it was asked; the unit is not documented."),
            time("created_at", "/createdAt", "When it was asked for."),
            time("updated_at", "/updatedAt", "When it last changed."),
            text("updated_by", "/updatedBy", "Who changed it last."),
        ],
        joined: &[],
    },
    sources: &[Source::list(&endpoints::APPROVALFLOWREQUESTS).optional()],
    id: Id::Member(&["id"]),
    // What the workflow carries along has no documented shape.
    redact: Redact::Drops(&["wfMetadata", "metadata"]),
    absent: "JumpCloud no longer keeps the request",
    fact: "V2 GET /api/v2/approvalflowrequest",
};
