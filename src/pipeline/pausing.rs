//! Reads the pauses before each batch of messages. One read serves the whole batch, so a pause costs no call for a message.

use super::ports::{Database, Local, PortError};
use crate::pause::Pauses;
use crate::record::Record;

/// The pauses for a batch of messages. If the database fails, they are what this isolate has read last, and the record says
/// so: the database must not be able to stop deliveries.
pub async fn read_pauses<P: Database + Local>(ports: &P) -> (Pauses, Option<Record>) {
    if !ports.has_database() {
        return (Pauses::default(), None);
    }
    let known = &ports.isolate().pauses;
    match read(ports).await {
        Ok(pauses) => {
            known.borrow_mut().clone_from(&pauses);
            (pauses, None)
        }
        Err(PortError(problem)) => {
            let pauses = known.borrow().clone();
            let names: Vec<&str> = pauses.iter().map(|pause| pause.source.as_str()).collect();
            let holds = match names.as_slice() {
                [] => "this isolate knows of no paused source, so it delivers the events of every source".to_owned(),
                names => format!("this isolate holds the events of {}, as it knew before", names.join(", ")),
            };
            (pauses, Some(Record::complaint("pauses_unknown", format!("{problem}; {holds}"))))
        }
    }
}

async fn read(ports: &impl Database) -> Result<Pauses, PortError> {
    let answers = ports.run(vec![Pauses::read()]).await?;
    Pauses::of(answers.into_iter().next().unwrap_or_default()).map_err(PortError)
}
