//! `demo --once`: the counts of every table equal the simulator's own.

use serde_json::Value;

use crate::support::{Ended, end_of, program};

async fn demo(size: &str) -> Ended {
    let home = tempfile::tempdir().unwrap();
    let mut command = program(home.path());
    command.args(["demo", "--once", "--size", size, "--output", "json"]);
    end_of(command, "").await
}

/// Every table whose count the simulator knows is compared; the rest are made from rows of those.
fn assert_equal_to_the_simulator(document: &Value) {
    let organizations = document["organizations"].as_array().unwrap();
    assert_eq!(organizations.len(), 3);
    for organization in organizations {
        let expected = organization["simulator"].as_object().unwrap();
        assert!(expected.len() > 60, "only {} tables are compared", expected.len());
        for (table, expected) in expected {
            assert_eq!(&organization["tables"][table]["rows"], expected, "{table} of {}", organization["connection"]);
        }
        assert_eq!(organization["equals_simulator"], true);
        let events = &organization["events"];
        assert_eq!(events["equals_simulator"], true, "{events}");
        assert!(events["hours_sealed"].as_u64().unwrap() > 29 * 24, "{events}");
    }
    let evidence = &document["evidence"];
    assert_eq!(evidence["intact"], true, "{evidence}");
    assert!(evidence["items"].as_u64().unwrap() > 20, "{evidence}");
    assert_eq!(document["writes_attempted"], 0);
    assert_eq!(document["try_next"].as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn the_small_demo_holds_exactly_what_the_simulator_holds() {
    let ended = demo("small").await;
    assert!(ended.code == 0 || ended.code == 6, "{ended:?}");
    assert_equal_to_the_simulator(&ended.json());
}

#[tokio::test]
async fn the_demo_does_not_touch_a_folder_that_holds_something_else() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("mine");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("jumpseat.db"), "precious").unwrap();
    let mut command = program(home.path());
    command.arg("--data-dir").arg(&data).args(["demo", "--once"]);
    let ended = end_of(command, "").await;
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.err.contains("will not be touched"), "{}", ended.err);
    assert_eq!(std::fs::read_to_string(data.join("jumpseat.db")).unwrap(), "precious");
}
