//! Directory Insights: the routes of events and reports.
//! Responsible for admission, pages, counts and buckets. What happened is in `events`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::call::Answer;
use crate::credentials::Role;
use crate::dice::mix;
use crate::events::feed::Feed;
use crate::events::hour::Hour;
use crate::events::query::Query;
use crate::events::search;
use crate::events::shapes;
use crate::events::slot::{Slot, uuid};
use crate::id::Id;
use crate::oddity::Oddity;
use crate::time::{DAY, HOUR, MINUTE, SECOND, text};
use crate::world::Scene;

/// The most buckets that an answer holds.
const MOST_BUCKETS: usize = 10_000;

/// Answers a route below `/insights/directory/v1`.
pub(crate) fn route(scene: &Scene<'_>, parts: &[&str]) -> Option<Answer> {
    let known = matches!(
        parts,
        ["events"]
            | ["events", "count" | "distinct" | "interval"]
            | ["reports"]
            | ["reports", _, "artifacts", _, "content"]
    );
    if !known {
        return None;
    }
    Some(match feeds(scene) {
        Err(refusal) => *refusal,
        Ok(_) if parts[0] == "reports" => reports(scene, parts),
        Ok(feeds) => events(scene, &feeds, parts),
    })
}

/// The feeds that a call may read: the portal's, or those of all organizations that it names.
fn feeds<'a>(scene: &'a Scene<'_>) -> Result<Vec<&'a Feed>, Box<Answer>> {
    let refuse = |answer: Answer| Err(Box::new(answer));
    if scene.access.principal.role == Role::CommandRunner {
        return refuse(Answer::forbidden());
    }
    if let Some(wanted) = scene.call.header("x-provider-id").map(str::trim).filter(|text| !text.is_empty()) {
        let own =
            scene.access.principal.home.is_none() && scene.provider.is_some() && scene.provider == Id::parse(wanted);
        return match scene.portal.filter(|_| own) {
            Some(portal) => Ok(vec![portal]),
            None => refuse(Answer::forbidden()),
        };
    }
    let mut numbers = vec![scene.shown];
    // The first `x-org-id` was judged by admission; each further line is judged here.
    for (_, wanted) in scene.call.headers.iter().filter(|(name, _)| name == "x-org-id").skip(1) {
        let found =
            scene.organizations.iter().position(|organization| organization.profile.id.to_string() == wanted.trim());
        match found.filter(|number| scene.access.principal.home.is_none_or(|home| home == *number)) {
            Some(number) if !numbers.contains(&number) => numbers.push(number),
            Some(_) => {}
            None => return refuse(Answer::message(401, "Unauthorized")),
        }
    }
    for number in &numbers {
        let profile = &scene.organizations[*number].profile;
        if !profile.directory_insights {
            let status = if profile.oddities.has(Oddity::UnlicensedIsForbidden) { 403 } else { 402 };
            return refuse(Answer::message(status, "Directory Insights is not part of the plan"));
        }
    }
    Ok(numbers.into_iter().map(|number| &scene.feeds[number]).collect())
}

fn events(scene: &Scene<'_>, feeds: &[&Feed], parts: &[&str]) -> Answer {
    let Some(body) = scene.call.json() else { return Answer::message(400, "invalid JSON") };
    let inclusive = feeds.iter().any(|feed| feed.source.has(Oddity::InclusiveEndTime));
    let query = match Query::read(&body, scene.now, inclusive) {
        Ok(query) => query,
        Err(refusal) => return *refusal,
    };
    let reader = Reader { feeds, query: &query, now: scene.now };
    match parts {
        ["events", "count"] => count(scene, &reader),
        ["events", "distinct"] => distinct(feeds, &reader, &body),
        ["events", "interval"] => interval(&reader, &body),
        _ => page(scene, &reader),
    }
}

/// Goes through the events that a query asks for, in its order.
struct Reader<'a> {
    feeds: &'a [&'a Feed],
    query: &'a Query,
    now: i64,
}

/// Whether to go on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    On,
    Stop,
}

impl Reader<'_> {
    /// The oldest time that a feed still keeps.
    fn oldest(&self, feed: &Feed) -> i64 {
        (self.now - i64::from(feed.source.events.retention_days) * DAY).max(feed.source.profile.created_at)
    }

    /// Numbers of the hours that can hold what is asked for, in order.
    fn hours(&self) -> Vec<i64> {
        let oldest = self.feeds.iter().map(|feed| self.oldest(feed)).min().unwrap_or(self.now);
        // Clocks of devices run ahead by minutes, never by hours.
        let (mut from, mut to) = (self.query.from.max(oldest), self.query.to.min(self.now + 2 * HOUR));
        match self.query.after {
            Some((time, _)) if self.query.descending => to = to.min(time.saturating_add(1)),
            Some((time, _)) => from = from.max(time),
            None => {}
        }
        if from >= to {
            return Vec::new();
        }
        let hours = from.div_euclid(HOUR)..=(to - 1).div_euclid(HOUR);
        if self.query.descending { hours.rev().collect() } else { hours.collect() }
    }

    fn shows(&self, feed: &Feed, slot: &Slot) -> bool {
        slot.published() <= self.now
            && slot.time >= self.query.from
            && slot.time < self.query.to
            && slot.time >= self.oldest(feed)
            && self.query.wants(slot.kind().service)
    }

    /// Tells every event that is asked for, search terms left out, after the cursor.
    fn each(&self, mut tell: impl FnMut(&Feed, &Hour, &Slot) -> Step) {
        for number in self.hours() {
            let hours: Vec<(&Feed, Arc<Hour>)> = self.feeds.iter().map(|feed| (*feed, feed.hour(number))).collect();
            let step = match hours.as_slice() {
                [(feed, hour)] => self.each_of_one(feed, hour, &mut tell),
                hours => self.each_of_many(hours, &mut tell),
            };
            if step == Step::Stop {
                return;
            }
        }
    }

    /// The places of an hour's slots that lie after the cursor.
    fn range(&self, hour: &Hour) -> std::ops::Range<usize> {
        let slots = &hour.slots;
        match self.query.after {
            Some(after) if self.query.descending => 0..slots.partition_point(|slot| slot.order() < after),
            Some(after) => slots.partition_point(|slot| slot.order() <= after)..slots.len(),
            None => 0..slots.len(),
        }
    }

    fn each_of_one(&self, feed: &Feed, hour: &Hour, tell: &mut impl FnMut(&Feed, &Hour, &Slot) -> Step) -> Step {
        let slots = &hour.slots[self.range(hour)];
        let mut visit = |slot: &Slot| !self.shows(feed, slot) || tell(feed, hour, slot) == Step::On;
        let on = if self.query.descending { slots.iter().rev().all(&mut visit) } else { slots.iter().all(&mut visit) };
        if on { Step::On } else { Step::Stop }
    }

    fn each_of_many(&self, hours: &[(&Feed, Arc<Hour>)], tell: &mut impl FnMut(&Feed, &Hour, &Slot) -> Step) -> Step {
        let mut merged: Vec<(usize, &Slot)> = Vec::new();
        for (number, (feed, hour)) in hours.iter().enumerate() {
            let slots = hour.slots[self.range(hour)].iter();
            merged.extend(slots.filter(|slot| self.shows(feed, slot)).map(|slot| (number, slot)));
        }
        merged.sort_unstable_by_key(|(_, slot)| slot.order());
        if self.query.descending {
            merged.reverse();
        }
        let on = merged.into_iter().all(|(number, slot)| tell(hours[number].0, &hours[number].1, slot) == Step::On);
        if on { Step::On } else { Step::Stop }
    }

    /// Tells every event that is asked for, search terms included, as text.
    fn each_text(&self, mut tell: impl FnMut(&Slot, &str) -> Step) {
        let mut text = String::new();
        self.each(|feed, hour, slot| {
            text.clear();
            shapes::write(&feed.source, hour, slot, &mut text);
            if self.finds(&text) { tell(slot, &text) } else { Step::On }
        });
    }

    fn finds(&self, text: &str) -> bool {
        // What is no JSON for this parser is found only when everything is.
        self.query.search.finds_all()
            || serde_json::from_str(text).is_ok_and(|event: Value| self.query.search.finds(&event))
    }

    /// How many events are asked for, without looking into hours that are wholly asked for.
    fn count(&self) -> u64 {
        let mut count = 0;
        if !self.query.search.finds_all() {
            self.each_text(|_, _| {
                count += 1;
                Step::On
            });
            return count;
        }
        for number in self.hours() {
            for feed in self.feeds {
                let start = number * HOUR;
                let whole = self.query.services.is_none()
                    && self.query.after.is_none()
                    && start >= self.query.from.max(self.oldest(feed))
                    && start + HOUR <= self.query.to;
                let sum = whole.then(|| feed.sum(number)).filter(|(_, complete_at)| *complete_at <= self.now);
                count += match sum {
                    Some((slots, _)) => slots,
                    None => {
                        let hour = feed.hour(number);
                        hour.slots[self.range(&hour)].iter().filter(|slot| self.shows(feed, slot)).count() as u64
                    }
                };
            }
        }
        count
    }
}

/// A page of events.
fn page(scene: &Scene<'_>, reader: &Reader<'_>) -> Answer {
    let tamper = &scene.tamper.events;
    let query = reader.query;
    let limit = tamper.page_limit.map_or(query.limit, |rows| query.limit.min(rows.max(1)));
    let most = tamper.short.map_or(limit, |rows| limit.min(rows));
    let first_page = Query { after: None, ..query.clone() };
    let (asked, again) = (Reader { query: &first_page, ..*reader }, tamper.same_page);
    let reader = if again { &asked } else { reader };
    let mut rows = Rows { out: String::with_capacity(most.min(10_000) * 900 + 2), ..Rows::default() };
    rows.out.push('[');
    if tamper.overlap && query.after.is_some() {
        rows.last_of_the_page_before(reader, query);
    }
    let mut skipped = 0;
    if !tamper.empty {
        rows.fill(reader, most, query.skip, &mut skipped, tamper);
        // A service that never ends begins anew.
        while tamper.endless && rows.count > 0 && rows.count < most {
            rows.fill(&asked, most, 0, &mut 0, tamper);
        }
    }
    rows.out.push(']');
    let mut count = rows.count;
    if tamper.hollow {
        rows.out = "[]".to_owned();
        count = limit;
    }
    let cursor = match rows.last.or(query.after) {
        Some((time, key)) => format!("[{time},\"{}\"]", Id::new(time, key)),
        None => "[]".to_owned(),
    };
    let mut request = String::new();
    let seed = mix(scene.now as u64 ^ rows.out.len() as u64);
    uuid(seed, mix(seed), b"0123456789abcdef", &mut request);
    Answer::json(rows.out)
        .with_header("x-result-count", count.to_string())
        .with_header("x-limit", limit.to_string())
        .with_header("x-sort", if query.descending { "DESC" } else { "ASC" }.to_owned())
        .with_header("x-search_after", cursor)
        .with_header("x-request-id", request)
}

/// The rows of a page while it is being written.
#[derive(Default)]
struct Rows {
    out: String,
    count: usize,
    /// What the cursor names: time and key of the last row.
    last: Option<(i64, u64)>,
    written: usize,
}

impl Rows {
    fn fill(
        &mut self,
        reader: &Reader<'_>,
        most: usize,
        skip: usize,
        skipped: &mut usize,
        tamper: &crate::faults::EventTamper,
    ) {
        reader.each(|feed, hour, slot| {
            if self.count >= most {
                return Step::Stop;
            }
            let start = self.out.len();
            self.separate();
            let row = self.out.len();
            shapes::write(&feed.source, hour, slot, &mut self.out);
            if !reader.finds(&self.out[row..]) {
                self.out.truncate(start);
                return Step::On;
            }
            if *skipped < skip {
                *skipped += 1;
                self.out.truncate(start);
                return Step::On;
            }
            self.last = Some(slot.order());
            self.written += 1;
            if tamper.drop_every.is_some_and(|every| self.written.is_multiple_of(every.max(1))) {
                self.out.truncate(start);
                return Step::On;
            }
            if let Some(names) = &reader.query.fields {
                project(row, names, &mut self.out);
            }
            self.count += 1;
            if tamper.repeat_every.is_some_and(|every| self.written.is_multiple_of(every.max(1))) && self.count < most {
                let again = self.out[row..].to_owned();
                self.separate();
                self.out.push_str(&again);
                self.count += 1;
            }
            if self.count >= most { Step::Stop } else { Step::On }
        });
    }

    fn last_of_the_page_before(&mut self, reader: &Reader<'_>, query: &Query) {
        let Some((time, key)) = query.after else { return };
        for feed in reader.feeds {
            let hour = feed.hour(time.div_euclid(HOUR));
            if let Ok(place) = hour.slots.binary_search_by_key(&(time, key), Slot::order) {
                self.separate();
                shapes::write(&feed.source, &hour, &hour.slots[place], &mut self.out);
                self.count += 1;
            }
        }
    }

    fn separate(&mut self) {
        if self.out.len() > 1 {
            self.out.push(',');
        }
    }
}

/// Leaves only the named fields of the event that begins at `row`.
fn project(row: usize, names: &[String], out: &mut String) {
    let Ok(event) = serde_json::from_str::<Value>(&out[row..]) else { return };
    let mut kept = Map::new();
    for name in names {
        match name.split_once('.') {
            None => {
                if let Some(value) = event.get(name) {
                    kept.insert(name.clone(), value.clone());
                }
            }
            Some((outer, inner)) => {
                let value = inner.split('.').try_fold(&event[outer], |value, part| value.get(part));
                let last = inner.rsplit('.').next().unwrap_or(inner);
                if let (Some(value), Value::Object(object)) =
                    (value, kept.entry(outer.to_owned()).or_insert_with(|| json!({})))
                {
                    object.insert(last.to_owned(), value.clone());
                }
            }
        }
    }
    out.truncate(row);
    let _ = write!(out, "{}", Value::Object(kept));
}

fn count(scene: &Scene<'_>, reader: &Reader<'_>) -> Answer {
    let tamper = &scene.tamper.events;
    if let Some(told) = &tamper.count {
        return Answer::json(format!("{{\"count\":{told}}}"));
    }
    let count = if tamper.empty { 0 } else { reader.count() };
    Answer::json(format!("{{\"count\":{}}}", count.saturating_add_signed(tamper.count_offset)))
}

/// How often each value of a field occurs.
fn distinct(feeds: &[&Feed], reader: &Reader<'_>, body: &Value) -> Answer {
    let Some(field) = body["field"].as_str().filter(|field| !field.is_empty()) else {
        return Answer::message(400, "field is required");
    };
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let simple = matches!(field, "event_type" | "service") && reader.query.search.finds_all();
    if simple {
        reader.each(|feed, _, slot| {
            let value =
                if field == "service" { slot.kind().service } else { slot.event_type(feed.source.profile.oddities) };
            match counts.get_mut(value) {
                Some(count) => *count += 1,
                None => {
                    counts.insert(value.to_owned(), 1);
                }
            }
            Step::On
        });
    } else {
        reader.each_text(|_, text| {
            if let Ok(event) = serde_json::from_str::<Value>(text) {
                for value in search::values(&event, field) {
                    *counts.entry(value).or_default() += 1;
                }
            }
            Step::On
        });
    }
    let mut buckets: Vec<(String, u64)> = counts.into_iter().collect();
    buckets.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    let rest: u64 = buckets.iter().skip(MOST_BUCKETS).map(|(_, count)| count).sum();
    buckets.truncate(MOST_BUCKETS);
    let buckets: Vec<Value> = buckets.into_iter().map(|(key, count)| json!({"key": key, "doc_count": count})).collect();
    let answer = if feeds.iter().any(|feed| feed.source.has(Oddity::DistinctWrapped)) {
        json!({ field: buckets })
    } else {
        json!({"buckets": buckets, "doc_count_error_upper_bound": 0, "sum_other_doc_count": rest})
    };
    Answer::json(answer.to_string())
}

/// How many events there are in each stretch of time.
fn interval(reader: &Reader<'_>, body: &Value) -> Answer {
    let unit = match body["interval_unit"].as_str() {
        Some("s") => SECOND,
        Some("m") => MINUTE,
        Some("h") => HOUR,
        Some("d") => DAY,
        Some("w") => 7 * DAY,
        _ => return Answer::message(400, "interval_unit must be one of s, m, h, d, w"),
    };
    let value = match &body["interval_value"] {
        Value::Null => Some(1),
        Value::String(text) => text.parse::<i64>().ok(),
        _ => None,
    };
    let Some(value) = value.filter(|value| (1..=10_000).contains(value)) else {
        return Answer::message(400, "interval_value must be the text of a positive number");
    };
    let Some(offset) = offset(&body["timezone"]) else {
        return Answer::message(400, "timezone must be written like -0500");
    };
    let length = unit * value;
    // Day 0 was a Thursday, and weeks begin on Monday.
    let shift = if unit == 7 * DAY { 3 * DAY } else { 0 } + offset;
    let bucket_of = |time: i64| (time + shift).div_euclid(length) * length - shift;
    let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
    let mut take = |time: i64| *counts.entry(bucket_of(time)).or_default() += 1;
    if reader.query.search.finds_all() {
        reader.each(|_, _, slot| {
            take(slot.time);
            Step::On
        });
    } else {
        reader.each_text(|slot, _| {
            take(slot.time);
            Step::On
        });
    }
    let (Some(first), Some(last)) = (counts.keys().next(), counts.keys().next_back()) else {
        return Answer::json("{\"buckets\":[]}".to_owned());
    };
    let (first, last) = (*first, *last);
    if (last - first) / length >= MOST_BUCKETS as i64 {
        return Answer::message(400, "Bad Request: too many buckets");
    }
    // Stretches without events are told as well.
    let keys = (0..=(last - first) / length).map(|number| first + number * length);
    let buckets: Vec<Value> = keys
        .map(|key| {
            let shown = if offset == 0 { text(key) } else { shifted(key, offset) };
            json!({"key": key, "key_as_string": shown, "doc_count": counts.get(&key).copied().unwrap_or(0)})
        })
        .collect();
    Answer::json(json!({ "buckets": buckets }).to_string())
}

/// Reads an offset such as `-0500` into milliseconds; absent means UTC.
fn offset(value: &Value) -> Option<i64> {
    let Some(text) = value.as_str().filter(|text| !text.is_empty()) else { return Some(0) };
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let digits = digits.replace(':', "");
    let (hours, minutes) = (digits.get(..2)?.parse::<i64>().ok()?, digits.get(2..4)?.parse::<i64>().ok()?);
    (digits.len() == 4 && hours <= 14 && minutes < 60).then_some(sign * (hours * HOUR + minutes * MINUTE))
}

/// A time as text at an offset.
fn shifted(time: i64, offset: i64) -> String {
    let mut shown = text(time + offset);
    shown.pop();
    let (sign, size) = if offset < 0 { ('-', -offset) } else { ('+', offset) };
    let _ = write!(shown, "{sign}{:02}:{:02}", size / HOUR, size % HOUR / MINUTE);
    shown
}

/// Words in `status` and `type` of reports.
const REPORTS: &[(&str, &str)] = &[
    ("users-to-devices", "COMPLETED"),
    ("users-to-sso-applications", "COMPLETED"),
    ("os-version", "FAILED"),
    ("software-inventory", "PENDING"),
    ("users-account-health", "DELETED"),
];

/// The reports that administrators asked for, and what is in them. Asking for one creates something, so it is refused
/// with all other writes.
fn reports(scene: &Scene<'_>, parts: &[&str]) -> Answer {
    let organization = scene.organization;
    let profile = &organization.profile;
    let administrator = organization.documents.iter(crate::state::document::Noun::Administrators).next();
    let mut all: Vec<Value> = Vec::new();
    for (number, (kind, status)) in REPORTS.iter().enumerate() {
        let created = organization.now - (2 + number as i64 * 3) * DAY;
        let id = profile.make_id("event report", number as u64, profile.created_at);
        let artifacts = ["CSV", "JSON"].into_iter().enumerate().filter(|_| *status == "COMPLETED");
        let artifacts: Vec<Value> =
            artifacts.map(|(place, format)| json!({"id": id.child(place as u64), "format": format})).collect();
        all.push(json!({
            "id": id, "type": kind, "status": status, "artifacts": artifacts, "parameters": [],
            "created_at": text(created), "updated_at": text(created + MINUTE), "expiration": text(created + 30 * DAY),
            "requester_email": administrator.map_or("", |document| document.text("email")),
            "requester_id": administrator.map(|document| document.id),
        }));
    }
    if let [_, report, _, artifact, _] = parts {
        let found = all.iter().filter(|row| row["id"] == *report).find_map(|row| {
            row["artifacts"]
                .as_array()?
                .iter()
                .find(|entry| entry["id"] == *artifact)
                .map(|entry| entry["format"].clone())
        });
        return match found {
            Some(format) if format == "CSV" => {
                Answer { content_type: "text/csv; charset=utf-8", ..Answer::json("username,state\r\n".to_owned()) }
            }
            Some(_) => Answer::json("[]".to_owned()),
            None => Answer::not_found(),
        };
    }
    let sort = scene.call.parameter("sort").unwrap_or("CREATED_AT");
    let (ascending, field) = sort.strip_prefix('-').map_or((false, sort), |field| (true, field));
    let field = field.to_ascii_lowercase();
    all.sort_by_key(|row| row[&field].as_str().unwrap_or("").to_owned());
    if !ascending {
        all.reverse();
    }
    Answer::json(Value::Array(all).to_string())
}
