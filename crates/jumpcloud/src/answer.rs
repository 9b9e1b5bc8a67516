//! One answer to one question, as it is given to the caller. Lists have their own in `list.rs`.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use serde_json::value::RawValue;

use crate::{
    error::{Context, Error},
    json::{self, Flaw},
    transport::Reply,
};

/// One answer.
#[derive(Clone)]
pub struct Answer {
    endpoint: &'static str,
    /// The JSON exactly as sent.
    pub body: Box<RawValue>,
    /// The server's own time, from its `Date` header.
    pub date: Option<Timestamp>,
    /// How long the exchange took that succeeded.
    pub elapsed: Duration,
    /// The length of the whole list, when the answer is a page of one and says so (`x-total-count`).
    pub total: Option<u64>,
    /// Directory Insights: rows in this page (`X-Result-Count`).
    pub result_count: Option<u64>,
    /// Directory Insights: the `search_after` of the next page, a JSON array to be sent back verbatim.
    pub search_after: Option<Box<RawValue>>,
}

impl Answer {
    /// Takes an answer of status 200 or 204 apart.
    pub(crate) fn of(endpoint: &'static str, reply: &Reply, may_be_array: bool) -> Result<Self, Flaw> {
        Ok(Self {
            endpoint,
            body: json::object(&reply.body, may_be_array)?,
            date: reply.date(),
            elapsed: reply.elapsed,
            total: reply.header("x-total-count").and_then(json::total),
            result_count: reply.header("x-result-count").and_then(json::total),
            search_after: reply
                .header("x-search_after")
                .and_then(|text| serde_json::from_str::<Box<RawValue>>(text).ok())
                .filter(|value| value.get().starts_with('[')),
        })
    }

    /// Returns the rows of an answer that is a bare array, each exactly as sent.
    ///
    /// # Errors
    /// [`Error::UnexpectedShape`] when the answer is no array of objects.
    pub fn rows(&self) -> Result<Vec<Box<RawValue>>, Error> {
        json::bare(self.body.get()).map_err(|flaw| Error::UnexpectedShape {
            what: match flaw {
                Flaw::NotJson => "an object instead of a list".to_owned(),
                Flaw::Shape(what) | Flaw::Damaged(what) => what,
            },
            context: Context::new(self.endpoint),
        })
    }
}

/// Without the body: it holds personal data, which belongs in no log.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("endpoint", &self.endpoint)
            .field("bytes", &self.body.get().len())
            .field("date", &self.date)
            .field("elapsed", &self.elapsed)
            .finish_non_exhaustive()
    }
}
