//! Names that come from a directory are hostile until shown harmless: what would steer a terminal or mislead a reader is
//! made visible, and what a spreadsheet would take for a formula is defused.

/// Text with every character made visible that could steer a terminal or mislead a reader: control characters, direction
/// overrides, zero-width characters.
pub fn printable(text: &str) -> String {
    if !text.chars().any(is_steering) {
        return text.to_owned();
    }
    text.chars().fold(String::with_capacity(text.len() + 16), |mut shown, character| {
        if is_steering(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
        shown
    })
}

/// Whether a character steers a terminal or hides what is really there.
pub fn is_steering(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{061c}')
}

/// Text that a spreadsheet does not take for a formula.
pub fn defused(text: String) -> String {
    let dangerous =
        text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '|', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    if dangerous { format!("'{text}") } else { text }
}
