//! `check docs`: the pages of checks, frameworks and evidence items, as files.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use posture::evidence::Items;
use posture::{
    FileError, Library, check_page, evidence_index_page, framework_page, index_page, item_page, peers, peers_page,
};

use super::Global;
use crate::exit::{Exit, Problem};

#[derive(Debug, Args)]
pub(in crate::commands) struct DocsArgs {
    /// The folder; pages go into it, and into its folders `checks`, `frameworks` and `evidence`.
    folder: PathBuf,
}

pub(super) fn run(args: &DocsArgs, _: &Global) -> Result<Exit> {
    // Only ours: the pages of this repository do not depend on the machine.
    let library = Library::load(None).map_err(|errors| unreadable(&errors))?;
    let items = Items::load(None, &library).map_err(|errors| unreadable(&errors))?;
    let peers = peers(&library).map_err(|errors| unreadable(&errors))?;
    let mut pages = vec![
        (args.folder.join("checks/README.md"), index_page(&library)),
        (args.folder.join("peers.md"), peers_page(&peers)),
    ];
    for check in library.checks() {
        pages.push((args.folder.join(format!("checks/{}.md", check.id)), check_page(check, &library)));
    }
    for framework in library.frameworks() {
        let path = args.folder.join(format!("frameworks/{}.md", framework.id));
        pages.push((path, framework_page(framework, &library)));
    }
    pages.push((args.folder.join("evidence/README.md"), evidence_index_page(&items, &library)));
    for item in items.iter() {
        pages.push((args.folder.join(format!("evidence/{}.md", item.id)), item_page(item, &library)));
    }
    for folder in ["checks", "frameworks", "evidence"] {
        fresh(&args.folder.join(folder), &pages)?;
    }
    for (path, text) in pages {
        std::fs::write(&path, text).with_context(|| format!("{} can not be written", path.display()))?;
    }
    Ok(Exit::Ok)
}

fn unreadable(errors: &[FileError]) -> anyhow::Error {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    Problem::usage(lines.join("\n"))
}

/// Makes a folder, and removes pages from it that are no longer made.
fn fresh(folder: &Path, pages: &[(PathBuf, String)]) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("{} can not be made", folder.display()))?;
    for entry in std::fs::read_dir(folder)?.filter_map(Result::ok) {
        let path = entry.path();
        let is_page = path.extension().is_some_and(|extension| extension == "md");
        if is_page && !pages.iter().any(|(page, _)| *page == path) {
            std::fs::remove_file(&path).with_context(|| format!("{} can not be removed", path.display()))?;
        }
    }
    Ok(())
}
