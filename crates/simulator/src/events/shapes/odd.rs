//! Events that are strange in themselves: timestamps, values and characters that break careless programs.
//! Responsible for the oddities of timestamps, values and stray characters. All of it is JSON, though not all of it fits into every
//! parser's numbers and strings.

use super::pen::Pen;
use crate::json::Object;
use crate::time;

/// A timestamp that is written strangely, is wrong, or is missing.
pub(super) fn timestamp(pen: &Pen<'_>, row: &mut Object<'_>) {
    let text = match pen.draw(200) % 12 {
        0 => return,
        1 => return row.null("timestamp"),
        2 => return row.string("timestamp", ""),
        3 => return row.number("timestamp", pen.slot.time),
        4 => "9999-12-31T23:59:59.999Z",
        5 => "1970-01-01T00:00:00Z",
        6 => "1969-12-31T23:59:59.5Z",
        7 => "2026-06-30T23:59:60Z",
        8 => "0001-01-01T00:00:00Z",
        // The right time, written unusually.
        9 => {
            return row.text("timestamp", |out| {
                time::write_decimals(pen.slot.time + 5 * time::HOUR + 30 * time::MINUTE, 0, 3, out);
                out.pop();
                out.push_str("+05:30");
            });
        }
        10 => {
            return row.text("timestamp", |out| {
                time::write(pen.slot.time, out);
                out.pop();
                out.push('z');
            });
        }
        _ => "yesterday",
    };
    row.string("timestamp", text);
}

/// Fields with values that are hard to keep.
pub(super) fn values(pen: &Pen<'_>, row: &mut Object<'_>) {
    match pen.draw(201) % 8 {
        0 => row.raw("sequence_number", "9007199254740993"),
        1 => row.raw("ratio", "1e400"),
        2 => row.raw("offset", "-0"),
        3 => row.raw("numeric_id", "18446744073709551615"),
        4 => row.text("note", |out| out.push_str("lone \\ud83d surrogate")),
        5 => {
            let mut nested = String::new();
            nested.push_str(&"[".repeat(300));
            nested.push_str(&"]".repeat(300));
            row.raw("nested", &nested);
        }
        6 => row.text("blob", |out| out.push_str(&"x".repeat(100_000))),
        _ => row.raw("id_list", "[null,true,1,\"\",{},[]]"),
    }
}

/// Characters that do not belong into words.
pub(super) fn stray(pen: &Pen<'_>, row: &mut Object<'_>) {
    let text = pen.pick(
        202,
        &[
            "\u{0}nul",
            "\u{1b}[31mred\u{1b}[0m",
            "\u{feff}mark",
            "two\nlines",
            "right\u{202e}tfel",
            "\u{fffd}\u{7f}",
            "tab\tand\rreturn",
            "\u{2028}separator",
        ],
    );
    row.string("remark", text);
}

/// Known fields with other types than usual.
pub(super) fn spoil(pen: &Pen<'_>, start: usize, out: &mut String) {
    let (usual, odd) = match pen.draw(203) % 6 {
        0 => ("\"success\":true", "\"success\":\"true\""),
        1 => ("\"success\":false", "\"success\":0"),
        2 => ("\"initiated_by\":{", "\"initiated_by\":null,\"initiated_by_old\":{"),
        3 => ("\"client_ip\":\"", "\"client_ip\":\"not an address \\u00e9 "),
        4 => ("\"changes\":[", "\"changes\":\"see list\",\"changes_list\":["),
        _ => ("\"geoip\":{", "\"geoip\":null,\"geoip_old\":{"),
    };
    if let Some(place) = out[start..].find(usual) {
        out.replace_range(start + place..start + place + usual.len(), odd);
    }
}
