//! A way to the emulator on which one call is held for ever, so that its caller can be killed at exactly this step.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The moment of a call at which it is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The service does not get the call.
    Before,
    /// The service executes the call, and its answer does not arrive.
    After,
}

/// The call that is held: a text of its request, such as `AmazonSQS.DeleteQueue`.
#[derive(Debug, Clone, Copy)]
struct Held {
    call: &'static [u8],
    moment: Moment,
}

/// The running way to the emulator.
pub struct HeldCall {
    pub endpoint: String,
    reached: watch::Receiver<bool>,
}

impl HeldCall {
    /// Listens on a free port, in front of the emulator at this endpoint.
    pub async fn start(emulator: &str, call: &'static str, moment: Moment) -> Self {
        let emulator = emulator.trim_start_matches("http://").to_owned();
        let held = Held {
            call: call.as_bytes(),
            moment,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (sender, reached) = watch::channel(false);
        let sender = Arc::new(sender);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (emulator, sender) = (emulator.clone(), Arc::clone(&sender));
                tokio::spawn(async move {
                    // An error ends the connection, as it would without this.
                    let _ = pass(client, &emulator, held, &sender).await;
                });
            }
        });
        Self { endpoint, reached }
    }

    /// Waits until the call has come to the moment at which it is held.
    pub async fn reached(&mut self) {
        self.reached.wait_for(|reached| *reached).await.unwrap();
    }
}

/// Passes a connection on until the held call.
async fn pass(
    mut client: TcpStream,
    emulator: &str,
    held: Held,
    reached: &watch::Sender<bool>,
) -> io::Result<()> {
    let mut server = TcpStream::connect(emulator).await?;
    let (mut request, mut answer) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let mut is_held = false;
    loop {
        tokio::select! {
            length = client.read(&mut request) => {
                let part = &request[..length?];
                if part.is_empty() {
                    return Ok(());
                }
                is_held |= part.windows(held.call.len()).any(|window| window == held.call);
                if is_held && held.moment == Moment::Before {
                    break;
                }
                server.write_all(part).await?;
            }
            length = server.read(&mut answer) => {
                let part = &answer[..length?];
                if is_held || part.is_empty() {
                    break;
                }
                client.write_all(part).await?;
            }
        }
    }
    if is_held {
        reached.send_replace(true);
        std::future::pending::<()>().await;
    }
    Ok(())
}
