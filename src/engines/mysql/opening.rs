//! The opening message: the probe, and in the same round trip what the start will most likely ask next.
//!
//! The history comes before the tables: what another process applies meanwhile may be in them and not in the history, but never the
//! other way round. The server ends the message at the first error, with the answers before it sent; a history without a table is
//! one, and then there is something to apply. What is not answered is asked by itself, where it is needed; so is the
//! catalog, which takes the server longer than a round trip.

use std::cell::Cell;

use crate::base::fault::{Class, Fault};
use crate::engines::ahead::Answers;
use crate::engines::engine::{Engine as _, ProbeRequest};
use crate::engines::mysql::catalog::Mysql;
use crate::engines::mysql::client::Client;
use crate::engines::mysql::queries;
use crate::sql::Row;

/// The rows of the probe, and the answers to what was asked with it. `has_probed` is set once rows arrive, the first of which are the
/// probe's: a long history may take longer than a connection.
///
/// # Errors
/// Those of the probe, and of a connection that is lost.
pub(crate) async fn ask(
    client: &mut Client,
    request: &ProbeRequest,
    has_probed: &Cell<bool>,
) -> Result<(Vec<Row>, Answers), Fault> {
    let (probe, ahead) = (queries::probe(request), &request.ahead);
    let tables = (!ahead.tables.is_empty()).then(|| Mysql.find_tables(&ahead.tables, ahead.role.as_deref()));
    let more = [
        ahead.history.as_ref().map(|history| history.sql.clone()),
        tables.as_ref().and_then(|query| query.sql.clone()),
    ];
    let sql = more.into_iter().flatten().fold(probe.clone(), |message, sql| format!("{message}; {sql}"));
    let answers = client.send_all(sql, has_probed).await;
    let mut done = answers.done.into_iter().map(|answer| answer.rows);
    let rows = match (done.next(), answers.fault) {
        (_, Some(fault)) if client.is_lost() => return Err(fault),
        (Some(rows), _) => rows,
        // A server that is only similar, or a proxy, may refuse what is not the probe.
        (None, Some(fault)) if fault.class == Class::Statement => {
            return Ok((client.send(probe).await?.rows, Answers::default()));
        }
        (None, Some(fault)) => return Err(fault),
        (None, None) => return Err(Fault::new(Class::Statement, "the probe returned no answer")),
    };
    let history = ahead.history.as_ref().and_then(|_| done.next());
    let tables = tables.and_then(|query| query.read(done.next()?).ok());
    Ok((rows, Answers { tables, history, ..Answers::default() }))
}
