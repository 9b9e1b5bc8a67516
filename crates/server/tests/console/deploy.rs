//! The files in `deploy/` can be read by those they are for, run the program with what it has, and name no figure that
//! `/metrics` does not tell.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::Scene;

fn file(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Names of figures in a text.
fn figures(text: &str) -> BTreeSet<String> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = text.split(|letter| !is_part(letter));
    words.filter(|word| word.starts_with("jumpseat_")).map(str::to_owned).collect()
}

#[tokio::test]
async fn every_figure_that_a_dashboard_or_an_alert_names_is_told_by_metrics() {
    let scene = Scene::synced().await;
    let owner = scene.sign_in("owner").await;
    let told = scene.get("/metrics", Some(&owner)).await;
    let told: BTreeSet<String> = told
        .body
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next().map(str::to_owned))
        .collect();
    assert!(told.len() >= 5, "{told:?}");
    for path in ["grafana/jumpseat.json", "prometheus/rules.yaml"] {
        let named = figures(&file(path));
        assert!(named.len() >= 4, "{path} names {named:?}");
        let unknown: Vec<_> = named.difference(&told).collect();
        assert!(unknown.is_empty(), "{path} names {unknown:?}, which /metrics does not tell");
    }
}

#[test]
fn alerts_and_the_dashboard_are_whole() {
    let rules = yaml(&file("prometheus/rules.yaml"));
    let rules = rules["groups"][0]["rules"].as_array().unwrap();
    for rule in rules {
        for member in ["alert", "expr", "for"] {
            assert!(rule[member].as_str().is_some_and(|text| !text.is_empty()), "{member} of {rule}");
        }
        let expression = rule["expr"].as_str().unwrap();
        for (open, close) in [('(', ')'), ('{', '}')] {
            assert_eq!(expression.matches(open).count(), expression.matches(close).count(), "{expression}");
        }
        assert!(rule["annotations"]["summary"].is_string() && rule["labels"]["severity"].is_string(), "{rule}");
    }
    let dashboard: Value = serde_json::from_str(&file("grafana/jumpseat.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "two panels have one id");
    for panel in panels {
        assert!(!figures(&panel["targets"][0]["expr"].to_string()).is_empty(), "{panel}");
    }
}

#[test]
fn the_unit_of_systemd_lets_the_program_do_no_more_than_it_needs() {
    let unit = file("systemd/jumpseat.service");
    let mut section = "";
    let mut settings = BTreeSet::new();
    for line in unit.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name;
        } else {
            let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("{line} is no setting"));
            settings.insert(format!("{section}.{name}={value}"));
        }
    }
    for wanted in [
        "Service.ExecStart=/usr/local/bin/jumpseat --data-dir /var/lib/jumpseat serve",
        "Service.NoNewPrivileges=yes",
        "Service.ProtectSystem=strict",
        "Service.CapabilityBoundingSet=",
        "Service.MemoryDenyWriteExecute=yes",
        "Service.LimitCORE=0",
        "Service.UMask=0077",
        "Service.StateDirectory=jumpseat",
        "Service.User=jumpseat",
        "Install.WantedBy=multi-user.target",
    ] {
        assert!(settings.contains(wanted), "{wanted}");
    }
    let is_dynamic = settings.contains("Service.DynamicUser=yes");
    assert!(!is_dynamic, "commands of the same user could not reach the folder of a dynamic one");
}

#[test]
fn the_image_has_no_shell_and_is_run_by_nobody_in_particular() {
    let lines: Vec<String> = file("Dockerfile").lines().map(str::to_owned).collect();
    let last_base = lines.iter().rfind(|line| line.starts_with("FROM ")).unwrap();
    assert!(last_base.contains("distroless"), "{last_base}");
    assert!(lines.contains(&"USER 65532:65532".to_owned()));
    for line in lines.iter().filter(|line| line.starts_with("ENTRYPOINT ") || line.starts_with("CMD ")) {
        let list = line.split_once(' ').unwrap().1;
        let parts: Vec<String> = serde_json::from_str(list).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(!parts.is_empty());
    }
    let context =
        std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.dockerignore")).unwrap();
    let copied: Vec<&str> = context.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(copied[0], "*", "what is copied is named");
    assert!(!copied.iter().any(|line| line.contains("deploy")), "secrets lie beside compose.yaml: {copied:?}");
    let compose = yaml(&file("compose.yaml"));
    let service = &compose["services"]["jumpseat"];
    assert_eq!(service["read_only"], true);
    assert_eq!(service["cap_drop"][0], "ALL");
    let declared = |kind: &str, name: &str| !compose[kind][name].is_null();
    assert!(service["secrets"].as_array().unwrap().iter().all(|name| declared("secrets", name.as_str().unwrap())));
    let volumes = service["volumes"].as_array().unwrap().iter().map(|volume| volume.as_str().unwrap());
    for volume in volumes.map(|volume| volume.split_once(':').unwrap().0) {
        assert!(declared("volumes", volume), "{volume}");
    }
}

/// What a chart's template becomes, as far as ours go: `.Values`, `.Release.Name`, `quote`, `toJson`, and `if … end`.
fn rendered(template: &str, values: &Value) -> String {
    let mut lines = Vec::new();
    let mut shown = vec![true];
    for line in template.lines() {
        let mut text = String::new();
        let mut rest = line;
        let mut is_steering = false;
        while let Some((before, after)) = rest.split_once("{{") {
            let (inside, after) = after.split_once("}}").unwrap_or_else(|| panic!("{line} does not end"));
            let inside = inside.trim_matches('-').trim();
            text.push_str(before);
            rest = after;
            if let Some(condition) = inside.strip_prefix("if ") {
                let value = value_of(condition, values);
                let is_true = !matches!(&value, Value::Null | Value::Bool(false)) && value != "";
                shown.push(is_true);
                is_steering = true;
            } else if inside == "end" {
                shown.pop();
                is_steering = true;
            } else {
                let (path, filter) =
                    inside.split_once('|').map_or((inside, ""), |(path, filter)| (path, filter.trim()));
                let value = value_of(path.trim(), values);
                text.push_str(&match (filter, &value) {
                    ("quote" | "toJson", value) => value.to_string(),
                    ("", Value::String(text)) => text.clone(),
                    ("", value) => value.to_string(),
                    (other, _) => panic!("{other} is not known here"),
                });
            }
        }
        text.push_str(rest);
        if !is_steering && shown.iter().all(|shown| *shown) {
            lines.push(text);
        }
    }
    assert_eq!(shown.len(), 1, "an `if` has no `end`");
    lines.join("\n")
}

fn value_of(path: &str, values: &Value) -> Value {
    if path == ".Release.Name" {
        return Value::from("jumpseat");
    }
    let keys = path.strip_prefix(".Values.").unwrap_or_else(|| panic!("{path} is not known here"));
    let found = keys.split('.').fold(values, |value, key| &value[key]);
    assert!(!found.is_null(), "values.yaml has no {keys}");
    found.clone()
}

#[test]
fn the_chart_becomes_what_kubernetes_takes() {
    let chart = yaml(&file("helm/jumpseat/Chart.yaml"));
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
    let mut values = yaml(&file("helm/jumpseat/values.yaml"));
    let schema: Value = serde_json::from_str(&file("helm/jumpseat/values.schema.json")).unwrap();
    for name in values.as_object().unwrap().keys() {
        assert!(schema["properties"][name].is_object(), "values.schema.json does not know {name}");
    }
    let set = |values: &Value| yaml(&rendered(&file("helm/jumpseat/templates/statefulset.yaml"), values));
    let embedded = set(&values);
    values["storeSecret"] = Value::from("database");
    let shared = set(&values);
    let container = |set: &Value| set["spec"]["template"]["spec"]["containers"][0].clone();
    assert_eq!(container(&embedded)["env"].as_array().unwrap().len(), 1);
    assert_eq!(container(&shared)["env"][1]["name"], "JUMPSEAT_STORE");
    let pod = &embedded["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["automountServiceAccountToken"], false);
    let container = container(&embedded);
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(
        (&container["livenessProbe"]["httpGet"]["path"], &container["readinessProbe"]["httpGet"]["path"]),
        (&"/healthz".into(), &"/readyz".into())
    );
    let routes: Vec<&str> = server::route_list().iter().map(|route| route.path).collect();
    assert!(routes.contains(&"/healthz") && routes.contains(&"/readyz"));
    let mounted = container["volumeMounts"].as_array().unwrap().iter().map(|mount| mount["name"].clone());
    let mut volumes: Vec<Value> =
        pod["volumes"].as_array().unwrap().iter().map(|volume| volume["name"].clone()).collect();
    volumes.push(embedded["spec"]["volumeClaimTemplates"][0]["metadata"]["name"].clone());
    for mount in mounted {
        assert!(volumes.contains(&mount), "{mount} is mounted and not there");
    }
    let service = yaml(&rendered(&file("helm/jumpseat/templates/service.yaml"), &values));
    assert_eq!(service["spec"]["selector"], embedded["spec"]["selector"]["matchLabels"]);
}
