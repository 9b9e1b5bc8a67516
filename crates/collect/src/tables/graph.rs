//! The three shapes in which JumpCloud's graph answers, laid flat so that a column is a simple pointer.
//! Everything that was sent stays in the row; members are added, none is lost.

use serde_json::{Value, json};

use super::redact;

/// Lays a group's direct member flat: adds `group_type`, `member_id` and `member_type`.
///
/// The row is `{attributes, from?, to}` with the group's id as `group_id`. `from` is often missing, so the group's
/// type is known by what it can hold.
pub(super) fn member(row: &mut Value) {
    let group_id = row["group_id"].clone();
    // Should the connection be told the other way round, the member is the end that is not the group.
    let turned = row["to"]["id"] == group_id && row["from"]["id"].is_string();
    let (group, member) = if turned { ("to", "from") } else { ("from", "to") };
    let member = row[member].clone();
    let group_type = match (row[group]["type"].as_str(), member["type"].as_str()) {
        (Some(told), _) => json!(told),
        (None, Some("user" | "user_group")) => json!("user_group"),
        (None, Some("system" | "system_group")) => json!("system_group"),
        (None, Some("policy" | "policy_group")) => json!("policy_group"),
        (None, _) => Value::Null,
    };
    add(
        row,
        [("group_type", group_type), ("member_id", member["id"].clone()), ("member_type", member["type"].clone())],
    );
}

/// Lays flat what is reached from an object over a path: adds `reached_id`, `reached_type`, `is_direct` and `path_length`.
///
/// The row is `{id, type, compiledAttributes, paths}` with the starting object's id in `start`. A path is a list of
/// connections; the length of the shortest counts, and one step is a direct binding.
pub(super) fn reached(row: &mut Value, start: &str) {
    let start_id = row[start].clone();
    let shortest = row["paths"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_array)
        // A path may begin with the starting object itself; that is no step.
        .map(|path| path.iter().filter(|step| start_id.is_null() || step["to"]["id"] != start_id).count())
        .filter(|steps| *steps > 0)
        .min();
    let added = [
        ("reached_id", row["id"].clone()),
        ("reached_type", row["type"].clone()),
        ("path_length", json!(shortest)),
        ("is_direct", json!(shortest.map(|steps| steps == 1))),
    ];
    add(row, added);
}

/// The types that take part in bindings, in the order in which a binding is written: the earlier one is `from`.
///
/// People come first, then what is put onto devices, then devices, then what people are let into. So a binding is one
/// row, whichever of its two ends it was read from.
const DIRECTION: &[&str] = &[
    "user",
    "user_group",
    "policy",
    "policy_group",
    "command",
    "software_app",
    "system",
    "system_group",
    "application",
    "active_directory",
    "g_suite",
    "ldap_server",
    "office_365",
    "radius_server",
    "idp_routing_policy",
    "password_manager_item",
];

/// The members that [`binding`] reads.
pub(super) const BINDING: &[&str] = &{
    let mut names = ["from"; DIRECTION.len() + 2];
    names[1] = "to";
    let mut at = 0;
    while at < DIRECTION.len() {
        names[at + 2] = DIRECTION[at];
        at += 1;
    }
    names
};

/// Lays a direct binding flat: adds `from_type`, `from_id`, `to_type` and `to_id` in the order of [`DIRECTION`].
///
/// The row is `{attributes, from?, to}` with the asked object's id in a member named by its type, since the answer
/// often does not name it.
pub(super) fn binding(row: &mut Value) {
    let Some((asked_type, asked_id)) =
        DIRECTION.iter().find_map(|name| row.get(*name).filter(|id| id.is_string()).map(|id| (*name, id.clone())))
    else {
        return;
    };
    // Should the connection be told the other way round, the other end is the one that was not asked.
    let turned = row["to"]["id"] == asked_id && row["from"]["id"].is_string();
    let other = if turned { row["from"].clone() } else { row["to"].clone() };
    let asked = (json!(asked_type), asked_id);
    let other = (other["type"].clone(), other["id"].clone());
    let (from, to) = if place(&asked.0) <= place(&other.0) { (asked, other) } else { (other, asked) };
    if let Some(fields) = row.as_object_mut() {
        fields.remove(asked_type);
    }
    add(row, [("from_type", from.0), ("from_id", from.1), ("to_type", to.0), ("to_id", to.1)]);
}

fn place(name: &Value) -> usize {
    DIRECTION.iter().position(|known| name == known).unwrap_or(DIRECTION.len())
}

fn add<const N: usize>(row: &mut Value, members: [(&str, Value); N]) {
    for (name, value) in members {
        redact::add(row, name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_the_end_that_is_not_the_group() {
        let mut plain = json!({"group_id": "g", "attributes": null, "to": {"id": "u", "type": "user"}});
        member(&mut plain);
        assert_eq!((&plain["member_id"], &plain["group_type"]), (&json!("u"), &json!("user_group")));
        let mut turned =
            json!({"group_id": "g", "from": {"id": "d", "type": "system"}, "to": {"id": "g", "type": "system_group"}});
        member(&mut turned);
        assert_eq!((&turned["member_id"], &turned["group_type"]), (&json!("d"), &json!("system_group")));
    }

    #[test]
    fn a_path_of_one_step_is_direct_and_the_shortest_path_counts() {
        let step = |id: &str| json!({"attributes": null, "to": {"id": id, "type": "x"}});
        let mut row =
            json!({"group_id": "g", "id": "u", "type": "user", "paths": [[step("h"), step("u")], [step("u")]]});
        reached(&mut row, "group_id");
        assert_eq!((&row["is_direct"], &row["path_length"]), (&json!(true), &json!(1)));
        let mut far = json!({"group_id": "g", "id": "u", "type": "user", "paths": [[step("g"), step("h"), step("u")]]});
        reached(&mut far, "group_id");
        assert_eq!((&far["is_direct"], &far["path_length"]), (&json!(false), &json!(2)));
        let mut untold = json!({"group_id": "g", "id": "u", "type": "user"});
        reached(&mut untold, "group_id");
        assert_eq!((&untold["is_direct"], &untold["path_length"]), (&Value::Null, &Value::Null));
    }

    #[test]
    fn a_binding_is_the_same_row_from_either_end() {
        let mut one =
            json!({"system": "d", "attributes": {"sudo": {"enabled": true}}, "to": {"id": "u", "type": "user"}});
        let mut two = json!({"user": "u", "attributes": {"sudo": {"enabled": true}}, "from": {"id": "u", "type": "user"},
            "to": {"id": "d", "type": "system"}});
        binding(&mut one);
        binding(&mut two);
        for name in ["from_type", "from_id", "to_type", "to_id", "attributes"] {
            assert_eq!(one[name], two[name], "{name}");
        }
        assert_eq!((&one["from_type"], &one["to_type"]), (&json!("user"), &json!("system")));
        assert_eq!(one.get("system"), None);
    }
}
