//! Enters the change of one parameter.

use wagrun_delivery::directory::Replaced;

use crate::handler::Answer;
use crate::writer::{Current, MAX_TURNS, Writer, WriterError};

impl Writer {
    /// Reads a parameter that was reported as changed, and enters it.
    ///
    /// The directory is read first. Should another writer replace it before this one does, both readings are made anew. So the entry
    /// that is written is from a reading after the one that it replaces.
    ///
    /// Without a directory nothing is written: the clock builds it, with this change. Many changes at once would each read all
    /// parameters otherwise.
    pub async fn enter_change(&self, parameter: &str) -> Result<Answer, WriterError> {
        let subscriber = self.parameters.subscriber(parameter);
        let subscriber = subscriber.ok_or_else(|| WriterError::Elsewhere(parameter.to_owned()))?;
        let mut was_repeated = false;
        let mut turn = 0;
        while turn < MAX_TURNS {
            let Current::Usable(etag, directory) = self.current().await? else {
                return Ok(Answer {
                    written: false,
                    subscribers: None,
                    differing: 0,
                });
            };
            let changed = self.refreshed(&directory, &[subscriber]).await?;
            let answer = |written, differing| Answer {
                written,
                subscribers: Some(changed.subscribers.len()),
                differing,
            };
            if changed == directory {
                if was_repeated {
                    return Ok(answer(false, 0));
                }
                // The event is doubled or late, or SSM has answered with what was before the change.
                was_repeated = true;
                tokio::time::sleep(self.pauses.before_second_reading).await;
                continue;
            }
            match self.replace(Some(&etag), &changed).await? {
                Replaced::Yes => return Ok(answer(true, 1)),
                Replaced::Conflict => self.give_way(turn).await,
            }
            turn += 1;
        }
        Err(WriterError::Contended)
    }
}
