//! The control face `/__simulator/…`: what `World` offers, over HTTP, for tests in other languages and for people.
//! Responsible for translating requests. It is no part of the simulated service and is not counted.
//!
//! | Request | Does |
//! |---|---|
//! | `GET /` | time, organizations, provider, attempted writes |
//! | `GET /oracle[?organization=0]` | the truth, by organization |
//! | `GET /oracle?checks=1[&key=administrator&events_since=…&parameters=example]` | and the outcomes of checks |
//! | `GET /credentials` | all keys, by organization |
//! | `GET /requests`, `DELETE /requests` | the books, and emptying them |
//! | `GET /changes` | what life changed so far |
//! | `GET /events[?organization=0&from=…&to=…&now=…&ids=1]` | counts of events by service and type, and all of them with `ids` |
//! | `GET /episodes[?organization=0&from=…&to=…]` | planted attacks and near misses |
//! | `POST /burst {"organization":0,"at":1795161600000,"count":30000}` | events in one millisecond |
//! | `POST /advance {"seconds":86400,"steps":1}` | lets life go on; the seconds are shared among the steps |
//! | `POST /mutate {"organization":0,"percent":1.0}` | changes exactly that share of users and devices |
//! | `GET /faults`, `POST /faults {rule}`, `DELETE /faults[/number]` | rules in force, a new one, an end of them |
//! | `POST /limit {"rate":5,"burst":10,"retry_after":true}` or `null` | the rate limit |
//! | `POST /headers {"documented":true}` | header names as documented, on new connections |
//! | `POST /latency {"milliseconds":20}` | latency of every answer |
//! | `POST /keys/replace {"organization":0}`, `POST /keys/revoke`, `POST /keys/restore` | keys |

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::call::{Answer, Call};
use crate::faults::{FaultRule, RateLimit};
use crate::oracle::checks::{Parameters, Reader, View};
use crate::world::World;

/// Answers a request to the control face.
pub(crate) fn route(world: &World, call: &Call) -> Answer {
    let parts = call.parts();
    match (call.method.as_str(), &parts[1..]) {
        ("GET", []) => state(world),
        ("GET", ["oracle"]) => {
            let number = call.parameter("organization").and_then(|text| text.parse().ok());
            let organizations = world.organizations().len();
            let chosen = (0..organizations).filter(|index| number.is_none_or(|number: usize| number == *index));
            let told = |index| match call.parameter("checks") {
                Some(_) => world.oracle_with_checks(index, &view(world, call, index)),
                None => world.oracle(index),
            };
            answer(&chosen.map(told).collect::<Vec<_>>())
        }
        ("GET", ["events" | "episodes"]) => events(world, call, parts[1] == "episodes"),
        ("POST", ["burst"]) => with_body(call, |wanted: Burst| {
            if wanted.organization >= world.organizations().len() {
                return Answer::not_found();
            }
            world.burst_of_events(wanted.organization, wanted.at, wanted.count);
            state(world)
        }),
        ("GET", ["credentials"]) => {
            answer(&(0..world.organizations().len()).map(|number| world.credentials(number)).collect::<Vec<_>>())
        }
        ("GET", ["requests"]) => answer(&world.requests()),
        ("DELETE", ["requests"]) => {
            world.forget_requests();
            state(world)
        }
        ("GET", ["changes"]) => answer(&world.history()),
        ("POST", ["advance"]) => with_body(call, |wanted: Advance| {
            let steps = wanted.steps.unwrap_or(1).max(1);
            let by = Duration::from_secs(wanted.seconds.unwrap_or(86_400) / u64::from(steps));
            answer(&(0..steps).flat_map(|_| world.advance(by)).collect::<Vec<_>>())
        }),
        ("POST", ["mutate"]) => with_body(call, |wanted: Mutate| {
            if wanted.organization >= world.organizations().len() {
                return Answer::not_found();
            }
            answer(&world.mutate_percent(wanted.organization, wanted.percent))
        }),
        ("GET", ["faults"]) => {
            let rules = world.faults().rules().into_iter();
            answer(
                &rules
                    .map(|(number, rule, hits)| json!({"number": number, "rule": rule, "hits": hits}))
                    .collect::<Vec<_>>(),
            )
        }
        ("POST", ["faults"]) => with_body(call, |rule: FaultRule| answer(&json!({"number": world.faults().add(rule)}))),
        ("DELETE", ["faults"]) => {
            world.faults().clear();
            state(world)
        }
        ("DELETE", ["faults", number]) => {
            number.parse().into_iter().for_each(|number| world.faults().remove(number));
            state(world)
        }
        ("POST", ["limit"]) => with_body(call, |limit: Option<RateLimit>| {
            world.faults().set_rate_limit(limit);
            state(world)
        }),
        ("POST", ["latency"]) => with_body(call, |wanted: Latency| {
            world.faults().set_latency(Duration::from_millis(wanted.milliseconds));
            state(world)
        }),
        ("POST", ["headers"]) => with_body(call, |wanted: Headers| {
            world.faults().spell_headers_as_documented(wanted.documented);
            state(world)
        }),
        ("POST", ["keys", "replace"]) => with_body(call, |wanted: ReplaceKey| {
            if wanted.organization >= world.organizations().len() {
                return Answer::not_found();
            }
            answer(&json!({"read_only": world.replace_api_key(wanted.organization)}))
        }),
        ("POST", ["keys", "revoke"]) => {
            world.revoke_all_keys();
            state(world)
        }
        ("POST", ["keys", "restore"]) => {
            world.restore_all_keys();
            state(world)
        }
        _ => Answer::not_found(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: Option<u64>,
    steps: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutate {
    organization: usize,
    percent: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Latency {
    milliseconds: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Headers {
    documented: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplaceKey {
    organization: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Burst {
    organization: usize,
    at: i64,
    count: u32,
}

/// How a request wants checks to be seen.
fn view(world: &World, call: &Call, organization: usize) -> View {
    let administrator = call.parameter("key") == Some("administrator");
    let example = call.parameter("parameters") == Some("example");
    View {
        reader: if administrator { Reader::Administrator } else { Reader::ReadOnly },
        events_since: call.parameter("events_since").and_then(|text| text.parse().ok()),
        parameters: if example { world.example_parameters(organization) } else { Parameters::default() },
    }
}

/// The truth about events: of the last day when no range is given, of what can be read now when no time is.
fn events(world: &World, call: &Call, episodes: bool) -> Answer {
    let number = |name: &str| call.parameter(name).and_then(|text| text.parse::<i64>().ok());
    let now = world.clock().now();
    let to = number("to").unwrap_or(now);
    let range = number("from").unwrap_or(to - 24 * crate::time::HOUR)..to;
    let readable = number("now").unwrap_or(now);
    let organization = number("organization").and_then(|number| usize::try_from(number).ok());
    let chosen = (0..world.organizations().len()).filter(|index| organization.is_none_or(|number| number == *index));
    if episodes {
        return answer(&chosen.flat_map(|index| world.episodes(index, range.clone())).collect::<Vec<_>>());
    }
    let ids = call.parameter("ids").is_some();
    let told = chosen.map(|index| {
        let mut told = json!({
            "organization": world.organizations()[index].id,
            "counts": world.event_counts(index, range.clone(), readable),
        });
        if ids {
            told["events"] = json!(world.events(index, range.clone(), readable));
        }
        told
    });
    answer(&told.collect::<Vec<_>>())
}

fn state(world: &World) -> Answer {
    answer(&json!({
        "now": world.clock().now(),
        "organizations": world.organizations(),
        "provider": world.provider(),
        "writes_attempted": world.writes_attempted(),
    }))
}

fn answer(value: &impl serde::Serialize) -> Answer {
    match serde_json::to_string(value) {
        Ok(body) => Answer::json(body),
        Err(error) => Answer::message(500, &error.to_string()),
    }
}

fn with_body<T: serde::de::DeserializeOwned>(call: &Call, act: impl FnOnce(T) -> Answer) -> Answer {
    let body = call.json().unwrap_or(Value::Null);
    match serde_json::from_value(body) {
        Ok(value) => act(value),
        Err(error) => Answer::message(400, &error.to_string()),
    }
}
