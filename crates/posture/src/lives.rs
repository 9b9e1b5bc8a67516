//! What an outcome means for a finding's life: pure, so that every turn can be tested.
//!
//! A finding is resolved when two snapshots in a row show that its thing does not fail: one read alone can be a flaw of the
//! source. `unknown` neither opens nor resolves. What was resolved and fails again is reopened at once.

use store::findings::{CheckOutcome, FindingChange, FindingRow, KnownFinding, Seen};

/// What a failing thing changes.
pub(crate) fn failing(known: Option<&KnownFinding>, row: FindingRow) -> Option<FindingChange> {
    let Some(known) = known else { return Some(FindingChange::Opened(row)) };
    let is_same = known.content == row.content && known.seen == Seen::As(CheckOutcome::Fail) && !known.is_resolved;
    if is_same {
        return None;
    }
    let changed = known.severity != row.severity;
    Some(FindingChange::Failing { number: known.number, row, reopened: known.is_resolved, changed })
}

/// What a thing that does not fail changes for its finding.
pub(crate) fn not_failing(known: &KnownFinding, seen: Seen, snapshot: i64) -> Option<FindingChange> {
    if known.is_resolved {
        return None;
    }
    let (passing_snapshot, resolved) = match (seen, known.passing_snapshot) {
        (Seen::As(CheckOutcome::Unknown), before) => (before, false),
        (_, None) => (Some(snapshot), false),
        (_, Some(before)) => (Some(before), before < snapshot),
    };
    if !resolved && known.seen == seen && known.passing_snapshot == passing_snapshot {
        return None;
    }
    Some(FindingChange::NotFailing { number: known.number, seen, passing_snapshot, resolved })
}

#[cfg(test)]
mod tests {
    use store::findings::Severity;

    use super::*;

    const FAIL: Seen = Seen::As(CheckOutcome::Fail);
    const PASS: Seen = Seen::As(CheckOutcome::Pass);
    const UNKNOWN: Seen = Seen::As(CheckOutcome::Unknown);

    fn known(seen: Seen, passing_snapshot: Option<i64>, is_resolved: bool) -> KnownFinding {
        KnownFinding {
            number: 7,
            content: [1; 16],
            severity: Severity::High,
            seen,
            is_resolved,
            passing_snapshot,
            accepted_rule: None,
            is_accepted: false,
        }
    }

    fn row(content: u8, severity: Severity) -> FindingRow {
        let (resource_id, name) = ("u1".to_owned(), "ann".to_owned());
        FindingRow {
            resource_id,
            name,
            severity,
            reason: "why".to_owned(),
            evidence: "{}".to_owned(),
            content: [content; 16],
        }
    }

    #[test]
    fn a_thing_that_fails_for_the_first_time_opens_a_finding() {
        assert!(matches!(failing(None, row(1, Severity::High)), Some(FindingChange::Opened(_))));
    }

    #[test]
    fn a_finding_that_stays_as_it_is_changes_nothing() {
        assert!(failing(Some(&known(FAIL, None, false)), row(1, Severity::High)).is_none());
        assert!(not_failing(&known(UNKNOWN, None, false), UNKNOWN, 9).is_none());
        assert!(not_failing(&known(PASS, Some(8), true), PASS, 9).is_none());
    }

    #[test]
    fn one_good_read_does_not_resolve_and_a_second_one_does() {
        let first = not_failing(&known(FAIL, None, false), PASS, 8).unwrap();
        assert!(matches!(first, FindingChange::NotFailing { resolved: false, passing_snapshot: Some(8), .. }));
        // The same snapshot looked at again is no second read.
        assert!(not_failing(&known(PASS, Some(8), false), PASS, 8).is_none());
        let second = not_failing(&known(PASS, Some(8), false), PASS, 9).unwrap();
        assert!(matches!(second, FindingChange::NotFailing { resolved: true, .. }));
    }

    #[test]
    fn a_thing_that_is_gone_is_resolved_only_when_it_stays_gone() {
        let first = not_failing(&known(FAIL, None, false), Seen::Gone, 8).unwrap();
        assert!(matches!(first, FindingChange::NotFailing { resolved: false, .. }));
        let back = failing(Some(&known(Seen::Gone, Some(8), false)), row(1, Severity::High)).unwrap();
        assert!(matches!(back, FindingChange::Failing { reopened: false, changed: false, .. }));
    }

    #[test]
    fn unknown_neither_resolves_nor_forgets_that_it_passed() {
        let change = not_failing(&known(FAIL, None, false), UNKNOWN, 8).unwrap();
        assert!(matches!(change, FindingChange::NotFailing { resolved: false, passing_snapshot: None, .. }));
        let change = not_failing(&known(PASS, Some(8), false), UNKNOWN, 9).unwrap();
        assert!(matches!(change, FindingChange::NotFailing { resolved: false, passing_snapshot: Some(8), .. }));
    }

    #[test]
    fn what_was_resolved_and_fails_again_is_reopened() {
        let change = failing(Some(&known(PASS, Some(8), true)), row(1, Severity::High)).unwrap();
        assert!(matches!(change, FindingChange::Failing { reopened: true, .. }));
    }

    #[test]
    fn another_severity_is_a_change_worth_telling_and_other_values_are_not() {
        let change = failing(Some(&known(FAIL, None, false)), row(2, Severity::Critical)).unwrap();
        assert!(matches!(change, FindingChange::Failing { changed: true, .. }));
        let change = failing(Some(&known(FAIL, None, false)), row(2, Severity::High)).unwrap();
        assert!(matches!(change, FindingChange::Failing { changed: false, .. }));
    }
}
