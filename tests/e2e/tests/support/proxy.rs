//! A TCP proxy in front of PostgreSQL that behaves like a broken network or like a connection pooler.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The code of PostgreSQL's request for TLS, in the place of a protocol version.
const TLS_REQUEST: i32 = 80_877_103;

/// The treatment of the settings that a session requests in its first message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settings {
    /// The settings reach the server.
    Kept,
    /// The settings are removed, as by PgBouncer with `ignore_startup_parameters = options`.
    Dropped,
    /// The session is refused, as by PgBouncer without that setting.
    Refused,
}

/// The running proxy.
pub struct Proxy {
    port: u16,
    stalled: Arc<watch::Sender<bool>>,
    round_trips: Arc<AtomicUsize>,
}

impl Proxy {
    /// Listens on a free port.
    pub async fn start(server: u16, settings: Settings) -> Self {
        Self::start_on(0, server, settings).await
    }

    /// Listens on this port.
    pub async fn start_on(port: u16, server: u16, settings: Settings) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let stalled = Arc::new(watch::Sender::new(false));
        let watched = Arc::clone(&stalled);
        let round_trips = Arc::default();
        let counter = Arc::clone(&round_trips);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (stalled, counter) = (watched.subscribe(), Arc::clone(&counter));
                tokio::spawn(async move {
                    // An error ends the session, as it would without the proxy.
                    let _ = serve(client, server, settings, stalled, &counter).await;
                });
            }
        });
        Self {
            port,
            stalled,
            round_trips,
        }
    }

    /// Returns the number of times that a client has waited for an answer, the one to its first message included.
    pub fn round_trips(&self) -> usize {
        self.round_trips.load(Ordering::SeqCst)
    }

    /// The port on which the proxy listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops every session without ending it, as a broken network does.
    pub fn stall(&self) {
        self.stalled.send_replace(true);
    }
}

async fn serve(
    mut client: TcpStream,
    server: u16,
    settings: Settings,
    mut stalled: watch::Receiver<bool>,
    round_trips: &AtomicUsize,
) -> std::io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", server)).await?;
    let mut first = read_message(&mut client).await?;
    if first[4..8] == TLS_REQUEST.to_be_bytes() {
        server.write_all(&first).await?;
        client.write_u8(server.read_u8().await?).await?;
        first = read_message(&mut client).await?;
    }
    match settings {
        Settings::Kept => {}
        Settings::Dropped => first = without_options(&first),
        Settings::Refused => return refuse(&mut client).await,
    }
    server.write_all(&first).await?;

    let (mut client_reads, mut client_writes) = client.split();
    let (mut server_reads, mut server_writes) = server.split();
    let is_waiting = AtomicBool::new(true);
    let asked = || is_waiting.store(true, Ordering::SeqCst);
    let answered = || {
        if is_waiting.swap(false, Ordering::SeqCst) {
            round_trips.fetch_add(1, Ordering::SeqCst);
        }
    };
    tokio::select! {
        done = pass(&mut client_reads, &mut server_writes, asked) => done,
        done = pass(&mut server_reads, &mut client_writes, answered) => done,
        () = async { drop(stalled.wait_for(|stalled| *stalled).await) } => std::future::pending().await,
    }
}

/// Passes bytes on until the end, and calls `seen` for each part before it is written.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    seen: impl Fn(),
) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        seen();
        to.write_all(&buffer[..length]).await?;
    }
}

/// Reads a message without a type, as at the beginning of a session. The length counts its own four bytes.
async fn read_message(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let length = stream.read_i32().await?;
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.resize(length.try_into().unwrap(), 0);
    stream.read_exact(&mut bytes[4..]).await?;
    Ok(bytes)
}

fn without_options(startup: &[u8]) -> Vec<u8> {
    let texts: Vec<&[u8]> = startup[8..].split(|byte| *byte == 0).collect();
    let mut kept = startup[..8].to_vec();
    for pair in texts.chunks_exact(2) {
        if pair[0] != b"options" && !pair[0].is_empty() {
            kept.extend([pair[0], b"\0", pair[1], b"\0"].concat());
        }
    }
    kept.push(0);
    let length = i32::try_from(kept.len()).unwrap();
    kept[..4].copy_from_slice(&length.to_be_bytes());
    kept
}

async fn refuse(client: &mut TcpStream) -> std::io::Result<()> {
    let fields = b"SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: options\0\0";
    let length = i32::try_from(fields.len() + 4).unwrap();
    client.write_all(b"E").await?;
    client.write_all(&length.to_be_bytes()).await?;
    client.write_all(fields).await
}
