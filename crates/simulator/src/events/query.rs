//! The body of a Directory Insights request, read as the service reads it.
//! Responsible for defaults and refusals. Unknown keys are ignored, as the service does.

use jiff::Timestamp;
use serde_json::Value;

use super::catalogue::SERVICES;
use super::search::Search;
use crate::call::Answer;
use crate::id::Id;

/// Most rows in a page.
pub(crate) const MOST_ROWS: i64 = 10_000;
/// Rows in a page when nothing sensible is asked for.
const USUAL_ROWS: i64 = 1000;

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// Services to show; `None` for all.
    pub(crate) services: Option<Vec<String>>,
    /// Epoch milliseconds, inclusive.
    pub(crate) from: i64,
    /// Epoch milliseconds, exclusive.
    pub(crate) to: i64,
    pub(crate) limit: usize,
    pub(crate) descending: bool,
    pub(crate) skip: usize,
    /// Time and document of the last row that was seen.
    pub(crate) after: Option<(i64, u64)>,
    /// Names to show; `None` for all.
    pub(crate) fields: Option<Vec<String>>,
    pub(crate) search: Search,
}

/// Names that events have at their top; `fields` must hold one of them.
const FIELDS: &[&str] = &[
    "@version",
    "access_request_id",
    "app_management_source",
    "application",
    "association",
    "attr",
    "auth_context",
    "auth_meta",
    "auth_method",
    "auth_type",
    "base",
    "category",
    "changes",
    "channel_object_id",
    "client_ip",
    "command",
    "command_uuid",
    "config",
    "connection_id",
    "correlation",
    "deref",
    "description",
    "detail",
    "device_manager_object_id",
    "device_object_id",
    "dn",
    "eap_type",
    "error_chain",
    "error_code",
    "error_message",
    "event_type",
    "filter",
    "geoip",
    "id",
    "idm_client_id",
    "idp_initiated",
    "initiated_by",
    "mdm_device_id",
    "mdm_device_manager_id",
    "mdm_type",
    "mech",
    "message",
    "message_chain",
    "mfa",
    "mfa_meta",
    "name",
    "nas_mfa_state",
    "number_of_results",
    "object_storage_item_object_id",
    "object_storage_item_version_name",
    "object_storage_item_version_object_id",
    "object_storage_item_version_sha_256_sum",
    "object_storage_item_version_size",
    "oid",
    "operation_number",
    "operation_type",
    "organization",
    "outer",
    "pid",
    "process_name",
    "provider",
    "referrer_object_id",
    "referrer_type",
    "request_type",
    "resource",
    "result",
    "scope",
    "server_timestamp",
    "service",
    "severity",
    "src_ip",
    "sso_token_success",
    "start_tls",
    "status",
    "success",
    "system",
    "system_group",
    "system_object_id",
    "system_timestamp",
    "target_resource",
    "timestamp",
    "timestamp_source",
    "tls_established",
    "total_software_item_count",
    "total_space_used",
    "type",
    "user_agent",
    "useragent",
    "username",
    "windows_device_uuid",
    "windows_meta",
    "workflow",
];

impl Query {
    /// Reads a body at a time; refuses what the service refuses.
    pub(crate) fn read(body: &Value, now: i64, inclusive_end: bool) -> Result<Self, Box<Answer>> {
        let refuse = |message: &str| Err(Box::new(Answer::message(400, message)));
        let services = services(body)?;
        let from = match &body["start_time"] {
            Value::Null => return refuse("start_time is required"),
            value => time(value).ok_or_else(|| bad_date("start_time"))?,
        };
        let to = match &body["end_time"] {
            Value::Null => None,
            value => Some(time(value).ok_or_else(|| bad_date("end_time"))?),
        };
        if from > now {
            return refuse("Start Time is in the future");
        }
        if to.is_some_and(|to| to <= from) {
            return refuse("Start Time not after End Time");
        }
        let to = to.unwrap_or(now + 1).saturating_add(i64::from(inclusive_end));
        let limit = body["limit"].as_i64().filter(|limit| (1..=MOST_ROWS).contains(limit)).unwrap_or(USUAL_ROWS);
        let after = match &body["search_after"] {
            Value::Null => None,
            Value::Array(parts) if parts.is_empty() => None,
            value => match cursor(value) {
                Some(after) => Some(after),
                None => return refuse("Bad Request: search_after is invalid"),
            },
        };
        Ok(Self {
            services,
            from,
            to,
            limit: limit as usize,
            descending: body["sort"].as_str().is_some_and(|text| text.eq_ignore_ascii_case("desc")),
            skip: body["skip"].as_u64().unwrap_or(0) as usize,
            after,
            fields: fields(body)?,
            search: Search::read(body)?,
        })
    }

    /// Whether events of a service are asked for.
    pub(crate) fn wants(&self, service: &str) -> bool {
        self.services.as_ref().is_none_or(|wanted| wanted.iter().any(|name| name == service))
    }
}

fn services(body: &Value) -> Result<Option<Vec<String>>, Box<Answer>> {
    let refuse = |message: String| Err(Box::new(Answer::message(400, &message)));
    let Some(list) = body["service"].as_array().filter(|list| !list.is_empty()) else {
        return refuse("service is required".to_owned());
    };
    let mut names = Vec::new();
    for name in list {
        match name.as_str().filter(|name| SERVICES.contains(name)) {
            Some(name) => names.push(name.to_owned()),
            None => {
                let shown = name.as_str().map_or_else(|| name.to_string(), str::to_owned);
                return refuse(format!("Invalid service: {shown}. Valid services are: {}", SERVICES.join(", ")));
            }
        }
    }
    Ok((!names.iter().any(|name| name == "all")).then_some(names))
}

fn fields(body: &Value) -> Result<Option<Vec<String>>, Box<Answer>> {
    let Some(list) = body["fields"].as_array() else { return Ok(None) };
    let names: Vec<String> = list.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let known = |name: &String| FIELDS.contains(&name.split('.').next().unwrap_or(""));
    if !names.iter().any(known) {
        return Err(Box::new(Answer::message(400, "Bad Request: fields holds no known field")));
    }
    Ok(Some(names))
}

/// The time of RFC 3339 text in epoch milliseconds; parts of a millisecond are cut off.
fn time(value: &Value) -> Option<i64> {
    let time: Timestamp = value.as_str()?.parse().ok()?;
    Some(time.as_nanosecond().div_euclid(1_000_000) as i64)
}

fn bad_date(name: &str) -> Box<Answer> {
    Box::new(Answer::message(400, &format!("{name} is not a valid RFC 3339 date")))
}

/// Reads `search_after`; its parts may come as numbers or as texts.
fn cursor(value: &Value) -> Option<(i64, u64)> {
    let [time, document] = value.as_array()?.as_slice() else { return None };
    let time = time.as_i64().or_else(|| time.as_str()?.parse().ok())?;
    Some((time, Id::parse(document.as_str()?)?.entropy()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_795_161_600_000;

    fn read(body: Value) -> Result<Query, (u16, String)> {
        Query::read(&body, NOW, false).map_err(|answer| (answer.status, answer.body))
    }

    #[test]
    fn senseless_limits_and_sorts_silently_become_the_default() {
        for (limit, expected) in [(json!(5), 5), (json!(10_001), 1000), (json!(0), 1000), (json!("7"), 1000)] {
            let body = json!({"service": ["all"], "start_time": "2026-11-01T00:00:00Z", "limit": limit, "sort": "up"});
            let query = read(body).unwrap();
            assert_eq!((query.limit, query.descending), (expected, false));
        }
    }

    #[test]
    fn times_that_make_no_window_are_refused() {
        let body = |start: &str, end: &str| json!({"service": ["all"], "start_time": start, "end_time": end});
        let at = "2026-11-01T00:00:00Z";
        for (start, end) in [(at, at), (at, "2026-10-01T00:00:00Z"), ("2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z")] {
            assert_eq!(read(body(start, end)).unwrap_err().0, 400, "{start} {end}");
        }
        for bad in ["yesterday", "2026-11-01", "1795161600000", ""] {
            assert_eq!(read(body(bad, at)).unwrap_err().0, 400, "{bad}");
            assert_eq!(read(body("2026-01-01T00:00:00Z", bad)).unwrap_err().0, 400, "{bad}");
        }
        assert_eq!(read(body(at, "2026-11-01T02:00:00.5+01:00")).unwrap().to - 1_793_491_200_000, 3_600_500);
    }

    #[test]
    fn an_unknown_service_is_refused_with_the_list_of_the_known() {
        let (status, message) =
            read(json!({"service": ["dirctory"], "start_time": "2026-11-01T00:00:00Z"})).unwrap_err();
        assert!(status == 400 && message.contains("dirctory") && message.contains("password_manager"), "{message}");
        assert_eq!(read(json!({"service": [], "start_time": "2026-11-01T00:00:00Z"})).unwrap_err().0, 400);
    }
}
