//! The pack as OSCAL 1.2.1: assessment results, and the small assessment plan that they have to refer to. OSCAL has no third
//! state: what is unknown is `not-satisfied` for another reason, and says so in a property of ours. Controls that do not apply
//! are left out and named in the remarks.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::PackError;
use super::exceptions::{Exception, Exceptions};
use super::folder::PackFolder;
use super::manifest::Manifest;
use super::outcomes::{Outcomes, why_unknown};
use super::population::Packed;
use super::rows::canonical;
use super::sources::{Completeness, Sources};
use crate::framework::{RequirementStanding, Standing};
use crate::harmless::printable;

const OSCAL: &str = "1.2.1";
const NAMESPACE: &str = "urn:jumpseat:oscal";
const RESULTS: &str = "oscal/assessment-results.json";
const PLAN: &str = "oscal/assessment-plan.json";

/// What the documents are made of.
pub(super) struct Facts<'a> {
    pub manifest: &'a Manifest,
    pub items: &'a [Packed<'a>],
    pub outcomes: &'a Outcomes<'a>,
    pub exceptions: &'a Exceptions,
    pub sources: &'a Sources,
    pub gaps: usize,
}

/// Writes both documents; whatever else the pack holds is written already.
pub(super) fn write(facts: &Facts<'_>, folder: &mut PackFolder) -> Result<(), PackError> {
    folder.write(PLAN, &canonical(&facts.plan())?)?;
    let results = facts.results(folder);
    folder.write(RESULTS, &canonical(&results)?)?;
    Ok(())
}

impl Facts<'_> {
    /// An identity that follows from what it is of: the same pack has the same ones.
    fn uuid(&self, of: &str) -> String {
        let Manifest { org_id, framework, from, to, as_of, made_at, .. } = self.manifest;
        let name = format!("{NAMESPACE}\n{org_id}\n{framework}\n{from}\n{to}\n{as_of}\n{made_at}\n{of}");
        Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()).to_string()
    }

    fn metadata(&self, title: &str) -> Value {
        json!({
            "title": one_line(&format!("{title}: {}, {}", self.manifest.organization, self.manifest.framework_name)),
            "last-modified": self.manifest.made_at,
            "version": "1",
            "oscal-version": OSCAL,
        })
    }

    /// The controls that were looked at. Those that concern nothing here are left out.
    fn reviewed_controls(&self) -> Value {
        let reviewed: Vec<Value> = self
            .outcomes
            .requirements
            .iter()
            .filter(|standing| standing.standing != Standing::NotApplicable)
            .map(|standing| json!({ "control-id": self.control_id(standing) }))
            .collect();
        let left_out: Vec<&str> = self
            .outcomes
            .requirements
            .iter()
            .filter(|standing| standing.standing == Standing::NotApplicable)
            .map(|standing| standing.requirement.id.as_str())
            .collect();
        let mut controls = json!({ "control-selections": [ { "include-controls": reviewed } ] });
        if reviewed.is_empty() {
            controls = json!({ "control-selections": [ { "description": "No control was looked at." } ] });
        }
        if !left_out.is_empty() {
            controls["remarks"] = json!(format!("Not applicable here and left out: {}.", left_out.join(", ")));
        }
        controls
    }

    /// A framework's number as a token. Those of NIST SP 800-53 are written as in NIST's own catalog.
    fn control_id(&self, standing: &RequirementStanding<'_>) -> String {
        let number = standing.requirement.id.to_lowercase().replace('(', ".");
        let token: String = number
            .chars()
            .filter(|letter| *letter != ')')
            .map(|letter| if letter.is_ascii_alphanumeric() || ".-_".contains(letter) { letter } else { '-' })
            .collect();
        match self.manifest.framework.as_str() {
            "nist-800-53" => token,
            framework => format!("{framework}-{token}"),
        }
    }

    fn plan(&self) -> Value {
        json!({ "assessment-plan": {
            "uuid": self.uuid("plan"),
            "metadata": self.metadata("Assessment plan"),
            "import-ssp": { "href": "#", "remarks": "Jumpseat has no system security plan of the organization." },
            "reviewed-controls": self.reviewed_controls(),
        } })
    }

    fn results(&self, folder: &PackFolder) -> Value {
        let manifest = self.manifest;
        let resources: Vec<Value> = folder
            .files()
            .iter()
            .filter(|(path, _)| path.as_str() != PLAN)
            .map(|(path, written)| {
                json!({
                    "uuid": self.uuid(&format!("file {path}")),
                    "title": path,
                    "rlinks": [ { "href": format!("../{path}"), "hashes": [ { "algorithm": "SHA-256", "value": written.sha256 } ] } ],
                })
            })
            .collect();
        let observations: Vec<Value> =
            self.items.iter().map(|item| self.of_item(item)).chain(self.of_checks()).collect();
        let risks: Vec<Value> = self.exceptions.shown.iter().map(|exception| self.risk(exception)).collect();
        let findings: Vec<Value> = self
            .outcomes
            .requirements
            .iter()
            .filter(|standing| standing.standing != Standing::NotApplicable)
            .map(|standing| self.finding(standing))
            .collect();
        let gaps = match self.gaps {
            0 => "The period is covered without gaps.".to_owned(),
            gaps => format!("The period has {gaps} gaps, which the ledger and the report of the pack name."),
        };
        let mut result = json!({
            "uuid": self.uuid("result"),
            "title": one_line(&format!("{} as of {}", manifest.framework_name, manifest.as_of)),
            "description": format!(
                "What was collected from JumpCloud and what the checks say of it. {gaps} Nothing here is a verdict of an \
                 auditor: a control is satisfied as far as these checks can see."
            ),
            "start": manifest.from,
            "end": manifest.to,
            "props": [ own("gaps", &self.gaps.to_string()) ],
            "local-definitions": { "assessment-assets": {
                "components": [ {
                    "uuid": self.uuid("program"), "type": "software", "title": "Jumpseat",
                    "description": one_line(&manifest.product), "status": { "state": "operational" },
                } ],
                "assessment-platforms": [ {
                    "uuid": self.uuid("platform"), "title": "Jumpseat",
                    "uses-components": [ { "component-uuid": self.uuid("program") } ],
                } ],
            } },
            "reviewed-controls": self.reviewed_controls(),
            "assessment-log": { "entries": self.log() },
            "observations": observations,
        });
        if !findings.is_empty() {
            result["findings"] = json!(findings);
        }
        if !risks.is_empty() {
            result["risks"] = json!(risks);
        }
        json!({ "assessment-results": {
            "uuid": self.uuid("results"),
            "metadata": self.metadata("Assessment results"),
            "import-ap": { "href": "assessment-plan.json" },
            "results": [ result ],
            "back-matter": { "resources": resources },
        } })
    }

    fn log(&self) -> Vec<Value> {
        let snapshot = &self.sources.snapshot;
        let began = self.sources.origin.as_ref().map_or(snapshot.committed_at, |origin| origin.started_at);
        let mut entries = vec![json!({
            "uuid": self.uuid("log snapshot"), "title": format!("Snapshot {}", snapshot.number),
            "start": began, "end": snapshot.committed_at,
        })];
        if let Some(run) = &self.outcomes.run {
            entries.push(json!({
                "uuid": self.uuid("log checks"), "title": format!("Run {} of the checks", run.number),
                "start": run.started_at,
            }));
        }
        entries
    }

    /// A population is something that was examined.
    fn of_item(&self, packed: &Packed<'_>) -> Value {
        let item = packed.item;
        let mut props = vec![own("item", &item.id), own("state", packed.completeness.word())];
        props.extend(packed.rows.map(|rows| own("rows", &rows.to_string())));
        let description = match &packed.completeness {
            Completeness::Complete => item.title.clone(),
            Completeness::Partial(why) => format!("{}. Incomplete: {}", item.title, why.join("; ")),
            Completeness::NotCollected(why) => format!("{}. Not collected: {}", item.title, why.join("; ")),
        };
        let file = if packed.rows.is_some() { "population.json" } else { "item.json" };
        json!({
            "uuid": self.uuid(&format!("item {}", item.id)),
            "title": one_line(&item.title),
            "description": printable(&description),
            "props": props,
            "methods": [ "EXAMINE" ],
            "types": [ "control-objective" ],
            "relevant-evidence": [ {
                "href": format!("../items/{}/{file}", item.id), "description": one_line(packed.item.kind.about()),
            } ],
            "collected": self.sources.snapshot.committed_at,
        })
    }

    /// A check's numbers are something that was tested.
    fn of_checks(&self) -> impl Iterator<Item = Value> {
        self.outcomes.checks.iter().map(|(check, numbers, _)| {
            let mut props = vec![own("check", &check.id), own("severity", check.severity.word())];
            if let Some(numbers) = numbers {
                let result = &numbers.result;
                for (name, value) in [
                    ("passed", result.passed),
                    ("failed", result.failed),
                    ("accepted", numbers.excused),
                    ("unknown", result.unknown),
                    ("not-applicable", result.not_applicable),
                ] {
                    props.push(own(name, &value.to_string()));
                }
            }
            let standing = Standing::of(numbers.as_ref());
            props.push(own("result", standing.word()));
            let why = why_unknown(numbers.as_ref()).map(|why| format!(" Unknown: {why}.")).unwrap_or_default();
            json!({
                "uuid": self.uuid(&format!("check {}", check.id)),
                "title": one_line(&check.title),
                "description": printable(&format!("{}.{why}", check.how)),
                "props": props,
                "methods": [ "TEST" ],
                "types": [ "control-objective" ],
                "relevant-evidence": [ { "href": "../findings/findings.json", "description": "Findings of the period" } ],
                "collected": self.outcomes.run.as_ref().map_or(self.manifest.as_of, |run| run.started_at),
            })
        })
    }

    fn finding(&self, standing: &RequirementStanding<'_>) -> Value {
        let (state, reason) = match standing.standing {
            Standing::Met => ("satisfied", "pass"),
            Standing::Failed => ("not-satisfied", "fail"),
            Standing::Unknown | Standing::NotApplicable => ("not-satisfied", "other"),
        };
        let mut remarks = format!("By the checks: {}.", standing.standing.word());
        if !standing.demands.is_empty() {
            remarks.push_str(&format!(" {}.", standing.demands.join("; ")));
        }
        let checks = standing.checks.iter().map(|behind| format!("check {}", behind.check.id));
        let items = self
            .items
            .iter()
            .filter(|packed| packed.serves.iter().any(|(requirement, _)| *requirement == standing.requirement.id))
            .map(|packed| format!("item {}", packed.item.id));
        let related: Vec<Value> = checks.chain(items).map(|of| json!({ "observation-uuid": self.uuid(&of) })).collect();
        let mut finding = json!({
            "uuid": self.uuid(&format!("requirement {}", standing.requirement.id)),
            "title": one_line(&format!("{} {}", standing.requirement.id, standing.requirement.title)),
            "description": standing.requirement.title,
            "props": [ own("result", standing.standing.word()), own("requirement", &standing.requirement.id) ],
            "target": {
                "type": "objective-id",
                "target-id": self.control_id(standing),
                "status": { "state": state, "reason": reason, "remarks": printable(&remarks) },
            },
        });
        if !related.is_empty() {
            finding["related-observations"] = json!(related);
        }
        finding
    }

    fn risk(&self, exception: &Exception) -> Value {
        let until = exception.until.map(|until: Timestamp| format!(", until {until:.0}")).unwrap_or_default();
        let mut risk = json!({
            "uuid": self.uuid(&format!("exception {}", exception.finding)),
            "title": one_line(&format!("{}: {}", exception.check, exception.name)),
            "description": printable(&format!("Finding {} of the check {}.", exception.finding, exception.check)),
            "statement": printable(&format!(
                "Accepted by {} at {:.0}{until}: {}",
                exception.by, exception.at, exception.why
            )),
            "props": [ own("acceptance", &exception.kind), own("accepted-by", &exception.by) ],
            "status": "deviation-approved",
        });
        if self.outcomes.checks.iter().any(|(check, _, _)| check.id == exception.check) {
            risk["related-observations"] =
                json!([ { "observation-uuid": self.uuid(&format!("check {}", exception.check)) } ]);
        }
        risk
    }
}

/// A property in our namespace.
fn own(name: &str, value: &str) -> Value {
    json!({ "name": name, "ns": NAMESPACE, "value": one_line(value) })
}

/// Text that OSCAL takes as one line: nothing that steers, no space around it, and never empty.
fn one_line(text: &str) -> String {
    let line = printable(text);
    match line.trim() {
        "" => "-".to_owned(),
        line => line.to_owned(),
    }
}
