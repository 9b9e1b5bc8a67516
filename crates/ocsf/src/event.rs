//! One event: what was read of it, and the two things that it can become.

use uuid::Uuid;

use crate::envelope;
use crate::facts::Facts;
use crate::families;
use crate::field::{self, Field};
use crate::json::{Tape, Text, Value};
use crate::time::{parse_time, read_time, written_offset};
use crate::uid::event_uid;

/// Working memory for reading events one after another. Keep one for each thread: after the first events it allocates
/// nothing any more.
#[derive(Debug, Default)]
pub struct Mapper {
    tape: Tape,
    fields: Vec<Option<Field>>,
}

impl Mapper {
    /// Returns an empty mapper.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads one raw event. Whatever the text is, this succeeds: what is not an event becomes a Base Event.
    pub fn read<'a>(&'a mut self, raw: &'a str) -> Event<'a> {
        self.fields.clear();
        let mut event = Event { raw, root: None, fields: &[], at: [0; field::COUNT], time_ms: None };
        let Ok(root) = self.tape.read(raw) else { return event };
        for (key, value) in root.members() {
            let field = Field::named(key.text);
            self.fields.push(field);
            if let Some(field) = field.filter(|_| !value.is_empty()) {
                event.at[field as usize] = value.index();
            }
        }
        event.root = Some(root);
        event.fields = &self.fields;
        event.time_ms = event.text_of(Field::Timestamp).and_then(parse_time);
        event
    }
}

/// What is known of an event's way to here.
#[derive(Debug, Clone, Copy)]
pub struct Received<'r> {
    /// When the raw event was stored, in milliseconds since 1970. Keep it with the raw event, and mapping again gives
    /// the same bytes. It stands in for a time that the event does not tell.
    pub logged_ms: i64,
    /// The organization of the connection, for events that name none.
    pub organization: Option<&'r str>,
    /// Whether `raw_data` is written. Its size and hash always are.
    pub with_raw: bool,
}

impl Received<'_> {
    /// Received at that time through a connection without a known organization; `raw_data` is written.
    pub const fn at(logged_ms: i64) -> Self {
        Self { logged_ms, organization: None, with_raw: true }
    }
}

/// One event that was read. Everything is borrowed from the raw text and the mapper.
#[derive(Debug)]
pub struct Event<'a> {
    raw: &'a str,
    root: Option<Value<'a>>,
    /// Which known field each member of the event is, in order.
    fields: &'a [Option<Field>],
    /// Where each known field's value is; 0, the event itself, for one that is not there or empty.
    at: [u32; field::COUNT],
    time_ms: Option<i64>,
}

impl<'a> Event<'a> {
    /// What an index row says of the event.
    pub fn facts(&self) -> Facts<'a> {
        Facts::of(self, &families::map(self))
    }

    /// Appends the OCSF event as JSON, without a line end.
    pub fn write_ocsf(&self, received: &Received<'_>, out: &mut Vec<u8>) {
        envelope::write(self, &families::map(self), received, out);
    }

    /// The identity of the event, also `metadata.uid` of its OCSF form: the same for the same event, always.
    pub fn uid(&self, received: &Received<'_>) -> Uuid {
        event_uid(self, received)
    }

    /// Whether this is an event at all: a JSON object with an `event_type`.
    pub fn is_event(&self) -> bool {
        self.text(Field::EventType).is_some()
    }

    /// The text that was read.
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// The whole event, if it is JSON.
    pub(crate) fn root(&self) -> Option<Value<'a>> {
        self.root
    }

    /// Which known field each member of the event is, in order.
    pub(crate) fn fields(&self) -> &'a [Option<Field>] {
        self.fields
    }

    /// A field that is there and not empty.
    #[inline]
    pub(crate) fn get(&self, field: Field) -> Option<Value<'a>> {
        match self.at[field as usize] {
            0 => None,
            index => Some(self.root?.at(index)),
        }
    }

    /// A field that is text or a number.
    #[inline]
    pub(crate) fn text(&self, field: Field) -> Option<Text<'a>> {
        self.get(field)?.text()
    }

    /// A field that is text.
    #[inline]
    pub(crate) fn string(&self, field: Field) -> Option<Text<'a>> {
        self.get(field)?.string()
    }

    /// The letters of a field that is text or a number.
    #[inline]
    pub(crate) fn text_of(&self, field: Field) -> Option<&'a str> {
        self.text(field).map(|text| text.text)
    }

    /// Whether a field is this text.
    #[inline]
    pub(crate) fn is(&self, field: Field, text: &str) -> bool {
        self.text_of(field) == Some(text)
    }

    /// The tenant that the event names.
    pub(crate) fn tenant(&self) -> Option<Text<'a>> {
        self.text(Field::Organization)
            .or_else(|| self.text(Field::Provider))
            .or_else(|| self.get(Field::InitiatedBy)?.text_of("provider"))
    }

    /// The tenant that the event names, else that of the connection.
    pub(crate) fn tenant_or<'x>(&'x self, received: &'x Received<'_>) -> Option<Text<'x>> {
        self.tenant().or_else(|| received.organization.filter(|name| !name.is_empty()).map(Text::any))
    }

    /// When it happened.
    pub(crate) fn time_ms(&self) -> Option<i64> {
        self.time_ms
    }

    /// The offset that `timestamp` is written with, in minutes.
    pub(crate) fn offset_minutes(&self) -> Option<i32> {
        written_offset(self.text_of(Field::Timestamp)?)
    }

    /// `timestamp` as it goes into `original_time`: not if it is a time, but none that can be.
    pub(crate) fn original_time(&self) -> Option<Text<'a>> {
        let text = self.text(Field::Timestamp)?;
        (self.time_ms.is_some() || read_time(text.text).is_none()).then_some(text)
    }

    /// What the event says in words.
    pub(crate) fn message(&self) -> Option<Text<'a>> {
        self.string(Field::Message).or_else(|| self.string(Field::Detail))
    }
}
