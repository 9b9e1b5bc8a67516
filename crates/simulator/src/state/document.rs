//! Small objects that exist in tens rather than thousands, kept as ready JSON documents by noun.
//! Responsible for storing and changing them. What stands in them is decided by the files named after the nouns.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::id::Id;
use crate::state::table::{Identified, Table};
use crate::words;

/// The collections that are kept as documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Noun {
    ActiveDirectories,
    ActiveDirectoryAgents,
    Administrators,
    Alerts,
    AppleMdms,
    ApprovalFlows,
    ApprovalRequests,
    Applications,
    ApplicationTemplates,
    AuthnPolicies,
    CommandResults,
    Commands,
    Directories,
    DuoAccounts,
    DuoApplications,
    GSuites,
    HealthRules,
    IdentityProviders,
    IpLists,
    LdapServers,
    NotificationChannels,
    Office365s,
    PasswordPolicies,
    Policies,
    PolicyTemplates,
    RadiusServers,
    Roles,
    SaasApplications,
    SambaDomains,
    SavedViews,
    ServiceAccounts,
    SoftwareApps,
    Subscriptions,
    TranslationRules,
    UserStates,
    Workdays,
}

/// One small object.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) id: Id,
    /// The object it belongs to, for sub-collections such as agents of an Active Directory.
    pub(crate) parent: Option<Id>,
    /// Everything a single read shows.
    pub(crate) body: Value,
    /// The row in lists, as text.
    pub(crate) row: String,
    /// Fields that lists leave out.
    hidden: &'static [&'static str],
}

impl Identified for Document {
    fn id(&self) -> Id {
        self.id
    }
}

impl Document {
    /// A document whose list row equals its single read.
    pub(crate) fn new(id: Id, body: Value) -> Self {
        Self::with_hidden(id, body, &[])
    }

    /// A document whose list row leaves some fields out.
    pub(crate) fn with_hidden(id: Id, body: Value, hidden: &'static [&'static str]) -> Self {
        let mut document = Self { id, parent: None, body, row: String::new(), hidden };
        document.render();
        document
    }

    /// The same document as part of another object.
    pub(crate) fn of(mut self, parent: Id) -> Self {
        self.parent = Some(parent);
        self
    }

    /// Sets one field and writes the row anew.
    pub(crate) fn set(&mut self, field: &str, value: Value) {
        self.body[field] = value;
        self.render();
    }

    /// A text field, or "" when there is none.
    pub(crate) fn text(&self, field: &str) -> &str {
        self.body[field].as_str().unwrap_or("")
    }

    fn render(&mut self) {
        let mut row = self.body.clone();
        if let Value::Object(fields) = &mut row {
            fields.retain(|name, _| !self.hidden.contains(&name.as_str()));
        }
        self.row = row.to_string();
    }
}

/// All documents of an organization.
#[derive(Clone, Debug, Default)]
pub(crate) struct Documents(BTreeMap<Noun, Table<Document>>);

impl Documents {
    pub(crate) fn put(&mut self, noun: Noun, documents: Vec<Document>) {
        self.0.insert(noun, Table::new(documents));
    }

    /// Puts hostile strings in the place of every third name, title and description.
    pub(crate) fn make_hostile(&mut self) {
        const SHOWN: [&str; 7] = ["name", "displayName", "displayLabel", "title", "description", "firstname", "notes"];
        for (number, document) in self.0.values_mut().flat_map(Table::iter_mut).enumerate() {
            for (place, field) in SHOWN.iter().enumerate() {
                if (number + place).is_multiple_of(3) && document.body[*field].is_string() {
                    document.set(field, words::HOSTILE[(number + place) % words::HOSTILE.len()].into());
                }
            }
        }
    }

    /// The documents of a noun, if the organization has any table of it.
    pub(crate) fn table(&self, noun: Noun) -> Option<&Table<Document>> {
        self.0.get(&noun)
    }

    pub(crate) fn table_mut(&mut self, noun: Noun) -> Option<&mut Table<Document>> {
        self.0.get_mut(&noun)
    }

    pub(crate) fn iter(&self, noun: Noun) -> impl Iterator<Item = &Document> {
        self.0.get(&noun).into_iter().flat_map(|table| table.iter())
    }

    pub(crate) fn get(&self, noun: Noun, id: Id) -> Option<&Document> {
        self.0.get(&noun)?.get(id)
    }

    /// The ids of a noun in the order of lists.
    pub(crate) fn ids(&self, noun: Noun) -> Vec<Id> {
        self.iter(noun).map(|document| document.id).collect()
    }
}
