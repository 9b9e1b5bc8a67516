//! What other programs check, and which checks of ours answer the same. Nothing is copied from them: names only.

use serde::Deserialize;
use store::did_you_mean;

use crate::content::{FileError, Library};

const FILE: &str = "content/peers.toml";
const TEXT: &str = include_str!("../../../content/peers.toml");

/// A program that checks JumpCloud organizations too.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// A short word for it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where its checks were seen.
    pub about: String,
    /// How many checks it has, so that none is forgotten.
    checks: usize,
    /// Its checks.
    #[serde(rename = "check")]
    pub compared: Vec<PeerCheck>,
}

/// One check of a peer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerCheck {
    /// What the peer calls it.
    pub id: String,
    /// Our checks that answer it.
    #[serde(default)]
    pub covered_by: Vec<String>,
    /// Where our answer is not quite theirs.
    pub differs: Option<String>,
    /// Why the question can not arise here.
    pub nothing_to_ask: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "peer")]
    peers: Vec<Peer>,
}

/// Reads the table and holds it against our checks.
///
/// # Errors
/// It can not be read, or something in it is not answered by a check that exists.
pub fn peers(library: &Library) -> Result<Vec<Peer>, Vec<FileError>> {
    read(TEXT, library)
}

fn read(text: &str, library: &Library) -> Result<Vec<Peer>, Vec<FileError>> {
    let wrong = |line: usize, what: String| FileError { file: FILE.to_owned(), line, what };
    let line_of = |found: &str| text.lines().position(|line| line.contains(found)).map_or(1, |at| at + 1);
    let file: File = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        vec![wrong(line, error.message().to_owned())]
    })?;
    let mut errors = Vec::new();
    for peer in &file.peers {
        if peer.checks != peer.compared.len() {
            let what = format!("{} has {} checks, and {} are here", peer.name, peer.checks, peer.compared.len());
            errors.push(wrong(line_of(&format!("id = {:?}", peer.id)), what));
        }
        for check in &peer.compared {
            let line = line_of(&format!("id = {:?}", check.id));
            if check.covered_by.is_empty() == check.nothing_to_ask.is_none() {
                let what = format!("{} needs either covered_by or nothing_to_ask", check.id);
                errors.push(wrong(line, what));
            }
            for ours in check.covered_by.iter().filter(|id| library.check(id).is_none()) {
                let meant = did_you_mean(ours, library.check_ids());
                errors.push(wrong(line, format!("{}: there is no check {ours}{meant}", check.id)));
            }
        }
    }
    if errors.is_empty() { Ok(file.peers) } else { Err(errors) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library() -> Library {
        Library::load(None).unwrap()
    }

    #[test]
    fn everything_that_peers_check_is_answered_by_checks_that_exist() {
        let peers = peers(&library()).unwrap_or_else(|errors| panic!("{errors:?}"));
        let counts: Vec<(&str, usize)> = peers.iter().map(|peer| (peer.id.as_str(), peer.compared.len())).collect();
        assert_eq!(counts, [("jc-audit", 11), ("cerebro", 18), ("comp-ai", 4)]);
    }

    #[test]
    fn a_line_that_answers_nothing_is_told_with_its_place() {
        let file = |check: &str| {
            format!(
                "[[peer]]\nid = \"x\"\nname = \"X\"\nabout = \"\"\nchecks = 1\n\n[[peer.check]]\nid = \"a\"\n{check}\n"
            )
        };
        for (check, line, words) in [
            ("", 8, "needs either covered_by or nothing_to_ask"),
            ("covered_by = [\"iplist-empty\"]\nnothing_to_ask = \"x\"", 8, "needs either"),
            ("covered_by = [\"iplist-emty\"]", 8, "did you mean iplist-empty?"),
            ("covred_by = []", 9, "unknown field"),
            ("covered_by = [\"iplist-empty\"]\n[[peer.check]]\nid = \"b\"\nnothing_to_ask = \"x\"", 2, "2 are here"),
        ] {
            let errors = read(&file(check), &library()).unwrap_err();
            assert!(errors[0].what.contains(words), "{check}: {errors:?}");
            assert_eq!(errors[0].line, line, "{check}: {errors:?}");
        }
    }
}
