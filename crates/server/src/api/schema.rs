//! JSON Schemas of what the API takes and answers, each with an example, written beside the handlers. The example of a whole
//! answer is put together from those of its members, so the two can not disagree.

use serde_json::{Map, Value, json};

/// A text.
pub(crate) fn text(example: &str) -> Value {
    json!({ "type": "string", "examples": [example] })
}

/// A time in RFC 3339.
pub(crate) fn time(example: &str) -> Value {
    json!({ "type": "string", "format": "date-time", "examples": [example] })
}

/// A whole number.
pub(crate) fn integer(example: i64) -> Value {
    json!({ "type": "integer", "examples": [example] })
}

/// Yes or no.
pub(crate) fn flag(example: bool) -> Value {
    json!({ "type": "boolean", "examples": [example] })
}

/// One of some words; the first of them is the example.
pub(crate) fn word(words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words, "examples": [words.first()] })
}

/// Any JSON, because it is somebody else's.
pub(crate) fn any(example: Value) -> Value {
    json!({ "examples": [example] })
}

/// The same, or null.
pub(crate) fn maybe(mut schema: Value) -> Value {
    match schema["type"].as_str().map(str::to_owned) {
        Some(kind) => {
            schema["type"] = json!([kind, "null"]);
            if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
                words.push(Value::Null);
            }
            schema
        }
        None => json!({ "anyOf": [schema, { "type": "null" }] }),
    }
}

/// A list.
pub(crate) fn list(item: Value) -> Value {
    json!({ "type": "array", "items": item })
}

/// An object that has all of these members, and no other.
pub(crate) fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let mut schema = options(members);
    schema["required"] =
        schema["properties"].as_object().map(|named| named.keys().cloned().collect()).unwrap_or_default();
    schema
}

/// An object that may have these members, and no other.
pub(crate) fn options<const N: usize>(members: [(&str, Value); N]) -> Value {
    let members: Map<String, Value> = members.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    json!({ "type": "object", "additionalProperties": false, "properties": members })
}

/// An object of which some members may be left out.
pub(crate) fn with_options<const N: usize>(mut required: Value, optional: [(&str, Value); N]) -> Value {
    for (name, schema) in optional {
        required["properties"][name] = schema;
    }
    required
}

/// A list that is all there is.
pub(crate) fn items(item: Value) -> Value {
    object([("items", list(item))])
}

/// A list of which there may be more.
pub(crate) fn page(item: Value) -> Value {
    object([("items", list(item)), ("next", maybe(text("WyI1ZjAwIl0")))])
}

/// What an answer of this schema looks like.
pub(crate) fn example_of(schema: &Value) -> Value {
    if let Some(example) = schema["examples"].get(0) {
        return example.clone();
    }
    if let Some(first) = schema["anyOf"].get(0) {
        return example_of(first);
    }
    match schema["type"].as_str() {
        Some("array") => json!([example_of(&schema["items"])]),
        Some("object") => {
            let members = schema["properties"].as_object().into_iter().flatten();
            Value::Object(members.map(|(name, schema)| (name.clone(), example_of(schema))).collect())
        }
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_null_has_no_list_of_words_unless_it_had_one() {
        assert_eq!(maybe(json!({ "type": "string" })), json!({ "type": ["string", "null"] }));
        assert_eq!(
            maybe(json!({ "type": "string", "enum": ["a"] })),
            json!({ "type": ["string", "null"], "enum": ["a", null] })
        );
    }
}
