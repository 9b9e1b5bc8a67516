//! Reads events from Directory Insights: page after page by `search_after`, and how many there are. It proves for each
//! page that it is whole and new; that a range is complete is proven by whoever holds it against [`Client::count_events`].
//!
//! An event stays the text that was sent. One that is no JSON for strict parsers does not spoil its page: pages are cut
//! apart by brackets and quotes alone where the strict way fails.

use std::{collections::HashSet, fmt, ops::Range, sync::Arc, time::Duration};

use futures::{Stream, stream};
use jiff::Timestamp;
use serde_json::{Value, json, value::RawValue};
use tracing::Instrument;

use crate::{
    client::{Client, Inner},
    endpoint::endpoints,
    error::{Context, Error},
    json::{self, Flaw},
    list::Abortable,
    transport::Reply,
};

/// The most events that a page may hold; more is answered by fewer (`X-Limit`).
pub const MOST_EVENTS: usize = 10_000;

/// Which events are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventQuery {
    /// Names of services; `all` for every one, also those that nobody has documented.
    pub services: Vec<String>,
    /// The earliest time, inclusive.
    pub start: Timestamp,
    /// The end of the range. Nothing published says whether it is inclusive, so an event of exactly this time may come.
    pub end: Timestamp,
    /// Where to go on: the [`EventPage::next`] of a page that was asked with the same range.
    pub after: Option<SearchAfter>,
    /// Rows asked for at once, at most [`MOST_EVENTS`].
    pub page: usize,
    /// Go on until a page is empty, instead of trusting that a page which is not full is the last.
    pub until_empty: bool,
}

/// Where a page ended: a JSON array of numbers and texts that only JumpCloud understands, kept letter by letter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SearchAfter(Box<str>);

/// The events of one page, in the order of their times.
pub struct EventPage {
    text: String,
    rows: Vec<Range<usize>>,
    /// Where the next page begins; of the last page, where events that come later will.
    pub next: Option<SearchAfter>,
    /// Nothing follows now.
    pub is_last: bool,
    /// The server's own time, from its `Date` header.
    pub date: Option<Timestamp>,
    /// How long the exchange took.
    pub elapsed: Duration,
}

impl EventQuery {
    /// Asks for the events of all services in a range of time, in the largest pages.
    pub fn range(start: Timestamp, end: Timestamp) -> Self {
        Self { services: vec!["all".to_owned()], start, end, after: None, page: MOST_EVENTS, until_empty: false }
    }

    /// Says the range and the services in JumpCloud's words.
    fn body(&self) -> Result<Value, Error> {
        if self.start >= self.end {
            return Err(Error::Config(format!("events from {} until {} are none", self.start, self.end)));
        }
        let text = |at: Timestamp| format!("{at:.3}");
        Ok(json!({ "service": self.services, "start_time": text(self.start), "end_time": text(self.end) }))
    }
}

impl SearchAfter {
    /// Reads what [`SearchAfter::as_str`] gave; nothing when it is no JSON array or an empty one.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&RawValue> = serde_json::from_str(text).ok()?;
        (!parts.is_empty()).then(|| Self(text.trim().into()))
    }

    /// The text exactly as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl EventPage {
    /// The events, each exactly as sent. One that is no JSON object is among them all the same.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &str> {
        self.rows.iter().map(|row| &self.text[row.clone()])
    }

    /// A page of some of its events, in their order; `places` are their places among [`EventPage::rows`]. It leads nowhere:
    /// a position is one among all events that were asked for.
    #[must_use]
    pub fn only(&self, places: &[usize], is_last: bool) -> Self {
        let ranges = places.iter().filter_map(|at| self.rows.get(*at));
        let mut text = String::with_capacity(ranges.clone().map(Range::len).sum());
        let rows = ranges
            .map(|range| {
                let start = text.len();
                text.push_str(&self.text[range.clone()]);
                start..text.len()
            })
            .collect();
        Self { text, rows, next: None, is_last, date: self.date, elapsed: self.elapsed }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// Without the events: they hold personal data, which belongs in no log.
impl fmt::Debug for EventPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventPage").field("rows", &self.len()).field("is_last", &self.is_last).finish_non_exhaustive()
    }
}

impl Client {
    /// Reads events, oldest first, page by page; the next page is on its way while the caller is busy with one. The
    /// stream ends after a page that says so ([`EventPage::is_last`]) or after an error.
    pub fn events(
        &self,
        query: EventQuery,
    ) -> impl Stream<Item = Result<EventPage, Error>> + Send + Unpin + 'static + use<> {
        let reader = Reader::new(Arc::clone(self.inner()), query);
        Box::pin(stream::unfold(Some(reader), |reader| async {
            match reader? {
                Ok(mut reader) => match reader.next().await {
                    Ok(page) if page.is_last => Some((Ok(page), None)),
                    Ok(page) => Some((Ok(page), Some(Ok(reader)))),
                    Err(error) => Some((Err(error), None)),
                },
                Err(error) => Some((Err(error), None)),
            }
        }))
    }

    /// Asks how many events there are in a range, in JumpCloud's own count. An event that exists as two documents
    /// counts twice.
    ///
    /// # Errors
    /// Every [`Error`]; [`Error::UnexpectedShape`] when the count makes no sense.
    pub async fn count_events(&self, query: &EventQuery) -> Result<u64, Error> {
        let answer = self.post(&endpoints::EVENTS_COUNT, &[], &query.body()?).await?;
        let told: Value = serde_json::from_str(answer.body.get()).unwrap_or_default();
        let count = told.get("count").and_then(|count| json::total(&count.to_string()));
        count.ok_or_else(|| Error::UnexpectedShape {
            what: "a count that is no number of events".to_owned(),
            context: Context::new(endpoints::EVENTS_COUNT.name()),
        })
    }
}

/// A page on its way.
type Coming = Abortable<Result<Raw, Error>>;

/// One pass over a range.
struct Reader {
    client: Arc<Inner>,
    query: EventQuery,
    /// What is the same in every request of the pass.
    body: Value,
    coming: Option<Coming>,
    /// Rows asked for; less after an answer that was too large.
    page: usize,
    pages: u64,
    /// Positions that were given, and pages that came.
    seen: HashSet<SearchAfter>,
    heads: HashSet<(usize, String, String)>,
}

/// A page as it came.
struct Raw {
    text: String,
    rows: Vec<Range<usize>>,
    /// The most rows that this page could have had.
    limit: usize,
    next: Option<SearchAfter>,
    date: Option<Timestamp>,
    elapsed: Duration,
}

impl Reader {
    fn new(client: Arc<Inner>, query: EventQuery) -> Result<Self, Error> {
        let mut body = query.body()?;
        // The default, said aloud: positions only make sense in one order.
        body["sort"] = json!("ASC");
        let page = query.page.clamp(1, MOST_EVENTS);
        Ok(Self { client, query, body, coming: None, page, pages: 0, seen: HashSet::new(), heads: HashSet::new() })
    }

    async fn next(&mut self) -> Result<EventPage, Error> {
        let raw = loop {
            let coming = match self.coming.take() {
                Some(coming) => coming,
                None => self.ask(),
            };
            match coming.await {
                // Some events are very large. The position stays, so fewer of them may be asked for.
                Err(Error::TooLarge { .. }) if self.page > 1 => self.page = (self.page / 8).max(1),
                page => break page?,
            }
        };
        self.pages += 1;
        let most = self.client.limits.max_pages;
        if self.pages > most {
            return Err(endless(format!("it has more than {most} pages")));
        }
        let is_full = raw.rows.len() >= raw.limit;
        let is_last = raw.rows.is_empty() || !(is_full || self.query.until_empty);
        self.refuse_repetition(&raw)?;
        if !is_last {
            let Some(next) = raw.next.clone() else {
                return Err(Error::UnexpectedShape {
                    what: format!("a full page of {} events that does not say where the next begins", raw.rows.len()),
                    context: context(),
                });
            };
            self.query.after = Some(next);
            self.coming = Some(self.ask());
        }
        let next = raw.next.or_else(|| self.query.after.clone());
        Ok(EventPage { text: raw.text, rows: raw.rows, next, is_last, date: raw.date, elapsed: raw.elapsed })
    }

    /// Refuses a page that stands where an earlier one stood, or holds what it held: a pass must get on.
    fn refuse_repetition(&mut self, raw: &Raw) -> Result<(), Error> {
        let (Some(first), Some(last)) = (raw.rows.first(), raw.rows.last()) else { return Ok(()) };
        if let Some(next) = &raw.next {
            let stands_still = self.query.after.as_ref() == Some(next);
            if stands_still || !self.seen.insert(next.clone()) {
                return Err(endless(format!("page {} leads to where an earlier one began", self.pages)));
            }
        }
        let head = |row: &Range<usize>| {
            let text = &raw.text[row.clone()];
            text.chars().take(200).collect::<String>()
        };
        // Two events that look alike are no page that came again.
        if raw.rows.len() > 2 && !self.heads.insert((raw.rows.len(), head(first), head(last))) {
            return Err(endless(format!("page {} repeats an earlier one", self.pages)));
        }
        Ok(())
    }

    /// Sends for the next page in a task of its own, so that it is read even while the caller is busy.
    fn ask(&self) -> Coming {
        let mut body = self.body.clone();
        body["limit"] = json!(self.page);
        let body = with_position(&body, self.query.after.as_ref());
        let (client, asked) = (Arc::clone(&self.client), self.page);
        let ask = async move {
            let url = client.url(&endpoints::EVENTS, &[], &[])?;
            client.ask(&endpoints::EVENTS, &url, Some(&body), |reply| page(reply, asked)).await
        };
        Abortable(tokio::spawn(ask.in_current_span()))
    }
}

/// Writes a position into a body letter by letter: its numbers may not fit into ours.
fn with_position(body: &Value, after: Option<&SearchAfter>) -> String {
    let mut text = body.to_string();
    if let Some(after) = after {
        text.pop();
        text.push_str(",\"search_after\":");
        text.push_str(after.as_str());
        text.push('}');
    }
    text
}

/// Takes an answer apart, and refuses one that is not whole.
fn page(reply: &Reply, asked: usize) -> Result<Raw, Flaw> {
    let body = reply.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&reply.body);
    if body.is_empty() {
        return Err(Flaw::Damaged("an empty body".to_owned()));
    }
    // What is not UTF-8 can not be kept as it is; the rest of the page can.
    let text = String::from_utf8_lossy(body).into_owned();
    let rows = items(&text)?;
    let number = |name| reply.header(name).and_then(json::total).and_then(|number| usize::try_from(number).ok());
    if let Some(told) = number("x-result-count")
        && told != rows.len()
    {
        return Err(Flaw::Damaged(format!("{} events in a page that says it has {told}", rows.len())));
    }
    let limit = number("x-limit").filter(|limit| *limit > 0).map_or(asked, |limit| limit.min(asked));
    let next = reply.header("x-search_after").and_then(SearchAfter::parse);
    Ok(Raw { text, rows, limit, next, date: reply.date(), elapsed: reply.elapsed })
}

/// Returns where the items of a JSON array stand.
fn items(text: &str) -> Result<Vec<Range<usize>>, Flaw> {
    if !text.trim_start().starts_with('[') {
        return Err(json::unexpected(text, "a list of events"));
    }
    match serde_json::from_str::<Vec<&RawValue>>(text) {
        Ok(rows) => Ok(rows
            .into_iter()
            .map(|row| {
                let start = row.get().as_ptr() as usize - text.as_ptr() as usize;
                start..start + row.get().len()
            })
            .collect()),
        Err(_) => loose_items(text).ok_or(Flaw::NotJson),
    }
}

/// The same for an array with items that are no JSON (raw control characters in a text, say), as long as its brackets and
/// quotes fit together.
fn loose_items(text: &str) -> Option<Vec<Range<usize>>> {
    let bytes = text.trim_end().as_bytes();
    let begin = bytes.iter().position(|byte| *byte == b'[')?;
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    let mut rows = Vec::new();
    let mut start = begin + 1;
    for (at, byte) in bytes.iter().copied().enumerate().skip(begin) {
        if quoted {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => quoted = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.checked_sub(1)?,
            b',' if depth == 1 => {}
            _ => continue,
        }
        let ends_item = (byte == b',' && depth == 1) || depth == 0;
        if ends_item && !quoted {
            let item = text[start..at].trim();
            let is_nothing = item.is_empty();
            // Only an empty list may hold nothing between its commas.
            if is_nothing && !(depth == 0 && rows.is_empty()) {
                return None;
            }
            if !is_nothing {
                let from = item.as_ptr() as usize - text.as_ptr() as usize;
                rows.push(from..from + item.len());
            }
            start = at + 1;
        }
        if depth == 0 {
            return (at + 1 == bytes.len()).then_some(rows);
        }
    }
    None
}

fn endless(why: String) -> Error {
    Error::Endless { why, context: context() }
}

fn context() -> Context {
    Context::new(endpoints::EVENTS.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Option<Vec<&str>> {
        items(text).ok().map(|rows| rows.into_iter().map(|row| &text[row]).collect())
    }

    #[test]
    fn a_page_is_cut_into_its_events_also_where_one_of_them_is_no_json() {
        assert_eq!(cut("[]"), Some(vec![]));
        assert_eq!(cut(" [ {\"a\":1} , null,[1,2] ] "), Some(vec!["{\"a\":1}", "null", "[1,2]"]));
        assert_eq!(cut("[{\"a\":\"\u{1}],\\\"\"},{\"b\":2}]"), Some(vec!["{\"a\":\"\u{1}],\\\"\"}", "{\"b\":2}"]));
        assert_eq!(cut("[{\"a\":01}, x ]"), Some(vec!["{\"a\":01}", "x"]));
        let deep = format!("[{}{}]", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(cut(&deep).unwrap().len(), 1);
    }

    #[test]
    fn a_page_that_is_cut_off_or_no_list_is_refused() {
        for bad in
            ["[", "[{\"a\":1}", "[{\"a\":1},", "[{\"a\":1},]", "[{\"a\":1}]]", "[{\"a\":\"x}]", "[1,,2]", "[]x", "{}"]
        {
            assert_eq!(cut(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_position_is_sent_back_letter_by_letter() {
        let after = SearchAfter::parse("[1795161600123.0,  18446744073709551616,\"\\u00e9\"]").unwrap();
        let body = with_position(&json!({ "limit": 1 }), Some(&after));
        assert_eq!(body, "{\"limit\":1,\"search_after\":[1795161600123.0,  18446744073709551616,\"\\u00e9\"]}");
        for bad in ["", "[]", "[ ]", "{}", "[1", "x"] {
            assert_eq!(SearchAfter::parse(bad), None, "{bad}");
        }
    }
}
