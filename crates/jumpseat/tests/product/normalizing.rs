//! `event normalize`: a filter that needs no connection and leaves nothing behind.

use serde_json::Value;

use crate::support::{end_of, program};

const EVENTS: [&str; 2] = [
    r#"{"id":"1","event_type":"user_lockout","service":"directory","organization":"o","timestamp":"2026-05-04T09:03:00Z"}"#,
    r#"{"id":"2","event_type":"sso_auth","service":"sso","organization":"o","timestamp":"2026-05-04T09:04:00.5Z"}"#,
];

async fn normalize(args: &[&str], input: &str) -> (i32, Vec<Value>, String) {
    let home = tempfile::tempdir().unwrap();
    let mut command = program(home.path());
    command.args(["event", "normalize", "--logged", "2026-05-04T12:00:00Z"]).args(args);
    let ended = end_of(command, input).await;
    assert_eq!(home.path().read_dir().unwrap().count(), 0, "something was left behind");
    (ended.code, ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), ended.err)
}

#[tokio::test]
async fn lines_an_array_and_an_answer_give_the_same_events() {
    let [one, two] = EVENTS;
    let lines = normalize(&[], &format!("{one}\n{two}\n")).await;
    assert_eq!((lines.0, lines.1.len(), lines.2.as_str()), (0, 2, ""));
    assert_eq!((&lines.1[0]["class_uid"], &lines.1[1]["class_uid"]), (&3001.into(), &3002.into()));
    assert_eq!(lines.1[0]["metadata"]["logged_time"], 1_777_896_000_000_i64);
    assert_eq!(lines.1[0]["raw_data"], one);
    assert_eq!(normalize(&[], &format!("[{one},\n{two}]")).await.1, lines.1);
    assert_eq!(normalize(&[], &format!(r#"{{"totalCount":2,"results":[{one},{two}]}}"#)).await.1, lines.1);
}

#[tokio::test]
async fn a_bad_line_is_told_with_its_number_kept_as_a_base_event_and_makes_the_exit_code_6() {
    let (code, events, err) = normalize(&[], &format!("{}\n{{\"event_type\":\n\n{}\n", EVENTS[0], EVENTS[1])).await;
    assert_eq!((code, events.len()), (6, 3));
    assert_eq!((&events[1]["class_uid"], &events[1]["raw_data"]), (&0.into(), &"{\"event_type\":".into()));
    assert!(err.contains("standard input, line 2:") && err.contains("1 of 3 are no events"), "{err}");
}

#[tokio::test]
async fn files_are_read_one_after_another_and_a_missing_one_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<String> = EVENTS
        .iter()
        .enumerate()
        .map(|(place, event)| {
            let path = folder.path().join(format!("{place}.json"));
            std::fs::write(&path, event).unwrap();
            path.to_str().unwrap().to_owned()
        })
        .collect();
    let (code, events, _) = normalize(&[&paths[0], &paths[1], "--no-raw"], "").await;
    assert_eq!((code, events.len()), (0, 2));
    assert!(events[0]["raw_data"].is_null());
    let (code, events, err) = normalize(&["/nowhere/events.json"], "").await;
    assert_eq!((code, events.len()), (1, 0));
    assert!(err.contains("/nowhere/events.json can not be opened"), "{err}");
}
