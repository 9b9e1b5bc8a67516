//! Answers that are not what was asked for: other formats, odd shapes, huge, deep, or never ending.

use std::io::Write;

use flate2::{Compression, FlushCompress, write::GzEncoder};

use super::{
    all, client,
    server::{Say, Server, answer, ok, refuse, rows, v1},
};
use crate::{Endpoint, Error, endpoints};

/// Returns the error and the number of requests of a list that always gets `body`.
async fn refused(body: &[u8], endpoint: Endpoint) -> (Error, usize) {
    let bytes = answer(200, "", body);
    let server = Server::start(move |_, _| Say::Bytes(bytes.clone())).await;
    let error = all(&client(&server), endpoint, &[]).await.unwrap_err();
    (error, server.asked().len())
}

#[tokio::test]
async fn what_is_not_a_list_is_never_an_empty_list() {
    for body in [
        r#"{"results":null}"#,
        r#"{"totalCount":5,"results":null}"#,
        r#"{"totalCount":5}"#,
        "{}",
        r#""x""#,
        "null",
        "true",
        "0",
        r#"{"results":{}}"#,
        r#"{"results":["x"]}"#,
        r#"{"results":[1]}"#,
        r#"{"results":[[]]}"#,
        r#"{"message":"Internal error","details":[]}"#,
        r#"{"error":"x","results":"x"}"#,
    ] {
        for endpoint in [endpoints::SYSTEMS, endpoints::USERGROUPS, endpoints::ROLES] {
            let (error, sent) = refused(body.as_bytes(), endpoint).await;
            assert_eq!((error.code(), sent), ("unexpected_shape", 1), "{body}");
        }
    }
    let (error, _) = refused(b"[]", endpoints::SYSTEMS).await;
    assert_eq!(
        error.to_string(),
        "the answer has an unexpected shape: an array instead of an object with results (systems, status 200)"
    );
    let (error, _) = refused(br#"{"a":[],"b":[]}"#, endpoints::ROLES).await;
    assert_eq!(error.code(), "unexpected_shape");
    let (error, _) = refused(br#"{"results":[]}"#, endpoints::USERGROUPS).await;
    assert_eq!(error.code(), "unexpected_shape");
}

#[tokio::test]
async fn an_explicit_total_of_zero_stands_for_a_left_out_list() {
    for body in [r#"{"totalCount":0}"#, r#"{"count":0,"channels":null}"#, r#"{"results":null,"totalCount":"0"}"#] {
        let server = Server::start(move |_, _| ok(body)).await;
        let (rows, pass) = all(&client(&server), endpoints::NOTIFICATION_CHANNELS, &[]).await.unwrap();
        assert_eq!((rows.len(), pass.total), (0, Some(0)), "{body}");
    }
}

#[tokio::test]
async fn what_is_not_json_is_asked_for_again_and_then_named() {
    let utf16: Vec<u8> = "\u{feff}[]".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for body in [
        b"<html>".as_slice(),
        b"[{}",
        b"[{}] trailing",
        b"[{}][]",
        b"[NaN]",
        b"[{\"a\":NaN}]",
        b"[{\"a\":\"\xff\"}]",
        b"[{\"a\":'x'}]",
        b"{\"results\":[],}",
        b"\xef\xbb\xbf",
        b"   ",
        b"\0",
        b"rate limit exceeded",
        &utf16,
    ] {
        for endpoint in [endpoints::USERGROUPS, endpoints::SYSTEMS] {
            let (error, sent) = refused(body, endpoint).await;
            assert_eq!((error.code(), sent), ("not_json", 3), "{:?}", String::from_utf8_lossy(body));
        }
    }
}

#[tokio::test]
async fn a_web_page_with_status_200_is_shown_harmlessly() {
    let page = format!("<html>\x1b]0;owned\x07 Please log in\r\nlevel=error {}</html>", "x".repeat(5000));
    let everything = rows(3);
    for body in [page.clone(), "[]".to_owned(), String::new()] {
        let bytes = answer(200, "content-type: text/html; charset=utf-8\r\n", &body);
        let server = Server::start(move |_, _| Say::Bytes(bytes.clone())).await;
        let error = all(&client(&server), endpoints::USERGROUP_MEMBERS, &["1"]).await.unwrap_err();
        let Error::NotJson { snippet, .. } = &error else { panic!("{error}") };
        assert!(snippet.chars().count() <= 200 && !snippet.chars().any(char::is_control), "{snippet}");
    }
    // A captive portal that goes away.
    let bytes = answer(200, "content-type: text/html\r\n", page);
    let server =
        Server::start(move |asked, n| if n < 2 { Say::Bytes(bytes.clone()) } else { v1(asked, &everything) }).await;
    assert_eq!(all(&client(&server), endpoints::SYSTEMS, &[]).await.unwrap().0.len(), 3);
}

#[tokio::test]
async fn a_byte_order_mark_and_odd_white_space_are_tolerated() {
    for body in ["\u{feff}[{\"id\":\"1\"}]", " \r\n[ {\"id\":\"1\"} ]\n "] {
        let server = Server::start(move |_, _| ok(body)).await;
        let (rows, _) = all(&client(&server), endpoints::USERGROUPS, &[]).await.unwrap();
        assert_eq!(rows, [r#"{"id":"1"}"#]);
    }
}

#[tokio::test]
async fn rows_are_kept_exactly_as_sent_whatever_they_hold() {
    let deep = |depth: usize| format!("{{\"id\":\"d{depth}\",\"x\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    let deep_objects = format!("{{\"id\":\"o\",\"x\":{}1{}}}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    let odd = vec![
        deep(129),
        deep(10_000),
        deep(100_000),
        deep_objects,
        format!(r#"{{"id":"long","x":"{}"}}"#, "ä".repeat(100_000)),
        format!(r#"{{"id":"keys",{}}}"#, (0..20_000).map(|n| format!(r#""k{n}":0"#)).collect::<Vec<_>>().join(",")),
        r#"{"id":"numbers","a":9007199254740993,"b":1e400,"c":-0,"d":1.10}"#.to_owned(),
        r#"{"id":"strings","a":"\u0000","b":"\ud800","c":"\u001b]0;x\u0007"}"#.to_owned(),
        r#"{"id":"twice","id":"again","__proto__":{}}"#.to_owned(),
        r#"{"id": 5,   "spaced" :  true}"#.to_owned(),
        r#"{"id":null}"#.to_owned(),
        "{}".to_owned(),
    ];
    let page = odd.join(",");
    let server = Server::start(move |_, _| ok(format!("[{page}]"))).await;
    let (rows, _) = all(&client(&server), endpoints::USERGROUPS, &[]).await.unwrap();
    assert_eq!(rows.len(), odd.len());
    for (row, sent) in rows.iter().zip(&odd) {
        assert!(row == sent, "{}", &sent[..sent.len().min(60)]);
    }
}

#[tokio::test]
async fn a_deep_row_at_a_page_boundary_overflows_nothing() {
    let deep = |n: usize| format!("{{\"x\":{}{},\"id\":\"{n:03}\"}}", "[".repeat(3_000), "]".repeat(3_000));
    let everything: Vec<_> = (0..150).map(deep).collect();
    let served = everything.clone();
    let server = Server::start(move |asked, _| super::server::v2(asked, &served)).await;
    let (rows, pass) = all(&client(&server), endpoints::USERGROUPS, &[]).await.unwrap();
    assert_eq!((rows == everything, pass.moved), (true, None));
}

#[tokio::test]
async fn a_deep_error_body_overflows_nothing() {
    let server = Server::start(|_, _| Say::Bytes(answer(403, "", "[".repeat(60_000)))).await;
    let error = client(&server).read(&endpoints::SYSTEMS, &[], &[]).await.unwrap_err();
    assert_eq!(error.code(), "not_permitted");
}

#[tokio::test]
async fn an_answer_above_the_limit_is_stopped_while_it_comes() {
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000)).into_bytes();
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let until_closed = b"HTTP/1.1 200 OK\r\n\r\n[".to_vec();
    let long = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n[".to_vec();
    for first in [chunked, until_closed, long] {
        let again = chunk.clone();
        let server = Server::start(move |_, _| Say::Forever(first.clone(), again.clone())).await;
        let error = client(&server).read(&endpoints::SYSTEMS, &[], &[]).await.unwrap_err();
        assert!(matches!(error, Error::TooLarge { limit: 0x0010_0000, .. }), "{error}");
        assert_eq!(server.asked().len(), 1, "a large answer is not asked for again");
        assert!(server.sent() < 32 * 1024 * 1024, "{}", server.sent());
    }
}

#[tokio::test]
async fn a_compressed_bomb_is_stopped_at_the_limit_after_decompression() {
    // A flushed block stands for itself, so that the same one can be sent for ever: 4 KiB hold 4 MiB.
    let head = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut deflate = flate2::Compress::new(Compression::best(), false);
    let mut block = Vec::with_capacity(64 * 1024);
    deflate.compress_vec(&vec![b' '; 4 * 1024 * 1024], &mut block, FlushCompress::Full).unwrap();
    assert!(block.len() < 16 * 1024);
    let first = [b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n".to_vec(), head].concat();
    let server = Server::start(move |_, _| Say::Forever(first.clone(), block.clone())).await;
    let error = client(&server).read(&endpoints::SYSTEMS, &[], &[]).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    assert!(server.sent() < 16 * 1024 * 1024, "{}", server.sent());
}

#[tokio::test]
async fn compressed_answers_are_read_and_mislabelled_ones_refused() {
    let body = format!("[{}]", rows(50).join(","));
    let gzip = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let packed = gzip(body.as_bytes());
    let good = answer(200, "content-encoding: gzip\r\n", &packed);
    let server = Server::start(move |_, _| Say::Bytes(good.clone())).await;
    assert_eq!(all(&client(&server), endpoints::USERGROUPS, &[]).await.unwrap().0.len(), 50);
    for (name, bytes) in [
        ("plain text called gzip", answer(200, "content-encoding: gzip\r\n", &body)),
        ("plain text called br", answer(200, "content-encoding: br\r\n", &body)),
        ("plain text called zstd", answer(200, "content-encoding: zstd\r\n", &body)),
        ("plain text called gzip twice", answer(200, "content-encoding: gzip, gzip\r\n", &body)),
        ("gzip in gzip, called so", answer(200, "content-encoding: gzip, gzip\r\n", gzip(&packed))),
        ("plain text called something else", answer(200, "content-encoding: aes128gcm\r\n", &body)),
        ("gzip not called so", answer(200, "", &packed)),
        ("gzip in gzip", answer(200, "content-encoding: gzip\r\n", gzip(&packed))),
        ("half of it", answer(200, "content-encoding: gzip\r\n", &packed[..packed.len() / 2])),
    ] {
        let server = Server::start(move |_, _| Say::Bytes(bytes.clone())).await;
        let error = all(&client(&server), endpoints::USERGROUPS, &[]).await.unwrap_err();
        assert!(matches!(error.code(), "not_json" | "unreachable"), "{name}: {error}");
    }
}

#[tokio::test]
async fn headers_without_measure_are_refused() {
    let many: String = (0..10_000).map(|n| format!("set-cookie: a{n}=b\r\n")).collect();
    let long = format!("x-long: {}\r\n", "x".repeat(1024 * 1024));
    for headers in [many, long, "bad header\r\n".to_owned(), "x: \u{1}\r\n".to_owned()] {
        let bytes = answer(200, &headers, "{}");
        let server = Server::start(move |_, _| Say::Bytes(bytes.clone())).await;
        let error = client(&server).read(&endpoints::SYSTEM, &["1"], &[]).await.unwrap_err();
        assert_eq!(error.code(), "unreachable", "{error}");
    }
    let endless = (b"HTTP/1.1 200 OK\r\nx: ".to_vec(), vec![b'x'; 65536]);
    let server = Server::start(move |_, _| Say::Forever(endless.0.clone(), endless.1.clone())).await;
    let error = client(&server).read(&endpoints::SYSTEM, &["1"], &[]).await.unwrap_err();
    assert_eq!(error.code(), "unreachable");
    assert!(server.sent() < 6 * 16 * 1024 * 1024, "{}", server.sent());
}

#[tokio::test]
async fn odd_header_values_are_not_believed() {
    let headers = "x-total-count: \u{e4}\r\nretry-after: \u{e4}\r\ndate: yesterday\r\nX-Search_after: {\"a\":1}\r\nx-result-count: many\r\n";
    let bytes = answer(200, headers, "[]");
    let server = Server::start(move |_, _| Say::Bytes(bytes.clone())).await;
    let answer = client(&server).read(&endpoints::USERGROUPS, &[], &[]).await.unwrap();
    assert_eq!((answer.total, answer.result_count, answer.date), (None, None, None));
    assert!(answer.search_after.is_none());
}

#[tokio::test]
async fn a_single_read_takes_an_object_only() {
    for body in ["[]", "null", r#""x""#, "5"] {
        let server = Server::start(move |_, _| ok(body)).await;
        let error = client(&server).read(&endpoints::SYSTEM, &["1"], &[]).await.unwrap_err();
        assert_eq!(error.code(), "unexpected_shape", "{body}");
    }
    let server = Server::start(|_, _| ok(" {\"a\": 1} ")).await;
    let answer = client(&server).read(&endpoints::SYSTEM, &["1"], &[]).await.unwrap();
    assert_eq!(answer.body.get(), "{\"a\": 1}");
    assert!(answer.rows().is_err());
}

#[tokio::test]
async fn error_messages_are_found_in_every_known_shape() {
    for (body, expected) in [
        (r#"{"message":"Forbidden"}"#, Some("Forbidden")),
        (r#"{"error":"e","message":"m"}"#, Some("m")),
        (r#"{"error":"e"}"#, Some("e")),
        (r#"{"code":7}"#, Some(r#"{"code":7}"#)),
        ("plain", Some("plain")),
        ("", None),
    ] {
        let server = Server::start(move |_, _| Say::Bytes(answer(403, "", body))).await;
        let error = client(&server).read(&endpoints::SYSTEMS, &[], &[]).await.unwrap_err();
        assert_eq!(error.context().unwrap().message.as_deref(), expected);
    }
    let server = Server::start(|_, _| refuse(400, &"\u{202e}\u{1b}[31m".repeat(1000))).await;
    let error = client(&server).read(&endpoints::SYSTEMS, &[], &[]).await.unwrap_err();
    let message = error.context().unwrap().message.clone().unwrap();
    assert!(message.starts_with("\\u{202e}\\u{1b}[31m") && message.chars().count() <= 200);
}
