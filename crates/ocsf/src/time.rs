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
    let is_date = text.as_bytes().get(4) == Some(&b'-');
    if !is_date && let Ok(number) = text.parse::<f64>() {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_of_every_form_are_read_and_what_is_no_plausible_time_is_not() {
        let at = 1_777_882_566_000;
        for (text, expected) in [
            ("2026-05-04T08:16:06Z", Some(at)),
            ("2026-05-04T08:16:06.495Z", Some(at + 495)),
            ("2026-05-04T08:16:06.4959999999999Z", Some(at + 495)),
            ("2026-05-04T10:46:06.1+02:30", Some(at + 100)),
            ("2026-05-04t08:16:06z", Some(at)),
            ("2026-05-04 08:16:06", Some(at)),
            ("2026-05-04T08:16:06.5", Some(at + 500)),
            (" 2026-05-04T08:16:06Z ", Some(at)),
            ("1777882566", Some(at)),
            ("1777882566.495", Some(at + 495)),
            ("1777882566495", Some(at + 495)),
            ("1777882566495999", Some(at + 495)),
            ("1777882566495999999", Some(at + 495)),
            ("1970-01-01T00:00:00Z", None),
            ("0001-01-01T00:00:00Z", None),
            ("9999-12-31T23:59:59Z", None),
            ("2026-02-30T00:00:00Z", None),
            ("not a time", None),
            ("0", None),
            ("-1", None),
            ("NaN", None),
            ("inf", None),
            ("1e300", None),
            ("", None),
        ] {
            assert_eq!(parse_time(text), expected, "{text}");
        }
    }

    #[test]
    fn only_an_offset_that_is_written_is_told() {
        for (text, minutes) in [
            ("2026-05-04T08:16:06Z", None),
            ("2026-05-04T08:16:06+09:30", Some(570)),
            ("2026-05-04T08:16:06", None),
            ("x", None),
        ] {
            assert_eq!(written_offset(text), minutes, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_number_of_fraction_digits_is_cut_off_and_never_rounded(
            ms in EARLIEST_MS..4_000_000_000_000, digits in 0_usize..=12, rest in "[0-9]{9}", minutes in -720_i64..=720,
        ) {
            let local = Timestamp::from_millisecond(ms - ms % 1000 + minutes * 60_000).unwrap();
            let seconds = local.strftime("%Y-%m-%dT%H:%M:%S");
            let fraction = format!("{:03}{rest}", ms % 1000)[..digits].to_owned();
            let point = if digits > 0 { "." } else { "" };
            let sign = if minutes < 0 { '-' } else { '+' };
            let text = format!("{seconds}{point}{fraction}{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60);
            let told: i64 = format!("{fraction:0<3}")[..3].parse().unwrap();
            prop_assert_eq!(parse_time(&text), Some(ms - ms % 1000 + told), "{}", text);
        }

        #[test]
        fn no_text_is_too_strange(text in any::<String>(), numbers in "[0-9TZ:+. -]{0,40}") {
            let _ = (parse_time(&text), parse_time(&numbers), written_offset(&text), written_offset(&numbers));
        }
    }
}
