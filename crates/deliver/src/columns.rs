//! Columns being filled: an OCSF event, as the mapper writes it, is read once and every attribute goes into its column.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Float64Builder, Int32Builder, Int64Builder, NullBufferBuilder, StringBuilder,
    TimestampMillisecondBuilder,
};
use arrow_array::{ArrayRef, ListArray, RecordBatch, StructArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::attributes::{ATTRIBUTES, Attribute, Kind, Versions};
use crate::{Error, Result};

/// Which columns a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Those of every class, and times as timestamps: files of all classes can be read as one table.
    Whole,
    /// Those that OCSF 1.1.0 has of one class, and times as OCSF writes them, in milliseconds: what Amazon Security Lake asks
    /// for. Its events are those of [`crate::to_ocsf_1_1_0`].
    OfClass(u16),
}

impl Shape {
    /// Those of these attributes that such a file has.
    fn of(self, attributes: &'static [Attribute]) -> impl Iterator<Item = &'static Attribute> {
        attributes.iter().filter(move |attribute| match self {
            Self::Whole => attribute.versions != Versions::Older,
            Self::OfClass(class_uid) => attribute.is_of(class_uid) && !attribute.is_newer(class_uid),
        })
    }

    /// The version of OCSF.
    pub(crate) fn ocsf_version(self) -> &'static str {
        match self {
            Self::Whole => ocsf::OCSF_VERSION,
            Self::OfClass(_) => crate::older::VERSION,
        }
    }

    /// The schema of such a file.
    pub fn schema(self) -> SchemaRef {
        Arc::new(Schema::new(self.of(ATTRIBUTES).map(|attribute| self.field(attribute)).collect::<Vec<_>>()))
    }

    fn field(self, attribute: &Attribute) -> Field {
        Field::new(attribute.name, self.data_type(attribute.kind), true)
    }

    fn fields(self, attributes: &'static [Attribute]) -> Fields {
        self.of(attributes).map(|attribute| self.field(attribute)).collect()
    }

    fn data_type(self, kind: Kind) -> DataType {
        match kind {
            Kind::Text | Kind::Json => DataType::Utf8,
            Kind::Integer => DataType::Int32,
            Kind::Long => DataType::Int64,
            Kind::Real => DataType::Float64,
            Kind::Boolean => DataType::Boolean,
            Kind::Time if self == Self::Whole => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            Kind::Time => DataType::Int64,
            Kind::Object(attributes) => DataType::Struct(self.fields(attributes)),
            Kind::Texts => DataType::List(element(DataType::Utf8)),
            Kind::Reals => DataType::List(element(DataType::Float64)),
            Kind::Objects(attributes) => DataType::List(element(DataType::Struct(self.fields(attributes)))),
        }
    }
}

/// What a list is made of, by the name that the Parquet format gives it.
fn element(data_type: DataType) -> FieldRef {
    Arc::new(Field::new("element", data_type, true))
}

/// The rows of a batch that is being filled.
#[derive(Debug)]
pub(crate) struct Rows {
    schema: SchemaRef,
    root: Members,
    rows: usize,
}

impl Rows {
    pub(crate) fn new(shape: Shape) -> Self {
        let columns = shape.of(ATTRIBUTES).map(|attribute| (attribute.name, Column::new(shape, attribute.kind)));
        Self { schema: shape.schema(), root: Members(columns.collect()), rows: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// Adds an event: JSON as the mapper writes it. After an error nothing more may be added.
    ///
    /// # Errors
    /// It has an attribute that has no column.
    pub(crate) fn push(&mut self, ocsf: &[u8]) -> Result<()> {
        let mut json = serde_json::Deserializer::from_slice(ocsf);
        let read = json.deserialize_map(OfMembers(&mut self.root)).and_then(|()| json.end());
        read.map_err(|error| Error::Columns(error.to_string()))?;
        self.rows += 1;
        Ok(())
    }

    /// The rows as a batch; what follows begins a new one.
    pub(crate) fn take(&mut self) -> Result<RecordBatch> {
        let arrays = self.root.0.iter_mut().zip(self.schema.fields()).map(|((_, column), field)| column.take(field));
        self.rows = 0;
        RecordBatch::try_new(self.schema.clone(), arrays.collect()).map_err(|error| Error::Columns(error.to_string()))
    }
}

/// The columns of an object, by the names of its members.
#[derive(Debug)]
struct Members(Vec<(&'static str, Column)>);

#[derive(Debug)]
enum Column {
    Text(StringBuilder),
    Json(StringBuilder),
    Integer(Int32Builder),
    Long(Int64Builder),
    Time(TimestampMillisecondBuilder),
    Real(Float64Builder),
    Boolean(BooleanBuilder),
    Object { members: Members, valid: NullBufferBuilder },
    List { element: Box<Column>, count: i32, ends: Vec<i32>, valid: NullBufferBuilder },
}

impl Column {
    fn new(shape: Shape, kind: Kind) -> Self {
        let list = |element: Kind| Self::List {
            element: Box::new(Self::new(shape, element)),
            count: 0,
            ends: vec![0],
            valid: NullBufferBuilder::new(0),
        };
        match kind {
            Kind::Text => Self::Text(StringBuilder::new()),
            Kind::Json => Self::Json(StringBuilder::new()),
            Kind::Integer => Self::Integer(Int32Builder::new()),
            Kind::Long => Self::Long(Int64Builder::new()),
            Kind::Time if shape == Shape::Whole => Self::Time(TimestampMillisecondBuilder::new().with_timezone("UTC")),
            Kind::Time => Self::Long(Int64Builder::new()),
            Kind::Real => Self::Real(Float64Builder::new()),
            Kind::Boolean => Self::Boolean(BooleanBuilder::new()),
            Kind::Object(attributes) => {
                let members = shape.of(attributes).map(|attribute| (attribute.name, Self::new(shape, attribute.kind)));
                Self::Object { members: Members(members.collect()), valid: NullBufferBuilder::new(0) }
            }
            Kind::Texts => list(Kind::Text),
            Kind::Reals => list(Kind::Real),
            Kind::Objects(attributes) => list(Kind::Object(attributes)),
        }
    }

    fn push_null(&mut self) {
        match self {
            Self::Text(column) | Self::Json(column) => column.append_null(),
            Self::Integer(column) => column.append_null(),
            Self::Long(column) => column.append_null(),
            Self::Time(column) => column.append_null(),
            Self::Real(column) => column.append_null(),
            Self::Boolean(column) => column.append_null(),
            Self::Object { members, valid } => {
                members.0.iter_mut().for_each(|(_, column)| column.push_null());
                valid.append_null();
            }
            Self::List { count, ends, valid, .. } => {
                ends.push(*count);
                valid.append_null();
            }
        }
    }

    fn take(&mut self, field: &Field) -> ArrayRef {
        match self {
            Self::Text(column) | Self::Json(column) => Arc::new(column.finish()),
            Self::Integer(column) => Arc::new(column.finish()),
            Self::Long(column) => Arc::new(column.finish()),
            Self::Time(column) => Arc::new(column.finish()),
            Self::Real(column) => Arc::new(column.finish()),
            Self::Boolean(column) => Arc::new(column.finish()),
            Self::Object { members, valid } => {
                let DataType::Struct(fields) = field.data_type() else {
                    unreachable!("columns and fields are made of the same attributes")
                };
                let arrays = members.0.iter_mut().zip(fields).map(|((_, column), field)| column.take(field)).collect();
                Arc::new(StructArray::new(fields.clone(), arrays, valid.finish()))
            }
            Self::List { element, count, ends, valid } => {
                let DataType::List(field) = field.data_type() else {
                    unreachable!("columns and fields are made of the same attributes")
                };
                *count = 0;
                let ends = OffsetBuffer::new(std::mem::replace(ends, vec![0]).into());
                Arc::new(ListArray::new(field.clone(), ends, element.take(field), valid.finish()))
            }
        }
    }
}

/// Reads one value into a column.
struct OfColumn<'c>(&'c mut Column);

impl<'de> DeserializeSeed<'de> for OfColumn<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        match self.0 {
            Column::Json(column) => {
                column.append_value(<&RawValue as serde::Deserialize>::deserialize(value)?.get());
                Ok(())
            }
            // A number that is larger than any of this type has no value here; its digits are in `raw_data`.
            Column::Real(column) => {
                let number = <&RawValue as serde::Deserialize>::deserialize(value)?.get().parse::<f64>();
                column.append_option(number.ok().filter(|number| number.is_finite()));
                Ok(())
            }
            _ => value.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for OfColumn<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Column::Text(_) | Column::Json(_) => "text",
            Column::Integer(_) | Column::Long(_) | Column::Time(_) => "a whole number",
            Column::Real(_) => "a number",
            Column::Boolean(_) => "true or false",
            Column::Object { .. } => "an object",
            Column::List { .. } => "a list",
        })
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.0.push_null();
        Ok(())
    }

    fn visit_bool<E: serde::de::Error>(self, flag: bool) -> Result<(), E> {
        let Column::Boolean(column) = self.0 else { return Err(misplaced(&self, serde::de::Unexpected::Bool(flag))) };
        column.append_value(flag);
        Ok(())
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<(), E> {
        match self.0 {
            Column::Integer(column) => column.append_option(i32::try_from(number).ok()),
            Column::Long(column) => column.append_value(number),
            Column::Time(column) => column.append_value(number),
            _ => return Err(misplaced(&self, serde::de::Unexpected::Signed(number))),
        }
        Ok(())
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<(), E> {
        match i64::try_from(number) {
            Ok(number) => self.visit_i64(number),
            Err(_) => {
                self.0.push_null();
                Ok(())
            }
        }
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        let Column::Text(column) = self.0 else { return Err(misplaced(&self, serde::de::Unexpected::Str(text))) };
        column.append_value(text);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let Column::Object { members, valid } = self.0 else {
            return Err(misplaced(&self, serde::de::Unexpected::Map));
        };
        OfMembers(members).visit_map(map)?;
        valid.append_non_null();
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        let Column::List { element, count, ends, valid } = self.0 else {
            return Err(misplaced(&self, serde::de::Unexpected::Seq));
        };
        while sequence.next_element_seed(OfColumn(element))?.is_some() {
            *count = count.checked_add(1).ok_or_else(|| A::Error::custom("a batch has too many elements"))?;
        }
        ends.push(*count);
        valid.append_non_null();
        Ok(())
    }
}

fn misplaced<E: serde::de::Error>(column: &OfColumn<'_>, found: serde::de::Unexpected<'_>) -> E {
    E::invalid_type(found, column)
}

/// Reads an object into its columns.
struct OfMembers<'c>(&'c mut Members);

impl<'de> Visitor<'de> for OfMembers<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let columns = &mut self.0.0;
        let mut filled = 0_u64;
        // The mapper writes nearly in the order of the columns.
        let mut likely = 0;
        while let Some(name) = map.next_key::<Name<'de>>()? {
            let from_likely = columns[likely..].iter().position(|(known, _)| *known == name.0).map(|at| likely + at);
            let at = from_likely.or_else(|| columns[..likely].iter().position(|(known, _)| *known == name.0));
            let at =
                at.ok_or_else(|| A::Error::custom(format!("the files have no column for the attribute {}", name.0)))?;
            if filled & (1 << at) != 0 {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            map.next_value_seed(OfColumn(&mut columns[at].1))?;
            filled |= 1 << at;
            likely = (at + 1).min(columns.len() - 1);
        }
        for (at, (_, column)) in columns.iter_mut().enumerate() {
            if filled & (1 << at) == 0 {
                column.push_null();
            }
        }
        Ok(())
    }
}

/// The name of a member, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

const _: () = assert!(ATTRIBUTES.len() <= 64, "the filled columns of an object are told by the bits of a number");
