//! Times as people write and read them.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

/// Reads a moment: RFC 3339, or a date, which means the end of that day in UTC.
pub fn parse_moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let day: Date = text
        .parse()
        .map_err(|_| format!("{text:?} is neither a date (2026-11-01) nor a time (2026-11-01T12:00:00Z)"))?;
    let next =
        day.tomorrow().and_then(|next| next.to_zoned(jiff::tz::TimeZone::UTC)).map_err(|error| error.to_string())?;
    Ok(next.timestamp() - SignedDuration::from_millis(1))
}

/// Reads a moment: RFC 3339, or a date, which means the beginning of that day in UTC.
pub fn parse_day(text: &str) -> Result<Timestamp, String> {
    match text.parse::<Date>() {
        Ok(day) if text.parse::<Timestamp>().is_err() => {
            day.to_zoned(jiff::tz::TimeZone::UTC).map(|day| day.timestamp()).map_err(|error| error.to_string())
        }
        _ => parse_moment(text),
    }
}

/// `3 min ago`, `in 2 h`, or the date when it is more than a month away.
pub fn relative(at: Timestamp, now: Timestamp) -> String {
    let distance = now.duration_since(at);
    if distance.abs() > SignedDuration::from_hours(31 * 24) {
        return at.to_string().chars().take(10).collect();
    }
    // Nobody who asks how long ago something was asks for tenths of seconds.
    let words = span(SignedDuration::from_secs(distance.abs().as_secs()));
    let words = words.replace(".0 s", " s");
    if distance.abs() < SignedDuration::from_secs(1) {
        "now".to_owned()
    } else if distance.is_negative() {
        format!("in {words}")
    } else {
        format!("{words} ago")
    }
}

/// A span in its largest sensible unit: `850 ms`, `4.2 s`, `3 min`, `5 h`, `12 d`.
pub fn span(span: SignedDuration) -> String {
    let seconds = span.as_secs_f64();
    match seconds {
        s if s < 1.0 => format!("{} ms", span.as_millis()),
        s if s < 60.0 => format!("{s:.1} s"),
        s if s < 3_600.0 => format!("{} min", span.as_mins()),
        s if s < 48.0 * 3_600.0 => format!("{} h", span.as_hours()),
        _ => format!("{} d", span.as_hours() / 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_means_the_end_of_that_day() {
        assert_eq!(parse_moment("2026-11-01").unwrap().to_string(), "2026-11-01T23:59:59.999Z");
        assert_eq!(parse_moment("2026-11-01T12:00:00+01:00").unwrap().to_string(), "2026-11-01T11:00:00Z");
        assert!(parse_moment("last week").is_err());
        assert_eq!(parse_day("2026-11-01").unwrap().to_string(), "2026-11-01T00:00:00Z");
        assert_eq!(parse_day("2026-11-01T12:00:00Z").unwrap().to_string(), "2026-11-01T12:00:00Z");
        assert!(parse_day("last week").is_err());
    }

    #[test]
    fn spans_are_told_in_their_largest_sensible_unit() {
        assert_eq!(span(SignedDuration::from_millis(850)), "850 ms");
        assert_eq!(span(SignedDuration::from_secs(125)), "2 min");
        assert_eq!(span(SignedDuration::from_hours(72)), "3 d");
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        assert_eq!(relative(now - SignedDuration::from_mins(3), now), "3 min ago");
        assert_eq!(relative(now - SignedDuration::from_millis(47_380), now), "47 s ago");
        assert_eq!(relative(now + SignedDuration::from_secs(5), now), "in 5 s");
        assert_eq!(relative(now + SignedDuration::from_hours(12), now), "in 12 h");
    }
}
