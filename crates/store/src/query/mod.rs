//! Read-only SQL over everything that was collected, now or as of a moment in the past.
//!
//! A query is parsed, held against closed lists (one SELECT, known tables, known functions), and what runs is the text
//! printed from the parsed tree, so nothing that the parser did not understand reaches the engine. The tables are common
//! table expressions over the versioned rows, cut at one snapshot for each organization. On top of that the connection
//! is read-only, and time, rows and memory have limits. See `docs/decisions/0003-sql-console.md`.

mod answer;
mod guard;
mod kept;
mod sister;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use sqlparser::ast::{Expr, SelectItem, SetExpr, Statement, Visit};
use sqlparser::dialect::{Dialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::{Parser, ParserOptions};

pub(crate) use self::answer::Asking;
use self::answer::{query_error, size_of_cell, too_much_memory};
use self::guard::Guard;
pub(crate) use self::kept::{KeptAnswers, note_change};
use crate::derived::DerivedView;
use crate::events::narrow::narrow;
use crate::events::views;
use crate::evidence;
use crate::findings;
use crate::layout::{has_start_index, raws_name, versions_name};
use crate::parameters::{Parameter, bind};
use crate::schema::{Cell, Column, Table, boolean, integer, text, time};
use crate::{Error, Result, Store};

/// A question in SQL.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// One SELECT statement.
    pub sql: String,
    /// Read the collected tables as they were at this time; now, if `None`.
    pub as_of: Option<Timestamp>,
    /// Read one organization only; this holds for the tables about the collecting as well.
    pub org_id: Option<String>,
    /// Read none but these organizations, whatever else is said: what the person who asks may see.
    pub within: Option<Vec<String>>,
    /// Read these organizations only, each at the snapshot of this number, whatever is committed meanwhile.
    pub at: Option<Vec<(String, i64)>>,
    /// What `:name` stands for in the query. It takes its place in the parsed tree as a value, never in the text.
    pub parameters: BTreeMap<String, Parameter>,
    /// What is sorted may go to temporary files, so that memory does not grow with it. PostgreSQL always does so.
    pub sorts_on_disk: bool,
    /// Rows with one of these words in the fourth column, and something in the first, second and fifth, may come as one row for
    /// each word and each value of the first column: see [`FOLDED`]. Handing over a row takes SQLite longer than finding it.
    pub fold: &'static [&'static str],
    /// One of the program's own questions, which come again and again and take little: [`Store::query`] asks it on a connection
    /// that is kept, and not at all if nothing that it reads has changed since it was asked last. Its text must not ask for
    /// the time.
    pub is_frequent: bool,
}

/// What stands before the word in the fourth column of a row that many were folded into. Its second column has all ids with
/// [`FOLD_MARK`] between them, its third how many there are; the others are NULL.
pub const FOLDED: &str = "folded ";
/// What stands between ids.
pub const FOLD_MARK: char = '\u{1f}';

/// What one query may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest run time.
    pub time: Duration,
    /// Most rows; the answer says that it was cut.
    pub rows: u64,
    /// Most memory for the answer of [`Store::query`], in bytes. For the engine at work SQLite has one limit for the whole process;
    /// PostgreSQL has its own `work_mem`.
    pub memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(30), rows: 100_000, memory: 512 << 20 }
    }
}

/// A query's answer.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The columns, in order.
    pub columns: Vec<AnswerColumn>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
    /// There were more rows than the limit.
    pub cut: bool,
}

/// One column of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerColumn {
    /// Its name.
    pub name: String,
}

/// A table that is not collected but is about the collecting.
#[derive(Debug)]
pub struct SystemTable {
    /// SQL name.
    pub name: &'static str,
    /// What a row is.
    pub about: &'static str,
    /// Its columns; `at` is not used.
    pub columns: &'static [Column],
    /// The SELECT behind it; `{home}` stands for the store's own schema, and see `events::views`. It has a column `org_id`.
    pub(crate) sql: &'static str,
}

/// Tables about the collecting itself, and about events. None of them holds a credential.
pub static SYSTEM_TABLES: &[SystemTable] = &[
    SystemTable {
        name: "snapshots",
        about: "Committed inventory snapshots of every organization.",
        columns: &[
            integer("number", "", "Grows with every snapshot of any organization."),
            text("org_id", "", "The organization."),
            time("started_at", "", "When reading began."),
            time("committed_at", "", "When it became visible."),
            boolean("complete", "", "Every table was read completely."),
            text("reason", "", "What is missing, if it is not complete."),
        ],
        sql: "SELECT number, org_id, started_at, committed_at, complete, reason FROM {home}snapshot WHERE committed_at IS NOT NULL",
    },
    SystemTable {
        name: "snapshot_tables",
        about: "How completely each snapshot read each source of each table.",
        columns: &[
            integer("snapshot", "", "The snapshot's number."),
            text("org_id", "", "The organization."),
            text("table_name", "", "The table."),
            text("part", "", "Which source of the table; empty where there is one."),
            text("state", "", "complete, not_permitted, not_licensed, failed, short, shrunken or dependent."),
            text("reason", "", "Why it is not complete."),
            integer("rows_held", "", "Rows held after the snapshot."),
        ],
        sql: "SELECT t.snapshot, s.org_id, t.table_name, t.part, t.state, t.reason, t.rows_held
              FROM {home}snapshot_table t JOIN {home}snapshot s ON s.number = t.snapshot WHERE s.committed_at IS NOT NULL",
    },
    SystemTable {
        name: "runs",
        about: "Every test, update and sync, with who started it and how it ended.",
        columns: &[
            integer("id", "", "The run's number."),
            text("connection_name", "", "The connection, as it was called then."),
            text("org_id", "", "The organization."),
            text("action", "", "test, update or sync."),
            text("started_by", "", "A person, or system when the schedule started it."),
            time("started_at", "", "Start."),
            time("ended_at", "", "End; NULL while it runs."),
            text("outcome", "", "succeeded, incomplete, failed, cancelled or interrupted."),
            text("error", "", "What went wrong."),
            integer("calls", "", "HTTP requests."),
            integer("retries", "", "Requests that were tried again."),
        ],
        sql: "SELECT id, connection_name, org_id, action, started_by, started_at, ended_at, outcome, error, calls, retries FROM {home}run",
    },
    SystemTable {
        name: "connections",
        about: "The configured connections, without their credentials.",
        columns: &[
            text("id", "", "Its id, which stays when the name changes."),
            text("name", "", "Its name."),
            text("org_id", "", "The organization."),
            text("org_name", "", "The organization's name."),
            text("region", "", "us, eu or in; NULL for custom URLs."),
            text("owner_name", "", "Who to ask about it."),
            text("owner_email", "", "Their e-mail address."),
            boolean("enabled", "", "Syncs run on their schedule."),
            time("credential_added_at", "", "When the credential was given."),
            time("credential_created_at", "", "When JumpCloud says that it was made; NULL where the API does not tell."),
            time("credential_expires_at", "", "When it expires; NULL with credential_created_at set means never."),
        ],
        sql: "SELECT id, name, org_id, org_name, region, owner_name, owner_email, enabled, credential_added_at,
                credential_created_at, credential_expires_at
              FROM {home}connection WHERE removed_at IS NULL",
    },
    views::EVENTS,
    views::LOGINS,
    views::ACTIVITY,
    views::LAST_SIGN_INS,
    views::WINDOWS,
    views::COUNTS,
    views::TYPES,
    views::UNMAPPED,
    findings::views::FINDINGS,
    findings::views::COUNTS,
    findings::views::HISTORY,
    findings::views::RESULTS,
    findings::views::RUNS,
    evidence::PACKS,
];

/// Longest query text, in bytes. It bounds the depth of the parsed tree.
const LONGEST: usize = 64 * 1024;

/// Deepest nesting that the parser follows; where it fails it tries again another way, on every level.
const DEEPEST: usize = 200;

/// Stack for parsing and printing a tree as deep as [`LONGEST`] allows. Only what is used is really taken.
const PARSER_STACK: usize = 512 << 20;

impl Store {
    /// Answers a query within its limits.
    ///
    /// # Errors
    /// [`Error::Query`] says what is refused or wrong, and what there is instead; [`Error::QueryLimit`] names the limit.
    pub async fn query(&self, query: &Query, limits: &Limits) -> Result<Answer> {
        let view = self.view_of(query).await?;
        let kept_as = query.is_frequent.then(|| view.question(query));
        if let Some(kept) = kept_as.as_ref().and_then(|kept_as| self.answers.get(kept_as)) {
            let stands = match &kept.followed {
                None => true,
                Some(followed) => *followed == self.followed(&view.now).await?,
            };
            if stands && kept.answer.rows.len() as u64 <= limits.rows {
                return Ok(kept.answer);
            }
        }
        let prepared = self.prepared(query, &view)?;
        let (stands, mut followed) = (prepared.stands, None);
        if query.is_frequent && stands == Stands::WithWhatFollows {
            // Before it is read: what changes meanwhile makes it look older than it is.
            followed = Some(self.followed(&view.now).await?);
        }
        let mut answer = Answer::default();
        let mut bytes = 0;
        answer.cut = self
            .answer(query, prepared.sql, limits, |columns, row| {
                match row {
                    None => answer.columns = columns.to_vec(),
                    Some(row) => {
                        bytes += row.iter().map(size_of_cell).sum::<u64>();
                        answer.rows.push(row);
                    }
                }
                if bytes > limits.memory { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .await?;
        if bytes > limits.memory {
            return Err(too_much_memory(limits.memory));
        }
        if let Some(kept_as) = kept_as.filter(|_| stands != Stands::Never) {
            self.answers.put(kept_as, &answer, followed);
        }
        Ok(answer)
    }

    /// Answers a query row by row, so that memory does not grow with the answer. `each` is called once without a row, to
    /// tell the columns, then for every row. Returns whether rows were left out because of the limit. Dropping the future
    /// stops the engine.
    ///
    /// # Errors
    /// As [`Store::query`].
    pub async fn query_each(
        &self,
        query: &Query,
        limits: &Limits,
        each: impl FnMut(&[AnswerColumn], Option<Vec<Cell>>) -> ControlFlow<()>,
    ) -> Result<bool> {
        let view = self.view_of(query).await?;
        let sql = self.prepared(query, &view)?.sql;
        self.answer(query, sql, limits, each).await
    }

    async fn answer(
        &self,
        query: &Query,
        sql: String,
        limits: &Limits,
        each: impl FnMut(&[AnswerColumn], Option<Vec<Cell>>) -> ControlFlow<()>,
    ) -> Result<bool> {
        let deadline = Instant::now() + limits.time;
        let answered = self.asking.answer(query, sql, deadline, limits, each).await;
        answered.map_err(|error| query_error(error, deadline, limits))
    }

    /// What a query asks the engine.
    fn prepared(&self, query: &Query, view: &View) -> Result<Prepared> {
        let known = Known { tables: &self.tables, views: &self.views };
        let fold: &[&str] = if view.postgres { &[] } else { query.fold };
        let prepare = || prepare(&query.sql, &query.parameters, known, view);
        // Our own are not nested deeply.
        let prepared = if query.is_frequent { prepare()? } else { on_large_stack(prepare)? };
        Ok(prepared.folding(fold, &view.snapshots))
    }

    /// The tables that a query reads, by name, after everything about it was checked. Nothing runs.
    ///
    /// # Errors
    /// [`Error::Query`] says what is refused or wrong.
    pub async fn tables_read(&self, query: &Query) -> Result<BTreeSet<String>> {
        let view = self.view_of(query).await?;
        let known = Known { tables: &self.tables, views: &self.views };
        on_large_stack(|| prepare(&query.sql, &query.parameters, known, &view).map(|prepared| prepared.reads))
    }

    /// What a query may see.
    async fn view_of(&self, query: &Query) -> Result<View> {
        let postgres = self.db.is_postgres();
        let home = if postgres {
            let rows = self.db.fetch("SELECT quote_ident(current_schema())", vec![]).await?;
            format!("{}.", rows[0].text(0))
        } else {
            "main.".to_owned()
        };
        let (mut snapshots, share) = self.snapshots_at(query).await?;
        let mut org_ids = query.org_id.clone().map(|org_id| vec![org_id]);
        if let Some(at) = &query.at {
            snapshots =
                at.iter().filter(|(id, _)| query.org_id.as_ref().is_none_or(|org_id| org_id == id)).cloned().collect();
            org_ids = Some(snapshots.iter().map(|(org_id, _)| org_id.clone()).collect());
        }
        if let Some(within) = &query.within {
            snapshots.retain(|(org_id, _)| within.contains(org_id));
            org_ids = Some(match org_ids {
                Some(asked) => asked.into_iter().filter(|org_id| within.contains(org_id)).collect(),
                None => within.clone(),
            });
        }
        let now = match query.parameters.get("now") {
            Some(Parameter::Text(now)) => now.clone(),
            _ => crate::schema::time_text(Timestamp::now()),
        };
        Ok(View { postgres, home, org_ids, snapshots, is_early: share <= EARLY, now })
    }

    /// The snapshot of each organization that a query reads, and the share of all snapshots that had been made by then.
    async fn snapshots_at(&self, query: &Query) -> Result<(Vec<(String, i64)>, f64)> {
        let rows = self
            .db
            .fetch(
                "SELECT org_id, MAX(CASE WHEN $1 = '' OR committed_at <= $1 THEN number END),
                        SUM(CASE WHEN $1 = '' OR committed_at <= $1 THEN 1 ELSE 0 END), COUNT(*)
                 FROM snapshot WHERE committed_at IS NOT NULL AND ($2 = '' OR org_id = $2)
                 GROUP BY org_id ORDER BY org_id",
                vec![
                    query.as_of.map(crate::schema::time_text).unwrap_or_default().into(),
                    query.org_id.clone().unwrap_or_default().into(),
                ],
            )
            .await?;
        let snapshots = rows.iter().filter_map(|row| Some((row.text(0), row.maybe_integer(1)?))).collect();
        let sum = |at: usize| rows.iter().map(|row| row.integer(at)).sum::<i64>() as f64;
        Ok((snapshots, sum(2) / sum(3).max(1.0)))
    }
}

/// Runs the parser where deep nesting can not overflow the stack.
fn on_large_stack<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .stack_size(PARSER_STACK)
            .spawn_scoped(scope, work)
            .map_err(|error| Error::Query(format!("no thread for reading the query: {error}")))?;
        thread.join().unwrap_or_else(|_| Err(Error::Query("the query could not be read".to_owned())))
    })
}

/// What a query may see: which rows, and where the store's own tables are.
struct View {
    postgres: bool,
    /// The schema of the store's own tables with a dot, so that no name of the query's own can stand in their place.
    home: String,
    /// The only organizations, if the query is about some.
    org_ids: Option<Vec<String>>,
    /// The snapshot of each organization.
    snapshots: Vec<(String, i64)>,
    /// Few snapshots had been made by then, so that few versions had begun and most of them have ended since.
    is_early: bool,
    /// The time that a view may compare with.
    now: String,
}

/// What there is to be read.
#[derive(Clone, Copy)]
struct Known<'a> {
    tables: &'a [&'static Table],
    views: &'a [&'static DerivedView],
}

/// How long an answer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// Forever: what it reads is named by the question, with its snapshots.
    WithSnapshots,
    /// As long as nothing changes that follows from snapshots.
    WithWhatFollows,
    Never,
}

/// A query that was read and checked.
struct Prepared {
    /// The statement to run.
    sql: String,
    /// The names of its columns, where all of them can be told from its text.
    columns: Option<Vec<String>>,
    /// The tables that the query names.
    reads: BTreeSet<String>,
    stands: Stands,
}

/// Up to this share of the snapshots, what had begun by then is found sooner than what ended after. Measured over 500
/// snapshots of 100,000 users with 1 % changed in each.
const EARLY: f64 = 0.25;

/// Reads and checks a query.
fn prepare(text: &str, parameters: &BTreeMap<String, Parameter>, known: Known<'_>, view: &View) -> Result<Prepared> {
    let Known { tables, views } = known;
    if text.len() > LONGEST {
        return Err(Error::Query(format!("the query is longer than {LONGEST} bytes")));
    }
    let mut statement = parse(text, view.postgres)?;
    let mut guard = Guard::new(tables, views);
    if let ControlFlow::Break(why) = statement.visit(&mut guard) {
        return Err(Error::Query(why));
    }
    bind(&mut statement, parameters)?;
    // The printed text runs, not the one that was read; where the two do not mean the same, the printer has a fault.
    if parse(&statement.to_string(), view.postgres).ok().as_ref() != Some(&statement) {
        return Err(Error::Query("the query can not be read without doubt; write it more plainly".to_owned()));
    }
    let mut joined = BTreeSet::new();
    for table in tables.iter().filter(|table| guard.relations.contains(table.name) && !table.joined.is_empty()) {
        // What a view reads is not seen here.
        let is_of_view =
            views.iter().any(|view| guard.relations.contains(view.name) && view.reads.contains(&table.name));
        if !is_of_view && sister::is_joined(&statement, table) {
            joined.insert(table.name);
        }
    }
    narrow(&mut statement, |text| parse_expression(text, view.postgres));
    let Statement::Query(mut query) = statement else {
        return Err(Error::Query("only SELECT is possible here: nothing can be changed".to_owned()));
    };
    let own = query.with.take();
    let recursive = if own.as_ref().is_some_and(|with| with.recursive) { "RECURSIVE " } else { "" };
    let mut expressions: Vec<String> = Vec::new();
    let reads = guard.relations.clone();
    // A view reads from tables, and from views that are declared before it.
    for derived in views.iter().rev() {
        if guard.relations.contains(derived.name) {
            guard.relations.extend(derived.reads.iter().map(|name| (*name).to_owned()));
        }
    }
    for table in tables.iter().filter(|table| guard.relations.contains(table.name)) {
        let select = table_select(table, tables, view, joined.contains(table.name));
        expressions.push(format!("\"{}\" AS NOT MATERIALIZED ({select})", table.name));
    }
    for system in SYSTEM_TABLES.iter().filter(|table| guard.relations.contains(table.name)) {
        expressions.push(format!("\"{}\" AS NOT MATERIALIZED ({})", system.name, system_select(system, view)));
    }
    for derived in views.iter().filter(|derived| guard.relations.contains(derived.name)) {
        let sql = views::spelled(derived.sql, view.postgres).replace("{now}", &literal(&view.now));
        expressions.push(format!("\"{}\" AS NOT MATERIALIZED ({sql})", derived.name));
    }
    expressions.extend(own.iter().flat_map(|with| &with.cte_tables).map(ToString::to_string));
    let with =
        if expressions.is_empty() { String::new() } else { format!("WITH {recursive}{} ", expressions.join(", ")) };
    let stands = stands(&guard.relations, known);
    Ok(Prepared { sql: format!("{with}{query}"), columns: columns_named(&query.body), reads, stands })
}

/// How long an answer stands that is read from these.
fn stands(relations: &BTreeSet<String>, Known { tables, views }: Known<'_>) -> Stands {
    let of_name = |name: &String| {
        if let Some(table) = tables.iter().find(|table| table.name == name) {
            // No asset is worked out: what is, is written after the snapshot was committed.
            return if table.asset.is_some() { Stands::WithSnapshots } else { Stands::WithWhatFollows };
        }
        match views.iter().find(|view| view.name == name) {
            Some(view) if view.sql.contains("now}") || view.sql.contains("{days:") => Stands::Never,
            Some(_) => Stands::WithSnapshots,
            None if findings::views::ALL.contains(&name.as_str()) => Stands::WithWhatFollows,
            None => Stands::Never,
        }
    };
    let all: Vec<Stands> = relations.iter().map(of_name).collect();
    match all.as_slice() {
        [] => Stands::Never,
        all if all.contains(&Stands::Never) => Stands::Never,
        all if all.contains(&Stands::WithWhatFollows) => Stands::WithWhatFollows,
        _ => Stands::WithSnapshots,
    }
}

/// The names of the columns that a SELECT gives; `None` where one has no name, or where they can not be told from the text.
fn columns_named(body: &SetExpr) -> Option<Vec<String>> {
    let select = match body {
        SetExpr::Select(select) => select,
        SetExpr::SetOperation { left, .. } => return columns_named(left),
        SetExpr::Query(query) => return columns_named(&query.body),
        _ => return None,
    };
    let names: Option<Vec<String>> = select
        .projection
        .iter()
        .map(|item| match item {
            SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
            SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(name.value.clone()),
            SelectItem::UnnamedExpr(Expr::CompoundIdentifier(names)) => Some(names.last()?.value.clone()),
            _ => None,
        })
        .collect();
    let distinct: Option<BTreeSet<String>> =
        names.as_ref().map(|names| names.iter().map(|name| name.to_lowercase()).collect());
    names.filter(|names| distinct.is_some_and(|distinct| distinct.len() == names.len()))
}

impl Prepared {
    /// The statement with rows folded that have one of these words; as it is, where that can not be done.
    fn folding(mut self, words: &[&str], snapshots: &[(String, i64)]) -> Self {
        let quoted = |name: &String| format!("\"{}\"", name.replace('"', "\"\""));
        let columns: Vec<String> = self.columns.iter().flatten().map(quoted).collect();
        let [first, id, _, word, fifth, others @ ..] = columns.as_slice() else { return self };
        if words.is_empty() {
            return self;
        }
        let quoted_words = words.iter().map(|word| literal(word)).collect::<Vec<_>>().join(", ");
        let mut folds = format!(
            "COALESCE({word} IN ({quoted_words}) AND {fifth} <> '', FALSE) AND {first} IS NOT NULL AND {id} IS NOT NULL"
        );
        let folded = |first: &str, word: &str| {
            let nothing = ", NULL".repeat(others.len());
            format!(
                "SELECT {first}, GROUP_CONCAT({id}, '{FOLD_MARK}'), COUNT(*), '{FOLDED}' || {word}, NULL{nothing} FROM jumpseat_rows"
            )
        };
        let groups = if let [(org_id, _)] = snapshots {
            // To read the rows again for each word is faster than to sort them.
            let org_id = literal(org_id);
            folds = format!("{folds} AND {first} = {org_id}");
            let group = |text: &&str| {
                let text = literal(text);
                format!(" UNION ALL {} WHERE {folds} AND {word} = {text} HAVING COUNT(*) > 0", folded(&org_id, &text))
            };
            words.iter().map(group).collect()
        } else {
            format!(" UNION ALL {} WHERE {folds} GROUP BY {first}, {word}", folded(first, word))
        };
        self.sql = format!(
            "WITH jumpseat_rows AS MATERIALIZED ({sql}) SELECT {all} FROM jumpseat_rows WHERE NOT ({folds}){groups}",
            sql = self.sql,
            all = columns.join(", "),
        );
        self
    }
}

/// Literals are kept as they are written: un-escaped ones are not always escaped again in print.
fn parser(postgres: bool) -> Parser<'static> {
    let dialect: &dyn Dialect = if postgres { &PostgreSqlDialect {} } else { &SQLiteDialect {} };
    Parser::new(dialect).with_options(ParserOptions::new().with_unescape(false)).with_recursion_limit(DEEPEST)
}

/// Reads an expression that was printed by the parser's tree, with little around it.
fn parse_expression(text: &str, postgres: bool) -> Option<Expr> {
    parser(postgres).try_with_sql(text).ok()?.parse_expr().ok()
}

/// Reads one statement.
fn parse(text: &str, postgres: bool) -> Result<Statement> {
    let mut statements = parser(postgres)
        .try_with_sql(text)
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|error| Error::Query(format!("the query can not be read: {error}")))?;
    statements
        .pop()
        .filter(|_| statements.is_empty())
        .ok_or_else(|| Error::Query("one SELECT statement is needed, not several and not none".to_owned()))
}

/// The SELECT that shows a table about the collecting.
fn system_select(system: &SystemTable, view: &View) -> String {
    let all =
        views::spelled(system.sql, view.postgres).replace("{home}", &view.home).replace("{now}", &literal(&view.now));
    match view.org_ids.as_deref() {
        None => all,
        Some([]) => format!("SELECT * FROM ({all}) s WHERE 1 = 0"),
        Some([org_id]) => format!("SELECT * FROM ({all}) s WHERE s.org_id = {}", literal(org_id)),
        Some(org_ids) => {
            let ids: Vec<String> = org_ids.iter().map(|org_id| literal(org_id)).collect();
            format!("SELECT * FROM ({all}) s WHERE s.org_id IN ({})", ids.join(", "))
        }
    }
}

/// A text as an SQL literal.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The SELECT that shows a table's rows as they stand in the snapshots of the view. It reads from one table, without a
/// join, so that SQLite can lay it into any query around it and use the indexes from there; unless it `is_joined` to its
/// sisters.
fn table_select(table: &Table, tables: &[&'static Table], view: &View, is_joined: bool) -> String {
    let home = &view.home;
    let mut columns = vec!["v.org_id".to_owned(), "v.id".to_owned()];
    columns.extend(table.columns.iter().map(|column| format!("v.\"{}\"", column.name)));
    let mut from = format!("{home}{} v", versions_name(table));
    for (number, joined) in table.joined.iter().enumerate() {
        let Some(sister) = tables.iter().find(|other| other.name == joined.table) else { continue };
        let j = format!("j{number}");
        let versions = format!("{home}{} {j}", versions_name(sister));
        let condition =
            format!("{j}.org_id = v.org_id AND {j}.id = v.\"{}\" AND {}", joined.by, view.holds(&j, sister));
        columns.extend(joined.columns.iter().map(|column| match is_joined {
            true => format!("{j}.\"{column}\""),
            false => format!("(SELECT {j}.\"{column}\" FROM {versions} WHERE {condition}) AS \"{column}\""),
        }));
        if is_joined {
            from = format!("{from} LEFT JOIN {versions} ON {condition}");
        }
    }
    columns.push(format!("(SELECT r.raw FROM {home}{} r WHERE r.row_id = v.row_id) AS raw", raws_name(table)));
    format!(
        "SELECT {} FROM {from} WHERE {} AND {}",
        columns.join(", "),
        view.is_of_organizations("v"),
        view.holds("v", table)
    )
}

impl View {
    /// A query over this view, so that two that are the same but for the time have the same text.
    fn question(&self, query: &Query) -> String {
        let of_view = (&self.org_ids, &self.snapshots, self.is_early);
        format!("{:?} {:?} {of_view:?} {:?}", query.sql, query.parameters, query.fold)
    }

    /// The condition that a version belongs to an organization that may be seen.
    fn is_of_organizations(&self, alias: &str) -> String {
        let mut ids: Vec<String> = self.snapshots.iter().map(|(org_id, _)| literal(org_id)).collect();
        match ids.as_slice() {
            [] => ids.push("NULL".to_owned()),
            // A list of one is an equation for SQLite, and where an index has an equation, it makes no passing index for
            // a join by another column. A list of two is a list.
            [only] => ids.push(only.clone()),
            _ => {}
        }
        format!("{alias}.org_id IN ({})", ids.join(", "))
    }

    /// The condition that a version holds in its organization's snapshot. The bounds over all organizations are what an
    /// index can find.
    fn holds(&self, alias: &str, table: &Table) -> String {
        let numbers = || self.snapshots.iter().map(|(_, number)| *number);
        let (lowest, highest) = (numbers().min().unwrap_or(0), numbers().max().unwrap_or(0));
        // A sign keeps SQLite from looking for that bound in an index, so that it looks for the other.
        let (end, beginning) = match (self.postgres, self.is_early && has_start_index(table)) {
            (true, _) => ("", ""),
            (false, true) => ("+", ""),
            (false, false) => ("", "+"),
        };
        let bounds =
            format!("{end}{alias}.until_snapshot > {lowest} AND {beginning}{alias}.from_snapshot <= {highest}");
        if lowest == highest {
            return bounds;
        }
        let cases: String =
            self.snapshots.iter().map(|(org_id, number)| format!(" WHEN {} THEN {number}", literal(org_id))).collect();
        let own = format!("CASE {alias}.org_id{cases} END");
        format!("{bounds} AND {alias}.until_snapshot > {own} AND {alias}.from_snapshot <= {own}")
    }
}
