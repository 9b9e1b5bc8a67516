//! Finds events: by time, kind and outcome, who took part, and words of the text; newest first or oldest first.
//!
//! The index is ordered by organization and time only. What narrows a search down in time is known without it: activity
//! tells the 64ths of days in which somebody took part in something, the counts tell the hours in which a kind occurred.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::ops::ControlFlow;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use jiff::Timestamp;

use super::activity::{Role, SLOT_MS, slots_of};
use super::hour::{DAY_MS, HOUR_MS, Hour};
use super::part::{key_of_id, may_hold};
use super::read_part::{Texts, load, split_place};
use super::row::{EventOutcome, Named, StoredEvent};
use super::terms::{Kind, cut, kinds_of};
use crate::db::Row;
use crate::layout::versions_name;
use crate::schema::Cell;
use crate::{Error, Result, Store};

/// Which events. An empty list and `None` mean any.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Organizations.
    pub org_ids: Vec<String>,
    /// From this moment on.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub to: Option<Timestamp>,
    /// Services, as the events name them.
    pub services: Vec<String>,
    /// Event types.
    pub types: Vec<String>,
    /// OCSF classes.
    pub classes: Vec<u16>,
    /// Outcomes.
    pub outcomes: Vec<EventOutcome>,
    /// Id or name of a user or administrator.
    pub user: Option<String>,
    /// Id or name of a device.
    pub device: Option<String>,
    /// Id or name of an application.
    pub application: Option<String>,
    /// The address that they came from.
    pub ip: Option<String>,
    /// The country that they came from, two letters.
    pub country: Option<String>,
    /// What the text contains; ASCII letters of either case.
    pub text: Option<String>,
}

impl EventFilter {
    /// Whether it asks for some kinds of events only.
    pub(super) fn asks_kind(&self) -> bool {
        !(self.services.is_empty() && self.types.is_empty() && self.classes.is_empty())
    }

    /// Whether it asks for events of this kind.
    pub(super) fn wants_kind(&self, kind: &Kind) -> bool {
        let wants = |list: &[String], text: &str| list.is_empty() || list.iter().any(|wanted| wanted == text);
        wants(&self.services, &kind.service)
            && wants(&self.types, &kind.event_type)
            && (self.classes.is_empty() || self.classes.contains(&kind.class_uid))
    }
}

/// Where in the order of time an event stands: searching goes on behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventCursor {
    time_ms: i64,
    uid: [u8; 16],
}

impl EventCursor {
    /// Behind this event.
    pub fn behind(event: &StoredEvent) -> Self {
        Self { time_ms: event.time_ms, uid: event.uid }
    }
}

impl fmt::Display for EventCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.time_ms, HEXLOWER.encode(&self.uid))
    }
}

impl FromStr for EventCursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let read = || {
            let (time_ms, uid) = text.rsplit_once('-')?;
            let uid = HEXLOWER.decode(uid.as_bytes()).ok()?.try_into().ok()?;
            Some(Self { time_ms: time_ms.parse().ok()?, uid })
        };
        read().ok_or_else(|| Error::Refused(format!("{text} is no place in a list of events; begin without one")))
    }
}

/// Some events of a search.
#[derive(Debug, Clone, Default)]
pub struct FoundEvents {
    /// The events, newest first.
    pub events: Vec<StoredEvent>,
    /// Where to go on; `None` at the end.
    pub next: Option<EventCursor>,
}

/// In which order events are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventOrder {
    /// The newest first.
    NewestFirst,
    /// The oldest first.
    OldestFirst,
}

impl Store {
    /// The newest events of a filter, or those behind a cursor; at most `limit`. `with_raw` reads their texts as well,
    /// which costs about a millisecond for each part that they lie in.
    ///
    /// # Errors
    /// [`Error::Refused`] when a part is damaged.
    pub async fn search_events(
        &self,
        filter: &EventFilter,
        after: Option<EventCursor>,
        limit: usize,
        with_raw: bool,
    ) -> Result<FoundEvents> {
        let mut events = Vec::new();
        for (org, org_id) in self.event_organizations(&filter.org_ids).await? {
            let mut reading = Reading::plan(self, org, org_id, filter, EventOrder::NewestFirst, after).await?;
            reading.with_raw = with_raw;
            let mut wanted = limit;
            while wanted > 0 {
                let found = reading.next(wanted).await?;
                if found.is_empty() {
                    break;
                }
                wanted -= found.len().min(wanted);
                events.extend(found);
            }
        }
        events.sort_by_key(|event| std::cmp::Reverse(EventCursor::behind(event)));
        events.truncate(limit);
        let next = events.last().filter(|_| events.len() == limit).map(EventCursor::behind);
        Ok(FoundEvents { events, next })
    }

    /// Hands out all events of a filter, organization after organization, without holding more than a few parts in
    /// memory; stops early when told to. Returns how many were handed out.
    ///
    /// # Errors
    /// As [`Store::search_events`].
    pub async fn export_events(
        &self,
        filter: &EventFilter,
        order: EventOrder,
        with_raw: bool,
        mut each: impl FnMut(StoredEvent) -> ControlFlow<()>,
    ) -> Result<u64> {
        const BATCH: usize = 1_000;
        let mut count = 0;
        for (org, org_id) in self.event_organizations(&filter.org_ids).await? {
            let mut reading = Reading::plan(self, org, org_id, filter, order, None).await?;
            reading.with_raw = with_raw;
            loop {
                let found = reading.next(BATCH).await?;
                if found.is_empty() {
                    break;
                }
                for event in found {
                    count += 1;
                    if each(event).is_break() {
                        return Ok(count);
                    }
                }
            }
        }
        Ok(count)
    }

    /// Finds events by the source's id or by identity (a UUID), with their texts. Ids are unique within an organization
    /// at best, so there may be several.
    ///
    /// # Errors
    /// As [`Store::search_events`].
    pub async fn events_by_id(&self, id: &str, org_ids: &[String]) -> Result<Vec<StoredEvent>> {
        let uid = uuid::Uuid::try_parse(id).ok().map(|uuid| *uuid.as_bytes());
        let key = key_of_id(id);
        let mut events = Vec::new();
        for (org, org_id) in self.event_organizations(org_ids).await? {
            let mut parts = Vec::new();
            self.db
                .each(
                    "SELECT number, first_ms, last_ms, filter FROM event_part WHERE org = $1",
                    vec![org.into()],
                    |row| {
                        let filter = row.bytes(3);
                        if may_hold(filter, &key) || uid.is_some_and(|uid| may_hold(filter, &uid)) {
                            parts.push((row.integer(0), row.integer(1), row.integer(2)));
                        }
                    },
                )
                .await?;
            if parts.is_empty() {
                continue;
            }
            let reading =
                Reading::plan(self, org, org_id, &EventFilter::default(), EventOrder::OldestFirst, None).await?;
            for (number, first_ms, last_ms) in parts {
                let part = load(&self.db, org, number).await?;
                let named = (0..part.len()).filter(|at| part.text(*at).is_some_and(|text| has_member(text, id)));
                let places: Vec<String> = named.map(|at| super::write::place(number, 0, at).to_string()).collect();
                let of_uid = uid.map_or("''".to_owned(), |uid| format!("'{}'", HEXLOWER.encode(&uid)));
                let hex = if self.db.is_postgres() { "encode(e.uid, 'hex')" } else { "lower(hex(e.uid))" };
                let found = reading
                    .rows(
                        &format!(
                            "({hex} = {of_uid} OR e.place IN ({}))",
                            if places.is_empty() { "-1".to_owned() } else { places.join(",") }
                        ),
                        vec![org.into(), first_ms.into(), (last_ms + 1).into()],
                        i64::MAX,
                    )
                    .await?;
                for mut event in found {
                    if event.part == number {
                        event.raw = part.text(event.position).map(str::to_owned);
                        events.push(event);
                    }
                }
            }
        }
        Ok(events)
    }

    /// The event of an identity and a time, with its text. Without reading what any other part may hold, unlike
    /// [`Store::events_by_id`].
    ///
    /// # Errors
    /// As [`Store::search_events`].
    pub async fn event_at(&self, org_id: &str, uid: uuid::Uuid, at: Timestamp) -> Result<Option<StoredEvent>> {
        let organizations = self.event_organizations(&[org_id.to_owned()]).await?;
        let Some((org, org_id)) = organizations.into_iter().next() else { return Ok(None) };
        let mut reading =
            Reading::plan(self, org, org_id, &EventFilter::default(), EventOrder::OldestFirst, None).await?;
        let at = at.as_millisecond();
        let args = vec![org.into(), at.into(), (at + 1).into(), Cell::Bytes(uid.as_bytes().to_vec())];
        let Some(mut event) = reading.rows("e.uid = $4", args, 1).await?.into_iter().next() else { return Ok(None) };
        event.raw = reading.texts.texts(org, &[(event.part, event.position)]).await?.into_iter().next();
        Ok(Some(event))
    }

    /// Organizations of which events are stored: all, or those of the list that there are.
    pub(super) async fn event_organizations(&self, org_ids: &[String]) -> Result<Vec<(i64, String)>> {
        let rows = self.db.fetch("SELECT org, org_id FROM event_org ORDER BY org_id", vec![]).await?;
        let all = rows.iter().map(|row| (row.integer(0), row.text(1)));
        Ok(all.filter(|(_, org_id)| org_ids.is_empty() || org_ids.contains(org_id)).collect())
    }
}

/// Whether a JSON object has a member of its own (not deeper) that is this text.
fn has_member(text: &str, id: &str) -> bool {
    text.contains(id)
        && serde_json::from_str::<HashMap<String, serde_json::Value>>(text)
            .is_ok_and(|members| members.values().any(|value| value.as_str() == Some(id)))
}

/// A span of time in milliseconds since 1970, the end not included.
type Span = (i64, i64);

/// The span from the beginning of the first to the end of the last of these; nothing, if there are none.
fn hull<'a>(spans: impl Iterator<Item = &'a Span>) -> Option<Span> {
    spans.copied().reduce(|whole, span| (whole.0.min(span.0), whole.1.max(span.1)))
}

/// One organization's events of a filter, being read.
pub(super) struct Reading<'s> {
    store: &'s Store,
    org: i64,
    org_id: String,
    kinds: HashMap<i64, Kind>,
    order: EventOrder,
    /// What is left to be read, in the order of reading. They do not overlap.
    spans: VecDeque<Span>,
    after: Option<EventCursor>,
    /// On columns of `event e`; only numbers of ours are in it, and `$1`, the organization.
    condition: String,
    country: Option<String>,
    text: Option<String>,
    pub(super) with_raw: bool,
    texts: Texts<'s>,
}

impl<'s> Reading<'s> {
    pub(super) async fn plan(
        store: &'s Store,
        org: i64,
        org_id: String,
        filter: &EventFilter,
        order: EventOrder,
        after: Option<EventCursor>,
    ) -> Result<Self> {
        let kinds = kinds_of(&store.db, org).await?;
        let mut reading = Self {
            store,
            org,
            org_id,
            kinds,
            order,
            spans: VecDeque::new(),
            after,
            condition: String::new(),
            country: filter.country.clone(),
            text: filter.text.as_ref().map(|text| text.to_ascii_lowercase()),
            with_raw: false,
            texts: Texts::new(&store.db),
        };
        let Some(whole) = reading.whole_span(filter).await? else { return Ok(reading) };
        let mut spans = vec![whole];
        let mut conditions = vec!["e.time_ms IS NOT NULL".to_owned()];
        let (by_kind, by_outcome) = (filter.asks_kind(), !filter.outcomes.is_empty());
        // What is not asked for is no condition: to look through a list of all kinds takes longer than to read a count.
        let mut of_count = String::new();
        if by_kind {
            let wanted = reading.kinds.iter().filter(|(_, kind)| filter.wants_kind(kind));
            let kinds: Vec<i64> = wanted.map(|(number, _)| *number).collect();
            conditions.push(format!("e.kind IN ({})", list(&kinds)));
            of_count = format!(" AND kind IN ({})", list(&kinds));
        }
        if by_outcome {
            let outcomes: Vec<i64> = filter.outcomes.iter().map(|outcome| outcome.number()).collect();
            conditions.push(format!("e.outcome IN ({})", list(&outcomes)));
            of_count = format!("{of_count} AND outcome IN ({})", list(&outcomes));
        }
        if by_kind || by_outcome {
            spans = common(&spans, &reading.hours_of(&of_count, whole).await?);
        }
        for (wanted, roles, columns, kinds) in [
            (
                &filter.user,
                &[Role::User, Role::Administrator][..],
                &["user_term", "administrator_term"][..],
                &[("user", &["username", "email"][..]), ("administrator", &["email"])][..],
            ),
            (&filter.device, &[Role::Device], &["device_term"], &[("device", &["hostname", "display_name"])]),
            (
                &filter.application,
                &[Role::Application],
                &["application_term"],
                &[("application", &["label", "display_name"])],
            ),
            (&filter.ip, &[Role::Address], &["origin_term"], &[]),
        ] {
            let Some(wanted) = wanted else { continue };
            let mut terms = reading.terms_named(wanted).await?;
            for (kind, known_by) in kinds {
                terms.extend(reading.terms_of_assets(kind, known_by, wanted).await?);
            }
            let any: Vec<String> = columns.iter().map(|column| format!("e.{column} IN ({})", list(&terms))).collect();
            conditions.push(format!("({})", any.join(" OR ")));
            spans = common(&spans, &reading.active_spans(roles, &terms, whole).await?);
        }
        if filter.country.is_some() {
            conditions.push("e.origin_term IN (SELECT number FROM event_term WHERE org = $1 AND kind = $4)".to_owned());
        }
        reading.condition = conditions.join(" AND ");
        reading.spans = match order {
            EventOrder::OldestFirst => spans.into(),
            EventOrder::NewestFirst => spans.into_iter().rev().collect(),
        };
        Ok(reading)
    }

    /// The span that the filter asks for, as far as there are events.
    async fn whole_span(&self, filter: &EventFilter) -> Result<Option<Span>> {
        let sql = "SELECT MIN(hour), MAX(hour) FROM event_window WHERE org = $1 AND stored > 0 AND removed_at IS NULL";
        let rows = self.store.db.fetch(sql, vec![self.org.into()]).await?;
        let (Some(first), Some(last)) = (rows[0].maybe_integer(0), rows[0].maybe_integer(1)) else { return Ok(None) };
        let mut from = Hour::from_number(first).start_ms();
        let mut to = Hour::from_number(last).end_ms();
        from = from.max(filter.from.map_or(i64::MIN, Timestamp::as_millisecond));
        // A moment between two milliseconds: the one before it belongs to what is before it.
        to = to.min(filter.to.map_or(i64::MAX, |to| {
            to.as_nanosecond().div_euclid(1_000_000) as i64 + i64::from(to.as_nanosecond().rem_euclid(1_000_000) > 0)
        }));
        match (self.order, self.after) {
            (EventOrder::NewestFirst, Some(after)) => to = to.min(after.time_ms.saturating_add(1)),
            (EventOrder::OldestFirst, Some(after)) => from = from.max(after.time_ms),
            (_, None) => {}
        }
        Ok((from < to).then_some((from, to)))
    }

    async fn terms_named(&self, wanted: &str) -> Result<Vec<i64>> {
        let rows = self
            .store
            .db
            .fetch(
                "SELECT number FROM event_term WHERE org = $1 AND name IN ($2, $3)
                 UNION SELECT number FROM event_term WHERE org = $1 AND id <> '' AND id IN ($2, $3)",
                vec![self.org.into(), cut(wanted).into(), cut(&wanted.to_lowercase()).into()],
            )
            .await?;
        Ok(rows.iter().map(|row| row.integer(0)).collect())
    }

    /// The terms of assets of this kind that the inventory knows by such a name, mail address or id, now or in the past. Some
    /// events name only an id and others only a name; one that names both is of this asset only if the id is its own.
    async fn terms_of_assets(&self, kind: &str, known_by: &[&str], wanted: &str) -> Result<Vec<i64>> {
        let Some(table) = self.store.tables.iter().find(|table| table.asset == Some(kind)) else {
            return Ok(Vec::new());
        };
        let has = |name: &&&str| table.columns.iter().any(|column| column.name == **name);
        let known_by: Vec<&&str> = known_by.iter().filter(has).collect();
        let named: Vec<String> = known_by.iter().map(|name| format!("\"{name}\" = $2")).collect();
        let names = known_by.iter().map(|name| format!(", \"{name}\"")).collect::<String>();
        let versions = versions_name(table);
        let any = std::iter::once("id = $2".to_owned()).chain(named).collect::<Vec<_>>().join(" OR ");
        let sql = format!("SELECT DISTINCT id{names} FROM {versions} WHERE org_id = $1 AND ({any})");
        let assets = self.store.db.fetch(&sql, vec![self.org_id.as_str().into(), wanted.into()]).await?;
        let mut terms = Vec::new();
        for asset in assets {
            let id = asset.text(0);
            let rows = self.store.db.fetch(
                "SELECT number FROM event_term WHERE org = $1 AND id <> '' AND id = $2",
                vec![self.org.into(), cut(&id).into()],
            );
            terms.extend(rows.await?.iter().map(|row| row.integer(0)));
            for name in (1..=known_by.len()).map(|at| asset.text(at)).filter(|name| !name.is_empty()) {
                let rows = self.store.db.fetch(
                    "SELECT number FROM event_term WHERE org = $1 AND name IN ($2, $3) AND id = ''",
                    vec![self.org.into(), cut(&name).into(), cut(&name.to_lowercase()).into()],
                );
                terms.extend(rows.await?.iter().map(|row| row.integer(0)));
            }
        }
        Ok(terms)
    }

    /// The 64ths of days in which any of these took part in something.
    async fn active_spans(&self, roles: &[Role], terms: &[i64], (from, to): Span) -> Result<Vec<Span>> {
        let (first, last) = (from.div_euclid(DAY_MS), (to - 1).div_euclid(DAY_MS));
        let days = slots_of(&self.store.db, self.org, roles, terms, first, last).await?;
        let mut slots: Vec<i64> = days
            .iter()
            .flat_map(|(day, slots)| {
                (0..64).filter(move |slot| slots >> slot & 1 == 1).map(move |slot| day * 64 + slot)
            })
            .collect();
        slots.sort_unstable();
        Ok(joined(slots.into_iter().map(|slot| (slot * SLOT_MS, (slot + 1) * SLOT_MS))))
    }

    /// The hours of which there are counts that meet a condition.
    async fn hours_of(&self, condition: &str, (from, to): Span) -> Result<Vec<Span>> {
        let sql = format!(
            "SELECT DISTINCT hour FROM event_count WHERE org = $1 AND hour >= $2 AND hour <= $3{condition} ORDER BY hour"
        );
        let args = vec![self.org.into(), from.div_euclid(HOUR_MS).into(), (to - 1).div_euclid(HOUR_MS).into()];
        let rows = self.store.db.fetch(&sql, args).await?;
        Ok(joined(
            rows.iter().map(|row| Hour::from_number(row.integer(0))).map(|hour| (hour.start_ms(), hour.end_ms())),
        ))
    }

    /// The next events, at most `most`; none at the end.
    pub(super) async fn next(&mut self, most: usize) -> Result<Vec<StoredEvent>> {
        /// Fewer are not read at once when texts are searched.
        const LEAST: usize = 200;
        let most = if self.text.is_some() { most.max(LEAST) } else { most };
        /// Spans of one question: PostgreSQL plans each for longer than it reads a span, SQLite does not.
        const SPANS: usize = 64;
        let at_once = if self.store.db.is_postgres() { SPANS } else { 1 };
        while let Some((mut from, mut to)) = hull(self.spans.iter().take(at_once)) {
            let mut args = vec![Cell::Integer(self.org)];
            let mut condition = self.condition.clone();
            if let Some(after) = self.after {
                let sign = match self.order {
                    EventOrder::NewestFirst => {
                        to = to.min(after.time_ms.saturating_add(1));
                        '<'
                    }
                    EventOrder::OldestFirst => {
                        from = from.max(after.time_ms);
                        '>'
                    }
                };
                let number = if self.country.is_some() { 5 } else { 4 };
                condition = format!("{condition} AND (e.time_ms {sign} ${number} OR e.uid {sign} ${})", number + 1);
            }
            args.extend([Cell::Integer(from), Cell::Integer(to)]);
            args.extend(self.country.as_deref().map(Cell::from));
            if let Some(after) = self.after {
                args.extend([Cell::Integer(after.time_ms), Cell::Bytes(after.uid.to_vec())]);
            }
            let asked: Vec<Span> = self.spans.iter().take(at_once).copied().collect();
            let mut found = self.rows_in(&asked, &condition, args, i64::try_from(most).unwrap_or(i64::MAX)).await?;
            if found.len() < most {
                self.spans.drain(..asked.len());
            }
            self.after = found.last().map(EventCursor::behind).or(self.after);
            if self.with_raw || self.text.is_some() {
                let places: Vec<(i64, usize)> = found.iter().map(|event| (event.part, event.position)).collect();
                let texts = self.texts.texts(self.org, &places).await?;
                for (event, text) in found.iter_mut().zip(texts) {
                    event.raw = Some(text);
                }
            }
            if let Some(text) = &self.text {
                found.retain(|event| event.raw.as_ref().is_some_and(|raw| raw.to_ascii_lowercase().contains(text)));
            }
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }

    /// Rows of the index that meet a condition; `$1` organization, `$2` and `$3` the span.
    async fn rows(&self, condition: &str, args: Vec<Cell>, limit: i64) -> Result<Vec<StoredEvent>> {
        self.rows_in(&[], condition, args, limit).await
    }

    /// The same; of several spans only what lies in one of them.
    async fn rows_in(
        &self,
        spans: &[Span],
        condition: &str,
        mut args: Vec<Cell>,
        limit: i64,
    ) -> Result<Vec<StoredEvent>> {
        let way = match self.order {
            EventOrder::NewestFirst => "DESC",
            EventOrder::OldestFirst => "ASC",
        };
        let named: String =
            TERMS.iter().map(|(alias, _)| format!(", {alias}.id, {alias}.name, {alias}.kind")).collect();
        let joins: String = TERMS
            .iter()
            .map(|(alias, column)| {
                format!(" LEFT JOIN event_term {alias} ON {alias}.org = e.org AND {alias}.number = e.{column}")
            })
            .collect();
        // Only PostgreSQL is ever asked about several. It takes them as texts, so that the question stays the same.
        let mut source = "event e".to_owned();
        if spans.len() > 1 {
            let text = |bounds: &mut dyn Iterator<Item = i64>| {
                Cell::from(bounds.map(|ms| ms.to_string()).collect::<Vec<_>>().join(","))
            };
            args.push(text(&mut spans.iter().map(|span| span.0)));
            args.push(text(&mut spans.iter().map(|span| span.1)));
            source = format!(
                "UNNEST(string_to_array(${}, ',')::bigint[], string_to_array(${}, ',')::bigint[]) s(since, until)
                 CROSS JOIN LATERAL (SELECT * FROM event i WHERE i.org = $1 AND i.time_ms >= s.since AND i.time_ms < s.until) e",
                args.len() - 1,
                args.len(),
            );
        }
        // The limit is applied before the names are looked up.
        let sql = format!(
            "SELECT e.time_ms, e.uid, e.place, e.kind, e.outcome, e.mfa{named} FROM (
               SELECT e.* FROM {source} WHERE e.org = $1 AND e.time_ms >= $2 AND e.time_ms < $3 AND {condition}
               ORDER BY e.time_ms {way}, e.uid {way} LIMIT {limit}
             ) e{joins} ORDER BY e.time_ms {way}, e.uid {way}"
        );
        Ok(self.store.db.fetch(&sql, args).await?.iter().map(|row| self.event_of(row)).collect())
    }

    fn event_of(&self, row: &Row) -> StoredEvent {
        let text = |at| row.maybe_text(at).filter(|text| !text.is_empty());
        let named = |term: usize| Named { id: text(6 + term * 3), name: text(7 + term * 3) };
        let kind = self.kinds.get(&row.integer(3)).cloned().unwrap_or_default();
        let some = |text: String| (!text.is_empty()).then_some(text);
        let (part, position) = split_place(row.integer(2));
        StoredEvent {
            org_id: self.org_id.clone(),
            uid: row.bytes(1).try_into().unwrap_or_default(),
            time_ms: row.integer(0),
            service: some(kind.service),
            event_type: some(kind.event_type),
            class_uid: kind.class_uid,
            activity_id: kind.activity_id,
            activity_name: kind.activity_name,
            severity_id: kind.severity_id,
            is_mapped: kind.is_mapped,
            mapping: kind.mapping,
            outcome: EventOutcome::from_number(row.integer(4)),
            mfa: matches!(row.0[5], Cell::Boolean(_)).then(|| row.boolean(5)),
            user: named(0),
            administrator: named(1),
            device: named(2),
            application: named(3),
            target: named(4),
            target_kind: text(8 + 4 * 3),
            src_ip: named(5).name,
            country: text(8 + 5 * 3),
            reason: named(6).name,
            part,
            position,
            raw: None,
        }
    }
}

/// The columns of an index row that are terms, with the names that a query gives to what they stand for.
pub(crate) const TERMS: [(&str, &str); 7] = [
    ("u", "user_term"),
    ("a", "administrator_term"),
    ("d", "device_term"),
    ("p", "application_term"),
    ("t", "target_term"),
    ("f", "origin_term"),
    ("r", "reason_term"),
];

/// Numbers as an SQL list; none are a list that nothing is in.
pub(super) fn list(numbers: &[i64]) -> String {
    match numbers {
        [] => "NULL".to_owned(),
        _ => numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
    }
}

/// Joins spans that touch each other; they come in order.
fn joined(spans: impl Iterator<Item = Span>) -> Vec<Span> {
    let mut joined: Vec<Span> = Vec::new();
    for (from, to) in spans {
        match joined.last_mut() {
            Some(last) if last.1 >= from => last.1 = last.1.max(to),
            _ => joined.push((from, to)),
        }
    }
    joined
}

/// What lies in both; each is in order and without overlap.
fn common(some: &[Span], others: &[Span]) -> Vec<Span> {
    let (mut a, mut b) = (0, 0);
    let mut common = Vec::new();
    while let (Some(one), Some(other)) = (some.get(a), others.get(b)) {
        let (from, to) = (one.0.max(other.0), one.1.min(other.1));
        if from < to {
            common.push((from, to));
        }
        if one.1 < other.1 { a += 1 } else { b += 1 }
    }
    common
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn holds(spans: &[Span], at: i64) -> bool {
        spans.iter().any(|(from, to)| (*from..*to).contains(&at))
    }

    proptest! {
        #[test]
        fn what_is_common_is_in_both(
            some in prop::collection::btree_set(0_i64..40, 0..20), others in prop::collection::btree_set(0_i64..40, 0..20),
        ) {
            let spans = |set: &std::collections::BTreeSet<i64>| joined(set.iter().map(|at| (at * 3, at * 3 + 3)));
            let both = common(&spans(&some), &spans(&others));
            for at in 0..130 {
                prop_assert_eq!(holds(&both, at), some.contains(&(at / 3)) && others.contains(&(at / 3)), "{}", at);
            }
        }
    }

    #[test]
    fn a_cursor_is_read_as_it_is_written() {
        let cursor = EventCursor { time_ms: -5, uid: [7; 16] };
        assert_eq!(cursor.to_string().parse::<EventCursor>().unwrap(), cursor);
        assert!("x".parse::<EventCursor>().is_err());
    }
}
