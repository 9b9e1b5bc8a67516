//! Connections that end at once when the simulator stops, kept-alive and hanging ones included.
//! Responsible for accepting and for that end. What is said over a connection is decided in `server`.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Accepts connections until it is dropped.
pub(crate) struct Listener {
    pub(crate) listener: TcpListener,
    /// Turns true, or loses its sender, when everything is to end.
    pub(crate) stop: watch::Receiver<bool>,
}

/// One connection of a client.
pub(crate) struct Connection {
    stream: TcpStream,
    stop: Pin<Box<dyn Future<Output = ()> + Send>>,
    stopped: bool,
}

impl Listener {
    /// The next connection; a failure to accept one (too many open files, a client that is gone) is tried again.
    pub(crate) async fn accept(&self) -> Connection {
        let stream = loop {
            match self.listener.accept().await {
                Ok((stream, _)) => break stream,
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        };
        // Without this, small answers wait for the acknowledgement of the piece before.
        let _ = stream.set_nodelay(true);
        let mut stop = self.stop.clone();
        let stop = Box::pin(async move {
            let _ = stop.wait_for(|stop| *stop).await;
        });
        Connection { stream, stop, stopped: false }
    }
}

impl Connection {
    /// Fails once the simulator stops, and wakes the task when it does.
    fn still_open(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if !self.stopped {
            self.stopped = self.stop.as_mut().poll(context).is_ready();
        }
        if self.stopped { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.still_open(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.still_open(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
