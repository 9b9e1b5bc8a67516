//! What users, administrators, devices, applications and addresses did on each day: a fact by itself ("last sign-in"),
//! and the way to the events of one of them without an index over all.

use std::collections::HashMap;

use super::bulk::Bulk;
use super::hour::DAY_MS;
use super::row::EventOutcome;
use crate::Result;
use crate::db::{Db, Tx};
use crate::schema::Cell;

/// Who or what a row of activity is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Role {
    User = 1,
    Administrator = 2,
    Device = 3,
    Application = 4,
    Address = 5,
}

impl Role {
    const ALL: [Self; 5] = [Self::User, Self::Administrator, Self::Device, Self::Application, Self::Address];
}

/// OCSF Authentication.
pub(crate) const SIGN_IN: u16 = 3002;

/// A slot is a 64th of a day: 22.5 minutes.
pub(crate) const SLOT_MS: i64 = DAY_MS / 64;

#[derive(Debug, Default)]
struct Day {
    events: i64,
    failures: i64,
    sign_ins: i64,
    failed_sign_ins: i64,
    first_ms: i64,
    last_ms: i64,
    last_sign_in_ms: Option<i64>,
    slots: i64,
}

/// The activity of one page.
#[derive(Debug, Default)]
pub(crate) struct Activity(hashbrown::HashMap<(i64, i64, i64), Day>);

impl Activity {
    /// Notes that somebody was part of an event.
    fn add(&mut self, role: Role, term: i64, time_ms: i64, class_uid: u16, outcome: EventOutcome) {
        let (day, ms) = (time_ms.div_euclid(DAY_MS), time_ms.rem_euclid(DAY_MS));
        let row = self.0.entry((day, role as i64, term)).or_insert_with(|| Day { first_ms: ms, ..Day::default() });
        row.events += 1;
        row.first_ms = row.first_ms.min(ms);
        row.last_ms = row.last_ms.max(ms);
        row.slots |= 1 << (ms / SLOT_MS);
        let is_sign_in = class_uid == SIGN_IN;
        match outcome {
            EventOutcome::Failure => {
                row.failures += 1;
                row.failed_sign_ins += i64::from(is_sign_in);
            }
            EventOutcome::Success if is_sign_in => {
                row.sign_ins += 1;
                row.last_sign_in_ms = row.last_sign_in_ms.max(Some(ms));
            }
            _ => {}
        }
    }

    /// Notes an event for its user, administrator, device, application and address.
    pub(crate) fn add_event(&mut self, parties: [Option<i64>; 5], time_ms: i64, class_uid: u16, outcome: EventOutcome) {
        for (role, term) in Role::ALL.into_iter().zip(parties) {
            if let Some(term) = term {
                self.add(role, term, time_ms, class_uid, outcome);
            }
        }
    }

    pub(crate) async fn write(self, tx: &mut Tx, org: i64) -> Result<()> {
        const DAYS: Bulk = Bulk {
            into: "event_activity (org, day, role, term, events, failures, sign_ins, failed_sign_ins, first_ms,
                     last_ms, last_sign_in_ms, slots)",
            width: 12,
            tail: "ON CONFLICT (org, day, role, term) DO UPDATE SET events = event_activity.events + excluded.events,
                     failures = event_activity.failures + excluded.failures,
                     sign_ins = event_activity.sign_ins + excluded.sign_ins,
                     failed_sign_ins = event_activity.failed_sign_ins + excluded.failed_sign_ins,
                     first_ms = CASE WHEN excluded.first_ms < event_activity.first_ms THEN excluded.first_ms ELSE event_activity.first_ms END,
                     last_ms = CASE WHEN excluded.last_ms > event_activity.last_ms THEN excluded.last_ms ELSE event_activity.last_ms END,
                     last_sign_in_ms = CASE WHEN COALESCE(excluded.last_sign_in_ms, -1) > COALESCE(event_activity.last_sign_in_ms, -1)
                       THEN excluded.last_sign_in_ms ELSE event_activity.last_sign_in_ms END,
                     slots = event_activity.slots | excluded.slots",
        };
        let mut days: Vec<_> = self.0.into_iter().collect();
        days.sort_unstable_by_key(|(key, _)| *key);
        DAYS.run_made(tx, days.len(), |places| {
            let mut cells = Vec::with_capacity(places.len() * DAYS.width);
            for ((day, role, term), row) in &days[places] {
                cells.extend([org, *day, *role, *term, row.events, row.failures, row.sign_ins].map(Cell::Integer));
                cells.extend([row.failed_sign_ins, row.first_ms, row.last_ms].map(Cell::Integer));
                cells.push(row.last_sign_in_ms.into());
                cells.push(Cell::Integer(row.slots));
            }
            cells
        })
        .await
    }
}

/// The slots of each day in which any of `terms` acted in any of `roles`, for the days `from..=to`.
pub(crate) async fn slots_of(
    db: &Db,
    org: i64,
    roles: &[Role],
    terms: &[i64],
    from: i64,
    to: i64,
) -> Result<HashMap<i64, i64>> {
    const DAYS: usize = 64;
    let mut slots = HashMap::new();
    if terms.is_empty() {
        return Ok(slots);
    }
    let list = |numbers: &mut dyn Iterator<Item = i64>| numbers.map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let days: Vec<i64> = (from..=to).collect();
    for chunk in days.chunks(DAYS) {
        // Every day, role and term is one step into the key.
        let sql = format!(
            "SELECT day, slots FROM event_activity WHERE org = $1 AND day IN ({}) AND role IN ({}) AND term IN ({})",
            list(&mut chunk.iter().copied()),
            list(&mut roles.iter().map(|role| *role as i64)),
            list(&mut terms.iter().copied()),
        );
        for row in db.fetch(&sql, vec![org.into()]).await? {
            *slots.entry(row.integer(0)).or_insert(0) |= row.integer(1);
        }
    }
    Ok(slots)
}
