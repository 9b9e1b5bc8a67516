//! Lists: complete, once, in order, and honest about what moved.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{
    all, client,
    server::{Asked, Say, Server, ok, rows, slice, v1, v2, v2_of},
};
use crate::{Client, Endpoint, Error, Pass, endpoints};

const GROUP: &[&str] = &["6026da00aa11bb22cc33dd44"];

async fn read(
    handler: impl Fn(&Asked, usize) -> Say + Send + Sync + 'static,
    endpoint: Endpoint,
) -> Result<(Vec<String>, Pass), Error> {
    let server = Server::start(handler).await;
    all(&client(&server), endpoint, ids(endpoint)).await
}

fn ids(endpoint: Endpoint) -> &'static [&'static str] {
    if endpoint.path().contains('{') { GROUP } else { &[] }
}

#[tokio::test]
async fn every_row_of_every_family_comes_once_and_in_order() {
    let endpoints = [
        endpoints::SYSTEMUSERS,
        endpoints::USERGROUPS,
        endpoints::APPLEMDMS,
        endpoints::USERGROUP_MEMBERS,
        endpoints::SEARCH_SYSTEMS,
    ];
    for count in [0, 1, 2, 98, 99, 100, 101, 198, 199, 200, 201, 297, 298, 299, 1000, 2345] {
        let everything = rows(count);
        for endpoint in endpoints {
            let (v, served) = (endpoint, everything.clone());
            let server =
                Server::start(
                    move |asked, _| {
                        if v.path().starts_with("/api/v2/") { v2(asked, &served) } else { v1(asked, &served) }
                    },
                )
                .await;
            let (rows, pass) = all(&client(&server), endpoint, ids(endpoint)).await.unwrap();
            assert_eq!(rows, everything, "{count} of {}", endpoint.name());
            assert_eq!((pass.total, pass.moved, pass.nulls), (Some(count as u64), None, 0));
            assert_eq!(pass.pages, server.asked().len() as u64);
            if count <= 100 {
                assert_eq!(pass.pages, 1, "{count} of {}", endpoint.name());
            }
        }
    }
}

#[tokio::test]
async fn limits_and_sorting_are_always_sent_in_the_words_of_the_family() {
    let server =
        Server::start(|asked, _| if asked.path.starts_with("/api/v2/") { v2(asked, &[]) } else { v1(asked, &[]) })
            .await;
    let client = client(&server);
    for (endpoint, limit, sort) in [
        (endpoints::SYSTEMUSERS, "100", Some("_id")),
        (endpoints::SEARCH_SYSTEMS, "100", Some("_id")),
        (endpoints::USERGROUPS, "100", Some("id")),
        (endpoints::APPLEMDMS, "100", None),
        (endpoints::USERGROUP_MEMBERS, "100", None),
        (*endpoints::systeminsights("apps").unwrap(), "10000", None),
    ] {
        all(&client, endpoint, ids(endpoint)).await.unwrap();
        let asked = server.asked().pop().unwrap();
        assert_eq!(asked.query["limit"], limit);
        assert_eq!(asked.query["skip"], "0");
        assert_eq!(asked.query.get("sort").map(String::as_str), sort);
        assert_eq!(asked.method, endpoint.method());
        if asked.method == "POST" {
            assert!(asked.body.contains(r#""limit":100"#) && asked.body.contains(r#""skip":0"#));
        }
    }
}

#[tokio::test]
async fn the_newer_lists_are_read_from_the_one_array_they_hold() {
    let everything = rows(250);
    for (key, total) in
        [("results", "totalCount"), ("identityProviders", "totalCount"), ("channels", "count"), ("alerts", "nothing")]
    {
        let served = everything.clone();
        let (rows, _) = read(
            move |asked, _| ok(format!(r#"{{"{total}":250,"{key}":[{}]}}"#, slice(asked, &served).join(","))),
            endpoints::ALERTS,
        )
        .await
        .unwrap();
        assert_eq!(rows, everything, "{key}");
    }
}

#[tokio::test]
async fn saas_applications_are_paged_by_offset() {
    let everything = rows(205);
    let served = everything.clone();
    let (rows, _) = read(
        move |asked, _| {
            assert!(!asked.query.contains_key("skip"));
            let at = asked.number("offset", 0);
            let page = &served[at..(at + 100).min(served.len())];
            ok(format!(r#"{{"results":[{}],"totalCount":205}}"#, page.join(",")))
        },
        endpoints::SAAS_APPLICATIONS,
    )
    .await
    .unwrap();
    assert_eq!(rows, everything);
}

#[tokio::test]
async fn without_a_total_a_flat_list_is_read_to_its_first_short_page() {
    for count in [0, 99, 100, 101, 199, 298, 1000] {
        let everything = rows(count);
        for endpoint in [endpoints::USERGROUPS, endpoints::APPLEMDMS, endpoints::USERGROUP_MEMBERS] {
            let served = everything.clone();
            let (rows, pass) =
                read(move |asked, _| ok(format!("[{}]", slice(asked, &served).join(","))), endpoint).await.unwrap();
            assert_eq!(rows, everything, "{count}");
            assert_eq!((pass.total, pass.moved), (None, None));
        }
    }
}

#[tokio::test]
async fn short_and_null_pages_in_the_middle_do_not_end_a_graph_list() {
    let everything = rows(500);
    let served = everything.clone();
    let (rows, pass) = read(
        move |asked, _| {
            let page = slice(asked, &served);
            match asked.number("skip", 0) {
                100 => v2_of(&page[..1], "500"),
                200 => v2_of(&[], "500"),
                300 => v2_of(&[vec!["null".to_owned(); 30], page[..70].to_vec()].concat(), "500"),
                _ => v2_of(page, "500"),
            }
        },
        endpoints::USERGROUP_MEMBERS,
    )
    .await
    .unwrap();
    assert_eq!(rows.len(), 100 + 1 + 70 + 100);
    assert_eq!((pass.pages, pass.nulls, pass.total), (5, 30, Some(500)));
    assert_eq!(rows.last(), everything.last());
}

#[tokio::test]
async fn an_empty_body_is_an_empty_list_only_for_graph_lists() {
    for status in [200, 204] {
        let empty = move |_: &Asked, _| {
            Say::Bytes(if status == 204 {
                b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()
            } else {
                b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()
            })
        };
        let (rows, _) = read(empty, endpoints::SYSTEM_USERS).await.unwrap();
        assert!(rows.is_empty());
        for endpoint in [endpoints::SYSTEMS, endpoints::USERGROUPS, endpoints::ROLES] {
            let error = read(empty, endpoint).await.unwrap_err();
            assert_eq!(error.code(), "unexpected_shape");
        }
    }
}

#[tokio::test]
async fn senseless_totals_are_ignored_and_strange_spellings_understood() {
    for (told, understood) in [
        ("250", Some(250)),
        ("\"250\"", Some(250)),
        ("-1", None),
        ("9223372036854775808", None),
        ("1e400", None),
        ("2.5", None),
        ("null", None),
        ("{}", None),
    ] {
        let everything = rows(250);
        for endpoint in [endpoints::SYSTEMS, endpoints::USERGROUPS] {
            let (served, is_v1) = (everything.clone(), endpoint == endpoints::SYSTEMS);
            let (rows, pass) = read(
                move |asked, _| {
                    let page = slice(asked, &served);
                    if is_v1 {
                        ok(format!(r#"{{"totalCount":{told},"results":[{}]}}"#, page.join(",")))
                    } else {
                        v2_of(page, told)
                    }
                },
                endpoint,
            )
            .await
            .unwrap();
            assert_eq!(rows, everything, "{told}");
            assert_eq!(pass.total, understood, "{told}");
        }
    }
}

#[tokio::test]
async fn a_wrong_total_loses_no_row_and_shows_in_the_pass() {
    for told in ["42", "0", "251", "5000", "90000000"] {
        let everything = rows(250);
        let served = everything.clone();
        let (rows, pass) =
            read(move |asked, _| v2_of(slice(asked, &served), told), endpoints::USERGROUPS).await.unwrap();
        assert_eq!(rows, everything, "{told}");
        assert_eq!(pass.total, told.parse().ok());
        assert_ne!(pass.total, Some(pass.rows));
    }
}

#[tokio::test]
async fn a_total_that_changes_during_the_pass_is_reported() {
    let everything = rows(350);
    let (rows, pass) = read(
        move |asked, _| match asked.number("skip", 0) {
            0 => v2_of(slice(asked, &everything), "250"),
            _ => v2_of(slice(asked, &everything), "350"),
        },
        endpoints::USERGROUPS,
    )
    .await
    .unwrap();
    assert_eq!(rows.len(), 350, "the grown part was read too");
    assert_eq!(pass.moved.as_deref(), Some("the total changed from 250 to 350 during the pass"));
}

#[tokio::test]
async fn a_row_inserted_or_deleted_before_the_page_boundary_is_noticed() {
    for insert in [true, false] {
        let everything = rows(400);
        let (_, pass) = read(
            move |asked, n| {
                let mut now = everything.clone();
                if n > 0 {
                    if insert {
                        now.insert(0, r#"{"_id":"0"}"#.to_owned());
                        now.pop();
                    } else {
                        now.remove(5);
                        now.push(r#"{"_id":"f"}"#.to_owned());
                    }
                }
                v1(asked, &now)
            },
            endpoints::SYSTEMS,
        )
        .await
        .unwrap();
        assert_eq!(pass.moved.as_deref(), Some("page 2 does not begin with the row that ended page 1"));
    }
}

#[tokio::test]
async fn a_pass_that_saw_nothing_move_has_every_row_that_stayed_exactly_once() {
    let (mut quiet, mut moved) = (0, 0);
    for seed in 0..150_u64 {
        // The list lives: now and then a row joins or leaves somewhere, also in pairs that keep the length.
        let random = Mutex::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let live = Mutex::new((0..400_u64).map(|n| n * 1000).collect::<BTreeSet<_>>());
        let stayed = Arc::new(Mutex::new(live.lock().unwrap().clone()));
        let survivors = stayed.clone();
        let result = read(
            move |asked, n| {
                let mut random = random.lock().unwrap();
                let mut next = |below: u64| {
                    *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (*random >> 33) % below
                };
                let mut live = live.lock().unwrap();
                if n > 0 {
                    let (joins, leaves) = [(0, 0), (0, 0), (1, 0), (0, 1), (1, 1), (2, 2)][next(6) as usize];
                    for _ in 0..joins {
                        live.insert(next(400_000) | 1);
                    }
                    for _ in 0..leaves {
                        let at = next(live.len() as u64) as usize;
                        let gone = *live.iter().nth(at).unwrap();
                        live.remove(&gone);
                        survivors.lock().unwrap().remove(&gone);
                    }
                }
                let rows: Vec<_> = live.iter().map(|id| format!(r#"{{"_id":"{id:06}"}}"#)).collect();
                v1(asked, &rows)
            },
            endpoints::SYSTEMS,
        )
        .await;
        let (rows, pass) = result.unwrap();
        if pass.moved.is_some() {
            moved += 1;
            continue;
        }
        quiet += 1;
        let unique: BTreeSet<_> = rows.iter().collect();
        assert_eq!(unique.len(), rows.len(), "seed {seed}: a row came twice");
        for id in stayed.lock().unwrap().iter() {
            assert!(unique.contains(&format!(r#"{{"_id":"{id:06}"}}"#)), "seed {seed}: {id} is missing");
        }
    }
    assert!(quiet > 10 && moved > 10, "{quiet} quiet passes, {moved} that saw something move");
}

#[tokio::test]
async fn a_row_that_only_changed_its_fields_did_not_move() {
    let count = AtomicUsize::new(0);
    let (rows, pass) = read(
        move |asked, _| {
            let time = count.fetch_add(1, Ordering::Relaxed);
            let now: Vec<_> = (0..250).map(|n| format!(r#"{{"lastContact":{time},"_id":"{n:03}"}}"#)).collect();
            v1(asked, &now)
        },
        endpoints::SYSTEMS,
    )
    .await
    .unwrap();
    assert_eq!((rows.len(), pass.moved), (250, None));
}

#[tokio::test]
async fn a_server_that_cuts_pages_smaller_than_asked_loses_no_row() {
    for told in ["250", "-1"] {
        let everything = rows(250);
        let served = everything.clone();
        let result = read(
            move |asked, _| {
                let page = slice(asked, &served);
                v2_of(&page[..page.len().min(50)], told)
            },
            endpoints::USERGROUPS,
        )
        .await
        .unwrap();
        if told == "250" {
            assert_eq!(result.0, everything);
        } else {
            assert_eq!(result.0.len(), 50, "without a total a short page is the end");
        }
    }
}

#[tokio::test]
async fn a_list_that_ignores_paging_is_accepted_only_if_it_is_whole() {
    let everything = rows(150);
    let served = everything.clone();
    let (rows, _) = read(move |_, _| v2_of(&served, "150"), endpoints::APPLEMDMS).await.unwrap();
    assert_eq!(rows, everything);
    let served = everything.clone();
    let error = read(move |_, _| v2_of(&served, "300"), endpoints::APPLEMDMS).await.unwrap_err();
    assert_eq!(error.code(), "unexpected_shape");
    let served = everything.clone();
    let (rows, _) = read(move |_, _| ok(format!("[{}]", served.join(","))), endpoints::SUBSCRIPTIONS).await.unwrap();
    assert_eq!(rows, everything);
}

#[tokio::test]
async fn endless_lists_end_with_an_error_that_says_how_it_was_noticed() {
    let endless = |why: &'static str, error: Error| {
        assert_eq!(error.code(), "endless", "{error}");
        assert!(error.to_string().contains(why), "{error}");
    };
    for endpoint in [endpoints::SYSTEMS, endpoints::USERGROUPS, endpoints::USERGROUP_MEMBERS, endpoints::ALERTS] {
        // The same page again.
        let error = read(|asked, _| page(asked, 0, "-1"), endpoint).await.unwrap_err();
        endless("page 2 repeats", error);
        // Two pages in turn.
        let error = read(|asked, n| page(asked, n % 2, "-1"), endpoint).await.unwrap_err();
        endless("page 3 repeats", error);
        // Always new rows, far beyond the total.
        let error = read(|asked, _| page(asked, asked.number("skip", 0), "250"), endpoint).await;
        if endpoint != endpoints::USERGROUP_MEMBERS {
            endless("and told 250", error.unwrap_err());
        }
        // A total that grows with every page.
        let error = read(
            |asked, _| {
                let skip = asked.number("skip", 0);
                page(asked, skip, &(skip + 300).to_string())
            },
            endpoint,
        )
        .await
        .unwrap_err();
        endless("told 300 rows at first", error);
    }
    // Nothing to hold on to: the most pages.
    let server = Server::start(|asked, _| page(asked, asked.number("skip", 0), "-1")).await;
    let mut config = super::config(&server, super::clock::ManualClock::new());
    config.limits.max_pages = 7;
    let error = all(&Client::new(config).unwrap(), endpoints::SYSTEMS, &[]).await.unwrap_err();
    endless("more than 7 pages", error);
    // Empty pages up to an absurd total.
    let error = read(|_, _| v2_of(&[], "90000000"), endpoints::USERGROUP_MEMBERS).await.unwrap_err();
    endless("are empty", error);
}

/// Says a full page whose rows are numbered from `from`.
fn page(asked: &Asked, from: usize, total: &str) -> Say {
    let page: Vec<_> = (from..from + 100).map(|n| format!(r#"{{"_id":"{n}"}}"#)).collect();
    if asked.path.starts_with("/api/v2/") && !asked.path.ends_with("alerts") {
        v2_of(&page, total)
    } else {
        ok(format!(r#"{{"totalCount":{total},"results":[{}]}}"#, page.join(",")))
    }
}

#[tokio::test]
async fn pages_with_a_known_total_are_asked_for_side_by_side() {
    let everything = rows(3000);
    let server = Server::start(move |asked, _| v1(asked, &everything)).await;
    let client = client(&server);
    all(&client, endpoints::SYSTEMS, &[]).await.unwrap();
    assert!(server.connections() > 1, "one connection at a time");
    assert!(server.connections() <= 10, "more than max_in_flight connections");
}

#[tokio::test]
async fn a_page_that_comes_late_does_not_keep_the_others_from_being_followed_by_the_next() {
    let (everything, expected) = (rows(3000), rows(3000));
    let server = Server::start(move |asked, _| match (asked.number("skip", 0), v1(asked, &everything)) {
        // The second page is on its way while fifteen others are asked for.
        (99, Say::Bytes(page)) => Say::After(17, page),
        (_, page) => page,
    })
    .await;
    let client = client(&server);
    let read = tokio::time::timeout(Duration::from_secs(60), all(&client, endpoints::SYSTEMS, &[])).await;
    assert_eq!(read.expect("the pages behind the late one are asked for").unwrap().0, expected);
    assert!(server.connections() <= 10, "more than max_in_flight connections");
}

#[tokio::test]
async fn an_error_in_the_middle_ends_the_stream_without_an_end() {
    let everything = rows(500);
    let server = Server::start(move |asked, _| match asked.number("skip", 0) {
        198 => super::server::refuse(404, "gone"),
        _ => v1(asked, &everything),
    })
    .await;
    let error = all(&client(&server), endpoints::SYSTEMS, &[]).await.unwrap_err();
    assert!(matches!(error, Error::NotFound(context) if context.endpoint == "systems"));
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_refused_before_anything_is_sent() {
    let server = Server::start(|asked, _| v1(asked, &[])).await;
    let client = client(&server);
    let list = async |endpoint: Endpoint, ids: &[&str], query: &[(&str, &str)]| {
        use futures::StreamExt;
        let first = std::pin::pin!(client.list(&endpoint, ids, query)).next().await.unwrap();
        assert!(matches!(first, Err(Error::Config(_))), "{first:?}");
    };
    list(endpoints::SYSTEM, &["1"], &[]).await;
    list(endpoints::EVENTS, &[], &[]).await;
    list(endpoints::USERGROUP_MEMBERS, &[], &[]).await;
    list(endpoints::USERGROUP_MEMBERS, &["../systemusers"], &[]).await;
    list(endpoints::SYSTEMS, &[], &[("limit", "1000")]).await;
    let body = serde_json::json!({});
    assert_eq!(client.post(&endpoints::SYSTEMS, &[], &body).await.unwrap_err().code(), "config");
    assert_eq!(client.read(&endpoints::EVENTS, &[], &[]).await.unwrap_err().code(), "config");
    assert_eq!(server.asked().len(), 0);
}
