//! The state of a stream in plain words, worst first: what pages, `status`, `connection list` and `--check` go by.

use jiff::{SignedDuration, Timestamp};
use store::{Connection, Outcome, Stream};

use crate::schedule::Schedule;
use crate::when::relative;

/// The state of one stream, from worst to best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the words say it")]
pub enum State {
    ActionRequired,
    Unreachable,
    Failing,
    Stalled,
    Late,
    Incomplete,
    Pending,
    Syncing,
    Active,
    Paused,
}

/// A stream's state with what there is to say about it.
#[derive(Debug, Clone)]
pub struct Condition {
    /// The state.
    pub state: State,
    /// What is wrong, if something is.
    pub reason: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
    /// The stable code of the failure, if it fails.
    pub code: Option<String>,
}

impl State {
    /// The words on pages and in tables.
    pub fn words(self) -> &'static str {
        match self {
            Self::ActionRequired => "Action required",
            Self::Unreachable => "Unreachable",
            Self::Failing => "Failing",
            Self::Stalled => "Stalled",
            Self::Late => "Late",
            Self::Incomplete => "Active, incomplete",
            Self::Pending => "Pending",
            Self::Syncing => "Syncing",
            Self::Active => "Active",
            Self::Paused => "Paused",
        }
    }

    /// The connection's own word beside its stream's state.
    pub fn connection_words(self) -> &'static str {
        match self {
            Self::ActionRequired => "Action required",
            Self::Unreachable => "Unreachable",
            Self::Failing | Self::Stalled => "Degraded",
            Self::Pending => "Not synced yet",
            Self::Paused => "Paused",
            Self::Late | Self::Incomplete | Self::Syncing | Self::Active => "Connected",
        }
    }
}

impl Condition {
    /// How a stream stands now. `holder`: who syncs it at this moment.
    pub fn of(connection: &Connection, stream: &Stream, holder: Option<&str>, now: Timestamp) -> Self {
        let state = &stream.state;
        let plain = |state| Self { state, reason: None, help: None, code: None };
        let explained = |kind| Self {
            state: kind,
            reason: state.failure.clone(),
            help: state.failure_help.clone(),
            code: state.failure_code.clone(),
        };
        if !connection.enabled {
            return plain(State::Paused);
        }
        if state.failures > 0 {
            let code = state.failure_code.as_deref().unwrap_or_default();
            return explained(match code {
                "unreachable" | "unavailable" => State::Unreachable,
                _ if waits_for_a_person(code) => State::ActionRequired,
                _ => State::Failing,
            });
        }
        if let Some(holder) = holder {
            return Self { reason: Some(holder.to_owned()), ..plain(State::Syncing) };
        }
        let Some(last) = state.last_success_at else { return plain(State::Pending) };
        let interval = stream
            .schedule
            .parse::<Schedule>()
            .map_or(SignedDuration::from_hours(24), |schedule| schedule.interval(now));
        let age = now.duration_since(last);
        let late =
            |state| Self { reason: Some(format!("the last sync ended {}", relative(last, now))), ..plain(state) };
        // A run takes a while itself: a tenth of the interval, and a minute, are allowed for it.
        let grace = interval / 10 + SignedDuration::from_mins(1);
        if age > interval * 2 + grace {
            return Self {
                help: Some("Is `jumpseat serve` running? `jumpseat sync` syncs now.".to_owned()),
                ..late(State::Stalled)
            };
        }
        if age > interval + grace {
            return late(State::Late);
        }
        if state.last_outcome == Some(Outcome::Incomplete) {
            return explained(State::Incomplete);
        }
        plain(State::Active)
    }
}

/// Failures, by their stable code, that go on until a person does something.
fn waits_for_a_person(code: &str) -> bool {
    matches!(
        code,
        "key_rejected"
            | "wrong_region"
            | "no_organization"
            | "organization_unclear"
            | "organization_changed"
            | "credential"
            | "sealed"
            | "not_permitted"
            | "not_licensed"
    )
}

#[cfg(test)]
mod tests {
    use store::{Place, StreamKind, StreamState};

    use super::*;

    fn now() -> Timestamp {
        "2026-11-20T12:00:00Z".parse().unwrap()
    }

    fn connection(enabled: bool) -> Connection {
        Connection {
            id: "c".to_owned(),
            name: "Acme".to_owned(),
            description: None,
            place: Place { region: None, console_url: String::new(), insights_url: String::new() },
            org_id: None,
            org_name: None,
            owner_name: None,
            owner_email: None,
            collector: None,
            enabled,
            credential_kind: "api_key".to_owned(),
            credential_last_four: String::new(),
            credential_client_id: None,
            credential_added_at: now(),
            credential_created_at: None,
            credential_expires_at: None,
            created_at: now(),
        }
    }

    fn condition(enabled: bool, state: StreamState) -> State {
        let stream = Stream {
            connection_id: "c".to_owned(),
            kind: StreamKind::Inventory,
            schedule: "12h".to_owned(),
            keep: None,
            asked: None,
            next_run_at: None,
            state,
        };
        Condition::of(&connection(enabled), &stream, None, now()).state
    }

    fn synced(hours_ago: i64) -> StreamState {
        StreamState {
            last_success_at: Some(now() - SignedDuration::from_hours(hours_ago)),
            last_outcome: Some(Outcome::Succeeded),
            ..StreamState::default()
        }
    }

    #[test]
    fn each_condition_has_its_word() {
        assert_eq!(condition(true, synced(1)), State::Active);
        assert_eq!(condition(true, synced(14)), State::Late);
        assert_eq!(condition(true, synced(30)), State::Stalled);
        assert_eq!(condition(true, StreamState::default()), State::Pending);
        assert_eq!(condition(false, synced(1)), State::Paused);
        assert_eq!(
            condition(true, StreamState { last_outcome: Some(Outcome::Incomplete), ..synced(1) }),
            State::Incomplete
        );
        let failed = |code: &str| StreamState { failures: 1, failure_code: Some(code.to_owned()), ..synced(1) };
        assert_eq!(condition(true, failed("key_rejected")), State::ActionRequired);
        assert_eq!(condition(true, failed("unreachable")), State::Unreachable);
        assert_eq!(condition(true, failed("store")), State::Failing);
    }
}
