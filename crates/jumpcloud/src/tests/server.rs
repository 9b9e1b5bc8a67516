//! A small HTTP/1.1 server that says exactly what a test tells it to, byte by byte if need be.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: HashMap<String, String>,
    pub(super) headers: HashMap<String, String>,
    pub(super) body: String,
}

impl Asked {
    /// Returns a number of the query, or what JumpCloud assumes without it.
    pub(super) fn number(&self, name: &str, default: usize) -> usize {
        self.query.get(name).map_or(default, |text| text.parse().unwrap())
    }
}

/// What the server does with a request.
pub(super) enum Say {
    /// Sends the bytes and waits for the next request.
    Bytes(Vec<u8>),
    /// Sends the bytes when so many requests have come, to all connections together.
    After(usize, Vec<u8>),
    /// Sends the bytes and ends the connection.
    Cut(Vec<u8>),
    /// Sends the bytes and then nothing, for ever.
    Hang(Vec<u8>),
    /// Sends the bytes one by one, with a pause before each.
    Drip(Vec<u8>, Duration),
    /// Sends the first bytes once and the second ones for ever.
    Forever(Vec<u8>, Vec<u8>),
}

type Handler = dyn Fn(&Asked, usize) -> Say + Send + Sync;

pub(super) struct Server {
    pub(super) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    sent: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// Starts a server; the handler gets each request and how many came before it.
    pub(super) async fn start(handler: impl Fn(&Asked, usize) -> Say + Send + Sync + 'static) -> Self {
        Self::serve(handler, None).await
    }

    pub(super) async fn start_tls(
        handler: impl Fn(&Asked, usize) -> Say + Send + Sync + 'static,
        tls: rustls::ServerConfig,
    ) -> Self {
        Self::serve(handler, Some(TlsAcceptor::from(Arc::new(tls)))).await
    }

    /// Starts a server behind an https URL that answers every first byte with the same bytes, without TLS.
    pub(super) async fn start_raw(bytes: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self::named("https", &listener);
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let _ = socket.read(&mut [0; 4096]).await;
                let _ = socket.write_all(bytes).await;
            }
        });
        server
    }

    fn named(scheme: &str, listener: &TcpListener) -> Self {
        Self {
            url: format!("{scheme}://{}", listener.local_addr().unwrap()),
            asked: Arc::default(),
            sent: Arc::default(),
            connections: Arc::default(),
        }
    }

    async fn serve(handler: impl Fn(&Asked, usize) -> Say + Send + Sync + 'static, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self::named(if tls.is_some() { "https" } else { "http" }, &listener);
        let handler: Arc<Handler> = Arc::new(handler);
        let (asked, sent) = (server.asked.clone(), server.sent.clone());
        let connections = server.connections.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                let (handler, asked, sent, tls) = (handler.clone(), asked.clone(), sent.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => talk(socket, &*handler, &asked, &sent).await,
                        Some(tls) => match tls.accept(socket).await {
                            Ok(socket) => talk(socket, &*handler, &asked, &sent).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
        server
    }

    /// Returns every request so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Returns how many bytes could be sent.
    pub(super) fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    /// Returns how many connections were made.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

/// Serves one connection until either side ends it.
async fn talk(
    mut socket: impl AsyncRead + AsyncWrite + Unpin,
    handler: &Handler,
    asked: &Mutex<Vec<Asked>>,
    sent: &AtomicUsize,
) -> Option<()> {
    let mut buffer = Vec::new();
    loop {
        let request = read(&mut socket, &mut buffer).await?;
        let say = {
            let mut asked = asked.lock().unwrap();
            asked.push(request.clone());
            handler(&request, asked.len() - 1)
        };
        match say {
            Say::Bytes(bytes) => write(&mut socket, &bytes, sent).await?,
            Say::After(requests, bytes) => {
                while asked.lock().unwrap().len() < requests {
                    tokio::task::yield_now().await;
                }
                write(&mut socket, &bytes, sent).await?;
            }
            Say::Cut(bytes) => {
                write(&mut socket, &bytes, sent).await?;
                socket.shutdown().await.ok()?;
                return None;
            }
            Say::Hang(bytes) => {
                write(&mut socket, &bytes, sent).await?;
                std::future::pending::<()>().await;
            }
            Say::Drip(bytes, pause) => {
                for byte in bytes {
                    tokio::time::sleep(pause).await;
                    write(&mut socket, &[byte], sent).await?;
                }
            }
            Say::Forever(first, again) => {
                write(&mut socket, &first, sent).await?;
                loop {
                    write(&mut socket, &again, sent).await?;
                }
            }
        }
    }
}

async fn write(socket: &mut (impl AsyncWrite + Unpin), bytes: &[u8], sent: &AtomicUsize) -> Option<()> {
    socket.write_all(bytes).await.ok()?;
    socket.flush().await.ok()?;
    sent.fetch_add(bytes.len(), Ordering::Relaxed);
    Some(())
}

async fn read(socket: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Option<Asked> {
    let head = loop {
        if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        more(socket, buffer).await?;
    };
    let text = String::from_utf8(buffer[..head].to_vec()).unwrap();
    let mut lines = text.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: HashMap<_, _> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length").map_or(0, |text| text.parse().unwrap());
    while buffer.len() < head + length {
        more(socket, buffer).await?;
    }
    let body = String::from_utf8(buffer[head..head + length].to_vec()).unwrap();
    buffer.drain(..head + length);
    let url = url::Url::parse(&format!("http://server{target}")).unwrap();
    Some(Asked { method, path: url.path().to_owned(), query: url.query_pairs().into_owned().collect(), headers, body })
}

async fn more(socket: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Option<()> {
    match socket.read_buf(buffer).await {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(()),
    }
}

/// Returns an answer with a body and further header lines (each ending in CR LF).
pub(super) fn answer(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let kind = if headers.to_lowercase().contains("content-type") {
        ""
    } else {
        "content-type: application/json; charset=utf-8\r\n"
    };
    let mut bytes =
        format!("HTTP/1.1 {status} X\r\n{kind}{headers}content-length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Says a body with 200.
pub(super) fn ok(body: impl AsRef<[u8]>) -> Say {
    Say::Bytes(answer(200, "", body))
}

/// Says a status with a message.
pub(super) fn refuse(status: u16, message: &str) -> Say {
    Say::Bytes(answer(status, "", serde_json::json!({ "message": message }).to_string()))
}

/// Returns rows with ids that sort as they count.
pub(super) fn rows(count: usize) -> Vec<String> {
    (0..count).map(|n| format!(r#"{{"_id":"{n:024x}","id":"{n:024x}","n":{n}}}"#)).collect()
}

/// Returns the part of `rows` that was asked for.
pub(super) fn slice<'a>(asked: &Asked, rows: &'a [String]) -> &'a [String] {
    let (skip, limit) = (asked.number("skip", 0), asked.number("limit", 10));
    &rows[skip.min(rows.len())..(skip + limit).min(rows.len())]
}

/// Says a V1 page, with the total in the body.
pub(super) fn v1(asked: &Asked, rows: &[String]) -> Say {
    let page = slice(asked, rows).join(",");
    ok(format!(r#"{{"totalCount":{},"results":[{page}]}}"#, rows.len()))
}

/// Says a V2 page, with the total in a header.
pub(super) fn v2(asked: &Asked, rows: &[String]) -> Say {
    v2_of(slice(asked, rows), &rows.len().to_string())
}

/// Says a V2 page of these rows with any total.
pub(super) fn v2_of(page: &[String], total: &str) -> Say {
    Say::Bytes(answer(200, &format!("x-total-count: {total}\r\n"), format!("[{}]", page.join(","))))
}
