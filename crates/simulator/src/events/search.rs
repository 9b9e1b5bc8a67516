//! `search_term`, `q` and `exact_match`: finding events by what they say.
//! Responsible for reading the terms and for judging one event. Values are compared in lower case, as they are stored.

use serde_json::Value;

use crate::call::Answer;

/// How deep and how wide terms may be before the service gives up with 500.
const MOST_DEPTH: usize = 5;
const MOST_TERMS: usize = 100;
/// Fields that cannot be searched.
const UNSEARCHABLE: &[&str] = &["changes", "useragent", "system_timestamp"];

/// All conditions of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Search {
    term: Option<Term>,
    text: Option<String>,
    exact: Option<String>,
}

#[derive(Clone, Debug)]
enum Term {
    And(Vec<Term>),
    Or(Vec<Term>),
    Not(Vec<Term>),
    /// A dotted name and the values of which one must be there.
    Field(String, Vec<String>),
}

impl Search {
    /// Reads the conditions of a body.
    pub(crate) fn read(body: &Value) -> Result<Self, Box<Answer>> {
        let refuse = |status, message: &str| Err(Box::new(Answer::message(status, message)));
        let text = body["q"].as_str().filter(|text| !text.is_empty()).map(str::to_lowercase);
        let exact = body["exact_match"].as_str().filter(|text| !text.is_empty()).map(str::to_lowercase);
        if text.is_some() && exact.is_some() {
            return refuse(400, "Bad Request: q and exact_match cannot be used together");
        }
        let term = match &body["search_term"] {
            Value::Null => None,
            Value::Object(parts) if parts.is_empty() => None,
            value @ Value::Object(parts) if parts.len() == 1 => {
                let mut terms = 0;
                let term = conjunction(value, 0, &mut terms);
                if terms > MOST_TERMS || deep(value, 0) {
                    return refuse(500, "Internal Server Error");
                }
                match term {
                    Some(term) => Some(term),
                    None => return refuse(400, "Bad Request: search_term is invalid"),
                }
            }
            _ => return refuse(400, "Bad Request: search_term must hold one of and, or, not"),
        };
        Ok(Self { term, text, exact })
    }

    /// Whether every event is found.
    pub(crate) fn finds_all(&self) -> bool {
        self.term.is_none() && self.text.is_none() && self.exact.is_none()
    }

    /// Whether an event is found.
    pub(crate) fn finds(&self, event: &Value) -> bool {
        self.term.as_ref().is_none_or(|term| term.holds(event))
            && self.text.as_ref().is_none_or(|wanted| any_text(event, &|text| text.contains(wanted.as_str())))
            && self.exact.as_ref().is_none_or(|wanted| any_text(event, &|text| text == wanted))
    }
}

impl Term {
    fn holds(&self, event: &Value) -> bool {
        match self {
            Self::And(terms) => terms.iter().all(|term| term.holds(event)),
            Self::Or(terms) => terms.iter().any(|term| term.holds(event)),
            Self::Not(terms) => !terms.iter().any(|term| term.holds(event)),
            Self::Field(name, wanted) => values(event, name).iter().any(|value| wanted.contains(value)),
        }
    }
}

/// Reads `{"and":…}`, `{"or":…}` or `{"not":…}`.
fn conjunction(value: &Value, depth: usize, terms: &mut usize) -> Option<Term> {
    let fields = value.as_object()?;
    let (word, inner) = fields.iter().next()?;
    let list = members(inner, depth + 1, terms)?;
    Some(match word.as_str() {
        "and" => Term::And(list),
        "or" => Term::Or(list),
        "not" => Term::Not(list),
        _ => return None,
    })
}

/// The members of a conjunction: an object of fields, or an array of such objects.
fn members(value: &Value, depth: usize, terms: &mut usize) -> Option<Vec<Term>> {
    if depth > MOST_DEPTH + 1 {
        return Some(Vec::new());
    }
    let objects: Vec<&Value> = match value {
        Value::Array(list) => list.iter().collect(),
        object => vec![object],
    };
    let mut list = Vec::new();
    for object in objects {
        for (name, wanted) in object.as_object()? {
            *terms += 1;
            list.push(match name.as_str() {
                "and" => Term::And(members(wanted, depth + 1, terms)?),
                "or" => Term::Or(members(wanted, depth + 1, terms)?),
                "not" => Term::Not(members(wanted, depth + 1, terms)?),
                name => {
                    let wanted = match wanted {
                        Value::Array(list) => list.iter().map(plain).collect(),
                        one => vec![plain(one)],
                    };
                    Term::Field(name.to_owned(), wanted)
                }
            });
        }
    }
    Some(list)
}

fn deep(value: &Value, depth: usize) -> bool {
    let inner: Vec<&Value> = match value {
        Value::Array(list) => list.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        _ => return false,
    };
    // Two levels of JSON, array and object, make one level of terms.
    depth > 2 * MOST_DEPTH || inner.into_iter().any(|value| deep(value, depth + 1))
}

/// A value as it is written in a request; not lowered, so that capitals find nothing.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The values of a dotted name as they are stored.
pub(crate) fn values(event: &Value, name: &str) -> Vec<String> {
    if UNSEARCHABLE.contains(&name.split('.').next().unwrap_or("")) {
        return Vec::new();
    }
    let mut found = vec![event];
    for part in name.split('.') {
        found = found
            .into_iter()
            .flat_map(|value| match value {
                Value::Array(list) => list.iter().collect(),
                other => vec![other],
            })
            .filter_map(|value| value.get(part))
            .collect();
    }
    let mut values = Vec::new();
    for value in found {
        let list = value.as_array().map_or_else(|| vec![value], |list| list.iter().collect());
        values.extend(
            list.into_iter()
                .filter(|value| !value.is_null() && !value.is_object())
                .map(|value| plain(value).to_lowercase()),
        );
    }
    values
}

fn any_text(value: &Value, judge: &impl Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => judge(&text.to_lowercase()),
        Value::Array(list) => list.iter().any(|value| any_text(value, judge)),
        Value::Object(fields) => fields.values().any(|value| any_text(value, judge)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn finds(body: Value) -> bool {
        let event = json!({
            "event_type": "radius_auth", "username": "Root", "success": false, "client_ip": "1.2.3.4",
            "outer": {"eap_type": "PEAP"}, "initiated_by": {"username": "paul"}, "changes": [{"field": "sudo"}],
        });
        Search::read(&body).unwrap().finds(&event)
    }

    #[test]
    fn terms_of_all_documented_forms_find_what_they_should() {
        let term = |term: Value| finds(json!({ "search_term": term }));
        assert!(term(json!({"and": {"username": "root", "client_ip": "1.2.3.4"}})));
        assert!(term(json!({"and": [{"username": ["root", "admin"]}, {"client_ip": "1.2.3.4"}]})));
        assert!(term(json!({"or": [{"username": "nobody"}, {"outer.eap_type": "peap"}]})));
        assert!(term(
            json!({"and": [{"success": "false"}, {"or": [{"initiated_by.username": "paul"}, {"username": "x"}]}]})
        ));
        assert!(term(json!({"not": {"event_type": "sso_auth"}})));
        assert!(!term(json!({"not": {"event_type": ["sso_auth", "radius_auth"]}})));
        assert!(!term(json!({"and": {"username": "Root"}})), "capitals are stored lowered and find nothing");
        assert!(!term(json!({"and": {"changes.field": "sudo"}})), "changes cannot be searched");
        assert!(
            finds(json!({"q": "PAU"}))
                && finds(json!({"exact_match": "paul"}))
                && !finds(json!({"exact_match": "pau"}))
        );
    }

    #[test]
    fn terms_that_are_wrong_or_too_much_are_refused() {
        let status = |body: Value| Search::read(&body).unwrap_err().status;
        assert_eq!(status(json!({"search_term": {"and": {}, "or": {}}})), 400);
        assert_eq!(status(json!({"search_term": {"nor": {"a": "b"}}})), 400);
        assert_eq!(status(json!({"search_term": [1]})), 400);
        assert_eq!(status(json!({"q": "a", "exact_match": "b"})), 400);
        let mut nested = json!({"a": "b"});
        for _ in 0..20 {
            nested = json!([{ "and": nested }]);
        }
        assert_eq!(status(json!({"search_term": {"or": nested}})), 500);
        let wide: Vec<Value> = (0..200).map(|number| json!({ number.to_string(): "x" })).collect();
        assert_eq!(status(json!({"search_term": {"or": wide}})), 500);
    }
}
