//! Commands, their results, and RADIUS servers: the V1 collections with secrets in them.
//! Responsible for their documents; script bodies and shared secrets carry the `SIM-SECRET-` mark.

use serde_json::{Value, json};

use crate::config::Character;
use crate::state::Profile;
use crate::state::certificate;
use crate::state::device::{Device, Platform};
use crate::state::document::{Document, Documents, Noun};
use crate::state::table::Table;
use crate::time::{DAY, HOUR, SECOND, text};

/// Makes up commands, command results and RADIUS servers.
pub(crate) fn grow(profile: &Profile, now: i64, devices: &Table<Device>, documents: &mut Documents) {
    let bad = profile.bad();
    let commands: Vec<Document> = (0..u64::from(bad(6, 18, 12))).map(|number| command(profile, number, now)).collect();
    let mut results = Vec::new();
    for (number, device) in devices.iter().filter(|device| device.platform.has_agent()).take(250).enumerate() {
        let Some(command) = commands.get(number % commands.len().max(1)) else { break };
        results.push(result(profile, number as u64, command, device, now));
    }
    documents.put(Noun::Commands, commands);
    documents.put(Noun::CommandResults, results);
    let servers: Vec<Document> = (0..3).map(|number| radius_server(profile, number, now)).collect();
    documents.put(Noun::RadiusServers, servers);
}

/// Networks that ask for sign-ins: as they should be where things are tidy, and with something amiss each elsewhere.
fn radius_server(profile: &Profile, number: usize, now: i64) -> Document {
    let name = ["office-wifi", "warehouse-wifi", "vpn"][number];
    let id = profile.make_id("radius server", number as u64, now - 700 * DAY);
    let authority = |days: i64| certificate::pem("Simulated Network CA", id.entropy(), now + days * DAY);
    let secret = |text: String| json!(format!("SIM-SECRET-{text}"));
    let shared = profile.id.child(41).to_string();
    // MFA, provider, password allowed, user certificates allowed, authority, shared secret.
    let (mfa, provider, password, certificates, ca, shared_secret) = match (profile.character, number) {
        (Character::Tidy, 1) => ("ENABLED", "JUMPCLOUD", true, true, authority(300), secret(id.child(41).to_string())),
        (Character::Tidy, _) => ("ALWAYS", "JUMPCLOUD", true, false, String::new(), secret(id.child(41).to_string())),
        (Character::Neglected, 0) => {
            let broken = "-----BEGIN CERTIFICATE-----\nSIMULATED\n-----END CERTIFICATE-----\n".to_owned();
            ("DISABLED", "JUMPCLOUD", true, true, broken, secret("42".to_owned()))
        }
        (Character::Neglected, 1) => ("DISABLED", "JUMPCLOUD", true, true, authority(-6), secret(shared)),
        (Character::Neglected, _) => ("REQUIRED", "JUMPCLOUD", true, false, String::new(), secret(shared)),
        // Certificates alone.
        (Character::Growing, 0) => ("DISABLED", "JUMPCLOUD", false, true, authority(12), json!(null)),
        (Character::Growing, 1) => ("DISABLED", "AZURE", true, false, String::new(), secret(id.child(41).to_string())),
        (Character::Growing, _) => ("DISABLED", "JUMPCLOUD", true, true, authority(400), secret("short".to_owned())),
    };
    let weak = profile.character != Character::Tidy;
    let mut body = json!({
                "_id": id,
                "id": id,
                "authIdp": provider,
                "caCert": ca,
                "deviceCertEnabled": false,
                "mfa": mfa,
                "name": name,
                "networkSourceIp": format!("198.51.100.{}", 7 + number),
                "organization": profile.id,
                "radsecEnabled": !weak,
                "requireRadsec": false,
                "requireTlsAuth": false,
                "sharedSecret": shared_secret,
                "userCertEnabled": certificates,
                "userLockoutAction": "REMOVE",
                "userPasswordEnabled": password,
                "userPasswordExpirationAction": "MAINTAIN",
    });
    // Whoever may not see the secret gets the row without it.
    if let (true, Value::Object(fields)) = (shared_secret.is_null(), &mut body) {
        fields.remove("sharedSecret");
    }
    Document::new(id, body)
}

fn command(profile: &Profile, number: u64, now: i64) -> Document {
    let tidy = profile.character == Character::Tidy;
    let id = profile.make_id("command", number, now - (60 + number as i64 * 9) * DAY);
    let (kind, shell) = [("mac", ""), ("windows", "powershell"), ("linux", "")][number as usize % 3];
    // What no reader may keep, and in some of them what nobody should have written down.
    let mark = format!("# SIM-SECRET-{}", id.child(42));
    let line = match number {
        2 => "export API_TOKEN=3f9c2b7d51e84a06".to_owned(),
        5 if !tidy => ["-----BEGIN OPENSSH ", "PRIVATE KEY-----"].concat(),
        8 if !tidy => "$AdminPassword = 'Winter-2026!'".to_owned(),
        _ => "TOKEN=\"$(cat /run/token)\"".to_owned(),
    };
    let script = if number == 2 && tidy {
        format!("#!/bin/sh\n{mark}\n./run --now\n")
    } else {
        format!("#!/bin/sh\n{mark}\n{line}\n./run --now\n")
    };
    let launch = ["manual", "repeated", "trigger"][number as usize % 3];
    let name = ["patch", "collect logs", "rotate local password", "clean caches"][number as usize % 4];
    // Triggered by a web hook, but as an ordinary user.
    let harmless = number == 8;
    let mut body = json!({
            "_id": id,
            "id": id,
            "aiGenerated": number == 5,
            "command": script,
            "commandRunners": [],
            "commandType": kind,
            "description": "",
            "files": [],
            "filesS3": [],
            "launchType": launch,
            "listensTo": "",
            "name": name,
            "organization": profile.id,
            "schedule": if number % 3 == 1 { "0 3 * * *" } else { "" },
            "scheduleRepeatType": if number % 3 == 1 { "day" } else { "" },
            "scheduleYear": 0,
            "shell": shell,
            "sudo": number.is_multiple_of(2) && !harmless,
            "template": "",
            "templatingRequired": false,
            "timeToLiveSeconds": 864_000,
            "timeout": "120",
            "trigger": if number % 3 == 2 { format!("trigger{number}") } else { String::new() },
            "user": if harmless { profile.make_id("user of commands", 0, now).to_string() } else { ROOT.to_owned() },
    });
    // A script that came from elsewhere and is not shown.
    if let (4, Value::Object(fields)) = (number, &mut body) {
        fields.remove("command");
    }
    Document::new(id, body)
}

/// How commands name the root user.
pub(crate) const ROOT: &str = "000000000000000000000000";

fn result(profile: &Profile, number: u64, command: &Document, device: &Device, now: i64) -> Document {
    let requested_at = now - (1 + number as i64 % 400) * HOUR;
    let id = profile.make_id("command result", number, requested_at);
    let failed = number % 13 == 12;
    let output = format!("SIM-SECRET-output of {} and more than forty characters of it\n", device.id);
    Document::new(
        id,
        json!({
            "_id": id,
            "id": id,
            "command": command.text("command"),
            "exitCode": i32::from(failed),
            "files": [],
            "name": command.text("name"),
            "organization": profile.id,
            "requestTime": text(requested_at),
            "response": {
                "id": id.child(43),
                "error": if failed { "exit status 1" } else { "" },
                "data": {"exitCode": i32::from(failed), "output": output},
            },
            "responseTime": text(requested_at + 9 * SECOND),
            "sudo": true,
            "system": device.name(profile),
            "systemId": device.id,
            "user": if device.platform == Platform::Windows { "" } else { "000000000000000000000000" },
            "workflowId": id.child(44),
            "workflowInstanceId": id.child(45),
        }),
    )
    .of(command.id)
}
