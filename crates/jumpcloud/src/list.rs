//! Reads a list to its end: which page comes next, what proves that rows moved in between, and when a list
//! does not end. JumpCloud pages by skipping rows of a list that lives, so flat lists are read with one row
//! of overlap: if a page does not begin with the row that ended the one before, something moved.

use std::{
    collections::HashSet,
    fmt,
    future::Future,
    hash::{DefaultHasher, Hash, Hasher},
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use futures::{
    Stream, StreamExt,
    stream::{self, FuturesOrdered},
};
use serde_json::value::RawValue;
use tokio::task::JoinHandle;
use tracing::Instrument;
use url::Url;

use crate::{
    client::Inner,
    endpoint::{Endpoint, Family, Method},
    error::{Context, Error},
    json,
};

/// A part of a list, or its end.
#[derive(Debug)]
pub enum Listed {
    /// The next rows.
    Page(Page),
    /// The list was read to its end. Nothing comes after it.
    End(Pass),
}

/// The rows of one page that no earlier page of the pass had at its end.
pub struct Page {
    /// Each row exactly as sent.
    pub rows: Vec<Box<RawValue>>,
    /// Rows that came as `null`: they vanished after the page was cut (seen on graph lists).
    pub nulls: u64,
    /// The length of the whole list, as told with this page.
    pub total: Option<u64>,
}

/// Without the rows: they hold personal data, which belongs in no log.
impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page")
            .field("rows", &self.rows.len())
            .field("nulls", &self.nulls)
            .field("total", &self.total)
            .finish()
    }
}

/// How one pass over a list went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// Pages read.
    pub pages: u64,
    /// Rows given, without `null` and without overlap.
    pub rows: u64,
    /// Rows that came as `null`.
    pub nulls: u64,
    /// The length of the list as it was told last, if it made sense.
    pub total: Option<u64>,
    /// Why rows may have moved between pages, so that some may be missing or double: read again.
    pub moved: Option<String>,
}

/// Rows that a list may hold beyond its total before it counts as endless, in pages.
const SLACK_PAGES: u64 = 10;
/// The same for a list whose total grows while it is read: twice the first total, and this many pages.
const GROWTH_PAGES: u64 = 100;
/// Rows that are asked for ahead of the one who takes them: what bounds the memory of lists with long pages.
const ROWS_AHEAD: usize = 10_000;
/// Pages that are asked for or wait to be taken, for each request in flight. Pages are taken in order: with no more of them
/// than requests, a page that comes late would keep the others' requests from being followed by the next.
const PAGES_FOR_A_REQUEST: usize = 2;
/// Empty pages in a row that a graph list may have before its total.
const EMPTY_PAGES: u64 = 1000;

pub(crate) fn stream(
    client: Arc<Inner>,
    endpoint: Endpoint,
    url: Result<Url, Error>,
    query: &[(&str, &str)],
) -> impl Stream<Item = Result<Listed, Error>> + Send + 'static + use<> {
    let pager = url.and_then(|url| Pager::new(client, endpoint, url, query));
    stream::unfold(Some(pager), |pager| async {
        match pager? {
            Ok(mut pager) => match pager.next().await {
                Ok(Listed::Page(page)) => Some((Ok(Listed::Page(page)), Some(Ok(pager)))),
                end => Some((end, None)),
            },
            Err(error) => Some((Err(error), None)),
        }
    })
}

/// One pass over one list.
struct Pager {
    source: Arc<Source>,
    /// Pages on their way, in order.
    coming: FuturesOrdered<Abortable<Result<json::Rows, Error>>>,
    /// Rows by which one page begins after the one before: less than `limit` where pages overlap.
    step: u64,
    overlap: u64,
    next_skip: u64,
    last_key: Option<String>,
    last_was_full: bool,
    empty_in_a_row: u64,
    /// Everything came in one answer.
    is_whole: bool,
    first_total: Option<u64>,
    seen: HashSet<u64>,
    pass: Pass,
}

/// What the pages are asked of.
struct Source {
    client: Arc<Inner>,
    endpoint: Endpoint,
    url: Url,
    sort: Option<&'static str>,
}

impl Pager {
    fn new(client: Arc<Inner>, endpoint: Endpoint, url: Url, query: &[(&str, &str)]) -> Result<Self, Error> {
        let name = endpoint.name();
        let family = endpoint.family;
        if !family.is_list() {
            return Err(Error::Config(format!("{name} is no list")));
        }
        let has = |wanted: &str| query.iter().any(|(name, _)| *name == wanted);
        if has("limit") || has("skip") || has("offset") {
            return Err(Error::Config(format!("{name}: limit and skip are set by the client")));
        }
        let sort = family.sort().filter(|_| !has("sort"));
        let overlap = u64::from(sort.is_some());
        Ok(Self {
            source: Arc::new(Source { client, endpoint, url, sort }),
            coming: FuturesOrdered::new(),
            step: family.limit() as u64 - overlap,
            overlap,
            next_skip: 0,
            last_key: None,
            last_was_full: true,
            empty_in_a_row: 0,
            is_whole: family == Family::Whole,
            first_total: None,
            seen: HashSet::new(),
            pass: Pass { pages: 0, rows: 0, nulls: 0, total: None, moved: None },
        })
    }

    /// Returns the next page or the end. The pages after it are under way while the caller works on it.
    async fn next(&mut self) -> Result<Listed, Error> {
        if self.pass.pages == 0 {
            self.send_for_more();
        }
        let Some(page) = self.coming.next().await else { return Ok(Listed::End(self.pass.clone())) };
        let page = self.take(page?)?;
        self.send_for_more();
        Ok(Listed::Page(page))
    }

    /// Asks for what is known to be there, side by side; else, one after the other, for what may be there.
    fn send_for_more(&mut self) {
        let most = (ROWS_AHEAD / self.source.endpoint.family.limit()).max(1);
        let width = (self.source.client.max_in_flight * PAGES_FOR_A_REQUEST).min(most);
        while self.coming.len() < width && self.is_known_to_go_on() {
            self.send();
        }
        if self.coming.is_empty() && self.may_go_on() {
            self.send();
        }
    }

    fn send(&mut self) {
        let (source, skip) = (self.source.clone(), self.next_skip);
        self.next_skip = self.next_skip.saturating_add(self.step);
        // A task of its own, so that an answer is read even while the caller is busy with the page before.
        self.coming.push_back(Abortable(tokio::spawn(async move { source.page(skip).await }.in_current_span())));
    }

    fn is_known_to_go_on(&self) -> bool {
        self.pass.pages > 0
            && !self.is_over()
            && self.pass.total.is_some_and(|total| self.next_skip + self.overlap < total)
    }

    /// Tells whether there may be another page when nothing is known to be left.
    fn may_go_on(&self) -> bool {
        if self.pass.pages == 0 {
            return true;
        }
        if self.is_over() {
            return false;
        }
        let is_graph = self.source.endpoint.family == Family::Graph;
        match self.pass.total {
            Some(total) if is_graph => self.next_skip < total,
            Some(total) => self.last_was_full && self.pass.rows + self.pass.nulls != total,
            // A short page of a graph list is not its end; only an empty one is.
            None => self.last_was_full || (is_graph && self.empty_in_a_row == 0),
        }
    }

    /// Tells whether no page can follow, whatever the total says.
    fn is_over(&self) -> bool {
        let is_graph = self.source.endpoint.family == Family::Graph;
        self.is_whole || (self.empty_in_a_row > 0 && !is_graph)
    }

    /// Takes the next page in order: checks it, notes what it proves, and removes the overlap.
    fn take(&mut self, page: json::Rows) -> Result<Page, Error> {
        let json::Rows { mut rows, total } = page;
        let is_first = self.pass.pages == 0;
        self.pass.pages += 1;
        self.note_total(total, is_first);
        self.refuse_repetition(&rows)?;

        let limit = self.source.endpoint.family.limit();
        self.note_length(rows.len(), limit, is_first)?;
        self.empty_in_a_row = if rows.is_empty() { self.empty_in_a_row + 1 } else { 0 };
        self.remove_overlap(&mut rows);

        let all = rows.len();
        rows.retain(|row| !json::is_null(row));
        let nulls = (all - rows.len()) as u64;
        self.pass.rows += rows.len() as u64;
        self.pass.nulls += nulls;
        self.refuse_excess(limit as u64)?;
        Ok(Page { rows, nulls, total })
    }

    fn note_total(&mut self, total: Option<u64>, is_first: bool) {
        if is_first {
            self.first_total = total;
        }
        if let (Some(before), Some(now)) = (self.pass.total, total)
            && before != now
        {
            self.moved(format!("the total changed from {before} to {now} during the pass"));
        }
        self.pass.total = total.or(self.pass.total);
    }

    /// Learns from how long the page is.
    fn note_length(&mut self, length: usize, limit: usize, is_first: bool) -> Result<(), Error> {
        let told = self.pass.total.unwrap_or(0);
        if length > limit && !self.is_whole {
            // Some lists do not page at all. That is harmless only if this was everything.
            if !is_first || told > length as u64 {
                return Err(Error::UnexpectedShape {
                    what: format!("{length} rows in a page of {limit}"),
                    context: self.context(),
                });
            }
            self.is_whole = true;
            return Ok(());
        }
        if is_first && self.overlap > 0 && length > 1 && length < limit && told > length as u64 {
            // The server cuts pages smaller than asked for; steps of the asked size would skip rows.
            self.step = length as u64 - self.overlap;
            self.next_skip = self.step;
        }
        self.last_was_full = length as u64 >= self.step + self.overlap;
        Ok(())
    }

    fn remove_overlap(&mut self, rows: &mut Vec<Box<RawValue>>) {
        if self.overlap == 0 {
            return;
        }
        if let Some(expected) = &self.last_key {
            match rows.first() {
                Some(first) if json::key(first) == expected.as_str() => {
                    rows.remove(0);
                }
                Some(_) => self.moved(format!(
                    "page {} does not begin with the row that ended page {}",
                    self.pass.pages,
                    self.pass.pages - 1
                )),
                None => self.moved(format!("page {} is empty though its first row was there before", self.pass.pages)),
            }
        }
        if let Some(last) = rows.last() {
            self.last_key = Some(json::key(last).into_owned());
        }
    }

    fn refuse_repetition(&mut self, rows: &[Box<RawValue>]) -> Result<(), Error> {
        let limits = &self.source.client.limits;
        if self.pass.pages > limits.max_pages {
            return Err(self.endless(format!("it has more than {} pages", limits.max_pages)));
        }
        if rows.iter().all(|row| json::is_null(row)) {
            if self.empty_in_a_row >= EMPTY_PAGES {
                return Err(self.endless(format!("{EMPTY_PAGES} pages in a row are empty")));
            }
            return Ok(());
        }
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(()) };
        let mut hasher = DefaultHasher::new();
        (rows.len(), json::key(first), json::key(last)).hash(&mut hasher);
        // A page of one row may come again because that row moved; but only a total says that this has an end.
        if !self.seen.insert(hasher.finish()) && (rows.len() > 1 || self.pass.total.is_none()) {
            return Err(self.endless(format!("page {} repeats an earlier one", self.pass.pages)));
        }
        Ok(())
    }

    fn refuse_excess(&self, limit: u64) -> Result<(), Error> {
        let rows = self.pass.rows + self.pass.nulls;
        if let Some(total) = self.pass.total
            && rows > total + SLACK_PAGES * limit
            && !self.is_whole
        {
            return Err(self.endless(format!("it gave {rows} rows and told {total}")));
        }
        if let Some(first) = self.first_total
            && rows > 2 * first + GROWTH_PAGES * limit
        {
            return Err(self.endless(format!("it told {first} rows at first, and gave {rows} so far")));
        }
        Ok(())
    }

    fn moved(&mut self, why: String) {
        self.pass.moved.get_or_insert(why);
    }

    fn endless(&self, why: String) -> Error {
        Error::Endless { why, context: self.context() }
    }

    fn context(&self) -> Context {
        Context::new(self.source.endpoint.name())
    }
}

impl Source {
    async fn page(&self, skip: u64) -> Result<json::Rows, Error> {
        let family = self.endpoint.family;
        let limit = family.limit();
        let mut url = self.url.clone();
        if family != Family::Whole {
            let skip_name = if family == Family::Offset { "offset" } else { "skip" };
            let mut query = url.query_pairs_mut();
            query.append_pair("limit", &limit.to_string());
            query.append_pair(skip_name, &skip.to_string());
            if let Some(sort) = self.sort {
                query.append_pair("sort", sort);
            }
        }
        // JumpCloud's own module sends the paging of a search both in the query and in the body.
        let body = (self.endpoint.method == Method::Post)
            .then(|| serde_json::json!({ "limit": limit, "skip": skip }).to_string());
        self.client
            .ask(&self.endpoint, &url, body.as_deref(), |reply| {
                let mut rows = json::rows(&reply.body, family)?;
                rows.total = rows.total.or_else(|| reply.header("x-total-count").and_then(json::total));
                Ok(rows)
            })
            .await
    }
}

/// A task that ends when nobody waits for it any more.
pub(crate) struct Abortable<T>(pub(crate) JoinHandle<T>);

impl<T> Future for Abortable<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<T> {
        Pin::new(&mut self.0).poll(cx).map(|joined| match joined {
            Ok(value) => value,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        })
    }
}

impl<T> Drop for Abortable<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
