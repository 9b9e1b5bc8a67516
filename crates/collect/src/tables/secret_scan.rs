//! Finds text that looks like a secret inside a script, and tells only its kind. What was found is never kept.
//! Few and certain patterns: a false alarm on every script would teach people to look away.

/// Kinds of secret in a text, each once.
pub(super) fn kinds(text: &str) -> Vec<&'static str> {
    let mut found: Vec<_> = KINDS.iter().filter(|(_, is_in)| is_in(text)).map(|(kind, _)| *kind).collect();
    if text.lines().any(assigns_secret) {
        found.push("assigned_secret");
    }
    found
}

type Pattern = (&'static str, fn(&str) -> bool);

const KINDS: &[Pattern] = &[
    ("private_key", |text| text.contains("PRIVATE KEY-----")),
    ("aws_access_key", |text| has_token(text, &["AKIA", "ASIA"], 16)),
    ("github_token", |text| has_token(text, &["ghp_", "gho_", "ghs_", "github_pat_"], 20)),
    ("slack_token", |text| has_token(text, &["xoxb-", "xoxp-", "xoxa-"], 10)),
    ("jumpcloud_api_key", |text| has_token(text, &["jca_"], 20)),
];

/// Whether one of the beginnings is followed by at least `length` more characters of a token.
fn has_token(text: &str, beginnings: &[&str], length: usize) -> bool {
    beginnings.iter().any(|beginning| {
        text.match_indices(beginning).any(|(at, _)| {
            let rest = &text[at + beginning.len()..];
            rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')).count()
                >= length
        })
    })
}

/// Whether a line gives a literal value to something named like a secret: `API_KEY=…`, `password: "…"`, `$Pwd = '…'`.
fn assigns_secret(line: &str) -> bool {
    let Some((name, value)) = line.split_once(['=', ':']) else { return false };
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let named =
        ["password", "passwd", "passphrase", "pwd", "secret", "apikey", "token"].iter().any(|end| name.ends_with(end));
    // Unquoted text is a literal only where a shell assigns it, which allows no space around the sign.
    let shell = line.contains('=') && value.starts_with(|c: char| c.is_ascii_alphanumeric());
    let quoted = value.trim_start().strip_prefix(['"', '\'']);
    let Some(value) = quoted.or(shell.then_some(value)) else { return false };
    let end = |c: char| if quoted.is_some() { matches!(c, '"' | '\'') } else { c.is_whitespace() || c == ';' };
    let literal = value.split(end).next().unwrap_or_default();
    // A variable or a command in its place is not a secret itself.
    named
        && literal.len() >= 6
        && !literal.contains(char::is_whitespace)
        && !literal.starts_with(['$', '%', '<', '{', '`'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_by_kind_only() {
        assert_eq!(kinds("echo '-----BEGIN OPENSSH PRIVATE KEY-----'"), ["private_key"]);
        assert_eq!(kinds(&format!("export AWS=AKIA{}", "Q7".repeat(8))), ["aws_access_key"]);
        assert_eq!(kinds("curl -H x-api-key:jca_0123456789abcdefghijkl"), ["jumpcloud_api_key"]);
        assert_eq!(kinds("  $AdminPassword = 'Winter-2026!'"), ["assigned_secret"]);
        assert_eq!(kinds("export API_TOKEN=0b5e8a77c1; run"), ["assigned_secret"]);
    }

    #[test]
    fn ordinary_scripts_raise_no_alarm() {
        for text in [
            "password=\"$1\"",
            "echo 'Password: '",
            "TOKEN=\"$(cat /run/token)\"",
            "if [ -z \"$SECRET\" ]; then",
            "jca_ is a prefix",
        ] {
            assert!(kinds(text).is_empty(), "{text}");
        }
    }
}
