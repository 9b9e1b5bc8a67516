//! How an archive is laid out, and the name of every object: the same events always have the same name, so that writing
//! them again replaces them.

use serde::{Deserialize, Serialize};
use store::UnitKey;

use crate::columns::Shape;
use crate::place::Options;
use crate::{Error, Result};

/// The settings of an archive that are no secret. They are kept as JSON beside its URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How it is laid out.
    pub layout: Layout,
    /// The region of the bucket; the environment's, if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The URL of an object store of another maker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Leave `raw_data` out; its size and hash stay.
    #[serde(default)]
    pub without_raw: bool,
    /// Only these organizations; all, if none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub organizations: Vec<String>,
}

/// How an archive is laid out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Layout {
    /// `class=3002/org_id=…/day=2026-11-20/`: partitions as Hive names them.
    Hive,
    /// `ext/<source>-3002/region=…/accountId=…/eventDay=20261120/`: a custom source of Amazon Security Lake for each class.
    SecurityLake {
        /// The beginning of the names of the sources; the class is appended.
        source: String,
        /// The region of the lake.
        region: String,
        /// The account id, or what the lake was told to expect in its place.
        account: String,
    },
}

impl Layout {
    /// Its word: `hive` or `security-lake`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Hive => "hive",
            Self::SecurityLake { .. } => "security-lake",
        }
    }

    /// Which columns the objects of a class have.
    pub(crate) fn shape(&self, class_uid: u16) -> Shape {
        match self {
            Self::Hive => Shape::Whole,
            Self::SecurityLake { .. } => Shape::OfClass(class_uid),
        }
    }

    /// The name of the object of a class of a day or hour.
    pub(crate) fn path(&self, key: &UnitKey, class_uid: u16) -> String {
        let org = encoded(&key.org_id);
        let (dashed, plain) = day_texts(key.day);
        let hour = key.hour.map(|hour| format!("T{hour:02}")).unwrap_or_default();
        match self {
            Self::Hive => format!("class={class_uid}/org_id={org}/day={dashed}/jumpseat-{plain}{hour}.parquet"),
            Self::SecurityLake { source, region, account } => format!(
                "ext/{}-{class_uid}/region={}/accountId={}/eventDay={plain}/jumpseat-{org}-{plain}{hour}.parquet",
                encoded(source),
                encoded(region),
                encoded(account)
            ),
        }
    }

    /// The folders in which every object of the archive is, for finding those that should not be there.
    pub(crate) fn folders(&self) -> Vec<String> {
        let classes = ocsf::Class::ALL.iter().map(|class| class.uid);
        match self {
            Self::Hive => classes.map(|class_uid| format!("class={class_uid}")).collect(),
            Self::SecurityLake { source, region, account } => classes
                .map(|class_uid| {
                    format!(
                        "ext/{}-{class_uid}/region={}/accountId={}",
                        encoded(source),
                        encoded(region),
                        encoded(account)
                    )
                })
                .collect(),
        }
    }
}

impl Settings {
    /// Reads what [`Settings::to_text`] wrote.
    ///
    /// # Errors
    /// They were written by a newer program, or damaged.
    pub fn parse(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| {
            Error::Place(format!("the settings of the archive can not be read ({error}): remove it and add it again"))
        })
    }

    /// As they are kept.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("texts and flags can be written as JSON")
    }

    pub(crate) fn options(&self) -> Options<'_> {
        Options { region: self.region.as_deref(), endpoint: self.endpoint.as_deref() }
    }
}

/// A day as `2026-11-20` and `20261120`.
pub(crate) fn day_texts(day: i64) -> (String, String) {
    let date = jiff::civil::date(1970, 1, 1).saturating_add(jiff::Span::new().days(day.clamp(-700_000, 2_900_000)));
    (date.to_string(), date.strftime("%Y%m%d").to_string())
}

/// A text as a part of a name: what could mean something in a path or a URL is written as `%` and two digits, as Hive does.
pub(crate) fn encoded(text: &str) -> String {
    if text.is_empty() {
        return "__HIVE_DEFAULT_PARTITION__".to_owned();
    }
    let mut name = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
            b'.' if text.bytes().any(|byte| byte != b'.') => name.push('.'),
            _ => name.push_str(&format!("%{byte:02X}")),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(org_id: &str, hour: Option<u8>) -> UnitKey {
        UnitKey { org_id: org_id.to_owned(), day: 20_777, hour }
    }

    fn lake() -> Layout {
        Layout::SecurityLake {
            source: "jumpcloud".to_owned(),
            region: "eu-central-1".to_owned(),
            account: "external".to_owned(),
        }
    }

    #[test]
    fn names_are_those_that_hive_and_security_lake_expect() {
        assert_eq!(
            Layout::Hive.path(&key("5f1e2d3c4b5a697887766554", None), 3002),
            "class=3002/org_id=5f1e2d3c4b5a697887766554/day=2026-11-20/jumpseat-20261120.parquet"
        );
        assert_eq!(
            lake().path(&key("5f1e2d3c4b5a697887766554", Some(7)), 3002),
            "ext/jumpcloud-3002/region=eu-central-1/accountId=external/eventDay=20261120/jumpseat-5f1e2d3c4b5a697887766554-20261120T07.parquet"
        );
    }

    #[test]
    fn no_organization_leaves_its_place_in_an_archive_or_takes_anothers() {
        let hostile =
            ["", ".", "..", "../../etc", "a/b", "a%2Fb", "a\\b", "ä", "a b", "a\0b", "a=b", "A", "a", "a#1", "a?b"];
        let mut names: Vec<String> = hostile.iter().map(|org_id| Layout::Hive.path(&key(org_id, None), 0)).collect();
        for (name, org_id) in names.iter().zip(hostile) {
            assert_eq!(name.split('/').count(), 4, "{org_id:?}: {name}");
            assert!(
                object_store::path::Path::parse(name).is_ok_and(|path| path.as_ref() == name),
                "{org_id:?}: {name}"
            );
        }
        names.sort();
        names.dedup();
        assert_eq!(names.len(), hostile.len());
    }

    #[test]
    fn every_object_is_in_one_of_the_archives_folders() {
        for layout in [Layout::Hive, lake()] {
            for class in ocsf::Class::ALL {
                let path = layout.path(&key("o", None), class.uid);
                assert!(layout.folders().iter().any(|folder| path.starts_with(&format!("{folder}/"))), "{path}");
            }
        }
    }

    #[test]
    fn settings_are_read_as_they_are_written() {
        for layout in [Layout::Hive, lake()] {
            let settings = Settings {
                layout,
                region: Some("eu".to_owned()),
                endpoint: None,
                without_raw: true,
                organizations: vec!["o".to_owned()],
            };
            assert_eq!(Settings::parse(&settings.to_text()).unwrap(), settings);
        }
        assert!(Settings::parse(r#"{"layout":{"kind":"hive"},"newer":1}"#).is_err());
    }

    #[test]
    fn days_before_1970_and_far_ahead_have_names() {
        assert_eq!(day_texts(0).0, "1970-01-01");
        assert_eq!(day_texts(-1).1, "19691231");
        assert_eq!(day_texts(2_000_000).1, "74451025");
        assert_ne!(day_texts(i64::MIN).1, day_texts(i64::MAX).1);
    }
}
