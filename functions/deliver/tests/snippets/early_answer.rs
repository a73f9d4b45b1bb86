//! Receivers that answer before they have read the body.

use jiff::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::sender::{SECRET, post};
use crate::verification::body;

/// The number of deliveries to each receiver. The answer and the broken connection race with the sender's next write.
const DELIVERIES: usize = 100;
const ANSWER: &[u8] = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n";

/// The behavior of a receiver after its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// It reads nothing more, and keeps the connection.
    Waits,
    /// It closes the connection. The system resets it, because a part of the body was not read.
    Closes,
    /// It ends its side of the connection, and reads nothing more.
    ShutsDown,
}

/// Answers each request when its headers have arrived.
async fn start(then: Then) -> String {
    let socket = TcpSocket::new_v4().unwrap();
    // Small, so that the sender is still writing when the answer comes.
    socket.set_recv_buffer_size(4096).unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let listener = socket.listen(8).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut kept = Vec::new();
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            read_headers(&mut connection).await;
            connection.write_all(ANSWER).await.unwrap();
            match then {
                Then::Waits => kept.push(connection),
                Then::Closes => drop(connection),
                Then::ShutsDown => {
                    connection.shutdown().await.unwrap();
                    kept.push(connection);
                }
            }
        }
    });
    url
}

async fn read_headers(connection: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        head.push(connection.read_u8().await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_answers_before_it_has_read_the_body_has_accepted() {
    let body = body();
    for then in [Then::Waits, Then::Closes, Then::ShutsDown] {
        let url = start(then).await;
        for number in 1..=DELIVERIES {
            let status = post(&url, &[SECRET], &body, Timestamp::now()).await;
            assert_eq!(status, 202, "{then:?}, delivery {number}");
        }
    }
}
