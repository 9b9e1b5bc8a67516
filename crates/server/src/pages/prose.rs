//! The text of a check as it is written in its file: paragraphs, items, `code` and *emphasis*. Files of the user's own are
//! shown as well, so nothing in them becomes anything else than text.

use askama::Template;

#[derive(Debug, Template)]
#[template(path = "prose.html")]
pub(crate) struct Prose {
    blocks: Vec<Block>,
}

#[derive(Debug)]
struct Block {
    is_item: bool,
    spans: Vec<Span>,
}

#[derive(Debug, PartialEq, Eq)]
struct Span {
    kind: &'static str,
    text: String,
}

// It escapes what it is made of itself, so a page may take it as it is.
impl askama::filters::HtmlSafe for Prose {}

impl Prose {
    pub(crate) fn of(text: &str) -> Self {
        let mut blocks: Vec<(bool, String)> = Vec::new();
        let mut is_new = true;
        for line in text.lines().map(str::trim) {
            match (line.strip_prefix("- "), line) {
                (_, "") => is_new = true,
                (Some(item), _) => {
                    blocks.push((true, item.to_owned()));
                    is_new = false;
                }
                (None, line) => match blocks.last_mut().filter(|_| !is_new) {
                    Some((_, block)) => {
                        block.push(' ');
                        block.push_str(line);
                    }
                    None => {
                        blocks.push((false, line.to_owned()));
                        is_new = false;
                    }
                },
            }
        }
        let blocks = blocks.into_iter().map(|(is_item, text)| Block { is_item, spans: spans(&text) }).collect();
        Self { blocks }
    }
}

fn spans(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut push = |kind, text: &str| {
        if !text.is_empty() {
            spans.push(Span { kind, text: text.to_owned() });
        }
    };
    for (at, piece) in text.split('`').enumerate() {
        if at % 2 == 1 {
            push("code", piece);
            continue;
        }
        let parts: Vec<&str> = piece.split('*').collect();
        // A star without its other half is a star.
        let is_paired = parts.len() % 2 == 1;
        if is_paired {
            parts.iter().enumerate().for_each(|(at, part)| push(if at % 2 == 1 { "em" } else { "" }, part));
        } else {
            push("", piece);
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shown_as_it_is_meant_and_markup_stays_text() {
        let shown =
            Prose::of("Open *Settings*\nand run `a < b`.\n\n- one\n- two\n  more\n\n<script> 2 * 3").to_string();
        assert!(shown.contains("<p>Open <em>Settings</em> and run <code>a &#60; b</code>.</p>"), "{shown}");
        assert!(shown.contains("<p class=\"item\">two more</p>"), "{shown}");
        assert!(shown.contains("&#60;script&#62; 2 * 3"), "{shown}");
    }
}
