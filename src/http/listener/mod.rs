//! A listener with a limit on its connections, where a new client does not wait for idle ones.
//!
//! actix-web's own server accepts no connection beyond its limit until another one has ended by itself. Here an idle
//! one is closed (`connections`), so the limit does not make clients queue.

mod client;
mod connections;
mod descriptors;

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, TcpListener};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use actix_http::{ConnectionType, HttpService, KeepAlive, Payload, Protocol, Request};
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

/// The part of an IPv6 address that identifies a network: a provider gives each customer at least this much.
const NETWORK_OF_IPV6: u128 = !0 << 64;

/// How long the closing of a connection waits for its client to close it, too.
const DISCONNECT_DEADLINE: Duration = Duration::from_secs(1);

/// The settings of a listener.
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
    /// How long open requests may continue after a stop, in seconds.
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
                    Some(connection) => attach(request, connection),
                    None => request,
                });
                async move {
                    let mut answer: Result<Response<B>, _> = answering.await.map(Into::into);
                    let is_kept = connection.is_none_or(|connection| connection.is_answered());
                    if let (Ok(answer), false) = (&mut answer, is_kept) {
                        answer.head_mut().set_connection_type(ConnectionType::Close);
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
                // When a client hangs up, its request is dropped at once; by default it would continue.
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

/// Makes a request report to its connection when it is complete. The body of a request with a safe method is not
/// waited for.
fn attach(mut request: Request, connection: &Rc<Connection>) -> Request {
    let reads_only = request.method().is_safe();
    let payload: Payload = match request.take_payload() {
        body @ (Payload::H1 { .. } | Payload::Stream { .. }) if !reads_only => {
            // It counts as idle only from here on.
            connection.waits_for_its_client();
            let connection = Rc::clone(connection);
            let end = poll_fn(move |_| {
                connection.stops_waiting();
                Poll::Ready(None)
            });
            Payload::Stream { payload: Box::pin(body.chain(end)) }
        }
        whole @ (Payload::None | Payload::H1 { .. } | Payload::Stream { .. }) => {
            connection.stops_waiting();
            whole
        }
    };
    request.replace_payload(payload).0
}

/// The sender for the limits: an IPv4 address, or the IPv6 network of one customer.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(whole) => IpAddr::V6(Ipv6Addr::from_bits(whole.to_bits() & NETWORK_OF_IPV6)),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Arc;

    use actix_web::http::Method;
    use actix_web::{App, HttpResponse, web};
    use futures_util::stream::pending;
    use tokio::io::AsyncWriteExt as _;
    use tokio::sync::{Semaphore, mpsc};
    use tokio::time::timeout;

    use super::*;

    struct Connected {
        connection: Rc<Connection>,
        closing: AbortHandle,
    }

    fn connected(all: &Rc<Connections>) -> Connected {
        let (closing, _) = AbortHandle::new_pair();
        Connected { connection: all.admit(Ipv4Addr::LOCALHOST.into(), closing.clone()), closing }
    }

    fn with_body(method: Method) -> Request {
        let body: Payload = Payload::Stream { payload: Box::pin(pending()) };
        let mut request = Request::with_payload(body);
        request.head_mut().method = method;
        request
    }

    #[test]
    fn a_connection_with_an_arriving_request_outlasts_an_idle_one() {
        let all = Connections::up_to(3);
        let (posting, idle) = (connected(&all), connected(&all));
        let _arriving = attach(with_body(Method::POST), &posting.connection);
        let _last = connected(&all);
        assert_eq!((posting.closing.is_aborted(), idle.closing.is_aborted()), (false, true));
    }

    #[test]
    fn a_request_whose_body_nobody_reads_is_being_answered_at_once() {
        let all = Connections::up_to(2);
        let asking = connected(&all);
        let _asked = attach(with_body(Method::GET), &asking.connection);
        let _last = connected(&all);
        assert!(!asking.closing.is_aborted());
    }

    #[actix_web::test]
    async fn the_first_answer_makes_room_for_a_client_waiting_for_a_place() {
        let bound = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = bound.local_addr().unwrap();
        let (began, mut begun) = mpsc::unbounded_channel();
        let answers = Arc::new(Semaphore::new(0));
        let listening = Listening {
            workers: 1,
            connections: 2,
            head_deadline: Duration::from_mins(1),
            keep_alive: Duration::from_mins(1),
            grace_seconds: 0,
        };
        let may_answer = Arc::clone(&answers);
        let server = serve(bound, listening, move || {
            let (began, answers) = (began.clone(), Arc::clone(&may_answer));
            App::new().default_service(web::to(move || {
                let (began, answers) = (began.clone(), Arc::clone(&answers));
                async move {
                    began.send(()).unwrap();
                    answers.acquire().await.unwrap().forget();
                    HttpResponse::Ok().finish()
                }
            }))
        })
        .unwrap();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        let ask = async || {
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(b"GET / HTTP/1.1\r\nhost: shop\r\n\r\n").await.unwrap();
            client
        };
        let mut clients = Vec::new();
        for _ in 0..2 {
            clients.push(ask().await);
            begun.recv().await.unwrap();
        }
        answers.add_permits(1);
        clients.push(ask().await);
        let served = timeout(Duration::from_secs(10), begun.recv()).await;
        assert!(served.is_ok(), "a client waits for a connection that says nothing");
        handle.stop(false).await;
    }
}
