//! What SQL sees of findings.

use crate::query::SystemTable;
use crate::schema::{boolean, integer, json, text, time};

/// The names of all that is seen of findings.
pub(crate) const ALL: [&str; 5] = [FINDINGS.name, COUNTS.name, HISTORY.name, RESULTS.name, RUNS.name];

/// The newest run of the organization of `$row`.
macro_rules! newest_run {
    ($row:literal) => {
        concat!(
            "(SELECT p.started_at FROM {home}posture_run p WHERE p.org_id = ",
            $row,
            ".org_id AND p.ended_at IS NOT NULL ORDER BY p.number DESC LIMIT 1)"
        )
    };
}

/// The word for a severity's number.
macro_rules! severity_word {
    ($row:literal) => {
        concat!(
            "CASE ",
            $row,
            ".effective_severity WHEN 5 THEN 'critical' WHEN 4 THEN 'high' WHEN 3 THEN 'medium' WHEN 2 THEN 'low'
               ELSE 'info' END"
        )
    };
}

pub(crate) const FINDINGS: SystemTable = SystemTable {
    name: "findings",
    about: "What checks found, each with its life. Findings that are over stay here as resolved.",
    columns: &[
        integer("number", "", "The finding's number, which commands take."),
        text("org_id", "", "The organization."),
        text("check_id", "", "The check."),
        text("resource_type", "", "What kind of thing it is about."),
        text("resource_id", "", "That thing's id; parts of things have the whole's id before a slash."),
        text("name", "", "What people know the thing by."),
        text("severity", "", "critical, high, medium, low or info."),
        integer("severity_id", "", "The same as a number, 5 for critical to 1 for info."),
        text("state", "", "open, accepted or resolved."),
        text("outcome", "", "At the newest run: fail, pass (not confirmed yet), unknown, not_applicable or gone."),
        text("reason", "", "Why it fails, with the values that led to it."),
        json("evidence", "", "Those values by name."),
        time("opened_at", "", "When it was first seen."),
        time("last_seen_at", "", "When it was last seen to fail."),
        time("resolved_at", "", "When it was resolved."),
        integer("reopened", "", "How often it came back."),
        text("owner", "", "Who is to mend it."),
        text("due_at", "", "Until when."),
        boolean("is_overdue", "", "That date is over and it is open."),
        text("accepted_kind", "", "compensating_control, false_positive or wont_fix, while it is accepted."),
        text("accepted_why", "", "The rationale."),
        text("accepted_by", "", "Who accepted it."),
        time("accepted_at", "", "When."),
        time("accepted_until", "", "When it will be open again."),
        text("accepted_rule", "", "The rule of the muting file that says so, if one does."),
    ],
    sql: concat!(
        "SELECT f.number, f.org_id, f.check_id, f.resource_type, f.resource_id, f.name, ",
        severity_word!("f"),
        " AS severity, f.effective_severity AS severity_id,
           CASE WHEN f.resolved_at IS NOT NULL THEN 'resolved'
             WHEN f.accepted_at IS NOT NULL AND (f.accepted_until IS NULL OR f.accepted_until > {now}) THEN 'accepted'
             ELSE 'open' END AS state,
           f.outcome, f.reason, f.evidence, f.opened_at, COALESCE(f.last_seen_at, ",
        newest_run!("f"),
        ") AS last_seen_at,
           f.resolved_at, f.reopened, f.owner, f.due_at,
           (f.due_at IS NOT NULL AND f.due_at < SUBSTR({now}, 1, 10) AND f.resolved_at IS NULL) AS is_overdue,
           f.accepted_kind, f.accepted_why, f.accepted_by, f.accepted_at, f.accepted_until, f.accepted_rule
         FROM {home}finding f"
    ),
};

pub(crate) const COUNTS: SystemTable = SystemTable {
    name: "finding_counts",
    about: "How many findings there are of each check in each organization, by severity, state and outcome: the same as counting \
            `findings`, without reading them.",
    columns: &[
        text("org_id", "", "The organization."),
        text("check_id", "", "The check."),
        text("resource_type", "", "What kind of thing they are about."),
        text("severity", "", "critical, high, medium, low or info."),
        integer("severity_id", "", "The same as a number, 5 for critical to 1 for info."),
        text("state", "", "open, accepted or resolved."),
        text("outcome", "", "At the newest run: fail, pass (not confirmed yet), unknown, not_applicable or gone."),
        text("accepted_kind", "", "compensating_control, false_positive or wont_fix, while they are accepted."),
        integer("findings", "", "How many."),
        time("first_opened_at", "", "When the first of them was first seen."),
    ],
    sql: concat!(
        "SELECT n.org_id, n.check_id, n.resource_type, ",
        severity_word!("n"),
        " AS severity, n.effective_severity AS severity_id,
           CASE WHEN n.resolved THEN 'resolved'
             WHEN n.accepted_kind IS NOT NULL AND (n.accepted_until IS NULL OR n.accepted_until > {now}) THEN 'accepted'
             ELSE 'open' END AS state,
           n.outcome, n.accepted_kind, n.findings, n.first_opened_at
         FROM {home}finding_count n"
    ),
};

pub(crate) const HISTORY: SystemTable = SystemTable {
    name: "finding_history",
    about: "What happened to each finding, with who did it and when. Nothing of it is ever changed.",
    columns: &[
        integer("finding", "", "The finding's number."),
        text("org_id", "", "The organization."),
        text("check_id", "", "The check."),
        integer("run", "", "The run of the checks that did it (posture_runs.number), if one did."),
        time("at", "", "When."),
        text("actor", "", "Who; system for a run."),
        text(
            "action",
            "",
            "opened, changed, resolved, reopened, accepted, acceptance_withdrawn, acceptance_expired, assigned or due_set.",
        ),
        text("detail", "", "The reason, the rationale, the owner or the date."),
    ],
    sql: "SELECT f.number AS finding, f.org_id, f.check_id, f.opened_run AS run, f.opened_at AS at, 'system' AS actor,
            'opened' AS action, NULL AS detail FROM {home}finding f
          UNION ALL
          SELECT e.finding, f.org_id, f.check_id, e.run, e.at, e.actor, e.action, e.detail
          FROM {home}finding_event e JOIN {home}finding f ON f.number = e.finding",
};

pub(crate) const RESULTS: SystemTable = SystemTable {
    name: "check_results",
    about: "Each check's numbers in each organization. A line holds from one run on until another; the newest have no until_run.",
    columns: &[
        text("org_id", "", "The organization."),
        text("check_id", "", "The check."),
        integer("from_run", "", "The first run with these numbers (posture_runs.number)."),
        integer("until_run", "", "The first run with others; NULL while they hold."),
        time("from_at", "", "When the first run with these numbers began."),
        integer("passed", "", "Things that pass."),
        integer("failed", "", "Things that fail."),
        integer("unknown", "", "Things of which nobody can tell."),
        integer("not_applicable", "", "Things that the rule does not concern."),
        text("reason", "", "Why nothing could be told as a whole."),
        json("parameters", "", "The parameters that were used."),
    ],
    sql: "SELECT r.org_id, r.check_id, r.from_run,
            CASE WHEN r.until_run < 9223372036854775807 THEN r.until_run END AS until_run,
            (SELECT p.started_at FROM {home}posture_run p WHERE p.number = r.from_run) AS from_at,
            r.passed, r.failed, r.unknown, r.not_applicable, r.reason, r.parameters
          FROM {home}check_result r",
};

pub(crate) const RUNS: SystemTable = SystemTable {
    name: "posture_runs",
    about: "Runs of the checks, each over one snapshot of one organization.",
    columns: &[
        integer("number", "", "Grows with every run of any organization."),
        text("org_id", "", "The organization."),
        integer("snapshot", "", "The snapshot that was looked at (snapshots.number)."),
        text("started_by", "", "A person, or system after a sync."),
        time("started_at", "", "When it began; the time that all checks compare with."),
        time("ended_at", "", "When it ended."),
        integer("checks", "", "How many checks ran."),
        integer("opened", "", "Findings that are new."),
        integer("resolved", "", "Findings that are over."),
        integer("reopened", "", "Findings that came back."),
    ],
    sql: "SELECT number, org_id, snapshot, started_by, started_at, ended_at, checks, opened, resolved, reopened
          FROM {home}posture_run WHERE ended_at IS NOT NULL",
};
