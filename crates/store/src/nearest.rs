//! What somebody may have meant who wrote a name that is not known. Everything that answers so asks here.

/// Names that are less alike are not suggested: 1 is the same, 0 nothing alike (Jaro-Winkler). Slips of the pen are above
/// 0.9, a name's beginning above 0.8; words that have nothing to do with each other seldom reach 0.7.
const ALIKE: f64 = 0.8;

/// The known name that is nearest to what was written, whatever their case; `None` if none is near.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase();
    let how_alike = |name: &str| strsim::jaro_winkler(&name.to_lowercase(), &written);
    let known = known.into_iter().map(|name| (how_alike(name), name));
    known.filter(|(alike, _)| *alike >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

/// The question at the end of a message that tells of an unknown name; empty if nothing known is near.
pub fn did_you_mean<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(written, known).map(|near| format!("; did you mean {near}?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_is_suggested() {
        let known = ["users", "devices", "os_version", "administrators", "Acme"];
        for (written, near) in [
            ("userz", Some("users")),
            ("device", Some("devices")),
            ("admins", Some("administrators")),
            ("acmee", Some("Acme")),
            ("nonsense", None),
            ("xyz", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, known), near, "{written}");
        }
        assert_eq!(did_you_mean("userz", known), "; did you mean users?");
        assert_eq!(did_you_mean("nonsense", known), "");
    }
}
