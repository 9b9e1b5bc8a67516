//! Filters of all families, brought into one form and tested against rows.
//! Responsible for parsing and matching. Which parameter carries a filter is decided in `listing`.

use std::cmp::Ordering;

use serde_json::Value;

/// A condition on a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Field { path: String, test: Test },
}

/// What a field is compared with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Test {
    Equal(Value),
    NotEqual(Value),
    Greater(Value),
    GreaterOrEqual(Value),
    Less(Value),
    LessOrEqual(Value),
    In(Vec<Value>),
    NotIn(Vec<Value>),
    /// Text with `*` for anything, compared without case when the flag is set.
    Like(String, bool),
    Exists(bool),
}

impl Filter {
    /// Reads `field:op:value` (V2, System Insights) or `field:$op:value` (V1); anything else is ignored by the service.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ':');
        let (path, operator, value) = (parts.next()?, parts.next()?, parts.next()?);
        let text = || Value::String(value.to_owned());
        let list = || value.split(['|', ',']).map(|entry| Value::String(entry.to_owned())).collect();
        let test = match operator.trim_start_matches('$') {
            "eq" if value.contains('*') => Test::Like(value.to_owned(), false),
            "eq" => Test::Equal(text()),
            "ne" => Test::NotEqual(text()),
            "gt" => Test::Greater(text()),
            "gte" | "ge" => Test::GreaterOrEqual(text()),
            "lt" => Test::Less(text()),
            "lte" | "le" => Test::LessOrEqual(text()),
            "in" => Test::In(list()),
            "nin" => Test::NotIn(list()),
            "search" => Test::Like(format!("*{value}*"), true),
            "between" => {
                let (low, high) = value.split_once(['|', ','])?;
                return Some(Self::All(vec![
                    Self::Field { path: path.to_owned(), test: Test::GreaterOrEqual(Value::String(low.to_owned())) },
                    Self::Field { path: path.to_owned(), test: Test::LessOrEqual(Value::String(high.to_owned())) },
                ]));
            }
            _ => return None,
        };
        Some(Self::Field { path: path.to_owned(), test })
    }

    /// Reads the `filter` of a search body: a Mongo-like object, an array of such, or an array of `field:op:value`.
    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Self::parse(text),
            Value::Array(entries) => Some(Self::All(entries.iter().filter_map(Self::from_json).collect())),
            Value::Object(fields) => {
                Some(Self::All(fields.iter().filter_map(|(name, value)| Self::field(name, value)).collect()))
            }
            _ => None,
        }
    }

    /// Whether a row passes.
    pub(crate) fn matches(&self, row: &Value) -> bool {
        match self {
            Self::All(filters) => filters.iter().all(|filter| filter.matches(row)),
            Self::Any(filters) => filters.iter().any(|filter| filter.matches(row)),
            Self::Field { path, test } => test.matches(lookup(row, path)),
        }
    }

    /// Whether the filter looks at this field anywhere.
    pub(crate) fn mentions(&self, field: &str) -> bool {
        match self {
            Self::All(filters) | Self::Any(filters) => filters.iter().any(|filter| filter.mentions(field)),
            Self::Field { path, .. } => path == field,
        }
    }

    /// Takes a condition out of a conjunction that asks for one of some values of a field.
    pub(crate) fn take_values(&mut self, field: &str) -> Option<Vec<String>> {
        let Self::All(filters) = self else { return None };
        let place = filters.iter().position(
            |filter| matches!(filter, Self::Field { path, test: Test::Equal(_) | Test::In(_) } if path == field),
        )?;
        match filters.remove(place) {
            Self::Field { test: Test::Equal(value), .. } => Some(vec![plain(&value)]),
            Self::Field { test: Test::In(values), .. } => Some(values.iter().map(plain).collect()),
            _ => None,
        }
    }

    fn field(name: &str, value: &Value) -> Option<Self> {
        match (name, value) {
            ("$and" | "and", Value::Array(entries)) => {
                Some(Self::All(entries.iter().filter_map(Self::from_json).collect()))
            }
            ("$or" | "or", Value::Array(entries)) => {
                Some(Self::Any(entries.iter().filter_map(Self::from_json).collect()))
            }
            (_, Value::Object(operators)) => Some(Self::All(
                operators
                    .iter()
                    .filter_map(|(operator, value)| {
                        Some(Self::Field { path: name.to_owned(), test: Test::from_operator(operator, value)? })
                    })
                    .collect(),
            )),
            _ => Some(Self::Field { path: name.to_owned(), test: Test::Equal(value.clone()) }),
        }
    }
}

impl Test {
    fn from_operator(operator: &str, value: &Value) -> Option<Self> {
        let list = || value.as_array().cloned().unwrap_or_default();
        Some(match operator {
            "$eq" => Self::Equal(value.clone()),
            "$ne" => Self::NotEqual(value.clone()),
            "$gt" => Self::Greater(value.clone()),
            "$gte" => Self::GreaterOrEqual(value.clone()),
            "$lt" => Self::Less(value.clone()),
            "$lte" => Self::LessOrEqual(value.clone()),
            "$in" => Self::In(list()),
            "$nin" => Self::NotIn(list()),
            "$exists" => Self::Exists(value.as_bool().unwrap_or(true)),
            "$regex" => Self::Like(regex_as_pattern(value.as_str()?), true),
            _ => return None,
        })
    }

    fn matches(&self, value: Option<&Value>) -> bool {
        let found = value.unwrap_or(&Value::Null);
        match self {
            Self::Equal(wanted) => equal(found, wanted),
            Self::NotEqual(wanted) => !equal(found, wanted),
            Self::Greater(wanted) => compare(found, wanted).is_some_and(Ordering::is_gt),
            Self::GreaterOrEqual(wanted) => compare(found, wanted).is_some_and(Ordering::is_ge),
            Self::Less(wanted) => compare(found, wanted).is_some_and(Ordering::is_lt),
            Self::LessOrEqual(wanted) => compare(found, wanted).is_some_and(Ordering::is_le),
            Self::In(list) => list.iter().any(|wanted| equal(found, wanted)),
            Self::NotIn(list) => !list.iter().any(|wanted| equal(found, wanted)),
            Self::Like(pattern, false) => like(&plain(found), pattern),
            Self::Like(pattern, true) => like(&plain(found).to_lowercase(), &pattern.to_lowercase()),
            Self::Exists(wanted) => value.is_some() == *wanted,
        }
    }
}

/// Finds a field by its dotted path.
pub(crate) fn lookup<'a>(row: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(row, |value, name| value.get(name))
}

/// Orders two values: numbers by size, everything else by text; `None` when either is missing.
pub(crate) fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    if left.is_null() || right.is_null() {
        return None;
    }
    match (number(left), number(right)) {
        (Some(left), Some(right)) => left.partial_cmp(&right),
        _ => Some(plain(left).cmp(&plain(right))),
    }
}

/// Query values are texts, so a text equals the number or boolean that it spells.
fn equal(found: &Value, wanted: &Value) -> bool {
    match found {
        Value::Array(entries) => entries.iter().any(|entry| equal(entry, wanted)),
        _ => found == wanted || (!found.is_null() && plain(found) == plain(wanted)),
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// `^` and `$` anchor, `.*` is anything; other expressions are taken literally, which is enough for search boxes.
fn regex_as_pattern(regex: &str) -> String {
    let start = if regex.starts_with('^') { "" } else { "*" };
    let end = if regex.ends_with('$') { "" } else { "*" };
    let inner = regex.trim_start_matches('^').trim_end_matches('$').replace(".*", "*").replace('\\', "");
    format!("{start}{inner}{end}")
}

fn like(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(position) => rest = &rest[position + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_filter_form_finds_its_rows() {
        let row = json!({"email": "a@x.example", "sudo": true, "n": 5, "mfa": {"configured": false}, "tags": ["lab"]});
        for text in [
            "email:$eq:a@x.example",
            "sudo:eq:true",
            "n:$gt:4",
            "n:between:1,9",
            "email:eq:a@*",
            "email:search:X.EX",
            "n:in:4|5",
            "tags:eq:lab",
            "mfa.configured:eq:false",
        ] {
            assert!(Filter::parse(text).unwrap().matches(&row), "{text}");
        }
        for text in ["email:$ne:a@x.example", "n:$lt:5", "n:$nin:5|6", "missing:$gt:1"] {
            assert!(!Filter::parse(text).unwrap().matches(&row), "{text}");
        }
        assert_eq!(Filter::parse("email:unknown:x"), None);
        let mongo = json!({"$or": [{"email": {"$regex": "^nobody"}}, {"n": {"$gte": 5}, "sudo": true}]});
        assert!(Filter::from_json(&mongo).unwrap().matches(&row));
        assert!(!Filter::from_json(&json!([{"email": "a@x.example"}, {"n": 6}])).unwrap().matches(&row));
    }
}
