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

/// Whether a line gives a literal value to something named like a secret: `API_KEY="…"`, `password: …`, `$Pwd = '…'`.
fn assigns_secret(line: &str) -> bool {
    let Some((name, value)) = line.split_once(['=', ':']) else { return false };
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let named =
        ["password", "passwd", "passphrase", "pwd", "secret", "apikey", "token"].iter().any(|end| name.ends_with(end));
    let quoted = value.trim_start().strip_prefix(['"', '\'']);
    // Only quoted text is a literal for certain; a variable or a command inside it is not one.
    let literal = quoted.is_some_and(|text| {
        let text: String = text.chars().take_while(|c| !matches!(c, '"' | '\'')).collect();
        text.len() >= 6 && !text.contains(char::is_whitespace) && !text.starts_with(['$', '%', '<', '{', '`'])
    });
    named && literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_by_kind_only() {
        assert_eq!(kinds("echo '-----BEGIN OPENSSH PRIVATE KEY-----'"), ["private_key"]);
        assert_eq!(kinds("export AWS=AKIAIOSFODNN7EXAMPLE"), ["aws_access_key"]);
        assert_eq!(kinds("curl -H x-api-key:jca_0123456789abcdefghijkl"), ["jumpcloud_api_key"]);
        assert_eq!(kinds("  $AdminPassword = 'Winter-2026!'"), ["assigned_secret"]);
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
