//! Accepted findings as they stood: who accepted what, why, and until when, read from the history that is never changed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use store::{Cell, Parameter};

use super::PackError;
use super::folder::PackFolder;
use super::reading::{Reading, Seen, integer, moment, text};
use super::rows::{RowFiles, text_of, value_of};

/// An acceptance that was in effect.
#[derive(Debug, Clone)]
pub(super) struct Exception {
    pub finding: i64,
    pub check: String,
    pub name: String,
    pub kind: String,
    pub why: String,
    pub by: String,
    pub at: Timestamp,
    pub until: Option<Timestamp>,
}

/// All acceptances of some checks' findings.
#[derive(Debug, Default)]
pub(super) struct Exceptions {
    /// Those in effect, the first ones; `counts` has all.
    pub shown: Vec<Exception>,
    /// How many are in effect.
    pub count: u64,
    /// For each check: failing things that something else covers or that are no failure, as a person has said.
    pub excused: BTreeMap<String, u64>,
}

/// How many are shown in the report; the files have all.
const MOST: usize = 100;

/// The kinds that take a thing out of the failures.
const EXCUSING: [&str; 2] = ["compensating_control", "false_positive"];

impl Exceptions {
    /// Reads every decision up to the pack's time into the pack, and tells which were in effect then.
    pub(super) async fn read(
        reading: &Reading<'_>,
        checks: &[String],
        as_of: Timestamp,
        folder: &mut PackFolder,
    ) -> Result<Self, PackError> {
        let sql =
            "SELECT h.finding, h.check_id, f.resource_type, f.resource_id, f.name, h.at, h.action, h.detail, h.actor,
                     f.resolved_at
                   FROM finding_history h JOIN findings f ON f.number = h.finding
                   WHERE h.check_id IN (:checks) AND h.at <= :now
                     AND h.action IN ('accepted', 'acceptance_withdrawn', 'acceptance_expired')
                   ORDER BY h.finding, h.at";
        let reading = reading.with("checks", texts(checks));
        let mut exceptions = Self::default();
        let mut open: Option<(Exception, bool)> = None;
        let mut files = None;
        reading
            .each(sql, |seen| {
                let cells = match seen {
                    Seen::Columns(names) => {
                        // The last column is for us: it may change later.
                        let names: Vec<String> =
                            names[..names.len() - 1].iter().map(|name| (*name).to_owned()).collect();
                        files = Some(RowFiles::begin(folder, "exceptions/decisions", &names)?);
                        return Ok(());
                    }
                    Seen::Row(cells) => cells,
                };
                let finding = integer(&cells[0]);
                if open.as_ref().is_none_or(|(exception, _)| exception.finding != finding) {
                    exceptions.settle(open.take(), as_of);
                }
                let is_failing = moment(&cells[9]).is_none_or(|resolved| resolved > as_of);
                open = exception_of(&cells).map(|exception| (exception, is_failing));
                let row: Vec<Value> = cells.into_iter().take(9).map(value_of).collect();
                files.as_mut().map_or(Ok(()), |files| files.push(&row))?;
                Ok(())
            })
            .await?;
        exceptions.settle(open, as_of);
        files.map_or(Ok(0), |files| files.finish(folder))?;
        Ok(exceptions)
    }

    /// Counts what the last decision about a finding means.
    fn settle(&mut self, decided: Option<(Exception, bool)>, as_of: Timestamp) {
        let Some((exception, is_failing)) = decided else { return };
        if exception.until.is_some_and(|until| until <= as_of) {
            return;
        }
        self.count += 1;
        if is_failing && EXCUSING.contains(&exception.kind.as_str()) {
            *self.excused.entry(exception.check.clone()).or_default() += 1;
        }
        if self.shown.len() < MOST {
            self.shown.push(exception);
        }
    }
}

/// The acceptance that a line of the history tells; `None` when it takes one back.
fn exception_of(cells: &[Cell]) -> Option<Exception> {
    if text(&cells[6]).as_deref() != Some("accepted") {
        return None;
    }
    let detail = text(&cells[7]).unwrap_or_default();
    let (kind, rest) = detail.split_once(": ").unwrap_or(("", &detail));
    let (why, until) = match rest.rsplit_once(", until ") {
        Some((why, until)) => match until.parse().ok() {
            Some(until) => (why, Some(until)),
            None => (rest, None),
        },
        None => (rest, None),
    };
    Some(Exception {
        finding: integer(&cells[0]),
        check: text(&cells[1]).unwrap_or_default(),
        name: text(&cells[4]).unwrap_or_default(),
        kind: kind.to_owned(),
        why: why.to_owned(),
        by: text(&cells[8]).unwrap_or_default(),
        at: moment(&cells[5])?,
        until,
    })
}

/// A list for `IN (:name)`.
pub(super) fn texts(words: &[String]) -> Parameter {
    Parameter::List(words.iter().map(|word| Parameter::Text(word.clone())).collect())
}

/// Writes the findings that were open in the period.
pub(super) async fn write_findings(
    reading: &Reading<'_>,
    checks: &[String],
    folder: &mut PackFolder,
) -> Result<u64, PackError> {
    let sql = "SELECT f.number, f.check_id, f.resource_type, f.resource_id, f.name, f.severity, f.reason, f.opened_at,
                 CASE WHEN f.resolved_at <= :now THEN f.resolved_at END AS resolved_at, f.reopened, f.owner, f.due_at
               FROM findings f
               WHERE f.check_id IN (:checks) AND f.opened_at <= :now
                 AND (f.resolved_at IS NULL OR f.resolved_at >= :from)
               ORDER BY f.number";
    let mut files = None;
    reading
        .with("checks", texts(checks))
        .each(sql, |seen| {
            match seen {
                Seen::Columns(names) => {
                    let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
                    files = Some(RowFiles::begin(folder, "findings/findings", &names)?);
                }
                Seen::Row(cells) => {
                    let row: Vec<Value> = cells.into_iter().map(value_of).collect();
                    debug_assert!(!text_of(&row[0]).is_empty(), "a finding has a number");
                    files.as_mut().map_or(Ok(()), |files| files.push(&row))?;
                }
            }
            Ok(())
        })
        .await?;
    Ok(files.map_or(Ok(0), |files| files.finish(folder))?)
}
