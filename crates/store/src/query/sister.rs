//! How a query gets the columns that a table has from its sister: each mention looks them up by itself, or one join looks
//! them up for all mentions.

use std::ops::ControlFlow;

use sqlparser::ast::{
    self, Expr, JoinOperator, Select, SetExpr, Statement, TableFactor, TableWithJoins, Visit, Visitor,
};

use crate::schema::Table;

/// Whether the sister tables of a table are to be joined: their columns are named more than twice, since SQLite computes such
/// a column anew for every mention, and a join has a price of its own. Where the table is the optional side of a join the engine could not lay a join into the
/// query, and would read the whole table first.
pub(super) fn is_joined(statement: &Statement, table: &Table) -> bool {
    let mut seen = Seen { table, mentions: 0, is_optional: false };
    let _ = statement.visit(&mut seen);
    seen.mentions > 2 && !seen.is_optional
}

struct Seen<'a> {
    table: &'a Table,
    mentions: usize,
    is_optional: bool,
}

impl Seen<'_> {
    fn note_optional(&mut self, body: &SetExpr) {
        match body {
            SetExpr::Select(select) => self.note_joins(select),
            SetExpr::SetOperation { left, right, .. } => {
                self.note_optional(left);
                self.note_optional(right);
            }
            _ => {}
        }
    }

    fn note_joins(&mut self, select: &Select) {
        for TableWithJoins { relation, joins } in &select.from {
            let is_own = |factor: &TableFactor| match factor {
                TableFactor::Table { name, .. } => name.to_string().eq_ignore_ascii_case(self.table.name),
                // What is in brackets is seldom needed.
                _ => true,
            };
            let is_optional = joins.iter().any(|join| match join.join_operator {
                JoinOperator::Join(_) | JoinOperator::Inner(_) | JoinOperator::CrossJoin(_) => false,
                JoinOperator::Left(_) | JoinOperator::LeftOuter(_) => is_own(&join.relation),
                _ => is_own(relation) || is_own(&join.relation),
            });
            self.is_optional |= is_optional;
        }
    }
}

impl Visitor for Seen<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &ast::Query) -> ControlFlow<()> {
        self.note_optional(&query.body);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let name = match expr {
            Expr::Identifier(name) => Some(name),
            Expr::CompoundIdentifier(names) => names.last(),
            _ => None,
        };
        let mut columns = self.table.joined.iter().flat_map(|joined| joined.columns);
        if name.is_some_and(|name| columns.any(|column| name.value.eq_ignore_ascii_case(column))) {
            self.mentions += 1;
        }
        ControlFlow::Continue(())
    }
}
