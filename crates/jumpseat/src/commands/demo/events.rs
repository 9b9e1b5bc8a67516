//! What the demonstration tells of events: how much is proven, what there is by class, and what is not proven.

use std::collections::BTreeMap;

use anyhow::Result;
use collect::Collector;
use collect::events::{Coverage, coverage};
use serde_json::{Value, json};
use simulator::World;
use store::events::Hour;

use crate::commands::sync::EventsSynced;
use crate::output::printable;
use crate::when::span;

/// Not proven hours and gaps that are told one by one.
const TOLD: usize = 5;

/// One organization's events beside what the simulator issued.
pub(super) struct Proof {
    coverage: Coverage,
    by_class: BTreeMap<u16, u64>,
    /// Events that the simulator issued in the sealed hours, and those that are stored of them.
    issued: u64,
    stored_of_sealed: u64,
    words: String,
    error: Option<String>,
}

/// Looks at what came of the events of each connection, in the order of the organizations.
pub(super) async fn proofs(collector: &Collector, synced: &[EventsSynced], world: &World) -> Result<Vec<Proof>> {
    let now = collector.clock.now();
    let mut proofs = Vec::with_capacity(synced.len());
    for (number, (connection, result)) in synced.iter().enumerate() {
        let org_id = connection.org_id.clone().unwrap_or_default();
        let (first, end) = (Hour::from_number(0), Hour::of(now).next());
        let windows = collector.store.event_windows(&org_id, first, end).await?;
        let mut by_class = BTreeMap::new();
        for count in collector.store.event_counts(&org_id, first, end, true).await? {
            *by_class.entry(count.class_uid).or_default() += count.events;
        }
        let sealed = windows.iter().filter(|window| window.state == store::events::WindowState::Sealed);
        let (mut issued, mut stored_of_sealed) = (0, 0);
        for window in sealed {
            let hour = window.hour.start_ms()..window.hour.end_ms();
            issued += world.event_counts(number, hour, now.as_millisecond()).events;
            stored_of_sealed += window.stored;
        }
        let words = result.as_ref().map_or_else(
            |_| String::new(),
            |report| {
                let requests: u64 = report.calls.iter().map(|call| call.calls).sum();
                format!("in {}, {requests} requests", span(report.took))
            },
        );
        let error = result.as_ref().err().map(ToString::to_string);
        proofs.push(Proof { coverage: coverage(&windows, now), by_class, issued, stored_of_sealed, words, error });
    }
    Ok(proofs)
}

impl Proof {
    /// For people.
    pub(super) fn lines(&self) -> Vec<String> {
        if let Some(error) = &self.error {
            return vec![format!("  events failed: {}", printable(error))];
        }
        let sum = &self.coverage;
        let classes: Vec<String> =
            self.by_class.iter().map(|(class, events)| format!("{events} {}", class_name(*class))).collect();
        let mut lines = vec![
            format!("  {} events {}; by class of OCSF: {}", sum.stored, self.words, classes.join(", ")),
            format!(
                "  {} hours sealed by JumpCloud's own count; not proven yet: {} that are over, {} that is not",
                sum.sealed, sum.unproven, sum.open
            ),
        ];
        lines.extend(
            sum.differing.iter().chain(&sum.gaps).take(TOLD).map(|(hour, why)| format!("  {hour}: {}", printable(why))),
        );
        lines.push(if self.issued == self.stored_of_sealed {
            format!("  proven: the sealed hours hold exactly the {} events that the simulator issued", self.issued)
        } else {
            format!(
                "  DIFFERENT: the sealed hours hold {} events, the simulator issued {}",
                self.stored_of_sealed, self.issued
            )
        });
        lines
    }

    /// For programs.
    pub(super) fn document(&self) -> Value {
        let reasons = |hours: &[(Hour, String)]| -> Vec<Value> {
            hours.iter().map(|(hour, why)| json!({ "hour": hour.to_string(), "reason": why })).collect()
        };
        json!({
            "stored": self.coverage.stored,
            "by_class": self.by_class.iter().map(|(class, events)| (class.to_string(), *events)).collect::<BTreeMap<_, _>>(),
            "hours_sealed": self.coverage.sealed,
            "hours_not_proven": self.coverage.unproven,
            "differing": reasons(&self.coverage.differing),
            "gaps": reasons(&self.coverage.gaps),
            "equals_simulator": self.issued == self.stored_of_sealed,
            "error": self.error,
        })
    }
}

/// A class in OCSF's words.
fn class_name(uid: u16) -> &'static str {
    ocsf::Class::ALL.iter().find(|class| class.uid == uid).map_or("of an unknown class", |class| class.name)
}
