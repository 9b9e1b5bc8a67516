//! Text that came from a directory and is shown to people: hostile until made harmless. Control characters are made visible,
//! spreadsheet formulas are defused.

/// Text with every character made visible that could steer a terminal or mislead a reader: control characters, direction
/// overrides, zero-width characters.
pub fn printable(text: &str) -> String {
    if !text.chars().any(is_steering) {
        return text.to_owned();
    }
    text.chars().fold(String::with_capacity(text.len() + 16), |mut shown, character| {
        if is_steering(character) {
            shown.extend(character.escape_unicode())
        } else {
            shown.push(character)
        }
        shown
    })
}

/// Whether a character could steer a terminal or mislead a reader.
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
