//! The graph: which object is bound to which, and who reaches whom through groups.
//! Responsible for bindings, effective membership and traversals. Not for how answers are written (see `v2::graph`).

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use crate::id::Id;
use crate::lock;
use crate::state::Organization;
use crate::time::MINUTE;

/// How many relations are remembered at the same time.
const REMEMBERED: usize = 8;

/// Relations remembered between pages: object, kinds (empty for membership), and what is reached.
pub(crate) type Remembered = Mutex<Vec<(Node, &'static [Kind], Arc<Vec<Reached>>)>>;

/// The kind of a graph object, in JumpCloud's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    ActiveDirectory,
    Application,
    Command,
    GSuite,
    IdpRoutingPolicy,
    LdapServer,
    Office365,
    PasswordManagerItem,
    Policy,
    PolicyGroup,
    RadiusServer,
    SoftwareApp,
    System,
    SystemGroup,
    User,
    UserGroup,
}

/// One object of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) id: Id,
}

/// Administrator rights given by a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sudo {
    pub(crate) without_password: bool,
}

/// A direct binding of two objects. It can be read from both ends.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    pub(crate) from: Node,
    pub(crate) to: Node,
    pub(crate) sudo: Option<Sudo>,
    /// When it was removed; a removed binding can linger in answers for a moment.
    pub(crate) removed_at: Option<i64>,
}

/// All bindings of an organization.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graph {
    bindings: Vec<Binding>,
    by_node: HashMap<Node, Vec<u32>>,
}

/// One step of a path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hop {
    pub(crate) to: Node,
    pub(crate) sudo: Option<Sudo>,
}

/// An object that can be reached, with every path that leads to it.
#[derive(Clone, Debug)]
pub(crate) struct Reached {
    pub(crate) node: Node,
    pub(crate) paths: Vec<Vec<Hop>>,
}

impl Kind {
    /// Every kind.
    pub(crate) const ALL: [Self; 16] = [
        Self::ActiveDirectory,
        Self::Application,
        Self::Command,
        Self::GSuite,
        Self::IdpRoutingPolicy,
        Self::LdapServer,
        Self::Office365,
        Self::PasswordManagerItem,
        Self::Policy,
        Self::PolicyGroup,
        Self::RadiusServer,
        Self::SoftwareApp,
        Self::System,
        Self::SystemGroup,
        Self::User,
        Self::UserGroup,
    ];

    /// The word in `type` and `targets`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::ActiveDirectory => "active_directory",
            Self::Application => "application",
            Self::Command => "command",
            Self::GSuite => "g_suite",
            Self::IdpRoutingPolicy => "idp_routing_policy",
            Self::LdapServer => "ldap_server",
            Self::Office365 => "office_365",
            Self::PasswordManagerItem => "password_manager_item",
            Self::Policy => "policy",
            Self::PolicyGroup => "policy_group",
            Self::RadiusServer => "radius_server",
            Self::SoftwareApp => "software_app",
            Self::System => "system",
            Self::SystemGroup => "system_group",
            Self::User => "user",
            Self::UserGroup => "user_group",
        }
    }

    /// The kind with this word.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The kind of group that holds objects of this kind.
    pub(crate) fn group(self) -> Option<Self> {
        match self {
            Self::User => Some(Self::UserGroup),
            Self::System => Some(Self::SystemGroup),
            Self::Policy => Some(Self::PolicyGroup),
            _ => None,
        }
    }

    /// The kind of object that a group of this kind holds.
    pub(crate) fn member(self) -> Option<Self> {
        match self {
            Self::UserGroup => Some(Self::User),
            Self::SystemGroup => Some(Self::System),
            Self::PolicyGroup => Some(Self::Policy),
            _ => None,
        }
    }
}

impl Binding {
    /// The end that is not `node`.
    pub(crate) fn other(&self, node: Node) -> Node {
        if self.from == node { self.to } else { self.from }
    }

    /// Whether answers still show the binding at `now`; `lingering` says that removed ones stay for a minute.
    pub(crate) fn visible(&self, now: i64, lingering: bool) -> bool {
        self.removed_at.is_none_or(|at| lingering && now - at < MINUTE)
    }
}

impl Graph {
    /// Adds a binding.
    pub(crate) fn bind(&mut self, from: Node, to: Node, sudo: Option<Sudo>) {
        let number = u32::try_from(self.bindings.len()).expect("fewer than 2^32 bindings are simulated");
        self.bindings.push(Binding { from, to, sudo, removed_at: None });
        self.by_node.entry(from).or_default().push(number);
        self.by_node.entry(to).or_default().push(number);
    }

    /// Removes every binding of an object and returns how many there were.
    pub(crate) fn unbind_all(&mut self, node: Node, now: i64) -> usize {
        let mut removed = 0;
        for number in self.by_node.get(&node).into_iter().flatten() {
            let binding = &mut self.bindings[*number as usize];
            if binding.removed_at.is_none() {
                binding.removed_at = Some(now);
                removed += 1;
            }
        }
        removed
    }

    /// Bindings that exist.
    pub(crate) fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.bindings.iter().filter(|binding| binding.removed_at.is_none())
    }

    /// Bindings of one object, removed ones included, in the order in which they were made.
    pub(crate) fn of(&self, node: Node) -> impl Iterator<Item = &Binding> {
        self.by_node.get(&node).into_iter().flatten().map(|number| &self.bindings[*number as usize])
    }

    /// Existing bindings of one object to objects of one kind: the other end and the rights.
    fn neighbors(&self, node: Node, kind: Kind) -> impl Iterator<Item = Hop> {
        self.of(node)
            .filter(|binding| binding.removed_at.is_none())
            .map(move |binding| Hop { to: binding.other(node), sudo: binding.sudo })
            .filter(move |hop| hop.to.kind == kind)
    }
}

impl Organization {
    /// What a relation reaches, remembered between the pages of one list. `kinds` tells relations of a node apart.
    pub(crate) fn reached(
        &self,
        node: Node,
        kinds: &'static [Kind],
        relation: impl FnOnce(&Self, Node) -> Vec<Reached>,
    ) -> Arc<Vec<Reached>> {
        let cache = &self.derived().reached;
        if let Some((_, _, rows)) = lock(cache).iter().find(|(known, of, _)| *known == node && *of == kinds) {
            return Arc::clone(rows);
        }
        let rows = Arc::new(relation(self, node));
        let mut cache = lock(cache);
        if cache.len() == REMEMBERED {
            cache.remove(0);
        }
        cache.push((node, kinds, Arc::clone(&rows)));
        rows
    }

    /// Everyone who counts as a member of a group: its own members, then those of nested groups.
    pub(crate) fn membership(&self, group: Node) -> Vec<Reached> {
        let mut found = Collector::default();
        if let Some(member) = group.kind.member() {
            self.collect_members(group, member, &[], &mut HashSet::new(), &mut found);
        }
        found.reached
    }

    /// The groups that an object is in, directly or through nested groups.
    pub(crate) fn member_of(&self, node: Node) -> Vec<Reached> {
        let Some(kind) = node.kind.group() else { return Vec::new() };
        let mut found = Collector::default();
        for id in self.parents().groups_of(node.id) {
            let group = Node { kind, id: *id };
            let path = vec![Hop { to: group, sudo: None }];
            found.add(group, path.clone());
            self.collect_parents(group, &path, &mut HashSet::from([group.id]), &mut found);
        }
        found.reached
    }

    /// Every object of the given kinds that `start` reaches: bound to it or to a group it is in, directly or
    /// as a member of a bound group.
    pub(crate) fn traverse(&self, start: Node, kinds: &[Kind]) -> Vec<Reached> {
        let mut starts = vec![(start, Vec::new())];
        starts.extend(
            self.member_of(start)
                .into_iter()
                .flat_map(|group| group.paths.into_iter().take(1).map(move |path| (group.node, path))),
        );
        let mut found = Collector::default();
        for kind in kinds {
            for (node, path) in &starts {
                for hop in self.graph.neighbors(*node, *kind) {
                    found.add(hop.to, extended(path, hop));
                }
                let Some(group_kind) = kind.group() else { continue };
                for hop in self.graph.neighbors(*node, group_kind) {
                    self.collect_members(hop.to, *kind, &extended(path, hop), &mut HashSet::new(), &mut found);
                }
            }
        }
        found.reached
    }

    fn collect_members(&self, group: Node, member: Kind, path: &[Hop], seen: &mut HashSet<Id>, found: &mut Collector) {
        if !seen.insert(group.id) {
            return;
        }
        let Some(row) = self.group(group) else { return };
        for id in &row.members {
            let node = Node { kind: member, id: *id };
            found.add(node, extended(path, Hop { to: node, sudo: None }));
        }
        for id in &row.nested {
            let nested = Node { kind: group.kind, id: *id };
            self.collect_members(nested, member, &extended(path, Hop { to: nested, sudo: None }), seen, found);
        }
    }

    fn collect_parents(&self, group: Node, path: &[Hop], seen: &mut HashSet<Id>, found: &mut Collector) {
        for id in self.parents().nesting(group.id) {
            let parent = Node { kind: group.kind, id: *id };
            if seen.insert(*id) {
                let path = extended(path, Hop { to: parent, sudo: None });
                found.add(parent, path.clone());
                self.collect_parents(parent, &path, seen, found);
            }
        }
    }
}

/// Gathers reached objects in the order of discovery, merging paths.
#[derive(Default)]
struct Collector {
    reached: Vec<Reached>,
    position: HashMap<Node, usize>,
}

impl Collector {
    fn add(&mut self, node: Node, path: Vec<Hop>) {
        let next = self.reached.len();
        match *self.position.entry(node).or_insert(next) {
            position if position < next => self.reached[position].paths.push(path),
            _ => self.reached.push(Reached { node, paths: vec![path] }),
        }
    }
}

fn extended(path: &[Hop], hop: Hop) -> Vec<Hop> {
    let mut longer = Vec::with_capacity(path.len() + 1);
    longer.extend_from_slice(path);
    longer.push(hop);
    longer
}
