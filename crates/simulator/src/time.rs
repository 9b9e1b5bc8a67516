//! Points in time as epoch milliseconds, and their texts as JumpCloud writes them.
//! Responsible for RFC 3339 with three decimals and for HTTP dates. Not for reading the clock (see `clock`).

/// One second in milliseconds.
pub(crate) const SECOND: i64 = 1000;
/// One minute in milliseconds.
pub(crate) const MINUTE: i64 = 60 * SECOND;
/// One hour in milliseconds.
pub(crate) const HOUR: i64 = 60 * MINUTE;
/// One day in milliseconds.
pub(crate) const DAY: i64 = 24 * HOUR;
/// What Go-backed endpoints print for "never".
pub(crate) const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// Appends a time such as `2026-11-20T06:31:05.412Z`. Written by hand because every row holds several of them.
pub(crate) fn write(milliseconds: i64, out: &mut String) {
    let days = milliseconds.div_euclid(DAY);
    let rest = milliseconds.rem_euclid(DAY);
    let (year, month, day) = civil(days);
    digits(year as u64, 4, out);
    out.push('-');
    digits(month, 2, out);
    out.push('-');
    digits(day, 2, out);
    out.push('T');
    digits((rest / HOUR) as u64, 2, out);
    out.push(':');
    digits((rest / MINUTE % 60) as u64, 2, out);
    out.push(':');
    digits((rest / SECOND % 60) as u64, 2, out);
    out.push('.');
    digits((rest % SECOND) as u64, 3, out);
    out.push('Z');
}

/// Appends a time with `decimals` (0 to 9) after the seconds; `beyond` is what is less than a millisecond, in nanoseconds.
/// More decimals than the time has are cut off and not rounded.
pub(crate) fn write_decimals(milliseconds: i64, beyond: u32, decimals: u8, out: &mut String) {
    write(milliseconds, out);
    if decimals == 3 {
        return;
    }
    // Away with the Z, and with as many decimals as are too many, the point included.
    out.truncate(out.len() - 1 - usize::from(3 - decimals.min(3)));
    if decimals == 0 {
        out.pop();
    }
    for place in 3..decimals.min(9) {
        out.push(char::from(b'0' + (beyond / 10_u32.pow(u32::from(8 - place)) % 10) as u8));
    }
    out.push('Z');
}

/// The same as an owned text.
pub(crate) fn text(milliseconds: i64) -> String {
    let mut out = String::with_capacity(24);
    write(milliseconds, &mut out);
    out
}

/// A date for HTTP headers such as `Fri, 20 Nov 2026 06:31:05 GMT`.
pub(crate) fn http_date(milliseconds: i64) -> String {
    jiff::Timestamp::from_millisecond(milliseconds)
        .map(|time| time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
        .unwrap_or_default()
}

/// Year, month and day of a day number counted from 1970-01-01 (the usual era arithmetic on 400-year cycles).
fn civil(days: i64) -> (i64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u64;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 } as u64;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

fn digits(value: u64, width: u32, out: &mut String) {
    for place in (0..width).rev() {
        out.push(char::from(b'0' + (value / 10_u64.pow(place) % 10) as u8));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_agree_with_the_calendar_library() {
        for step in 0..5000_i64 {
            let milliseconds = step * 431_998_877 - 1;
            let expected = jiff::Timestamp::from_millisecond(milliseconds).unwrap();
            assert_eq!(text(milliseconds).parse::<jiff::Timestamp>().unwrap(), expected);
        }
        assert_eq!(text(1_763_620_265_412), "2025-11-20T06:31:05.412Z");
    }

    #[test]
    fn any_number_of_decimals_can_be_written() {
        for (decimals, expected) in [
            (0, "2025-11-20T06:31:05Z"),
            (1, "2025-11-20T06:31:05.4Z"),
            (2, "2025-11-20T06:31:05.41Z"),
            (3, "2025-11-20T06:31:05.412Z"),
            (4, "2025-11-20T06:31:05.4120Z"),
            (8, "2025-11-20T06:31:05.41203070Z"),
            (9, "2025-11-20T06:31:05.412030709Z"),
        ] {
            let mut out = String::new();
            write_decimals(1_763_620_265_412, 30_709, decimals, &mut out);
            assert_eq!(out, expected);
        }
    }
}
