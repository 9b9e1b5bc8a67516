//! Active Directory domains and the agents that keep them in step with JumpCloud.

use jumpcloud::endpoints;
use store::schema::{Table, boolean, text, time};

use super::{Collected, Id, Redact, Source};

/// `active_directories`: one row for each connected domain.
#[rustfmt::skip]
pub(super) static ACTIVE_DIRECTORIES: Collected = Collected {
    table: Table {
        name: "active_directories",
        about: "Connected Active Directory domains. Whether they are in step is seen at their agents (active_directory_agents).",
        asset: None,
        label: "domain",
        columns: &[
            text("domain", "/domain", "Distinguished name of the domain."),
            text("use_case", "/useCase", "TWOWAYSYNC, JCASAUTHORITY, ADASAUTHORITY or UNSET: which side decides."),
            text("delegation_state", "/delegationState", "ENABLED when Active Directory checks the passwords."),
            boolean("groups_enabled", "/groupsEnabled", "Groups are kept in step too."),
            text("permission", "/permission", "What the connection may do, e.g. PERMISSION_READ_ONLY."),
            text("primary_agent_id", "/primaryAgent", "The sync agent in charge (active_directory_agents.id)."),
            text("primary_import_agent_id", "/primaryImportAgent", "The import agent in charge."),
            time("updated_at", "/updatedAt", "When it was last changed."),
        ],
        joined: &[],
    },
    sources: &[Source::list(&endpoints::ACTIVEDIRECTORIES)],
    id: Id::Member(&["id"]),
    redact: Redact::Nothing,
    absent: "the domain was disconnected",
    fact: "V2 GET /api/v2/activedirectories",
};

/// `active_directory_agents`: one row for each agent.
#[rustfmt::skip]
pub(super) static ACTIVE_DIRECTORY_AGENTS: Collected = Collected {
    table: Table {
        name: "active_directory_agents",
        about: "Agents on domain controllers or member servers. An old last_contact means that leavers and passwords no longer pass between the two.",
        asset: Some("active_directory_agent"),
        label: "hostname",
        columns: &[
            text("active_directory_id", "/active_directory_id", "The domain (active_directories.id)."),
            text("hostname", "/hostname", "Server that it runs on."),
            text("agent_type", "/agentType", "SYNC (to Active Directory) or IMPORT (from it)."),
            text("state", "/state", "unsealed, active or inactive."),
            time("last_contact", "/contactAt", "When it last made contact."),
            text("version", "/version", "Version of the agent."),
            text("source_ip", "/source_ip", "Address that the contact came from."),
        ],
        joined: &[],
    },
    sources: &[Source::list_each("active_directories", &endpoints::ACTIVEDIRECTORY_AGENTS, "active_directory_id")],
    id: Id::Member(&["id"]),
    redact: Redact::Nothing,
    absent: "the agent was removed",
    fact: "V2 GET /api/v2/activedirectories/{id}/agents",
};
