//! A listener whose connections are bounded, and where a new client does not wait for those that say nothing.
//!
//! actix-web's own server takes no connection beyond its bound until another one has ended by itself. Here one gives way
//! (`connections`), so the bound is no queue.

mod client;
mod connections;
mod descriptors;

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, TcpListener};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use actix_http::{HttpService, KeepAlive, Payload, Protocol, Request};
use actix_service::{IntoServiceFactory, ServiceFactoryExt as _, apply_fn_factory, map_config};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Response, Server, Service, ServiceFactory, fn_factory, fn_service};
use actix_web::rt::net::TcpStream;
use futures_util::StreamExt as _;
use futures_util::future::{AbortHandle, Abortable};
use futures_util::stream::poll_fn;

use client::Client;
use connections::{Connection, Connections};
pub(super) use descriptors::{OF_ADMIN, of_each_worker};

/// How much of an IPv6 address tells a network: what one customer of a provider has at least.
const NETWORK_OF_IPV6: u128 = !0 << 64;

/// How long a connection that is being closed waits for its client to close it, too.
const DISCONNECT_DEADLINE: Duration = Duration::from_secs(1);

/// How a listener treats its connections.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listening {
    /// Worker threads.
    pub(super) workers: usize,
    /// The most connections of each worker.
    pub(super) connections: usize,
    /// How long a client may take to send its request's head.
    pub(super) head_deadline: Duration,
    /// How long an idle connection is kept.
    pub(super) keep_alive: Duration,
    /// How long open requests may go on after a stop, in seconds.
    pub(super) grace_seconds: u64,
}

/// Serves an application on a bound listener until it is stopped.
pub(super) fn serve<F, I, S, B>(
    listener: TcpListener,
    listening: Listening,
    app: F,
) -> std::io::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig, Error = actix_web::Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    S::Service: 'static,
    <S::Service as Service<Request>>::Future: 'static,
    B: MessageBody + 'static,
{
    let builder = Server::build();
    let stopping = builder.graceful_shutdown_signal();
    let builder = builder
        .workers(listening.workers)
        .max_concurrent_connections(listening.connections)
        .shutdown_timeout(listening.grace_seconds)
        .disable_signals()
        .listen("http", listener, move || {
            let connections = Connections::up_to(listening.connections);
            let app = app().into_factory().map_err(|error| error.error_response());
            let app = map_config(app, |()| AppConfig::default());
            let answered = apply_fn_factory(app, |request: Request, app: &_| {
                let connection = request.conn_data::<Rc<Connection>>().cloned();
                let answering = app.call(match &connection {
                    Some(connection) => heard(request, connection),
                    None => request,
                });
                async move {
                    let answer = answering.await;
                    if let Some(connection) = connection {
                        connection.waits_for_its_client();
                    }
                    answer
                }
            });
            let stopping = stopping.clone();
            let http = HttpService::build()
                .graceful_shutdown_signal(move || {
                    let stopping = stopping.clone();
                    async move { stopping.notified().await }
                })
                .keep_alive(KeepAlive::Timeout(listening.keep_alive))
                .client_request_timeout(listening.head_deadline)
                .client_disconnect_timeout(DISCONNECT_DEADLINE)
                // A client that hangs up is noticed at once, and its request is dropped; by default it is carried on.
                .h1_allow_half_closed(false)
                .on_connect_ext(|client: &Client, data| {
                    data.insert(Rc::clone(&client.connection));
                })
                .finish(answered);
            fn_factory(move || {
                let (http, connections) = (http.new_service(()), Rc::clone(&connections));
                async move {
                    let http = Rc::new(http.await?);
                    Ok::<_, ()>(fn_service(move |stream: TcpStream| {
                        let (closing, closed) = AbortHandle::new_pair();
                        let seated = stream.peer_addr().map(|peer| {
                            let connection = connections.admit(network(peer.ip()), closing);
                            http.call((Client { stream, connection }, Protocol::Http1, Some(peer)))
                        });
                        async move { Abortable::new(async move { seated?.await }, closed).await }
                    }))
                }
            })
        })?;
    Ok(builder.run())
}

/// A request that tells its connection when all of it is here.
fn heard(mut request: Request, connection: &Rc<Connection>) -> Request {
    let payload: Payload = match request.take_payload() {
        Payload::None => {
            connection.stops_waiting();
            Payload::None
        }
        body @ (Payload::H1 { .. } | Payload::Stream { .. }) => {
            let connection = Rc::clone(connection);
            let end = poll_fn(move |_| {
                connection.stops_waiting();
                Poll::Ready(None)
            });
            Payload::Stream { payload: Box::pin(body.chain(end)) }
        }
    };
    request.replace_payload(payload).0
}

/// What limits count as one sender: an address, of IPv6 the network that one customer has.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(whole) => IpAddr::V6(Ipv6Addr::from_bits(whole.to_bits() & NETWORK_OF_IPV6)),
        address @ IpAddr::V4(_) => address,
    }
}
