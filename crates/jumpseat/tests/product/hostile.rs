//! Names that attack whoever looks at them: terminal sequences, spreadsheet formulas, SQL quotes.

use simulator::{Character, Config, Effect, FaultBody, FaultRule, OrganizationSpec};

use crate::support::{Scene, end_of};

async fn hostile_scene() -> Scene {
    let mut spec = OrganizationSpec::new("Hostile Inc", "hostile.example", Character::Neglected, 40, 30);
    spec.hostile = true;
    Scene::new(Config { seed: 7, organizations: vec![spec], provider: false }).await.synced().await
}

fn steers(character: char) -> bool {
    character.is_control() && character != '\n' && character != '\r'
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[tokio::test]
async fn no_output_for_people_or_programs_carries_a_terminal_sequence() {
    let scene = hostile_scene().await;
    let planted = scene
        .run(&[
            "sql",
            "SELECT COUNT(*) AS n FROM users WHERE raw LIKE '%\\u001b%' OR raw LIKE '%<script%'",
            "-o",
            "json",
        ])
        .await;
    assert!(planted.json()[0]["n"].as_i64().unwrap() > 0, "the simulator planted nothing hostile");
    for kind in ["user", "device", "application", "user_group", "device_group", "policy"] {
        for format in ["table", "json", "jsonl"] {
            let ended = scene.run(&["asset", "list", "--type", kind, "-o", format]).await;
            assert_eq!(ended.code, 0, "{ended:?}");
            let steering: Vec<char> = ended.out.chars().filter(|c| steers(*c)).collect();
            assert!(steering.is_empty(), "{kind} {format}: {steering:?}");
        }
    }
    for args in [["status", "-o", "table"], ["history", "-o", "table"]] {
        let ended = scene.run(&args).await;
        assert!(!ended.out.chars().any(steers), "{ended:?}");
    }
}

#[tokio::test]
async fn no_cell_of_a_csv_is_a_formula() {
    let scene = hostile_scene().await;
    let mut formulas = 0;
    for kind in ["user", "device", "user_group", "application"] {
        let ended = scene.run(&["asset", "list", "--type", kind, "-o", "csv"]).await;
        let mut reader = csv::Reader::from_reader(ended.out.as_bytes());
        for record in reader.records() {
            for cell in &record.unwrap() {
                let number = cell.parse::<f64>().is_ok();
                assert!(number || !cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{kind}: {cell:?}");
                formulas += usize::from(["'=", "'+", "'-", "'@"].iter().any(|start| cell.starts_with(start)));
            }
        }
    }
    assert!(formulas > 0, "the simulator planted no formula");
}

#[tokio::test]
async fn a_name_with_quotes_is_found_like_any_other() {
    let scene = hostile_scene().await;
    let rows = scene
        .run(&[
            "sql",
            "SELECT id, username FROM users WHERE username LIKE '%''%' OR display_name LIKE '%''%'",
            "-o",
            "json",
        ])
        .await;
    for row in rows.json().as_array().unwrap() {
        let shown = scene.run(&["asset", "show", row["id"].as_str().unwrap(), "-o", "json"]).await;
        assert_eq!(shown.code, 0, "{shown:?}");
    }
    let odd = scene.run(&["asset", "show", "'); DROP TABLE run; --", "-o", "json"]).await;
    assert_eq!(odd.code, 7, "{odd:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_jumpcloud_says_is_never_a_record_of_the_log_of_its_own() {
    let said =
        "no\n2026-11-20T10:00:00Z ERROR forged: all is lost\r\n{\"level\":\"ERROR\",\"message\":\"forged\"}\u{1b}[2J";
    for format in ["text", "json"] {
        // A place of its own for each: what failed is not asked again at once.
        let scene = Scene::small().await.connected().await;
        let body = FaultBody::Text(serde_json::json!({ "message": said }).to_string());
        let refused = Effect::Status { status: 400, body, headers: Vec::new(), retry_after: None };
        scene.world().faults().add(FaultRule::new(refused).on("/insights/directory/v1/events/count"));
        let since = (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(3)).to_string();
        let mut command = scene.command(&["sync", "--stream", "events", "--since", &since]);
        command.env("JUMPSEAT_LOG", "info").env("JUMPSEAT_LOG_FORMAT", format);
        let ended = end_of(command, "").await;
        let told: Vec<&str> = ended.err.lines().filter(|line| line.contains("forged")).collect();
        assert!(!told.is_empty(), "{ended:?}");
        for line in told {
            assert!(!line.chars().any(steers), "{line:?}");
            assert!(!line.starts_with("2026-11-20T10:00:00Z ERROR"), "{line}");
            if line.starts_with('{') {
                let record: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
                assert_ne!(record["message"], "forged");
            }
        }
    }
}
