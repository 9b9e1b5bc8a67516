//! Files that can not be used are told with line and remedy.

use posture::Library;

const GOOD: &str = "---\nid: x\ntitle: A test\nseverity: low\nresource: user\ntier: A\nreads: [users]\n---\n\n## Why it matters\n\na\n\n## How it is decided\n\nb\n\n## How to fix it\n\nc\n\n## Query\n\n```sql\nSELECT 1\n```\n";

fn error_of(text: &str) -> (usize, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.md");
    std::fs::write(&path, text).unwrap();
    let error = Library::read_file(&path).map(|check| check.id).unwrap_err();
    assert_eq!(error.file, path.display().to_string());
    (error.line, error.what)
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_its_line_and_what_to_do() {
    for (from, to, line, words) in [
        ("---\nid", "id", 1, "three hyphens"),
        ("severity: low", "severety: low", 4, "did you mean severity?"),
        ("severity: low", "severity: bad", 4, "critical, high, medium, low or info"),
        ("id: x", "id: X y", 2, "hyphens"),
        ("id: x", "id: z", 1, "must be called z.md"),
        ("tier: A\n", "", 2, "tier is missing"),
        ("tier: A", "tier: Z", 6, "A, B, C, E or P"),
        ("reads: [users]", "reads: users", 7, "list of words"),
        ("reads: [users]", "reads: [users]\nparameters:\n  a: {b: 1}", 8, "text, a number"),
        ("## How it is decided", "## How", 14, "\"## How it is decided\" is expected"),
        ("\nc\n", "\n\n", 18, "is empty"),
        ("```sql", "```", 23, "```sql"),
        ("SELECT 1\n```\n", "SELECT 1\n```\n\nmore\n", 27, "nothing can follow"),
        ("SELECT 1\n", "", 24, "empty"),
    ] {
        let text = GOOD.replacen(from, to, 1);
        let (found, what) = error_of(&text);
        assert!(what.contains(words), "{to}: {what}");
        assert!(found.abs_diff(line) <= 2, "{to}: line {found}, not {line}: {what}");
    }
}

#[test]
fn no_file_takes_the_id_of_another_unseen() {
    let ours = Library::load(None).unwrap();
    let taken = ours.checks().next().unwrap().id.clone();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(format!("{taken}.md")), GOOD.replace("id: x", &format!("id: {taken}"))).unwrap();
    let errors = Library::load(Some(folder.path())).map(|_| ()).unwrap_err();
    assert!(errors[0].what.contains("is taken by content/checks/"), "{errors:?}");
    let two = folder.path().join("more");
    std::fs::create_dir(&two).unwrap();
    std::fs::remove_file(folder.path().join(format!("{taken}.md"))).unwrap();
    for place in [folder.path(), &two] {
        std::fs::write(place.join("x.md"), GOOD).unwrap();
    }
    let errors = Library::load(Some(folder.path())).map(|_| ()).unwrap_err();
    assert_eq!(errors.len(), 1);
    assert!(errors[0].what.contains("is taken by"), "{errors:?}");
}

#[test]
fn what_is_set_must_exist() {
    let library = Library::load(None).unwrap();
    for (text, words) in [
        ("[parameters.device-disk-unencryptd]\nx = 1\n", "did you mean device-disk-unencrypted?"),
        ("[parameter.x]\n", "did you mean parameters?"),
        ("[parameters.org-password-min-length]\nmin_length = \"12\"\n", "kind of its default"),
        ("[[mute]]\ncheck = \"*\"\nkind = \"wontfix\"\nwhy = \"x\"\nby = \"y\"\n", "wont_fix"),
        ("[[mute]]\ncheck = \"*\"\nkind = \"wont_fix\"\nwhy = \" \"\nby = \"y\"\n", "rationale"),
        ("[[mute]]\ncheck = \"*\"\nkind = \"wont_fix\"\nwhy = \"x\"\nby = \"y\"\nuntil = \"soon\"\n", "is a date"),
    ] {
        let error = posture::Settings::read(text, "posture.toml", &library).map(|_| ()).unwrap_err();
        assert!(error.what.contains(words), "{text}: {error}");
    }
}
