//! A check's parameters: defaults, what was set over them, and what the query sees.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use store::Parameter;
use store::schema::time_text;

use crate::check::Check;

/// The parameters of one check for one organization.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterSet(BTreeMap<String, Parameter>);

impl ParameterSet {
    /// The check's defaults with what was set over them.
    pub fn of(check: &Check, set: &BTreeMap<String, Parameter>) -> Self {
        let mut all = check.parameters.clone();
        all.extend(
            set.iter()
                .filter(|(name, _)| check.parameters.contains_key(*name))
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        Self(all)
    }

    /// One parameter.
    pub fn get(&self, name: &str) -> Option<&Parameter> {
        self.0.get(name)
    }

    /// As a JSON object, for people and evidence.
    pub fn to_json(&self) -> Value {
        Value::Object(self.0.iter().map(|(name, value)| (name.clone(), json_of(value))).collect())
    }

    /// What the query can name: every parameter, the time now, times so many days or hours away, lengths of lists.
    pub(crate) fn bound(&self, now: Timestamp) -> BTreeMap<String, Parameter> {
        let mut bound = BTreeMap::from([("now".to_owned(), Parameter::Text(time_text(now)))]);
        for (name, value) in &self.0 {
            let hours = match value {
                Parameter::Integer(count) if name.ends_with("_days") => count.checked_mul(24),
                Parameter::Integer(count) if name.ends_with("_hours") => Some(*count),
                _ => None,
            };
            // A time that can not be written is further away than any that is stored.
            if let Some(span) = hours.and_then(SignedDuration::try_from_hours) {
                let ago = now.checked_sub(span).unwrap_or(Timestamp::MIN);
                let ahead = now.checked_add(span).unwrap_or(Timestamp::MAX);
                bound.insert(format!("{name}_ago"), Parameter::Text(time_text(ago)));
                bound.insert(format!("{name}_ahead"), Parameter::Text(time_text(ahead)));
            }
            if let Parameter::List(items) = value {
                let count = i64::try_from(items.len()).unwrap_or(i64::MAX);
                bound.insert(format!("{name}_count"), Parameter::Integer(count));
            }
            bound.insert(name.clone(), value.clone());
        }
        bound
    }
}

/// Whether a value can take a default's place.
pub(crate) fn is_alike(default: &Parameter, value: &Parameter) -> bool {
    matches!(
        (default, value),
        (Parameter::Text(_), Parameter::Text(_))
            | (Parameter::Integer(_), Parameter::Integer(_))
            | (Parameter::Real(_), Parameter::Real(_) | Parameter::Integer(_))
            | (Parameter::Boolean(_), Parameter::Boolean(_))
            | (Parameter::List(_), Parameter::List(_))
    )
}

/// Reads a value; `None` for an object, null, or a list within a list.
pub(crate) fn parameter_of(value: &Value) -> Option<Parameter> {
    Some(match value {
        Value::String(text) => Parameter::Text(text.clone()),
        Value::Bool(flag) => Parameter::Boolean(*flag),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Parameter::Integer(number),
            None => Parameter::Real(number.as_f64().filter(|number| number.is_finite())?),
        },
        Value::Array(items) if items.iter().all(|item| !item.is_array()) => {
            Parameter::List(items.iter().map(parameter_of).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

/// A parameter as JSON.
pub(crate) fn json_of(parameter: &Parameter) -> Value {
    match parameter {
        Parameter::Text(text) => json!(text),
        Parameter::Integer(number) => json!(number),
        Parameter::Real(number) => json!(number),
        Parameter::Boolean(flag) => json!(flag),
        Parameter::List(items) => Value::Array(items.iter().map(json_of).collect()),
    }
}

/// A parameter as a number, where it is one.
pub(crate) fn number_of(parameter: &Parameter) -> Option<f64> {
    match parameter {
        Parameter::Integer(number) => Some(*number as f64),
        Parameter::Real(number) => Some(*number),
        _ => None,
    }
}
