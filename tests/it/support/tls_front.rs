//! A TLS proxy in front of a gateway, as an agency has one, with a certificate that an authority of its own has signed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

pub struct TlsFront {
    pub address: SocketAddr,
    folder: TempDir,
}

/// A page that the proxy serves itself: path, media type, body.
pub type OwnPage = (&'static str, &'static str, &'static str);

impl TlsFront {
    /// Serves a host, until the test's runtime ends. What is none of its own pages goes to the gateway.
    pub async fn start(host: &str, gateway: SocketAddr, pages: Vec<OwnPage>) -> Self {
        Self::until((2036, 1, 1), host, gateway, pages).await
    }

    /// The same, with a certificate that is valid until this day.
    pub async fn until(day: (i32, u8, u8), host: &str, gateway: SocketAddr, pages: Vec<OwnPage>) -> Self {
        let (folder, config) = certified(host, day);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (acceptor, pages) = (TlsAcceptor::from(Arc::new(config)), Arc::new(pages));
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (acceptor, pages) = (acceptor.clone(), Arc::clone(&pages));
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(connection).await {
                        drop(answer(stream, gateway, &pages).await);
                    }
                });
            }
        });
        Self { address, folder }
    }

    /// The certificate of its authority, as `SSL_CERT_FILE` names it.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }
}

fn certified(host: &str, (year, month, day): (i32, u8, u8)) -> (TempDir, ServerConfig) {
    let folder = TempDir::new().unwrap();
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = authority.self_signed(&authority_key).unwrap().pem();
    std::fs::write(folder.path().join("authority.pem"), pem).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut own = CertificateParams::new(vec![host.to_owned()]).unwrap();
    own.not_after = rcgen::date_time_ymd(year, month, day);
    let certificate = own.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (folder, config)
}

/// Answers one request; the connection ends with it.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    gateway: SocketAddr,
    pages: &[OwnPage],
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let line = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
    let path = line.split(' ').nth(1).unwrap_or_default();
    if let Some((_, media_type, body)) = pages.iter().find(|(own, ..)| *own == path) {
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        stream.write_all(answer.as_bytes()).await?;
        return stream.shutdown().await;
    }
    let mut upstream = TcpStream::connect(gateway).await?;
    let end_of_line = line.len() + 2;
    upstream.write_all(&head[..end_of_line]).await?;
    upstream.write_all(b"connection: close\r\n").await?;
    upstream.write_all(&head[end_of_line..]).await?;
    copy_bidirectional(&mut stream, &mut upstream).await.map(drop)
}
