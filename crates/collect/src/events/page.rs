//! A page of events on its way into the store: facts by the mapper, identity, and where it belongs.

use std::collections::HashSet;
use std::sync::Arc;

use bumpalo::Bump;
use jiff::Timestamp;
use jumpcloud::EventPage;
use ocsf::{Facts, Labels, MAPPING_VERSION, Mapper, Named, Outcome, Received};
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

/// What a page's rows borrow from: the page as it came, and the texts that had to be decoded.
pub(crate) struct Source {
    page: EventPage,
    texts: Bump,
}

type Rows<'a> = Vec<EventRow<'a>>;

self_cell::self_cell!(
    /// A page of events of one hour, as rows of the index.
    pub(crate) struct MappedPage {
        owner: Source,
        #[covariant]
        dependent: Rows,
    }
);

impl MappedPage {
    /// Reads a page that was asked for `hour`.
    ///
    /// # Errors
    /// [`Error::OrganizationChanged`] when a row names another organization than `org_id`.
    fn of(page: EventPage, org_id: &str, hour: Hour) -> Result<Self, Error> {
        let received = Received { organization: Some(org_id), with_raw: false, ..Received::at(0) };
        Self::try_new(Source { page, texts: Bump::new() }, |source| {
            // One for all rows, which stays in the processor's cache.
            let mut mapper = Mapper::new();
            source.page.rows().map(|raw| row(&mut mapper, raw, &source.texts, &received, hour)).collect()
        })
    }

    /// Reads a page beside what else is done: it takes a processor for some milliseconds.
    ///
    /// # Errors
    /// As [`MappedPage::of`].
    pub(crate) async fn beside(page: EventPage, org_id: Arc<str>, hour: Hour) -> Result<Self, Error> {
        store::beside(move || Self::of(page, &org_id, hour)).await
    }

    /// The page as it came.
    pub(crate) fn page(&self) -> &EventPage {
        &self.borrow_owner().page
    }

    /// Stores the page together with the position behind it. `seen` are the identities of the pass so far.
    pub(crate) async fn write(
        self,
        writer: &mut EventWriter,
        behind: Behind<'_>,
        seen: &mut HashSet<[u8; 16]>,
        now: Timestamp,
    ) -> Result<Taken, Error> {
        let Behind { hour, position, is_end: is_last } = behind;
        let rows = self.borrow_dependent();
        let mut taken = Taken { documents: rows.len() as u64, ..Taken::default() };
        for row in rows {
            let is_next_hours = row.time_ms == Some(hour.end_ms());
            let is_new = seen.insert(row.uid);
            taken.new += u64::from(is_new);
            taken.not_of_hour += u64::from(!is_new || is_next_hours);
        }
        let text = position.text();
        let page =
            store::events::EventPage { window: hour, rows, position: Some(&text), is_last, mapping: MAPPING_VERSION };
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

/// What the index says of an event, as the mapper reads it; `texts` keeps what the mapper would forget.
///
/// # Errors
/// [`Error::OrganizationChanged`] when the event names another organization.
pub(super) fn row<'a>(
    mapper: &mut Mapper,
    raw: &'a str,
    texts: &'a Bump,
    received: &Received<'_>,
    hour: Hour,
) -> Result<EventRow<'a>, Error> {
    let event = mapper.read(raw);
    let facts = event.facts();
    let expected = received.organization.unwrap_or_default();
    if facts.organization.is_some_and(|named| named != expected)
        && let Some(found) = other_organization(raw, expected)
    {
        return Err(Error::OrganizationChanged { table: "events", expected: expected.to_owned(), found });
    }
    let keep = |text: Option<&str>| text.map(|text| &*texts.alloc_str(text));
    let party = |named: Named<'_>| Party { id: keep(named.id), name: keep(named.name) };
    Ok(EventRow {
        uid: event.uid(received).into_bytes(),
        id: keep(facts.id),
        time_ms: own_time(&facts, hour),
        service: keep(facts.service),
        event_type: keep(facts.event_type),
        class_uid: facts.class_uid,
        activity_id: facts.activity_id,
        activity_name: texts.alloc_str(facts.activity_name),
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
        target_kind: keep(facts.target.kind),
        target: Party { id: keep(facts.target.id), name: keep(facts.target.name) },
        src_ip: keep(facts.src_ip),
        country: keep(facts.country),
        reason: keep(facts.reason),
        raw,
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
