//! A table whose rows are made in memory: sorted, cut into pages, with its columns chosen and its export, as one that is read
//! by a SELECT (`grid`).

use std::cmp::Ordering;

use posture::harmless::printable;
use store::Cell;
use store::findings::Severity;

use crate::grid::{Asked, Column, Grid, GridRow, Look, ROWS, Shown, asks_for_file, audit_export, csv_file, grouped};
use crate::pages::parts::{Moment, StateView};
use crate::problem::Answered;
use crate::visit::Ctx;

/// What a table is made of.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    /// What the table is, for those who do not see it.
    pub(crate) caption: String,
    pub(crate) columns: Vec<Column>,
    /// A value for each column, in the order that a page shows unless its address says otherwise.
    pub(crate) rows: Vec<Vec<Shown>>,
    /// Which parameters of the address are filters, with their names for people.
    pub(crate) filters: Vec<(&'static str, &'static str)>,
    /// What to do when there is no row.
    pub(crate) empty: String,
    /// What the export is called.
    pub(crate) file: String,
}

impl Sheet {
    /// Answers with the table as a file, if the address asks for it: of all columns, unless some were chosen.
    pub(crate) async fn export(&mut self, ctx: &Ctx) -> Option<Answered> {
        if !asks_for_file(ctx) {
            return None;
        }
        Some(self.csv(ctx).await)
    }

    async fn csv(&mut self, ctx: &Ctx) -> Answered {
        audit_export(ctx, &self.file).await?;
        let asked = Asked::of(ctx, &self.columns);
        self.sort(asked.sort);
        let is_choice = ctx.query.has("column");
        let is_told = |at: &usize| match is_choice {
            true => asked.shown.contains(at),
            false => true,
        };
        let told: Vec<usize> =
            (0..self.columns.len()).filter(|at| self.columns[*at].look != Look::Act).filter(is_told).collect();
        let names: Vec<&str> = told.iter().map(|at| self.columns[*at].name.as_str()).collect();
        let value = |row: &[Shown], at: usize| Cell::from(value(&row[at], self.columns[at].look).as_str());
        let rows: Vec<Vec<Cell>> =
            self.rows.iter().map(|row| told.iter().map(|at| value(row, *at)).collect()).collect();
        csv_file(&self.file, &names, &rows)
    }

    /// The page of the table that the address asks for.
    pub(crate) fn grid(mut self, ctx: &Ctx) -> Grid {
        let asked = Asked::of(ctx, &self.columns);
        self.sort(asked.sort);
        let total = self.rows.len() as u64;
        let here = self.rows.into_iter().skip(usize::try_from(asked.from).unwrap_or(usize::MAX)).take(ROWS as usize);
        let rows = here
            .map(|mut row| GridRow {
                key: String::new(),
                cells: asked.shown.iter().map(|at| std::mem::take(&mut row[*at])).collect(),
            })
            .collect();
        let grid = asked.grid(ctx, &self.columns, rows, total, &self.filters);
        Grid { caption: self.caption, empty: self.empty, ..grid }
    }

    /// Sorts by a column, if one is asked for: where it is, and whether downwards.
    fn sort(&mut self, asked: Option<(usize, bool)>) {
        let Some((at, is_down)) = asked else { return };
        let look = self.columns[at].look;
        // What is not known stands last either way.
        self.rows.sort_by(|a, b| {
            let (a, b) = (Rank::of(&a[at], look), Rank::of(&b[at], look));
            match (&a, &b) {
                (Rank::Nothing, _) | (_, Rank::Nothing) => a.nothing().cmp(&b.nothing()),
                _ if is_down => b.compare(&a),
                _ => a.compare(&b),
            }
        });
    }
}

/// What a value is sorted by.
enum Rank {
    Number(f64),
    Text(String),
    Nothing,
}

impl Rank {
    fn of(shown: &Shown, look: Look) -> Self {
        let value = value(shown, look);
        match look {
            _ if value.is_empty() => Self::Nothing,
            _ if shown.order.is_some() => shown.order.map_or(Self::Nothing, Self::Number),
            Look::Number => value.parse().map_or(Self::Nothing, Self::Number),
            Look::Severity => {
                let severity = Severity::ALL.into_iter().find(|severity| severity.word() == value);
                severity.map_or(Self::Nothing, |severity| Self::Number(f64::from(severity as u8)))
            }
            _ => Self::Text(value.to_lowercase()),
        }
    }

    fn nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => Ordering::Equal,
        }
    }
}

/// A value as a program takes it: the exact time, a number without its groups, nothing where nothing is.
fn value(shown: &Shown, look: Look) -> String {
    match look {
        Look::Time => shown.hover.clone(),
        _ if shown.text == "–" => String::new(),
        Look::Number => shown.text.replace(',', "").replace('−', "-"),
        _ => shown.text.clone(),
    }
}

impl Shown {
    /// A text, without what could steer how it is shown; what is long is cut by the style sheet.
    pub(crate) fn text(text: impl AsRef<str>) -> Self {
        Self { text: printable(text.as_ref()), ..Self::default() }
    }

    /// A text that leads somewhere.
    pub(crate) fn link(text: impl AsRef<str>, href: impl Into<String>) -> Self {
        Self { href: href.into(), ..Self::text(text) }
    }

    /// A word in the colour of a state.
    pub(crate) fn badge(text: impl AsRef<str>, tone: &'static str) -> Self {
        Self { tone, ..Self::text(text) }
    }

    /// A number.
    pub(crate) fn number(number: impl TryInto<u64>) -> Self {
        Self::figure(number.try_into().map_or_else(|_| "–".to_owned(), grouped))
    }

    /// A number that is written already, or what stands in its place.
    pub(crate) fn figure(text: impl AsRef<str>) -> Self {
        Self { is_number: true, ..Self::text(text) }
    }

    pub(crate) fn moment(moment: Moment) -> Self {
        Self { text: moment.words, hover: moment.exact, ..Self::default() }
    }

    /// How something stands, with the reason on hover.
    pub(crate) fn state(state: &StateView) -> Self {
        Self { hover: printable(&state.reason), ..Self::badge(&state.words, state.tone) }
    }

    /// The same with a line below.
    pub(crate) fn above(self, small: impl AsRef<str>) -> Self {
        Self { small: printable(small.as_ref()), ..self }
    }

    /// The same in a cell of this class: `wrap`, `cut` or `digest`.
    pub(crate) fn class(self, class: &'static str) -> Self {
        Self { class, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::column;

    fn sorted(look: Look, texts: &[(&str, &str)], is_down: bool) -> Vec<String> {
        let row = |(text, hover): &(&str, &str)| vec![Shown { hover: (*hover).to_owned(), ..Shown::text(*text) }];
        let mut sheet = Sheet {
            columns: vec![column("one", "One", look)],
            rows: texts.iter().map(row).collect(),
            ..Sheet::default()
        };
        sheet.sort(Some((0, is_down)));
        sheet.rows.into_iter().map(|mut row| row.remove(0).text).collect()
    }

    #[test]
    fn a_name_can_not_steer_what_is_shown() {
        let hostile = "\u{202e}evil\u{1b}[31m";
        let shown = Shown::link(hostile, "/").above(hostile);
        for text in [shown.text, shown.small, Shown::badge(hostile, "good").text, Shown::figure(hostile).text] {
            assert!(!text.contains('\u{202e}') && !text.contains('\u{1b}'), "{text:?}");
        }
    }

    #[test]
    fn values_are_sorted_by_what_they_mean_and_the_unknown_stands_last_either_way() {
        let numbers = [("1,234", ""), ("–", ""), ("−2", ""), ("99", "")];
        assert_eq!(sorted(Look::Number, &numbers, false), ["−2", "99", "1,234", "–"]);
        assert_eq!(sorted(Look::Number, &numbers, true), ["1,234", "99", "−2", "–"]);
        let times = [("in 2 h", "2026-12-01T14:00:00Z"), ("–", ""), ("3 min ago", "2026-12-01T11:57:00Z")];
        assert_eq!(sorted(Look::Time, &times, false), ["3 min ago", "in 2 h", "–"]);
        let severities = [("high", ""), ("critical", ""), ("low", "")];
        assert_eq!(sorted(Look::Severity, &severities, true), ["critical", "high", "low"]);
        assert_eq!(sorted(Look::Plain, &[("b", ""), ("", ""), ("A", "")], false), ["A", "b", ""]);
    }
}
