//! Reading a check's file: front matter, the three parts of its page, and the query. Everything that is wrong is told with
//! its line and what to do.

use std::collections::BTreeMap;

use serde_json::Value;
use store::Parameter;
use store::findings::Severity;

use crate::check::{Check, Origin, Tier};
use crate::content::FileError;
use crate::nearest;

/// The keys of the front matter, and whether a file must have them.
const KEYS: &[(&str, bool)] = &[
    ("id", true),
    ("title", true),
    ("severity", true),
    ("resource", true),
    ("tier", true),
    ("reads", true),
    ("profiles", false),
    ("parameters", false),
    ("coverage_severity", false),
];

/// The parts of a page, in order.
const PARTS: [&str; 4] = ["Why it matters", "How it is decided", "How to fix it", "Query"];

/// Reads a check.
///
/// # Errors
/// The first thing that is wrong.
pub(crate) fn read(text: &str, area: &str, origin: Origin) -> Result<Check, FileError> {
    let file = origin.to_string();
    let wrong = |line: usize, what: String| FileError { file: file.clone(), line, what };
    let text = text.replace("\r\n", "\n");
    let (front, body, body_line) = split(&text).map_err(|what| wrong(1, what))?;
    let mut front = Front::read(front).map_err(|(line, what)| wrong(line, what))?;
    let mut problem = None;
    let mut note = |found: Result<(), (usize, String)>| problem = problem.take().or(found.err());
    let mut check = Check {
        id: String::new(),
        title: String::new(),
        area: area.to_owned(),
        severity: Severity::Info,
        resource: String::new(),
        tier: Tier::A,
        reads: Vec::new(),
        profiles: Vec::new(),
        parameters: BTreeMap::new(),
        coverage_severity: false,
        why: String::new(),
        how: String::new(),
        fix: String::new(),
        query: String::new(),
        query_line: 0,
        origin,
    };
    note(
        front
            .text(
                "id",
                |id| match is_id(id) {
                    true => Some(id.to_owned()),
                    false => None,
                },
                "lower-case letters, digits and hyphens",
            )
            .map(|id| check.id = id),
    );
    note(front.text("title", |title| Some(title.to_owned()), "text").map(|title| check.title = title));
    note(
        front
            .text("severity", Severity::of_word, "critical, high, medium, low or info")
            .map(|found| check.severity = found),
    );
    note(front.text("resource", |word| Some(word.to_owned()), "text").map(|word| check.resource = word));
    let tier = |word: &str| Tier::ALL.into_iter().find(|tier| tier.word() == word);
    note(front.text("tier", tier, "A, B, C, E or P").map(|tier| check.tier = tier));
    note(front.words("reads").map(|words| check.reads = words));
    note(front.words("profiles").map(|words| check.profiles = words));
    note(front.parameters().map(|parameters| check.parameters = parameters));
    note(front.flag("coverage_severity").map(|flag| check.coverage_severity = flag));
    if let Some((line, what)) = problem {
        return Err(wrong(line, what));
    }
    let parts = parts(body, body_line).map_err(|(line, what)| wrong(line, what))?;
    let [why, how, fix, (query_line, query)] = parts;
    (check.why, check.how, check.fix) = (why.1, how.1, fix.1);
    (check.query_line, check.query) = block(&query, query_line).map_err(|(line, what)| wrong(line, what))?;
    Ok(check)
}

fn is_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 80
        && !id.starts_with('-')
        && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Cuts a file into front matter and body; tells on which line the body begins.
fn split(text: &str) -> Result<(&str, &str, usize), String> {
    let begin = "the file must begin with front matter between two lines of three hyphens (---)";
    let rest = text.strip_prefix("---\n").ok_or(begin)?;
    let end = rest.find("\n---\n").ok_or("the front matter has no end: a line of three hyphens (---) is missing")?;
    let (front, body) = (&rest[..=end], &rest[end + "\n---\n".len()..]);
    Ok((front, body, 3 + front.lines().count()))
}

/// The front matter's values and on which line each stands.
struct Front {
    values: serde_json::Map<String, Value>,
    lines: BTreeMap<String, usize>,
}

type Wrong = (usize, String);

impl Front {
    fn read(text: &str) -> Result<Self, Wrong> {
        let lines: BTreeMap<String, usize> = text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.starts_with([' ', '#', '-']))
            .filter_map(|(at, line)| Some((line.split_once(':')?.0.trim().to_owned(), at + 2)))
            .collect();
        // A title or an id can be `no` or `on`, which only older YAML takes for false and true.
        let options = serde_saphyr::options! { strict_booleans: true };
        let values: serde_json::Map<String, Value> = serde_saphyr::from_str_with_options(text, options)
            .map_err(|error| (2, format!("the front matter can not be read as YAML: {error}")))?;
        for name in values.keys() {
            if !KEYS.iter().any(|(key, _)| key == name) {
                let near = nearest(name, KEYS.iter().map(|(key, _)| *key)).unwrap_or("id");
                let line = lines.get(name).copied().unwrap_or(2);
                return Err((line, format!("unknown key {name:?}; did you mean {near}?")));
            }
        }
        if let Some((missing, _)) = KEYS.iter().find(|(key, needed)| *needed && !values.contains_key(*key)) {
            return Err((2, format!("the key {missing} is missing in the front matter")));
        }
        Ok(Self { values, lines })
    }

    fn wrong(&self, key: &str, what: String) -> Wrong {
        (self.lines.get(key).copied().unwrap_or(2), what)
    }

    fn text<T>(&mut self, key: &str, read: impl Fn(&str) -> Option<T>, can_be: &str) -> Result<T, Wrong> {
        let value = self.values.get(key).cloned().unwrap_or_default();
        let found = value.as_str().map(str::trim).filter(|text| !text.is_empty()).and_then(read);
        found.ok_or_else(|| self.wrong(key, format!("{key} can be {can_be}, not {value}")))
    }

    fn words(&mut self, key: &str) -> Result<Vec<String>, Wrong> {
        let Some(value) = self.values.get(key) else { return Ok(Vec::new()) };
        let words =
            value.as_array().and_then(|items| items.iter().map(|item| item.as_str().map(str::to_owned)).collect());
        words.ok_or_else(|| self.wrong(key, format!("{key} is a list of words, e.g. [users, devices]; not {value}")))
    }

    fn flag(&mut self, key: &str) -> Result<bool, Wrong> {
        match self.values.get(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(self.wrong(key, format!("{key} can be true or false, not {other}"))),
        }
    }

    fn parameters(&mut self) -> Result<BTreeMap<String, Parameter>, Wrong> {
        let values = match self.values.get("parameters") {
            None | Some(Value::Null) => return Ok(BTreeMap::new()),
            Some(Value::Object(values)) => values.clone(),
            Some(other) => {
                return Err(self.wrong("parameters", format!("parameters are names with values, not {other}")));
            }
        };
        let mut parameters = BTreeMap::new();
        for (name, value) in values {
            let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            if !name.bytes().all(is_name) || name == "now" {
                let what = format!(
                    "a parameter's name has lower-case letters, digits and underscores, and is not now: {name:?}"
                );
                return Err(self.wrong("parameters", what));
            }
            let parameter = crate::parameters::parameter_of(&value).ok_or_else(|| {
                self.wrong(
                    "parameters",
                    format!("{name} can be a text, a number, true, false or a list of these, not {value}"),
                )
            })?;
            parameters.insert(name, parameter);
        }
        Ok(parameters)
    }
}

/// The four parts of the page with the line on which each begins.
fn parts(body: &str, first_line: usize) -> Result<[(usize, String); 4], Wrong> {
    let mut found: Vec<(usize, String, String)> = Vec::new();
    let mut is_code = false;
    for (at, line) in body.lines().enumerate() {
        let number = first_line + at;
        is_code ^= line.starts_with("```");
        match line.strip_prefix("## ").filter(|_| !is_code) {
            Some(title) => found.push((number + 1, title.trim().to_owned(), String::new())),
            None => match found.last_mut() {
                Some((_, _, text)) => {
                    text.push_str(line);
                    text.push('\n');
                }
                None if line.trim().is_empty() || line.starts_with("# ") => {}
                None => return Err((number, format!("the page begins with a part, e.g. \"## {}\"", PARTS[0]))),
            },
        }
    }
    let last = first_line + body.lines().count();
    for (at, title) in PARTS.iter().enumerate() {
        match found.get(at) {
            None => return Err((last, format!("the part \"## {title}\" is missing"))),
            Some((line, other, _)) if other != title => {
                return Err((line - 1, format!("here the part \"## {title}\" is expected, not \"## {other}\"")));
            }
            Some((line, _, text)) if text.trim().is_empty() => {
                return Err((line - 1, format!("the part \"## {title}\" is empty")));
            }
            Some(_) => {}
        }
    }
    if let Some((line, other, _)) = found.get(PARTS.len()) {
        return Err((line - 1, format!("the query is the last part; \"## {other}\" can not follow")));
    }
    let mut found = found.into_iter().map(|(line, _, text)| (line, text));
    let mut next = || found.next().unwrap_or_default();
    let trimmed = |(line, text): (usize, String)| (line, text.trim().to_owned());
    Ok([trimmed(next()), trimmed(next()), trimmed(next()), next()])
}

/// The SQL of the one code block of a part, and the line on which it begins.
fn block(text: &str, first_line: usize) -> Result<(usize, String), Wrong> {
    let needed = "the query stands in one block that begins with ```sql and ends with ```";
    let mut lines = text.lines().enumerate();
    let (at, _) = lines.find(|(_, line)| line.trim_end() == "```sql").ok_or((first_line, needed.to_owned()))?;
    let mut query = String::new();
    for (_, line) in lines.by_ref() {
        if line.trim_end() == "```" {
            if let Some((at, _)) = lines.find(|(_, line)| !line.trim().is_empty()) {
                return Err((first_line + at, "nothing can follow the query".to_owned()));
            }
            return match query.trim().is_empty() {
                true => Err((first_line + at, "the query is empty".to_owned())),
                false => Ok((first_line + at + 1, query.trim().trim_end_matches(';').to_owned())),
            };
        }
        query.push_str(line);
        query.push('\n');
    }
    Err((first_line, needed.to_owned()))
}
