//! Pages that are made from the files: one for each check, framework and evidence item, and those that list them.

use std::fmt::Write as _;

use crate::check::{Check, Origin};
use crate::content::Library;
use crate::evidence::{ABSENT, Item, Items};
use crate::framework::{Framework, MARKS};
use crate::peers::Peer;

/// The page of a check, as a file.
pub fn check_page(check: &Check, library: &Library) -> String {
    as_file(&check.title, &check.origin, &check_text(check, library))
}

/// What there is to say of a check, without its title.
pub fn check_text(check: &Check, library: &Library) -> String {
    let mut page = "| | |\n|---|---|\n".to_owned();
    line(&mut page, "id", &format!("`{}`", check.id));
    let severity = if check.coverage_severity { "rises as coverage falls" } else { "" };
    line(&mut page, "severity", &joined(", ", [check.severity.word(), severity]));
    line(&mut page, "looks at", &check.resource.replace('_', " "));
    line(&mut page, "facts from", check.tier.about());
    line(&mut page, "reads", &list(check.reads.iter().map(|table| format!("`{table}`"))));
    line(&mut page, "profiles", &check.profiles.join(", "));
    for framework in library.frameworks() {
        let served =
            list(framework.served_by(check).map(|(requirement, marks)| format!("{} ({marks})", requirement.id)));
        if !served.is_empty() {
            line(&mut page, &format!("{} {}", framework.name, framework.version), &served);
        }
    }
    if !check.parameters.is_empty() {
        page.push_str("\n| parameter | default |\n|---|---|\n");
        for (name, value) in &check.parameters {
            line(&mut page, &format!("`{name}`"), &format!("`{}`", crate::parameters::json_of(value)));
        }
    }
    for (title, text) in
        [("Why it matters", &check.why), ("How it is decided", &check.how), ("How to fix it", &check.fix)]
    {
        written(&mut page, format_args!("\n## {title}\n\n{text}\n"));
    }
    written(&mut page, format_args!("\n## Query\n\n```sql\n{}\n```\n", check.query));
    page
}

/// The page of a framework.
pub fn framework_page(framework: &Framework, library: &Library) -> String {
    let mut page = format!(
        "# {} {}\n\nMade from `content/frameworks` by `jumpseat check docs`; do not edit.\n\n{}\n\n",
        framework.name, framework.version, framework.about
    );
    page.push_str("The letters say how sure a link between requirement and check is:");
    for (mark, about) in MARKS {
        written(&mut page, format_args!(" **{mark}** {about};"));
    }
    page.push_str(" several letters are several sources.\n\n| requirement | asks | checks |\n|---|---|---|\n");
    for requirement in &framework.requirements {
        let checks = library.checks().filter_map(|check| {
            let (_, marks) = framework.served_by(check).find(|(served, _)| served.id == requirement.id)?;
            Some(format!("[{}](../checks/{}.md) ({marks})", check.id, check.id))
        });
        let checks = list(checks);
        written(&mut page, format_args!("| {} | {} | {} |\n", requirement.id, requirement.title, shown(&checks)));
    }
    if !framework.minimums.is_empty() {
        page.push_str("\n## What it demands of parameters\n\nA looser parameter fails the requirement, whatever the check says.\n\n| requirement | check | parameter | demand |\n|---|---|---|---|\n");
        for minimum in &framework.minimums {
            let demand = match (minimum.at_least, minimum.at_most, &minimum.is) {
                (Some(least), _, _) => format!("at least {least}"),
                (_, Some(most), _) => format!("at most {most}"),
                (_, _, Some(is)) => format!("{is}"),
                _ => "-".to_owned(),
            };
            written(
                &mut page,
                format_args!(
                    "| {} | `{}` | `{}` | {demand} |\n",
                    minimum.requirement, minimum.check, minimum.parameter
                ),
            );
        }
    }
    page
}

/// The page that lists all checks and frameworks.
pub fn index_page(library: &Library) -> String {
    let mut page = "# Checks\n\nMade from `content/` by `jumpseat check docs`; do not edit.\n\n".to_owned();
    for framework in library.frameworks() {
        let checks = framework.checks(library).count();
        written(
            &mut page,
            format_args!(
                "- [{} {}](../frameworks/{}.md): {} requirements, {checks} checks\n",
                framework.name,
                framework.version,
                framework.id,
                framework.requirements.len()
            ),
        );
    }
    page.push_str("\n| check | what is wrong when it fails | severity | area |\n|---|---|---|---|\n");
    let mut checks: Vec<&Check> = library.checks().collect();
    checks.sort_by(|a, b| (&a.area, &a.id).cmp(&(&b.area, &b.id)));
    for check in checks {
        let cells =
            format!("[{}]({}.md) | {} | {} | {}", check.id, check.id, check.title, check.severity.word(), check.area);
        written(&mut page, format_args!("| {cells} |\n"));
    }
    page
}

/// The page that compares with what other programs check.
pub fn peers_page(peers: &[Peer]) -> String {
    let mut page = "# What others check\n\nMade from `content/peers.toml` by `jumpseat check docs`; do not edit.\n\n\
                    Which of our [checks](checks/README.md) answer what other programs check of a JumpCloud organization.\n"
        .to_owned();
    for peer in peers {
        written(&mut page, format_args!("\n## {}\n\n{}\n\n", peer.name, peer.about));
        page.push_str("| their check | our checks | where they differ |\n|---|---|---|\n");
        for check in &peer.compared {
            let ours = list(check.covered_by.iter().map(|id| format!("[{id}](checks/{id}.md)")));
            let differs = check.differs.as_ref().or(check.nothing_to_ask.as_ref());
            let differs = differs.map_or("-".to_owned(), |differs| shown(differs));
            written(&mut page, format_args!("| {} | {} | {differs} |\n", check.id, shown(&ours)));
        }
    }
    page
}

/// The page of an evidence item, as a file.
pub fn item_page(item: &Item, library: &Library) -> String {
    as_file(&item.title, &item.origin, &item_text(item, library))
}

/// What there is to say of an evidence item, without its title.
pub fn item_text(item: &Item, library: &Library) -> String {
    let mut page = "| | |\n|---|---|\n".to_owned();
    line(&mut page, "id", &format!("`{}`", item.id));
    line(&mut page, "asked for", item.usage.name());
    line(&mut page, "kind", item.kind.about());
    let tables = |names: Vec<&str>| list(names.into_iter().map(|name| format!("`{name}`")));
    line(&mut page, "made of", &tables(item.population.iter().map(String::as_str).collect()));
    line(&mut page, "details from", &tables(item.details().collect()));
    line(&mut page, "profiles", &item.profiles.join(", "));
    for framework in library.frameworks() {
        let served = list(item.serves(framework).map(|(requirement, marks)| format!("{} ({marks})", requirement.id)));
        if !served.is_empty() {
            line(&mut page, &format!("{} {}", framework.name, framework.version), &served);
        }
    }
    for (title, text) in [("What it shows", &item.shows), ("What to know", &item.notes)] {
        written(&mut page, format_args!("\n## {title}\n\n{text}\n"));
    }
    written(&mut page, format_args!("\n## Query\n\n```sql\n{}\n```\n", item.query));
    page
}

/// The page that lists all evidence items, and what can not be given.
pub fn evidence_index_page(items: &Items, library: &Library) -> String {
    let mut page = "# Evidence items\n\nMade from `content/evidence` by `jumpseat check docs`; do not edit. How packs are made and \
         checked stands in [evidence](../evidence.md).\n\n"
        .to_owned();
    for framework in library.frameworks() {
        let count = items.serving(framework).len();
        written(&mut page, format_args!("- {} {}: {count} items\n", framework.name, framework.version));
    }
    page.push_str("\n| item | what it is | asked for | kind |\n|---|---|---|---|\n");
    let mut sorted: Vec<&Item> = items.iter().collect();
    sorted.sort_by(|a, b| (a.usage, &a.id).cmp(&(b.usage, &b.id)));
    for item in sorted {
        let cells =
            format!("[{}]({}.md) | {} | {} | {}", item.id, item.id, item.title, item.usage.word(), item.kind.word());
        written(&mut page, format_args!("| {cells} |\n"));
    }
    page.push_str("\n## What can not be given\n\n| what | why, and where it is to be had |\n|---|---|\n");
    for absent in ABSENT {
        line(&mut page, &format!("{} (`{}`)", absent.title, absent.id), absent.why);
    }
    page
}

/// A page with its title, which says of which file it was made.
fn as_file(title: &str, origin: &Origin, text: &str) -> String {
    format!("# {title}\n\nMade from `{origin}` by `jumpseat check docs`; do not edit.\n\n{text}")
}

fn line(page: &mut String, name: &str, value: &str) {
    written(page, format_args!("| {name} | {} |\n", shown(value)));
}

/// A cell that is not empty and does not end early.
fn shown(value: &str) -> String {
    if value.is_empty() { "-".to_owned() } else { value.replace('|', "\\|").replace('\n', " ") }
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

fn joined<'a>(between: &str, words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(between)
}

fn written(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.write_fmt(text).expect("writing to a String can not fail");
}
