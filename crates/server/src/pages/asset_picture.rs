//! How an asset is connected, as a picture: users at the left, the groups on the way in the middle, what is reached at the
//! right. The table beside it says the same in words.

use askama::Template;
use posture::access::DIRECT;
use posture::harmless::printable;

use super::asset::Reach;

/// Nodes in one column; what is more is counted.
const MOST: usize = 12;
/// Letters of a label.
const WIDEST: usize = 24;
const ROW: usize = 30;

/// The picture.
#[derive(Debug, Template)]
#[template(path = "asset_picture.html")]
pub(crate) struct Picture {
    nodes: Vec<Node>,
    lines: Vec<Line>,
    height: usize,
    words: String,
    /// What did not find room, in words; empty if all did.
    more: String,
}

impl askama::filters::HtmlSafe for Picture {}

#[derive(Debug)]
struct Node {
    x: usize,
    y: usize,
    label: String,
    whole: String,
    kind: &'static str,
}

#[derive(Debug)]
struct Line {
    from_x: usize,
    from_y: usize,
    to_x: usize,
    to_y: usize,
}

/// Names in the order in which they are met, as many as have room.
#[derive(Default)]
struct Column {
    names: Vec<String>,
    left_out: usize,
}

impl Column {
    /// How many are drawn, in words.
    fn words(&self) -> String {
        format!("{}{}", self.names.len(), if self.left_out > 0 { " and more" } else { "" })
    }

    fn place(&mut self, name: &str) -> Option<usize> {
        if let Some(at) = self.names.iter().position(|known| known == name) {
            return Some(at);
        }
        if self.names.len() == MOST {
            self.left_out += 1;
            return None;
        }
        self.names.push(name.to_owned());
        Some(self.names.len() - 1)
    }
}

impl Picture {
    /// Draws the ways; nothing where there are none.
    pub(crate) fn of(ways: &[Reach]) -> Option<Self> {
        const LEFT: usize = 0;
        const MIDDLE: usize = 300;
        const RIGHT: usize = 600;
        const WIDE: usize = 200;
        let (mut users, mut groups, mut things) = (Column::default(), Column::default(), Column::default());
        let mut joined: Vec<((usize, usize), (usize, usize))> = Vec::new();
        let mut join = |from, to| {
            if !joined.contains(&(from, to)) {
                joined.push((from, to));
            }
        };
        // What a policy is put onto is reached by nobody.
        for way in ways.iter().filter(|way| !way.who.is_empty()) {
            let user = users.place(&way.who);
            let thing = things.place(&way.what);
            let group = if way.via == DIRECT { None } else { groups.place(&way.via) };
            match (user, group, thing) {
                (Some(user), Some(group), Some(thing)) => {
                    join((LEFT, user), (MIDDLE, group));
                    join((MIDDLE, group), (RIGHT, thing));
                }
                (Some(user), None, Some(thing)) if way.via == DIRECT => join((LEFT, user), (RIGHT, thing)),
                _ => {}
            }
        }
        if users.names.is_empty() {
            return None;
        }
        let center = |at: usize| at * ROW + ROW / 2;
        let lines = joined.iter().map(|((from_x, from), (to_x, to))| Line {
            from_x: from_x + WIDE,
            from_y: center(*from),
            to_x: *to_x,
            to_y: center(*to),
        });
        let columns = [(LEFT, &users, "person"), (MIDDLE, &groups, "group"), (RIGHT, &things, "thing")];
        let nodes = columns.iter().flat_map(|&(x, column, kind)| {
            column.names.iter().enumerate().map(move |(at, name)| {
                let whole = printable(name);
                let mut label: String = whole.chars().take(WIDEST).collect();
                if label.len() < whole.len() {
                    label.push('…');
                }
                Node { x, y: at * ROW, label, whole, kind }
            })
        });
        let left_out = users.left_out + groups.left_out + things.left_out;
        Some(Self {
            nodes: nodes.collect(),
            lines: lines.collect(),
            height: columns.iter().map(|(_, column, _)| column.names.len()).max().unwrap_or(0) * ROW,
            words: format!(
                "Users: {}. Ways by groups: {}. Things that are reached: {}",
                users.words(),
                groups.words(),
                things.words()
            ),
            more: if left_out > 0 {
                "There is more than the picture has room for; the table has it all.".to_owned()
            } else {
                String::new()
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(user: &str, via: &str, thing: &str) -> Reach {
        Reach { who: user.to_owned(), what: thing.to_owned(), via: via.to_owned(), rights: String::new() }
    }

    #[test]
    fn each_thing_is_drawn_once_and_joined_as_the_paths_say() {
        let ways = [way("mara", "Staff", "Payroll"), way("mara", "Staff", "Wiki"), way("mara", DIRECT, "Wiki")];
        let picture = Picture::of(&ways).unwrap();
        assert_eq!(picture.nodes.len(), 4, "{picture:?}");
        assert_eq!(picture.lines.len(), 4, "mara to Staff once, Staff to two things, mara to Wiki: {picture:?}");
        assert!(Picture::of(&[]).is_none());
    }

    #[test]
    fn a_picture_is_never_larger_than_a_screen() {
        let ways: Vec<Reach> = (0..500).map(|number| way(&format!("user {number}"), "Staff", "Wiki")).collect();
        let picture = Picture::of(&ways).unwrap();
        assert!(picture.height <= MOST * ROW && !picture.more.is_empty());
    }
}
