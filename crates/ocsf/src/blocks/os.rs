//! `os`: the operating system of a device.

use crate::blocks::caption;
use crate::blocks::version::Version;
use crate::json::{Text, Value, Writer, key};

/// An operating system.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Os<'a> {
    name: Text<'a>,
    version: Option<Version<'a>>,
}

impl<'a> Os<'a> {
    /// As a parsed user agent says it; "Other" is nothing.
    pub(crate) fn of_agent(agent: Value<'a>) -> Option<Self> {
        let name = agent.text_of("os_name").or_else(|| agent.text_of("os"))?;
        let version = Version::read(agent, "os_version", ["os_major", "os_minor", "os_patch"]);
        Self::called(name, version)
    }

    /// As a device says it: `os` and `version`.
    pub(crate) fn of_system(system: Value<'a>) -> Option<Self> {
        Self::called(system.text_of("os")?, system.text_of("version").map(Version::Whole))
    }

    /// By name and version.
    pub(crate) fn called(name: Text<'a>, version: Option<Version<'a>>) -> Option<Self> {
        (name.text != "Other").then_some(Self { name, version })
    }

    pub(crate) fn write(&self, to: &mut Writer<'_>) {
        let (type_id, type_name) = type_of(self.name);
        to.object(key!("os"), |to| {
            to.text(key!("name"), self.name);
            to.integer(key!("type_id"), type_id);
            to.text(key!("type"), type_name);
            if let Some(version) = &self.version {
                to.raw(concat!(key!("version"), "\""));
                version.letters(to);
                to.raw("\",");
            }
        });
    }
}

const LINUX: &[&str] = &[
    "linux", "ubuntu", "debian", "fedora", "centos", "red hat", "rhel", "suse", "rocky", "alma", "amazon", "oracle",
    "arch", "mint", "kali", "gentoo",
];

/// In this order, since "Darwin" holds "win" and "iPadOS" is an iOS too.
fn type_of(name: Text<'_>) -> (u16, Text<'_>) {
    let windows = (100, Text::ours("Windows"));
    let macos = (300, Text::ours("macOS"));
    match name.text {
        "Mac OS X" => return macos,
        "Windows" => return windows,
        _ => {}
    }
    let lower = name.text.to_ascii_lowercase();
    let holds = |word: &str| lower.contains(word);
    if holds("ipados") {
        (302, Text::ours("iPadOS"))
    } else if holds("ios") {
        (301, Text::ours("iOS"))
    } else if holds("android") {
        (201, Text::ours("Android"))
    } else if holds("windows") || lower.starts_with("win") {
        windows
    } else if holds("mac") || holds("darwin") {
        macos
    } else if LINUX.iter().any(|word| holds(word)) {
        (200, Text::ours("Linux"))
    } else {
        (99, caption::other(name))
    }
}
