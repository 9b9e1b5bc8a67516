//! Times as JumpCloud writes them: RFC 3339 with no to nine (or more) fraction digits, sometimes with an offset, in
//! rare data a number.

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{Timestamp, fmt::temporal::Pieces};

/// The first plausible time, 2010-01-01: JumpCloud is younger. Earlier ones are defaults of programs (1970, year 1).
const EARLIEST_MS: i64 = 1_262_304_000_000;
/// The first time that is not plausible, in the year 5138: OCSF's checker takes such numbers for microseconds.
const END_MS: i64 = 100_000_000_000_000;

/// Returns milliseconds since 1970, cut off and not rounded; nothing for what is no time between 2010 and 5138.
///
/// A number is taken as seconds, milliseconds, microseconds or nanoseconds by its size; a time without offset is UTC.
///
/// ```
/// assert_eq!(ocsf::parse_time("2026-05-04T01:40:48.953999999Z"), Some(1_777_858_848_953));
/// assert_eq!(ocsf::parse_time("1777858848"), Some(1_777_858_848_000));
/// assert_eq!(ocsf::parse_time("yesterday"), None);
/// ```
pub fn parse_time(text: &str) -> Option<i64> {
    read_time(text).filter(|ms| (EARLIEST_MS..END_MS).contains(ms))
}

/// Like [`parse_time`], of any time that can be read.
pub(crate) fn read_time(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(number) = text.parse::<f64>() {
        return from_number(text, number);
    }
    let cut = cut_fraction(text);
    let text = cut.as_deref().unwrap_or(text);
    text.parse::<Timestamp>()
        .map(Timestamp::as_millisecond)
        .or_else(|_| {
            text.parse::<DateTime>().and_then(|civil| Offset::UTC.to_timestamp(civil)).map(Timestamp::as_millisecond)
        })
        .ok()
}

/// The offset that a time is written with, in minutes; nothing for UTC and for what is no time.
pub(crate) fn written_offset(text: &str) -> Option<i32> {
    if text.ends_with(['Z', 'z']) {
        return None;
    }
    let minutes = Pieces::parse(text).ok()?.to_numeric_offset()?.seconds() / 60;
    (minutes != 0 && (-1080..=1080).contains(&minutes)).then_some(minutes)
}

#[expect(clippy::cast_possible_truncation, reason = "out of range is out of the plausible")]
fn from_number(text: &str, number: f64) -> Option<i64> {
    let per_ms = match number.abs() {
        size if size < 1e11 => return Some((number * 1e3) as i64),
        size if size < 1e14 => 1,
        size if size < 1e17 => 1_000,
        _ => 1_000_000,
    };
    Some(text.parse::<i64>().map_or((number / f64::from(per_ms)) as i64, |whole| whole / i64::from(per_ms)))
}

/// The same time with nine digits of fraction, if it has more.
fn cut_fraction(text: &str) -> Option<String> {
    let point = text.find(['.', ','])?;
    let digits = text[point + 1..].bytes().take_while(u8::is_ascii_digit).count();
    (digits > 9).then(|| format!("{}{}", &text[..point + 10], &text[point + 1 + digits..]))
}
