//! Access that users ask for: the flows that say what can be asked for and who approves, and the requests.
//! Responsible for their documents only.

use serde_json::{Value, json};

use crate::config::Character;
use crate::state::Profile;
use crate::state::document::{Document, Documents, Noun};
use crate::state::group::Group;
use crate::state::table::Table;
use crate::state::user::User;
use crate::time::{DAY, HOUR, text};

/// Makes up approval flows and access requests.
pub(crate) fn grow(profile: &Profile, now: i64, users: &Table<User>, groups: &Table<Group>, documents: &mut Documents) {
    let group = |place: usize| groups.iter().nth(place % groups.len().max(1));
    let administrators = documents.ids(Noun::Administrators);
    let flows: Vec<Document> = ["Production access", "Contractor laptop"]
        .into_iter()
        .enumerate()
        .map(|(number, name)| {
            let id = profile.make_id("approval flow", number as u64, now - 200 * DAY);
            let given = group(number).map(|group| {
                json!({"resourceId": group.id, "resourceName": group.name, "resourceType": "USER_GROUP"})
            });
            let asking = group(number + 2).map(|group| json!({"id": group.id, "name": group.name}));
            let approvers = administrators.iter().take(2).enumerate().map(|(order, administrator)| {
                json!({
                    "resourceId": administrator, "resourceName": format!("administrator {order}"),
                    "resourceType": "ADMIN", "resourceOrder": order + 1, "requireAll": number == 0,
                })
            });
            let mut body = json!({
                "id": id, "name": name, "description": "", "category": "Access", "status": "ACTIVE",
                "organizationId": profile.id, "approvalType": "MANUAL",
                "approverRequirement": if number == 0 { "ALL" } else { "ANY" },
                "approverResources": approvers.collect::<Vec<Value>>(),
                "resources": given.into_iter().collect::<Vec<Value>>(),
                "visibleTo": asking.into_iter().collect::<Vec<Value>>(),
                "timeBasedAccess": true, "nonAdminApproval": number == 1, "slackEnabled": false, "slackConfig": [],
                "iconUrl": "", "iconColor": "", "createdBy": administrators.first(), "updatedBy": administrators.first(),
            });
            if number == 0 {
                body["ttlConfig"] = json!("TTL_CONFIG_MULTI_SELECT_DURATIONS");
                body["multiSelectDuration"] = json!(["3600", "28800"]);
            } else {
                body["ttlConfig"] = json!("TTL_CONFIG_FIXED_DURATION");
                body["fixedDuration"] = json!("86400");
            }
            Document::new(id, body)
        })
        .collect();
    let count = if profile.character == Character::Tidy { 12 } else { 130 };
    let requests = users.iter().cycle().take(count).enumerate().map(|(number, user)| {
        let asked = now - number as i64 * DAY / 2;
        let id = profile.make_id("approval request", number as u64, asked);
        let flow = &flows[number % flows.len()];
        let status = ["PENDING", "APPROVED", "REJECTED", "APPROVED"][number / 2 % 4];
        let answered = if status == "PENDING" { asked } else { asked + HOUR };
        Document::new(
            id,
            json!({
                "id": id, "approvalFlowId": flow.id, "approvalFlowName": flow.text("name"),
                "approvalFlowDescription": "", "approvalType": "MANUAL", "status": status,
                "requestor": user.id, "userName": user.username(profile), "department": "", "manager": "", "group": "",
                "requestedDuration": "3600", "remarks": "", "timeBasedAccess": true,
                "nonAdminApproval": flow.body["nonAdminApproval"], "iconUrl": "", "iconColor": "",
                "createdAt": text(asked), "updatedAt": text(answered), "updatedBy": administrators.first(),
                "runId": id.child(48), "wfMetadata": format!("SIM-SECRET-{}", id.child(51)),
            }),
        )
    });
    documents.put(Noun::ApprovalRequests, requests.collect());
    documents.put(Noun::ApprovalFlows, flows);
}
