//! Commands, their results, and RADIUS servers: the V1 collections with secrets in them.
//! Responsible for their documents; script bodies and shared secrets carry the `SIM-SECRET-` mark.

use serde_json::json;

use crate::state::Profile;
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
    let servers = ["office-wifi", "warehouse-wifi", "vpn"].into_iter().enumerate().map(|(number, name)| {
        let id = profile.make_id("radius server", number as u64, now - 700 * DAY);
        let mut dice = profile.dice("radius server", number as u64);
        let weak = dice.permille(bad(20, 700, 250));
        Document::new(
            id,
            json!({
                "_id": id,
                "id": id,
                "authIdp": "JUMPCLOUD",
                "caCert": "",
                "deviceCertEnabled": false,
                "mfa": if weak { "DISABLED" } else { "ALWAYS" },
                "name": name,
                "networkSourceIp": format!("198.51.100.{}", 7 + number),
                "organization": profile.id,
                "radsecEnabled": !weak,
                "requireRadsec": false,
                "requireTlsAuth": false,
                "sharedSecret": format!("SIM-SECRET-{}", id.child(41)),
                "userCertEnabled": number == 1,
                "userLockoutAction": "REMOVE",
                "userPasswordEnabled": true,
                "userPasswordExpirationAction": "MAINTAIN",
            }),
        )
    });
    documents.put(Noun::RadiusServers, servers.collect());
}

fn command(profile: &Profile, number: u64, now: i64) -> Document {
    let id = profile.make_id("command", number, now - (60 + number as i64 * 9) * DAY);
    let (kind, shell) = [("mac", ""), ("windows", "powershell"), ("linux", "")][number as usize % 3];
    let script = format!("#!/bin/sh\nexport TOKEN=SIM-SECRET-{}\n./run --now\n", id.child(42));
    let launch = ["manual", "repeated", "trigger"][number as usize % 3];
    let name = ["patch", "collect logs", "rotate local password", "clean caches"][number as usize % 4];
    Document::new(
        id,
        json!({
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
            "sudo": number.is_multiple_of(2),
            "template": "",
            "templatingRequired": false,
            "timeToLiveSeconds": 864_000,
            "timeout": "120",
            "trigger": if number % 3 == 2 { format!("trigger{number}") } else { String::new() },
            "user": "000000000000000000000000",
        }),
    )
}

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
