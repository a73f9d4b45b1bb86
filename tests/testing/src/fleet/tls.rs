//! TLS for the receivers. Each connection makes a full handshake, as with a receiver that issues no session tickets.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::serve::Listener;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A certificate for 127.0.0.1, in PEM files.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The file with the certificate, without that of the issuer.
    pub certificate: PathBuf,
    /// The file with the private key.
    pub key: PathBuf,
    /// The file with the certificate of the issuer, for the client's `SSL_CERT_FILE`.
    pub issuer: PathBuf,
}

impl Certificate {
    /// The files that `certificate.py` writes into a directory.
    pub fn in_directory(directory: &Path) -> Self {
        Self {
            certificate: directory.join("certificate.pem"),
            key: directory.join("key.pem"),
            issuer: directory.join("issuer.pem"),
        }
    }

    fn server(&self) -> io::Result<ServerConfig> {
        crate::install_crypto();
        let certificate = CertificateDer::from_pem_file(&self.certificate);
        let key = PrivateKeyDer::from_pem_file(&self.key);
        let (certificate, key) = (
            certificate.map_err(io::Error::other)?,
            key.map_err(io::Error::other)?,
        );
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(vec![certificate], key);
        let mut config = config.map_err(io::Error::other)?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }
}

/// A listener that returns connections after their handshake has succeeded.
pub struct TlsListener {
    address: SocketAddr,
    accepted: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
}

impl TlsListener {
    /// Adds TLS to a listener.
    pub fn new(listener: TcpListener, certificate: &Certificate) -> io::Result<Self> {
        let acceptor = TlsAcceptor::from(Arc::new(certificate.server()?));
        let address = listener.local_addr()?;
        let (sender, accepted) = mpsc::channel(128);
        tokio::spawn(async move {
            // Each handshake has its own task, so a slow one delays no other.
            while let Ok((stream, peer)) = listener.accept().await {
                let (acceptor, sender) = (acceptor.clone(), sender.clone());
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        // The receiver of the channel has ended at the end of a test.
                        let _ = sender.send((stream, peer)).await;
                    }
                });
            }
        });
        Ok(Self { address, accepted })
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.accepted.recv().await {
            Some(accepted) => accepted,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}
