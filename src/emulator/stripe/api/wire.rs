//! The transmission of an answer: whole, in pieces, or not at all.
//!
//! Must not import Stripe's behaviour. Invariant: no byte of a lost answer is sent, since the server closes a
//! connection, unflushed, when the first piece of a body fails.

use std::any::Any;
use std::convert::Infallible;
use std::io;
use std::net::TcpStream;
use std::os::fd::AsFd;

use actix_web::body::SizedStream;
use actix_web::dev::Extensions;
use actix_web::http::header::ContentType;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use futures_util::stream::{self, StreamExt as _};

use crate::stripe::faults::Transmission;

/// The number of pieces of a slow body.
const DRIPS: usize = 8;

/// The answer of a proxy that cannot reach Stripe.
const BAD_GATEWAY: &str = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n\
                           <center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n";

/// The socket of a connection, in addition to the server's own handle.
struct Socket(TcpStream);

/// Keeps the socket of a new connection, so that it can be reset.
pub(crate) fn remember(io: &dyn Any, connection: &mut Extensions) {
    let Some(socket) = io.downcast_ref::<tokio::net::TcpStream>() else { return };
    if let Ok(twin) = socket.as_fd().try_clone_to_owned() {
        connection.insert(Socket(twin.into()));
    }
}

/// Sends an answer.
pub(crate) fn deliver(
    answer: Option<(HttpResponseBuilder, String)>,
    transmission: Transmission,
    request: &HttpRequest,
) -> HttpResponse {
    match (transmission, answer) {
        (Transmission::Whole, Some((mut head, body))) => head.body(body),
        (Transmission::CutShort, Some((mut head, body))) => {
            let length = length(&body);
            head.body(SizedStream::new(length, half(&body)))
        }
        (Transmission::Dripping(span), Some((mut head, body))) => {
            let length = length(&body);
            let pause = span / u32::try_from(DRIPS).unwrap_or(1);
            head.body(SizedStream::new(length, drips(&body, pause)))
        }
        (Transmission::ReplacedByHtml, _) => {
            HttpResponse::BadGateway().content_type(ContentType::html()).body(BAD_GATEWAY)
        }
        (Transmission::Lost { reset }, _) => {
            if reset && let Some(Err(error)) = request.conn_data::<Socket>().map(reset_when_closed) {
                tracing::error!(cause = %error, "connection_cannot_be_reset");
            }
            lost()
        }
        (Transmission::Whole | Transmission::CutShort | Transmission::Dripping(_), None) => lost(),
    }
}

/// The connection is closed before anything of this is sent.
fn lost() -> HttpResponse {
    HttpResponse::Ok().body(SizedStream::new(1, stream::once(async { Err(broken()) })))
}

/// From now on closing the connection resets it.
fn reset_when_closed(Socket(socket): &Socket) -> io::Result<()> {
    tokio::net::TcpStream::from_std(socket.try_clone()?)?.set_zero_linger()
}

/// The first half of a body, which is given time to leave, and then nothing.
fn half(body: &str) -> impl stream::Stream<Item = io::Result<Bytes>> + use<> {
    let first = Bytes::copy_from_slice(&body.as_bytes()[..body.len() / 2]);
    stream::once(async { Ok(first) }).chain(stream::once(async {
        tokio::task::yield_now().await;
        Err(broken())
    }))
}

fn drips(
    body: &str,
    pause: std::time::Duration,
) -> impl stream::Stream<Item = Result<Bytes, Infallible>> + use<> {
    let size = body.len().div_ceil(DRIPS).max(1);
    let drops: Vec<Bytes> = body.as_bytes().chunks(size).map(Bytes::copy_from_slice).collect();
    stream::iter(drops).then(move |drop| async move {
        tokio::time::sleep(pause).await;
        Ok(drop)
    })
}

fn length(body: &str) -> u64 {
    u64::try_from(body.len()).unwrap_or(u64::MAX)
}

fn broken() -> io::Error {
    io::Error::from(io::ErrorKind::BrokenPipe)
}
