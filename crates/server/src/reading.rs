//! Reading for a person: the one place that decides which organizations they see. Every question that a page or the API
//! asks of the store goes through here.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use collect::condition::Condition;
use jiff::Timestamp;
use store::events::{EventFilter, EventTally, Hour, StoredEvent};
use store::{Answer, Cell, Connection, Limits, Parameter, Query, Run, Store, Stream};

use crate::App;
use crate::problem::Problem;
use crate::sync_now::lease_name;

/// Most rows that a page or an export gets.
pub(crate) const MOST_ROWS: u64 = 100_000;

/// The store, as far as a person may see it and the page is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading<'a> {
    store: &'a Store,
    within: Option<&'a [String]>,
    org_id: Option<&'a str>,
    as_of: Option<Timestamp>,
}

/// A stream of a connection, and how it stands.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) connection: Connection,
    pub(crate) stream: Stream,
    pub(crate) condition: Condition,
}

/// What a query's `:name` stand for.
pub(crate) type Parameters = BTreeMap<String, Parameter>;

impl<'a> Reading<'a> {
    pub(crate) fn new(store: &'a Store, within: Option<&'a [String]>, org_id: Option<&'a str>) -> Self {
        Self { store, within, org_id, as_of: None }
    }

    /// The same, but of all organizations that the person may see.
    pub(crate) fn everywhere(self) -> Self {
        Self { org_id: None, ..self }
    }

    /// The same, as the collected tables were at that time.
    pub(crate) fn at(self, as_of: Option<Timestamp>) -> Self {
        Self { as_of, ..self }
    }

    /// The same, of one organization.
    pub(crate) fn of(self, org_id: &'a str) -> Self {
        Self { org_id: Some(org_id), ..self }
    }

    /// Whether something of this organization may be seen here.
    pub(crate) fn sees(&self, org_id: Option<&str>) -> bool {
        let within = match (self.within, org_id) {
            (None, _) => true,
            // What belongs to no organization yet is for those who see all of them.
            (Some(_), None) => false,
            (Some(ids), Some(org_id)) => ids.iter().any(|id| id == org_id),
        };
        within && self.org_id.is_none_or(|chosen| org_id == Some(chosen))
    }

    /// A question of their own in SQL over what this person may see.
    pub(crate) fn question(&self, sql: impl Into<String>, parameters: Parameters) -> Query {
        Query {
            sql: sql.into(),
            org_id: self.org_id.map(str::to_owned),
            within: self.within.map(<[String]>::to_vec),
            as_of: self.as_of,
            parameters,
            ..Query::default()
        }
    }

    /// Asks in SQL of ours, which does not ask for the time.
    pub(crate) async fn ask(&self, sql: impl Into<String>, parameters: Parameters) -> Result<Answer, Problem> {
        let limits = Limits { time: Duration::from_secs(20), rows: MOST_ROWS, ..Limits::default() };
        Ok(self.store.query(&Query { is_frequent: true, ..self.question(sql, parameters) }, &limits).await?)
    }

    /// The rows of a question without parameters.
    pub(crate) async fn rows(&self, sql: impl Into<String>) -> Result<Vec<Vec<Cell>>, Problem> {
        Ok(self.ask(sql, Parameters::new()).await?.rows)
    }

    /// The connections.
    pub(crate) async fn connections(&self) -> Result<Vec<Connection>, Problem> {
        let mut all = self.store.connections().await?;
        all.retain(|connection| self.sees(connection.org_id.as_deref()));
        Ok(all)
    }

    /// A connection by its id.
    pub(crate) async fn connection(&self, id: &str) -> Result<Connection, Problem> {
        let found = self.store.find_connection(id).await?;
        found
            .filter(|connection| connection.id == id && self.everywhere().sees(connection.org_id.as_deref()))
            .ok_or_else(|| Problem::not_found("there is no such connection"))
    }

    /// The newest runs of a connection.
    pub(crate) async fn runs(&self, connection: &Connection, most: u32) -> Result<Vec<Run>, Problem> {
        Ok(self.store.runs(Some(&connection.id), most).await?)
    }

    /// A run by its number.
    pub(crate) async fn run(&self, number: i64) -> Result<Run, Problem> {
        let found = self.store.run(number).await?;
        found
            .filter(|run| self.everywhere().sees(run.org_id.as_deref()))
            .ok_or_else(|| Problem::not_found(format!("there is no run {number}")))
    }

    /// An event by its identity, with the JSON that it came as. It is found much faster with its time.
    pub(crate) async fn event(&self, org_id: &str, uid: &str, at: Option<Timestamp>) -> Result<StoredEvent, Problem> {
        let nothing = || Problem::not_found("there is no such event");
        if !self.sees(Some(org_id)) {
            return Err(nothing());
        }
        if let (Some(at), Ok(uid)) = (at, uid.parse()) {
            // A time that is not the event's misleads nobody.
            if let Some(found) = self.store.event_at(org_id, uid, at).await? {
                return Ok(found);
            }
        }
        let found = self.store.events_by_id(uid, &[org_id.to_owned()]).await?;
        found.into_iter().next().ok_or_else(nothing)
    }

    /// How many events there were, by the hour or by the day, from the one that a time is in and before a moment.
    pub(crate) async fn event_tally(
        &self,
        filter: &EventFilter,
        (from, to): (Timestamp, Timestamp),
        by_day: bool,
    ) -> Result<EventTally, Problem> {
        let Ok(org_ids) = self.event_organizations() else { return Ok(EventTally::default()) };
        let hours = if by_day { 24 } else { 1 };
        let from = Hour::of(from).number().div_euclid(hours) * hours;
        // A part of an hour or a day counts as a whole one.
        let last = Hour::of_ms(to.as_millisecond() - 1).number().div_euclid(hours) * hours;
        let (from, before) = (Hour::from_number(from), Hour::from_number(last + hours));
        Ok(self.store.event_tally(&EventFilter { org_ids, ..filter.clone() }, from, before, by_day).await?)
    }

    /// How every stream stands, worst first.
    pub(crate) async fn standings(&self, app: &App) -> Result<Vec<Standing>, Problem> {
        let now = app.now();
        let connections: HashMap<String, Connection> =
            self.connections().await?.into_iter().map(|connection| (connection.id.clone(), connection)).collect();
        let mut standings = Vec::new();
        for stream in self.store.streams(None).await? {
            let Some(connection) = connections.get(&stream.connection_id) else { continue };
            let holder = self.store.lease_holder(&lease_name(connection, stream.kind), &app.host, now).await?;
            let condition = Condition::of(connection, &stream, holder.as_deref(), now);
            standings.push(Standing { connection: connection.clone(), stream, condition });
        }
        standings.sort_by(|a, b| {
            (a.condition.state, &a.connection.name, a.stream.kind.word()).cmp(&(
                b.condition.state,
                &b.connection.name,
                b.stream.kind.word(),
            ))
        });
        Ok(standings)
    }

    /// The organizations whose events may be searched; none named means all of them.
    ///
    /// # Errors
    /// The person may see none: an empty list would mean all.
    pub(crate) fn event_organizations(&self) -> Result<Vec<String>, Problem> {
        match (self.org_id, self.within) {
            (Some(org_id), _) => Ok(vec![org_id.to_owned()]),
            (None, None) => Ok(Vec::new()),
            (None, Some([])) => Err(Problem::forbidden("you may not see any organization yet")),
            (None, Some(ids)) => Ok(ids.to_vec()),
        }
    }

    /// What organizations are called: by their own name, with their connection's where several have the same, or by it alone.
    pub(crate) async fn organization_names(&self) -> Result<BTreeMap<String, String>, Problem> {
        let connections = self.everywhere().connections().await?;
        let mut names = BTreeMap::new();
        let mut of_name: BTreeMap<String, usize> = BTreeMap::new();
        for Connection { org_id, org_name, name, .. } in connections {
            let Some(org_id) = org_id else { continue };
            let organization = org_name.unwrap_or_else(|| name.clone());
            if let Entry::Vacant(vacant) = names.entry(org_id) {
                *of_name.entry(organization.clone()).or_default() += 1;
                vacant.insert((organization, name));
            }
        }
        let told = |(organization, connection): (String, String)| match of_name.get(&organization) {
            Some(2..) if organization != connection => format!("{organization} ({connection})"),
            _ => organization,
        };
        Ok(names.into_iter().map(|(org_id, names)| (org_id, told(names))).collect())
    }
}

/// The text in a cell; empty where there is none.
pub(crate) fn text(row: &[Cell], at: usize) -> String {
    maybe_text(row, at).unwrap_or_default()
}

/// The text in a cell.
pub(crate) fn maybe_text(row: &[Cell], at: usize) -> Option<String> {
    match row.get(at) {
        Some(Cell::Text(text)) => Some(text.to_string()),
        Some(Cell::Integer(number)) => Some(number.to_string()),
        Some(Cell::Real(number)) => Some(number.to_string()),
        Some(Cell::Boolean(flag)) => Some(flag.to_string()),
        _ => None,
    }
}

/// The number in a cell; 0 where there is none.
pub(crate) fn number(row: &[Cell], at: usize) -> i64 {
    match row.get(at) {
        Some(Cell::Integer(number)) => *number,
        Some(Cell::Real(number)) => *number as i64,
        Some(Cell::Boolean(flag)) => i64::from(*flag),
        // PostgreSQL sums of integers come as text.
        Some(Cell::Text(text)) => text.parse().unwrap_or(0),
        _ => 0,
    }
}
