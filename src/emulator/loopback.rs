//! An HTTP server on loopback, on a thread of its own.
//!
//! Must not import what is served. Invariants: it listens on 127.0.0.1 only; once it is stopped or dropped its thread
//! has ended and its connections are closed.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::mpsc;
use std::thread::JoinHandle;

use actix_web::dev::{Server, ServerHandle};
use actix_web::rt::System;

/// A server that runs until it is stopped.
#[derive(Debug)]
pub(crate) struct Loopback {
    address: SocketAddr,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

/// A loopback listener, bound before its server starts so that its port is known.
pub(crate) fn bind(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}

impl Loopback {
    /// Starts the server that `run` makes of the listener; returns once it accepts connections.
    pub(crate) fn start(
        name: &str,
        listener: TcpListener,
        run: impl FnOnce(TcpListener) -> io::Result<Server> + Send + 'static,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (started, wait) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            System::new().block_on(async move {
                match run(listener) {
                    Ok(server) => {
                        // The receiver is dropped only if `start` itself was abandoned.
                        drop(started.send(Ok(server.handle())));
                        drop(server.await);
                    }
                    Err(error) => drop(started.send(Err(error))),
                }
            });
        })?;
        let handle = wait
            .recv()
            .map_err(|_| io::Error::other("the emulator's thread ended before it began to serve"))??;
        Ok(Self { address, handle, thread: Some(thread) })
    }

    /// The address of the listener.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops serving, closes all connections and waits for the thread to end.
    pub(crate) fn stop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // The call sends the command; the future would only report its completion, which the join waits for.
            drop(self.handle.stop(false));
            drop(thread.join());
        }
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.stop();
    }
}
