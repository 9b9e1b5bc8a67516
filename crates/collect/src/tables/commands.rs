//! Commands: scripts that administrators can run on devices.

use jumpcloud::endpoints;
use serde_json::json;
use store::schema::{Table, boolean, integer, json as json_column, text};

use super::{Collected, Id, Parents, Redact, Source, redact, secret_scan};

/// `commands`: one row for each stored command.
#[rustfmt::skip]
pub(super) static COMMANDS: Collected = Collected {
    table: Table {
        name: "commands",
        about: "Scripts that can be run on devices, mostly as root. The script itself is not kept, only its SHA-256: a changed hash is a changed script.",
        asset: Some("command"),
        label: "name",
        columns: &[
            text("name", "/name", "Name of the command."),
            text("description", "/description", "Free text."),
            text("command_type", "/commandType", "linux, mac or windows."),
            text("launch_type", "/launchType", "manual, trigger (a web request starts it), repeated, one-time, …"),
            text("trigger_name", "/trigger", "Name that starts it by web request; whoever knows it and an API key can run the script."),
            text("listens_to", "/listensTo", "Event that starts it."),
            text("schedule", "/schedule", "When it is repeated, as cron text."),
            text("schedule_repeat", "/scheduleRepeatType", "How it is repeated."),
            integer("schedule_year", "/scheduleYear", "Year of a single run."),
            text("shell", "/shell", "Windows: the shell that runs it."),
            boolean("sudo", "/sudo", "Runs with administrator rights."),
            text("run_as_user_id", "/user", "User that it runs as; 000000000000000000000000 is root."),
            text("timeout_seconds", "/timeout", "Seconds after which it is stopped; JumpCloud keeps them as text."),
            integer("time_to_live_seconds", "/timeToLiveSeconds", "Seconds for which a device that is offline can still pick it up."),
            json_column("runner_ids", "/commandRunners", "Administrators with the Command Runner role who may run it."),
            json_column("files", "/files", "Ids of the files that are sent along."),
            json_column("stored_files", "/filesS3", "Files in object storage with their destination and SHA-256."),
            text("template", "/template", "Template that it was made from."),
            boolean("templated", "/templatingRequired", "Holds places that are filled in when it runs."),
            boolean("ai_generated", "/aiGenerated", "Written by JumpCloud's assistant."),
            text("body_sha256", "/command_sha256", "SHA-256 of the script, hexadecimal."),
            integer("body_length", "/command_length", "Length of the script in bytes."),
            json_column("body_secret_kinds", "/command_secret_kinds", "Kinds of secret that the script seems to hold, e.g. private_key, aws_access_key; what was found is not kept."),
        ],
        joined: &[],
    },
    // The list leaves out who a command runs as.
    sources: &[
        Source::list(&endpoints::COMMANDS).part("list"),
        Source::read_each(Parents::all("commands"), &endpoints::COMMAND).part("details"),
    ],
    id: Id::Member(&["_id", "id"]),
    redact: Redact::Row(|row| {
        if let Some(kinds) = row["command"].as_str().map(secret_scan::kinds) {
            redact::add(row, "command_secret_kinds", json!(kinds));
        }
        redact::hash_body(row, "command");
    }),
    absent: "the command was deleted",
    fact: "V1 GET /api/commands and /api/commands/{id}",
};
