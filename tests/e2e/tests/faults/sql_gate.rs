//! The port by which one copy of a function reaches the database. Each request to the server is a step at which the copy may be
//! killed, and the network may refuse or swallow connections.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::function_copy::FunctionCopy;
use super::kill_plan::Moment;

/// The state of the network between the functions and the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    Open,
    /// Connections are refused, and sessions are cut.
    Refusing,
    /// Nothing passes, and nothing is refused.
    Silent,
}

/// Serves a copy on a free port, and returns the port.
pub async fn serve(copy: &Arc<FunctionCopy>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let copy = Arc::clone(copy);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let copy = Arc::clone(&copy);
            tokio::spawn(async move {
                let mut network = copy.world.network.subscribe();
                let cut = async {
                    drop(network.wait_for(|now| *now == Network::Refusing).await);
                };
                // The end of this future closes both sides.
                tokio::select! {
                    () = cut => {}
                    _ = pass(&copy, client) => {}
                }
            });
        }
    });
    port
}

async fn pass(copy: &FunctionCopy, client: TcpStream) -> std::io::Result<()> {
    let mut network = copy.world.network.subscribe();
    wait_until_open(&mut network).await;
    let server = TcpStream::connect(("127.0.0.1", copy.world.database_port)).await?;
    let ((mut from_client, to_client), (from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let answers = Answers::default();
    tokio::select! {
        done = answers.pass(from_server, to_client, network.clone()) => done,
        done = requests(copy, &mut from_client, &mut to_server, &answers, network) => done,
    }
}

/// The way of the server's answers to the client.
#[derive(Default)]
struct Answers {
    /// Changes when a part of an answer has arrived.
    arrived: watch::Sender<()>,
    /// True while answers are held back.
    held: watch::Sender<bool>,
}

/// Passes the client's requests on, one by one.
async fn requests(
    copy: &FunctionCopy,
    client: &mut OwnedReadHalf,
    server: &mut OwnedWriteHalf,
    answers: &Answers,
    mut network: watch::Receiver<Network>,
) -> std::io::Result<()> {
    let mut statements = HashMap::new();
    let mut startup = Vec::new();
    read_body(client, &mut startup).await?;
    server.write_all(&startup).await?;
    loop {
        let (request, name) = read_request(client, &mut statements).await?;
        wait_until_open(&mut network).await;
        if copy.strike(&name, Moment::Before).await {
            return Ok(());
        }
        let mut arrived = answers.arrived.subscribe();
        let plan = &copy.world.kill_plan;
        let is_last = plan.is_armed(copy.function.name, &name, Moment::After);
        answers.held.send_replace(is_last);
        server.write_all(&request).await?;
        if is_last {
            // A closed session has no answer.
            let _ = arrived.changed().await;
        }
        if copy.strike(&name, Moment::After).await {
            return Ok(());
        }
        answers.held.send_replace(false);
    }
}

impl Answers {
    async fn pass(
        &self,
        mut server: OwnedReadHalf,
        mut client: OwnedWriteHalf,
        mut network: watch::Receiver<Network>,
    ) -> std::io::Result<()> {
        let mut held = self.held.subscribe();
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let length = server.read(&mut buffer).await?;
            if length == 0 {
                return Ok(());
            }
            self.arrived.send_replace(());
            drop(held.wait_for(|held| !held).await);
            wait_until_open(&mut network).await;
            client.write_all(&buffer[..length]).await?;
        }
    }
}

async fn wait_until_open(network: &mut watch::Receiver<Network>) {
    drop(network.wait_for(|now| *now == Network::Open).await);
}

/// Reads the messages up to one that the server answers, and returns them with the name of their statement.
async fn read_request(
    client: &mut OwnedReadHalf,
    statements: &mut HashMap<Vec<u8>, String>,
) -> std::io::Result<(Vec<u8>, String)> {
    let mut request = Vec::new();
    let mut name = "SQL protocol".to_owned();
    loop {
        let kind = client.read_u8().await?;
        request.push(kind);
        let body = read_body(client, &mut request).await?;
        let body = &request[body..];
        match kind {
            b'P' => {
                let mut texts = body.split(|byte| *byte == 0);
                let statement = texts.next().unwrap_or_default().to_vec();
                let text = String::from_utf8_lossy(texts.next().unwrap_or_default());
                name = statement_name(&text);
                statements.insert(statement, name.clone());
            }
            b'B' => {
                let mut texts = body.split(|byte| *byte == 0);
                let statement = texts.nth(1).unwrap_or_default();
                if let Some(known) = statements.get(statement) {
                    name.clone_from(known);
                }
            }
            b'Q' => name = statement_name(&String::from_utf8_lossy(body)),
            _ => {}
        }
        if matches!(kind, b'S' | b'Q' | b'X' | b'H') {
            return Ok((request, name));
        }
    }
}

/// Appends the length and the body of a message. Returns the position at which the body begins.
async fn read_body(client: &mut OwnedReadHalf, request: &mut Vec<u8>) -> std::io::Result<usize> {
    let length = client.read_u32().await?;
    request.extend(length.to_be_bytes());
    let start = request.len();
    request.resize(start + length as usize - 4, 0);
    client.read_exact(&mut request[start..]).await?;
    Ok(start)
}

/// Returns the first words of a statement that tell it apart: its verb, and the first name in the schema wagrun or of a lock.
fn statement_name(text: &str) -> String {
    let code: String = text
        .lines()
        .map(|line| line.split("--").next().unwrap_or_default())
        .flat_map(|line| [line, " "])
        .collect();
    let mut words = code.split(|character: char| {
        !character.is_ascii_alphanumeric() && !matches!(character, '_' | '.')
    });
    let verb = words.find(|word| !word.is_empty()).unwrap_or("nothing");
    let named = words.find(|word| {
        word.starts_with("wagrun.") || word.starts_with("pg_") || word.starts_with("django_")
    });
    format!("SQL {} {}", verb.to_lowercase(), named.unwrap_or_default())
        .trim_end()
        .to_owned()
}
