//! The page of the columns, made from the same declaration as the files.

use std::fmt::Write as _;

use crate::attributes::{ATTRIBUTES, Attribute, Kind, Versions};

/// Every column of the archive as a page in Markdown.
pub fn reference() -> String {
    let mut page = "# Columns of the archive\n\n\
        Made by `jumpseat archive columns`, from the declaration that the files are written by\n\
        (`crates/deliver/src/attributes.rs`). The names and meanings are those of OCSF "
        .to_owned();
    page.push_str(ocsf::OCSF_VERSION);
    page.push_str(
        ". Every column can be NULL:\nwhat an event does not say is not made up. Objects and lists are nested columns; `[]` stands for the elements of a list.\n\n\
         With the layout `hive` every file has all columns but those of OCSF 1.1.0, so that files of all classes are one table,\n\
         and times are timestamps in UTC. With the layout `security-lake` events are OCSF 1.1.0: a file has the columns of its\n\
         class only, without those that 1.1.0 does not have (last column; what they hold is in `unmapped.ocsf`), and times are\n\
         milliseconds since 1970 (BIGINT), as OCSF writes them.\n\n\
         | column | type | classes | OCSF 1.1.0 |\n| --- | --- | --- | --- |\n",
    );
    for attribute in ATTRIBUTES {
        let classes: Vec<String> = attribute.classes.iter().map(ToString::to_string).collect();
        let classes = if classes.is_empty() { "all".to_owned() } else { classes.join(", ") };
        lines(attribute, attribute.name, &classes, Versions::Both, &mut page);
    }
    page
}

fn lines(attribute: &Attribute, path: &str, classes: &str, around: Versions, page: &mut String) {
    let versions = if around == Versions::Both { attribute.versions } else { around };
    let mut line = |path: &str, kind: &str| {
        let older = match versions {
            Versions::Both => String::new(),
            Versions::Older => "only there".to_owned(),
            Versions::Newer([]) => "no".to_owned(),
            Versions::Newer(classes) => {
                format!("not in {}", classes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
            }
        };
        writeln!(page, "| `{path}` | {kind} | {classes} | {older} |").expect("text can be written to memory");
    };
    let inner = match attribute.kind {
        Kind::Text => return line(path, "text"),
        Kind::Json => return line(path, "JSON as text"),
        Kind::Integer => return line(path, "32-bit integer"),
        Kind::Long => return line(path, "64-bit integer"),
        Kind::Real => return line(path, "64-bit floating point"),
        Kind::Boolean => return line(path, "boolean"),
        Kind::Time => return line(path, "timestamp, milliseconds"),
        Kind::Texts => return line(path, "list of texts"),
        Kind::Reals => return line(path, "list of 64-bit floating points"),
        Kind::Object(attributes) => (path.to_owned(), attributes),
        Kind::Objects(attributes) => (format!("{path}[]"), attributes),
    };
    for attribute in inner.1 {
        lines(attribute, &format!("{}.{}", inner.0, attribute.name), classes, versions, page);
    }
}
