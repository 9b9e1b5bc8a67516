//! Holds the pages against the repository: what they name exists, the crates depend on each other as drawn, and the
//! page that is made from the code is fresh. How well a page reads is for people to judge.
#![allow(clippy::unwrap_used, reason = "tests may stop at the first surprise")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Folders and endings by which a word in backticks is known to be a path of this repository.
const PLACES: &[&str] = &["crates/", "docs/", "content/", "benches/", "deploy/", ".ci/"];
const FILES: &[&str] = &[".md", ".toml", ".rs", ".sql", ".svg"];
/// Options of other programs, and what is only for this repository.
const NOT_OURS: &[&str] = &["--release", "--workspace", "--detach", "--from-literal", "--now", "--set"];

#[test]
fn every_path_that_a_page_names_exists() {
    let mut missing = Vec::new();
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        let folder = page.parent().unwrap();
        let in_backticks = quoted(&text).into_iter().filter(|word| is_path(word)).map(|word| root().join(word));
        let linked = links(&text).into_iter().map(|link| folder.join(link));
        missing.extend(
            in_backticks
                .chain(linked)
                .filter(|path| !path.exists())
                .map(|path| format!("{} names {}", page.display(), path.display())),
        );
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn the_crates_depend_on_each_other_as_drawn() {
    for (name, may_use) in [
        ("jumpcloud", &[][..]),
        ("simulator", &[]),
        ("ocsf", &[]),
        ("store", &[]),
        ("collect", &["jumpcloud", "ocsf", "store"]),
        ("deliver", &["ocsf", "store"]),
        ("posture", &["ocsf", "store"]),
        ("server", &["jumpcloud", "ocsf", "store", "collect", "deliver", "posture"]),
        ("jumpseat", &["jumpcloud", "simulator", "ocsf", "store", "collect", "deliver", "posture", "server"]),
    ] {
        let manifest = root().join("crates").join(name).join("Cargo.toml");
        let used = own_dependencies(&manifest);
        let allowed: BTreeSet<String> = may_use.iter().map(|name| (*name).to_owned()).collect();
        assert!(used.is_subset(&allowed), "{name} uses {used:?}, but may use {allowed:?}");
    }
}

#[test]
fn every_crate_has_its_place_in_the_drawing() {
    let page = std::fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    for name in crates() {
        assert!(page.contains(&format!("`crates/{name}`")), "docs/architecture.md says nothing of crates/{name}");
    }
}

#[test]
fn the_page_of_tables_is_what_the_program_prints() {
    let page = std::fs::read_to_string(root().join("docs/tables.md")).unwrap_or_default();
    assert!(
        page == printed(&["sql", "--reference"]),
        "docs/tables.md is not fresh: cargo run -- sql --reference > docs/tables.md"
    );
}

#[test]
fn the_page_of_event_types_is_what_the_program_prints() {
    let page = std::fs::read_to_string(root().join("docs/ocsf-mapping.md")).unwrap_or_default();
    assert!(
        page == printed(&["event", "types", "--reference"]),
        "docs/ocsf-mapping.md is not fresh: cargo run -- event types --reference > docs/ocsf-mapping.md"
    );
}

#[test]
fn the_page_of_columns_is_what_the_program_prints() {
    let page = std::fs::read_to_string(root().join("docs/archive-columns.md")).unwrap_or_default();
    assert!(
        page == printed(&["archive", "columns"]),
        "docs/archive-columns.md is not fresh: cargo run -- archive columns > docs/archive-columns.md"
    );
}

#[test]
fn the_pages_of_checks_frameworks_and_evidence_are_what_the_program_writes() {
    let folder = tempfile::tempdir().unwrap();
    printed(&["check", "docs", folder.path().to_str().unwrap()]);
    let page = |folder: &Path| std::fs::read_to_string(folder.join("peers.md")).unwrap_or_default();
    let is_fresh = page(folder.path()) == page(&root().join("docs"));
    assert!(is_fresh, "docs/peers.md is not fresh: cargo run -- check docs docs");
    for name in ["checks", "frameworks", "evidence"] {
        let files = |folder: PathBuf| -> std::collections::BTreeMap<String, String> {
            let entries = folder.read_dir().into_iter().flatten().map(|entry| entry.unwrap().path());
            entries
                .map(|path| {
                    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                    (name, std::fs::read_to_string(path).unwrap())
                })
                .collect()
        };
        let (fresh, kept) = (files(folder.path().join(name)), files(root().join("docs").join(name)));
        let stale: Vec<&String> =
            fresh.keys().chain(kept.keys()).filter(|file| fresh.get(*file) != kept.get(*file)).collect();
        assert!(stale.is_empty(), "docs/{name} is not fresh: cargo run -- check docs docs; {stale:?}");
    }
}

#[test]
fn every_error_code_has_its_line_in_the_page_of_operations() {
    let page = std::fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let known: BTreeSet<&str> = quoted(&page).into_iter().collect();
    for name in ["jumpcloud", "collect", "deliver"] {
        let source = std::fs::read_to_string(root().join("crates").join(name).join("src/error.rs")).unwrap();
        let body = source.split_once("fn code(").unwrap().1.split_once("\n    }\n").unwrap().0;
        let codes: Vec<&str> = body.split("=> \"").skip(1).map(|rest| rest.split_once('"').unwrap().0).collect();
        assert!(codes.len() > 5, "{codes:?}");
        for code in codes {
            assert!(known.contains(code), "docs/operations.md does not say what {code} means");
        }
    }
}

#[test]
fn every_option_that_the_pages_name_exists() {
    let mut known: BTreeSet<String> = NOT_OURS.iter().map(|option| (*option).to_owned()).collect();
    let mut open = vec![Vec::new()];
    while let Some(command) = open.pop() {
        let mut arguments = command.clone();
        arguments.push("--help".to_owned());
        let help = printed(&arguments);
        known.extend(options(&help));
        open.extend(subcommands(&help).into_iter().map(|name| [command.clone(), vec![name]].concat()));
    }
    for page in ["README.md", "docs/user-guide.md"] {
        let text = std::fs::read_to_string(root().join(page)).unwrap();
        let unknown: Vec<String> = options(&text).difference(&known).cloned().collect();
        assert!(unknown.is_empty(), "{page} names options that do not exist: {unknown:?}");
    }
}

#[test]
fn every_setting_is_in_the_user_guide_with_its_default() {
    let guide = std::fs::read_to_string(root().join("docs/user-guide.md")).unwrap();
    let settings: Vec<serde_json::Value> =
        serde_json::from_str(&printed(&["config", "show", "--output", "json"])).unwrap();
    assert!(!settings.is_empty());
    for setting in settings {
        let (name, value) = (setting["setting"].as_str().unwrap(), setting["value"].as_str().unwrap());
        let line = guide.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let line = line.unwrap_or_else(|| panic!("the user guide says nothing of {name}"));
        // The data directory depends on the machine, and "-" stands for nothing.
        if name != "data_dir" && value != "-" {
            assert!(line.contains(&format!("`{value}`")), "the user guide has another default of {name} than {value}");
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The pages that people read.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> =
        ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"].iter().map(|name| root().join(name)).collect();
    let mut open = vec![root().join("docs"), root().join("content")];
    while let Some(folder) = open.pop() {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                pages.push(path);
            }
        }
    }
    pages
}

/// The words in single backticks, outside blocks of code.
fn quoted(text: &str) -> Vec<&str> {
    let mut in_block = false;
    let mut words = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            words.extend(line.split('`').skip(1).step_by(2));
        }
    }
    words
}

fn is_path(word: &str) -> bool {
    let plain = word.chars().all(|letter| letter.is_ascii_alphanumeric() || "/._-".contains(letter));
    // A file of the user's own has no folder of ours before it and is not in the root.
    let is_own = ["jumpseat.toml", "posture.toml"].contains(&word);
    let in_root = !word.contains('/') && FILES.iter().any(|ending| word.ends_with(ending)) && !is_own;
    plain && (PLACES.iter().any(|place| word.starts_with(place)) || in_root)
}

/// What the page links to in this repository, without the place within the page.
fn links(text: &str) -> Vec<&str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', '#']).next())
        .filter(|link| !link.is_empty() && !link.contains("://") && !link.starts_with("mailto:"))
        .collect()
}

fn crates() -> Vec<String> {
    let folders = root().join("crates").read_dir().unwrap();
    folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The crates of this repository that one needs to be built, its tests aside.
fn own_dependencies(manifest: &Path) -> BTreeSet<String> {
    let manifest: toml::Table = std::fs::read_to_string(manifest).unwrap().parse().unwrap();
    let own = crates();
    ["dependencies", "build-dependencies"]
        .iter()
        .filter_map(|section| manifest.get(*section)?.as_table())
        .flat_map(|section| section.keys().cloned())
        .filter(|name| own.contains(name))
        .collect()
}

/// What the program prints, told nothing by the machine's own settings.
fn printed(arguments: &[impl AsRef<std::ffi::OsStr>]) -> String {
    let elsewhere = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_jumpseat"))
        .args(arguments)
        .env_clear()
        .env("HOME", elsewhere.path())
        .current_dir(elsewhere.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The long options in a text.
fn options(text: &str) -> BTreeSet<String> {
    text.split(|letter: char| !(letter.is_ascii_lowercase() || letter == '-'))
        .filter(|word| word.len() > 3 && word.starts_with("--") && !word.starts_with("---"))
        .map(|word| word.trim_end_matches('-').to_owned())
        .collect()
}

/// The names under "Commands:" in a help text.
fn subcommands(help: &str) -> Vec<String> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty() && *name != "help")
        .map(str::to_owned)
        .collect()
}
