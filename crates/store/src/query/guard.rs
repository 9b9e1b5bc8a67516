//! What a query may name: closed lists of tables and functions, and the walk through a parsed query that refuses all else.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{self, Expr, ObjectName, SetExpr, Statement, TableFactor, Visitor};

use super::SYSTEM_TABLES;
use crate::derived::DerivedView;
use crate::nearest::nearest;
use crate::schema::Table;

/// Names of the store's own tables, which a query can not reach and whose names it may not take for its own tables.
const OWN_TABLES: &[&str] = &[
    "archive",
    "archive_object",
    "archive_unit",
    "counter",
    "connection",
    "stream",
    "run",
    "run_table",
    "run_call",
    "snapshot",
    "snapshot_table",
    "quarantine",
    "lease",
    "event",
    "event_org",
    "event_part",
    "event_raw",
    "event_untimed",
    "event_term",
    "event_kind",
    "event_count",
    "event_day_count",
    "event_activity",
    "event_window",
    "event_stale_day",
    "layout_change",
    "table_layout",
    "schema_version",
    "posture_run",
    "check_result",
    "finding",
    "finding_count",
    "finding_event",
    "evidence_key",
    "evidence_pack",
    "person",
    "person_identity",
    "person_session",
    "api_token",
    "setup_token",
    "audit_line",
    "sign_in_failure",
    "sign_in_waiting",
    "second_factor",
    "recovery_code",
    "notification",
    "notification_told",
    "dbstat",
    "information_schema",
];
const OWN_PREFIXES: &[&str] = &["v_", "r_", "event_month_", "sqlite_", "pg_", "pragma_"];

/// Functions that a query may call: those that compute from their arguments, in both engines' names. Everything that
/// reads files, reaches the network, changes settings, sleeps, or makes values of any wished size is not here.
const FUNCTIONS: &[&str] = &[
    "abs",
    "age",
    "array_agg",
    "array_length",
    "array_to_string",
    "avg",
    "bool_and",
    "bool_or",
    "btrim",
    "cardinality",
    "ceil",
    "ceiling",
    "char_length",
    "coalesce",
    "concat",
    "concat_ws",
    "count",
    "cume_dist",
    "current_date",
    "current_timestamp",
    "date",
    "date_part",
    "date_trunc",
    "datetime",
    "dense_rank",
    "every",
    "exp",
    "first_value",
    "floor",
    "greatest",
    "group_concat",
    "hex",
    "host",
    "ifnull",
    "iif",
    "initcap",
    "instr",
    "json",
    "json_agg",
    "json_array",
    "json_array_elements",
    "json_array_elements_text",
    "json_array_length",
    "json_build_object",
    "json_each",
    "json_each_text",
    "json_extract",
    "json_extract_path_text",
    "json_group_array",
    "json_group_object",
    "json_object",
    "json_tree",
    "json_type",
    "json_typeof",
    "json_valid",
    "jsonb_agg",
    "jsonb_array_elements",
    "jsonb_array_elements_text",
    "jsonb_array_length",
    "jsonb_each",
    "jsonb_each_text",
    "jsonb_extract_path_text",
    "jsonb_object_keys",
    "jsonb_typeof",
    "julianday",
    "lag",
    "last_value",
    "lead",
    "least",
    "left",
    "length",
    "like",
    "ln",
    "log",
    "lower",
    "ltrim",
    "max",
    "min",
    "mod",
    "nth_value",
    "ntile",
    "nullif",
    "octet_length",
    "percent_rank",
    "position",
    "power",
    "pow",
    "rank",
    "regexp_match",
    "regexp_replace",
    "replace",
    "reverse",
    "right",
    "round",
    "row_number",
    "rtrim",
    "sign",
    "split_part",
    "sqrt",
    "starts_with",
    "stddev",
    "strftime",
    "string_agg",
    "strpos",
    "substr",
    "substring",
    "sum",
    "time",
    "timediff",
    "to_char",
    "to_date",
    "to_timestamp",
    "total",
    "trim",
    "trunc",
    "typeof",
    "unicode",
    "unixepoch",
    "unnest",
    "upper",
];

/// Walks the parsed query and refuses everything that is not on the closed lists.
pub(super) struct Guard<'a> {
    tables: &'a [&'static Table],
    views: &'a [&'static DerivedView],
    statements: usize,
    /// Our tables that the query reads from.
    pub(super) relations: BTreeSet<String>,
    /// Names that the query gives to tables of its own (`WITH name AS …`): one set for each query that is open now, since
    /// such a name means nothing outside of its query.
    own: Vec<BTreeSet<String>>,
    /// A function in FROM, which the tree calls a table as well.
    function: Option<ObjectName>,
}

type Verdict = ControlFlow<String>;

fn refuse(why: impl Into<String>) -> Verdict {
    ControlFlow::Break(why.into())
}

impl<'a> Guard<'a> {
    pub(super) fn new(tables: &'a [&'static Table], views: &'a [&'static DerivedView]) -> Self {
        Self { tables, views, statements: 0, relations: BTreeSet::new(), own: Vec::new(), function: None }
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        let views = self.views.iter().map(|derived| derived.name);
        self.tables.iter().map(|table| table.name).chain(SYSTEM_TABLES.iter().map(|table| table.name)).chain(views)
    }

    /// Whether the query may give this name to a table of its own.
    fn is_free(&self, name: &str) -> bool {
        !OWN_TABLES.contains(&name)
            && !OWN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            && !self.names().any(|table| table == name)
    }

    fn unknown(&self, name: &str) -> Verdict {
        let meant = match nearest(name, self.names()) {
            Some(near) => format!("did you mean {near}? "),
            None => String::new(),
        };
        refuse(format!("there is no table {name}; {meant}`jumpseat sql --tables` lists what there is"))
    }
}

/// Whether a query's body is made of SELECT and VALUES alone.
fn is_plain(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => select.into.is_none(),
        SetExpr::Query(_) | SetExpr::Values(_) => true,
        SetExpr::SetOperation { left, right, .. } => is_plain(left) && is_plain(right),
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) | SetExpr::Table(_) => false,
    }
}

fn single_name(name: &ObjectName) -> Option<String> {
    match name.0.as_slice() {
        // Both engines fold ASCII letters only.
        [part] => part.as_ident().map(|ident| ident.value.to_ascii_lowercase()),
        _ => None,
    }
}

impl Visitor for Guard<'_> {
    type Break = String;

    fn pre_visit_statement(&mut self, statement: &Statement) -> Verdict {
        self.statements += 1;
        match statement {
            Statement::Query(_) if self.statements == 1 => ControlFlow::Continue(()),
            _ => refuse("only SELECT is possible here: nothing can be changed"),
        }
    }

    fn pre_visit_query(&mut self, query: &ast::Query) -> Verdict {
        let bare = query.locks.is_empty()
            && query.for_clause.is_none()
            && query.settings.is_none()
            && query.format_clause.is_none()
            && query.pipe_operators.is_empty();
        if !bare || !is_plain(&query.body) {
            return refuse("only a plain SELECT is possible here (no INTO, no locks, no changes inside)");
        }
        let mut own = BTreeSet::new();
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let name = cte.alias.name.value.to_ascii_lowercase();
            if !self.is_free(&name) {
                return refuse(format!("the name {name} can not be given to a table of the query; choose another"));
            }
            own.insert(name);
        }
        self.own.push(own);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &ast::Query) -> Verdict {
        self.own.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> Verdict {
        if self.function.take_if(|function| function == relation).is_some() {
            return ControlFlow::Continue(());
        }
        let Some(name) = single_name(relation) else {
            return refuse(format!("there is no table {relation}; tables have no schema before their name"));
        };
        if self.own.iter().any(|own| own.contains(&name)) {
            return ControlFlow::Continue(());
        }
        if !self.names().any(|table| table == name) {
            return self.unknown(&name);
        }
        self.relations.insert(name);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> Verdict {
        match factor {
            TableFactor::Table { name, args: Some(_), .. } => match single_name(name) {
                Some(function) if FUNCTIONS.contains(&function.as_str()) => {
                    self.function = Some(name.clone());
                    ControlFlow::Continue(())
                }
                _ => refuse(format!("the function {name} can not be used here")),
            },
            TableFactor::Table { .. } | TableFactor::Derived { .. } | TableFactor::NestedJoin { .. } => {
                ControlFlow::Continue(())
            }
            TableFactor::UNNEST { .. } => ControlFlow::Continue(()),
            other => refuse(format!("this can not be read from: {other}")),
        }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> Verdict {
        match expr {
            Expr::Function(function) => match single_name(&function.name) {
                Some(name) if FUNCTIONS.contains(&name.as_str()) => ControlFlow::Continue(()),
                _ => refuse(format!("the function {} can not be used here", function.name)),
            },
            // `'name'::regclass` and its kin look names up in PostgreSQL's own catalog.
            Expr::Cast { data_type, .. } | Expr::TypedString(ast::TypedString { data_type, .. })
                if data_type
                    .to_string()
                    .to_ascii_lowercase()
                    .replace('"', "")
                    .trim_start_matches("pg_catalog.")
                    .starts_with("reg") =>
            {
                refuse(format!("the type {data_type} can not be used here"))
            }
            _ => ControlFlow::Continue(()),
        }
    }
}
