//! A received row in pieces that borrow from its text: a fraction of what `serde_json::Value` costs, which copies every
//! name and every text. It is read and written exactly as the same text's `Value` is; `Value` stays what rules are
//! written for that change a row.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use store::json::{Json, Shape};

/// A JSON value.
///
/// What is borrowed stands in the text between its quotes as it is, so it has nothing that is written as an escape.
#[derive(Debug, Clone)]
pub(crate) enum Node<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    /// Sorted by name, each name once.
    Object(Vec<Member<'a>>),
}

type Member<'a> = (Cow<'a, str>, Node<'a>);

/// Rows have so many members and fewer, mostly.
const MEMBERS_OF_A_ROW: usize = 64;
/// How names begin by which serde_json tells itself what a value is; it reads them otherwise than other names.
const PRIVATE_NAME: &str = "$serde_json::private::";

impl<'a> Node<'a> {
    /// Takes a text apart; `order` is that of the row before it in the same list.
    ///
    /// # Errors
    /// Everything that `serde_json::from_str::<Value>` refuses, and names that only serde_json itself uses.
    pub(crate) fn parse(text: &'a str, order: &mut Order) -> serde_json::Result<Self> {
        let mut text = serde_json::Deserializer::from_str(text);
        let node = Build(Some(order)).deserialize(&mut text)?;
        text.end()?;
        Ok(node)
    }

    /// The same value with texts of its own.
    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(flag) => Value::Bool(*flag),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Text(text) => Value::String(text.clone().into_owned()),
            Self::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Self::Object(members) => Value::Object(
                members.iter().map(|(name, value)| (name.clone().into_owned(), value.to_value())).collect(),
            ),
        }
    }

    /// Some members of an object, as an object of their own.
    pub(crate) fn pick(&self, names: &[&str]) -> Value {
        let picked = names.iter().filter_map(|name| Some(((*name).to_owned(), self.member(name)?.to_value())));
        Value::Object(picked.collect::<Map<_, _>>())
    }

    /// Writes a member of an object, in place of the one of this name.
    pub(crate) fn insert(&mut self, name: &str, value: Node<'a>) {
        let Self::Object(members) = self else { return };
        match find(members, name) {
            Ok(at) => members[at].1 = value,
            Err(at) => members.insert(at, (Cow::Owned(name.to_owned()), value)),
        }
    }

    /// Removes a member of an object.
    pub(crate) fn remove(&mut self, name: &str) {
        if let Self::Object(members) = self
            && let Ok(at) = find(members, name)
        {
            members.remove(at);
        }
    }

    fn write(&self, text: &mut String) {
        match self {
            Self::Null => text.push_str("null"),
            Self::Bool(flag) => text.push_str(if *flag { "true" } else { "false" }),
            Self::Number(number) => write!(text, "{number}").expect("a text takes everything"),
            Self::Text(value) => quote(value, text),
            Self::List(items) => {
                text.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        text.push(',');
                    }
                    item.write(text);
                }
                text.push(']');
            }
            Self::Object(members) => {
                text.push('{');
                for (at, (name, value)) in members.iter().enumerate() {
                    if at > 0 {
                        text.push(',');
                    }
                    quote(name, text);
                    text.push(':');
                    value.write(text);
                }
                text.push('}');
            }
        }
    }
}

fn find(members: &[Member<'_>], name: &str) -> Result<usize, usize> {
    members.binary_search_by(|(known, _)| (**known).cmp(name))
}

fn named<'v, 'a>((name, value): &'v Member<'a>) -> (&'v str, &'v Node<'a>) {
    (name, value)
}

#[expect(clippy::ptr_arg, reason = "whether it is borrowed decides how it is written")]
fn quote(value: &Cow<'_, str>, text: &mut String) {
    match value {
        Cow::Borrowed(value) => {
            text.push('"');
            text.push_str(value);
            text.push('"');
        }
        Cow::Owned(value) => {
            text.push_str(&serde_json::to_string(value).expect("every text can be written as JSON"));
        }
    }
}

impl From<Value> for Node<'_> {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Bool(flag),
            Value::Number(number) => Self::Number(number),
            Value::String(text) => Self::Text(Cow::Owned(text)),
            Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Value::Object(members) => {
                Self::Object(members.into_iter().map(|(name, value)| (Cow::Owned(name), value.into())).collect())
            }
        }
    }
}

impl<'a> Json for Node<'a> {
    type Members<'v>
        = std::iter::Map<std::slice::Iter<'v, Member<'a>>, fn(&'v Member<'a>) -> (&'v str, &'v Self)>
    where
        Self: 'v;

    fn shape(&self) -> Shape<'_, Self> {
        match self {
            Self::Null => Shape::Null,
            Self::Bool(flag) => Shape::Bool(*flag),
            Self::Number(number) => Shape::Number(number),
            Self::Text(text) => Shape::Text(text),
            Self::List(items) => Shape::List(items),
            Self::Object(members) => Shape::Object(members.iter().map(named as fn(_) -> _)),
        }
    }

    fn member(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        find(members, name).ok().map(|at| &members[at].1)
    }

    fn to_text(&self, capacity: usize) -> String {
        let mut text = String::with_capacity(capacity);
        self.write(&mut text);
        text
    }
}

/// Builds a value: a row, of which the order of its members is known, or what is in it.
struct Build<'o>(Option<&'o mut Order>);

impl<'de> DeserializeSeed<'de> for Build<'_> {
    type Value = Node<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Build<'_> {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any valid JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node<'de>, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Node<'de>, E> {
        Ok(Node::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node<'de>, E> {
        Ok(Node::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node<'de>, E> {
        Ok(Node::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node<'de>, E> {
        Ok(Number::from_f64(number).map_or(Node::Null, Node::Number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(Build(None))? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Node<'de>, A::Error> {
        let room = if self.0.is_some() { MEMBERS_OF_A_ROW } else { 0 };
        let mut members: Vec<Member<'de>> = Vec::with_capacity(room);
        let mut is_sorted = true;
        while let Some(Name(name)) = object.next_key()? {
            if name.starts_with(PRIVATE_NAME) {
                return Err(A::Error::custom("a name that only serde_json itself uses"));
            }
            is_sorted = is_sorted && members.last().is_none_or(|(before, _)| *before < name);
            members.push((name, object.next_value_seed(Build(None))?));
        }
        if !is_sorted {
            members = self.0.unwrap_or(&mut Order::default()).sorted(members);
            // Of several members of one name the last counts.
            members.dedup_by(|later, kept| {
                let is_same = later.0 == kept.0;
                if is_same {
                    std::mem::swap(later, kept);
                }
                is_same
            });
        }
        Ok(Node::Object(members))
    }
}

/// How members that come in an order of their own are sorted by name. It is found once for all rows of a list that have the
/// same members in the same order, as most have.
#[derive(Default)]
pub(crate) struct Order {
    /// The names as they come, one behind the other, and where each ends.
    names: String,
    ends: Vec<usize>,
    /// Which of them is the first by name, the second, and so on, those of one name as they come. With the first letters of each.
    sorted: Vec<(u64, usize)>,
}

impl Order {
    fn sorted<'a>(&mut self, members: Vec<Member<'a>>) -> Vec<Member<'a>> {
        if !self.is_of(&members) {
            self.find(&members);
        }
        let mut members: Vec<Option<Member<'_>>> = members.into_iter().map(Some).collect();
        self.sorted.iter().filter_map(|(_, at)| members[*at].take()).collect()
    }

    fn is_of(&self, members: &[Member<'_>]) -> bool {
        let mut start = 0;
        self.ends.len() == members.len()
            && members
                .iter()
                .zip(&self.ends)
                .all(|((name, _), end)| **name == self.names[std::mem::replace(&mut start, *end)..*end])
    }

    /// Members are large, and names mostly differ in their first letters, so that numbers are sorted in their place.
    fn find(&mut self, members: &[Member<'_>]) {
        self.names.clear();
        self.ends.clear();
        for (name, _) in members {
            self.names.push_str(name);
            self.ends.push(self.names.len());
        }
        self.sorted.clear();
        self.sorted.extend(members.iter().enumerate().map(|(at, (name, _))| (first_letters(name), at)));
        self.sorted.sort_unstable_by(|one, other| {
            let names = || members[one.1].0.cmp(&members[other.1].0);
            one.0.cmp(&other.0).then_with(names).then(one.1.cmp(&other.1))
        });
    }
}

/// A number that is smaller for one of two names only if that name comes first.
fn first_letters(name: &str) -> u64 {
    let mut letters = [0; 8];
    let first = &name.as_bytes()[..name.len().min(8)];
    letters[..first.len()].copy_from_slice(first);
    u64::from_be_bytes(letters)
}

/// The name of a member.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrow;
        impl<'de> Visitor<'de> for Borrow {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(Borrow)
    }
}

#[cfg(test)]
mod tests;
