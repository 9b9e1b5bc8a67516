//! A finding as an OCSF Compliance Finding (class 2003).

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::check::Check;
use crate::framework::Framework;

/// What is told of a finding, as the view `findings` has it.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the columns of the view `findings` say it")]
pub struct Finding {
    pub number: i64,
    pub org_id: String,
    pub check_id: String,
    pub resource_type: String,
    pub resource_id: String,
    pub name: String,
    pub severity: String,
    pub severity_id: i64,
    pub state: String,
    pub outcome: String,
    pub reason: String,
    pub evidence: Value,
    pub opened_at: Timestamp,
    pub last_seen_at: Option<Timestamp>,
    pub resolved_at: Option<Timestamp>,
    pub reopened: i64,
    pub owner: Option<String>,
    pub due_at: Option<String>,
    pub accepted_kind: Option<String>,
    pub accepted_why: Option<String>,
    pub accepted_by: Option<String>,
    pub accepted_until: Option<Timestamp>,
}

impl Finding {
    /// The columns of the view `findings` that it is read from, in the order of its members.
    pub const COLUMNS: &[&str] = &[
        "number",
        "org_id",
        "check_id",
        "resource_type",
        "resource_id",
        "name",
        "severity",
        "severity_id",
        "state",
        "outcome",
        "reason",
        "evidence",
        "opened_at",
        "last_seen_at",
        "resolved_at",
        "reopened",
        "owner",
        "due_at",
        "accepted_kind",
        "accepted_why",
        "accepted_by",
        "accepted_until",
    ];

    /// Its identity everywhere and for ever: a hash over organization, check and thing.
    pub fn uid(&self) -> String {
        let mut hasher = Sha256::new();
        for part in [&self.org_id, &self.check_id, &self.resource_type, &self.resource_id] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
        HEXLOWER.encode(&hasher.finalize())
    }
}

/// Writes a finding. The check is not there when its file was removed.
pub fn compliance_finding(finding: &Finding, check: Option<&Check>, frameworks: &[Framework], version: &str) -> Value {
    let is_over = finding.state == "resolved";
    let is_new = finding.reopened == 0 && finding.last_seen_at.is_none_or(|at| at == finding.opened_at);
    let (activity_id, activity) = if is_over {
        (3, "Close")
    } else if is_new {
        (1, "Create")
    } else {
        (2, "Update")
    };
    let (status_id, status) = match finding.state.as_str() {
        "resolved" => (4, "Resolved"),
        "accepted" => (3, "Suppressed"),
        _ if finding.owner.is_some() => (2, "In Progress"),
        _ => (1, "New"),
    };
    let time = finding.resolved_at.or(finding.last_seen_at).unwrap_or(finding.opened_at);
    let severity = match finding.severity_id {
        5 => "Critical",
        4 => "High",
        3 => "Medium",
        2 => "Low",
        _ => "Informational",
    };
    let title = check.map_or(finding.check_id.as_str(), |check| check.title.as_str());
    let mut info = json!({
        "uid": finding.uid(),
        "uid_alt": finding.number.to_string(),
        "title": title,
        "created_time": finding.opened_at.as_millisecond(),
        "first_seen_time": finding.opened_at.as_millisecond(),
        "last_seen_time": finding.last_seen_at.unwrap_or(finding.opened_at).as_millisecond(),
        "modified_time": time.as_millisecond(),
        "analytic": { "type_id": 1, "type": "Rule", "uid": finding.check_id, "name": title },
        "data_sources": check.map(|check| &check.reads),
    });
    remove_nulls(&mut info);
    let mut event = json!({
        "activity_id": activity_id,
        "activity_name": activity,
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": 2003,
        "class_name": "Compliance Finding",
        "type_uid": 200_300 + activity_id,
        "type_name": format!("Compliance Finding: {activity}"),
        "time": time.as_millisecond(),
        "severity_id": finding.severity_id,
        "severity": severity,
        "status_id": status_id,
        "status": status,
        "status_detail": finding.accepted_why,
        "comment": finding.accepted_kind,
        "message": format!("{title}: {}: {}", finding.name, finding.reason),
        "metadata": {
            "version": ocsf::OCSF_VERSION,
            "uid": format!("{}:{activity}:{}", finding.uid(), time.as_millisecond()),
            "tenant_uid": finding.org_id,
            "log_name": "findings",
            "product": { "name": "Jumpseat", "vendor_name": "Jumpseat", "version": version },
        },
        "finding_info": info,
        "compliance": compliance(finding, check, frameworks, is_over),
        "resources": [{
            "uid": finding.resource_id,
            "name": finding.name,
            "type": finding.resource_type,
        }],
        "remediation": check.map(|check| json!({ "desc": check.fix })),
        "assignee": finding.owner.as_ref().map(|owner| json!({ "name": owner })),
        "unmapped": { "evidence": finding.evidence, "due_at": finding.due_at, "reopened": finding.reopened },
    });
    remove_nulls(&mut event);
    event
}

fn compliance(finding: &Finding, check: Option<&Check>, frameworks: &[Framework], is_over: bool) -> Value {
    let (status_id, status) = match finding.outcome.as_str() {
        _ if is_over => (1, "Pass"),
        "fail" => (3, "Fail"),
        "pass" => (1, "Pass"),
        _ => (0, "Unknown"),
    };
    let (mut standards, mut requirements) = (Vec::new(), Vec::new());
    for framework in frameworks {
        let served: Vec<String> = check
            .iter()
            .flat_map(|check| framework.served_by(check))
            .map(|(requirement, _)| format!("{} {}", framework.name, requirement.id))
            .collect();
        if !served.is_empty() {
            standards.push(format!("{} {}", framework.name, framework.version));
            requirements.extend(served);
        }
    }
    let mut compliance = Map::new();
    compliance.insert("control".to_owned(), json!(finding.check_id));
    compliance.insert("status_id".to_owned(), json!(status_id));
    compliance.insert("status".to_owned(), json!(status));
    compliance.insert("status_details".to_owned(), json!([finding.reason]));
    if !standards.is_empty() {
        compliance.insert("standards".to_owned(), json!(standards));
        compliance.insert("requirements".to_owned(), json!(requirements));
    }
    Value::Object(compliance)
}

fn remove_nulls(value: &mut Value) {
    if let Value::Object(members) = value {
        members.retain(|_, member| !member.is_null());
    }
}
