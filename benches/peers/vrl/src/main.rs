//! Runs a VRL program over a file of raw events, one JSON line each, and writes what it returns.
//!
//! Usage: ocsf-vrl PROGRAM.vrl TABLE.json RAW_LINES > OCSF_LINES
//! The program finds the event in `.message` and the line of the table of event types in `.line`, as a table of
//! Vector's would give it.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, read_to_string};
use std::io::{BufRead, BufReader, BufWriter, Write};

use vrl::compiler::runtime::Runtime;
use vrl::compiler::{TargetValue, TimeZone};
use vrl::value::{Secrets, Value};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let program = read_to_string(&arguments[1]).unwrap();
    let compiled = match vrl::compiler::compile(&program, &vrl::stdlib::all()) {
        Ok(compiled) => compiled,
        Err(problems) => {
            for problem in problems {
                eprintln!("{} {:?} {:?}", problem.message(), problem.labels(), problem.notes());
            }
            std::process::exit(1);
        }
    };
    let table: serde_json::Value = serde_json::from_str(&read_to_string(&arguments[2]).unwrap()).unwrap();
    let table: HashMap<String, Value> =
        table.as_object().unwrap().iter().map(|(name, line)| (name.clone(), line.clone().into())).collect();
    let mut runtime = Runtime::default();
    let timezone = TimeZone::default();
    let mut out = BufWriter::with_capacity(1 << 20, std::io::stdout().lock());
    for raw in BufReader::with_capacity(1 << 20, File::open(&arguments[3]).unwrap()).lines() {
        let raw = raw.unwrap();
        let begin = raw.find("\"event_type\":\"").unwrap() + 14;
        let kind = &raw[begin..begin + raw[begin..].find('"').unwrap()];
        let mut event = BTreeMap::new();
        event.insert("line".into(), table[kind].clone());
        event.insert("message".into(), Value::from(raw));
        let mut target = TargetValue {
            value: Value::Object(event),
            metadata: Value::Object(BTreeMap::new()),
            secrets: Secrets::default(),
        };
        match runtime.resolve(&mut target, &compiled.program, &timezone) {
            Ok(value) => out.write_all(value.as_bytes().expect("the program returns text")).unwrap(),
            Err(problem) => panic!("{problem:?}"),
        }
        out.write_all(b"\n").unwrap();
        runtime.clear();
    }
}
