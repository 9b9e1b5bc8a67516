//! What files of checks and of evidence items have in common: front matter, the parts of a page, one block of SQL. Everything
//! that is wrong is told with its line and what to do.

use std::collections::BTreeMap;

use serde_json::Value;
use store::{Parameter, did_you_mean};

/// The keys of a front matter, and whether a file must have them.
pub(crate) type Keys = &'static [(&'static str, bool)];

/// Whether a text can be an id.
pub(crate) fn is_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 80
        && !id.starts_with('-')
        && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Cuts a file into front matter and body; tells on which line the body begins.
pub(crate) fn split(text: &str) -> Result<(&str, &str, usize), String> {
    let begin = "the file must begin with front matter between two lines of three hyphens (---)";
    let rest = text.strip_prefix("---\n").ok_or(begin)?;
    let end = rest.find("\n---\n").ok_or("the front matter has no end: a line of three hyphens (---) is missing")?;
    let (front, body) = (&rest[..=end], &rest[end + "\n---\n".len()..]);
    Ok((front, body, 3 + front.lines().count()))
}

/// The front matter's values and on which line each stands.
pub(crate) struct Front {
    values: serde_json::Map<String, Value>,
    lines: BTreeMap<String, usize>,
}

/// A line, and what is wrong there.
pub(crate) type Wrong = (usize, String);

impl Front {
    /// Reads a front matter that may have these keys.
    pub(crate) fn read(text: &str, keys: Keys) -> Result<Self, Wrong> {
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
            if !keys.iter().any(|(key, _)| key == name) {
                let meant = did_you_mean(name, keys.iter().map(|(key, _)| *key));
                let line = lines.get(name).copied().unwrap_or(2);
                return Err((line, format!("unknown key {name:?}{meant}")));
            }
        }
        if let Some((missing, _)) = keys.iter().find(|(key, needed)| *needed && !values.contains_key(*key)) {
            return Err((2, format!("the key {missing} is missing in the front matter")));
        }
        Ok(Self { values, lines })
    }

    /// Whether the key is there.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// What is wrong with the value of a key.
    pub(crate) fn wrong(&self, key: &str, what: String) -> Wrong {
        (self.lines.get(key).copied().unwrap_or(2), what)
    }

    /// An id.
    pub(crate) fn id(&self) -> Result<String, Wrong> {
        self.text("id", |id| is_id(id).then(|| id.to_owned()), "lower-case letters, digits and hyphens")
    }

    /// A text that `read` understands; `can_be` says what that is.
    pub(crate) fn text<T>(&self, key: &str, read: impl Fn(&str) -> Option<T>, can_be: &str) -> Result<T, Wrong> {
        let value = self.values.get(key).cloned().unwrap_or_default();
        let found = value.as_str().map(str::trim).filter(|text| !text.is_empty()).and_then(read);
        found.ok_or_else(|| self.wrong(key, format!("{key} can be {can_be}, not {value}")))
    }

    /// A list of words; empty where the key is missing.
    pub(crate) fn words(&self, key: &str) -> Result<Vec<String>, Wrong> {
        let Some(value) = self.values.get(key) else { return Ok(Vec::new()) };
        let words =
            value.as_array().and_then(|items| items.iter().map(|item| item.as_str().map(str::to_owned)).collect());
        words.ok_or_else(|| self.wrong(key, format!("{key} is a list of words, e.g. [users, devices]; not {value}")))
    }

    /// True or false; false where the key is missing.
    pub(crate) fn flag(&self, key: &str) -> Result<bool, Wrong> {
        match self.values.get(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(self.wrong(key, format!("{key} can be true or false, not {other}"))),
        }
    }

    /// Names with values.
    pub(crate) fn parameters(&self) -> Result<BTreeMap<String, Parameter>, Wrong> {
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

/// The parts of a page with the line on which each begins. They must have these titles, in this order; the last one is the
/// query.
pub(crate) fn parts<const N: usize>(
    body: &str,
    first_line: usize,
    titles: [&str; N],
) -> Result<[(usize, String); N], Wrong> {
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
                None => return Err((number, format!("the page begins with a part, e.g. \"## {}\"", titles[0]))),
            },
        }
    }
    let last = first_line + body.lines().count();
    for (at, title) in titles.iter().enumerate() {
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
    if let Some((line, other, _)) = found.get(N) {
        return Err((line - 1, format!("the query is the last part; \"## {other}\" can not follow")));
    }
    let mut found = found.into_iter().map(|(line, _, text)| (line, text));
    Ok(std::array::from_fn(|_| found.next().unwrap_or_default()))
}

/// The SQL of the one code block of a part, and the line on which it begins.
pub(crate) fn block(text: &str, first_line: usize) -> Result<(usize, String), Wrong> {
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
