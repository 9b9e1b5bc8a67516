//! The page docs/ocsf-mapping.md, made from the table of event types.

use std::collections::BTreeMap;

use crate::class::Class;
use crate::event_type::event_types;
use crate::{MAPPING_VERSION, OCSF_VERSION};

const BEGIN: &str = "\
Made from `crates/ocsf/src/event_types.csv` by `jumpseat event types --reference`; do not edit.

Every Directory Insights event becomes exactly one OCSF event: events in = events out. What the event does not state is
Unknown and never success. What was not mapped without loss stays in `unmapped`, the text as received in `raw_data`, and
`metadata.uid` is the same for the same event, always. An event type that is not in the table becomes API Activity (6003)
with the label `event_type_unmapped`; what is not an event at all becomes a Base Event (0) with the label `malformed`.

**To add an event type**: one line in `crates/ocsf/src/event_types.csv`, in the family that fits, and this page anew:
`cargo run -- event types --reference > docs/ocsf-mapping.md`. **To add a family** (another way to read events): one
file in `crates/ocsf/src/families` with a function `map`, and one line in the list of `crates/ocsf/src/families/mod.rs`.
Raise `MAPPING_VERSION` in `crates/ocsf/src/lib.rs` when what is written changes.";

/// Returns the page, as Markdown with a line end at its end.
pub fn reference() -> String {
    let mut lines = vec![
        "# Events as OCSF".to_owned(),
        String::new(),
        BEGIN.to_owned(),
        String::new(),
        format!("OCSF {OCSF_VERSION}, mapping version {MAPPING_VERSION}, {} event types.", event_types().len()),
        String::new(),
        "## Classes".to_owned(),
        String::new(),
        "| class | name | event types |".to_owned(),
        "|---|---|---|".to_owned(),
    ];
    let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
    for line in event_types() {
        *counts.entry(line.class.uid).or_default() += 1;
    }
    for class in Class::ALL {
        let types = match class.uid {
            0 => "what is not an event".to_owned(),
            6003 => format!("{}, and every unknown one", counts.get(&class.uid).copied().unwrap_or_default()),
            uid => counts.get(&uid).copied().unwrap_or_default().to_string(),
        };
        lines.push(format!("| {} | {} | {types} |", class.uid, class.name));
    }
    lines.extend([
        String::new(),
        "## Event types".to_owned(),
        String::new(),
        "Severity is that of a success; a failure is at least Low (2), a failed sign-in of an administrator Medium (3)."
            .to_owned(),
        "Source: `documented` in JumpCloud's specification, `observed` in a live organization, or a `guess`.".to_owned(),
        String::new(),
        "| event type | service | class | activity | severity | entity | family | source | note |".to_owned(),
        "|---|---|---|---|---|---|---|---|---|".to_owned(),
    ]);
    for line in event_types() {
        lines.push(format!(
            "| `{}` | {} | {} {} | {} {} | {} | {} | {} | {} | {} |",
            line.name,
            line.service,
            line.class.uid,
            line.class.name,
            line.activity_id,
            line.activity_name,
            line.severity_id,
            line.entity.map_or("", |(_, name)| name),
            line.family,
            line.source,
            line.note,
        ));
    }
    lines.push(String::new());
    lines.join("\n")
}
