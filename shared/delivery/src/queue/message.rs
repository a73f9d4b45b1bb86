//! A message for a queue around deliver.

/// A message to send.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The subscriber's name, for errors.
    pub subscriber: String,
    /// The attributes that a FIFO queue requires; none for a standard queue.
    pub fifo: Option<FifoAttributes>,
    /// The JSON of a [`Delivery`](crate::Delivery), or of a message that deliver sends itself.
    pub body: String,
}

/// A message's group and deduplication id in a FIFO queue.
#[derive(Debug, Clone, PartialEq)]
pub struct FifoAttributes {
    /// The message group. Messages of one group are received in order, one at a time.
    pub group_id: String,
    /// The deduplication id. SQS drops a second message with it for five minutes.
    pub deduplication_id: String,
}
