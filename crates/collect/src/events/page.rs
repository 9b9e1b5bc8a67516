//! A page of events on its way into the store: facts by the mapper, identity, and where it belongs.

use std::collections::HashSet;

use jiff::Timestamp;
use ocsf::{Event, Facts, Labels, MAPPING_VERSION, Mapper, Named, Outcome, Received};
use serde::Deserialize;
use store::events::{EventOutcome, EventRow, EventWriter, Hour, PageWritten, Party};

use super::plan::Position;
use crate::error::Error;

/// What came of one page.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Rows in it.
    pub documents: u64,
    /// Rows that an earlier row of the same pass had already said, and rows of the next hour's first moment. They are
    /// in JumpCloud's count of this hour, and no events of it.
    pub not_of_hour: u64,
    /// Rows that were new in the pass.
    pub new: u64,
    /// What the store says.
    pub written: PageWritten,
}

/// Where a page belongs, and how far the hour is read with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Behind<'a> {
    pub hour: Hour,
    pub position: &'a Position,
    /// The hour is read to its end.
    pub is_end: bool,
}

/// Turns pages into rows. Keeps one mapper for each row of a page, since all rows of a page are looked at together.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    mappers: Vec<Mapper>,
}

impl Pages {
    /// Stores a page together with the position behind it. `seen` are the identities of the pass so far.
    ///
    /// # Errors
    /// [`Error::OrganizationChanged`] when a row names another organization; nothing of the page is stored then.
    pub(crate) async fn write(
        &mut self,
        writer: &mut EventWriter,
        raw: &jumpcloud::EventPage,
        behind: Behind<'_>,
        seen: &mut HashSet<[u8; 16]>,
        now: Timestamp,
    ) -> Result<Taken, Error> {
        if self.mappers.len() < raw.len() {
            self.mappers.resize_with(raw.len(), Mapper::new);
        }
        let Behind { hour, position, is_end: is_last } = behind;
        let org_id = writer.org_id().to_owned();
        let received = Received { organization: Some(&org_id), with_raw: false, ..Received::at(0) };
        let mut rows = Vec::with_capacity(raw.len());
        let mut taken = Taken { documents: raw.len() as u64, ..Taken::default() };
        for (mapper, text) in self.mappers.iter_mut().zip(raw.rows()) {
            let event = mapper.read(text);
            let row = row(&event, &received, hour)?;
            let is_next_hours = row.time_ms == Some(hour.end_ms());
            let is_new = seen.insert(row.uid);
            taken.new += u64::from(is_new);
            taken.not_of_hour += u64::from(!is_new || is_next_hours);
            rows.push(row);
        }
        let text = position.text();
        let page = store::events::EventPage {
            window: hour,
            rows: &rows,
            position: Some(&text),
            is_last,
            mapping: MAPPING_VERSION,
        };
        taken.written = writer.write_page(&page, now).await?;
        Ok(taken)
    }
}

/// Notes a position without any events.
pub(crate) async fn write_position(
    writer: &mut EventWriter,
    hour: Hour,
    position: &Position,
    is_last: bool,
    now: Timestamp,
) -> Result<(), Error> {
    let text = position.text();
    let page =
        store::events::EventPage { window: hour, rows: &[], position: Some(&text), is_last, mapping: MAPPING_VERSION };
    writer.write_page(&page, now).await?;
    Ok(())
}

/// What the index says of an event, as the mapper reads it.
pub(super) fn row<'a>(event: &Event<'a>, received: &Received<'_>, hour: Hour) -> Result<EventRow<'a>, Error> {
    let facts = event.facts();
    let expected = received.organization.unwrap_or_default();
    if facts.organization.is_some_and(|named| named != expected)
        && let Some(found) = other_organization(event.raw(), expected)
    {
        return Err(Error::OrganizationChanged { table: "events", expected: expected.to_owned(), found });
    }
    Ok(EventRow {
        uid: event.uid(received).into_bytes(),
        id: facts.id,
        time_ms: own_time(&facts, hour),
        service: facts.service,
        event_type: facts.event_type,
        class_uid: facts.class_uid,
        activity_id: facts.activity_id,
        activity_name: facts.activity_name,
        severity_id: facts.severity_id,
        is_mapped: !facts.labels.contains(Labels::EVENT_TYPE_UNMAPPED) && !facts.labels.contains(Labels::MALFORMED),
        outcome: match facts.outcome {
            Outcome::Unknown => EventOutcome::Unknown,
            Outcome::Success => EventOutcome::Success,
            Outcome::Failure => EventOutcome::Failure,
            Outcome::Other => EventOutcome::Other,
        },
        mfa: facts.mfa,
        is_cleartext: facts.is_cleartext,
        by_api_key: facts.by_api_key,
        user: party(facts.user),
        administrator: party(facts.administrator),
        device: party(facts.device),
        application: party(facts.application),
        target_kind: facts.target.kind,
        target: Party { id: facts.target.id, name: facts.target.name },
        src_ip: facts.src_ip,
        country: facts.country,
        reason: facts.reason,
        raw: event.raw(),
    })
}

/// The time that an event tells, if JumpCloud files it there. What tells a time outside the hour in which it was found
/// tells a wrong one. The hour's end is not outside: nothing published says whether a range includes its end.
fn own_time(facts: &Facts<'_>, hour: Hour) -> Option<i64> {
    facts.time_ms.filter(|at| (hour.start_ms()..=hour.end_ms()).contains(at))
}

/// The organization that an event names, if it is another one. Events of a provider's portal name a provider only.
fn other_organization(raw: &str, expected: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Tenant {
        organization: Option<String>,
    }
    let named = serde_json::from_str::<Tenant>(raw).ok()?.organization?;
    (!named.is_empty() && named != expected).then_some(named)
}

fn party<'a>(named: Named<'a>) -> Party<'a> {
    Party { id: named.id, name: named.name }
}
