//! Pages of checks and evidence items, which are written in Markdown, as they read well on a terminal: headings, aligned
//! facts, items and wrapped text, without the marks of Markdown.

use crate::output::{printable, terminal_width, write_lines};

/// Lines that are longer are hard to read, however wide the terminal is.
const WIDEST: usize = 100;
/// What stands under a heading begins so far right.
const INDENT: &str = "  ";

/// Writes a page for people: its title, the file that it is from, and its text in Markdown.
pub(crate) fn write_page(title: &str, origin: &posture::Origin, text: &str) -> std::io::Result<()> {
    let mut lines = vec![printable(title), printable(&format!("from {origin}")), String::new()];
    lines.extend(for_reading(text));
    write_lines(&lines)
}

/// A text in Markdown as lines for people at this terminal.
pub(crate) fn for_reading(text: &str) -> Vec<String> {
    rendered(text, usize::from(terminal_width()).min(WIDEST))
}

/// The same for lines of so many characters.
fn rendered(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut source = text.lines().peekable();
    while let Some(line) = source.next() {
        let trimmed = line.trim();
        if trimmed.starts_with("```") {
            let code = source.by_ref().take_while(|line| !line.trim().starts_with("```"));
            lines.extend(code.map(|line| format!("{INDENT}{INDENT}{line}").trim_end().to_owned()));
        } else if let Some(heading) = trimmed.strip_prefix('#') {
            lines.push(plain(heading.trim_start_matches('#').trim()).to_uppercase());
        } else if trimmed.starts_with('|') {
            let mut rows = vec![cells(trimmed)];
            while let Some(row) = source.next_if(|line| line.trim().starts_with('|')) {
                rows.push(cells(row.trim()));
            }
            facts(&rows, width, &mut lines);
        } else if trimmed.is_empty() {
            // Two blank lines would only tear apart what follows from a heading.
            if lines.last().is_some_and(|line| !line.is_empty()) && !is_heading_before(&lines) {
                lines.push(String::new());
            }
        } else {
            let mark = mark_of(trimmed);
            let mut words = trimmed[mark.len()..].to_owned();
            while let Some(more) = source.next_if(|line| goes_on(line.trim())) {
                words.push(' ');
                words.push_str(more.trim());
            }
            wrapped(&format!("{INDENT}{mark}"), &plain(&words), width, &mut lines);
        }
    }
    lines.iter().map(|line| printable(line)).collect()
}

fn is_heading_before(lines: &[String]) -> bool {
    lines.last().is_some_and(|line| !line.starts_with(' '))
}

/// Whether a line belongs to the paragraph or item before it.
fn goes_on(line: &str) -> bool {
    !line.is_empty() && !line.starts_with(['#', '|']) && !line.starts_with("```") && mark_of(line).is_empty()
}

/// The mark of an item (`- `, `1. `) at the beginning of a line; empty if it is none.
fn mark_of(line: &str) -> &str {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let length = match &line[digits..] {
        rest if digits > 0 && rest.starts_with(". ") => digits + 2,
        rest if digits == 0 && (rest.starts_with("- ") || rest.starts_with("* ")) => 2,
        _ => 0,
    };
    &line[..length]
}

/// The cells of a row of a table.
fn cells(row: &str) -> Vec<String> {
    // A bar in a cell is written with a backslash before it.
    let row = row.replace("\\|", "\u{0}");
    let row = row.strip_prefix('|').unwrap_or(&row);
    let row = row.strip_suffix('|').unwrap_or(row);
    row.split('|').map(|cell| plain(&cell.replace('\u{0}', "|")).trim().to_owned()).collect()
}

/// A table of names and what is said of each, the names aligned.
fn facts(rows: &[Vec<String>], width: usize, lines: &mut Vec<String>) {
    let is_rule = |row: &[String]| row.iter().all(|cell| cell.chars().all(|letter| matches!(letter, '-' | ':')));
    let rows: Vec<&[String]> = rows.iter().map(Vec::as_slice).filter(|row| !is_rule(row)).collect();
    let name_of = |row: &[String]| row.first().cloned().unwrap_or_default();
    let widest = rows.iter().map(|row| name_of(row).chars().count()).max().unwrap_or_default();
    for row in rows {
        let value = row.get(1..).unwrap_or_default().join("  ");
        wrapped(&format!("{INDENT}{:widest$}  ", name_of(row)), &value, width, lines);
    }
}

/// Words behind a beginning, broken between words, further lines below the first word.
fn wrapped(begin: &str, words: &str, width: usize, lines: &mut Vec<String>) {
    let indent = begin.chars().count();
    let mut line = begin.to_owned();
    let mut length = indent;
    for word in words.split_whitespace() {
        let letters = word.chars().count();
        if length > indent && length + 1 + letters > width {
            lines.push(line.trim_end().to_owned());
            line = " ".repeat(indent);
            length = indent;
        }
        if length > indent {
            line.push(' ');
            length += 1;
        }
        line.push_str(word);
        length += letters;
    }
    lines.push(line.trim_end().to_owned());
}

/// Text without the marks of emphasis and code. A star between blanks or without its other half is a star, and what is code
/// is as it is.
fn plain(text: &str) -> String {
    let without_marks = |words: &str| {
        let is_paired = words.matches('*').count().is_multiple_of(2);
        if is_paired { words.replace('*', "") } else { words.to_owned() }
    };
    let pieces = text.split('`').enumerate().map(|(at, piece)| match at % 2 {
        0 => piece.split(" * ").map(without_marks).collect::<Vec<_>>().join(" * "),
        _ => piece.to_owned(),
    });
    pieces.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "| | |\n|---|---|\n| id | `some-check` |\n| looks at | a \\| b |\n\n## Why it matters\n\nWhoever *finds* a\nlaptop reads **all** of it, 2 * 3 times.\n\n- **Fail**: it is off\n  in `devices.x`.\n1. one\n\n```sql\nSELECT '*'\n  FROM `t`\n```\n";

    #[test]
    fn a_page_reads_as_text_without_marks_of_markdown() {
        let expected = [
            "  id        some-check",
            "  looks at  a | b",
            "",
            "WHY IT MATTERS",
            "  Whoever finds a laptop",
            "  reads all of it, 2 * 3",
            "  times.",
            "",
            "  - Fail: it is off in",
            "    devices.x.",
            "  1. one",
            "",
            "    SELECT '*'",
            "      FROM `t`",
        ];
        assert_eq!(rendered(PAGE, 24), expected);
    }

    #[test]
    fn a_page_of_somebody_else_does_not_steer_the_terminal() {
        assert!(!rendered("a \u{1b}]52;c;aGk=\u{7} b", 80).concat().contains('\u{1b}'));
    }
}
