//! Reads a Parquet file back into JSON, as another program would see it.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, TimestampMillisecondType};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use bytes::Bytes;
use deliver::{EventFile, Shape};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value, json};

/// The events of a file. Columns of JSON are read as what they hold.
pub(crate) fn events(file: Vec<u8>) -> Vec<Value> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(file)).unwrap().build().unwrap();
    reader.flat_map(|batch| rows(&batch.unwrap())).collect()
}

fn rows(batch: &RecordBatch) -> Vec<Value> {
    (0..batch.num_rows())
        .map(|row| {
            let schema = batch.schema();
            let columns = schema.fields().iter().zip(batch.columns());
            let mut event = Map::new();
            for (field, column) in columns {
                if let Some(value) = value(column, row) {
                    event.insert(field.name().clone(), value);
                }
            }
            let parse = |text: &mut Value| *text = serde_json::from_str(text.as_str().unwrap()).unwrap();
            event.get_mut("unmapped").map(parse);
            event.get_mut("entity").and_then(|entity| entity.get_mut("data")).map(parse);
            Value::Object(event)
        })
        .collect()
}

fn value(column: &dyn Array, row: usize) -> Option<Value> {
    if column.is_null(row) {
        return None;
    }
    Some(match column.data_type() {
        DataType::Utf8 => json!(column.as_string::<i32>().value(row)),
        DataType::Int32 => json!(column.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => json!(column.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => json!(column.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => json!(column.as_boolean().value(row)),
        DataType::Timestamp(_, zone) => {
            assert_eq!(zone.as_deref(), Some("UTC"));
            json!(column.as_primitive::<TimestampMillisecondType>().value(row))
        }
        DataType::Struct(fields) => {
            let columns = fields.iter().zip(column.as_struct().columns());
            let members = columns.filter_map(|(field, column)| Some((field.name().clone(), value(column, row)?)));
            Value::Object(members.collect())
        }
        DataType::List(_) => {
            let list = column.as_list::<i32>().value(row);
            Value::Array((0..list.len()).map(|at| value(&list, at).unwrap_or(Value::Null)).collect())
        }
        other => panic!("no column is {other}"),
    })
}

/// A file of these OCSF events.
pub(crate) fn file(shape: Shape, ocsf: &[String]) -> Vec<u8> {
    let mut file = EventFile::new(shape).unwrap();
    let mut bytes = Vec::new();
    for line in ocsf {
        file.push(line.as_bytes()).unwrap_or_else(|error| panic!("{error}: {line}"));
        bytes.extend(file.take());
    }
    bytes.extend(file.finish().unwrap());
    bytes
}

/// Fails unless both are the same; a whole number may stand for itself as a fraction.
pub(crate) fn assert_same(found: &Value, expected: &Value, path: &str) {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            let names = |map: &Map<String, Value>| map.keys().cloned().collect::<std::collections::BTreeSet<_>>();
            assert_eq!(names(found), names(expected), "{path}");
            for (name, value) in expected {
                assert_same(&found[name], value, &format!("{path}.{name}"));
            }
        }
        (Value::Array(found), Value::Array(expected)) => {
            assert_eq!(found.len(), expected.len(), "{path}");
            for (found, expected) in found.iter().zip(expected) {
                assert_same(found, expected, &format!("{path}[]"));
            }
        }
        (Value::Number(found), Value::Number(expected)) if found.is_f64() => {
            assert_eq!(found.as_f64(), expected.as_f64(), "{path}");
        }
        _ => assert_eq!(found, expected, "{path}"),
    }
}
