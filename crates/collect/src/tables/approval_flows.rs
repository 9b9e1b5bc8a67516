//! How access can be asked for, and who has to approve it.

use jumpcloud::endpoints;
use store::schema::{Table, boolean, json, text};

use super::{Collected, Id, Redact, Source};

/// `approval_flows`: one row for each flow.
#[rustfmt::skip]
pub(super) static APPROVAL_FLOWS: Collected = Collected {
    table: Table {
        name: "approval_flows",
        about: "How users ask for access (access management): to what, and who has to approve. Not every plan has it. Words of states and kinds are open: JumpCloud does not document them.",
        asset: Some("approval_flow"),
        label: "name",
        columns: &[
            text("name", "/name", "Name of the flow."),
            text("description", "/description", "Free text."),
            text("category", "/category", "Where it is shown to users."),
            text("status", "/status", "Whether it is in force: ACTIVE, …"),
            json("resources", "/resources", "What access is given to: resourceType, resourceId and resourceName of each."),
            json("visible_to", "/visibleTo", "Who can ask: id and name of each group."),
            text("approval_type", "/approvalType", "How it is approved: MANUAL, …"),
            text("approver_requirement", "/approverRequirement", "How many of the approvers have to agree."),
            json("approvers", "/approverResources", "Who approves, in which order, and whether all of them must."),
            boolean("non_admin_approval", "/nonAdminApproval", "Approvers need not be administrators."),
            boolean("time_limited", "/timeBasedAccess", "Access ends by itself."),
            text("duration_kind", "/ttlConfig", "TTL_CONFIG_FIXED_DURATION, TTL_CONFIG_MULTI_SELECT_DURATIONS or TTL_CONFIG_UNSPECIFIED."),
            text("fixed_duration", "/fixedDuration", "How long access lasts, where the flow says so; the unit is not documented."),
            json("durations", "/multiSelectDuration", "How long it can last, where whoever asks may choose."),
            boolean("slack_enabled", "/slackEnabled", "It can be asked for and approved in Slack."),
            text("created_by", "/createdBy", "Who made it."),
            text("updated_by", "/updatedBy", "Who changed it last."),
        ],
        joined: &[],
    },
    sources: &[Source::list(&endpoints::APPROVALFLOWS).optional()],
    id: Id::Member(&["id"]),
    redact: Redact::Nothing,
    absent: "the flow was deleted",
    fact: "V2 GET /api/v2/approvalflows",
};
