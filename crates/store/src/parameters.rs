//! `:name` in a query: a value takes its place in the parsed tree, so that no text of it is ever read as SQL.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Statement, UnaryOperator, Value, VisitMut as _, VisitorMut};

use crate::nearest::nearest;
use crate::schema::storable;
use crate::{Error, Result};

/// What a parameter of a query stands for.
#[derive(Debug, Clone, PartialEq)]
pub enum Parameter {
    /// Text, and times as text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Real(f64),
    /// True or false.
    Boolean(bool),
    /// Several values, for `x IN (:name)`. An empty list is `IN (NULL)`, which nothing is in.
    List(Vec<Parameter>),
}

/// Puts values in the place of all `:name`.
///
/// # Errors
/// A name that has no value, or a list where one value is needed.
pub(crate) fn bind(statement: &mut Statement, parameters: &BTreeMap<String, Parameter>) -> Result<()> {
    match statement.visit(&mut Bind { parameters }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(why) => Err(Error::Query(why)),
    }
}

struct Bind<'a> {
    parameters: &'a BTreeMap<String, Parameter>,
}

impl Bind<'_> {
    fn named(&self, expression: &Expr) -> Option<ControlFlow<String, &Parameter>> {
        let Expr::Value(value) = expression else { return None };
        let Value::Placeholder(written) = &value.value else { return None };
        let found = written.strip_prefix(':').and_then(|name| self.parameters.get(name));
        Some(match found {
            Some(parameter) => ControlFlow::Continue(parameter),
            None => ControlFlow::Break(self.unknown(written)),
        })
    }

    fn unknown(&self, written: &str) -> String {
        let name = written.trim_start_matches(':');
        match nearest(name, self.parameters.keys().map(String::as_str)) {
            Some(nearest) => format!("the query has no parameter {written}; did you mean :{nearest}?"),
            None => format!("the query has no parameter {written}; write the value itself"),
        }
    }
}

impl VisitorMut for Bind<'_> {
    type Break = String;

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<String> {
        if let Expr::InList { list, .. } = expression
            && list.iter().any(|item| matches!(self.named(item), Some(ControlFlow::Continue(Parameter::List(_)))))
        {
            let mut items = Vec::with_capacity(list.len());
            for item in list.drain(..) {
                match self.named(&item) {
                    Some(ControlFlow::Continue(Parameter::List(values))) if values.is_empty() => {
                        items.push(Expr::value(Value::Null));
                    }
                    Some(ControlFlow::Continue(Parameter::List(values))) => {
                        items.extend(values.iter().filter_map(expression_of));
                    }
                    _ => items.push(item),
                }
            }
            *list = items;
        }
        let value = match self.named(expression) {
            None => return ControlFlow::Continue(()),
            Some(ControlFlow::Break(why)) => return ControlFlow::Break(why),
            Some(ControlFlow::Continue(parameter)) => expression_of(parameter),
        };
        match value {
            Some(value) => {
                *expression = value;
                ControlFlow::Continue(())
            }
            None => ControlFlow::Break(format!("{expression} is a list; write `x IN ({expression})`")),
        }
    }
}

/// A value as the parser would have read it; `None` for a list.
fn expression_of(parameter: &Parameter) -> Option<Expr> {
    let number = |text: String, negative: bool| {
        let value = Expr::value(Value::Number(text, false));
        if negative { Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(value) } } else { value }
    };
    Some(match parameter {
        // Literals are kept as they are written, see the parser's options.
        Parameter::Text(text) => Expr::value(Value::SingleQuotedString(storable(text).replace('\'', "''"))),
        Parameter::Integer(value) => number(value.unsigned_abs().to_string(), *value < 0),
        Parameter::Real(value) => number(format!("{:?}", value.abs()), *value < 0.0),
        Parameter::Boolean(value) => Expr::value(Value::Boolean(*value)),
        Parameter::List(_) => return None,
    })
}

impl From<&str> for Parameter {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Parameter {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}
