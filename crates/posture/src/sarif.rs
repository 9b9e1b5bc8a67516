//! Findings as SARIF 2.1.0, for tools that show the results of checks. A thing in a directory has no file and no line, so
//! that it is a logical location.

use serde_json::{Value, json};

use crate::check::Check;
use crate::content::Library;
use crate::ocsf::Finding;

/// Writes findings as one log with one run.
pub fn log(findings: &[Finding], library: &Library, version: &str) -> Value {
    let mut rules: Vec<&str> = findings.iter().map(|finding| finding.check_id.as_str()).collect();
    rules.sort_unstable();
    rules.dedup();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "Jumpseat",
                "semanticVersion": version,
                "rules": rules.iter().map(|id| rule(id, library.check(id))).collect::<Vec<_>>(),
            }},
            "results": findings.iter().map(|finding| result(finding, &rules)).collect::<Vec<_>>(),
        }],
    })
}

fn rule(id: &str, check: Option<&Check>) -> Value {
    match check {
        None => json!({ "id": id }),
        Some(check) => json!({
            "id": id,
            "shortDescription": { "text": check.title },
            "fullDescription": { "text": check.why },
            "help": { "text": check.fix, "markdown": check.fix },
            "defaultConfiguration": { "level": level(check.severity.word()) },
            "properties": { "tags": check.profiles, "security-severity": score(check.severity.word()) },
        }),
    }
}

fn result(finding: &Finding, rules: &[&str]) -> Value {
    let mut result = json!({
        "ruleId": finding.check_id,
        "ruleIndex": rules.binary_search(&finding.check_id.as_str()).unwrap_or(0),
        "level": level(&finding.severity),
        "kind": "fail",
        "message": { "text": format!("{}: {}", finding.name, finding.reason) },
        "locations": [{ "logicalLocations": [{
            "name": finding.name,
            "fullyQualifiedName": format!("{}/{}/{}", finding.org_id, finding.resource_type, finding.resource_id),
            "kind": "resource",
        }] }],
        "partialFingerprints": { "findingUid/v1": finding.uid() },
        "properties": { "number": finding.number, "evidence": finding.evidence, "openedAt": finding.opened_at.to_string() },
    });
    if finding.state == "accepted" {
        let why = finding.accepted_why.as_deref().unwrap_or_default();
        result["suppressions"] = json!([{ "kind": "external", "status": "accepted", "justification": why }]);
    }
    if finding.state == "resolved" {
        result["kind"] = json!("pass");
        result["level"] = json!("none");
        result["baselineState"] = json!("absent");
    }
    result
}

fn level(severity: &str) -> &'static str {
    match severity {
        "critical" | "high" => "error",
        "medium" => "warning",
        _ => "note",
    }
}

/// The number that code hosts sort by, as text.
fn score(severity: &str) -> &'static str {
    match severity {
        "critical" => "9.5",
        "high" => "8.0",
        "medium" => "5.5",
        "low" => "3.0",
        _ => "0.0",
    }
}
