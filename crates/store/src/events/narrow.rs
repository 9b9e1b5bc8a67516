//! A condition on the `time` of events says something about their `hour` as well, and that is decided on the ledger's few
//! lines: a query that names only a time would read every event otherwise.
//!
//! `time >= x` becomes `(time >= x AND hour >= the first 13 characters of x)`. Both are texts that begin alike, so the second
//! holds wherever the first does: the query means the same. Only what is surely text is looked at for `x`.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, Ident, Join, JoinConstraint, JoinOperator, Select, Statement, TableFactor, Value,
    VisitMut as _, VisitorMut,
};

/// Tables of events.
const EVENTS: [&str; 2] = ["events", "logins"];

/// Functions that always answer with a text, in both engines' names.
const TEXTUAL: [&str; 6] = ["concat", "date", "datetime", "replace", "strftime", "to_char"];

/// How much of a moment says which hour it lies in: `2026-11-20T10`.
const HOUR_LENGTH: usize = 13;

/// What follows in the text of an hour.
const HOUR_END: &str = ":00:00.000Z";

/// Adds to every condition on a time of events what it says about the hour. `parse` reads an expression.
pub(crate) fn narrow(statement: &mut Statement, parse: impl Fn(&str) -> Option<Expr>) {
    let _ = statement.visit(&mut Narrow { parse });
}

struct Narrow<P> {
    parse: P,
}

impl<P: Fn(&str) -> Option<Expr>> VisitorMut for Narrow<P> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let mut tables = Tables::default();
        for from in &select.from {
            tables.add(&from.relation);
            from.joins.iter().for_each(|join| tables.join(join));
        }
        if tables.events.is_empty() {
            return ControlFlow::Continue(());
        }
        if let Some(condition) = &mut select.selection {
            self.narrow(condition, &tables);
        }
        for join in select.from.iter_mut().flat_map(|from| &mut from.joins) {
            if let Some(JoinConstraint::On(condition)) = constraint(&mut join.join_operator) {
                self.narrow(condition, &tables);
            }
        }
        ControlFlow::Continue(())
    }
}

/// The tables that a SELECT reads from.
#[derive(Default)]
struct Tables {
    /// Those of events, as the query calls them.
    events: Vec<Ident>,
    /// Columns of several tables may be one, so that a bare name is not surely an event's.
    is_merged: bool,
}

impl Tables {
    fn add(&mut self, factor: &TableFactor) {
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let own = name.0.last().and_then(|part| part.as_ident());
                if let Some(own) = own.filter(|own| EVENTS.contains(&own.value.to_ascii_lowercase().as_str())) {
                    self.events.push(alias.as_ref().map_or(own, |alias| &alias.name).clone());
                    // Columns that the query names anew are not looked at.
                    self.is_merged |= alias.as_ref().is_some_and(|alias| !alias.columns.is_empty());
                }
            }
            TableFactor::NestedJoin { table_with_joins, .. } => {
                self.add(&table_with_joins.relation);
                table_with_joins.joins.iter().for_each(|join| self.join(join));
            }
            _ => {}
        }
    }

    fn join(&mut self, join: &Join) {
        self.add(&join.relation);
        let mut operator = join.join_operator.clone();
        self.is_merged |= !matches!(constraint(&mut operator), Some(JoinConstraint::On(_) | JoinConstraint::None));
    }

    /// The `hour` that belongs to this expression, if it is the `time` of an event.
    fn hour_of(&self, expr: &Expr) -> Option<String> {
        let is_time = |ident: &Ident| ident.value.eq_ignore_ascii_case("time");
        match expr {
            _ if self.is_merged => None,
            Expr::Identifier(ident) if is_time(ident) => match self.events.as_slice() {
                [only] => Some(format!("{only}.hour")),
                _ => None,
            },
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [table, column] if is_time(column) => {
                    let is_it = |name: &&Ident| name.value.eq_ignore_ascii_case(&table.value);
                    self.events.iter().find(is_it).map(|_| format!("{table}.hour"))
                }
                _ => None,
            },
            Expr::Nested(inner) => self.hour_of(inner),
            _ => None,
        }
    }
}

fn constraint(operator: &mut JoinOperator) -> Option<&mut JoinConstraint> {
    match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint)
        | JoinOperator::CrossJoin(constraint) => Some(constraint),
        _ => None,
    }
}

/// Whether this is a text, whatever the rows.
fn is_text(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => matches!(value.value, Value::SingleQuotedString(_)),
        Expr::Nested(inner) => is_text(inner),
        Expr::BinaryOp { op: BinaryOperator::StringConcat, .. } => true,
        Expr::Function(function) => match function.name.0.as_slice() {
            [name] => name.as_ident().is_some_and(|name| TEXTUAL.contains(&name.value.to_ascii_lowercase().as_str())),
            _ => false,
        },
        _ => false,
    }
}

impl<P: Fn(&str) -> Option<Expr>> Narrow<P> {
    fn narrow(&self, expr: &mut Expr, tables: &Tables) {
        match expr {
            Expr::Nested(inner) => self.narrow(inner, tables),
            Expr::BinaryOp { left, op: BinaryOperator::And | BinaryOperator::Or, right } => {
                self.narrow(left, tables);
                self.narrow(right, tables);
            }
            _ => {
                let more = about_the_hour(expr, tables).and_then(|more| (self.parse)(&more));
                if let Some(more) = more {
                    let both = Expr::BinaryOp {
                        left: Box::new(expr.clone()),
                        op: BinaryOperator::And,
                        right: Box::new(Expr::Nested(Box::new(more))),
                    };
                    *expr = Expr::Nested(Box::new(both));
                }
            }
        }
    }
}

/// What a condition on an event's time says about its hour, as SQL.
fn about_the_hour(expr: &Expr, tables: &Tables) -> Option<String> {
    let since = |hour: &str, x: &Expr| format!("{hour} >= substr({x}, 1, {HOUR_LENGTH})");
    let until = |hour: &str, x: &Expr| format!("{hour} <= substr({x}, 1, {HOUR_LENGTH}) || '{HOUR_END}'");
    match expr {
        Expr::BinaryOp { left, op, right } => {
            let (hour, x, is_flipped) = match (tables.hour_of(left), tables.hour_of(right)) {
                (Some(hour), None) => (hour, right, false),
                (None, Some(hour)) => (hour, left, true),
                _ => return None,
            };
            if !is_text(x) {
                return None;
            }
            use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq};
            Some(match (op, is_flipped) {
                (Gt | GtEq, false) | (Lt | LtEq, true) => since(&hour, x),
                (Lt | LtEq, false) | (Gt | GtEq, true) => until(&hour, x),
                (Eq, _) => format!("{} AND {}", since(&hour, x), until(&hour, x)),
                _ => return None,
            })
        }
        Expr::Between { expr, negated: false, low, high } if is_text(low) && is_text(high) => {
            let hour = tables.hour_of(expr)?;
            Some(format!("{} AND {}", since(&hour, low), until(&hour, high)))
        }
        _ => None,
    }
}
