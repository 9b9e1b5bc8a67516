//! What has to be known of a JSON value to read columns out of it: so that one set of rules reads serde_json's own tree
//! and others that cost less.

use serde_json::{Number, Value};

/// A JSON value.
pub trait Json: Sized {
    /// The members of an object, sorted by name, each name once.
    type Members<'v>: ExactSizeIterator<Item = (&'v str, &'v Self)>
    where
        Self: 'v;

    /// What it is.
    fn shape(&self) -> Shape<'_, Self>;

    /// A member of an object.
    fn member(&self, name: &str) -> Option<&Self>;

    /// It as compact text, members sorted by name. `capacity` is about how long the text will be.
    fn to_text(&self, capacity: usize) -> String;

    /// The text, if it is one.
    fn as_text(&self) -> Option<&str> {
        match self.shape() {
            Shape::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// What a JSON value is.
#[expect(missing_docs, reason = "each variant is the kind of JSON value of its name")]
pub enum Shape<'v, V: Json + 'v> {
    Null,
    Bool(bool),
    Number(&'v Number),
    Text(&'v str),
    List(&'v [V]),
    Object(V::Members<'v>),
}

impl Json for Value {
    type Members<'v> = std::iter::Map<serde_json::map::Iter<'v>, fn((&'v String, &'v Value)) -> (&'v str, &'v Value)>;

    fn shape(&self) -> Shape<'_, Self> {
        match self {
            Self::Null => Shape::Null,
            Self::Bool(flag) => Shape::Bool(*flag),
            Self::Number(number) => Shape::Number(number),
            Self::String(text) => Shape::Text(text),
            Self::Array(items) => Shape::List(items),
            Self::Object(members) => Shape::Object(members.iter().map(named as fn(_) -> _)),
        }
    }

    fn member(&self, name: &str) -> Option<&Self> {
        self.get(name)
    }

    fn to_text(&self, _: usize) -> String {
        // Its own `to_string` would go through the formatter, piece by piece, at half the speed.
        serde_json::to_string(self).expect("every JSON value can be written: its keys are text")
    }
}

fn named<'v>((name, value): (&'v String, &'v Value)) -> (&'v str, &'v Value) {
    (name, value)
}
