//! What became of policies on devices: the latest result for each, and every result that is still kept.

use jumpcloud::endpoints;
use store::schema::{Column, Table, boolean, integer, text, time};

use super::{Collected, Id, Redact, Source};

#[rustfmt::skip]
const COLUMNS: &[Column] = &[
    text("policy_id", "/policyID", "The policy (policies.id)."),
    text("device_id", "/systemID", "The device (devices.id).").indexed(),
    text("state", "/state", "success, failed, pending, …; any word is possible."),
    boolean("success", "/success", "The policy was applied; NULL while it is pending."),
    integer("exit_status", "/exitStatus", "Exit code; 0 is success."),
    text("detail", "/detail", "Why it failed, in JumpCloud's words."),
    time("started_at", "/startedAt", "When it began."),
    time("ended_at", "/endedAt", "When it ended."),
];

/// `policy_statuses`: one row for each device and policy, the latest result.
#[rustfmt::skip]
pub(super) static POLICY_STATUSES: Collected = Collected {
    table: Table {
        name: "policy_statuses",
        about: "The latest result of each policy on each device that it applies to. A device that has not made contact keeps its old result: look at ended_at.",
        asset: None,
        label: "state",
        columns: COLUMNS,
        joined: &[],
    },
    sources: &[Source::list_each("policies", &endpoints::POLICY_POLICYSTATUSES, "policyID")],
    id: Id::Joined(&["policyID", "systemID"]),
    redact: OUTPUT,
    absent: "the policy no longer applies to the device",
    fact: "V2 GET /api/v2/policies/{id}/policystatuses",
};

/// `policy_results`: one row for each result that JumpCloud still keeps.
#[rustfmt::skip]
pub(super) static POLICY_RESULTS: Collected = Collected {
    table: Table {
        name: "policy_results",
        about: "Results of policies on devices over time, as far back as JumpCloud keeps them. For the present state use policy_statuses.",
        asset: None,
        label: "state",
        columns: COLUMNS,
        joined: &[],
    },
    sources: &[Source::list(&endpoints::POLICYRESULTS)],
    id: Id::Member(&["id"]),
    redact: OUTPUT,
    absent: "JumpCloud no longer keeps the result",
    fact: "V2 GET /api/v2/policyresults",
};

/// What a script prints can hold anything, passwords too.
const OUTPUT: Redact = Redact::Drops(&["stdOut", "stdErr"]);
